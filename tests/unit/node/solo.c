/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Consensus among one voter. */
#include <criterion/criterion.h>

#include "core/node/solo.h"

static struct nc_solo started(uint64_t last, uint64_t last_term, uint64_t term)
{
	const struct nc_log_bounds bounds = { .first = 1, .last = last, .last_term = last_term };
	const struct nc_log_hard hard = { .term = term };
	struct nc_solo solo;
	nc_solo_start(&solo, &bounds, &hard, 1);
	return solo;
}

Test(solo, begins_a_term_above_all_it_has_seen_and_votes_for_itself)
{
	struct nc_solo solo = started(10, 4, 4);
	struct nc_solo_ready ready = nc_solo_ready(&solo);
	cr_expect(ready.hard_changed);
	cr_expect_eq(ready.hard.term, 5u);
	cr_expect_eq(ready.hard.vote, 1u);
	cr_expect_eq(ready.first, 11u, "a no-op of its own");
	cr_expect_eq(ready.last, 11u);
	solo = started(10, 9, 4);
	cr_expect_eq(nc_solo_ready(&solo).hard.term, 10u, "the log may be ahead of the vote");
}

Test(solo, hands_out_each_entry_once)
{
	struct nc_solo solo = started(0, 0, 0);
	(void)nc_solo_ready(&solo);
	cr_expect_eq(nc_solo_propose(&solo), 2u);
	cr_expect_eq(nc_solo_propose(&solo), 3u);
	struct nc_solo_ready ready = nc_solo_ready(&solo);
	cr_expect_eq(ready.first, 2u);
	cr_expect_eq(ready.last, 3u);
	cr_expect_not(ready.hard_changed);
	ready = nc_solo_ready(&solo);
	cr_expect_gt(ready.first, ready.last);
}

Test(solo, commits_only_what_is_durable)
{
	struct nc_solo solo = started(0, 0, 0);
	nc_solo_propose(&solo);
	cr_expect_eq(nc_solo_ready(&solo).commit, 0u);
	nc_solo_appended(&solo, 1, 1);
	cr_expect_eq(nc_solo_ready(&solo).commit, 1u);
	nc_solo_appended(&solo, 2, 1);
	nc_solo_appended(&solo, 1, 1);
	cr_expect_eq(nc_solo_ready(&solo).commit, 2u, "never goes back");
}

Test(solo, ignores_completions_of_another_term)
{
	struct nc_solo solo = started(5, 2, 2);
	(void)nc_solo_ready(&solo);
	nc_solo_appended(&solo, 6, 2);
	cr_expect_eq(nc_solo_ready(&solo).commit, 5u);
}

Test(solo, forgets_what_was_not_written_and_numbers_on_from_there)
{
	struct nc_solo solo = started(0, 0, 0);
	(void)nc_solo_ready(&solo);
	nc_solo_appended(&solo, 1, 1);
	nc_solo_propose(&solo);
	nc_solo_propose(&solo);
	(void)nc_solo_ready(&solo);
	nc_solo_retract(&solo, 2);
	cr_expect_eq(nc_solo_propose(&solo), 2u);
	struct nc_solo_ready ready = nc_solo_ready(&solo);
	cr_expect_eq(ready.first, 2u);
	cr_expect_eq(ready.last, 2u);
}
