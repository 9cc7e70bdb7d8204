/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Disks that are full or broken. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/log/segment_log.h"
#include "tests/unit/log/directory.h"
#include "tests/unit/log/entries.h"
#include "tests/unit/log/flaky.h"

#define BEFORE 1440u /* bytes of the records that setup() writes, in the page of what follows */

static struct nc_log *journal;
static struct nc_log_recovery recovery;
static char fault[NC_LOG_FAULT_SIZE];

static int open_log(void)
{
	const struct nc_segment_log_options options = { .segment_size = NC_SEGMENT_SIZE_MIN,
		                                        .files = &flaky_files };
	journal = NULL;
	return nc_segment_log_open(directory_make(), &options, &recovery, &journal, fault);
}

static void setup(void)
{
	flaky = (struct flaky){ 0 };
	cr_assert_eq(open_log(), NC_OK);
	cr_assert_eq(entries_append(journal, NULL, 1, 10, 1, 100), NC_OK);
}

static void teardown(void)
{
	nc_log_close(journal);
	directory_remove();
}

static void go_through_memory(void)
{
	nc_log_close(journal);
	flaky.through = true;
	cr_assert_eq(open_log(), NC_OK, "%s", fault);
}

static uint64_t last(void)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(journal, &bounds);
	return bounds.last;
}

TestSuite(log_faults, .init = setup, .fini = teardown, .timeout = 60);

Test(log_faults, never_writes_again_after_a_failed_sync)
{
	flaky.sync_errno = EIO;
	cr_expect_eq(entries_append(journal, NULL, 11, 1, 1, 10), NC_IO);
	flaky.sync_errno = 0;
	cr_expect_eq(entries_append(journal, NULL, 11, 1, 1, 10), NC_IO);
	cr_expect_eq(nc_log_mark(journal), NC_IO);
	cr_expect_eq(last(), 10u, "an entry that is not durable is seen");
}

/* What was to be seen while the disk is at work. */
struct seen {
	int calls, begins, syncs;
	uint64_t last;
};

static void look(void *ctx)
{
	struct seen *seen = ctx;
	*seen = (struct seen){ seen->calls + 1, flaky.begins, flaky.syncs, last() };
}

static int append_looking(struct seen *seen)
{
	const struct nc_log_entry entry = {
		.index = 11, .term = 1, .kind = NC_LOG_COMMAND, .payload = NC_SLICE("x")
	};
	const struct nc_log_meanwhile meanwhile = { .fn = look, .ctx = seen };
	return nc_log_append_meanwhile(journal, NULL, &entry, 1, &meanwhile);
}

static void expect_time(int begins)
{
	struct seen seen = { 0 };
	int begun = flaky.begins, syncs = flaky.syncs;
	cr_assert_eq(append_looking(&seen), NC_OK);
	cr_expect_eq(seen.calls, 1);
	cr_expect_eq(seen.begins, begun + begins, "it is on its way");
	cr_expect_eq(seen.syncs, syncs, "and not durable");
	cr_expect_eq(seen.last, 10u, "so nobody sees it");
	cr_expect_eq(flaky.syncs, syncs + 1);
	cr_expect_eq(last(), 11u);
}

Test(log_faults, leaves_time_before_it_waits_for_the_disk)
{
	expect_time(0);
}

Test(log_faults, leaves_time_while_the_disk_is_at_work)
{
	go_through_memory();
	expect_time(1);
}

static void expect_whole_pages(const char *what)
{
	const struct flaky_written *written = &flaky.written;
	cr_expect_eq(written->data % 4096, 0u, "%s: from memory at a page", what);
	cr_expect_eq(written->offset % 4096, 0, "%s: to a page", what);
	cr_expect_eq(written->size % 4096, 0u, "%s: to the end of a page", what);
	cr_expect_gt(written->size, 0u, "%s", what);
}

/* What is in a page already is written again with what follows it. */
static void append_and_read(void)
{
	const struct nc_log_hard hard = { .term = 2, .vote = 1 };
	for (uint64_t index = 11; index < 100; index++) {
		cr_assert_eq(entries_append(journal, NULL, index, 1, 1, index * 7), NC_OK);
		expect_whole_pages("an entry");
		cr_assert(entry_is(journal, index, 1), "entry %lu", index);
	}
	cr_assert_eq(nc_log_append(journal, &hard, NULL, 0), NC_OK);
	expect_whole_pages("a hard state");
	cr_assert_eq(nc_log_mark(journal), NC_OK);
	expect_whole_pages("a mark");
	nc_log_close(journal);
	cr_assert_eq(open_log(), NC_OK, "%s", fault);
	cr_expect_eq(recovery.cut_bytes, 0u);
	cr_assert_eq(entries_append(journal, NULL, 100, 1, 2, 10), NC_OK);
	for (uint64_t index = 1; index < 101; index++)
		cr_expect(entry_is(journal, index, index < 100 ? 1 : 2), "entry %lu", index);
	nc_log_close(journal);
	cr_assert_eq(open_log(), NC_OK, "%s", fault);
	cr_expect_eq(last(), 100u);
	cr_expect_eq(recovery.hard.term, 2u);
}

Test(log_faults, writes_whole_pages)
{
	int fd = open(directory_path(directory_segment(0)), O_WRONLY | O_DIRECT);
	cr_expect_eq(nc_segment_log_is_direct(journal), fd >= 0);
	(void)close(fd);
	append_and_read();
}

Test(log_faults, writes_whole_pages_through_memory_too)
{
	go_through_memory();
	cr_expect_not(nc_segment_log_is_direct(journal));
	append_and_read();
}

/* So does a file system say that takes the descriptor, and has no such writes. */
Test(log_faults, goes_through_memory_when_a_direct_write_is_refused)
{
	flaky.write_errno = EINVAL;
	flaky.write_once = true;
	cr_expect_eq(entries_append(journal, NULL, 11, 1, 1, 100), NC_OK);
	cr_expect_eq(last(), 11u);
	cr_expect_not(nc_segment_log_is_direct(journal));
	flaky.write_errno = EINVAL;
	cr_expect_eq(entries_append(journal, NULL, 12, 1, 1, 100), NC_IO, "that one is not direct");
}

/* A batch larger than a segment gets a file of its own. */
Test(log_faults, keeps_what_is_before_and_behind_a_large_batch)
{
	for (uint64_t index = 11; index < 20; index++) {
		size_t size = index % 3 == 0 ? NC_SEGMENT_SIZE_MIN : 100;
		cr_assert_eq(entries_append(journal, NULL, index, 1, 1, size), NC_OK);
		expect_whole_pages("an entry");
	}
	nc_log_close(journal);
	cr_assert_eq(open_log(), NC_OK, "%s", fault);
	for (uint64_t index = 1; index < 20; index++)
		cr_expect(entry_is(journal, index, 1), "entry %lu", index);
}

Test(log_faults, leaves_no_time_where_there_is_no_room)
{
	struct seen seen = { 0 };
	flaky.write_errno = ENOSPC;
	flaky.write_once = true;
	cr_expect_eq(append_looking(&seen), NC_FULL);
	cr_expect_eq(seen.calls, 0);
	flaky.sync_errno = EIO;
	cr_expect_eq(append_looking(&seen), NC_IO);
	cr_expect_eq(seen.calls, 1, "that it fails is known only then");
	cr_expect_eq(last(), 10u);
}

Test(log_faults, goes_on_after_a_full_disk_and_keeps_the_hard_state_writable)
{
	flaky.zero_errno = ENOSPC;
	uint64_t next = 11;
	int err = NC_OK;
	while (next < 100000 && err == NC_OK) {
		err = entries_append(journal, NULL, next, 10, 1, 700);
		next += err == NC_OK ? 10 : 0;
	}
	cr_assert_eq(err, NC_FULL);
	cr_expect_eq(last(), next - 1);
	cr_expect_eq(nc_log_append(journal, &(struct nc_log_hard){ 7, 3 }, NULL, 0), NC_OK);
	cr_expect_eq(entries_append(journal, NULL, next, 10, 1, 700), NC_FULL);
	flaky.zero_errno = 0;
	cr_expect_eq(entries_append(journal, NULL, next, 10, 1, 700), NC_OK);
	nc_log_close(journal);
	cr_assert_eq(open_log(), NC_OK, "%s", fault);
	cr_expect_eq(last(), next + 9);
	cr_expect_eq(recovery.hard.term, 7u);
	for (uint64_t index = 1; index < next + 10; index++)
		cr_assert(entry_is(journal, index, 1));
}

/* So many entries that the next large one needs a new segment. */
static uint64_t nearly_fill(void)
{
	while (last() < 60)
		cr_assert_eq(entries_append(journal, NULL, last() + 1, 10, 1, 800), NC_OK);
	return last();
}

/* The next segment's file is made ahead of need, soon. */
static bool is_prepared(void)
{
	struct stat made;
	for (int tries = 0; tries < 1000; tries++) {
		if (stat(directory_path("prepared"), &made) == 0 && made.st_size > 0)
			return true;
		(void)usleep(10000);
	}
	return false;
}

/* Where files are copied when they are written over, also one that was zeros or a segment may find
 * no room, when it is written or when it is synced. */
Test(log_faults, goes_on_when_the_head_of_a_segment_found_no_room)
{
	for (int synced = 0; synced < 2; synced++) {
		uint64_t before = nearly_fill();
		*(synced ? &flaky.sync_errno : &flaky.write_errno) = ENOSPC;
		flaky.write_once = true;
		cr_expect_eq(entries_append(journal, NULL, before + 1, 1, 1, 40000), NC_FULL);
		flaky.write_errno = flaky.sync_errno = 0;
		cr_expect_eq(last(), before);
		cr_expect(is_prepared());
		cr_expect_eq(nc_log_append(journal, &(struct nc_log_hard){ 7, 3 }, NULL, 0), NC_OK);
		cr_expect_eq(entries_append(journal, NULL, before + 1, 1, 1, 40000), NC_OK);
		nc_log_close(journal);
		cr_assert_eq(open_log(), NC_OK, "%s", fault);
		cr_expect_eq(last(), before + 1);
		cr_expect_eq(recovery.hard.term, 7u);
		for (uint64_t index = 1; index <= before + 1; index++)
			cr_assert(entry_is(journal, index, 1));
		cr_assert_eq(nc_log_reset(journal, 0, 0), NC_OK);
	}
}

/* A batch of `count` entries finds no room, behind `written` bytes of it. */
static void refuse(size_t count, size_t size, size_t written)
{
	flaky.write_errno = ENOSPC;
	flaky.write_once = true;
	flaky.write_size = written;
	cr_expect_eq(entries_append(journal, NULL, 11, count, 1, size), NC_FULL);
	cr_expect_eq(last(), 10u);
}

static void expect_after_a_start(uint64_t want)
{
	nc_log_close(journal);
	cr_assert_eq(open_log(), NC_OK, "%s", fault);
	cr_expect_eq(last(), want, "entry %lu was refused, and is here", last());
}

#define THREE_OF_FIVE (BEFORE + 450u) /* records whole, of 100 bytes, the rest not */

Test(log_faults, brings_nothing_of_a_batch_back_that_found_no_room)
{
	go_through_memory();
	refuse(5, 100, THREE_OF_FIVE);
	cr_assert_eq(entries_append(journal, NULL, 11, 1, 1, 100), NC_OK);
	expect_after_a_start(11);
}

/* What is written past the kernel's memory is there in whole pages. */
Test(log_faults, brings_nothing_of_a_direct_batch_back_that_found_no_room)
{
	refuse(5, 3000, 8192);
	cr_assert_eq(entries_append(journal, NULL, 11, 1, 1, 100), NC_OK);
	expect_after_a_start(11);
}

Test(log_faults, brings_nothing_back_when_nothing_follows_either)
{
	go_through_memory();
	refuse(5, 100, THREE_OF_FIVE);
	expect_after_a_start(10);
}

Test(log_faults, opens_again_when_a_refused_batch_was_the_last_of_its_segment)
{
	go_through_memory();
	refuse(10, 700, BEFORE + 1000);
	cr_assert_eq(entries_append(journal, NULL, 11, 1, 1, ENTRY_SIZE_MAX), NC_OK);
	expect_after_a_start(11);
}

Test(log_faults, stops_when_a_refused_batch_cannot_be_erased)
{
	go_through_memory();
	flaky.write_errno = ENOSPC;
	flaky.write_size = THREE_OF_FIVE;
	cr_expect_eq(entries_append(journal, NULL, 11, 5, 1, 100), NC_IO);
	flaky.write_errno = 0;
	cr_expect_eq(entries_append(journal, NULL, 11, 5, 1, 100), NC_IO);
}

/* After a kill the files hold what was written but perhaps not synced; what the log says it has
 * must survive the power too. */
Test(log_faults, syncs_what_it_finds_before_it_vouches_for_it)
{
	nc_log_close(journal);
	flaky.syncs = 0;
	cr_assert_eq(open_log(), NC_OK);
	cr_expect_gt(flaky.syncs, 0);
	nc_log_close(journal);
	flaky.sync_errno = EIO;
	cr_expect_eq(open_log(), NC_IO);
	flaky.sync_errno = 0;
}

/* A file whose old name may come back must not be written to as another segment. */
Test(log_faults, stops_when_a_compaction_cannot_sync_its_names)
{
	char away[4096];
	(void)snprintf(away, sizeof away, "%s.away", directory_make());
	while (last() < 500) /* several segments */
		cr_assert_eq(entries_append(journal, NULL, last() + 1, 10, 2, 1000), NC_OK);
	cr_assert_eq(rename(directory_make(), away), 0);
	cr_expect_eq(nc_log_compact(journal, last()), NC_IO);
	cr_assert_eq(rename(away, directory_make()), 0);
	cr_expect_eq(entries_append(journal, NULL, last() + 1, 1, 3, 10), NC_IO);
}

Test(log_faults, leaves_the_log_as_it_was_when_a_reset_finds_no_room)
{
	int err = NC_OK;
	while (last() < 20000 && err == NC_OK) { /* until no segment is at hand */
		flaky.zero_errno = last() > 500 ? ENOSPC : 0;
		err = entries_append(journal, NULL, last() + 1, 10, 1, 300);
	}
	cr_assert_eq(err, NC_FULL);
	uint64_t before = last();
	cr_expect_eq(nc_log_reset(journal, 9000, 2), NC_FULL);
	cr_expect_eq(last(), before);
	flaky.zero_errno = 0;
	cr_expect_eq(nc_log_reset(journal, 9500, 2), NC_OK);
	cr_expect_eq(last(), 9500u);
}

static void *read_first(void *seen)
{
	const struct nc_log_range first = { .from = 1, .to = 1, .entry_max = 1, .size_max = 1 };
	struct nc_log_entry entry = { 0 };
	struct nc_buf buf = { 0 };
	size_t count = 0;
	bool right = nc_log_read(journal, first, &buf, &entry, &count) == NC_OK && count == 1 &&
	             entry.index == 1 && entry.term == 1 && entry.payload.size == 100;
	for (size_t i = 0; right && i < entry.payload.size; i++)
		right = entry.payload.data[i] == entry_byte(1, 1, i);
	nc_buf_release(&buf);
	*(bool *)seen = right;
	return NULL;
}

/* A cold disk takes its time; the loop asks where the log ends, and appends must go on. */
Test(log_faults, a_read_that_lasts_keeps_nobody_waiting)
{
	pthread_t reader;
	bool seen = false;
	flaky.reads_wait = true;
	cr_assert_eq(pthread_create(&reader, NULL, read_first, &seen), 0);
	while (!flaky.reading)
		(void)usleep(1000);
	while (last() < 500) /* several segments */
		cr_assert_eq(entries_append(journal, NULL, last() + 1, 10, 2, 1000), NC_OK);
	cr_expect_gt(nc_log_size(journal), 3u * NC_SEGMENT_SIZE_MIN);
	cr_assert_eq(nc_log_compact(journal, last()), NC_OK);
	struct nc_log_bounds bounds;
	nc_log_bounds(journal, &bounds);
	cr_expect_gt(bounds.first, 1u);
	while (last() < 1000) /* into files that were segments before */
		cr_assert_eq(entries_append(journal, NULL, last() + 1, 10, 2, 1000), NC_OK);
	flaky.reads_wait = false;
	cr_assert_eq(pthread_join(reader, NULL), 0);
	cr_expect(seen, "what is being read was written over");
}
