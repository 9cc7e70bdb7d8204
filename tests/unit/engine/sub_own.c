/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Another node runs a subscription: the epoch is another, the place is the same, and whatever the
 * node before it still sends is refused. */
#include "core/engine/progress.h"
#include "core/engine/subs.h"
#include "tests/unit/engine/store.h"

static struct store store;

static void setup(void)
{
	store_open_with_sub(&store, NC_ENGINE_VERSION_OWN);
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(sub_own, .init = setup, .fini = teardown);

static struct nc_outcome own(uint64_t epoch, uint64_t number, uint64_t boot)
{
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_own(&payload,
	                       &(struct nc_sub_own){ NC_SLICE("w"), epoch, { number, boot } });
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	return outcome;
}

/* All up to `cursor` is done but for `left`. */
static struct nc_outcome progress(uint64_t epoch, uint64_t cursor, uint64_t left)
{
	struct nc_buf bytes = { 0 }, payload = { 0 };
	nc_progress_head_put(&bytes, &(struct nc_sub_progress){ .epoch = epoch,
	                                                        .cursor = cursor,
	                                                        .outstanding = left > 0 });
	if (left > 0) {
		nc_progress_item_put(&bytes, 0,
		                     &(struct nc_progress_item){ .position = left, .attempts = 2 });
	}
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_progress(&payload,
	                            &(struct nc_sub_change){ .name = NC_SLICE("w"),
	                                                     .epoch = epoch,
	                                                     .progress = nc_buf_slice(&bytes) });
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&bytes);
	nc_buf_release(&payload);
	return outcome;
}

static struct nc_outcome acknowledge(uint64_t epoch, uint64_t position)
{
	return store_acknowledge(
	        &store, (struct ask_ack){ .ack = { .epoch = epoch, .position = position } });
}

struct seen {
	struct nc_sub_row row;
	struct nc_sub_owner owner;
	struct nc_sub_progress head;
	bool has_progress, undone;
	uint64_t acked; /* sum of positions */
};

static bool on_acked(void *ctx, uint64_t position, enum nc_acked reach)
{
	(void)reach;
	*(uint64_t *)ctx += position;
	return true;
}

static struct seen look(uint64_t position)
{
	struct nc_buf scratch = { 0 }, bytes = { 0 };
	struct nc_slice name = NC_SLICE("w");
	struct seen seen = { 0 };
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_assert_eq(nc_sub_row_get(store.reader, name, &scratch, &seen.row), NC_OK);
	cr_assert_eq(nc_sub_owner_get(store.reader, name, &seen.owner), NC_OK);
	seen.has_progress = nc_sub_row_progress(store.reader, name, &bytes) == NC_OK;
	if (seen.has_progress) {
		cr_assert_eq(nc_sub_progress_read(nc_buf_slice(&bytes), &seen.head), NC_OK);
		seen.undone = nc_sub_progress_undone(nc_buf_slice(&bytes), position);
	}
	cr_assert_eq(nc_sub_acked_each(store.reader, name, seen.row.epoch, on_acked, &seen.acked),
	             NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect(nc_slice_is(seen.row.definition, "one"));
	nc_buf_release(&scratch);
	nc_buf_release(&bytes);
	return seen;
}

Test(sub_own, the_place_stays_and_the_epoch_is_another)
{
	cr_assert_eq(progress(1, 6, 3).fault.code, 0);
	struct nc_outcome outcome = own(1, 42, 7);
	cr_expect_eq(outcome.fault.code, 0);
	cr_expect_eq(outcome.told, NC_SUB_TOLD_OWNED);
	cr_expect_eq(outcome.epoch, 2u);
	cr_expect_eq(outcome.owner.number, 42u);
	struct seen seen = look(3);
	cr_expect_eq(seen.row.epoch, 2u);
	cr_expect_eq(seen.owner.number, 42u);
	cr_expect_eq(seen.owner.boot, 7u);
	cr_assert(seen.has_progress);
	cr_expect_eq(seen.head.epoch, 2u);
	cr_expect_eq(seen.head.cursor, 6u);
	cr_expect_eq(seen.head.floor, 2u);
	cr_expect(seen.undone);
}

Test(sub_own, what_the_owner_before_sends_is_refused)
{
	cr_assert_eq(progress(1, 4, 0).fault.code, 0);
	cr_assert_eq(own(1, 42, 7).epoch, 2u);
	cr_expect_eq(progress(1, 8, 0).fault.err_code, NC_FAULT_NO_SUB.err_code);
	cr_expect_eq(acknowledge(1, 6).fault.err_code, NC_FAULT_STALE_ACK.err_code);
	cr_expect_eq(look(0).head.cursor, 4u, "refused, and nothing changed");
	cr_expect_eq(own(1, 43, 1).fault.err_code, NC_FAULT_NO_SUB.err_code);
	cr_expect_eq(look(0).owner.number, 42u);
	cr_expect_eq(progress(2, 8, 0).fault.code, 0, "the new owner's is not");
	cr_expect_eq(own(2, 42, 8).epoch, 3u, "the same node, started anew");
	cr_expect_eq(progress(2, 8, 0).fault.err_code, NC_FAULT_NO_SUB.err_code);
}

Test(sub_own, what_batches_acknowledged_stays_so)
{
	cr_assert_eq(progress(1, 6, 5).fault.code, 0);
	cr_assert_eq(acknowledge(1, 5).fault.code, 0);
	cr_assert_eq(acknowledge(1, 8).fault.code, 0);
	cr_assert_eq(own(1, 42, 7).epoch, 2u);
	cr_expect_eq(look(0).acked, 13u);
	cr_expect_eq(acknowledge(2, 5).fault.err_code, NC_FAULT_STALE_ACK.err_code, "once");
	cr_expect_eq(acknowledge(2, 7).fault.code, 0);
	cr_expect_eq(progress(2, 8, 0).fault.code, 0);
	cr_expect_eq(look(0).acked, 0u, "the progress covers them");
}

Test(sub_own, one_that_never_moved_begins_where_it_starts)
{
	cr_assert_eq(own(1, 42, 7).epoch, 2u);
	cr_expect_not(look(0).has_progress);
	cr_assert_eq(own(2, 0, 0).epoch, 3u);
	cr_expect_eq(look(0).owner.number, 0u, "the leader has it back");
}

Test(sub_own, is_refused_by_a_store_that_is_not_raised_so_far)
{
	struct nc_buf payload = { 0 };
	store_close(&store);
	store_open(&store);
	store_raise(&store, NC_ENGINE_VERSION_SUBS);
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_create(&payload, &(struct nc_sub_create){ .name = NC_SLICE("w") });
	cr_assert_eq(store_apply(&store, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&payload);
	cr_expect_eq(own(1, 42, 7).fault.err_code, NC_FAULT_VERSION.err_code);
}

Test(sub_own, nothing_of_it_is_left_when_it_is_deleted)
{
	struct nc_buf payload = { 0 };
	struct nc_sub_owner owner = { 9, 9 };
	cr_assert_eq(own(1, 42, 7).epoch, 2u);
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_delete(&payload, NC_SLICE("w"));
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	cr_expect_eq(outcome.told, NC_SUB_TOLD_GONE);
	cr_expect_eq(outcome.epoch, 2u);
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_assert_eq(nc_sub_owner_get(store.reader, NC_SLICE("w"), &owner), NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect_eq(owner.number, 0u);
}
