/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acknowledgements within batches, as apply judges them beside progress that comes sooner or later.
 */
#include <stdio.h>

#include "core/engine/progress.h"
#include "core/engine/subs.h"
#include "tests/unit/engine/store.h"

static struct store store;

static void create(const char *name)
{
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_create(&payload,
	                          &(struct nc_sub_create){ .name = nc_slice_str(name),
	                                                   .definition = NC_SLICE("whatever") });
	cr_assert_eq(store_apply(&store, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&payload);
}

static void setup(void)
{
	store_open_newest(&store);
	for (int i = 0; i < 8; i++)
		APPEND(&store, .stream = "in");
	create("w");
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(acks, .init = setup, .fini = teardown);

#define ACK(position_, ...)       \
	store_acknowledge(&store, \
	                  (struct ask_ack){ .ack = { .position = (position_), ##__VA_ARGS__ } })

static void expect_stands(struct nc_outcome outcome, bool stands)
{
	struct nc_fault want = stands ? NC_FAULT_NONE : NC_FAULT_STALE_ACK;
	cr_expect_eq(outcome.fault.err_code, want.err_code, "err_code %u", outcome.fault.err_code);
}

/* Progress through the log: the cursor, and what is not done. */
static void progress(uint64_t epoch, uint64_t cursor, size_t count, const uint64_t *undone,
                     struct nc_slice parked)
{
	struct nc_buf bytes = { 0 }, payload = { 0 };
	const struct nc_sub_progress head = { .epoch = epoch,
		                              .cursor = cursor,
		                              .outstanding = count };
	nc_progress_head_put(&bytes, &head);
	for (size_t i = 0; i < count; i++) {
		const struct nc_progress_item item = { .position = undone[i], .attempts = 1 };
		nc_progress_item_put(&bytes, i == 0 ? 0 : undone[i - 1], &item);
	}
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_progress(&payload,
	                            &(struct nc_sub_change){ .name = NC_SLICE("w"),
	                                                     .epoch = epoch,
	                                                     .progress = nc_buf_slice(&bytes),
	                                                     .parked = parked });
	cr_assert_eq(store_apply(&store, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&bytes);
	nc_buf_release(&payload);
}

#define PROGRESS(cursor, ...)                                                   \
	progress(1, (cursor), sizeof((uint64_t[]){ 0, ##__VA_ARGS__ }) / 8 - 1, \
	         (uint64_t[]){ 0, ##__VA_ARGS__ } + 1, nc_slice(NULL, 0))

static bool on_acked(void *ctx, uint64_t position, enum nc_acked reach)
{
	static const char *const after[] = { "", "t", "e" };
	char *text = ctx;
	size_t size = strlen(text);
	(void)snprintf(text + size, 64 - size, "%s%llu%s", size == 0 ? "" : " ",
	               (unsigned long long)position, after[reach]);
	return true;
}

/* What would be told to whoever takes the subscription up in its epoch. */
static void expect_rows_of(uint64_t epoch, const char *want)
{
	char have[64] = "";
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_assert_eq(nc_sub_acked_each(store.reader, NC_SLICE("w"), epoch, on_acked, have), NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect_str_eq(have, want);
}

static void expect_rows(const char *want)
{
	expect_rows_of(1, want);
}

Test(acks, stand_once)
{
	struct nc_outcome outcome = ACK(3);
	expect_stands(outcome, true);
	cr_expect_eq(outcome.ack.position, 3u, "it is told");
	expect_stands(ACK(3), false);
	expect_stands(ACK(2), true);
	expect_rows("2 3");
	cr_expect_eq(nc_engine_head(store.engine).position, 10u, "the refused one wrote nothing");
}

Test(acks, do_not_stand_in_another_epoch_of_another_subscription_or_beyond_the_head)
{
	expect_stands(ACK(3, .epoch = 2), false);
	expect_stands(ACK(3, .name = NC_SLICE("v")), false);
	expect_stands(ACK(9), false);
	expect_stands(ACK(3, .stale = true), false);
	expect_rows("");
}

Test(acks, stand_by_what_the_progress_leaves_undone)
{
	PROGRESS(5, 2, 4);
	expect_stands(ACK(1), false);
	expect_stands(ACK(5), false);
	expect_stands(ACK(2), true);
	expect_stands(ACK(6), true);
	expect_rows("2 6");
}

Test(acks, outlive_a_progress_that_was_on_its_way_and_go_with_one_that_covers_them)
{
	expect_stands(ACK(2), true);
	expect_stands(ACK(4), true);
	expect_stands(ACK(6), true);
	PROGRESS(5, 2, 3);
	expect_rows("2 6");
	expect_stands(ACK(2), false);
	expect_stands(ACK(4), false);
	PROGRESS(6, 3);
	expect_rows("");
	expect_stands(ACK(2), false);
	expect_stands(ACK(6), false);
	expect_stands(ACK(3), true);
}

Test(acks, of_what_is_delivered_before_go_with_one_through)
{
	expect_stands(ACK(4, .through = true), true);
	expect_stands(ACK(2), false);
	expect_stands(ACK(5), true);
}

Test(acks, are_gone_with_their_subscription_and_say_nothing_of_the_next)
{
	struct nc_buf payload = { 0 };
	expect_stands(ACK(2), true);
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_delete(&payload, NC_SLICE("w"));
	cr_assert_eq(store_apply(&store, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&payload);
	expect_rows("");
	expect_stands(ACK(3), false);
	create("w");
	expect_stands(ACK(2), false);
	expect_stands(ACK(2, .epoch = 2), true);
}

Test(acks, of_a_refused_batch_or_a_retry_leave_no_row)
{
	struct ask_ack ask = { .ack = { .position = 2 }, .id = "1", .expect = VERSION(7) };
	cr_expect_eq(store_acknowledge(&store, ask).fault.err_code, NC_FAULT_EXPECTATION.err_code);
	expect_rows("");
	ask.expect = (struct nc_expect){ 0 };
	expect_stands(store_acknowledge(&store, ask), true);
	PROGRESS(5);
	ask.expect = (struct nc_expect)VERSION(7);
	struct nc_outcome again = store_acknowledge(&store, ask);
	expect_stands(again, true);
	cr_expect(again.duplicate);
	cr_expect_eq(again.ack.name.size, 0u, "nothing new");
	expect_rows("");
}

static bool count_parked(void *ctx, const struct nc_parked *parked)
{
	(void)parked;
	++*(size_t *)ctx;
	return true;
}

Test(acks, of_a_parked_event_on_its_way_once_more_take_its_row_away)
{
	struct nc_buf parked = { 0 }, bytes = { 0 }, payload = { 0 };
	size_t count = 0;
	nc_parked_put(&parked, &(struct nc_parked){ .position = 2, .attempts = 5 });
	progress(1, 5, 0, NULL, nc_buf_slice(&parked));
	expect_stands(ACK(2), false);
	nc_progress_head_put(
	        &bytes, &(struct nc_sub_progress){ .epoch = 1, .cursor = 5, .outstanding = 1 });
	nc_progress_item_put(&bytes, 0, &(struct nc_progress_item){ 2, 1, true });
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_progress(&payload,
	                            &(struct nc_sub_change){ .name = NC_SLICE("w"),
	                                                     .epoch = 1,
	                                                     .progress = nc_buf_slice(&bytes) });
	(void)store_apply(&store, nc_buf_slice(&payload));
	expect_stands(ACK(2), true);
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_assert_eq(nc_parked_each(store.reader, NC_SLICE("w"), 0, count_parked, &count), NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect_eq(count, 0u);
	nc_buf_release(&parked);
	nc_buf_release(&bytes);
	nc_buf_release(&payload);
}

/* Eight events and the subscription "w", by an engine of this version. */
static void begin_as(uint32_t version)
{
	store_close(&store);
	store_open(&store);
	store_raise(&store, version);
	for (int i = 0; i < 8; i++)
		APPEND(&store, .stream = "in");
	create("w");
}

/* It is given as soon as it is asked for; that it is replayed is in the log a little later. */
Test(acks, of_a_replay_stand_before_the_progress_says_that_it_is_one)
{
	struct nc_buf parked = { 0 };
	for (uint32_t version = NC_ENGINE_VERSION_STAYS - 1; version <= NC_ENGINE_VERSION_STAYS;
	     version++) {
		begin_as(version);
		nc_buf_clear(&parked);
		nc_parked_put(&parked, &(struct nc_parked){ .position = 2, .attempts = 5 });
		progress(1, 5, 0, NULL, nc_buf_slice(&parked));
		expect_stands(ACK(2), false);
		expect_stands(ACK(3, .replay = true), false);
		expect_stands(ACK(2, .replay = true, .epoch = 2), false);
		expect_stands(ACK(2, .replay = true, .stale = true), false);
		expect_stands(ACK(2, .replay = true), version >= NC_ENGINE_VERSION_STAYS);
		expect_stands(ACK(2, .replay = true), false);
	}
	PROGRESS(8);
	expect_rows("");
	expect_stands(ACK(2, .replay = true), false);
	nc_buf_release(&parked);
}

/* It stands in no order with the others: a backfill may have come by no further than to what lies
 * before it. */
Test(acks, of_a_replay_take_nothing_along)
{
	struct nc_buf parked = { 0 };
	for (uint32_t version = NC_ENGINE_VERSION_STAYS - 1; version <= NC_ENGINE_VERSION_STAYS;
	     version++) {
		begin_as(version);
		bool knows = version >= NC_ENGINE_VERSION_STAYS;
		nc_buf_clear(&parked);
		nc_parked_put(&parked, &(struct nc_parked){ .position = 5, .attempts = 5 });
		progress(1, 2, 0, NULL, nc_buf_slice(&parked));
		struct nc_outcome outcome = ACK(5, .through = true);
		expect_stands(outcome, true);
		cr_expect_neq(outcome.ack.through, knows);
		expect_rows(knows ? "5" : "5t");
		expect_stands(ACK(4), knows);
	}
	nc_buf_release(&parked);
}

/* Found by the simulator: parked by who had not heard of the batch yet, it was replayed, and a
 * second batch acknowledged it once more. */
Test(acks, come_before_a_parking_that_was_on_its_way)
{
	struct nc_buf parked = { 0 };
	size_t count = 0;
	PROGRESS(5, 2, 4);
	expect_stands(ACK(2), true);
	nc_parked_put(&parked, &(struct nc_parked){ .position = 2, .attempts = 5 });
	nc_parked_put(&parked, &(struct nc_parked){ .position = 4, .attempts = 5 });
	progress(1, 5, 0, NULL, nc_buf_slice(&parked));
	expect_rows("");
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_assert_eq(nc_parked_each(store.reader, NC_SLICE("w"), 0, count_parked, &count), NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect_eq(count, 1u);
	nc_buf_release(&parked);
}

/* A new epoch from the first event on; `backfill` empty: of another start. */
static void update_anew(uint64_t epoch, struct nc_slice backfill)
{
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_update(
	        &payload,
	        &(struct nc_sub_update){ .change = { .name = NC_SLICE("w"), .epoch = epoch },
	                                 .definition = NC_SLICE("another"),
	                                 .backfill = backfill,
	                                 .anew = true });
	cr_assert_eq(store_apply(&store, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&payload);
}

/* The list of what is not done was made before the entry stood in the log; a batch that came first
 * has had its consequences. */
Test(acks, stand_in_a_backfill_that_had_not_heard_of_them)
{
	expect_stands(ACK(3), true);
	expect_stands(ACK(5), true);
	update_anew(1, NC_SLICE("3 and 5 are not done"));
	expect_rows_of(1, "");
	expect_rows_of(2, "3 5");
	expect_stands(ACK(3, .epoch = 1), false);
	expect_stands(ACK(3, .epoch = 2), false);
	expect_stands(ACK(4, .epoch = 2), true);
	update_anew(2, nc_slice(NULL, 0));
	expect_rows_of(3, "");
	expect_stands(ACK(3, .epoch = 3), true);
}

Test(acks, of_what_is_delivered_before_do_not_take_what_newly_matches_with_them)
{
	expect_stands(ACK(4, .through = true), true);
	expect_rows("4t");
	update_anew(1, NC_SLICE("past"));
	expect_rows_of(2, "4e");
	expect_stands(ACK(4, .epoch = 2), false);
	expect_stands(ACK(3, .epoch = 2), true);
}

Test(acks, of_what_is_delivered_before_are_forgotten_in_a_backfill_below_their_version)
{
	store_close(&store);
	store_open(&store);
	store_raise(&store, NC_ENGINE_VERSION_ALL - 1);
	for (int i = 0; i < 8; i++)
		APPEND(&store, .stream = "in");
	create("w");
	expect_stands(ACK(2), true);
	expect_stands(ACK(4, .through = true), true);
	update_anew(1, NC_SLICE("past"));
	expect_rows_of(2, "2");
}

Test(acks, are_forgotten_in_a_backfill_below_the_engine_version_that_keeps_them)
{
	store_close(&store);
	store_open(&store);
	store_raise(&store, NC_ENGINE_VERSION_PAST - 1);
	for (int i = 0; i < 8; i++)
		APPEND(&store, .stream = "in");
	create("w");
	expect_stands(ACK(3), true);
	update_anew(1, NC_SLICE("past"));
	expect_rows_of(2, "");
}

Test(acks, are_refused_below_the_engine_version_that_brought_them)
{
	store_close(&store);
	store_open(&store);
	store_raise(&store, NC_ENGINE_VERSION_BATCH);
	APPEND(&store, .stream = "in");
	create("w");
	cr_expect_eq(ACK(1).fault.err_code, NC_FAULT_VERSION.err_code);
	store_raise(&store, NC_ENGINE_VERSION_ACK);
	expect_stands(ACK(1), true);
}

Test(acks, are_not_read_back_from_bytes_that_are_cut)
{
	struct nc_buf events = { 0 }, body = { 0 };
	nc_batch_event_put(&events, &(struct nc_batch_event){ .record = NC_SLICE("record") });
	struct nc_batch batch = { .event_count = 1, .events = nc_buf_slice(&events) }, read;
	batch.ack = (struct nc_batch_ack){ NC_SLICE("w"), 300, 1u << 20, true, true, true };
	nc_batch_put(&body, &batch);
	cr_assert_eq(nc_batch_get(nc_buf_slice(&body), &read), NC_OK);
	cr_expect(nc_slice_is(read.ack.name, "w") && read.ack.epoch == 300 &&
	          read.ack.position == 1u << 20 && read.ack.through && read.ack.stale &&
	          read.ack.replay);
	for (size_t size = 0; size < body.size; size++)
		cr_expect_neq(nc_batch_get(nc_slice(body.data, size), &read), NC_OK, "%zu", size);
	body.data[body.size - 1] = 8;
	cr_expect_eq(nc_batch_get(nc_buf_slice(&body), &read), NC_CORRUPT, "unknown flags");
	nc_buf_release(&events);
	nc_buf_release(&body);
}
