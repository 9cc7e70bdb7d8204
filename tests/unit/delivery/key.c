/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/delivery/subscription.h: order by key, parked keys, replay. */
#include "tests/unit/delivery/harness.h"

static struct harness keyed(void)
{
	struct harness h = harness_push();
	h.definition.order = NC_ORDER_STREAM;
	h.definition.max_deliver = 1;
	harness_open(&h);
	return h;
}

static int replay(struct harness *h, uint64_t position, const char *key)
{
	struct nc_sub_event event = { .position = position, .key = nc_slice_str(key), .size = 100 };
	return nc_sub_replay(h->sub, &event);
}

Test(key, one_of_a_key_at_a_time_while_others_flow)
{
	struct harness h = keyed();
	harness_offer_keys(&h, 1, "aab--");
	expect_step(&h, "1/1 3/1 4/1 5/1");
	ack(&h, 3);
	expect_step(&h, "");
	ack(&h, 1);
	expect_step(&h, "2/1");
	nc_sub_free(h.sub);
}

Test(key, global_order_is_one_at_a_time)
{
	struct harness h = harness_push();
	h.definition.order = NC_ORDER_GLOBAL;
	harness_open(&h);
	harness_offer(&h, 1, 3);
	expect_step(&h, "1/1");
	nak(&h, 1, 1);
	expect_step(&h, "1/2");
	ack(&h, 1);
	expect_step(&h, "2/1");
	nc_sub_free(h.sub);
}

Test(key, a_pause_keeps_the_key)
{
	struct harness h = harness_ordered();
	harness_offer_keys(&h, 1, "aa");
	expect_step(&h, "1/1");
	nc_sub_nak_delay(h.sub, 1, 1, 1, 50 * MS, h.now);
	expect_after(&h, 49, "");
	expect_after(&h, 1, "1/2");
	nc_sub_free(h.sub);
}

Test(key, a_parked_event_parks_its_key_also_for_those_to_come)
{
	struct harness h = keyed();
	harness_offer_keys(&h, 1, "aab");
	expect_step(&h, "1/1 3/1");
	nak(&h, 1, 1);
	expect_step(&h, "P1 P2");
	cr_expect_str_eq(h.reason, "its key is parked");
	harness_offer_key(&h, 4, "a");
	expect_step(&h, "P4");
	cr_expect(nc_sub_key_parked(h.sub, NC_SLICE("a")));
	cr_expect_not(nc_sub_key_parked(h.sub, NC_SLICE("b")));
	struct nc_sub_info info = harness_info(&h);
	cr_expect_eq(info.parked, 3);
	cr_expect_eq(info.parked_keys, 1);
	nc_sub_free(h.sub);
}

Test(key, replay_releases_in_order_and_who_comes_then_waits_behind)
{
	struct harness h = keyed();
	harness_offer_keys(&h, 1, "aa");
	expect_step(&h, "1/1");
	nak(&h, 1, 1);
	expect_step(&h, "P1 P2");
	cr_expect_eq(replay(&h, 1, "a"), NC_OK);
	cr_expect_eq(replay(&h, 1, "a"), NC_EXISTS);
	harness_offer_key(&h, 3, "a");
	expect_step(&h, "P3 1/1");
	cr_expect_eq(replay(&h, 2, "a"), NC_OK);
	cr_expect_eq(replay(&h, 3, "a"), NC_OK);
	harness_offer_key(&h, 4, "a");
	expect_step(&h, "");
	cr_expect_eq(harness_info(&h).replaying, 3);
	ack(&h, 1);
	expect_step(&h, "U1 2/1");
	cr_expect_eq(harness_info(&h).replaying, 2);
	ack(&h, 2);
	expect_step(&h, "U2 3/1");
	ack(&h, 3);
	expect_step(&h, "U3 4/1");
	cr_expect_eq(harness_info(&h).parked, 0);
	cr_expect_not(nc_sub_key_parked(h.sub, NC_SLICE("a")));
	nc_sub_free(h.sub);
}

Test(key, is_free_when_what_was_parked_of_it_turns_out_to_be_done)
{
	struct harness h = keyed();
	harness_offer_key(&h, 1, "a");
	expect_step(&h, "1/1");
	nc_sub_term(h.sub, 1, 1, NC_SLICE("no"), h.now);
	expect_step(&h, "P1");
	nc_sub_parked_gone(h.sub, NC_SLICE("b"));
	cr_expect_eq(harness_info(&h).parked, 1);
	nc_sub_parked_gone(h.sub, NC_SLICE("a"));
	nc_sub_parked_gone(h.sub, NC_SLICE("a"));
	cr_expect_eq(harness_info(&h).parked, 0);
	harness_offer_key(&h, 2, "a");
	expect_step(&h, "2/1");
	nc_sub_free(h.sub);
}

Test(key, a_replay_that_is_skipped_takes_its_row_along_and_frees_the_next)
{
	struct harness h = harness_push();
	h.definition.order = NC_ORDER_STREAM;
	h.definition.max_deliver = 1;
	h.definition.on_exhausted = NC_EXHAUSTED_SKIP;
	harness_open(&h);
	harness_offer_keys(&h, 1, "aa");
	expect_step(&h, "1/1");
	nc_sub_term(h.sub, 1, 1, NC_SLICE("no"), h.now);
	expect_step(&h, "P1 P2");
	cr_expect_eq(replay(&h, 1, "a"), NC_OK);
	cr_expect_eq(replay(&h, 2, "a"), NC_OK);
	expect_step(&h, "1/1");
	nak(&h, 1, 1);
	expect_step(&h, "S1- 2/1");
	cr_expect_eq(harness_info(&h).parked, 1, "the second is on its way still");
	nak(&h, 2, 1);
	expect_step(&h, "S2-");
	cr_expect_eq(harness_info(&h).parked, 0);
	cr_expect_eq(harness_info(&h).replaying, 0);
	cr_expect_not(nc_sub_key_parked(h.sub, NC_SLICE("a")));
	nc_sub_free(h.sub);
}

Test(key, a_replay_that_fails_parks_the_key_again)
{
	struct harness h = keyed();
	harness_offer_keys(&h, 1, "aa");
	expect_step(&h, "1/1");
	nc_sub_term(h.sub, 1, 1, NC_SLICE("no"), h.now);
	expect_step(&h, "P1 P2");
	replay(&h, 1, "a");
	replay(&h, 2, "a");
	harness_offer_key(&h, 3, "a");
	expect_step(&h, "1/1");
	nak(&h, 1, 1);
	expect_step(&h, "P1 P3");
	cr_expect_eq(harness_info(&h).parked, 3);
	cr_expect_eq(harness_info(&h).replaying, 0);
	cr_expect_eq(replay(&h, 2, "a"), NC_OK, "it had left the window");
	nc_sub_free(h.sub);
}

Test(key, without_order_parking_keeps_nobody)
{
	struct harness h = harness_opened();
	harness_offer_keys(&h, 1, "aa");
	expect_step(&h, "1/1 2/1");
	nc_sub_term(h.sub, 1, 1, nc_slice(NULL, 0), h.now);
	expect_step(&h, "P1");
	cr_expect_str_eq(h.reason, "terminated");
	harness_offer_key(&h, 3, "a");
	expect_step(&h, "3/1");
	replay(&h, 1, "a");
	expect_step(&h, "1/1");
	cr_expect_eq(harness_info(&h).ack_floor, 1, "the floor does not go back");
	ack(&h, 1);
	expect_step(&h, "U1");
	nc_sub_free(h.sub);
}

static void park(struct harness *h, uint64_t position)
{
	harness_offer(h, position, position);
	harness_step(h);
	cr_assert_eq(nc_sub_term(h->sub, 1, position, NC_SLICE(""), h->now), NC_OK);
	harness_step(h);
}

Test(key, more_parked_events_than_memory_is_for_halt_a_transient_one_until_some_are_replayed)
{
	for (int durable = 0; durable < 2; durable++) {
		struct harness h = harness_push();
		h.definition.durable = durable;
		harness_open(&h);
		for (uint64_t position = 1; position <= NC_SUB_PARKED_MAX; position++)
			park(&h, position);
		cr_expect_not(harness_info(&h).halted);
		park(&h, NC_SUB_PARKED_MAX + 1);
		cr_expect_eq(harness_info(&h).halted, !durable);
		cr_expect_eq(harness_offer_key(&h, NC_SUB_PARKED_MAX + 2, NULL),
		             durable ? NC_OK : NC_FULL);
		nc_sub_resume(h.sub);
		cr_expect_eq(harness_offer_key(&h, NC_SUB_PARKED_MAX + 3, NULL),
		             durable ? NC_OK : NC_FULL, "still too many");
		const struct nc_sub_event parked = { .position = 1 };
		cr_expect_eq(nc_sub_replay(h.sub, &parked), NC_OK);
		harness_step(&h);
		ack(&h, 1);
		harness_step(&h);
		cr_expect_eq(harness_offer_key(&h, NC_SUB_PARKED_MAX + 4, NULL), NC_OK);
		nc_sub_free(h.sub);
	}
}

Test(key, more_parked_keys_than_it_can_know_halt_it)
{
	struct harness h = keyed();
	for (uint32_t i = 0; i < NC_SUB_PARKED_KEYS_MAX; i++)
		cr_assert_eq(nc_sub_restore_parked(h.sub, i + 1, nc_slice(&i, sizeof i)), NC_OK);
	uint32_t more = NC_SUB_PARKED_KEYS_MAX;
	cr_expect_eq(nc_sub_restore_parked(h.sub, more + 1, nc_slice(&more, sizeof more)), NC_FULL);
	expect_step(&h, "H0");
	cr_expect(harness_info(&h).halted);
	nc_sub_free(h.sub);
}
