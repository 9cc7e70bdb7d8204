/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/delivery/backfill.h, and a definition that changes under a running machine. */
#include "core/delivery/backfill.h"
#include "tests/unit/delivery/harness.h"

Test(backfill, keeps_what_was_not_done)
{
	struct harness h = harness_push();
	struct nc_buf bytes = { 0 };
	struct nc_backfill backfill;
	struct nc_backfill_at at = { 0 };
	harness_open(&h);
	harness_offer(&h, 3, 6);
	expect_step(&h, "3/1 4/1 5/1 6/1");
	ack(&h, 4);
	cr_assert_eq(nc_sub_term(h.sub, 1, 6, NC_SLICE(""), h.now), NC_OK);
	nc_backfill_put(&bytes, NC_SLICE("by_stream"), NC_SLICE("\"a\""), 6, h.sub);
	cr_assert_eq(nc_backfill_get(nc_buf_slice(&bytes), &backfill), NC_OK);
	cr_expect_eq(backfill.undone_count, 3u, "that 6 is parked has not been said");
	expect_step(&h, "P6");
	nc_buf_clear(&bytes);
	nc_backfill_put(&bytes, NC_SLICE("by_stream"), NC_SLICE("\"a\""), 6, h.sub);
	cr_assert_eq(nc_backfill_get(nc_buf_slice(&bytes), &backfill), NC_OK);
	cr_expect(nc_slice_is(backfill.plugin, "by_stream") && backfill.through == 6);
	cr_expect(nc_slice_is(backfill.selector, "\"a\""));
	cr_expect_eq(backfill.undone_count, 2u, "6 is parked already");
	bool want[] = { false, false, false, true, false, true, false, false };
	for (uint64_t position = 1; position <= 7; position++) {
		cr_expect_eq(nc_backfill_is_undone(&backfill, &at, position), want[position], "%lu",
		             (unsigned long)position);
	}
	at = (struct nc_backfill_at){ 0 };
	backfill.done_to = 3;
	cr_expect_not(nc_backfill_is_undone(&backfill, &at, 3), "done since");
	cr_expect(nc_backfill_is_undone(&backfill, &at, 5));
	for (size_t size = 0; size < bytes.size; size++)
		cr_expect_neq(nc_backfill_get(nc_slice(bytes.data, size), &backfill), NC_OK);
	bytes.data[0] = 2;
	cr_expect_eq(nc_backfill_get(nc_buf_slice(&bytes), &backfill), NC_UNSUPPORTED);
	nc_buf_release(&bytes);
	nc_sub_free(h.sub);
}

Test(backfill, another_definition_leaves_what_is_on_its_way)
{
	struct harness h = harness_push();
	h.definition.max_in_flight = 2;
	harness_open(&h);
	harness_offer(&h, 1, 4);
	expect_step(&h, "1/1 2/1");
	h.definition.max_in_flight = 3;
	h.definition.ack_wait_ms = 60000;
	h.definition.max_deliver = 1;
	h.definition.on_exhausted = NC_EXHAUSTED_SKIP;
	nc_sub_redefine(h.sub, &h.definition, h.now);
	expect_step(&h, "3/1");
	ack(&h, 1);
	expect_after(&h, 1000, "4/1");
	expect_after(&h, 29000, "S2"); /* its wait began by the old definition */
	expect_after(&h, 29000, "");
	expect_after(&h, 1000, "S3");
	expect_after(&h, 1000, "S4");
	nc_sub_free(h.sub);
}

Test(backfill, an_event_that_is_gone_is_done)
{
	struct harness h = harness_acking(NC_ACK_ALL);
	harness_offer(&h, 1, 3);
	expect_step(&h, "1/1 2/1 3/1");
	cr_expect_eq(nc_sub_gone(h.sub, 3), NC_OK);
	cr_expect_eq(harness_info(&h).in_flight, 2u, "and nothing before it, also with ack all");
	cr_expect_eq(nc_sub_gone(h.sub, 3), NC_NOTFOUND);
	nc_sub_free(h.sub);
}
