/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Terms by index. */
#include <criterion/criterion.h>

#include "core/raft/trail_private.h"

/* Entries base + 1 .. with these terms, sizes equal to their index. */
static struct nc_trail trail_of(uint64_t base, uint64_t base_term, const char *terms)
{
	struct nc_trail trail;
	cr_assert_eq(nc_trail_init(&trail, 4, base, base_term), NC_OK);
	for (; *terms != '\0'; terms++) {
		cr_assert_eq(nc_trail_reserve(&trail, 1), NC_OK);
		nc_trail_append(&trail, (uint64_t)(*terms - '0'), (uint32_t)trail.last + 1);
	}
	return trail;
}

static uint64_t term_of(const struct nc_trail *trail, uint64_t index)
{
	uint64_t term = 0;
	return nc_trail_term(trail, index, &term) ? term : 999;
}

static uint64_t may_match(const struct nc_trail *trail, uint64_t index, uint64_t term)
{
	uint64_t found;
	return nc_trail_may_match(trail, index, term, &found);
}

Test(trail, knows_each_entrys_term)
{
	struct nc_trail trail = trail_of(10, 1, "112447");
	const uint64_t terms[] = { 1, 1, 1, 2, 4, 4, 7 };
	for (uint64_t i = 10; i <= 16; i++)
		cr_expect_eq(term_of(&trail, i), terms[i - 10]);
	cr_expect_eq(term_of(&trail, 9), 999);
	cr_expect_eq(term_of(&trail, 17), 999);
	nc_trail_release(&trail);
}

Test(trail, remembers_the_sizes_of_the_last_few)
{
	struct nc_trail trail = trail_of(0, 0, "111111");
	cr_expect_eq(nc_trail_size(&trail, 2), 0);
	cr_expect_eq(nc_trail_size(&trail, 3), 3);
	cr_expect_eq(nc_trail_size(&trail, 6), 6);
	cr_expect_eq(nc_trail_size(&trail, 7), 0);
	nc_trail_release(&trail);
}

Test(trail, truncates_within_and_between_terms)
{
	struct nc_trail trail = trail_of(0, 0, "11223");
	nc_trail_truncate(&trail, 4);
	cr_expect_eq(trail.last, 3);
	cr_expect_eq(nc_trail_last_term(&trail), 2);
	nc_trail_truncate(&trail, 3);
	cr_expect_eq(nc_trail_last_term(&trail), 1);
	nc_trail_truncate(&trail, 1);
	cr_expect_eq(nc_trail_last_term(&trail), 0);
	cr_expect_eq(trail.last, 0);
	nc_trail_release(&trail);
}

Test(trail, compacts_within_and_between_terms_and_wholly)
{
	struct nc_trail trail = trail_of(0, 0, "11223");
	nc_trail_compact(&trail, 1);
	cr_expect_eq(term_of(&trail, 1), 1);
	cr_expect_eq(term_of(&trail, 2), 1);
	nc_trail_compact(&trail, 2);
	cr_expect_eq(term_of(&trail, 2), 1);
	cr_expect_eq(term_of(&trail, 3), 2);
	nc_trail_compact(&trail, 3);
	cr_expect_eq(term_of(&trail, 4), 2);
	nc_trail_compact(&trail, 5);
	cr_expect_eq(trail.run_count, 0);
	cr_expect_eq(nc_trail_last_term(&trail), 3);
	cr_expect_eq(trail.last, 5);
	nc_trail_release(&trail);
}

Test(trail, says_where_another_log_may_match)
{
	struct nc_trail trail = trail_of(2, 1, "1144466");
	cr_expect_eq(may_match(&trail, 9, 6), 9);
	cr_expect_eq(may_match(&trail, 9, 5), 7);
	cr_expect_eq(may_match(&trail, 6, 4), 6);
	cr_expect_eq(may_match(&trail, 6, 3), 4);
	cr_expect_eq(may_match(&trail, 99, 9), 9);
	cr_expect_eq(may_match(&trail, 9, 0), 1); /* below the base */
	cr_expect_eq(may_match(&trail, 2, 1), 2);
	nc_trail_release(&trail);
}

Test(trail, copies_whole)
{
	struct nc_trail trail = trail_of(2, 1, "1144466"), copy;
	cr_assert_eq(nc_trail_copy(&trail, &copy), NC_OK);
	nc_trail_truncate(&trail, 3);
	cr_expect_eq(copy.last, 9);
	cr_expect_eq(term_of(&copy, 5), 4);
	cr_expect_eq(nc_trail_size(&copy, 9), 9);
	nc_trail_release(&trail);
	nc_trail_release(&copy);
}
