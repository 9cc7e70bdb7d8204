/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/node/replica/stall.h: what is a stall, and what only looks like one. */
#include <criterion/criterion.h>

#include "core/node/replica/stall.h"

#define STEP_MS 20u

/* Look each 20 ms for `ms`; what the last look says. */
static uint64_t look_for(struct nc_stall *stall, uint64_t *now_ms, uint64_t ms, uint64_t commit,
                         uint64_t applied)
{
	uint64_t said = 0;
	for (uint64_t end = *now_ms + ms; *now_ms < end;) {
		*now_ms += STEP_MS;
		said = nc_stall_look(stall, commit, applied, *now_ms);
	}
	return said;
}

Test(stall, is_no_progress_with_something_to_do)
{
	struct nc_stall stall = { 0 };
	uint64_t now_ms = 1000000;
	cr_expect_eq(nc_stall_look(&stall, 9, 5, now_ms), 0, "the first look knows of nothing");
	cr_expect_eq(look_for(&stall, &now_ms, NC_STALL_MS, 9, 5), NC_STALL_MS);
	cr_expect_eq(look_for(&stall, &now_ms, 1000, 90, 5), NC_STALL_MS + 1000,
	             "more of it to do changes nothing");
	cr_expect_eq(look_for(&stall, &now_ms, STEP_MS, 90, 6), 0, "one entry is progress");
}

Test(stall, is_not_where_nothing_is_to_be_done)
{
	struct nc_stall stall = { 0 };
	uint64_t now_ms = 1000000;
	cr_expect_eq(look_for(&stall, &now_ms, 10 * NC_STALL_MS, 5, 5), 0);
	cr_expect_eq(look_for(&stall, &now_ms, 10 * NC_STALL_MS, 0, 5), 0,
	             "after a start more may be applied than is known to be committed");
	cr_expect_eq(look_for(&stall, &now_ms, 100, 6, 5), 100, "counted from when there was");
}

Test(stall, is_not_slow_progress)
{
	struct nc_stall stall = { 0 };
	uint64_t now_ms = 1000000;
	for (uint64_t applied = 1; applied < 50; applied++) {
		cr_expect_lt(look_for(&stall, &now_ms, NC_STALL_MS / 2, 1000, applied),
		             NC_STALL_MS);
	}
}

Test(stall, does_not_count_what_the_loop_did_not_see)
{
	struct nc_stall stall = { 0 };
	uint64_t now_ms = 1000000;
	(void)look_for(&stall, &now_ms, 100, 9, 5);
	uint64_t before = look_for(&stall, &now_ms, STEP_MS, 9, 5);
	now_ms += 60000; /* the process was stopped */
	cr_expect_eq(nc_stall_look(&stall, 9, 5, now_ms), before);
	cr_expect_eq(look_for(&stall, &now_ms, NC_STALL_MS, 9, 5), before + NC_STALL_MS,
	             "what it has seen counts on");
}
