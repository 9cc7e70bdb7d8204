/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the log's writer keeps in memory between two batches. */
#include <criterion/criterion.h>

#include "storage/log/segment_private.h"
#include "tests/unit/log/directory.h"
#include "tests/unit/log/entries.h"

#define LARGE (20u << 20) /* bytes */

static struct nc_log *journal;

static void open_log(void)
{
	struct nc_log_recovery recovery;
	char fault[NC_LOG_FAULT_SIZE];
	cr_assert_eq(nc_segment_log_open(directory_make(), &(struct nc_segment_log_options){ 0 },
	                                 &recovery, &journal, fault),
	             NC_OK, "%s", fault);
}

static void close_log(void)
{
	nc_log_close(journal);
	directory_remove();
}

static size_t buffer_size(void)
{
	return ((const struct nc_segment_log *)journal)->batch.capacity;
}

static void append(uint64_t index, size_t size)
{
	cr_assert_eq(entries_append(journal, NULL, index, 1, 1, size), NC_OK);
}

static void expect_entries(uint64_t last)
{
	nc_log_close(journal);
	open_log();
	for (uint64_t index = 1; index <= last; index++)
		cr_expect(entry_is(journal, index, 1), "entry %lu", index);
}

TestSuite(log_buffer, .init = open_log, .fini = close_log, .timeout = 60);

Test(log_buffer, of_a_large_entry_goes_when_the_log_is_idle)
{
	append(1, 100);
	size_t usual = buffer_size();
	append(2, LARGE);
	cr_expect_geq(buffer_size(), LARGE);
	append(3, 100);
	cr_expect_geq(buffer_size(), LARGE, "the next one may be as large");
	cr_assert_eq(nc_log_mark(journal), NC_OK);
	cr_expect_eq(buffer_size(), usual);
	append(4, 100);
	expect_entries(4);
}

Test(log_buffer, of_a_large_entry_goes_when_many_small_ones_have_come)
{
	uint64_t index = 1;
	append(index, 100);
	size_t usual = buffer_size();
	append(++index, LARGE);
	for (int i = 0; i < 50; i++)
		append(++index, 100);
	append(++index, LARGE);
	for (int i = 0; i < 50; i++)
		append(++index, 100);
	cr_expect_geq(buffer_size(), LARGE, "one was so large not long ago");
	for (int i = 0; i < 100; i++)
		append(++index, 100);
	cr_expect_eq(buffer_size(), usual);
	expect_entries(index);
}

Test(log_buffer, of_what_is_usual_stays)
{
	append(1, 5u << 20);
	size_t usual = buffer_size();
	for (uint64_t index = 2; index < 300; index++)
		append(index, 100);
	cr_assert_eq(nc_log_mark(journal), NC_OK);
	cr_expect_eq(buffer_size(), usual, "it would be made and given back all the time");
	expect_entries(299);
}
