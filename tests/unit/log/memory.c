/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the log in memory does besides the port. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "storage/log/memory_log.h"
#include "tests/unit/log/entries.h"

/* The linker leads the program's here (--wrap). */
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

static size_t realloc_max = SIZE_MAX; /* larger ones fail */

void *__wrap_realloc(void *old, size_t size)
{
	return size > realloc_max ? NULL : __real_realloc(old, size);
}

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

Test(log_memory, a_read_for_which_memory_was_short_leaves_the_buffer_as_it_was)
{
	struct nc_log *log;
	struct nc_log_entry entries[3];
	struct nc_buf buf = { 0 };
	size_t count = 7;
	cr_assert_eq(nc_memory_log_open(&log), NC_OK);
	cr_assert_eq(entries_append(log, NULL, 1, 3, 1, 1000), NC_OK);
	nc_buf_put_str(&buf, "mine");
	realloc_max = 2048; /* for one of them */
	const struct nc_log_range all = {
		.from = 1, .to = 3, .entry_max = 3, .size_max = SIZE_MAX
	};
	cr_expect_eq(nc_log_read(log, all, &buf, entries, &count), NC_NOMEM);
	cr_expect_eq(count, 7u);
	cr_expect_eq(buf.size, 4u, "%zu bytes", buf.size);
	realloc_max = SIZE_MAX;
	nc_buf_clear(&buf);
	cr_expect_eq(nc_log_read(log, all, &buf, entries, &count), NC_OK);
	cr_expect_eq(count, 3u);
	nc_buf_release(&buf);
	nc_log_close(log);
}
