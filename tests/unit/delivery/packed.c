/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/delivery/subscription.h: events that leave in one message are answered together. */
#include "tests/unit/delivery/harness.h"

/* As they were delivered last, or as `flights` has it. */
static void left_together(struct harness *h, uint64_t first, uint64_t last, const uint64_t *flights)
{
	flights = flights == NULL ? h->flights : flights;
	for (uint64_t position = first; position <= last; position++)
		nc_sub_packed(h->sub, position, flights[position], flights[last]);
}

/* Events 1 to 6 in flight; 2 to 4 left in one message, 5 and 6 in another. */
static struct harness flying(bool push)
{
	struct harness h = harness_push();
	h.definition.ack = NC_ACK_ALL;
	h.definition.push = push;
	h.definition.max_deliver = 3;
	harness_open(&h);
	harness_offer(&h, 1, 6);
	const struct nc_sub_request request = { 7, 6, 0, h.now + 1000 * MS, false };
	if (!push)
		cr_assert_eq(nc_sub_request(h.sub, &request, h.now), NC_OK);
	(void)harness_step(&h);
	left_together(&h, 2, 4, NULL);
	left_together(&h, 5, 6, NULL);
	return h;
}

static enum nc_sub_entry_state state_of(const struct harness *h, uint64_t position)
{
	uint32_t attempts;
	return nc_sub_find(h->sub, position, &attempts);
}

Test(packed, what_is_refused_comes_again_whole_and_nothing_else)
{
	struct harness h = flying(true);
	nak(&h, 4, 1);
	expect_step(&h, "2/2 3/2 4/2");
	nak(&h, 6, 1);
	expect_step(&h, "5/2 6/2");
	nc_sub_free(h.sub);
}

Test(packed, an_answer_to_one_that_is_not_the_last_is_about_that_one)
{
	struct harness h = flying(true);
	nak(&h, 3, 1);
	expect_step(&h, "3/2");
	nak(&h, 4, 1);
	expect_step(&h, "2/2 4/2"); /* 3 has left in a message of its own */
	nc_sub_free(h.sub);
}

Test(packed, an_answer_to_an_earlier_attempt_is_about_none)
{
	struct harness h = flying(true);
	nak(&h, 4, 1);
	expect_step(&h, "2/2 3/2 4/2");
	nak(&h, 4, 1);
	expect_step(&h, "");
	nak(&h, 4, 2);
	expect_step(&h, "4/3"); /* it was not told that they left together */
	nc_sub_free(h.sub);
}

Test(packed, what_is_told_late_of_an_earlier_attempt_is_of_no_other)
{
	struct harness h = flying(true);
	uint64_t flights[64];
	memcpy(flights, h.flights, sizeof flights);
	nak(&h, 2, 1);
	nak(&h, 4, 1);
	expect_step(&h, "2/2 3/2 4/2"); /* each in a message of its own */
	left_together(&h, 2, 4, flights);
	nak(&h, 4, 2);
	expect_step(&h, "4/3");
	nc_sub_free(h.sub);
}

/* Nobody heard it, so that the attempt is the same again. */
Test(packed, what_is_told_late_is_of_no_other_flight_by_the_same_attempt)
{
	struct harness h = flying(false);
	uint64_t flights[64];
	memcpy(flights, h.flights, sizeof flights);
	nc_sub_no_responders(h.sub, 1, 4, 1, h.now);
	const struct nc_sub_request request = { 8, 3, 0, h.now + 1000 * MS, false };
	cr_assert_eq(nc_sub_request(h.sub, &request, h.now), NC_OK);
	expect_step(&h, "2/1>8 3/1>8 4/1>8");
	left_together(&h, 2, 4, flights);
	nc_sub_term(h.sub, 1, 4, NC_SLICE("broken"), h.now);
	expect_step(&h, "P4");
	nc_sub_free(h.sub);
}

/* One of them was answered for by itself, and stays where it was. */
Test(packed, a_message_is_another_when_its_last_leaves_anew)
{
	struct harness h = flying(true);
	expect_after(&h, 20000, "");
	nc_sub_wpi(h.sub, 1, 2, 1, h.now);
	expect_after(&h, 10000, "1/2 3/2 4/2 5/2 6/2");
	left_together(&h, 3, 4, NULL);
	nak(&h, 4, 2);
	expect_step(&h, "3/3 4/3");
	nc_sub_free(h.sub);
}

Test(packed, work_on_it_lets_all_wait_anew)
{
	struct harness h = flying(true);
	expect_after(&h, 20000, "");
	nc_sub_wpi(h.sub, 1, 4, 1, h.now);
	expect_after(&h, 10000, "1/2 5/2 6/2");
	expect_after(&h, 20000, "2/2 3/2 4/2");
	nc_sub_free(h.sub);
}

Test(packed, what_is_terminated_is_parked_whole)
{
	struct harness h = flying(true);
	nc_sub_term(h.sub, 1, 4, NC_SLICE("broken"), h.now);
	expect_step(&h, "P4 P3 P2");
	cr_expect_str_eq(h.reason, "broken");
	cr_expect_eq(state_of(&h, 1), NC_SUB_FLYING);
	cr_expect_eq(state_of(&h, 5), NC_SUB_FLYING);
	nc_sub_free(h.sub);
}

Test(packed, what_nobody_heard_is_no_attempt_of_any)
{
	struct harness h = flying(false);
	nc_sub_no_responders(h.sub, 1, 4, 1, h.now);
	const struct nc_sub_request request = { 8, 3, 0, h.now + 1000 * MS, false };
	cr_assert_eq(nc_sub_request(h.sub, &request, h.now), NC_OK);
	expect_step(&h, "2/1>8 3/1>8 4/1>8");
	nc_sub_free(h.sub);
}

Test(packed, the_acknowledgement_of_the_last_takes_all_before_it)
{
	struct harness h = flying(true);
	ack(&h, 4);
	cr_expect_eq(harness_info(&h).ack_floor, 4);
	cr_expect_eq(harness_info(&h).in_flight, 2);
	nc_sub_free(h.sub);
}

Test(packed, what_is_replayed_goes_alone)
{
	struct harness h = flying(true);
	struct nc_sub_action action;
	nc_sub_term(h.sub, 1, 4, NC_SLICE("broken"), h.now);
	(void)harness_step(&h);
	cr_assert_eq(nc_sub_replay(h.sub, &(struct nc_sub_event){ .position = 2, .size = 1 }),
	             NC_OK);
	cr_assert(nc_sub_step(h.sub, h.now, &action));
	cr_expect(action.kind == NC_SUB_DELIVER && action.position == 2 && action.alone);
	harness_offer(&h, 7, 7);
	cr_assert(nc_sub_step(h.sub, h.now, &action));
	cr_expect(action.kind == NC_SUB_DELIVER && action.position == 7 && !action.alone);
	nc_sub_free(h.sub);
}
