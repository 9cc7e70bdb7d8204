/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events of which no message could be sent, since they are larger than the server takes: they are
 * parked at once, and no acknowledgement of another event makes them done. */
#include "tests/unit/delivery/harness.h"

static void unsendable(struct harness *h, uint64_t position)
{
	nc_sub_unsendable(h->sub, position, h->flights[position], NC_SLICE("too large"), h->now);
}

Test(unsendable, it_is_parked_whatever_is_to_become_of_the_exhausted)
{
	const enum nc_exhausted each[] = { NC_EXHAUSTED_PARK, NC_EXHAUSTED_SKIP,
		                           NC_EXHAUSTED_STOP };
	for (size_t i = 0; i < 3; i++) {
		struct harness h = harness_push();
		h.definition.on_exhausted = each[i];
		harness_open(&h);
		harness_offer(&h, 1, 2);
		expect_step(&h, "1/1 2/1");
		unsendable(&h, 1);
		expect_step(&h, "P1");
		cr_expect_str_eq(h.reason, "too large");
		cr_expect_eq(harness_info(&h).in_flight, 1);
		nc_sub_free(h.sub);
	}
}

Test(unsendable, an_ack_of_all_before_does_not_take_it_along)
{
	struct harness h = harness_acking(NC_ACK_ALL);
	harness_offer(&h, 1, 3);
	expect_step(&h, "1/1 2/1 3/1");
	unsendable(&h, 2);
	cr_expect_eq(ack(&h, 3), NC_OK);
	expect_step(&h, "P2");
	cr_expect_eq(harness_info(&h).ack_floor, 3);
	nc_sub_free(h.sub);
}

Test(unsendable, without_answers_it_is_parked_too)
{
	struct harness h = harness_acking(NC_ACK_NONE);
	harness_offer(&h, 1, 2);
	expect_step(&h, "1/1 2/1");
	unsendable(&h, 1);
	expect_step(&h, "P1");
	nc_sub_free(h.sub);
}

Test(unsendable, its_key_is_parked_with_it)
{
	struct harness h = harness_ordered();
	harness_offer_keys(&h, 1, "aab");
	expect_step(&h, "1/1 3/1");
	unsendable(&h, 1);
	expect_step(&h, "P1 P2");
	nc_sub_free(h.sub);
}

Test(unsendable, a_flight_that_is_over_changes_nothing)
{
	struct harness h = harness_opened();
	harness_offer(&h, 1, 1);
	expect_step(&h, "1/1");
	uint64_t first = h.flights[1];
	nak(&h, 1, 1);
	expect_step(&h, "1/2");
	nc_sub_unsendable(h.sub, 1, first, NC_SLICE("too large"), h.now);
	nc_sub_unsendable(h.sub, 2, first, NC_SLICE("too large"), h.now);
	expect_step(&h, "");
	cr_expect_eq(harness_info(&h).in_flight, 1);
	nc_sub_free(h.sub);
}

Test(unsendable, one_that_nobody_listens_for_is_no_word_that_somebody_does)
{
	struct harness h = harness_opened();
	harness_offer(&h, 1, 3);
	expect_step(&h, "1/1 2/1 3/1");
	for (uint64_t position = 1; position <= 3; position++)
		nc_sub_no_responders(h.sub, 1, position, 1, h.now);
	expect_step(&h, "stall");
	expect_after(&h, 1000, "1/1");
	unsendable(&h, 1);
	expect_step(&h, "P1 2/1");
	nc_sub_no_responders(h.sub, 1, 2, 1, h.now);
	expect_step(&h, "");
	nc_sub_free(h.sub);
}
