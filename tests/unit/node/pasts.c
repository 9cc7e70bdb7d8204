/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who had a subscription a while ago, or led. */
#include "core/node/spread/pasts.h"

#include <criterion/criterion.h>

#include "core/delivery/placement.h"

#define MS   UINT64_C(1000000)
#define CAME (10000 * MS)

static const struct nc_sub_owner two = { 2, 20 }, three = { 3, 30 };

static bool hearers(const struct nc_pasts *pasts, const char *name, uint64_t arrived_ns,
                    struct nc_pasts_of *of_out)
{
	return nc_pasts_hearers(pasts, nc_slice_str(name), arrived_ns, of_out);
}

static void note(struct nc_pasts *pasts, const char *name, struct nc_sub_owner owner, uint64_t at)
{
	nc_pasts_note(pasts, nc_slice_str(name), owner, at);
}

Test(pasts, who_had_it_lately_may_have_heard_it)
{
	struct nc_pasts pasts = { 0 };
	struct nc_pasts_of of;
	cr_assert(hearers(&pasts, "a", CAME, &of));
	cr_expect_eq(of.count, 0);
	note(&pasts, "a", two, CAME - NC_PLACEMENT_GONE_NS - 1);
	note(&pasts, "b", two, CAME - NC_PLACEMENT_GONE_NS);
	note(&pasts, "a", three, CAME - NC_PLACEMENT_GONE_NS);
	note(&pasts, "a", two, CAME + 1);
	cr_assert(hearers(&pasts, "a", CAME, &of));
	cr_assert_eq(of.count, 2);
	cr_expect(nc_sub_owner_same(of.who[0], two), "the last one first");
	cr_expect(nc_sub_owner_same(of.who[1], three));
	cr_assert(hearers(&pasts, "b", CAME, &of));
	cr_expect_eq(of.count, 1);
	cr_assert(hearers(&pasts, "c", CAME, &of));
	cr_expect_eq(of.count, 0);
}

Test(pasts, of_what_was_before_we_were_there_nothing_is_known)
{
	struct nc_pasts pasts = { 0 };
	struct nc_pasts_of of;
	nc_pasts_begin(&pasts, CAME - NC_PLACEMENT_GONE_NS);
	cr_expect_not(hearers(&pasts, "a", CAME, &of));
	cr_expect(hearers(&pasts, "a", CAME + 1, &of));
}

Test(pasts, who_led_before_us_may_have_heard_it)
{
	struct nc_pasts pasts = { 0 };
	struct nc_pasts_of of;
	nc_pasts_led(&pasts, two, 4, CAME - 9000 * MS);
	nc_pasts_led(&pasts, two, 4, CAME - 1);
	nc_pasts_lead(&pasts, 5, CAME);
	cr_assert(hearers(&pasts, "a", CAME, &of));
	cr_assert_eq(of.count, 1);
	cr_expect(nc_sub_owner_same(of.who[0], two));
	cr_assert(hearers(&pasts, "a", CAME + NC_PLACEMENT_GONE_NS + 1, &of));
	cr_expect_eq(of.count, 0);
}

Test(pasts, of_two_who_led_just_before_us_one_is_forgotten)
{
	struct nc_pasts pasts = { 0 };
	struct nc_pasts_of of;
	nc_pasts_led(&pasts, two, 4, CAME - 9000 * MS);
	nc_pasts_led(&pasts, three, 5, CAME - 400 * MS);
	nc_pasts_lead(&pasts, 6, CAME);
	cr_expect_not(hearers(&pasts, "a", CAME, &of));
	cr_assert(hearers(&pasts, "a", CAME + 900 * MS, &of));
	cr_expect_eq(of.count, 1);
	nc_pasts_led(&pasts, (struct nc_sub_owner){ 3, 31 }, 7, CAME + 2000 * MS);
	nc_pasts_lead(&pasts, 8, CAME + 2000 * MS);
	cr_expect_not(hearers(&pasts, "a", CAME + 2000 * MS, &of), "started anew, it is another");
}

Test(pasts, somebody_may_have_led_whom_we_have_not_seen)
{
	struct nc_pasts pasts = { 0 };
	struct nc_pasts_of of;
	nc_pasts_lead(&pasts, 1, CAME);
	cr_expect(hearers(&pasts, "a", CAME, &of), "nobody led before the first term");
	nc_pasts_lead(&pasts, 3, CAME + 5000 * MS);
	cr_expect_not(hearers(&pasts, "a", CAME + 5000 * MS, &of), "between two terms of ours");
	nc_pasts_lead(&pasts, 4, CAME + 9000 * MS);
	cr_expect(hearers(&pasts, "a", CAME + 9000 * MS, &of));
	nc_pasts_led(&pasts, two, 5, CAME + 20000 * MS);
	nc_pasts_led(&pasts, two, 7, CAME + 30000 * MS);
	nc_pasts_lead(&pasts, 8, CAME + 30000 * MS);
	cr_expect_not(hearers(&pasts, "a", CAME + 30000 * MS, &of), "between two of another's");
}

Test(pasts, one_that_makes_room_while_it_still_counts_is_missed)
{
	struct nc_pasts pasts = { 0 };
	struct nc_pasts_of of;
	for (uint64_t i = 0; i < NC_PASTS_MAX; i++)
		note(&pasts, "b", two, CAME + i);
	cr_assert(hearers(&pasts, "a", CAME + 2000, &of));
	cr_expect_not(hearers(&pasts, "b", CAME + 2000, &of), "more than are given");
	note(&pasts, "a", three, CAME + 2000 * MS);
	cr_expect_not(hearers(&pasts, "a", CAME + NC_PLACEMENT_GONE_NS, &of));
	cr_assert(hearers(&pasts, "a", CAME + NC_PLACEMENT_GONE_NS + 1, &of));
	cr_assert_eq(of.count, 1);
	cr_expect(nc_sub_owner_same(of.who[0], three));
}
