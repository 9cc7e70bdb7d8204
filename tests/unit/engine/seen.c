/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which events are seen: deleted, tombstoned, revived and limited streams by every kind of read,
 * and what commands on streams answer (PROTOCOL.md section 11). */
#include <stdio.h>
#include <stdlib.h>

#include "core/engine/seen.h"
#include "core/engine/snap.h"
#include "core/engine/streams.h"
#include "tests/unit/engine/store.h"

static struct store store;

static void setup(void)
{
	store_open_newest(&store);
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(seen, .init = setup, .fini = teardown);

static struct nc_outcome change(enum nc_command_kind kind, struct nc_stream_change change)
{
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_stream(&payload, kind, &change);
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	return outcome;
}

#define DELETE(...) change(NC_COMMAND_STREAM_DELETE, (struct nc_stream_change){ __VA_ARGS__ })
#define META(...)   change(NC_COMMAND_STREAM_META, (struct nc_stream_change){ __VA_ARGS__ })
#define S           .stream = NC_SLICE("s")

struct list {
	uint64_t positions[400];
	size_t count;
};

static void keep(void *ctx, const struct nc_event *event)
{
	struct list *list = ctx;
	list->positions[list->count++] = event->position;
}

static uint64_t unseen; /* events that the last query met */

static struct list query(struct nc_query_spec spec, size_t step, struct nc_query_end *end_out)
{
	struct list list = { 0 };
	struct nc_query *query;
	bool done = false;
	spec.limit = spec.limit == 0 ? NC_QUERY_LIMIT_DEFAULT : spec.limit;
	spec.size_max = NC_QUERY_BYTES_DEFAULT;
	cr_assert_eq(nc_query_start(store.reader, &spec, &query), NC_OK);
	while (!done)
		cr_assert_eq(nc_query_step(query, store.reader,
		                           (struct nc_query_portion){ step, 1 << 20 }, keep, &list,
		                           &done),
		             NC_OK);
	unseen = nc_query_unseen(query);
	if (end_out != NULL)
		*end_out = nc_query_end(query);
	nc_query_free(query);
	return list;
}

static size_t count_of(const char *name)
{
	const struct nc_query_spec spec = { .kind = NC_QUERY_STREAM, .key = nc_slice_str(name) };
	return query(spec, 7, NULL).count;
}

static struct nc_stream info(const char *name)
{
	struct nc_stream stream;
	cr_assert_eq(nc_streams_get(store.reader, nc_slice_str(name), &stream), NC_OK);
	return stream;
}

static int get(struct nc_get_spec spec)
{
	struct list list = { 0 };
	int err = nc_query_get(store.reader, &spec, keep, &list);
	return err == NC_OK ? (int)list.positions[0] : err;
}

static struct nc_expect version(uint64_t version)
{
	return (struct nc_expect){ NC_EXPECT_VERSION, version };
}

/* ---- Commands ------------------------------------------------------------------------------- */

Test(seen, before_its_version_the_command_is_refused)
{
	struct store old;
	struct nc_buf payload = { 0 };
	const struct nc_stream_change change = { S };
	store_open(&old);
	store_raise(&old, NC_ENGINE_VERSION_STREAM - 1);
	APPEND(&old, .stream = "s");
	nc_entry_begin(&payload, old.time_ns);
	nc_command_put_stream(&payload, NC_COMMAND_STREAM_DELETE, &change);
	cr_expect_eq(store_apply(&old, nc_buf_slice(&payload)).fault.err_code,
	             NC_FAULT_VERSION.err_code);
	nc_buf_release(&payload);
	store_close(&old);
}

Test(seen, a_command_is_read_back_as_it_was_written)
{
	const struct nc_stream_change asked[] = {
		{ S },
		{ S, .tombstone = true, .expect = { NC_EXPECT_EXISTS, 0 } },
		{ S, .has_age = true, .age_max_s = 77, .has_truncate = true,
		  .truncate_before = 300 },
		{ S, .has_count = true, .count_max = 1, .expect = { NC_EXPECT_VERSION, 12 } },
	};
	for (size_t i = 0; i < 4; i++) {
		enum nc_command_kind kind =
		        i < 2 ? NC_COMMAND_STREAM_DELETE : NC_COMMAND_STREAM_META;
		struct nc_buf payload = { 0 };
		struct nc_entry_reader entry;
		struct nc_command command;
		nc_entry_begin(&payload, 5);
		nc_command_put_stream(&payload, kind, &asked[i]);
		cr_assert_eq(nc_entry_read(nc_buf_slice(&payload), &entry), NC_OK);
		cr_assert_eq(nc_entry_next(&entry, &command), NC_OK);
		cr_expect_eq(command.kind, kind);
		cr_expect_eq(command.stream.tombstone, asked[i].tombstone);
		cr_expect_eq(command.stream.expect.kind, asked[i].expect.kind);
		cr_expect_eq(command.stream.expect.version, asked[i].expect.version);
		cr_expect_eq(command.stream.has_count, asked[i].has_count);
		cr_expect_eq(command.stream.count_max, asked[i].count_max);
		cr_expect_eq(command.stream.age_max_s, asked[i].age_max_s);
		cr_expect_eq(command.stream.truncate_before, asked[i].truncate_before);
		for (size_t size = 0; size < payload.size - 21; size++) /* cut short */
			cr_expect_neq(nc_stream_change_get(nc_slice(payload.data + 21, size), kind,
			                                   &command.stream),
			              NC_OK);
		nc_buf_release(&payload);
	}
}

Test(seen, a_stream_that_is_not_there_is_not_found)
{
	cr_expect_eq(DELETE(S).fault.err_code, NC_FAULT_NO_STREAM.err_code);
	cr_expect_eq(DELETE(S, .tombstone = true).fault.err_code, NC_FAULT_NO_STREAM.err_code);
	cr_expect_eq(META(S, .has_count = true, .count_max = 1).fault.err_code,
	             NC_FAULT_NO_STREAM.err_code);
	cr_expect_eq(APPEND(&store, .stream = "s").version, 1u, "the name is free");
}

Test(seen, an_expectation_that_fails_changes_nothing)
{
	APPEND(&store, .stream = "s");
	APPEND(&store, .stream = "s");
	struct nc_outcome outcome = DELETE(S, .expect = version(1));
	cr_expect_eq(outcome.fault.err_code, NC_FAULT_EXPECTATION.err_code);
	cr_expect_eq(outcome.version, 2u);
	cr_expect_eq(DELETE(S, .expect = { NC_EXPECT_NONE, 0 }).fault.err_code,
	             NC_FAULT_EXPECTATION.err_code);
	cr_expect_eq(
	        META(S, .has_count = true, .count_max = 1, .expect = version(3)).fault.err_code,
	        NC_FAULT_EXPECTATION.err_code);
	cr_expect_eq(count_of("s"), 2u);
	outcome = DELETE(S, .expect = version(2));
	cr_expect_eq(outcome.fault.code, 0);
	cr_expect_eq(outcome.version, 2u);
	cr_expect_eq(outcome.stream_is.state, NC_STREAM_DELETED);
	cr_expect_eq(outcome.stream_is.first, 3u);
	cr_expect_not(outcome.duplicate);
	cr_expect(DELETE(S, .expect = version(2)).duplicate, "deleted already");
	cr_expect(DELETE(S, .expect = version(0)).duplicate);
	cr_expect_eq(DELETE(S, .expect = { NC_EXPECT_EXISTS, 0 }).fault.err_code,
	             NC_FAULT_EXPECTATION.err_code);
}

/* ---- Soft ----------------------------------------------------------------------------------- */

static struct nc_expect expectations[] = { { NC_EXPECT_NONE, 0 },
	                                   { NC_EXPECT_VERSION, 0 },
	                                   { NC_EXPECT_VERSION, 2 },
	                                   { NC_EXPECT_ANY, 0 } };

Test(seen, none_0_and_the_last_version_hold_of_a_deleted_stream_and_it_lives_again)
{
	for (size_t i = 0; i < 4; i++) {
		char name[8];
		(void)snprintf(name, sizeof name, "s%zu", i);
		APPEND(&store, .stream = name);
		APPEND(&store, .stream = name);
		DELETE(.stream = nc_slice_str(name));
		cr_expect_eq(APPEND(&store, .stream = name, .expect = { NC_EXPECT_EXISTS, 0 })
		                     .fault.err_code,
		             NC_FAULT_EXPECTATION.err_code);
		cr_expect_eq(APPEND(&store, .stream = name, .expect = VERSION(1)).fault.err_code,
		             NC_FAULT_EXPECTATION.err_code);
		cr_expect_eq(APPEND(&store, .stream = name, .expect = expectations[i]).version, 3u);
		cr_expect_eq(info(name).state, NC_STREAM_LIVE);
		cr_expect_eq(info(name).first, 3u);
		cr_expect_eq(info(name).events, 1u);
		cr_expect_eq(count_of(name), 1u);
	}
}

Test(seen, of_a_deleted_stream_nothing_is_seen_by_any_read)
{
	struct nc_query_end end;
	APPEND(&store, .stream = "s", .id = "one", .tags = { "t" });
	APPEND(&store, .stream = "o", .id = "one", .tags = { "t" });
	struct nc_outcome made = APPEND(&store, .stream = "s", .tags = { "t" });
	DELETE(S);
	const struct nc_query_spec specs[] = {
		{ .kind = NC_QUERY_ALL },
		{ .kind = NC_QUERY_ALL, .backward = true },
		{ .kind = NC_QUERY_TYPE, .key = NC_SLICE("T") },
		{ .kind = NC_QUERY_TAG, .key = NC_SLICE("t") },
		{ .kind = NC_QUERY_TAG, .key = NC_SLICE("t"), .bare = true },
	};
	for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
		struct list list = query(specs[i], 1 + i, &end);
		cr_expect_eq(list.count, 1u, "%zu", i);
		cr_expect_eq(list.positions[0], 2u);
		cr_expect_eq(end.head, 3u);
		cr_expect_eq(end.next, 0u);
	}
	const struct nc_query_spec category = { .kind = NC_QUERY_CATEGORY, .key = NC_SLICE("s") };
	cr_expect_eq(query(category, 2, &end).count, 0u);
	const struct nc_query_spec stream = { .kind = NC_QUERY_STREAM, .key = NC_SLICE("s") };
	cr_expect_eq(query(stream, 2, &end).count, 0u);
	cr_expect_eq(end.head, 2u, "the last version");
	cr_expect_eq(end.pending, 0u);
	cr_expect_eq(get((struct nc_get_spec){ .kind = NC_GET_POSITION, .number = 1 }),
	             NC_NOTFOUND);
	cr_expect_eq(
	        get((struct nc_get_spec){ .kind = NC_GET_POSITION, .number = 1, .unseen = true }),
	        1);
	cr_expect_eq(get((struct nc_get_spec){ .kind = NC_GET_VERSION, S, .number = 1 }),
	             NC_NOTFOUND);
	cr_expect_eq(
	        get((struct nc_get_spec){ .kind = NC_GET_STREAM_ID, S, .id = NC_SLICE("one") }),
	        NC_NOTFOUND);
	cr_expect_eq(get((struct nc_get_spec){ .kind = NC_GET_ID, .id = NC_SLICE("one") }), 2,
	             "the lowest that is seen");
	char id[NC_EVENT_ID_MADE_SIZE + 1];
	nc_event_id_make(made.time_ns, made.position, id);
	cr_expect_eq(get((struct nc_get_spec){ .kind = NC_GET_ID, .id = nc_slice_str(id) }),
	             NC_NOTFOUND);
	const uint64_t positions[] = { 1, 2, 3 };
	struct list list = { 0 };
	cr_expect_eq(nc_query_events(store.reader, positions, 3, keep, &list), NC_OK);
	cr_expect_eq(list.count, 1u);
	list.count = 0;
	cr_expect_eq(nc_query_events_all(store.reader, positions, 3, keep, &list), NC_OK);
	cr_expect_eq(list.count, 3u);
}

/* The state's reads, counted. */
static const struct nc_state_ops *counted_ops;
static struct nc_state_ops counting;
static size_t id_rows, look_ups;

struct counted {
	nc_state_id_fn *fn;
	void *ctx;
};

static bool on_counted(void *ctx, const struct nc_id_row *row)
{
	const struct counted *counted = ctx;
	id_rows++;
	return counted->fn(counted->ctx, row);
}

static int count_ids(struct nc_state_reader *reader, struct nc_slice id, uint64_t stream_id,
                     nc_state_id_fn *fn, void *ctx)
{
	struct counted counted = { fn, ctx };
	return counted_ops->ids(reader, id, stream_id, on_counted, &counted);
}

static int count_get(struct nc_state_reader *reader, enum nc_space space, struct nc_slice key,
                     struct nc_buf *value)
{
	look_ups++;
	return counted_ops->get(reader, space, key, value);
}

static int count_event(struct nc_state_reader *reader, uint64_t position, struct nc_buf *row)
{
	look_ups++;
	return counted_ops->event_get(reader, position, row);
}

static void reads_count(void)
{
	id_rows = look_ups = 0;
	counted_ops = store.state->ops;
	counting = *counted_ops;
	counting.ids = count_ids;
	counting.get = count_get;
	counting.event_get = count_event;
	store.state->ops = &counting;
}

Test(seen, an_id_of_many_deleted_streams_is_found_by_going_through_them_once_more)
{
	enum { STREAMS = 300 };
	char name[32];
	for (int i = 0; i < STREAMS; i++) {
		snprintf(name, sizeof name, "gone-%d", i);
		APPEND(&store, .stream = name, .id = "same");
		cr_assert_eq(DELETE(.stream = nc_slice_str(name)).fault.code, 0);
	}
	reads_count();
	cr_expect_eq(get((struct nc_get_spec){ NC_GET_ID, .id = NC_SLICE("same") }), NC_NOTFOUND);
	cr_expect_leq(id_rows, 2 * STREAMS);
	cr_expect_leq(look_ups, STREAMS + 10);
	store.state->ops = counted_ops;

	APPEND(&store, .stream = "here", .id = "same");
	APPEND(&store, .stream = "here-too", .id = "same");
	reads_count();
	cr_expect_eq(get((struct nc_get_spec){ NC_GET_ID, .id = NC_SLICE("same") }), STREAMS + 1);
	cr_expect_leq(id_rows, 2 * (STREAMS + 2));
	cr_expect_leq(look_ups, STREAMS + 10);
	store.state->ops = counted_ops;
}

Test(seen, an_id_that_is_of_age_in_one_stream_is_found_in_another)
{
	APPEND(&store, .stream = "short", .id = "same");
	cr_assert_eq(META(.stream = NC_SLICE("short"), .has_age = true, .age_max_s = 1).fault.code,
	             0);
	store.time_ns += 5000000000;
	APPEND(&store, .stream = "long", .id = "same");
	cr_expect_eq(get((struct nc_get_spec){ NC_GET_ID, .id = NC_SLICE("same") }), 2);
}

Test(seen, limits_count_only_what_is_seen)
{
	struct nc_query_end end;
	for (int i = 0; i < 30; i++)
		APPEND(&store, .stream = i % 3 == 0 ? "s" : "o");
	DELETE(S); /* positions 1, 4, 7, ... */
	for (size_t step = 1; step < 12; step++) {
		const struct nc_query_spec spec = { .kind = NC_QUERY_ALL, .limit = 5 };
		struct list list = query(spec, step, &end);
		cr_expect_eq(list.count, 5u);
		cr_expect_eq(list.positions[4], 8u);
		cr_expect_eq(end.next, 9u, "the next that is seen");
		cr_expect_leq(unseen, 4u);
		cr_expect_not(end.pending_known);
	}
	const struct nc_query_spec stream = { .kind = NC_QUERY_STREAM,
		                              .key = NC_SLICE("o"),
		                              .limit = 5 };
	cr_expect_eq(query(stream, 2, &end).count, 5u);
	cr_expect(end.pending_known);
	cr_expect_eq(end.pending, 15u);
}

Test(seen, a_retry_is_known_after_a_deletion_and_after_truncation)
{
	APPEND(&store, .stream = "s", .id = "one", .data = "1");
	struct nc_outcome made = APPEND(&store, .stream = "s", .data = "2");
	char id[NC_EVENT_ID_MADE_SIZE + 1];
	nc_event_id_make(made.time_ns, made.position, id);
	DELETE(S);
	struct nc_outcome again = APPEND(&store, .stream = "s", .id = "one", .data = "1",
	                                 .expect = { NC_EXPECT_EXISTS, 0 });
	cr_expect(again.duplicate);
	cr_expect_eq(again.position, 1u);
	cr_expect(APPEND(&store, .stream = "s", .id = id, .data = "2").duplicate);
	cr_expect_eq(APPEND(&store, .stream = "s", .id = "one", .data = "2").fault.err_code,
	             NC_FAULT_ID_REUSED.err_code);
	cr_expect_eq(info("s").state, NC_STREAM_DELETED, "a retry does not revive it");
	APPEND(&store, .stream = "s", .id = "three", .data = "3");
	APPEND(&store, .stream = "s", .data = "4");
	META(S, .has_truncate = true, .truncate_before = 4);
	cr_expect(APPEND(&store, .stream = "s", .id = "three", .data = "3").duplicate);
	cr_expect_eq(count_of("s"), 1u);
}

/* A batch on the condition that nothing bears the tag "seat". */
static struct nc_outcome take_seat(void)
{
	struct nc_buf names = { 0 }, items = { 0 }, record = { 0 }, events = { 0 };
	struct nc_buf payload = { 0 };
	nc_item_name_put(&names, NC_SLICE("seat"));
	const struct nc_item item = { .tags = nc_buf_slice(&names), .tag_count = 1 };
	nc_item_put(&items, &item);
	const struct nc_event event = { .stream = NC_SLICE("x"),
		                        .type = NC_SLICE("T"),
		                        .data = NC_SLICE("{}") };
	nc_event_record_put(&record, &event);
	nc_batch_event_put(&events, &(struct nc_batch_event){ .record = nc_buf_slice(&record) });
	const struct nc_batch batch = { .event_count = 1,
		                        .events = nc_buf_slice(&events),
		                        .items = nc_buf_slice(&items) };
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_batch(&payload, &batch);
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&names);
	nc_buf_release(&items);
	nc_buf_release(&record);
	nc_buf_release(&events);
	nc_buf_release(&payload);
	return outcome;
}

Test(seen, a_condition_does_not_meet_what_is_not_seen)
{
	APPEND(&store, .stream = "s", .type = "Taken", .tags = { "seat" });
	cr_expect_eq(take_seat().fault.err_code, NC_FAULT_CONDITION.err_code);
	DELETE(S);
	cr_expect_eq(take_seat().fault.err_code, 0);
}

/* As the port allows, though nothing does so yet. */
static void row_remove(uint64_t position)
{
	cr_assert_eq(nc_state_begin(store.state), NC_OK);
	cr_assert_eq(nc_state_event_del(store.state, position, position), NC_OK);
	store.index++;
	cr_assert_eq(nc_state_commit(store.state, (struct nc_state_applied){ store.index, 1 }),
	             NC_OK);
}

Test(seen, what_is_gone_does_not_hide_what_comes_behind_it)
{
	APPEND(&store, .stream = "s", .id = "one", .tags = { "seat" });
	APPEND(&store, .stream = "t", .id = "one", .tags = { "seat" });
	DELETE(S);
	row_remove(1);
	struct nc_outcome outcome = take_seat();
	cr_expect_eq(outcome.fault.err_code, NC_FAULT_CONDITION.err_code);
	cr_expect_eq(outcome.position, 2u);
	cr_expect_eq(get((struct nc_get_spec){ .kind = NC_GET_ID, .id = NC_SLICE("one") }), 2);
}

/* ---- Tombstones ----------------------------------------------------------------------------- */

Test(seen, a_tombstone_is_for_ever)
{
	APPEND(&store, .stream = "s", .id = "one");
	cr_expect_eq(DELETE(S).stream_is.state, NC_STREAM_DELETED);
	cr_expect_eq(DELETE(S, .tombstone = true).stream_is.state, NC_STREAM_TOMBSTONED);
	cr_expect_eq(APPEND(&store, .stream = "s").fault.err_code, NC_FAULT_TOMBSTONED.err_code);
	cr_expect_eq(APPEND(&store, .stream = "s", .id = "one").fault.err_code,
	             NC_FAULT_TOMBSTONED.err_code, "also of a retry");
	cr_expect_eq(DELETE(S).fault.err_code, NC_FAULT_TOMBSTONED.err_code);
	cr_expect_eq(DELETE(S, .tombstone = true).fault.err_code, NC_FAULT_TOMBSTONED.err_code);
	cr_expect_eq(META(S, .has_age = true).fault.err_code, NC_FAULT_TOMBSTONED.err_code);
	cr_expect_eq(info("s").state, NC_STREAM_TOMBSTONED);
	cr_expect_eq(info("s").head, 1u);
	cr_expect_eq(count_of("s"), 0u);
}

/* ---- Limits --------------------------------------------------------------------------------- */

Test(seen, a_stream_keeps_the_newest_of_its_count)
{
	for (int i = 0; i < 5; i++)
		APPEND(&store, .stream = "s");
	struct nc_outcome outcome = META(S, .has_count = true, .count_max = 3);
	cr_expect_eq(outcome.stream_is.first, 3u);
	cr_expect_eq(outcome.stream_is.limits.count_max, 3u);
	cr_expect_eq(count_of("s"), 3u);
	APPEND(&store, .stream = "s");
	cr_expect_eq(info("s").first, 4u);
	cr_expect_eq(info("s").events, 3u);
	META(S, .has_count = true);
	cr_expect_eq(info("s").limits.count_max, 0u);
	APPEND(&store, .stream = "s");
	cr_expect_eq(info("s").first, 4u, "what was unseen stays so");
	cr_expect_eq(count_of("s"), 4u);
	META(S, .has_count = true, .count_max = 1);
	DELETE(S);
	for (int i = 0; i < 2; i++)
		cr_expect_eq(APPEND(&store, .stream = "s").version, 8u + (unsigned)i);
	cr_expect_eq(count_of("s"), 1u, "also in its next life");
}

Test(seen, what_is_truncated_is_gone_up_to_the_next_version_at_most)
{
	for (int i = 0; i < 4; i++)
		APPEND(&store, .stream = "s");
	struct nc_outcome outcome = META(S, .has_truncate = true, .truncate_before = 6);
	cr_expect_eq(outcome.fault.err_code, NC_FAULT_REQUEST.err_code);
	cr_expect_eq(outcome.version, 4u);
	cr_expect_eq(META(S, .has_truncate = true, .truncate_before = 3).stream_is.first, 3u);
	cr_expect_eq(META(S, .has_truncate = true, .truncate_before = 1).stream_is.first, 3u);
	cr_expect_eq(META(S, .has_truncate = true, .truncate_before = 5).stream_is.first, 5u);
	cr_expect_eq(count_of("s"), 0u);
	cr_expect_eq(info("s").state, NC_STREAM_LIVE);
	cr_expect_eq(APPEND(&store, .stream = "s", .expect = { NC_EXPECT_EXISTS, 0 }).version, 5u);
	cr_expect_eq(count_of("s"), 1u);
	DELETE(S);
	cr_expect_eq(META(S, .has_truncate = true, .truncate_before = 1).fault.err_code,
	             NC_FAULT_NO_STREAM.err_code);
}

enum { SECOND = 1000000000 };

static bool on_listed(void *ctx, struct nc_slice name, const struct nc_stream *stream)
{
	uint64_t *first = ctx;
	*first = nc_slice_is(name, "s") && stream->events == stream->head + 1 - stream->first
	                 ? stream->first
	                 : *first;
	return true;
}

/* What a list says of `s`. */
static uint64_t listed_first(void)
{
	const struct nc_streams_spec spec = { .limit = 10 };
	struct nc_buf next = { 0 };
	uint64_t first = 0;
	cr_assert_eq(nc_streams_list(store.reader, &spec, on_listed, &first, &next), NC_OK);
	nc_buf_release(&next);
	return first;
}

Test(seen, events_grow_old_by_the_store_and_by_who_looks)
{
	for (uint64_t i = 1; i <= 4; i++) {
		store.time_ns = i * SECOND;
		APPEND(&store, .stream = "s");
	}
	META(S, .has_age = true, .age_max_s = 2);
	cr_expect_eq(count_of("s"), 2u, "the events of 3 and 4 s, seen from 4 s");
	cr_expect_eq(info("s").first, 3u);
	cr_expect_eq(info("s").events, 2u);
	store.reader->now_ns = UINT64_C(5) * SECOND;
	cr_expect_eq(count_of("s"), 1u);
	cr_expect_eq(listed_first(), 4u, "the list says the same");
	cr_expect_eq(query((struct nc_query_spec){ .kind = NC_QUERY_ALL }, 3, NULL).count, 1u);
	cr_expect_eq(get((struct nc_get_spec){ .kind = NC_GET_VERSION, S, .number = 3 }),
	             NC_NOTFOUND);
	store.reader->now_ns = UINT64_C(60) * SECOND;
	cr_expect_eq(count_of("s"), 0u);
	cr_expect_eq(info("s").first, 5u);
	cr_expect_eq(info("s").state, NC_STREAM_LIVE);
	store.reader->now_ns = 0;
	cr_expect_eq(count_of("s"), 2u, "nothing was written of it");
	store.time_ns = UINT64_C(10) * SECOND;
	APPEND(&store, .stream = "o");
	cr_expect_eq(count_of("s"), 0u, "by another stream's event");
	META(S, .has_age = true);
	cr_expect_eq(count_of("s"), 0u, "what was too old by then stays unseen");
	cr_expect_eq(info("s").first, 5u);
}

/* A reader's clock may be ahead of the time in the entry by as long as that takes. */
Test(seen, what_is_about_to_be_too_old_when_an_age_changes_is_settled_too)
{
	APPEND(&store, .stream = "s");
	META(S, .has_age = true, .age_max_s = 8);
	store.time_ns += UINT64_C(6900) * (SECOND / 1000);
	META(S, .has_age = true, .age_max_s = 16);
	cr_expect_eq(count_of("s"), 1u);
	store.time_ns += UINT64_C(7200) * (SECOND / 1000); /* 14.1 s old */
	cr_expect_eq(count_of("s"), 1u);
	META(S, .has_age = true);
	cr_expect_eq(info("s").first, 2u);
	for (int i = 0; i < 2; i++)
		APPEND(&store, .stream = "s");
	META(S, .has_age = true, .age_max_s = 100);
	store.time_ns += UINT64_C(95) * SECOND;
	META(S, .has_age = true);
	cr_expect_eq(info("s").first, 2u, "of a long age no more than 4 s");
	META(S, .has_age = true, .age_max_s = 100);
	store.time_ns += UINT64_C(1001) * (SECOND / 1000);
	META(S, .has_age = true);
	cr_expect_eq(info("s").first, 4u);
}

Test(seen, a_snapshot_behind_which_events_are_missing_is_not_loaded)
{
	struct nc_buf record = { 0 }, payload = { 0 }, scratch = { 0 };
	for (uint64_t i = 1; i <= 6; i++) {
		store.time_ns = i * SECOND;
		APPEND(&store, .stream = "s");
	}
	const struct nc_snap snap = { .version = 3, S, .data = NC_SLICE("state") };
	nc_snap_record_put(&record, &snap);
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_snap(&payload, 0, nc_buf_slice(&record));
	store_apply(&store, nc_buf_slice(&payload));
	for (uint64_t age = 4; age > 0; age--) { /* the first that is seen: 3, 4, 5, 6 */
		const struct nc_query_spec spec = {
			.kind = NC_QUERY_STREAM, .key = NC_SLICE("s"), .limit = 10, .size_max = 1000
		};
		struct nc_snap loaded;
		struct nc_query *query;
		bool found;
		META(S, .has_age = true, .age_max_s = age);
		cr_assert_eq(nc_snap_load(store.reader, &spec, &scratch, &loaded, &found, &query),
		             NC_OK);
		cr_expect_eq(found, age >= 3, "%zu", (size_t)age);
		nc_query_free(query);
	}
	nc_buf_release(&record);
	nc_buf_release(&payload);
	nc_buf_release(&scratch);
}

/* ---- By chance ------------------------------------------------------------------------------ */

enum { STREAMS = 5, EVENTS = 300 };

struct model_event {
	unsigned stream;
	uint64_t version;
};

static struct {
	struct model_event events[EVENTS + 1];
	uint64_t heads[STREAMS], firsts[STREAMS], counts[STREAMS];
	bool deleted[STREAMS], dead[STREAMS];
	size_t count;
} model;

static bool model_sees(size_t position)
{
	const struct model_event *event = &model.events[position];
	unsigned s = event->stream;
	return !model.deleted[s] && !model.dead[s] && event->version >= model.firsts[s];
}

static void model_step(unsigned s, const char *name)
{
	int dice = rand() % 100;
	const struct nc_slice stream = nc_slice_str(name);
	if (dice < 85) {
		if (APPEND(&store, .stream = name).fault.code != 0) {
			cr_assert(model.dead[s]);
			return;
		}
		if (model.heads[s] == 0 || model.deleted[s])
			model.firsts[s] = model.heads[s] + 1;
		model.deleted[s] = false;
		model.events[++model.count] = (struct model_event){ s, ++model.heads[s] };
	} else if (model.heads[s] == 0 || model.dead[s]) {
		return;
	} else if (dice < 92) {
		DELETE(.stream = stream);
		model.deleted[s] = true;
	} else if (dice < 93 && s == 0) {
		DELETE(.stream = stream, .tombstone = true);
		model.dead[s] = true;
	} else if (model.deleted[s]) {
		return;
	} else if (dice < 96) {
		model.counts[s] = (uint64_t)rand() % 5;
		META(.stream = stream, .has_count = true, .count_max = model.counts[s]);
	} else {
		uint64_t before = 1 + (uint64_t)rand() % (model.heads[s] + 1);
		META(.stream = stream, .has_truncate = true, .truncate_before = before);
		if (before > model.firsts[s])
			model.firsts[s] = before;
	}
	if (model.counts[s] > 0 && model.heads[s] >= model.counts[s] &&
	    model.heads[s] + 1 - model.counts[s] > model.firsts[s])
		model.firsts[s] = model.heads[s] + 1 - model.counts[s];
}

static void model_check(void)
{
	const struct nc_query_spec all = { .kind = NC_QUERY_ALL };
	struct list list = query(all, 1 + (size_t)rand() % 40, NULL);
	size_t at = 0, by_stream[STREAMS] = { 0 };
	for (size_t position = 1; position <= model.count; position++) {
		const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = position };
		bool sees = model_sees(position);
		cr_assert_eq(get(spec), sees ? (int)position : NC_NOTFOUND);
		if (!sees)
			continue;
		by_stream[model.events[position].stream]++;
		cr_assert(at < list.count && list.positions[at] == position, "%zu", position);
		at++;
	}
	cr_assert_eq(at, list.count);
	for (unsigned s = 0; s < STREAMS; s++) {
		char name[8];
		(void)snprintf(name, sizeof name, "c.%u", s);
		cr_assert_eq(count_of(name), by_stream[s]);
		if (model.heads[s] > 0)
			cr_assert_eq(info(name).events, by_stream[s]);
	}
}

Test(seen, is_what_a_plain_model_says)
{
	for (unsigned seed = 1; seed <= 20; seed++) {
		srand(seed);
		memset(&model, 0, sizeof model);
		teardown();
		setup();
		while (model.count < EVENTS) {
			unsigned s = (unsigned)rand() % STREAMS;
			char name[8];
			(void)snprintf(name, sizeof name, "c.%u", s);
			model_step(s, name);
			if (rand() % 100 == 0)
				model_check();
		}
		model_check();
	}
}

/* ---- What has gone out of sight -------------------------------------------------------------- */

/* By how much the last command has raised it. */
static uint64_t hidings(void)
{
	static uint64_t before;
	uint64_t now = nc_seen_hidings(store.reader), more = now - before;
	before = now;
	return more;
}

Test(seen, commits_that_take_something_out_of_sight_are_counted)
{
	hidings();
	APPEND(&store, .stream = "s");
	cr_expect_eq(hidings(), 0u);
	DELETE(S);
	cr_expect_eq(hidings(), 1u);
	DELETE(S);
	cr_expect_eq(hidings(), 0u, "it was deleted");
	for (int i = 0; i < 3; i++)
		APPEND(&store, .stream = "s");
	cr_expect_eq(hidings(), 0u, "also of its next life");
	META(S, .has_truncate = true, .truncate_before = 3);
	cr_expect_eq(hidings(), 1u);
	META(S, .has_count = true, .count_max = 3);
	cr_expect_eq(hidings(), 0u, "there are no more yet");
	APPEND(&store, .stream = "s");
	cr_expect_eq(hidings(), 0u);
	APPEND(&store, .stream = "s");
	cr_expect_eq(hidings(), 1u, "by an append");
	APPEND(&store, .stream = "o");
	cr_expect_eq(hidings(), 0u);
	META(S, .has_count = true, .count_max = 4, .expect = VERSION(1));
	cr_expect_eq(hidings(), 0u, "it was refused");
}

/* A transaction with this that is given up. */
static void give_up(struct nc_stream_change change)
{
	struct nc_buf payload = { 0 };
	struct nc_outcome outcome;
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_stream(&payload, NC_COMMAND_STREAM_META, &change);
	cr_assert_eq(nc_engine_begin(store.engine), NC_OK);
	cr_assert_eq(nc_engine_apply(store.engine, nc_buf_slice(&payload), store_keep, &outcome),
	             NC_OK);
	nc_engine_rollback(store.engine);
	nc_buf_release(&payload);
}

Test(seen, it_is_known_whether_a_stream_has_an_age)
{
	APPEND(&store, .stream = "s");
	APPEND(&store, .stream = "o");
	DELETE(.stream = NC_SLICE("o"));
	cr_expect_not(nc_seen_ages(store.reader));
	hidings();
	give_up((struct nc_stream_change){ S, .has_age = true, .age_max_s = 5 });
	APPEND(&store, .stream = "s");
	cr_expect_not(nc_seen_ages(store.reader), "it was given up");
	cr_expect_eq(hidings(), 0u);
	for (uint64_t age = 1; age < 3; age++)
		META(S, .has_age = true, .age_max_s = age);
	cr_expect(nc_seen_ages(store.reader));
	nc_engine_close(store.engine);
	atomic_store(&store.state->ages, 0);
	cr_assert_eq(nc_engine_open(store.state, &store.engine), NC_OK);
	cr_expect(nc_seen_ages(store.reader), "also of a state that is opened anew");
	META(S, .has_age = true);
	cr_expect_not(nc_seen_ages(store.reader));
	META(S, .has_age = true);
	cr_expect_not(nc_seen_ages(store.reader));
}

/* ---- A state that is opened anew ------------------------------------------------------------- */

Test(seen, an_engine_that_opens_the_state_knows)
{
	APPEND(&store, .stream = "s");
	cr_expect(nc_seen_all(store.reader), "as long as nothing was deleted nothing is looked up");
	DELETE(S);
	cr_expect_not(nc_seen_all(store.reader));
	nc_engine_close(store.engine);
	atomic_store(&store.state->sifted, false);
	cr_assert_eq(nc_engine_open(store.state, &store.engine), NC_OK);
	cr_expect_not(nc_seen_all(store.reader));
	cr_expect_eq(count_of("s"), 0u);
}
