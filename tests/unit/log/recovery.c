/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the log believes of damaged files. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/crc32c.h"
#include "storage/log/segment_log.h"
#include "tests/unit/log/directory.h"
#include "tests/unit/log/entries.h"
#include "tests/unit/log/open.h"
#include "tests/unit/log/twin.h"

/* Sizes of heads, as docs/formats-log.md has them. */
#define RECORD_HEAD 40u

static size_t used(const struct nc_buf *image)
{
	size_t end = image->size;
	while (end > 0 && image->data[end - 1] == 0)
		end--;
	return (end + 7) & ~(size_t)7;
}

/* Three batches: hard state and entries 1..3; 4..5; 6..7. Then a mark if asked. Where the last
 * batch begins is given. */
static size_t small_log_make(struct nc_buf *image, bool marked)
{
	struct nc_log *log;
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	cr_assert_eq(entries_append(log, &(struct nc_log_hard){ 2, 1 }, 1, 3, 1, 50), NC_OK);
	cr_assert_eq(entries_append(log, NULL, 4, 2, 2, 60), NC_OK);
	cr_assert(directory_load(directory_segment(0), image));
	size_t end = used(image);
	cr_assert_eq(entries_append(log, NULL, 6, 2, 2, 70), NC_OK);
	if (marked)
		cr_assert_eq(nc_log_mark(log), NC_OK);
	nc_log_close(log);
	cr_assert(directory_load(directory_segment(0), image));
	return end;
}

/* Records of another segment, from `from` on: what is left in a file that was a segment before. */
static void stale_fill(struct nc_buf *image, size_t from)
{
	static uint8_t old[16 * 1024];
	static size_t old_size;
	if (old_size == 0) {
		struct nc_buf other = { 0 };
		struct nc_log *log;
		directory_remove();
		cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
		cr_assert_eq(entries_append(log, &(struct nc_log_hard){ 7, 3 }, 1, 40, 7, 90),
		             NC_OK);
		cr_assert_eq(nc_log_mark(log), NC_OK);
		nc_log_close(log);
		cr_assert(directory_load(directory_segment(0), &other));
		old_size = used(&other) - SEGMENT_HEAD;
		cr_assert_leq(old_size, sizeof old);
		memcpy(old, other.data + SEGMENT_HEAD, old_size);
		nc_buf_release(&other);
		directory_remove();
		cr_assert_eq(open_log(&log), NC_OK, "%s",
		             fault); /* for the files that tests replace */
		nc_log_close(log);
	}
	for (size_t at = from; at < image->size; at++)
		image->data[at] = old[at % old_size];
}

/* Entries 1..last are as written, for the terms above. */
static bool holds_through(struct nc_log *log, uint64_t last)
{
	for (uint64_t index = 1; index <= last; index++) {
		if (!entry_is(log, index, index <= 3 ? 1 : 2))
			return false;
	}
	return true;
}

static uint64_t last_of(struct nc_log *log)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(log, &bounds);
	return bounds.last;
}

TestSuite(log_recovery, .fini = directory_remove, .timeout = 120);

static void cut_at_any_byte(bool stale)
{
	struct nc_buf image = { 0 }, torn = { 0 };
	size_t begin = small_log_make(&image, false);
	size_t end = used(&image);
	char name[64];
	strcpy(name, directory_segment(0));
	for (size_t cut = begin; cut < end; cut++) {
		nc_buf_clear(&torn);
		nc_buf_put(&torn, image.data, cut);
		memset(nc_buf_extend(&torn, image.size - cut), 0, image.size - cut);
		if (stale)
			stale_fill(&torn, cut);
		cr_assert(directory_store(name, torn.data, torn.size));
		struct nc_log *log;
		cr_assert_eq(open_log(&log), NC_OK, "cut at %zu: %s", cut, fault);
		uint64_t last = last_of(log);
		cr_expect(last >= 5 && last <= 7, "cut at %zu: last %lu", cut, last);
		cr_expect(holds_through(log, last), "cut at %zu", cut);
		cr_expect_eq(recovery.hard.term, 2u);
		/* What is appended next is found again, and nothing of the old tail. */
		cr_assert_eq(entries_append(log, NULL, last + 1, 1, 2, 3), NC_OK);
		nc_log_close(log);
		cr_assert_eq(open_log(&log), NC_OK, "cut at %zu: %s", cut, fault);
		cr_expect_eq(last_of(log), last + 1);
		cr_expect_eq(recovery.cut_bytes, 0u);
		nc_log_close(log);
	}
	nc_buf_release(&torn);
	nc_buf_release(&image);
}

Test(log_recovery, cuts_a_last_batch_that_ends_at_any_byte)
{
	cut_at_any_byte(false);
}

Test(log_recovery, cuts_a_last_batch_over_what_the_file_held_before)
{
	cut_at_any_byte(true);
}

Test(log_recovery, says_that_a_record_was_cut_whose_header_was_complete)
{
	struct nc_buf image = { 0 };
	size_t begin = small_log_make(&image, false);
	char name[64];
	strcpy(name, directory_segment(0));
	memset(image.data + begin + RECORD_HEAD + 10, 0, image.size - begin - RECORD_HEAD - 10);
	cr_assert(directory_store(name, image.data, image.size));
	struct nc_log *log;
	cr_assert_eq(open_log(&log), NC_OK);
	cr_expect(recovery.doubtful);
	cr_expect_eq(last_of(log), 5u);
	nc_log_close(log);
	/* There is nothing to be seen of it any more, but it may be missed all the same. */
	cr_assert_eq(open_log(&log), NC_OK);
	cr_expect_eq(recovery.cut_bytes, 0u);
	cr_expect(recovery.doubtful);
	cr_expect_eq(nc_log_trust(log), NC_OK);
	cr_expect_eq(nc_log_trust(log), NC_OK);
	nc_log_close(log);
	cr_assert_eq(open_log(&log), NC_OK);
	cr_expect_not(recovery.doubtful);
	nc_log_close(log);
	nc_buf_release(&image);
}

static void flip_below_the_mark(bool stale)
{
	struct nc_buf image = { 0 };
	(void)small_log_make(&image, true);
	size_t end = used(&image);
	if (stale)
		stale_fill(&image, end);
	size_t mark = end - RECORD_HEAD;
	char name[64];
	strcpy(name, directory_segment(0));
	for (size_t at = 0; at < end; at++) {
		if (at == 128) /* beyond what a head uses */
			at = SEGMENT_HEAD;
		image.data[at] ^= (uint8_t)(1u << at % 8);
		cr_assert(directory_store(name, image.data, image.size));
		image.data[at] ^= (uint8_t)(1u << at % 8);
		struct nc_log *log = NULL;
		int err = open_log(&log);
		if (err == NC_OK) {
			cr_expect_eq(last_of(log), 7u, "byte %zu: entries lost in silence", at);
			cr_expect(holds_through(log, 7), "byte %zu", at);
			cr_expect(at < SEGMENT_HEAD || at >= mark, "byte %zu: not noticed", at);
			nc_log_close(log);
		} else {
			cr_expect(err == NC_CORRUPT || err == NC_UNSUPPORTED, "byte %zu: %d", at,
			          err);
			cr_expect_not_null(strstr(fault, name), "byte %zu: %s", at, fault);
		}
	}
	nc_buf_release(&image);
}

Test(log_recovery, notices_a_flipped_bit_anywhere_below_the_mark)
{
	flip_below_the_mark(false);
}

Test(log_recovery, notices_a_flipped_bit_before_what_the_file_held_before)
{
	flip_below_the_mark(true);
}

/* No mark followed: the last batch may have been acknowledged, or not. The log cannot know, and
 * must say that it does not. */
static void flip_in_the_last_batch(bool stale)
{
	struct nc_buf image = { 0 };
	size_t begin = small_log_make(&image, false);
	size_t end = used(&image);
	if (stale)
		stale_fill(&image, end);
	char name[64];
	strcpy(name, directory_segment(0));
	for (size_t at = begin; at < end; at++) {
		image.data[at] ^= (uint8_t)(1u << at % 8);
		cr_assert(directory_store(name, image.data, image.size));
		image.data[at] ^= (uint8_t)(1u << at % 8);
		struct nc_log *log = NULL;
		if (open_log(&log) != NC_OK)
			continue;
		cr_expect(last_of(log) == 7 || recovery.doubtful, "byte %zu: cut in silence", at);
		cr_expect(holds_through(log, last_of(log)), "byte %zu", at);
		cr_expect_eq(nc_log_trust(log), NC_OK);
		nc_log_close(log);
	}
	nc_buf_release(&image);
}

Test(log_recovery, never_cuts_a_whole_last_batch_in_silence)
{
	flip_in_the_last_batch(false);
}

Test(log_recovery, never_cuts_one_before_what_the_file_held_before_in_silence)
{
	flip_in_the_last_batch(true);
}

/* A log that is compacted as it grows goes on in the files it had: no zeros are written for them.
 */
Test(log_recovery, goes_on_in_the_files_it_had)
{
	struct nc_log *log;
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	ino_t files[8] = { 0 };
	unsigned again = 0;
	for (uint64_t at = 1; at <= 4000; at += 10) {
		struct stat stat_now;
		cr_assert_eq(entries_append(log, NULL, at, 10, 1, 300), NC_OK);
		if (at % 400 != 1)
			continue;
		cr_assert_eq(nc_log_compact(log, at > 200 ? at - 200 : 0), NC_OK);
		cr_assert_eq(stat(directory_path(directory_segment(0)), &stat_now), 0);
		for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
			again += files[i] == stat_now.st_ino;
		files[at / 400 % 8] = stat_now.st_ino;
	}
	cr_expect_gt(again, 0u, "no file was a segment twice");
	struct nc_log_bounds bounds;
	nc_log_bounds(log, &bounds);
	cr_assert_gt(bounds.first, 1000u, "nothing was compacted");
	nc_log_close(log);
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	cr_expect_eq(last_of(log), 4000u);
	cr_expect_eq(recovery.cut_bytes, 0u);
	cr_expect_not(recovery.doubtful);
	for (uint64_t at = bounds.first; at <= 4000; at++)
		cr_assert(entry_is(log, at, 1), "entry %lu", at);
	nc_log_close(log);
}

Test(log_recovery, refuses_a_newer_format)
{
	struct nc_buf image = { 0 };
	(void)small_log_make(&image, true);
	image.data[8] = 2;
	nc_set_u32(image.data + 80, nc_crc32c(0, image.data, 80));
	cr_assert(directory_store(directory_segment(0), image.data, image.size));
	struct nc_log *log;
	cr_expect_eq(open_log(&log), NC_UNSUPPORTED);
	nc_buf_release(&image);
}

Test(log_recovery, refuses_when_a_segment_is_missing)
{
	struct nc_log *log;
	cr_assert_eq(open_log(&log), NC_OK);
	for (uint64_t at = 1; at <= 400; at += 10)
		cr_assert_eq(entries_append(log, NULL, at, 10, 1, 700), NC_OK);
	nc_log_close(log);
	cr_assert_eq(unlink(directory_path(directory_segment(1))), 0);
	cr_expect_eq(open_log(&log), NC_CORRUPT);
}

Test(log_recovery, refuses_when_the_newest_segments_are_missing)
{
	struct nc_log *log;
	char name[64];
	cr_assert_eq(open_log(&log), NC_OK);
	for (uint64_t at = 1; at <= 400; at += 10)
		cr_assert_eq(entries_append(log, NULL, at, 10, 1, 700), NC_OK);
	nc_log_close(log);
	for (size_t n = 8; n > 0; n--) {
		if (directory_segment(n)[0] == '\0')
			continue;
		(void)snprintf(name, sizeof name, "segment %zu is missing", n + 1);
		cr_assert_eq(unlink(directory_path(directory_segment(n))), 0);
		cr_expect_eq(open_log(&log), NC_CORRUPT);
		cr_expect_not_null(strstr(fault, name), "%s", fault);
	}
	cr_expect_str_not_empty(directory_segment(0));
}

Test(log_recovery, goes_on_when_the_next_segment_was_only_begun)
{
	struct nc_log *log;
	cr_assert_eq(open_log(&log), NC_OK);
	uint64_t last = 0;
	for (; directory_segment(1)[0] == '\0'; last += 10)
		cr_assert_eq(entries_append(log, NULL, last + 1, 10, 1, 700), NC_OK);
	nc_log_close(log);
	struct nc_buf image = { 0 };
	cr_assert(directory_load(directory_segment(1), &image));
	size_t begun = SEGMENT_HEAD + RECORD_HEAD; /* with its head and its first mark */
	memset(image.data + begun, 0, image.size - begun);
	cr_assert(directory_store(directory_segment(1), image.data, image.size));
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	cr_expect_eq(last_of(log), last - 10);
	cr_expect_eq(entries_append(log, NULL, last - 9, 1, 1, 7), NC_OK);
	nc_log_close(log);
	nc_buf_release(&image);
}

/* Whoever chooses payloads must not be able to vouch for anything. */
Test(log_recovery, is_not_misled_by_a_record_inside_a_payload)
{
	struct nc_buf image = { 0 };
	(void)small_log_make(&image, true);
	size_t mark = used(&image) - RECORD_HEAD;
	uint8_t embedded[8 + RECORD_HEAD] = { 0 };
	memcpy(embedded, image.data + mark, RECORD_HEAD);
	nc_buf_release(&image);
	directory_remove();

	struct nc_log *log;
	cr_assert_eq(open_log(&log), NC_OK);
	const struct nc_log_entry entries[] = {
		{ 1, 1, NC_LOG_COMMAND, { embedded, 8 } },
		{ 2, 1, NC_LOG_COMMAND, { embedded, RECORD_HEAD } },
	};
	cr_assert_eq(nc_log_append(log, NULL, entries, 2), NC_OK);
	nc_log_close(log);
	cr_assert(directory_load(directory_segment(0), &image));
	memset(image.data + SEGMENT_HEAD + 2 * RECORD_HEAD, 1, 8); /* the first is torn */
	cr_assert(directory_store(directory_segment(0), image.data, image.size));
	cr_expect_eq(open_log(&log), NC_OK, "%s", fault);
	nc_log_close(log);
	nc_buf_release(&image);
}

/* Found by the simulator: entries were replaced from behind the second segment's base on, and then
 * the first segment was compacted away: what was left began at a base that was no longer so. */
Test(log_recovery, opens_after_a_truncation_across_segments_and_a_compaction)
{
	struct nc_log *log;
	struct nc_log_bounds bounds;
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	for (uint64_t index = 1; index <= 60; index++) /* three segments of some 20 each */
		cr_assert_eq(entries_append(log, NULL, index, 1, 1, 3000), NC_OK);
	cr_assert_eq(entries_append(log, NULL, 15, 1, 2, 3000), NC_OK);
	for (uint64_t index = 16; index <= 30; index++)
		cr_assert_eq(entries_append(log, NULL, index, 1, 2, 3000), NC_OK);
	cr_assert_eq(nc_log_compact(log, 25), NC_OK);
	nc_log_close(log);
	cr_assert_eq(open_log(&log), NC_OK, "%s", fault);
	nc_log_bounds(log, &bounds);
	cr_expect_eq(bounds.last, 30u);
	cr_expect_leq(bounds.first, 26u);
	for (uint64_t index = bounds.first; index <= 30; index++)
		cr_expect(entry_is(log, index, index < 15 ? 1 : 2), "%lu", (unsigned long)index);
	nc_log_close(log);
}
