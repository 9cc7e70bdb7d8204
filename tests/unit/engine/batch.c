/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches and conditions, the contract of PROTOCOL.md section 5 as far as it is decided at apply.
 */
#include <stdio.h>
#include <stdlib.h>

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

TestSuite(batch, .init = setup, .fini = teardown);

struct item {
	const char *types[3], *tags[3];
};

struct batch {
	struct ask events[6]; /* up to the first without a stream */
	struct {
		const char *stream;
		struct nc_expect expect;
	} checks[3];
	struct item items[3];
	uint64_t after;
};

/* What became of it, with results of its own. */
struct told {
	struct nc_outcome outcome;
	struct nc_batch_result results[1000];
	char streams[1000][32];
};
static struct told told;

static void tell(void *ctx, const struct nc_outcome *outcome)
{
	(void)ctx;
	told.outcome = *outcome;
	cr_assert_leq(outcome->result_count, 1000u);
	for (size_t i = 0; i < outcome->result_count; i++) {
		told.results[i] = outcome->results[i];
		(void)snprintf(told.streams[i], sizeof told.streams[i], "%.*s",
		               (int)outcome->results[i].stream.size,
		               (const char *)outcome->results[i].stream.data);
	}
}

static void event_put(struct nc_buf *events, struct ask ask)
{
	struct nc_buf record = { 0 };
	store_record_put(&record, ask);
	nc_batch_event_put(events, &(struct nc_batch_event){ ask.expect, nc_buf_slice(&record) });
	nc_buf_release(&record);
}

static void item_put(struct nc_buf *items, const struct item *item)
{
	struct nc_buf types = { 0 }, tags = { 0 };
	struct nc_item made = { 0 };
	for (size_t i = 0; i < 3 && item->types[i] != NULL; i++, made.type_count++)
		nc_item_name_put(&types, nc_slice_str(item->types[i]));
	for (size_t i = 0; i < 3 && item->tags[i] != NULL; i++, made.tag_count++)
		nc_item_name_put(&tags, nc_slice_str(item->tags[i]));
	made.types = nc_buf_slice(&types);
	made.tags = nc_buf_slice(&tags);
	nc_item_put(items, &made);
	nc_buf_release(&types);
	nc_buf_release(&tags);
}

/* The payload of an entry with one batch. */
static struct nc_buf payload_of(const struct batch *batch)
{
	struct nc_buf events = { 0 }, checks = { 0 }, items = { 0 }, payload = { 0 };
	struct nc_batch made = { .after = batch->after };
	for (; made.event_count < 6 && batch->events[made.event_count].stream != NULL;)
		event_put(&events, batch->events[made.event_count++]);
	for (; made.check_count < 3 && batch->checks[made.check_count].stream != NULL;
	     made.check_count++) {
		nc_batch_check_put(&checks,
		                   &(struct nc_batch_check){
		                           batch->checks[made.check_count].expect,
		                           nc_slice_str(batch->checks[made.check_count].stream) });
	}
	for (size_t i = 0;
	     i < 3 && (batch->items[i].types[0] != NULL || batch->items[i].tags[0] != NULL); i++)
		item_put(&items, &batch->items[i]);
	made.events = nc_buf_slice(&events);
	made.checks = nc_buf_slice(&checks);
	made.items = nc_buf_slice(&items);
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_batch(&payload, &made);
	nc_buf_release(&events);
	nc_buf_release(&checks);
	nc_buf_release(&items);
	return payload;
}

static void apply(struct store *to, struct nc_slice payload)
{
	memset(&told, 0, sizeof told);
	told.outcome.fault.code = 999;
	cr_assert_eq(nc_engine_begin(to->engine), NC_OK);
	cr_assert_eq(nc_engine_apply(to->engine, payload, tell, NULL), NC_OK);
	to->index++;
	cr_assert_eq(nc_engine_commit(to->engine, (struct nc_state_applied){ to->index, 1 }),
	             NC_OK);
}

static struct nc_outcome batch_apply(struct batch batch)
{
	struct nc_buf payload = payload_of(&batch);
	apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	return told.outcome;
}

#define BATCH(...) batch_apply((struct batch){ __VA_ARGS__ })
#define NONE                           \
	{                              \
		.kind = NC_EXPECT_NONE \
	}
#define EXISTS                           \
	{                                \
		.kind = NC_EXPECT_EXISTS \
	}

static void expect_fault(struct nc_outcome outcome, struct nc_fault fault)
{
	cr_expect_eq(outcome.fault.code, fault.code, "code %u", outcome.fault.code);
	cr_expect_eq(outcome.fault.err_code, fault.err_code, "err_code %u", outcome.fault.err_code);
}

static void expect_result(size_t i, const char *stream, uint64_t version, uint64_t position)
{
	cr_assert_lt(i, told.outcome.result_count);
	cr_expect_str_eq(told.streams[i], stream);
	cr_expect_eq(told.results[i].version, version, "of %zu: version %llu", i,
	             (unsigned long long)told.results[i].version);
	cr_expect_eq(told.results[i].position, position, "of %zu: position %llu", i,
	             (unsigned long long)told.results[i].position);
}

static void expect_nothing_new(uint64_t head)
{
	cr_expect_eq(nc_engine_head(store.engine).position, head, "something was written");
}

Test(batch, appends_over_streams_in_order)
{
	APPEND(&store, .stream = "b");
	struct nc_outcome outcome =
	        BATCH(.events = { { .stream = "a" }, { .stream = "b" }, { .stream = "a" } });
	expect_fault(outcome, NC_FAULT_NONE);
	cr_expect_eq(outcome.position, 4u);
	cr_expect_not(outcome.duplicate);
	cr_assert_eq(outcome.result_count, 3u);
	expect_result(0, "a", 1, 2);
	expect_result(1, "b", 2, 3);
	expect_result(2, "a", 2, 4);
	for (size_t i = 0; i < 3; i++)
		cr_expect_gt(told.results[i].record.size, 0u, "the feed's");
	struct nc_outcome next = APPEND(&store, .stream = "a", .expect = VERSION(2));
	cr_expect_eq(next.position, 5u, "the streams' rows were put");
}

Test(batch, expects_of_the_version_before_it_and_counts_its_own_events)
{
	APPEND(&store, .stream = "a");
	expect_fault(BATCH(.events = { { .stream = "a", .expect = VERSION(1) },
	                               { .stream = "b", .expect = NONE },
	                               { .stream = "a", .expect = VERSION(2) },
	                               { .stream = "b", .expect = EXISTS } }),
	             NC_FAULT_NONE);
	cr_expect_eq(nc_engine_head(store.engine).position, 5u);
}

Test(batch, lists_every_failing_expectation_and_changes_nothing)
{
	APPEND(&store, .stream = "a");
	struct nc_outcome outcome = BATCH(.events = { { .stream = "a", .expect = NONE },
	                                              { .stream = "fine", .expect = NONE },
	                                              { .stream = "b", .expect = VERSION(7) } },
	                                  .checks = { { "c", EXISTS }, { "a", EXISTS } });
	expect_fault(outcome, NC_FAULT_EXPECTATION);
	cr_expect_eq(outcome.version, 1u, "the first one's actual version");
	cr_assert_eq(outcome.result_count, 3u);
	expect_result(0, "a", 1, 0);
	expect_result(1, "b", 0, 0);
	expect_result(2, "c", 0, 0);
	cr_expect_eq(told.results[1].expect.kind, NC_EXPECT_VERSION);
	cr_expect_eq(told.results[1].expect.version, 7u);
	expect_nothing_new(1);
	cr_expect_eq(APPEND(&store, .stream = "fine", .expect = NONE).version, 1u);
}

Test(batch, checks_streams_that_it_does_not_write)
{
	expect_fault(BATCH(.events = { { .stream = "a" } }, .checks = { { "c", EXISTS } }),
	             NC_FAULT_EXPECTATION);
	APPEND(&store, .stream = "c");
	expect_fault(BATCH(.events = { { .stream = "a" } }, .checks = { { "c", EXISTS } }),
	             NC_FAULT_NONE);
	expect_fault(BATCH(.events = { { .stream = "a" } }, .checks = { { "c", VERSION(2) } }),
	             NC_FAULT_EXPECTATION);
	cr_expect_eq(APPEND(&store, .stream = "c").version, 2u, "a check writes nothing");
}

Test(batch, answers_a_retry_with_the_first_results_before_anything_else_is_looked_at)
{
	struct batch batch = { .events = { { .stream = "a", .id = "1", .expect = NONE },
		                           { .stream = "b", .id = "2", .expect = NONE } },
		               .checks = { { "c", NONE } },
		               .items = { { .types = { "T" } } } };
	expect_fault(batch_apply(batch), NC_FAULT_NONE);
	APPEND(&store, .stream = "a");
	APPEND(&store, .stream = "c");
	struct nc_outcome again = batch_apply(batch);
	expect_fault(again, NC_FAULT_NONE);
	cr_expect(again.duplicate);
	cr_expect_eq(again.position, 2u);
	cr_assert_eq(again.result_count, 2u);
	expect_result(0, "a", 1, 1);
	expect_result(1, "b", 1, 2);
	cr_expect_eq(told.results[0].record.size, 0u, "nothing for the feed");
	expect_nothing_new(4);
}

Test(batch, refuses_ids_of_which_only_some_are_known_or_with_other_content)
{
	APPEND(&store, .stream = "a", .id = "1");
	expect_fault(
	        BATCH(.events = { { .stream = "a", .id = "1" }, { .stream = "a", .id = "2" } }),
	        NC_FAULT_ID_REUSED);
	expect_fault(
	        BATCH(.events = { { .stream = "a", .id = "2" }, { .stream = "a", .id = "1" } }),
	        NC_FAULT_ID_REUSED);
	expect_fault(BATCH(.events = { { .stream = "a" }, { .stream = "a", .id = "1" } }),
	             NC_FAULT_ID_REUSED);
	expect_fault(BATCH(.events = { { .stream = "a", .id = "1", .data = "[]" } }),
	             NC_FAULT_ID_REUSED);
	cr_expect_eq(told.outcome.result_count, 0u);
	expect_nothing_new(1);
	expect_fault(
	        BATCH(.events = { { .stream = "a", .id = "2" }, { .stream = "b", .id = "1" } }),
	        NC_FAULT_NONE);
}

Test(batch, uses_up_no_id_when_it_is_refused)
{
	APPEND(&store, .stream = "a");
	expect_fault(BATCH(.events = { { .stream = "b", .id = "1" },
	                               { .stream = "a", .id = "2", .expect = NONE } }),
	             NC_FAULT_EXPECTATION);
	expect_fault(BATCH(.events = { { .stream = "b", .id = "1", .data = "[]" } }),
	             NC_FAULT_NONE);
}

Test(batch, sees_what_the_batch_before_it_in_the_same_entry_has_written)
{
	struct batch one = { .events = { { .stream = "a", .expect = NONE, .tags = { "x" } } },
		             .items = { { .tags = { "x" } } } };
	struct batch two = { .events = { { .stream = "b", .tags = { "x" } } },
		             .items = { { .tags = { "x" } } } };
	struct nc_buf payload = payload_of(&one), second = payload_of(&two);
	nc_buf_put_slice(&payload, nc_slice_from(nc_buf_slice(&second), NC_ENTRY_HEADER_SIZE));
	apply(&store, nc_buf_slice(&payload));
	expect_fault(told.outcome, NC_FAULT_CONDITION);
	cr_expect_eq(told.outcome.position, 1u);
	expect_nothing_new(1);
	nc_buf_release(&payload);
	nc_buf_release(&second);
}

/* ---- Conditions ----------------------------------------------------------------------------- */

#define CONDITION(n, ...) \
	BATCH(.events = { { .stream = "w", .type = "W" } }, .after = (n), .items = { __VA_ARGS__ })

static void expect_conflict(struct nc_outcome outcome, uint64_t position)
{
	expect_fault(outcome, NC_FAULT_CONDITION);
	cr_expect_eq(outcome.position, position, "met at %llu",
	             (unsigned long long)outcome.position);
}

Test(batch, is_refused_by_the_first_event_after_that_matches_an_item)
{
	APPEND(&store, .stream = "s", .type = "Taken", .tags = { "seat:1" });
	APPEND(&store, .stream = "s", .type = "Freed", .tags = { "seat:1" });
	APPEND(&store, .stream = "s", .type = "Taken", .tags = { "seat:2", "vip" });
	expect_conflict(CONDITION(0, { .types = { "Taken" } }), 1);
	expect_conflict(CONDITION(1, { .types = { "Taken" } }), 3);
	expect_conflict(CONDITION(0, { .tags = { "seat:2" } }), 3);
	expect_conflict(CONDITION(1, { .types = { "Taken", "Freed" }, .tags = { "seat:1" } }), 2);
	expect_conflict(CONDITION(0, { .tags = { "vip", "seat:2" } }), 3);
	expect_conflict(CONDITION(0, { .types = { "No" } }, { .types = { "Freed" } },
	                          { .tags = { "vip" } }),
	                2);
	expect_nothing_new(3);
}

Test(batch, stands_when_no_event_after_matches_any_item)
{
	APPEND(&store, .stream = "s", .type = "Taken", .tags = { "seat:1" });
	APPEND(&store, .stream = "s", .type = "Taken", .tags = { "seat:2" });
	APPEND(&store, .stream = "s", .type = "Freed", .tags = { "seat:3" });
	expect_fault(CONDITION(0, { .types = { "Taken" }, .tags = { "seat:3" } }), NC_FAULT_NONE);
	expect_fault(CONDITION(0, { .tags = { "seat:1", "seat:2" } }), NC_FAULT_NONE);
	expect_fault(CONDITION(0, { .types = { "Never" } }), NC_FAULT_NONE);
	expect_fault(CONDITION(0, { .types = { "Taken" }, .tags = { "never" } }), NC_FAULT_NONE);
	expect_fault(CONDITION(2, { .types = { "Taken" } }), NC_FAULT_NONE);
	expect_fault(CONDITION(UINT64_MAX, { .types = { "Taken" } }), NC_FAULT_NONE);
	cr_expect_eq(nc_engine_head(store.engine).position, 9u);
}

Test(batch, does_not_forbid_itself)
{
	expect_fault(BATCH(.events = { { .stream = "a", .tags = { "x" } },
	                               { .stream = "b", .tags = { "x" } } },
	                   .items = { { .tags = { "x" } } }),
	             NC_FAULT_NONE);
}

Test(batch, looks_at_so_many_entries_and_not_at_one_more)
{
	/* Two tags that never meet: each event behind the first is an entry to look at, and that
	 * there is none behind the last is one more. */
	uint64_t events = NC_CONDITION_LOOKUPS_MAX + 2;
	for (uint64_t i = 0; i < events; i++)
		APPEND(&store, .stream = "s", .tags = { i % 2 == 0 ? "even" : "odd" });
	expect_fault(CONDITION(0, { .tags = { "even", "odd" } }), NC_FAULT_CONDITION_WIDE);
	expect_fault(CONDITION(1, { .tags = { "even", "odd" } }), NC_FAULT_CONDITION_WIDE);
	expect_nothing_new(events);
	expect_fault(CONDITION(2, { .tags = { "even", "odd" } }), NC_FAULT_NONE);
	cr_expect_eq(nc_engine_head(store.engine).position, events + 1);
}

/* ---- The version, and determinism ----------------------------------------------------------- */

Test(batch, is_refused_below_the_engine_version_that_brought_it)
{
	struct store old = store;
	store_open(&store);
	expect_fault(BATCH(.events = { { .stream = "a" } }), NC_FAULT_VERSION);
	expect_nothing_new(0);
	store_raise(&store, NC_ENGINE_VERSION_BATCH);
	expect_fault(BATCH(.events = { { .stream = "a" } }), NC_FAULT_NONE);
	store_close(&store);
	store = old;
}

Test(batch, finds_the_engine_version_raised_after_opening_again_and_never_lowered)
{
	store_raise(&store, NC_ENGINE_VERSION_FIRST);
	nc_engine_close(store.engine);
	cr_assert_eq(nc_engine_open(store.state, &store.engine), NC_OK);
	cr_expect_eq(nc_engine_head(store.engine).version, NC_ENGINE_VERSION);
}

Test(batch, cannot_follow_a_version_that_this_build_does_not_know)
{
	struct nc_buf payload = { 0 };
	struct nc_outcome outcome;
	nc_entry_begin(&payload, 1);
	nc_command_put_engine_version(&payload, NC_ENGINE_VERSION + 1);
	cr_assert_eq(nc_engine_begin(store.engine), NC_OK);
	cr_expect_eq(nc_engine_apply(store.engine, nc_buf_slice(&payload), store_keep, &outcome),
	             NC_UNSUPPORTED);
	nc_engine_rollback(store.engine);
	nc_buf_release(&payload);
}

/* A command at random, of few names, so that they meet. */
static struct batch random_batch(unsigned *seed)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct batch batch = { .after = (uint64_t)(rand_r(seed) % 40) };
	size_t count = 1 + (size_t)(rand_r(seed) % 5);
	for (size_t i = 0; i < count; i++) {
		batch.events[i] = (struct ask){ .stream = names[rand_r(seed) % 4],
			                        .type = names[rand_r(seed) % 4],
			                        .tags = { names[rand_r(seed) % 4] } };
		if (rand_r(seed) % 4 == 0)
			batch.events[i].expect = (struct nc_expect)EXISTS;
	}
	if (rand_r(seed) % 2 == 0) {
		batch.items[0] = (struct item){ .types = { names[rand_r(seed) % 4] },
			                        .tags = { names[rand_r(seed) % 4] } };
	}
	return batch;
}

Test(batch, comes_to_the_same_on_every_replica_whatever_is_restarted_between)
{
	struct store other;
	unsigned seed = 7, refused = 0;
	store_open_newest(&other);
	for (unsigned i = 0; i < 500; i++) {
		struct batch batch = random_batch(&seed);
		struct nc_buf payload = payload_of(&batch);
		apply(&store, nc_buf_slice(&payload));
		struct told here = told;
		apply(&other, nc_buf_slice(&payload));
		nc_buf_release(&payload);
		cr_assert_eq(here.outcome.fault.err_code, told.outcome.fault.err_code);
		cr_assert_eq(here.outcome.position, told.outcome.position);
		refused += here.outcome.fault.code != 0;
		if (i % 10 == 0) {
			nc_engine_close(other.engine);
			cr_assert_eq(nc_engine_open(other.state, &other.engine), NC_OK);
		}
	}
	struct nc_engine_head a = nc_engine_head(store.engine), b = nc_engine_head(other.engine);
	cr_expect_gt(refused, 50u);
	cr_expect_gt(a.position, 200u);
	cr_expect_arr_eq(a.digest, b.digest, sizeof a.digest);
	store_close(&other);
}

/* ---- The digest ----------------------------------------------------------------------------- */

Test(batch, changes_the_digest_by_whatever_an_event_is)
{
	const struct ask asks[] = {
		{ .stream = "s", .type = "T", .id = "i", .data = "1", .tags = { "x" } },
		{ .stream = "S", .type = "T", .id = "i", .data = "1", .tags = { "x" } },
		{ .stream = "s", .type = "U", .id = "i", .data = "1", .tags = { "x" } },
		{ .stream = "s", .type = "T", .id = "j", .data = "1", .tags = { "x" } },
		{ .stream = "s", .type = "T", .id = "i", .data = "2", .tags = { "x" } },
		{ .stream = "s", .type = "T", .id = "i", .data = "1", .tags = { "y" } },
	};
	enum { COUNT = sizeof asks / sizeof asks[0] };
	uint8_t digests[COUNT][NC_SHA256_SIZE];
	for (size_t i = 0; i < COUNT; i++) {
		struct store one;
		store_open(&one);
		store_append(&one, asks[i]);
		memcpy(digests[i], nc_engine_head(one.engine).digest, NC_SHA256_SIZE);
		store_close(&one);
		for (size_t before = 0; before < i; before++) {
			cr_expect_arr_neq(digests[i], digests[before], NC_SHA256_SIZE, "%zu as %zu",
			                  i, before);
		}
	}
}

Test(batch, leaves_the_digest_as_it_is_when_it_is_refused)
{
	APPEND(&store, .stream = "s");
	struct nc_engine_head before = nc_engine_head(store.engine);
	expect_fault(BATCH(.events = { { .stream = "s", .expect = NONE } }), NC_FAULT_EXPECTATION);
	struct nc_engine_head after = nc_engine_head(store.engine);
	cr_expect_arr_eq(before.digest, after.digest, sizeof before.digest);
}

/* A row is damaged on one replica alone: what it would refuse the others have written. */
Test(batch, stops_at_a_damaged_row_of_a_stream)
{
	APPEND(&store, .stream = "s");
	cr_assert_eq(nc_state_begin(store.state), NC_OK);
	cr_assert_eq(nc_state_put(store.state, NC_SPACE_STREAMS, NC_SLICE("s"), NC_SLICE("\1?")),
	             NC_OK);
	store.index++;
	cr_assert_eq(nc_state_commit(store.state, (struct nc_state_applied){ store.index, 1 }),
	             NC_OK);
	const struct batch batches[] = {
		{ .events = { { .stream = "s" } } },
		{ .events = { { .stream = "a" } }, .checks = { { "s", EXISTS } } },
	};
	for (size_t i = 0; i < 2; i++) {
		struct nc_buf payload = payload_of(&batches[i]);
		told.outcome.fault.code = 999;
		cr_assert_eq(nc_engine_begin(store.engine), NC_OK);
		cr_expect_eq(nc_engine_apply(store.engine, nc_buf_slice(&payload), tell, NULL),
		             NC_CORRUPT, "batch %zu", i);
		cr_expect_eq(told.outcome.fault.code, 999, "batch %zu is answered", i);
		nc_engine_rollback(store.engine);
		nc_buf_release(&payload);
	}
}

/* ---- Bytes ---------------------------------------------------------------------------------- */

Test(batch, is_not_read_back_from_bytes_that_are_cut_or_too_many)
{
	struct batch batch = { .events = { { .stream = "a" }, { .stream = "b" } },
		               .checks = { { "c", NONE } },
		               .items = { { .types = { "T" }, .tags = { "x", "y" } } } };
	struct nc_buf payload = payload_of(&batch);
	struct nc_slice body = nc_slice_from(nc_buf_slice(&payload), NC_ENTRY_HEADER_SIZE + 4 + 1);
	struct nc_batch read;
	cr_assert_eq(nc_batch_get(body, &read), NC_OK);
	cr_expect_eq(read.event_count, 2u);
	cr_expect_eq(read.check_count, 1u);
	for (size_t size = 0; size < body.size; size++)
		cr_expect_neq(nc_batch_get(nc_slice(body.data, size), &read), NC_OK);
	nc_buf_put_u8(&payload, 0);
	body = nc_slice_from(nc_buf_slice(&payload), NC_ENTRY_HEADER_SIZE + 4 + 1);
	cr_expect_eq(nc_batch_get(body, &read), NC_CORRUPT);
	payload.data[NC_ENTRY_HEADER_SIZE + 4 + 1] += 2;
	cr_expect_eq(nc_batch_get(body, &read), NC_UNSUPPORTED, "a newer form");
	nc_buf_release(&payload);
}
