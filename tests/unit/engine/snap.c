/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots of aggregates: what is put is what is found, the same N is put anew, so many are kept
 * as the command says, and what is removed is gone in bounded steps. */
#include "core/engine/snap.h"

#include <stdio.h>

#include "core/engine/snap_private.h"
#include "core/engine/stream.h"
#include "core/engine/verify.h"
#include "tests/unit/engine/store.h"

static struct store store;

static void setup(void)
{
	store_open(&store);
	store_raise(&store, NC_ENGINE_VERSION_SNAP);
	for (int i = 0; i < 8; i++)
		APPEND(&store, .stream = "s");
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(snap, .init = setup, .fini = teardown);

struct put {
	const char *stream, *data, *content_type;
	uint64_t version, keep;
};

static struct nc_outcome put_ask(struct put ask)
{
	struct nc_buf record = { 0 }, payload = { 0 }, meta = { 0 };
	nc_event_meta_put(&meta, NC_SLICE("user"), NC_SLICE("7"));
	const struct nc_snap snap = { .version = ask.version,
		                      .stream = nc_slice_str(ask.stream == NULL ? "s" : ask.stream),
		                      .content_type = nc_slice_str(ask.content_type),
		                      .meta = nc_buf_slice(&meta),
		                      .data = nc_slice_str(ask.data == NULL ? "state" : ask.data) };
	nc_snap_record_put(&record, &snap);
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_snap(&payload, ask.keep, nc_buf_slice(&record));
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&record);
	nc_buf_release(&payload);
	nc_buf_release(&meta);
	return outcome;
}

#define PUT(...) put_ask((struct put){ __VA_ARGS__ })

static struct nc_outcome delete (const char *stream, uint64_t from, uint64_t before)
{
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_snap_delete(&payload,
	                           &(struct nc_snap_range){ nc_slice_str(stream), from, before });
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	return outcome;
}

/* The data of the one that is found; an error as its name. */
static const char *find(const char *stream, enum nc_snap_which which, uint64_t version)
{
	static char text[64];
	struct nc_buf scratch = { 0 };
	struct nc_snap snap;
	const struct nc_snap_spec spec = { nc_slice_str(stream), which, version };
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	int err = nc_snap_find(store.reader, &spec, &scratch, &snap);
	nc_state_reader_end(store.reader);
	if (err == NC_OK) {
		(void)snprintf(text, sizeof text, "%llu:%.*s", (unsigned long long)snap.version,
		               (int)snap.data.size, (const char *)snap.data.data);
	} else {
		(void)snprintf(text, sizeof text, "%s", nc_err_name(err));
	}
	nc_buf_release(&scratch);
	return text;
}

static bool on_head(void *ctx, const struct nc_snap_head *head)
{
	nc_buf_printf(ctx, "%llu(%llu) ", (unsigned long long)head->version,
	              (unsigned long long)head->size);
	return true;
}

static bool on_summary(void *ctx, const struct nc_snap_summary *summary)
{
	nc_buf_printf(ctx, "%.*s=%llu@%llu/%llu ", (int)summary->stream.size,
	              (const char *)summary->stream.data, (unsigned long long)summary->count,
	              (unsigned long long)summary->newest, (unsigned long long)summary->bytes);
	return true;
}

static bool count_summary(void *ctx, const struct nc_snap_summary *summary)
{
	(void)summary;
	++*(uint64_t *)ctx;
	return true;
}

static void expect_heads(const char *stream, const char *wanted)
{
	struct nc_buf text = { 0 };
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_expect_eq(nc_snap_heads(store.reader, nc_slice_str(stream), 0, on_head, &text), NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect(nc_slice_is(nc_buf_slice(&text), wanted), "'%.*s' is not '%s'", (int)text.size,
	          (const char *)text.data, wanted);
	nc_buf_release(&text);
}

static void expect_streams(const char *from, const char *wanted)
{
	struct nc_buf text = { 0 }, next = { 0 };
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	const struct nc_snap_streams streams = { .after = nc_slice_str(from) };
	cr_expect_eq(nc_snap_summaries(store.reader, &streams, on_summary, &text, &next), NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect_eq(next.size, 0u, "all have been looked at");
	nc_buf_release(&next);
	cr_expect(nc_slice_is(nc_buf_slice(&text), wanted), "'%.*s' is not '%s'", (int)text.size,
	          (const char *)text.data, wanted);
	nc_buf_release(&text);
}

static int verify(char why[NC_VERIFY_WHY_SIZE])
{
	struct nc_verify *check;
	bool done = false;
	cr_assert_eq(nc_verify_new(store.reader, &check), NC_OK);
	int err = NC_OK;
	while (err == NC_OK && !done)
		err = nc_verify_step(check, store.reader, 1000, &done);
	memcpy(why, nc_verify_status(check)->why, NC_VERIFY_WHY_SIZE);
	nc_verify_free(check);
	return err;
}

static void expect_whole(void)
{
	char why[NC_VERIFY_WHY_SIZE];
	cr_expect_eq(verify(why), NC_OK, "%s", why);
}

/* ---- Put and get ---------------------------------------------------------------------------- */

Test(snap, is_found_as_it_was_put)
{
	struct nc_buf scratch = { 0 };
	struct nc_snap snap;
	struct nc_slice name, value;
	store.time_ns = 77000000000;
	struct nc_outcome outcome =
	        PUT(.version = 3, .data = "three", .content_type = "text/plain");
	cr_expect_eq(outcome.fault.code, 0);
	cr_expect_eq(outcome.version, 3u);
	cr_expect_eq(outcome.position, 0u, "it is no event");
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_assert_eq(nc_snap_find(store.reader, &(struct nc_snap_spec){ .stream = NC_SLICE("s") },
	                          &scratch, &snap),
	             NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect_eq(snap.version, 3u);
	cr_expect_eq(snap.time_ns, 77000000000u);
	cr_expect(nc_slice_is(snap.stream, "s"));
	cr_expect(nc_slice_is(snap.content_type, "text/plain"));
	cr_expect(nc_slice_is(snap.data, "three"));
	cr_assert(nc_event_meta_next(&snap.meta, &name, &value));
	cr_expect(nc_slice_is(name, "user") && nc_slice_is(value, "7"));
	nc_buf_release(&scratch);
	expect_whole();
}

Test(snap, newest_exact_and_at_most)
{
	PUT(.version = 5, .data = "five");
	PUT(.version = 2, .data = "two");
	PUT(.version = 7, .data = "seven");
	cr_expect_str_eq(find("s", NC_SNAP_NEWEST, 0), "7:seven");
	cr_expect_str_eq(find("s", NC_SNAP_EXACT, 2), "2:two");
	cr_expect_str_eq(find("s", NC_SNAP_EXACT, 3), "not found");
	cr_expect_str_eq(find("s", NC_SNAP_EXACT, UINT64_MAX), "not found");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 1), "not found");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 2), "2:two");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 4), "2:two");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 6), "5:five");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 7), "7:seven");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, UINT64_MAX), "7:seven");
	cr_expect_str_eq(find("none", NC_SNAP_NEWEST, 0), "not found");
	expect_heads("s", "2(3) 5(4) 7(5) ");
}

Test(snap, the_same_version_is_put_anew)
{
	PUT(.version = 4, .data = "first");
	struct nc_outcome outcome = PUT(.version = 4, .data = "second one", .keep = 1);
	cr_expect_eq(outcome.removed, 0u, "it is one, before and after");
	cr_expect_str_eq(find("s", NC_SNAP_NEWEST, 0), "4:second one");
	expect_streams("", "s=1@4/10 ");
}

Test(snap, not_above_the_streams_version)
{
	struct nc_outcome outcome = PUT(.version = 9);
	cr_expect_eq(outcome.fault.err_code, NC_FAULT_REQUEST.err_code);
	cr_expect_eq(outcome.version, 8u, "where the stream is");
	outcome = PUT(.version = 1, .stream = "none");
	cr_expect_eq(outcome.fault.err_code, NC_FAULT_REQUEST.err_code);
	cr_expect_eq(outcome.version, 0u);
	expect_streams("", "");
	cr_expect_eq(PUT(.version = 8).fault.code, 0);
}

Test(snap, streams_come_by_name_and_none_stands_among_another)
{
	static const char *const names[] = { "a.b", "a", "b", "a b", "aa" };
	for (size_t i = 0; i < 5; i++) {
		APPEND(&store, .stream = names[i]);
		cr_assert_eq(PUT(.stream = names[i], .version = 1, .data = names[i]).fault.code, 0);
	}
	expect_streams("", "a=1@1/1 a b=1@1/3 a.b=1@1/3 aa=1@1/2 b=1@1/1 ");
	expect_streams("a.", "a.b=1@1/3 aa=1@1/2 b=1@1/1 ");
	expect_heads("a", "1(1) ");
	cr_expect_eq(delete ("a", 0, UINT64_MAX).removed, 1u);
	cr_expect_str_eq(find("a.b", NC_SNAP_NEWEST, 0), "1:a.b");
	cr_expect_str_eq(find("a", NC_SNAP_NEWEST, 0), "not found");
	expect_streams("", "a b=1@1/3 a.b=1@1/3 aa=1@1/2 b=1@1/1 ");
	expect_whole();
}

Test(snap, time_is_not_before_the_last_event)
{
	store.time_ns = 5; /* the leader's clock is behind */
	PUT(.version = 1);
	struct nc_buf scratch = { 0 };
	struct nc_snap snap;
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_assert_eq(nc_snap_find(store.reader, &(struct nc_snap_spec){ .stream = NC_SLICE("s") },
	                          &scratch, &snap),
	             NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect_eq(snap.time_ns, 1000000000u);
	nc_buf_release(&scratch);
}

/* ---- How many are kept ---------------------------------------------------------------------- */

Test(snap, so_many_are_kept_the_newest)
{
	for (uint64_t i = 1; i <= 3; i++)
		cr_expect_eq(PUT(.version = i, .keep = 3).removed, 0u);
	struct nc_outcome outcome = PUT(.version = 4, .keep = 3);
	cr_expect_eq(outcome.removed, 1u);
	cr_expect_not(outcome.unkept);
	expect_heads("s", "2(5) 3(5) 4(5) ");
	outcome = PUT(.version = 1, .keep = 3);
	cr_expect_eq(outcome.fault.code, 0);
	cr_expect(outcome.unkept, "newer ones are three");
	expect_heads("s", "2(5) 3(5) 4(5) ");
	outcome = PUT(.version = 8, .keep = 1);
	cr_expect_eq(outcome.removed, 3u);
	expect_heads("s", "8(5) ");
	cr_expect_eq(PUT(.version = 1, .keep = 0).removed, 0u, "0: all");
	expect_heads("s", "1(5) 8(5) ");
	expect_streams("", "s=2@8/10 ");
	expect_whole();
}

Test(snap, far_too_many_go_with_the_puts_that_follow)
{
	for (int i = 8; i < 300; i++)
		APPEND(&store, .stream = "s");
	for (uint64_t i = 1; i <= 250; i++)
		PUT(.version = i);
	cr_expect_eq(PUT(.version = 251, .keep = 2).removed, NC_SNAP_DROP_MAX);
	cr_expect_eq(PUT(.version = 252, .keep = 2).removed, NC_SNAP_DROP_MAX);
	cr_expect_eq(PUT(.version = 253, .keep = 2).removed, 51u);
	expect_heads("s", "252(5) 253(5) ");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 200), "not found");
	expect_whole();
}

/* ---- Delete --------------------------------------------------------------------------------- */

Test(snap, one_some_or_all_are_deleted)
{
	for (uint64_t i = 1; i <= 8; i++)
		PUT(.version = i);
	cr_expect_eq(delete ("s", 8, 9).removed, 1u, "the newest");
	cr_expect_str_eq(find("s", NC_SNAP_NEWEST, 0), "7:state");
	cr_expect_eq(delete ("s", 8, 9).removed, 0u);
	cr_expect_eq(delete ("s", 4, 5).removed, 1u, "from the middle");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 4), "3:state");
	cr_expect_eq(delete ("s", 0, 3).removed, 2u, "before 3");
	expect_heads("s", "3(5) 5(5) 6(5) 7(5) ");
	expect_streams("", "s=4@7/20 ");
	expect_whole();
	struct nc_outcome outcome = delete ("s", 0, UINT64_MAX);
	cr_expect_eq(outcome.removed, 4u);
	cr_expect_eq(outcome.left_before, 0u);
	expect_streams("", "");
	cr_expect_str_eq(find("s", NC_SNAP_NEWEST, 0), "not found");
	cr_expect_eq(delete ("s", 0, UINT64_MAX).removed, 0u);
	cr_expect_eq(delete ("none", 0, UINT64_MAX).removed, 0u);
	PUT(.version = 2, .data = "again");
	cr_expect_str_eq(find("s", NC_SNAP_NEWEST, 0), "2:again");
	expect_whole();
}

Test(snap, many_go_in_steps_and_what_comes_meanwhile_stays)
{
	const uint64_t many = NC_SNAP_DELETE_MAX + 10;
	for (uint64_t i = 8; i < many + 5; i++)
		APPEND(&store, .stream = "s");
	for (uint64_t i = 1; i <= many; i++)
		PUT(.version = i);
	struct nc_outcome outcome = delete ("s", 0, UINT64_MAX);
	cr_expect_eq(outcome.removed, NC_SNAP_DELETE_MAX);
	cr_expect_eq(outcome.left_from, NC_SNAP_DELETE_MAX + 1);
	cr_expect_eq(outcome.left_before, many + 1);
	PUT(.version = many + 2, .data = "meanwhile");
	outcome = delete ("s", outcome.left_from, outcome.left_before);
	cr_expect_eq(outcome.removed, 10u);
	cr_expect_eq(outcome.left_before, 0u);
	expect_heads("s", "1012(9) ");
	expect_whole();
}

/* ---- Streams that are gone, versions, bytes -------------------------------------------------- */

static void stream_is(enum nc_stream_state state, uint64_t first)
{
	struct nc_buf scratch = { 0 };
	struct nc_stream stream;
	cr_assert_eq(nc_state_begin(store.state), NC_OK);
	cr_assert_eq(nc_stream_get(nc_state_writer(store.state), NC_SLICE("s"), &scratch, &stream),
	             NC_OK);
	stream.state = state;
	stream.first = first;
	cr_assert_eq(nc_stream_put(store.state, NC_SLICE("s"), &scratch, &stream), NC_OK);
	cr_assert_eq(nc_state_commit(store.state, (struct nc_state_applied){ ++store.index, 1 }),
	             NC_OK);
	nc_buf_release(&scratch);
}

Test(snap, of_a_tombstoned_stream_there_is_nothing_any_more)
{
	PUT(.version = 3);
	stream_is(NC_STREAM_TOMBSTONED, 1);
	cr_expect_eq(PUT(.version = 2).fault.err_code, NC_FAULT_TOMBSTONED.err_code);
	cr_expect_eq(delete ("s", 0, UINT64_MAX).fault.err_code, NC_FAULT_TOMBSTONED.err_code);
	cr_expect_str_eq(find("s", NC_SNAP_NEWEST, 0), nc_err_name(NC_CLOSED));
}

Test(snap, of_a_deleted_stream_none_is_seen_and_none_is_taken)
{
	PUT(.version = 3);
	stream_is(NC_STREAM_DELETED, 1);
	struct nc_outcome outcome = PUT(.version = 2);
	cr_expect_eq(outcome.fault.err_code, NC_FAULT_REQUEST.err_code);
	cr_expect_eq(outcome.version, 0u, "as if it did not exist");
	cr_expect_str_eq(find("s", NC_SNAP_NEWEST, 0), "not found");
	expect_heads("s", "");
}

Test(snap, is_refused_by_a_store_that_is_not_raised_so_far)
{
	store_close(&store);
	store_open(&store);
	store_raise(&store, NC_ENGINE_VERSION_SNAP - 1);
	APPEND(&store, .stream = "s");
	cr_expect_eq(PUT(.version = 1).fault.err_code, NC_FAULT_VERSION.err_code);
	cr_expect_eq(delete ("s", 0, 9).fault.err_code, NC_FAULT_VERSION.err_code);
}

Test(snap, bytes_that_are_not_a_record_are_refused_alike)
{
	struct nc_buf record = { 0 }, payload = { 0 };
	struct nc_snap snap;
	nc_snap_record_put(&record, &(struct nc_snap){ .version = 1,
	                                               .stream = NC_SLICE("s"),
	                                               .content_type = NC_SLICE("text/plain"),
	                                               .data = NC_SLICE("state") });
	for (size_t size = 0; size < record.size; size++)
		cr_expect_eq(nc_snap_record_get(nc_slice(record.data, size), &snap), NC_CORRUPT);
	for (size_t i = 0; i < record.size; i++) {
		record.data[i] ^= 0x40;
		cr_expect_eq(nc_snap_record_get(nc_buf_slice(&record), &snap), NC_CORRUPT);
		nc_buf_clear(&payload);
		nc_entry_begin(&payload, 1);
		nc_command_put_snap(&payload, 0, nc_buf_slice(&record));
		cr_expect_eq(store_apply(&store, nc_buf_slice(&payload)).fault.err_code,
		             NC_FAULT_REQUEST.err_code);
		cr_expect_eq(nc_verify_payload(nc_buf_slice(&payload)), NC_CORRUPT);
		record.data[i] ^= 0x40;
	}
	expect_streams("", "");
	nc_buf_release(&record);
	nc_buf_release(&payload);
}

/* What a build before this one does with such an entry is to stop; with bytes that are cut off, any
 * build is. */
Test(snap, a_command_that_is_cut_off_is_corrupt)
{
	struct nc_buf payload = { 0 };
	struct nc_entry_reader entry;
	struct nc_command command;
	nc_entry_begin(&payload, 1);
	nc_command_put_snap_delete(&payload, &(struct nc_snap_range){ NC_SLICE("s"), 300, 70000 });
	for (size_t size = NC_ENTRY_HEADER_SIZE + 1; size < payload.size; size++) {
		uint8_t body = (uint8_t)(size - NC_ENTRY_HEADER_SIZE - 4);
		struct nc_buf cut = { 0 };
		nc_buf_put(&cut, payload.data, size);
		if (size > NC_ENTRY_HEADER_SIZE + 4)
			cut.data[NC_ENTRY_HEADER_SIZE] = body;
		cr_assert_eq(nc_entry_read(nc_buf_slice(&cut), &entry), NC_OK);
		cr_expect_eq(nc_entry_next(&entry, &command), NC_CORRUPT, "of %zu bytes", size);
		nc_buf_release(&cut);
	}
	nc_buf_release(&payload);
}

/* ---- Load ----------------------------------------------------------------------------------- */

static void on_event(void *ctx, const struct nc_event *event)
{
	nc_buf_printf(ctx, "%llu ", (unsigned long long)event->version);
}

static void expect_load(const char *wanted, uint64_t limit)
{
	const struct nc_query_spec spec = { .kind = NC_QUERY_STREAM,
		                            .key = NC_SLICE("s"),
		                            .limit = limit,
		                            .size_max = NC_QUERY_BYTES_MAX };
	struct nc_buf scratch = { 0 }, text = { 0 };
	struct nc_query *query;
	struct nc_snap snap;
	bool found, done = false;
	cr_assert_eq(nc_snap_load(store.reader, &spec, &scratch, &snap, &found, &query), NC_OK);
	if (found) {
		nc_buf_printf(&text, "%llu:%.*s ", (unsigned long long)snap.version,
		              (int)snap.data.size, (const char *)snap.data.data);
	}
	while (!done) {
		cr_assert_eq(nc_query_step(query, store.reader,
		                           (struct nc_query_portion){ 3, 1 << 20 }, on_event, &text,
		                           &done),
		             NC_OK);
	}
	struct nc_query_end end = nc_query_end(query);
	nc_buf_printf(&text, "next %llu head %llu", (unsigned long long)end.next,
	              (unsigned long long)end.head);
	cr_expect(nc_slice_is(nc_buf_slice(&text), wanted), "'%.*s' is not '%s'", (int)text.size,
	          (const char *)text.data, wanted);
	nc_query_free(query);
	nc_buf_release(&scratch);
	nc_buf_release(&text);
}

Test(snap, is_loaded_with_the_events_after_it)
{
	expect_load("1 2 3 4 5 6 7 8 next 0 head 8", 100);
	PUT(.version = 2, .data = "two");
	PUT(.version = 5, .data = "five");
	expect_load("5:five 6 7 8 next 0 head 8", 100);
	expect_load("5:five 6 7 next 8 head 8", 2);
	PUT(.version = 8, .data = "eight");
	expect_load("8:eight next 0 head 8", 100);
}

Test(snap, is_not_loaded_where_events_after_it_are_gone)
{
	PUT(.version = 3, .data = "three");
	stream_is(NC_STREAM_LIVE, 4);
	expect_load("3:three 4 5 6 7 8 next 0 head 8", 100);
	stream_is(NC_STREAM_LIVE, 5);
	expect_load("5 6 7 8 next 0 head 8", 100);
	stream_is(NC_STREAM_DELETED, 1);
	expect_load("next 0 head 8", 100);
	stream_is(NC_STREAM_TOMBSTONED, 1);
	expect_load("next 0 head 8", 100);
}

/* ---- A stream that was deleted, and lives again --------------------------------------------- */

/* As it is when it was deleted, and appended to again. */
static void stream_lives_again(uint64_t first, uint64_t created_ns)
{
	struct nc_buf scratch = { 0 };
	struct nc_stream stream;
	cr_assert_eq(nc_state_begin(store.state), NC_OK);
	cr_assert_eq(nc_stream_get(nc_state_writer(store.state), NC_SLICE("s"), &scratch, &stream),
	             NC_OK);
	stream.first = first;
	stream.created_ns = created_ns;
	cr_assert_eq(nc_stream_put(store.state, NC_SLICE("s"), &scratch, &stream), NC_OK);
	cr_assert_eq(nc_state_commit(store.state, (struct nc_state_applied){ ++store.index, 1 }),
	             NC_OK);
	nc_buf_release(&scratch);
}

Test(snap, of_a_stream_that_lives_again_those_of_before_are_not_seen)
{
	PUT(.version = 3, .data = "before");
	PUT(.version = 5, .data = "before");
	stream_lives_again(6, 2000000000);
	cr_expect_str_eq(find("s", NC_SNAP_NEWEST, 0), "not found");
	cr_expect_str_eq(find("s", NC_SNAP_EXACT, 5), "not found");
	expect_heads("s", "");
	expect_streams("", "");
	expect_load("6 7 8 next 0 head 8", 100);
	cr_expect_eq(delete ("s", 0, UINT64_MAX).removed, 0u);
	expect_whole();
	struct nc_outcome outcome = PUT(.version = 7, .data = "now", .keep = 1);
	cr_expect_eq(outcome.fault.code, 0);
	cr_expect_eq(outcome.removed, 0u, "those of before are not counted");
	outcome = PUT(.version = 4);
	cr_expect_eq(outcome.fault.err_code, NC_FAULT_REQUEST.err_code);
	cr_expect_eq(outcome.left_from, 6u, "what it came to then is not what it is now");
	expect_heads("s", "7(3) ");
	expect_streams("", "s=1@7/3 ");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 6), "not found");
	expect_whole();
	cr_expect_eq(delete ("s", 0, UINT64_MAX).removed, 1u);
	expect_streams("", "");
	cr_expect_eq(PUT(.version = 4).fault.err_code, NC_FAULT_REQUEST.err_code, "nor later");
	cr_expect_eq(PUT(.version = 6, .data = "again").fault.code, 0);
	cr_expect_str_eq(find("s", NC_SNAP_NEWEST, 0), "6:again");
	expect_whole();
}

Test(snap, of_before_are_not_found_by_their_version_when_there_are_some_of_now)
{
	PUT(.version = 3, .data = "before");
	PUT(.version = 5, .data = "before");
	stream_lives_again(6, 2000000000);
	cr_assert_eq(PUT(.version = 6, .data = "now").fault.code, 0);
	cr_assert_eq(PUT(.version = 8, .data = "now").fault.code, 0);
	cr_expect_str_eq(find("s", NC_SNAP_EXACT, 3), "not found");
	cr_expect_str_eq(find("s", NC_SNAP_EXACT, 5), "not found");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 5), "not found");
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 7), "6:now");
	cr_expect_eq(delete ("s", 6, 7).removed, 1u);
	cr_expect_str_eq(find("s", NC_SNAP_AT_MOST, 7), "not found");
	cr_expect_str_eq(find("s", NC_SNAP_EXACT, 8), "8:now");
}

Test(snap, lists_of_many_streams_go_on)
{
	char name[16];
	uint64_t count = 0;
	for (int i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof name, "n%03d", i);
		APPEND(&store, .stream = name);
		PUT(.stream = name, .version = 1);
	}
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	const struct nc_snap_streams all = { .prefix = nc_slice(NULL, 0) };
	struct nc_buf next = { 0 };
	cr_expect_eq(nc_snap_summaries(store.reader, &all, count_summary, &count, &next), NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect_eq(count, 600u);
	nc_buf_release(&next);
}

/* Rows of `count` streams that have a snapshot and are tombstoned. */
static void tombstones(const char *prefix, unsigned count)
{
	struct nc_buf scratch = { 0 };
	const struct nc_stream gone = { .state = NC_STREAM_TOMBSTONED, .id = 1, .head = 1 };
	const struct nc_snap_summary summary = { .count = 1, .bytes = 1, .oldest = 1, .newest = 1 };
	cr_assert_eq(nc_state_begin(store.state), NC_OK);
	for (unsigned i = 0; i < count; i++) {
		char name[32];
		(void)snprintf(name, sizeof name, "%s%05u", prefix, i);
		cr_assert_eq(nc_stream_put(store.state, nc_slice_str(name), &scratch, &gone),
		             NC_OK);
		cr_assert_eq(
		        nc_snap_summary_put(store.state, nc_slice_str(name), &scratch, &summary),
		        NC_OK);
	}
	cr_assert_eq(nc_state_commit(store.state, (struct nc_state_applied){ ++store.index, 1 }),
	             NC_OK);
	nc_buf_release(&scratch);
}

static void expect_page(struct nc_snap_streams streams, const char *wanted, const char *goes_on)
{
	struct nc_buf text = { 0 }, next = { 0 };
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_expect_eq(nc_snap_summaries(store.reader, &streams, on_summary, &text, &next), NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect(nc_slice_is(nc_buf_slice(&text), wanted), "'%.*s' is not '%s'", (int)text.size,
	          (const char *)text.data, wanted);
	cr_expect(nc_slice_is(nc_buf_slice(&next), goes_on), "'%.*s' is not '%s'", (int)next.size,
	          (const char *)next.data, goes_on);
	nc_buf_release(&text);
	nc_buf_release(&next);
}

Test(snap, a_page_of_streams_looks_at_so_many_and_no_more)
{
	tombstones("gone.", NC_SNAP_LOOK_MAX + 1);
	APPEND(&store, .stream = "h");
	PUT(.stream = "h", .version = 1);
	expect_page((struct nc_snap_streams){ 0 }, "", "gone.19999");
	expect_page((struct nc_snap_streams){ .after = NC_SLICE("gone.19999") }, "h=1@1/5 ", "");
	expect_page((struct nc_snap_streams){ .prefix = NC_SLICE("h") }, "h=1@1/5 ", "");
	expect_page((struct nc_snap_streams){ .prefix = NC_SLICE("a") }, "", "");
}

/* ---- Whether they hold ---------------------------------------------------------------------- */

static void damage(enum nc_snap_row kind, uint64_t version, struct nc_slice value)
{
	uint8_t room[NC_SNAP_KEY_ROOM];
	struct nc_slice key = kind == NC_SNAP_ROW_SUMMARY
	                              ? nc_snap_summary_key(NC_SLICE("s"), room)
	                              : nc_snap_key(kind, NC_SLICE("s"), version, room);
	cr_assert_eq(nc_state_begin(store.state), NC_OK);
	cr_assert_eq(value.size == 0 ? nc_state_del(store.state, NC_SPACE_SNAPSHOTS, key)
	                             : nc_state_put(store.state, NC_SPACE_SNAPSHOTS, key, value),
	             NC_OK);
	cr_assert_eq(nc_state_commit(store.state, (struct nc_state_applied){ ++store.index, 1 }),
	             NC_OK);
}

static void expect_damage_is_found(enum nc_snap_row kind, struct nc_slice value)
{
	char why[NC_VERIFY_WHY_SIZE];
	for (uint64_t i = 1; i <= 8; i++)
		PUT(.version = i);
	expect_whole();
	damage(kind, 7, value);
	int err = verify(why);
	cr_expect(err == NC_CORRUPT || err == NC_UNSUPPORTED, "%s", nc_err_name(err));
	cr_expect_not_null(strstr(why, "the snapshot of 's' at version"), "%s", why);
}

Test(snap, a_state_without_its_record_is_found_by_a_check)
{
	expect_damage_is_found(NC_SNAP_ROW_DATA, nc_slice(NULL, 0));
}

Test(snap, other_bytes_are_found_by_a_check)
{
	expect_damage_is_found(NC_SNAP_ROW_DATA, NC_SLICE("other bytes"));
}

Test(snap, another_head_is_found_by_a_check)
{
	expect_damage_is_found(NC_SNAP_ROW_HEAD, NC_SLICE("\1\0\0\0\0\0\0\0\0\7\0"));
}

Test(snap, a_stream_that_does_not_know_it_is_found_by_a_check)
{
	expect_damage_is_found(NC_SNAP_ROW_SUMMARY, nc_slice(NULL, 0));
}
