/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that are not seen any more while they are on their way: whoever has them may still
 * acknowledge them, and nothing else comes of them: they are not delivered again, park nothing, and
 * halt nobody. */
#include "tests/unit/delivery/harness.h"

static struct harness in_flight(uint32_t max_deliver, enum nc_exhausted on_exhausted)
{
	struct harness h = harness_push();
	h.definition.order = NC_ORDER_STREAM;
	h.definition.max_deliver = max_deliver;
	h.definition.on_exhausted = on_exhausted;
	h.definition.ack_wait_ms = 100;
	harness_open(&h);
	harness_offer_keys(&h, 1, "aa");
	expect_step(&h, "1/1");
	cr_expect_eq(nc_sub_fade(h.sub, 1), NC_OK);
	expect_step(&h, "");
	return h;
}

Test(fade, it_may_still_be_acknowledged)
{
	struct harness h = in_flight(1, NC_EXHAUSTED_PARK);
	cr_expect_eq(harness_info(&h).in_flight, 1);
	cr_expect_eq(ack(&h, 1), NC_OK);
	expect_step(&h, "2/1");
	nc_sub_free(h.sub);
}

Test(fade, when_its_wait_ends_it_is_done_whatever_is_to_become_of_the_exhausted)
{
	const enum nc_exhausted each[] = { NC_EXHAUSTED_PARK, NC_EXHAUSTED_SKIP,
		                           NC_EXHAUSTED_STOP };
	for (size_t i = 0; i < 3; i++) {
		struct harness h = in_flight(1, each[i]);
		expect_after(&h, 100, "2/1");
		cr_expect_eq(harness_info(&h).parked, 0);
		cr_expect_not(harness_info(&h).halted);
		nc_sub_free(h.sub);
	}
}

Test(fade, it_is_not_delivered_again)
{
	struct harness h = in_flight(5, NC_EXHAUSTED_PARK);
	nak(&h, 1, 1);
	expect_step(&h, "2/1");
	nc_sub_free(h.sub);
	h = in_flight(5, NC_EXHAUSTED_PARK);
	cr_expect_eq(nc_sub_nak_delay(h.sub, 1, 1, 1, 50 * MS, h.now), NC_OK);
	expect_step(&h, "2/1");
	nc_sub_free(h.sub);
	h = in_flight(5, NC_EXHAUSTED_PARK);
	cr_expect_eq(nc_sub_no_responders(h.sub, 1, 1, 1, h.now), NC_OK);
	cr_expect_eq(nc_sub_find(h.sub, 1, &(uint32_t){ 0 }), NC_SUB_NOT_HERE);
	nc_sub_free(h.sub);
}

Test(fade, a_term_parks_nothing)
{
	struct harness h = in_flight(5, NC_EXHAUSTED_PARK);
	cr_expect_eq(nc_sub_term(h.sub, 1, 1, NC_SLICE("bad"), h.now), NC_OK);
	expect_step(&h, "2/1");
	cr_expect_eq(harness_info(&h).parked, 0);
	nc_sub_free(h.sub);
}

Test(fade, what_is_not_in_flight_is_done_at_once)
{
	struct harness h = in_flight(5, NC_EXHAUSTED_PARK);
	harness_offer_key(&h, 3, "a");
	cr_expect_eq(nc_sub_fade(h.sub, 2), NC_OK);
	cr_expect_eq(nc_sub_fade(h.sub, 2), NC_NOTFOUND);
	cr_expect_eq(ack(&h, 1), NC_OK);
	expect_step(&h, "3/1");
	nc_sub_free(h.sub);
}

Test(fade, nobody_asks_for_its_size_any_more)
{
	struct harness h = { 0 };
	uint64_t positions[2];
	const struct nc_sub_request request = { .id = 1, .batch = 1, .expires_ns = 5000000 * MS };
	const struct nc_sub_event event = { .position = 1 };
	nc_definition_init(&h.definition);
	harness_open(&h);
	cr_assert_eq(nc_sub_offer(h.sub, &event), NC_OK);
	cr_assert_eq(nc_sub_request(h.sub, &request, h.now), NC_OK);
	expect_step(&h, "1/1>1");
	cr_expect_eq(nc_sub_unsized(h.sub, positions, 2), 1);
	cr_expect_eq(nc_sub_fade(h.sub, 1), NC_OK);
	cr_expect_eq(nc_sub_unsized(h.sub, positions, 2), 0);
	nc_sub_free(h.sub);
}

Test(fade, of_a_replay_the_row_goes_and_the_key_is_free)
{
	struct harness h = in_flight(1, NC_EXHAUSTED_PARK);
	const struct nc_sub_event second = { .position = 2, .key = NC_SLICE("a"), .size = 1 };
	cr_expect_eq(ack(&h, 1), NC_OK);
	expect_step(&h, "2/1");
	expect_after(&h, 100, "P2");
	cr_assert_eq(nc_sub_replay(h.sub, &second), NC_OK);
	expect_step(&h, "2/1");
	cr_expect_eq(nc_sub_fade(h.sub, 2), NC_OK);
	harness_offer_key(&h, 3, "a");
	expect_after(&h, 100, "U2 3/1");
	cr_expect_eq(harness_info(&h).parked, 0);
	nc_sub_free(h.sub);
}

Test(fade, what_waits_or_flies_is_listed_a_page_at_a_time_and_what_fades_is_not)
{
	struct harness h = in_flight(5, NC_EXHAUSTED_PARK);
	uint64_t positions[2] = { 0 };
	harness_offer_keys(&h, 3, "bb");
	expect_step(&h, "3/1");
	cr_expect_eq(nc_sub_undone(h.sub, 0, positions, 2), 2);
	cr_expect_eq(positions[0], 2, "it waits");
	cr_expect_eq(positions[1], 3, "it flies");
	cr_expect_eq(nc_sub_undone(h.sub, 3, positions, 2), 1);
	cr_expect_eq(positions[0], 4);
	nc_sub_free(h.sub);
}

Test(fade, a_page_goes_on_also_where_the_last_of_the_one_before_is_gone_or_replayed)
{
	struct harness h = in_flight(1, NC_EXHAUSTED_PARK);
	const struct nc_sub_event second = { .position = 2, .key = NC_SLICE("a"), .size = 1 };
	uint64_t positions[4] = { 0 };
	for (uint64_t position = 3; position <= 5; position++)
		harness_offer_key(&h, position, "b");
	cr_expect_eq(ack(&h, 1), NC_OK);
	expect_step(&h, "2/1 3/1");
	expect_after(&h, 100, "P2 P3 P4 P5");
	harness_offer(&h, 6, 8);
	expect_step(&h, "6/1 7/1 8/1");
	cr_assert_eq(nc_sub_replay(h.sub, &second), NC_OK);
	cr_expect_eq(nc_sub_undone(h.sub, 2, positions, 4), 3, "the replay is none of them");
	cr_expect_eq(positions[0], 6);
	cr_expect_eq(ack(&h, 7), NC_OK);
	cr_expect_eq(nc_sub_undone(h.sub, 7, positions, 4), 1);
	cr_expect_eq(positions[0], 8);
	cr_expect_eq(nc_sub_undone(h.sub, 8, positions, 4), 0);
	nc_sub_free(h.sub);
}
