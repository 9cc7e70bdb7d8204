/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What core/raft/log.h promises, of each log that fills it. */
#include <criterion/criterion.h>

#include "tests/unit/log/entries.h"
#include "tests/unit/log/twin.h"

static struct nc_log *journal;
static struct nc_log_recovery recovery;

static void setup(void)
{
	cr_assert_eq(twin_open(&recovery, &journal), NC_OK);
}

static void teardown(void)
{
	nc_log_close(journal);
	twin_remove();
}

static void reopen(void)
{
	if (!twin_is_durable)
		return;
	nc_log_close(journal);
	journal = NULL;
	cr_assert_eq(twin_open(&recovery, &journal), NC_OK);
}

static void expect_bounds(uint64_t first, uint64_t last, uint64_t base_term, uint64_t last_term)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(journal, &bounds);
	cr_expect_eq(bounds.first, first, "first %lu", bounds.first);
	cr_expect_eq(bounds.last, last, "last %lu", bounds.last);
	cr_expect_eq(bounds.base_term, base_term, "base term %lu", bounds.base_term);
	cr_expect_eq(bounds.last_term, last_term, "last term %lu", bounds.last_term);
}

TestSuite(log_port, .init = setup, .fini = teardown);

Test(log_port, begins_empty)
{
	expect_bounds(1, 0, 0, 0);
	uint64_t term = 77;
	cr_expect_eq(nc_log_term_at(journal, 0, &term), NC_OK);
	cr_expect_eq(term, 0u);
	cr_expect_eq(nc_log_term_at(journal, 1, &term), NC_NOTFOUND);
	cr_expect_eq(recovery.hard.term, 0u);
}

Test(log_port, gives_back_what_was_appended_also_after_a_reopen)
{
	cr_assert_eq(entries_append(journal, NULL, 1, 100, 1, 300), NC_OK);
	cr_assert_eq(entries_append(journal, NULL, 101, 50, 3, 0), NC_OK);
	for (int round = 0; round < 2; round++) {
		expect_bounds(1, 150, 0, 3);
		for (uint64_t index = 1; index <= 150; index++) {
			cr_assert(entry_is(journal, index, index <= 100 ? 1 : 3), "entry %lu",
			          index);
		}
		reopen();
	}
}

Test(log_port, spreads_over_many_segments)
{
	for (uint64_t at = 1; at <= 1000; at += 10)
		cr_assert_eq(entries_append(journal, NULL, at, 10, at / 100 + 1, 777), NC_OK);
	for (int round = 0; round < 2; round++) {
		expect_bounds(1, 1000, 0, 10);
		for (uint64_t index = 1; index <= 1000; index += 7)
			cr_assert(entry_is(journal, index, (index - 1) / 10 * 10 / 100 + 1));
		reopen();
	}
}

Test(log_port, takes_a_batch_larger_than_a_segment)
{
	cr_assert_eq(entries_append(journal, NULL, 1, 3, 1, ENTRY_SIZE_MAX), NC_OK);
	cr_assert_eq(entries_append(journal, NULL, 4, 1, 1, 10), NC_OK);
	reopen();
	for (uint64_t index = 1; index <= 4; index++)
		cr_expect(entry_is(journal, index, 1));
}

Test(log_port, reads_no_more_than_asked_but_always_one)
{
	struct nc_log_entry entries[10];
	struct nc_buf buf = { 0 };
	size_t count = 0;
	cr_assert_eq(entries_append(journal, NULL, 1, 10, 1, 100), NC_OK);
	cr_expect_eq(nc_log_read(journal, (struct nc_log_range){ 1, 10, 10, 350 }, &buf, entries,
	                         &count),
	             NC_OK);
	cr_expect_eq(count, 3u, "%zu entries", count);
	cr_expect_eq(
	        nc_log_read(journal, (struct nc_log_range){ 2, 10, 10, 1 }, &buf, entries, &count),
	        NC_OK);
	cr_expect_eq(count, 1u);
	cr_expect_eq(nc_log_read(journal, (struct nc_log_range){ 2, 10, 4, SIZE_MAX }, &buf,
	                         entries, &count),
	             NC_OK);
	cr_expect_eq(count, 4u);
	cr_expect_eq(entries[3].index, 5u);
	cr_expect_eq(nc_log_read(journal, (struct nc_log_range){ 9, 99, 10, SIZE_MAX }, &buf,
	                         entries, &count),
	             NC_OK);
	cr_expect_eq(count, 2u);
	cr_expect_eq(
	        nc_log_read(journal, (struct nc_log_range){ 11, 11, 10, 1 }, &buf, entries, &count),
	        NC_NOTFOUND);
	nc_buf_release(&buf);
}

Test(log_port, replaces_a_suffix_durably)
{
	cr_assert_eq(entries_append(journal, NULL, 1, 100, 1, 900), NC_OK);
	cr_assert_eq(entries_append(journal, NULL, 101, 20, 2, 900), NC_OK);
	cr_assert_eq(entries_append(journal, NULL, 95, 3, 5, 40), NC_OK);
	for (int round = 0; round < 2; round++) {
		expect_bounds(1, 97, 0, 5);
		cr_expect(entry_is(journal, 94, 1));
		for (uint64_t index = 95; index <= 97; index++)
			cr_expect(entry_is(journal, index, 5));
		reopen();
	}
	cr_assert_eq(entries_append(journal, NULL, 1, 1, 6, 40), NC_OK);
	reopen();
	expect_bounds(1, 1, 0, 6);
	cr_expect(entry_is(journal, 1, 6));
}

Test(log_port, keeps_the_hard_state_alone_with_entries_and_over_segments)
{
	cr_assert_eq(nc_log_append(journal, &(struct nc_log_hard){ 3, 2 }, NULL, 0), NC_OK);
	reopen();
	cr_expect(!twin_is_durable || (recovery.hard.term == 3 && recovery.hard.vote == 2));
	cr_assert_eq(entries_append(journal, &(struct nc_log_hard){ 4, 0 }, 1, 5, 4, 9), NC_OK);
	for (uint64_t at = 6; at <= 400; at += 5)
		cr_assert_eq(entries_append(journal, NULL, at, 5, 4, 999), NC_OK);
	reopen();
	cr_expect(!twin_is_durable || (recovery.hard.term == 4 && recovery.hard.vote == 0));
	cr_assert_eq(nc_log_compact(journal, 390), NC_OK);
	reopen();
	cr_expect(!twin_is_durable || recovery.hard.term == 4);
}

Test(log_port, compacts_through_what_was_asked_at_most)
{
	for (uint64_t at = 1; at <= 1000; at += 10)
		cr_assert_eq(entries_append(journal, NULL, at, 10, at / 100 + 1, 777), NC_OK);
	uint64_t before = nc_log_size(journal), term = 0;
	cr_assert_eq(nc_log_compact(journal, 700), NC_OK);
	cr_expect_lt(nc_log_size(journal), before);
	for (int round = 0; round < 2; round++) {
		struct nc_log_bounds bounds;
		nc_log_bounds(journal, &bounds);
		cr_expect_gt(bounds.first, 500u);
		cr_expect_leq(bounds.first, 701u);
		cr_expect_eq(nc_log_term_at(journal, bounds.first - 1, &term), NC_OK);
		cr_expect_eq(term, bounds.base_term);
		cr_expect_eq(term, (bounds.first - 2) / 10 * 10 / 100 + 1);
		cr_expect_eq(nc_log_term_at(journal, bounds.first - 2, &term), NC_NOTFOUND);
		cr_expect(entry_is(journal, bounds.first, (bounds.first - 1) / 10 * 10 / 100 + 1));
		cr_expect(entry_is(journal, 1000, 10));
		reopen();
	}
	cr_expect_eq(nc_log_compact(journal, 3), NC_OK, "less than is gone already");
}

Test(log_port, compacts_an_empty_segment_after_a_replaced_suffix)
{
	for (uint64_t at = 1; at <= 200; at += 10)
		cr_assert_eq(entries_append(journal, NULL, at, 10, 1, 999), NC_OK);
	cr_assert_eq(entries_append(journal, NULL, 20, 5, 2, 999), NC_OK);
	cr_assert_eq(nc_log_compact(journal, 23), NC_OK);
	reopen();
	cr_expect(entry_is(journal, 24, 2));
	for (uint64_t at = 25; at <= 325; at += 10)
		cr_assert_eq(entries_append(journal, NULL, at, 10, 3, 999), NC_OK);
	cr_assert_eq(nc_log_compact(journal, 300), NC_OK);
	reopen();
	cr_expect(entry_is(journal, 301, 3));
}

Test(log_port, does_not_mind_compaction_beyond_the_last)
{
	for (uint64_t at = 1; at <= 200; at += 10)
		cr_assert_eq(entries_append(journal, NULL, at, 10, 1, 999), NC_OK);
	cr_assert_eq(entries_append(journal, NULL, 20, 1, 2, 0), NC_OK);
	cr_expect_eq(nc_log_compact(journal, 150), NC_OK);
	struct nc_log_bounds bounds;
	nc_log_bounds(journal, &bounds);
	cr_expect_leq(bounds.first, bounds.last + 1);
}

Test(log_port, forgets_all_on_reset_but_the_hard_state)
{
	cr_assert_eq(entries_append(journal, &(struct nc_log_hard){ 9, 1 }, 1, 100, 2, 900), NC_OK);
	cr_assert_eq(nc_log_reset(journal, 5000, 8), NC_OK);
	for (int round = 0; round < 2; round++) {
		uint64_t term = 0;
		expect_bounds(5001, 5000, 8, 8);
		cr_expect_eq(nc_log_term_at(journal, 5000, &term), NC_OK);
		cr_expect_eq(term, 8u);
		cr_expect_eq(nc_log_term_at(journal, 100, &term), NC_NOTFOUND);
		reopen();
	}
	cr_expect(!twin_is_durable || (recovery.hard.term == 9 && recovery.hard.vote == 1));
	cr_assert_eq(entries_append(journal, NULL, 5001, 3, 9, 5), NC_OK);
	reopen();
	cr_expect(entry_is(journal, 5003, 9));
	expect_bounds(5001, 5003, 8, 9);
}

Test(log_port, marks_once)
{
	cr_assert_eq(entries_append(journal, NULL, 1, 1, 1, 1), NC_OK);
	cr_expect_eq(nc_log_mark(journal), NC_OK);
	cr_expect_eq(nc_log_mark(journal), NC_OK);
	reopen();
	cr_expect_eq(recovery.cut_bytes, 0u);
	cr_expect_not(recovery.doubtful);
	expect_bounds(1, 1, 0, 1);
}
