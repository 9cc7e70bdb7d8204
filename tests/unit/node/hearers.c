/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who was told all transient subscriptions of the leader. */
#include <criterion/criterion.h>

#include "core/node/spread/hearers.h"

static struct nc_raft_members members(uint64_t first, uint32_t count)
{
	struct nc_raft_members of = { .count = count };
	for (uint32_t i = 0; i < count; i++)
		of.at[i] = (struct nc_raft_member){ .id = first + i, .voter = true };
	return of;
}

Test(hearers, a_member_has_a_place_of_its_own)
{
	struct nc_hearers hearers = { 0 };
	const struct nc_raft_members all = members(1, NC_RAFT_MEMBERS_MAX);
	cr_expect_null(nc_hearers_find(&hearers, 1));
	for (uint64_t number = 1; number <= NC_RAFT_MEMBERS_MAX; number++) {
		struct nc_hearer *hearer = nc_hearers_get(&hearers, &all, number);
		cr_assert_not_null(hearer);
		cr_expect_eq(hearer->epoch, 0u);
		hearer->epoch = 100 + number;
	}
	for (uint64_t number = 1; number <= NC_RAFT_MEMBERS_MAX; number++) {
		cr_expect_eq(nc_hearers_find(&hearers, number)->epoch, 100 + number);
		cr_expect_eq(nc_hearers_get(&hearers, &all, number)->epoch, 100 + number);
	}
}

/* A node that comes back without its disk has another number, again and again. */
Test(hearers, who_was_a_member_leaves_its_place_to_who_is_one)
{
	struct nc_hearers hearers = { 0 };
	for (uint64_t first = 1; first < 100; first++) {
		const struct nc_raft_members now = members(first, 3);
		for (uint64_t number = first; number < first + 3; number++) {
			struct nc_hearer *hearer = nc_hearers_get(&hearers, &now, number);
			cr_assert_not_null(hearer, "member %llu", (unsigned long long)number);
			bool told = first > 1 && number < first + 2;
			cr_expect_eq(hearer->epoch, told ? 7u : 0u);
			hearer->epoch = 7;
		}
	}
}
