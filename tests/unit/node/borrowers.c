/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several nodes use is let go by the last of them. */
#include "core/node/common/borrowers.h"

#include <criterion/criterion.h>

Test(borrowers, the_last_who_is_done_leaves_nobody)
{
	struct nc_borrowers borrowers = { 0 };
	cr_expect(nc_borrowers_leave(&borrowers, 1, 100, 60), "nobody ever was there");
	nc_borrowers_note(&borrowers, 1, 100);
	nc_borrowers_note(&borrowers, 2, 101);
	nc_borrowers_note(&borrowers, 1, 102);
	cr_expect_not(nc_borrowers_leave(&borrowers, 1, 103, 60), "2 still reads");
	cr_expect_not(nc_borrowers_leave(&borrowers, 3, 103, 60), "and a stranger ends nothing");
	cr_expect(nc_borrowers_leave(&borrowers, 2, 104, 60));
}

Test(borrowers, who_was_not_heard_for_long_is_not_waited_for)
{
	struct nc_borrowers borrowers = { 0 };
	nc_borrowers_note(&borrowers, 1, 100);
	nc_borrowers_note(&borrowers, 2, 150);
	cr_expect_not(nc_borrowers_leave(&borrowers, 2, 160, 60), "1 may go on");
	nc_borrowers_note(&borrowers, 2, 161);
	cr_expect(nc_borrowers_leave(&borrowers, 2, 161, 60));
}

Test(borrowers, tells_whether_some_of_them_are_there)
{
	struct nc_borrowers borrowers = { 0 };
	cr_expect_not(nc_borrowers_below(&borrowers, 10, 100, 60));
	nc_borrowers_note(&borrowers, 3, 100);
	nc_borrowers_note(&borrowers, 10, 170);
	cr_expect(nc_borrowers_below(&borrowers, 10, 160, 60));
	cr_expect_not(nc_borrowers_below(&borrowers, 3, 160, 60), "its own number is not below it");
	cr_expect_not(nc_borrowers_below(&borrowers, 10, 170, 60), "3 was not heard for long");
	cr_expect(nc_borrowers_below(&borrowers, 11, 170, 60));
}

Test(borrowers, one_more_takes_the_place_of_who_was_not_heard_longest)
{
	struct nc_borrowers borrowers = { 0 };
	for (uint64_t node = 1; node <= NC_BORROWERS_MAX + 1; node++)
		nc_borrowers_note(&borrowers, node, 100 + node);
	cr_expect_eq(borrowers.count, NC_BORROWERS_MAX);
	for (uint64_t node = 2; node <= NC_BORROWERS_MAX; node++)
		cr_expect_not(nc_borrowers_leave(&borrowers, node, 120, 60));
	cr_expect(nc_borrowers_leave(&borrowers, NC_BORROWERS_MAX + 1, 120, 60));
}
