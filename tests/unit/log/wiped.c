/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A page that went astray has fallen on the first records of a segment: the log must not be taken
 * for one that never held them. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/base/crc32c.h"
#include "storage/log/segment_log.h"
#include "tests/unit/log/directory.h"
#include "tests/unit/log/entries.h"
#include "tests/unit/log/open.h"

/* As docs/formats-log.md has them. */
#define MARKED 72u /* whether the first record is a mark; checksum at 80 */

#define SECTOR 512u

/* Term and vote and three small entries in the first sector of segment `nth`, 0 or 1, and nothing
 * that vouches for them. */
static void log_make(size_t nth)
{
	struct nc_log *log;
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	if (nth == 1) /* fills a segment, but for its reserve */
		cr_assert_eq(entries_append(log, NULL, 1, 1, 1, 57200), NC_OK);
	cr_assert_eq(entries_append(log, &(struct nc_log_hard){ 1, 2 }, nth + 1, 3, 1, 20), NC_OK);
	nc_log_close(log);
	cr_assert_str_not_empty(directory_segment(nth));
	cr_assert_str_empty(directory_segment(nth + 1));
}

/* The first `sectors` of the records of segment `nth` are `byte`s. */
static void wipe(size_t nth, size_t sectors, uint8_t byte)
{
	struct nc_buf image = { 0 };
	char name[64];
	(void)snprintf(name, sizeof name, "%s", directory_segment(nth));
	cr_assert(directory_load(name, &image));
	memset(image.data + SEGMENT_HEAD, byte, sectors * SECTOR);
	cr_assert(directory_store(name, image.data, image.size));
	nc_buf_release(&image);
}

TestSuite(log_wiped, .fini = directory_remove, .timeout = 60);

static void refuses(size_t nth, uint8_t byte)
{
	struct nc_log *log;
	for (size_t sectors = 1; sectors <= 8; sectors++) {
		log_make(nth);
		wipe(nth, sectors, byte);
		cr_expect_eq(open_log(&log), NC_CORRUPT, "%zu sectors: taken for a new log",
		             sectors);
		cr_expect_not_null(strstr(fault, directory_segment(nth)), "%s", fault);
		directory_remove();
	}
}

/* Found by the simulator. */
Test(log_wiped, refuses_a_log_that_looks_as_if_it_had_held_nothing)
{
	refuses(0, 0);
	refuses(0, 0xa5);
}

Test(log_wiped, refuses_a_segment_that_looks_as_if_it_were_just_begun)
{
	refuses(1, 0);
	refuses(1, 0xa5);
}

/* A node that was killed before it wrote anything. */
Test(log_wiped, opens_a_log_that_never_held_anything)
{
	struct nc_log_bounds bounds;
	struct nc_log *log;
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	nc_log_close(log);
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	nc_log_bounds(log, &bounds);
	cr_expect_eq(bounds.last, 0u);
	cr_expect_eq(recovery.hard.term, 0u);
	cr_expect_not(recovery.doubtful);
	cr_expect_eq(recovery.cut_bytes, 0u);
	nc_log_close(log);
}

/* Earlier builds began segments without a mark. */
Test(log_wiped, opens_a_segment_of_an_earlier_build)
{
	struct nc_buf image = { 0 };
	struct nc_log *log;
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	nc_log_close(log);
	wipe(0, 1, 0);
	cr_assert(directory_load(directory_segment(0), &image));
	nc_set_u32(image.data + MARKED, 0);
	nc_set_u32(image.data + 80, nc_crc32c(0, image.data, 80));
	cr_assert(directory_store(directory_segment(0), image.data, image.size));
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	cr_assert_eq(entries_append(log, &(struct nc_log_hard){ 1, 2 }, 1, 3, 1, 20), NC_OK);
	nc_log_close(log);
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	cr_expect(entry_is(log, 3, 1));
	nc_log_close(log);
	nc_buf_release(&image);
}
