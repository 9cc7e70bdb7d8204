/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/node/replica/ages.h"

#include <criterion/criterion.h>

enum { KEEP_MS = 3200 };

Test(ages, lets_go_what_a_checkpoint_covered_long_enough_ago)
{
	struct nc_ages ages = { .count = 0 };
	cr_expect_eq(nc_ages_through(&ages, KEEP_MS, 99999), 0u);
	nc_ages_put(&ages, 10, KEEP_MS, 1000);
	nc_ages_put(&ages, 20, KEEP_MS, 2000);
	cr_expect_eq(nc_ages_through(&ages, KEEP_MS, 4199), 0u);
	cr_expect_eq(nc_ages_through(&ages, KEEP_MS, 4200), 10u);
	cr_expect_eq(nc_ages_through(&ages, KEEP_MS, 5200), 20u);
	cr_expect_eq(nc_ages_through(&ages, 0, 5200), 0u, "0: no limit");
}

Test(ages, is_never_more_than_a_sixteenth_late_however_often_checkpoints_come)
{
	struct nc_ages ages = { .count = 0 };
	for (uint64_t now = 1; now < 20000; now++) { /* one each millisecond, index = time */
		nc_ages_put(&ages, now, KEEP_MS, now);
		uint64_t through = nc_ages_through(&ages, KEEP_MS, now);
		cr_assert(through == 0 || through + KEEP_MS <= now, "let go too early");
		if (now > KEEP_MS + KEEP_MS / 16)
			cr_assert_geq(through + KEEP_MS + KEEP_MS / 16, now, "kept too long");
	}
}
