/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the log in memory does besides the port. */
#include <criterion/criterion.h>

#include "storage/log/memory_log.h"
#include "tests/unit/log/entries.h"

Test(log_memory, remembers_the_hard_state_over_a_reset)
{
	struct nc_log *log;
	cr_assert_eq(nc_memory_log_open(&log), NC_OK);
	cr_assert_eq(entries_append(log, &(struct nc_log_hard){ 4, 2 }, 1, 3, 4, 10), NC_OK);
	cr_assert_eq(nc_log_reset(log, 50, 4), NC_OK);
	struct nc_log_hard hard = nc_memory_log_hard(log);
	cr_expect_eq(hard.term, 4u);
	cr_expect_eq(hard.vote, 2u);
	cr_expect_eq(nc_log_size(log), 0u);
	nc_log_close(log);
}

Test(log_memory, compacts_through_exactly_what_is_asked)
{
	struct nc_log *log;
	cr_assert_eq(nc_memory_log_open(&log), NC_OK);
	cr_assert_eq(entries_append(log, NULL, 1, 10, 1, 10), NC_OK);
	cr_assert_eq(nc_log_compact(log, 4), NC_OK);
	struct nc_log_bounds bounds;
	nc_log_bounds(log, &bounds);
	cr_expect_eq(bounds.first, 5u);
	cr_expect(entry_is(log, 5, 1));
	nc_log_close(log);
}
