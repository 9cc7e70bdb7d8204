/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A lease: from when it counts, and until when. */
#include "core/delivery/lease.h"

#include <criterion/criterion.h>

#define MS UINT64_C(1000000)

Test(lease, counts_from_its_asking_and_once_enough_is_applied)
{
	struct nc_lease lease = { 0 };
	cr_expect_not(nc_lease_holds(&lease, 0, 0));
	nc_lease_grant(&lease, 1000 * MS, 20, 15, 20);
	cr_expect(nc_lease_holds(&lease, 15, 1899 * MS));
	cr_expect_not(nc_lease_holds(&lease, 15, 1900 * MS));
	cr_expect_not(nc_lease_holds(&lease, 16, 1500 * MS), "another may still run it");
	nc_lease_grant(&lease, 1500 * MS, 30, 30, 25);
	nc_lease_grant(&lease, 1700 * MS, 40, 30, 25);
	cr_expect_not(nc_lease_holds(&lease, 15, 1900 * MS), "not applied yet");
	nc_lease_applied(&lease, 30);
	cr_expect(nc_lease_holds(&lease, 15, 2399 * MS), "the older one's is");
	cr_expect_not(nc_lease_holds(&lease, 15, 2400 * MS));
	nc_lease_applied(&lease, 40);
	cr_expect(nc_lease_holds(&lease, 30, 2599 * MS));
}

Test(lease, one_that_has_left_is_granted_nothing)
{
	struct nc_lease lease = { 0 };
	nc_lease_grant(&lease, 1000 * MS, 20, 20, 20);
	nc_lease_grant(&lease, 1100 * MS, 30, 20, 20);
	nc_lease_leave(&lease);
	cr_expect_not(nc_lease_holds(&lease, 0, 1200 * MS));
	nc_lease_grant(&lease, 1150 * MS, 20, 20, 20);
	nc_lease_grant(&lease, 1160 * MS, 30, 20, 20);
	nc_lease_applied(&lease, 40);
	cr_expect_not(nc_lease_holds(&lease, 0, 1200 * MS), "nor by what comes late");
}

/* A node asks each 20 ms, for it waits to be told that something is free. What is committed it
 * applies `lag_ms` later; entry t is committed at the time t. */
static uint64_t without_ms(uint64_t lag_ms)
{
	struct nc_lease lease = { 0 };
	uint64_t without = 0;
	for (uint64_t ms = 1000; ms < 20000; ms++) {
		uint64_t applied = ms - lag_ms;
		nc_lease_applied(&lease, applied);
		if (ms % 20 == 0)
			nc_lease_grant(&lease, ms * MS, ms, 0, applied);
		without += ms >= 3000 && !nc_lease_holds(&lease, 0, ms * MS);
	}
	return without;
}

Test(lease, is_not_lost_by_asking_often_while_applying_is_slow)
{
	cr_expect_eq(without_ms(0), 0u);
	cr_expect_eq(without_ms(170), 0u);
	cr_expect_eq(without_ms(500), 0u);
	cr_expect_eq(without_ms(700), 0u);
	cr_expect_gt(without_ms(950), 10000u, "what it has applied is older than a lease");
}

Test(lease, an_older_grant_that_comes_late_takes_nothing_back)
{
	struct nc_lease lease = { 0 };
	nc_lease_grant(&lease, 2000 * MS, 20, 9, 10);
	nc_lease_grant(&lease, 1000 * MS, 15, 8, 10);
	cr_expect_eq(lease.clear, 9u);
	nc_lease_applied(&lease, 20);
	cr_expect(nc_lease_holds(&lease, 9, 2899 * MS));
	nc_lease_grant(&lease, 1500 * MS, 20, 9, 20);
	cr_expect(nc_lease_holds(&lease, 9, 2899 * MS));
	cr_expect_not(nc_lease_holds(&lease, 9, 2900 * MS));
}

Test(lease, is_asked_for_often_by_who_waits_and_seldom_by_who_has_nothing)
{
	struct nc_lease lease = { .clear = 10 };
	cr_expect_not(nc_lease_asks(&lease, 0, 1000 * MS, 1499 * MS));
	cr_expect(nc_lease_asks(&lease, 0, 1000 * MS, 1500 * MS));
	cr_expect_not(nc_lease_asks(&lease, 10, 1000 * MS, 1199 * MS));
	cr_expect(nc_lease_asks(&lease, 10, 1000 * MS, 1200 * MS));
	cr_expect(nc_lease_asks(&lease, 11, 1000 * MS, 1001 * MS),
	          "what it was given may not be free");
}
