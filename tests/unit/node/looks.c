/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/node/subs/looks.h"

#include <criterion/criterion.h>

#define SECOND UINT64_C(1000000000)

Test(looks, nothing_is_looked_for_where_nothing_has_gone)
{
	struct nc_looks looks = { 0 };
	cr_expect_not(nc_looks_due(&looks, 0, false));
}

/* How often it is due until nothing is any more. */
static unsigned looks_left(struct nc_looks *looks, uint64_t hidings)
{
	unsigned count = 0;
	while (nc_looks_due(looks, hidings, false))
		cr_assert_lt(count++, 100u);
	return count;
}

Test(looks, behind_a_commit_it_is_looked_a_few_times_and_no_more)
{
	struct nc_looks looks = { 0 };
	cr_expect_eq(looks_left(&looks, 3), NC_LOOKS_BEHIND);
	cr_expect_eq(looks_left(&looks, 3), 0u);
	cr_expect(nc_looks_due(&looks, 4, false));
	cr_expect_eq(looks_left(&looks, 5), NC_LOOKS_BEHIND, "of the last of them");
}

Test(looks, where_there_are_ages_it_is_looked_always)
{
	struct nc_looks looks = { 0 };
	for (int i = 0; i < 100; i++)
		cr_assert(nc_looks_due(&looks, 0, true));
	cr_expect_eq(looks_left(&looks, 1), NC_LOOKS_BEHIND, "the last of them is taken away");
}

/* How many looks at `each` things there are in `seconds`, asked for fifty times a second. */
static uint64_t looks_in(uint64_t seconds, uint64_t each)
{
	struct nc_looks_budget budget = { 0 };
	uint64_t from_ns = 1000 * SECOND, count = 0;
	for (uint64_t at_ns = 0; at_ns < seconds * SECOND; at_ns += SECOND / 50) {
		for (; nc_looks_allowed(&budget, from_ns + at_ns); count++)
			nc_looks_spend(&budget, each);
	}
	return count;
}

Test(looks, all_together_look_at_a_thousand_things_a_second)
{
	const uint64_t sizes[] = { 1, 7, 100, 5000 };
	for (size_t i = 0; i < 4; i++) {
		uint64_t looked = looks_in(100, sizes[i]) * sizes[i];
		cr_expect_geq(looked, 100000u);
		cr_expect_leq(looked, 101000 + sizes[i], "%zu", (size_t)looked);
	}
}
