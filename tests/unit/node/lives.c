/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who was there when a request came. */
#include "core/node/spread/lives.h"

#include <criterion/criterion.h>

#include "core/delivery/placement.h"

#define MS   UINT64_C(1000000)
#define CAME (1000 * MS)

static const struct nc_witness asked_both[] = { { .who = { 2, 20 } }, { .who = { 3, 30 } } };

static const struct nc_sub_owner two_first = { 2, 20 };

static struct nc_lives two(uint64_t heard_ns)
{
	struct nc_lives lives = { 0 };
	nc_lives_note(&lives, &(struct nc_life){ .who = { 2, 20 }, .heard_ns = heard_ns });
	nc_lives_note(&lives, &(struct nc_life){ .who = { 3, 30 }, .heard_ns = heard_ns });
	return lives;
}

static enum nc_lives_verdict judged(const struct nc_lives *lives, uint64_t now_ns,
                                    const struct nc_witness *witnesses, size_t count)
{
	const struct nc_lives_case of = { .early_ns = CAME,
		                          .arrived_ns = CAME,
		                          .now_ns = now_ns,
		                          .witnesses = witnesses,
		                          .count = count };
	return nc_lives_judge(lives, &of);
}

Test(lives, leave_nobody_where_all_were_asked)
{
	struct nc_lives lives = two(CAME);
	cr_expect_eq(judged(&lives, CAME + 60 * MS, asked_both, 2), NC_LIVES_NOBODY);
	lives = (struct nc_lives){ 0 };
	cr_expect_eq(judged(&lives, CAME, NULL, 0), NC_LIVES_NOBODY, "a node without others");
}

Test(lives, a_node_that_was_started_anew_is_no_witness_of_its_life_before)
{
	struct nc_lives lives = two(CAME);
	nc_lives_note(&lives, &(struct nc_life){ .who = { 2, 21 }, .heard_ns = CAME + 900 * MS });
	const struct nc_witness witnesses[] = { { .who = { 2, 21 } }, { .who = { 3, 30 } } };
	cr_expect_eq(judged(&lives, CAME + 1000 * MS, witnesses, 2), NC_LIVES_PERHAPS);
}

Test(lives, who_was_dead_when_it_came_has_answered_nothing)
{
	struct nc_lives lives = two(CAME);
	lives.at[0].heard_ns = CAME - NC_LIVES_PAUSE_NS - 1;
	const struct nc_witness witnesses[] = { { .who = { 2, 20 }, .closed = true },
		                                { .who = { 3, 30 } } };
	cr_expect_eq(judged(&lives, CAME + 60 * MS, witnesses, 2), NC_LIVES_NOBODY);
	lives.at[0].heard_ns++;
	cr_expect_eq(judged(&lives, CAME + 60 * MS, witnesses, 2), NC_LIVES_PERHAPS);
}

Test(lives, who_was_not_on_nats_when_it_came_has_not_heard_it)
{
	struct nc_lives lives = two(CAME - 50 * MS);
	const struct nc_witness witnesses[] = { { .who = { 2, 20 }, .closed = true },
		                                { .who = { 3, 30 } } };
	const struct nc_life closed = { .who = { 2, 20 },
		                        .heard_ns = CAME - 50 * MS,
		                        .closed_ns = CAME + 1 };
	nc_lives_note(&lives, &closed);
	cr_expect_eq(judged(&lives, CAME + 60 * MS, witnesses, 2), NC_LIVES_PERHAPS);
	lives.at[0].closed_ns = CAME;
	nc_lives_note(&lives, &closed);
	cr_expect_eq(judged(&lives, CAME + 60 * MS, witnesses, 2), NC_LIVES_NOBODY,
	             "since when it was first said");
	nc_lives_note(&lives, &(struct nc_life){
	                              .who = { 2, 20 }, .heard_ns = CAME + 2, .closed_ns = CAME });
	cr_expect_eq(judged(&lives, CAME + 60 * MS, witnesses, 2), NC_LIVES_PERHAPS,
	             "it was there again");
}

Test(lives, who_is_silent_is_waited_for_until_it_is_gone)
{
	struct nc_lives lives = two(CAME);
	const struct nc_witness third[] = { { .who = { 3, 30 } } };
	cr_expect_eq(judged(&lives, CAME + NC_PLACEMENT_GONE_NS, third, 1), NC_LIVES_WAIT);
	cr_expect_eq(judged(&lives, CAME + NC_PLACEMENT_GONE_NS + 1, third, 1), NC_LIVES_PERHAPS);
	lives.at[0].heard_ns -= 200 * MS;
	cr_expect_eq(judged(&lives, CAME + NC_PLACEMENT_GONE_NS + 1, third, 1), NC_LIVES_NOBODY);
}

Test(lives, who_has_left_answers_nothing_that_comes_afterwards)
{
	struct nc_lives lives = two(CAME);
	const struct nc_witness third[] = { { .who = { 3, 30 } } };
	nc_lives_note(&lives,
	              &(struct nc_life){ .who = { 2, 20 }, .heard_ns = CAME, .left_ns = CAME + 1 });
	cr_expect_eq(judged(&lives, CAME + 60 * MS, third, 1), NC_LIVES_WAIT);
	lives.at[0].left_ns = CAME;
	nc_lives_note(
	        &lives,
	        &(struct nc_life){ .who = { 2, 20 }, .heard_ns = CAME + 2, .left_ns = CAME + 2 });
	cr_expect_eq(judged(&lives, CAME + 60 * MS, third, 1), NC_LIVES_NOBODY);
}

Test(lives, one_that_a_late_leader_heard_counts_from_when_it_may_have_been_sent)
{
	struct nc_lives lives = two(CAME - 300 * MS);
	const struct nc_lives_case of = { .early_ns = CAME - 200 * MS,
		                          .arrived_ns = CAME,
		                          .now_ns = CAME + 2000 * MS };
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_PERHAPS);
}

Test(lives, who_cannot_have_heard_it_does_not_matter)
{
	struct nc_lives lives = two(CAME);
	const struct nc_sub_owner third = { 3, 30 };
	struct nc_lives_case of = { .early_ns = CAME,
		                    .arrived_ns = CAME,
		                    .now_ns = CAME + 2000 * MS,
		                    .hearers = &third,
		                    .hearer_count = 1,
		                    .witnesses = &asked_both[1],
		                    .count = 1 };
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_NOBODY);
	of.hearers = &two_first;
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_PERHAPS);
	of.hearer_count = 0;
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_NOBODY, "nobody");
	of.hearers = NULL;
	of.hearer_count = 2;
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_PERHAPS, "any, however many are known");
}

Test(lives, who_is_behind_may_still_take_what_it_may_have_heard)
{
	struct nc_lives lives = two(CAME);
	const struct nc_witness witnesses[] = { { .who = { 2, 20 }, .behind = true },
		                                { .who = { 3, 30 } } };
	cr_expect_eq(judged(&lives, CAME + 60 * MS, witnesses, 2), NC_LIVES_YET);
	cr_expect_eq(judged(&lives, CAME + 60 * MS, witnesses, 1), NC_LIVES_WAIT);
	const struct nc_sub_owner third = { 3, 30 };
	const struct nc_lives_case of = { .early_ns = CAME,
		                          .arrived_ns = CAME,
		                          .now_ns = CAME + 60 * MS,
		                          .hearers = &third,
		                          .hearer_count = 1,
		                          .witnesses = witnesses,
		                          .count = 2 };
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_NOBODY, "another that is behind");
}

Test(lives, of_many_those_heard_last_stay)
{
	struct nc_lives lives = { 0 };
	for (uint64_t boot = 1; boot <= NC_LIVES_MAX + 3; boot++)
		nc_lives_note(&lives,
		              &(struct nc_life){ .who = { 2, boot }, .heard_ns = boot * 100 * MS });
	cr_expect_eq(lives.count, NC_LIVES_MAX);
	cr_expect_not(nc_lives_gone(&lives, (struct nc_sub_owner){ 2, 3 }, UINT64_MAX));
	cr_expect(nc_lives_gone(&lives, (struct nc_sub_owner){ 2, 4 }, UINT64_MAX));
	size_t over = 0;
	for (size_t i = 0; i < lives.count; i++)
		over += lives.at[i].over;
	cr_expect_eq(over, NC_LIVES_MAX - 1, "all but the last one");
}

Test(lives, who_was_never_heard_may_live_when_we_begin_to_lead)
{
	struct nc_lives lives = { 0 };
	struct nc_lives_case of = { .early_ns = CAME,
		                    .arrived_ns = CAME,
		                    .now_ns = CAME + 60 * MS };
	nc_lives_await(&lives, 2, CAME - 50 * MS);
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_WAIT);
	of.hearers = &two_first;
	of.hearer_count = 1;
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_WAIT, "whichever life it is");
	of.now_ns = CAME + NC_PLACEMENT_GONE_NS;
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_PERHAPS);
	of.early_ns = of.arrived_ns = CAME + NC_LIVES_PAUSE_NS;
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_NOBODY, "it would have been heard");
	const struct nc_witness closed = { .who = { 2, 0 }, .closed = true };
	of.now_ns = of.arrived_ns;
	of.witnesses = &closed;
	of.count = 1;
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_NOBODY, "nor is it there");
	nc_lives_note(&lives, &(struct nc_life){ .who = { 2, 20 }, .heard_ns = CAME });
	cr_expect_eq(lives.count, 1);
	of.witnesses = asked_both;
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_NOBODY, "it was that one");
	of.count = 0;
	cr_expect_eq(nc_lives_judge(&lives, &of), NC_LIVES_WAIT);
}

Test(lives, silence_before_we_led_says_nothing)
{
	struct nc_lives lives = two(CAME - 900 * MS);
	const struct nc_witness third[] = { { .who = { 3, 30 } } };
	nc_lives_await(&lives, 2, CAME - 50 * MS);
	nc_lives_await(&lives, 3, CAME - 50 * MS);
	cr_expect_eq(judged(&lives, CAME + 400 * MS, third, 1), NC_LIVES_WAIT);
	cr_expect_eq(judged(&lives, CAME + 1200 * MS, third, 1), NC_LIVES_PERHAPS);
	nc_lives_note(&lives, &(struct nc_life){ .who = { 2, 21 }, .heard_ns = CAME + 300 * MS });
	const struct nc_witness both[] = { { .who = { 2, 21 } }, { .who = { 3, 30 } } };
	cr_expect_eq(judged(&lives, CAME + 400 * MS, both, 2), NC_LIVES_PERHAPS,
	             "and the one before");
}

Test(lives, who_was_not_on_nats_is_not_awaited)
{
	struct nc_lives lives = { 0 };
	const struct nc_witness witnesses[] = { { .who = { 2, 20 }, .closed = true } };
	nc_lives_note(&lives, &(struct nc_life){ .who = { 2, 20 },
	                                         .heard_ns = CAME - 400 * MS,
	                                         .closed_ns = CAME - 300 * MS });
	nc_lives_await(&lives, 2, CAME - 50 * MS);
	cr_expect_eq(judged(&lives, CAME + 60 * MS, witnesses, 1), NC_LIVES_NOBODY);
}

Test(lives, who_was_not_heard_for_long_is_gone)
{
	struct nc_lives lives = two(CAME);
	cr_expect_not(nc_lives_gone(&lives, two_first, CAME + NC_PLACEMENT_GONE_NS));
	cr_expect(nc_lives_gone(&lives, two_first, CAME + NC_PLACEMENT_GONE_NS + 1));
	cr_expect_not(nc_lives_gone(&lives, (struct nc_sub_owner){ 2, 21 }, UINT64_MAX),
	              "not that we know of");
}

Test(lives, what_nobody_claims_is_answered_only_where_nobody_is_left)
{
	cr_expect_eq(nc_lives_fate(NC_LIVES_NOBODY, false, false), NC_LIVES_REFUSE);
	cr_expect_eq(nc_lives_fate(NC_LIVES_PERHAPS, false, false), NC_LIVES_LEAVE);
	cr_expect_eq(nc_lives_fate(NC_LIVES_WAIT, false, false), NC_LIVES_AGAIN);
	cr_expect_eq(nc_lives_fate(NC_LIVES_YET, false, false), NC_LIVES_AGAIN);
	cr_expect_eq(nc_lives_fate(NC_LIVES_NOBODY, true, false), NC_LIVES_AGAIN);
	cr_expect_eq(nc_lives_fate(NC_LIVES_PERHAPS, true, false), NC_LIVES_AGAIN);
}

Test(lives, also_when_its_time_is_over)
{
	cr_expect_eq(nc_lives_fate(NC_LIVES_NOBODY, false, true), NC_LIVES_REFUSE);
	cr_expect_eq(nc_lives_fate(NC_LIVES_YET, false, true), NC_LIVES_GIVE_UP);
	cr_expect_eq(nc_lives_fate(NC_LIVES_NOBODY, true, true), NC_LIVES_GIVE_UP);
	cr_expect_eq(nc_lives_fate(NC_LIVES_WAIT, false, true), NC_LIVES_LEAVE);
	cr_expect_eq(nc_lives_fate(NC_LIVES_WAIT, true, true), NC_LIVES_LEAVE);
	cr_expect_eq(nc_lives_fate(NC_LIVES_PERHAPS, true, true), NC_LIVES_LEAVE);
}
