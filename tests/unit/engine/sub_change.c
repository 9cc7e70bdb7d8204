/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Seeking and updating durable subscriptions, at apply. */
#include <stdio.h>

#include "core/engine/progress.h"
#include "core/engine/subs.h"
#include "tests/unit/engine/store.h"

static struct store store;

static void setup(void)
{
	store_open_with_sub(&store, NC_ENGINE_VERSION);
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(sub_change, .init = setup, .fini = teardown);

static struct nc_outcome seek(uint64_t epoch, enum nc_sub_start start, uint64_t value,
                              struct nc_slice parked)
{
	struct nc_buf payload = { 0 };
	const struct nc_sub_seek asked = {
		.change = { .name = NC_SLICE("w"), .epoch = epoch, .parked = parked },
		.start = start,
		.start_value = value
	};
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_seek(&payload, &asked);
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	return outcome;
}

static struct nc_outcome update(struct nc_sub_update asked)
{
	struct nc_buf payload = { 0 };
	asked.change.name = NC_SLICE("w");
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_update(&payload, &asked);
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	return outcome;
}

static struct nc_buf scratch;

static struct nc_sub_row row(void)
{
	struct nc_sub_row found;
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_assert_eq(nc_sub_row_get(store.reader, NC_SLICE("w"), &scratch, &found), NC_OK);
	nc_state_reader_end(store.reader);
	return found;
}

static bool has_progress(void)
{
	struct nc_buf progress = { 0 };
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	int err = nc_sub_row_progress(store.reader, NC_SLICE("w"), &progress);
	nc_state_reader_end(store.reader);
	nc_buf_release(&progress);
	return err == NC_OK;
}

/* Of the progress that is there: "epoch cursor", and what it says beside; "": there is none. */
static const char *progress_there(void)
{
	static char text[64];
	struct nc_buf bytes = { 0 };
	struct nc_sub_progress head;
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	int err = nc_sub_row_progress(store.reader, NC_SLICE("w"), &bytes);
	nc_state_reader_end(store.reader);
	text[0] = '\0';
	if (err == NC_OK) {
		cr_assert_eq(nc_sub_progress_read(nc_buf_slice(&bytes), &head), NC_OK);
		(void)snprintf(text, sizeof text, "%d %d%s%s", (int)head.epoch, (int)head.cursor,
		               head.paused ? " paused" : "", head.halted ? " halted" : "");
	}
	nc_buf_release(&bytes);
	return text;
}

static bool on_parked(void *ctx, const struct nc_parked *parked)
{
	uint64_t *sum = ctx;
	*sum += parked->position;
	return true;
}

static uint64_t parked_sum(void)
{
	uint64_t sum = 0;
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_assert_eq(nc_parked_each(store.reader, NC_SLICE("w"), 0, on_parked, &sum), NC_OK);
	nc_state_reader_end(store.reader);
	return sum;
}

static struct nc_slice parked_of(struct nc_buf *buf, uint64_t a, uint64_t b)
{
	nc_parked_put(buf, &(struct nc_parked){ .position = a, .attempts = 1 });
	nc_parked_put(buf, &(struct nc_parked){ .position = b, .attempts = 1 });
	return nc_buf_slice(buf);
}

static struct nc_slice progress_of(struct nc_buf *buf, uint64_t cursor)
{
	nc_progress_head_put(buf, &(struct nc_sub_progress){ .epoch = 1, .cursor = cursor });
	return nc_buf_slice(buf);
}

Test(sub_change, a_seek_begins_a_new_epoch_and_forgets_what_lies_beyond)
{
	struct nc_buf parked = { 0 }, progress = { 0 };
	cr_assert_eq(update((struct nc_sub_update){
	                            .change = { .epoch = 1, .progress = progress_of(&progress, 8) },
	                            .definition = NC_SLICE("one") })
	                     .fault.code,
	             0);
	cr_assert(has_progress());
	struct nc_outcome outcome = seek(1, NC_SUB_START_POSITION, 5, parked_of(&parked, 2, 6));
	cr_expect_eq(outcome.fault.code, 0);
	cr_expect_eq(outcome.epoch, 2u);
	cr_expect_eq(outcome.cursor, 4u);
	cr_expect_eq(row().epoch, 2u);
	cr_expect_eq(row().cursor, 4u);
	cr_expect(nc_slice_is(row().definition, "one"));
	cr_expect_eq(parked_sum(), 2u, "6 will come again");
	cr_expect_not(has_progress());
	cr_expect_eq(seek(1, NC_SUB_START_FIRST, 0, nc_slice(NULL, 0)).fault.err_code,
	             NC_FAULT_NO_SUB.err_code, "of an epoch that is over");
	cr_expect_eq(seek(2, NC_SUB_START_NEW, 0, nc_slice(NULL, 0)).cursor, 8u);
	nc_buf_release(&parked);
	nc_buf_release(&progress);
	nc_buf_release(&scratch);
}

Test(sub_change, an_update_carries_the_progress_and_may_begin_anew)
{
	struct nc_buf progress = { 0 }, parked = { 0 };
	struct nc_sub_update asked = { .change = { .epoch = 1,
		                                   .progress = progress_of(&progress, 3),
		                                   .parked = parked_of(&parked, 1, 3) },
		                       .definition = NC_SLICE("two") };
	struct nc_outcome outcome = update(asked);
	cr_expect(outcome.fault.code == 0 && outcome.epoch == 1);
	cr_expect(nc_slice_is(row().definition, "two"));
	cr_expect_eq(row().backfill.size, 0u);
	cr_expect(has_progress());
	asked.definition = NC_SLICE("three");
	asked.backfill = NC_SLICE("past");
	asked.change.progress = nc_slice(NULL, 0);
	asked.anew = true;
	asked.cursor = 1;
	outcome = update(asked);
	cr_expect(outcome.fault.code == 0 && outcome.epoch == 2 && outcome.cursor == 1);
	cr_expect(nc_slice_is(row().definition, "three") && nc_slice_is(row().backfill, "past"));
	cr_expect_eq(row().cursor, 1u);
	cr_expect_not(has_progress());
	cr_expect_eq(parked_sum(), 4u, "parked events stay");
	cr_expect_eq(update(asked).fault.err_code, NC_FAULT_NO_SUB.err_code);
	nc_buf_release(&progress);
	nc_buf_release(&parked);
	nc_buf_release(&scratch);
}

/* Through the log, of the epoch. */
static void pause(uint64_t epoch)
{
	struct nc_buf bytes = { 0 }, payload = { 0 };
	const struct nc_sub_progress head = {
		.epoch = epoch, .cursor = 6, .paused = true, .halted = true
	};
	nc_progress_head_put(&bytes, &head);
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_progress(&payload,
	                            &(struct nc_sub_change){ .name = NC_SLICE("w"),
	                                                     .epoch = epoch,
	                                                     .progress = nc_buf_slice(&bytes) });
	cr_assert_eq(store_apply(&store, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&bytes);
	nc_buf_release(&payload);
}

Test(sub_change, what_is_paused_stays_so_in_a_new_epoch)
{
	struct nc_sub_update asked = { .change = { .epoch = 2 },
		                       .definition = NC_SLICE("two"),
		                       .backfill = NC_SLICE("past"),
		                       .anew = true,
		                       .cursor = 1 };
	pause(1);
	(void)seek(1, NC_SUB_START_POSITION, 5, nc_slice(NULL, 0));
	cr_expect_str_eq(progress_there(), "2 4 paused", "and goes on where it halted");
	(void)update(asked);
	cr_expect_str_eq(progress_there(), "3 1 paused");
	cr_expect(nc_slice_is(row().backfill, "past"));
	asked.change.epoch = 3;
	asked.anew = false;
	(void)update(asked);
	cr_expect_str_eq(progress_there(), "", "else its own progress says it");
	asked.anew = true;
	(void)update(asked);
	cr_expect_str_eq(progress_there(), "");
	asked.anew = false;
	asked.change.epoch = 4;
	asked.change.progress = NC_SLICE("not understood");
	(void)update(asked);
	cr_expect_eq(seek(4, NC_SUB_START_FIRST, 0, nc_slice(NULL, 0)).fault.code, 0);
	cr_expect_str_eq(progress_there(), "");
	nc_buf_release(&scratch);
}

Test(sub_change, what_is_paused_goes_on_in_a_new_epoch_below_the_version_that_keeps_it)
{
	store_close(&store);
	store_open_with_sub(&store, NC_ENGINE_VERSION_STAYS - 1);
	pause(1);
	(void)seek(1, NC_SUB_START_FIRST, 0, nc_slice(NULL, 0));
	cr_expect_str_eq(progress_there(), "");
	pause(2);
	(void)update((struct nc_sub_update){
	        .change = { .epoch = 2 }, .definition = NC_SLICE("two"), .anew = true });
	cr_expect_str_eq(progress_there(), "");
}

Test(sub_change, both_are_refused_before_their_version)
{
	struct store before;
	struct nc_buf payload = { 0 };
	store_open(&before);
	store_raise(&before, NC_ENGINE_VERSION_SUBS - 1);
	nc_entry_begin(&payload, before.time_ns);
	nc_command_put_sub_seek(&payload,
	                        &(struct nc_sub_seek){ .change = { .name = NC_SLICE("w") } });
	cr_expect_eq(store_apply(&before, nc_buf_slice(&payload)).fault.err_code,
	             NC_FAULT_VERSION.err_code);
	nc_buf_clear(&payload);
	nc_entry_begin(&payload, before.time_ns);
	nc_command_put_sub_update(&payload,
	                          &(struct nc_sub_update){ .change = { .name = NC_SLICE("w") } });
	cr_expect_eq(store_apply(&before, nc_buf_slice(&payload)).fault.err_code,
	             NC_FAULT_VERSION.err_code);
	nc_buf_release(&payload);
	store_close(&before);
}
