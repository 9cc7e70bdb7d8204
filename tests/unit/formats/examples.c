/* SPDX-License-Identifier: GPL-3.0-or-later */
/* docs/formats-examples.md holds the bytes of each form that docs/formats*.md describes, made by
 * the code that makes them: a form cannot change without the page, and the page says when one has.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/delivery/definition.h"
#include "core/engine/digest.h"
#include "core/engine/engine.h"
#include "core/engine/progress.h"
#include "core/engine/snap.h"
#include "core/raft/message_codec.h"
#include "storage/log/record.h"
#include "storage/state/memory_state.h"
#include "tests/unit/formats/page.h"
#include "transport/peer/frame.h"
#include "transport/peer/hello.h"

#define TIME_NS UINT64_C(1700000000123456789)

static struct nc_buf page, made;

static struct nc_slice fresh(void)
{
	struct nc_slice bytes = nc_buf_slice(&made);
	cr_assert_eq(nc_buf_status(&made), NC_OK);
	return bytes;
}

/* ---- Events and entries --------------------------------------------------------------------- */

static void record_make(struct nc_buf *buf)
{
	struct nc_buf tags = { 0 }, meta = { 0 };
	nc_event_tag_put(&tags, NC_SLICE("customer:7"));
	nc_event_meta_put(&meta, NC_SLICE("user"), NC_SLICE("7"));
	const struct nc_event event = { .stream = NC_SLICE("orders.42"),
		                        .type = NC_SLICE("OrderPlaced"),
		                        .id = NC_SLICE("e1"),
		                        .content_type = NC_SLICE("application/json"),
		                        .tags = nc_buf_slice(&tags),
		                        .meta = nc_buf_slice(&meta),
		                        .data = NC_SLICE("{\"total\":9}") };
	nc_event_record_put(buf, &event);
	nc_buf_release(&tags);
	nc_buf_release(&meta);
}

static void snap_make(struct nc_buf *buf)
{
	struct nc_buf meta = { 0 };
	nc_event_meta_put(&meta, NC_SLICE("user"), NC_SLICE("7"));
	const struct nc_snap snap = { .version = 1,
		                      .stream = NC_SLICE("orders.42"),
		                      .content_type = NC_SLICE("application/json"),
		                      .meta = nc_buf_slice(&meta),
		                      .data = NC_SLICE("{\"open\":9}") };
	nc_snap_record_put(buf, &snap);
	nc_buf_release(&meta);
}

static void batch_make(struct nc_buf *buf)
{
	struct nc_buf record = { 0 }, events = { 0 }, checks = { 0 }, items = { 0 }, names = { 0 };
	record_make(&record);
	nc_batch_event_put(
	        &events, &(struct nc_batch_event){ { NC_EXPECT_NONE, 0 }, nc_buf_slice(&record) });
	nc_batch_check_put(&checks, &(struct nc_batch_check){ { NC_EXPECT_VERSION, 300 },
	                                                      NC_SLICE("stock.7") });
	nc_item_name_put(&names, NC_SLICE("seat:12A"));
	nc_item_put(&items, &(struct nc_item){ .tags = nc_buf_slice(&names), .tag_count = 1 });
	const struct nc_batch batch = { .event_count = 1,
		                        .check_count = 1,
		                        .events = nc_buf_slice(&events),
		                        .checks = nc_buf_slice(&checks),
		                        .items = nc_buf_slice(&items),
		                        .after = 1040,
		                        .ack = { NC_SLICE("billing"), 3, 1039, false, true } };
	nc_command_put_batch(buf, &batch);
	nc_buf_release(&record);
	nc_buf_release(&events);
	nc_buf_release(&checks);
	nc_buf_release(&items);
	nc_buf_release(&names);
}

static void events_and_entries(void)
{
	static const uint8_t digest[NC_SHA256_SIZE] = { 0xd1, 0x9e, 0x57 };
	struct nc_buf record = { 0 };
	record_make(&record);
	page_title(&page, "An event record");
	page_words(&page,
	           "Stream `orders.42`, type `OrderPlaced`, id `e1`, tag `customer:7`, `user: 7`.");
	page_bytes(&page, NULL, nc_buf_slice(&record));

	page_title(&page, "A snapshot record");
	page_words(&page, "Stream `orders.42` at version 1, `user: 7`.");
	nc_buf_clear(&made);
	snap_make(&made);
	page_bytes(&page, NULL, fresh());

	page_title(&page, "An entry's payload, with one command of each kind");
	nc_buf_clear(&made);
	nc_entry_begin(&made, TIME_NS);
	nc_command_put_append(&made, (struct nc_expect){ NC_EXPECT_VERSION, 2 },
	                      nc_buf_slice(&record));
	batch_make(&made);
	nc_command_put_engine_version(&made, 3);
	nc_command_put_digest(&made, NC_DIGEST_EVERY, digest);
	nc_command_put_sub_create(
	        &made, &(struct nc_sub_create){ .name = NC_SLICE("billing"),
	                                        .start = NC_SUB_START_POSITION,
	                                        .start_value = 1000,
	                                        .stream = NC_SLICE(""),
	                                        .definition = NC_SLICE("(definition)") });
	nc_command_put_sub_delete(&made, NC_SLICE("billing"));
	nc_command_put_sub_progress(&made,
	                            &(struct nc_sub_change){ .name = NC_SLICE("billing"),
	                                                     .epoch = 3,
	                                                     .progress = NC_SLICE("(progress)"),
	                                                     .parked = NC_SLICE("(parked)"),
	                                                     .unparked = NC_SLICE("(positions)") });
	nc_command_put_sub_seek(
	        &made, &(struct nc_sub_seek){ .change = { .name = NC_SLICE("billing"), .epoch = 3 },
	                                      .start = NC_SUB_START_TIME,
	                                      .start_value = TIME_NS });
	nc_command_put_sub_update(
	        &made,
	        &(struct nc_sub_update){ .change = { .name = NC_SLICE("billing"), .epoch = 4 },
	                                 .definition = NC_SLICE("(definition)"),
	                                 .anew = true,
	                                 .cursor = 1024,
	                                 .floor = { .version = 300 } });
	nc_buf_clear(&record);
	snap_make(&record);
	nc_command_put_snap(&made, 3, nc_buf_slice(&record));
	nc_command_put_snap_delete(&made, &(struct nc_snap_range){ NC_SLICE("orders.42"), 1, 300 });
	nc_command_put_stream(&made, NC_COMMAND_STREAM_DELETE,
	                      &(struct nc_stream_change){ .stream = NC_SLICE("orders.42"),
	                                                  .expect = { NC_EXPECT_VERSION, 300 },
	                                                  .tombstone = true });
	nc_command_put_stream(&made, NC_COMMAND_STREAM_META,
	                      &(struct nc_stream_change){ .stream = NC_SLICE("orders.42"),
	                                                  .has_age = true,
	                                                  .has_truncate = true,
	                                                  .age_max_s = 86400,
	                                                  .truncate_before = 300 });
	page_words(&page, "Leader's time %llu.", (unsigned long long)TIME_NS);
	page_bytes(&page, NULL, fresh());
	nc_buf_release(&record);
}

/* ---- Rows ----------------------------------------------------------------------------------- */

static void ignore(void *ctx, const struct nc_outcome *outcome)
{
	*(uint16_t *)ctx |= outcome->fault.code;
}

static void apply(struct nc_engine *engine, uint64_t index, struct nc_slice commands)
{
	uint16_t faults = 0;
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, TIME_NS);
	nc_buf_put_slice(&payload, commands);
	cr_assert_eq(nc_engine_begin(engine), NC_OK);
	cr_assert_eq(nc_engine_apply(engine, nc_buf_slice(&payload), ignore, &faults), NC_OK);
	cr_assert_eq(nc_engine_commit(engine, (struct nc_state_applied){ index, 1 }), NC_OK);
	cr_assert_eq(faults, 0u);
	nc_buf_release(&payload);
}

static void progress_make(struct nc_buf *buf)
{
	const struct nc_sub_progress head = { .epoch = 1,
		                              .cursor = 900,
		                              .last_delivered = 900,
		                              .delivered = 905,
		                              .redelivered = 5,
		                              .outstanding = 3 };
	nc_progress_head_put(buf, &head);
	nc_progress_item_put(buf, 0, &(struct nc_progress_item){ 890, 1, false });
	nc_progress_item_put(buf, 890, &(struct nc_progress_item){ 899, 2, false });
	nc_progress_item_put(buf, 0, &(struct nc_progress_item){ 17, 1, true });
}

/* A store with something in every space. */
static void history(struct nc_engine *engine)
{
	struct nc_buf record = { 0 }, commands = { 0 }, progress = { 0 }, parked = { 0 };
	record_make(&record);
	nc_command_put_engine_version(&commands, 3);
	nc_command_put_append(&commands, (struct nc_expect){ 0 }, nc_buf_slice(&record));
	nc_command_put_sub_create(
	        &commands, &(struct nc_sub_create){ .name = NC_SLICE("billing"),
	                                            .definition = NC_SLICE("(definition)") });
	apply(engine, 1, nc_buf_slice(&commands));
	nc_buf_clear(&commands);
	nc_buf_clear(&record);
	const struct nc_event more = { .stream = NC_SLICE("load"),
		                       .type = NC_SLICE("T"),
		                       .data = NC_SLICE("1") };
	nc_event_record_put(&record, &more);
	for (unsigned i = 1; i < NC_DIGEST_EVERY; i++)
		nc_command_put_append(&commands, (struct nc_expect){ 0 }, nc_buf_slice(&record));
	apply(engine, 2, nc_buf_slice(&commands));
	nc_buf_clear(&commands);
	progress_make(&progress);
	nc_parked_put(&parked, &(struct nc_parked){ 17, 5, TIME_NS, NC_SLICE("broken"),
	                                            NC_SLICE("orders.42") });
	nc_command_put_sub_progress(&commands,
	                            &(struct nc_sub_change){ .name = NC_SLICE("billing"),
	                                                     .epoch = 1,
	                                                     .progress = nc_buf_slice(&progress),
	                                                     .parked = nc_buf_slice(&parked) });
	nc_batch_event_put(&made, &(struct nc_batch_event){ { 0 }, nc_buf_slice(&record) });
	nc_command_put_batch(&commands, &(struct nc_batch){ .event_count = 1,
	                                                    .events = nc_buf_slice(&made),
	                                                    .ack = { NC_SLICE("billing"), 1, 890,
	                                                             false, false } });
	apply(engine, 3, nc_buf_slice(&commands));
	nc_buf_clear(&commands);
	nc_command_put_engine_version(&commands, NC_ENGINE_VERSION_FLOOR);
	nc_command_put_sub_create(
	        &commands, &(struct nc_sub_create){ .name = NC_SLICE("waiting"),
	                                            .start = NC_SUB_START_VERSION,
	                                            .start_value = 300,
	                                            .stream = NC_SLICE("orders.42"),
	                                            .definition = NC_SLICE("(definition)") });
	apply(engine, 4, nc_buf_slice(&commands));
	nc_buf_clear(&commands);
	nc_buf_clear(&record);
	snap_make(&record);
	nc_command_put_engine_version(&commands, NC_ENGINE_VERSION_SNAP);
	nc_command_put_snap(&commands, 0, nc_buf_slice(&record));
	apply(engine, 5, nc_buf_slice(&commands));
	nc_buf_clear(&commands);
	nc_command_put_engine_version(&commands, NC_ENGINE_VERSION_STREAM);
	nc_command_put_stream(&commands, NC_COMMAND_STREAM_META,
	                      &(struct nc_stream_change){ .stream = NC_SLICE("load"),
	                                                  .has_count = true,
	                                                  .has_age = true,
	                                                  .count_max = 300,
	                                                  .age_max_s = 86400 });
	apply(engine, 6, nc_buf_slice(&commands));
	nc_buf_release(&record);
	nc_buf_release(&commands);
	nc_buf_release(&progress);
	nc_buf_release(&parked);
}

static bool on_pair(void *ctx, struct nc_slice key, struct nc_slice value)
{
	(void)ctx;
	page_bytes(&page, "Key", key);
	page_bytes(&page, "Value", value);
	return true;
}

static void rows(void)
{
	static const struct {
		enum nc_space space;
		const char *name;
	} spaces[] = { { NC_SPACE_META, "meta" },   { NC_SPACE_STREAMS, "streams" },
		       { NC_SPACE_NAMES, "names" }, { NC_SPACE_SNAPSHOTS, "snapshots" },
		       { NC_SPACE_SUBS, "subs" },   { NC_SPACE_PARKED, "parked" } };
	struct nc_state *state;
	struct nc_engine *engine;
	struct nc_state_reader *reader;
	char title[64];
	cr_assert_eq(nc_memory_state_open(&state), NC_OK);
	cr_assert_eq(nc_engine_open(state, &engine), NC_OK);
	nc_buf_clear(&made);
	history(engine);
	cr_assert_eq(nc_state_reader_open(state, &reader), NC_OK);
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
		(void)snprintf(title, sizeof title, "Rows of `%s`", spaces[i].name);
		page_title(&page, title);
		cr_assert_eq(nc_state_scan(reader, spaces[i].space, nc_slice(NULL, 0), NC_FORWARD,
		                           on_pair, NULL),
		             NC_OK);
	}
	page_title(&page, "A row of `events`");
	page_words(&page, "Of position 1.");
	nc_buf_clear(&made);
	cr_assert_eq(nc_state_event_get(reader, 1, &made), NC_OK);
	page_bytes(&page, NULL, fresh());
	nc_state_reader_end(reader);
	nc_state_reader_close(reader);
	nc_engine_close(engine);
	nc_state_close(state);
}

/* ---- Subscriptions -------------------------------------------------------------------------- */

static void definition(void)
{
	struct nc_definition parsed;
	struct nc_buf why = { 0 };
	const struct nc_slice body = NC_SLICE("{\"filter\":{\"plugin\":\"by_stream\",\"selector\":"
	                                      "\"orders.42\"},\"start\":{\"pos\":7},"
	                                      "\"deliver\":{\"subject\":\"work.billing\",\"queue\":"
	                                      "\"workers\"},\"order\":\"tag:customer\","
	                                      "\"backoff_ms\":[100,1000]}");
	cr_assert_eq(nc_definition_parse(body, NC_SLICE("es"), &parsed, &why), NC_OK);
	page_title(&page, "A definition");
	page_words(&page, "Of `%.*s`.", (int)body.size, (const char *)body.data);
	nc_buf_clear(&made);
	nc_definition_put(&made, &parsed);
	page_bytes(&page, NULL, fresh());
	nc_definition_release(&parsed);
	nc_buf_release(&why);
}

/* ---- The log, and frames -------------------------------------------------------------------- */

static void log_forms(void)
{
	uint8_t head[NC_SEGMENT_HEAD_SIZE];
	const struct nc_segment_head segment = { .number = 2,
		                                 .oldest = 1,
		                                 .base_index = 4,
		                                 .base_term = 3,
		                                 .hard = { .term = 3, .vote = 1 },
		                                 .before = 0x11223344,
		                                 .salt = 0x55667788,
		                                 .size = 1u << 20,
		                                 .marked = true };
	nc_segment_head_put(head, &segment);
	page_title(&page, "The head of a segment");
	page_words(&page, "Its first 88 bytes; zeros follow up to 4096.");
	page_bytes(&page, NULL, nc_slice(head, 88));
	for (size_t i = 88; i < sizeof head; i++)
		cr_assert_eq(head[i], 0);

	const struct nc_record record = { .kind = NC_RECORD_ENTRY,
		                          .entry_kind = NC_LOG_COMMAND,
		                          .before = 0x11223344,
		                          .index = 5,
		                          .term = 3,
		                          .durable = nc_place(2, 4096),
		                          .payload = NC_SLICE("(payload)") };
	page_title(&page, "A record of the log");
	page_words(&page, "Entry 5 of term 3.");
	nc_buf_clear(&made);
	(void)nc_record_put(&made, &record, segment.salt);
	page_bytes(&page, NULL, fresh());
}

static void frames(void)
{
	const struct nc_raft_members members = { .count = 3,
		                                 .at = { { 1, true }, { 2, true }, { 3, false } } };
	struct nc_raft_entry entry = { .term = 3, .size = 9, .kind = NC_LOG_COMMAND };
	const struct nc_slice payload = NC_SLICE("(payload)");
	const struct nc_raft_message message = { .type = NC_RAFT_APPEND,
		                                 .from = 1,
		                                 .to = 2,
		                                 .term = 3,
		                                 .index = 4,
		                                 .log_term = 3,
		                                 .commit = 4,
		                                 .entries = &entry,
		                                 .entry_count = 1 };
	struct nc_buf body = { 0 };
	page_title(&page, "A membership");
	page_words(&page, "Voters 1 and 2, learner 3: payload of entries of kind 3, and row "
	                  "`members` of `meta`.");
	nc_buf_clear(&made);
	cr_assert_eq(nc_raft_members_encode(&members, &made), NC_OK);
	page_bytes(&page, NULL, fresh());

	page_title(&page, "A message of consensus");
	page_words(&page, "From 1 to 2: one entry behind entry 4.");
	cr_assert_eq(nc_raft_frame_encode(&message, &payload, &body), NC_OK);
	page_bytes(&page, NULL, nc_buf_slice(&body));

	struct nc_peer_keys *keys;
	cr_assert_eq(nc_peer_keys_new("shop", "a secret", NULL, &keys), NC_OK);
	const struct nc_peer_frame frame = { .cluster_id = "0123456789abcde",
		                             .sender = NC_SLICE("n1"),
		                             .receiver = NC_SLICE("n2"),
		                             .number = 1,
		                             .epoch = 7,
		                             .message = 300,
		                             .receiver_epoch = 2,
		                             .kind = NC_PEER_RAFT,
		                             .body = nc_buf_slice(&body) };
	page_title(&page, "A frame");
	page_words(&page, "The same, sealed for store `shop` with `a secret`.");
	nc_buf_clear(&made);
	cr_assert_eq(nc_peer_frame_seal(&frame, keys, &made), NC_OK);
	page_bytes(&page, NULL, fresh());
	nc_peer_keys_free(keys);

	const struct nc_hello hello = { .phase = NC_HELLO_MEMBER,
		                        .run = 42,
		                        .expect = 3,
		                        .term = 3,
		                        .leader = 1,
		                        .commit = 5,
		                        .applied = 5,
		                        .clock_ns = TIME_NS,
		                        .engine_version = 3,
		                        .version = "0.1.0",
		                        .node_count = 1,
		                        .nodes = { { 1, "n1", NC_HELLO_VOTER, 7 } } };
	page_title(&page, "A hello");
	nc_buf_clear(&made);
	nc_hello_put(&made, &hello);
	page_bytes(&page, NULL, fresh());
	nc_buf_release(&body);
}

/* ---- The page ------------------------------------------------------------------------------- */

static struct nc_buf file_read(const char *path)
{
	struct nc_buf text = { 0 };
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return text;
	char piece[4096];
	size_t got;
	while ((got = fread(piece, 1, sizeof piece, file)) > 0)
		nc_buf_put(&text, piece, got);
	(void)fclose(file);
	return text;
}

Test(formats, are_what_the_page_shows)
{
	nc_buf_put_str(&page,
	               "# Formats: bytes\n\n"
	               "One example of each form that [formats.md](formats.md), "
	               "[formats-log.md](formats-log.md) and\n[formats-state.md](formats-state.md) "
	               "describe, written by a test with the code that makes them. When it "
	               "fails, a\nform has changed: that needs a new format number, or a new "
	               "engine version, and a reader of the old one.\n");
	events_and_entries();
	rows();
	definition();
	log_forms();
	frames();
	cr_assert_eq(nc_buf_status(&page), NC_OK);
	struct nc_buf known = file_read(NC_PAGE);
	bool same = nc_slice_eq(nc_buf_slice(&known), nc_buf_slice(&page));
	if (!same) {
		FILE *file = fopen(NC_PAGE_NOW, "we");
		cr_assert_not_null(file);
		(void)fwrite(page.data, 1, page.size, file);
		(void)fclose(file);
	}
	cr_expect(same, "docs/formats-examples.md is not what the code makes: %s is (README.md)",
	          NC_PAGE_NOW);
	nc_buf_release(&known);
	nc_buf_release(&page);
	nc_buf_release(&made);
}
