/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/delivery/subscription.h: pull requests. */
#include "tests/unit/delivery/harness.h"

static struct harness pull(void)
{
	struct harness h = harness_push();
	h.definition.push = false;
	harness_open(&h);
	return h;
}

static int ask(struct harness *h, uint64_t id, uint32_t batch, uint64_t expires_ms, bool no_wait,
               uint64_t max_bytes)
{
	struct nc_sub_request request = { id, batch, max_bytes, h->now + expires_ms * MS, no_wait };
	return nc_sub_request(h->sub, &request, h->now);
}

Test(pull, serves_requests_in_their_order)
{
	struct harness h = pull();
	harness_offer(&h, 1, 4);
	expect_step(&h, "");
	cr_expect_eq(ask(&h, 7, 2, 100, false, 0), NC_OK);
	cr_expect_eq(ask(&h, 8, 5, 100, false, 0), NC_OK);
	expect_step(&h, "1/1>7 2/1>7 3/1>8 4/1>8");
	cr_expect_eq(harness_info(&h).requests, 1, "the full one is gone");
	expect_after(&h, 99, "");
	expect_after(&h, 1, "E8:408");
	nc_sub_free(h.sub);
}

Test(pull, no_wait_ends_once_history_is_searched)
{
	struct harness h = pull();
	cr_expect_eq(ask(&h, 1, 2, 5000, true, 0), NC_OK);
	expect_step(&h, "");
	nc_sub_scanned_to_head(h.sub, 10);
	expect_step(&h, "E1:404");
	struct nc_sub_event live = { .position = 11, .size = 1, .live = true };
	cr_expect_eq(nc_sub_offer(h.sub, &live), NC_OK);
	ask(&h, 2, 2, 5000, true, 0);
	expect_step(&h, "11/1>2 E2:408");
	nc_sub_free(h.sub);
}

Test(pull, max_bytes_is_never_exceeded)
{
	struct harness h = pull();
	harness_offer(&h, 1, 3); /* of 100 bytes */
	ask(&h, 1, 9, 5000, false, 250);
	expect_step(&h, "1/1>1 2/1>1 E1:409");
	ask(&h, 2, 9, 5000, false, 99);
	ask(&h, 3, 9, 5000, false, 100);
	expect_step(&h, "3/1>3 E2:409");
	nc_sub_free(h.sub);
}

Test(pull, a_request_that_nobody_waits_for_is_dropped_and_costs_no_attempt)
{
	struct harness h = pull();
	harness_offer(&h, 1, 1);
	ask(&h, 1, 9, 5000, false, 0);
	expect_step(&h, "1/1>1");
	nc_sub_no_responders(h.sub, 1, 1, 1, h.now);
	expect_step(&h, "E1:503");
	cr_expect_eq(harness_info(&h).requests, 0);
	ask(&h, 2, 1, 5000, false, 0);
	expect_step(&h, "1/1>2");
	nc_sub_free(h.sub);
}

Test(pull, a_request_that_the_caller_has_ended_is_given_nothing)
{
	struct harness h = pull();
	ask(&h, 1, 9, 5000, false, 0);
	ask(&h, 2, 9, 5000, false, 0);
	nc_sub_request_forget(h.sub, 1);
	nc_sub_request_forget(h.sub, 3);
	harness_offer(&h, 1, 1);
	expect_step(&h, "1/1>2");
	expect_after(&h, 5000, "E2:408");
	nc_sub_free(h.sub);
}

Test(pull, refuses_what_is_too_many_or_too_few)
{
	struct harness h = pull();
	cr_expect_eq(ask(&h, 1, 0, 1, false, 0), NC_INVALID);
	for (uint64_t id = 1; id <= NC_SUB_REQUESTS_MAX; id++)
		cr_assert_eq(ask(&h, id, 1, 1000, false, 0), NC_OK);
	cr_expect_eq(ask(&h, 9999, 1, 1000, false, 0), NC_FULL);
	nc_sub_free(h.sub);
	h = harness_push();
	harness_open(&h);
	cr_expect_eq(ask(&h, 1, 1, 1, false, 0), NC_INVALID);
	nc_sub_free(h.sub);
}

Test(pull, a_transient_one_lives_while_a_request_waits)
{
	struct harness h = harness_push();
	h.definition.push = h.definition.durable = false;
	h.definition.inactive_ms = 100;
	harness_open(&h);
	ask(&h, 1, 1, 1000, false, 0);
	expect_after(&h, 999, "");
	expect_after(&h, 1, "E1:408");
	expect_after(&h, 99, "");
	expect_after(&h, 1, "gone");
	nc_sub_free(h.sub);
}

Test(pull, sizes_may_be_told_before_somebody_asks_for_bytes)
{
	struct harness h = { 0 };
	uint64_t positions[4];
	nc_definition_init(&h.definition);
	harness_open(&h);
	for (uint64_t position = 1; position <= 3; position++) {
		struct nc_sub_event event = { .position = position, .size = position == 2 ? 7 : 0 };
		cr_assert_eq(nc_sub_offer(h.sub, &event), NC_OK);
	}
	cr_expect_eq(nc_sub_unsized(h.sub, positions, 4), 2u);
	cr_expect(positions[0] == 1 && positions[1] == 3);
	cr_expect_eq(nc_sub_unsized(h.sub, positions, 1), 1u);
	nc_sub_size(h.sub, 1, 5);
	nc_sub_size(h.sub, 3, 5);
	nc_sub_size(h.sub, 9, 5); /* gone meanwhile */
	cr_expect_eq(nc_sub_unsized(h.sub, positions, 4), 0u);
	const struct nc_sub_request request = {
		.id = 7, .batch = 3, .max_bytes = 12, .expires_ns = h.now + 1000 * MS
	};
	cr_assert_eq(nc_sub_request(h.sub, &request, h.now), NC_OK);
	expect_step(&h, "1/1>7 2/1>7 E7:409");
	nc_sub_free(h.sub);
}

Test(pull, what_waits_is_told_and_may_be_gone)
{
	struct harness h = pull();
	uint64_t positions[4];
	harness_offer(&h, 1, 4);
	ask(&h, 1, 1, 5000, false, 0);
	expect_step(&h, "1/1>1");
	cr_expect_eq(nc_sub_undone(h.sub, 0, positions, 4), 4u);
	cr_expect(positions[0] == 1 && positions[1] == 2 && positions[2] == 3);
	cr_expect_eq(nc_sub_undone(h.sub, 2, positions, 1), 1u);
	cr_expect_eq(positions[0], 3u);
	cr_expect_eq(nc_sub_gone(h.sub, 2), NC_OK);
	cr_expect_eq(nc_sub_gone(h.sub, 3), NC_OK);
	cr_expect_eq(nc_sub_undone(h.sub, 0, positions, 4), 2u);
	ask(&h, 2, 1, 5000, false, 0);
	expect_step(&h, "4/1>2");
	nc_sub_free(h.sub);
}
