/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log is held for who fetches a state, and then until it has caught up. */
#include "core/node/replica/hold.h"

#include <criterion/criterion.h>

/* Node 1 leads; how far 2 and 3 have its log. */
static struct nc_raft_status leader(uint64_t second, uint64_t third)
{
	return (struct nc_raft_status){ .self = 1,
		                        .role = NC_RAFT_LEADER,
		                        .peer_count = 3,
		                        .peers = { { .id = 1, .match = 1000 },
		                                   { .id = 2, .match = second },
		                                   { .id = 3, .match = third } } };
}

Test(hold, holds_nothing_unless_asked)
{
	struct nc_hold hold = { 0 };
	struct nc_raft_status status = leader(10, 900);
	cr_expect_eq(nc_hold_limit(&hold, 500, &status, 1), 500u);
	nc_hold_set(&hold, 0, 1);
	cr_expect_eq(nc_hold_limit(&hold, 500, &status, 1), 500u);
}

Test(hold, holds_what_follows_a_state_that_is_read_however_long)
{
	struct nc_hold hold = { 0 };
	struct nc_raft_status status = leader(10, 900);
	nc_hold_set(&hold, 300, 1);
	cr_expect_eq(nc_hold_limit(&hold, 200, &status, 1), 200u);
	cr_expect_eq(nc_hold_limit(&hold, 500, &status, 100 * NC_HOLD_MS), 300u);
}

Test(hold, holds_it_until_who_read_it_has_caught_up)
{
	struct nc_hold hold = { 0 };
	nc_hold_set(&hold, 300, 1);
	nc_hold_set(&hold, 0, 1000);
	struct nc_raft_status status = leader(10, 900); /* 2 starts again */
	cr_expect_eq(nc_hold_limit(&hold, 500, &status, 2000), 300u);
	status = leader(420, 900);
	cr_expect_eq(nc_hold_limit(&hold, 500, &status, 3000), 420u);
	status = leader(600, 900);
	cr_expect_eq(nc_hold_limit(&hold, 500, &status, 4000), 500u);
	status = leader(10, 900); /* that was all: what comes later is not of this state */
	cr_expect_eq(nc_hold_limit(&hold, 800, &status, 5000), 800u);
}

Test(hold, does_not_hold_it_for_ever_for_who_does_not_come_back)
{
	struct nc_hold hold = { 0 };
	struct nc_raft_status status = leader(10, 900);
	nc_hold_set(&hold, 300, 1);
	nc_hold_set(&hold, 0, 1000);
	nc_hold_set(&hold, 0, 200000); /* said again: it does not begin anew */
	cr_expect_eq(nc_hold_limit(&hold, 500, &status, 999 + NC_HOLD_MS), 300u);
	cr_expect_eq(nc_hold_limit(&hold, 500, &status, 1000 + NC_HOLD_MS), 500u);
}

Test(hold, holds_nothing_more_where_another_leads)
{
	struct nc_hold hold = { 0 };
	struct nc_raft_status status = { .self = 1, .role = NC_RAFT_FOLLOWER };
	nc_hold_set(&hold, 300, 1);
	nc_hold_set(&hold, 0, 1000);
	cr_expect_eq(nc_hold_limit(&hold, 500, &status, 2000), 500u);
}
