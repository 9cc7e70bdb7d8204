/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is believed of the files after a crash.
 *
 * Below the last durable mark everything must hold, or the log is corrupt. Beyond it a record that
 * does not hold was being written when the power went: it was never acknowledged, and is cut. What
 * tells the two apart is a later record that holds and says that the bad place was durable before
 * it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/ascending.h"
#include "core/base/assert.h"
#include "core/base/grow.h"
#include "storage/log/segment_private.h"

struct found {
	uint64_t *numbers;
	size_t count, room;
};

static int found_add(struct found *found, uint64_t number)
{
	if (!nc_grow(&found->numbers, sizeof *found->numbers, found->count, &found->room, 16))
		return NC_NOMEM;
	found->numbers[found->count++] = number;
	return NC_OK;
}

static int segments_find(const char *directory, struct found *found, char *fault)
{
	DIR *dir = opendir(directory);
	if (dir == NULL) {
		(void)snprintf(fault, NC_LOG_FAULT_SIZE, "%s: %s", directory, strerror(errno));
		return NC_IO;
	}
	int err = NC_OK, failed = 0;
	while (err == NC_OK) {
		char *end;
		errno = 0;
		const struct dirent *entry = readdir(dir);
		failed = errno;
		if (entry == NULL)
			break;
		uint64_t number = strtoull(entry->d_name, &end, 10);
		if (end == entry->d_name + 20 && strcmp(end, ".seg") == 0)
			err = found_add(found, number);
	}
	(void)closedir(dir);
	if (err == NC_OK && failed != 0) { /* what is not seen would be written over */
		(void)snprintf(fault, NC_LOG_FAULT_SIZE, "%s: cannot be read: %s", directory,
		               strerror(failed));
		return NC_IO;
	}
	if (err == NC_OK && found->count > 1)
		qsort(found->numbers, found->count, sizeof found->numbers[0], nc_ascending);
	return err;
}

/* ---- One segment ---------------------------------------------------------------------------- */

struct scan {
	struct nc_segment_log *log;
	struct nc_log_recovery *recovery;
	char *fault;
	char path[NC_LOG_PATH_SIZE];
	uint8_t *bytes; /* the whole file */
	size_t size;
	struct nc_segment *segment;
	uint64_t durable;     /* as the last record that holds says it */
	bool is_last, marked; /* the segment: of all, and with a mark first */
};

static int corrupt_at(struct scan *scan, const char *path, size_t offset, const char *what)
{
	(void)snprintf(scan->fault, NC_LOG_FAULT_SIZE,
	               "the log is corrupt: %s, byte %zu (entry %" PRIu64 "): %s, below what was "
	               "durable; restore the data directory from a backup, and keep this one",
	               path, offset, scan->log->bounds.last + 1, what);
	return NC_CORRUPT;
}

static int corrupt(struct scan *scan, size_t offset, const char *what)
{
	return corrupt_at(scan, scan->path, offset, what);
}

static int file_read(struct scan *scan)
{
	struct stat stat;
	int fd = open(scan->path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &stat) != 0) {
		(void)snprintf(scan->fault, NC_LOG_FAULT_SIZE, "%s: %s", scan->path,
		               strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return NC_IO;
	}
	scan->size = (size_t)stat.st_size;
	scan->bytes = malloc(scan->size + 1);
	size_t got = 0;
	while (scan->bytes != NULL && got < scan->size) {
		ssize_t some = pread(fd, scan->bytes + got, scan->size - got, (off_t)got);
		if (some <= 0)
			break;
		got += (size_t)some;
	}
	scan->segment->fd = fd;
	if (scan->bytes == NULL)
		return NC_NOMEM;
	if (got == scan->size)
		return NC_OK;
	(void)snprintf(scan->fault, NC_LOG_FAULT_SIZE, "%s: cannot be read whole", scan->path);
	return NC_IO;
}

static int head_check(struct scan *scan, struct nc_segment_head *head_out)
{
	if (scan->size < NC_SEGMENT_HEAD_SIZE)
		return corrupt(scan, 0, "the file is cut short");
	int err = nc_segment_head_get(scan->bytes, head_out);
	if (err == NC_UNSUPPORTED) {
		(void)snprintf(scan->fault, NC_LOG_FAULT_SIZE,
		               "%s was written by a newer version of nacred", scan->path);
	}
	if (err == NC_CORRUPT)
		return corrupt(scan, 0, "the segment's head does not hold");
	if (err == NC_OK &&
	    (head_out->number != scan->segment->number || head_out->size != scan->size))
		return corrupt(scan, 0, "the segment's head is another's, or the file was cut");
	return err;
}

static int entry_take(struct scan *scan, const struct nc_record *record, size_t offset)
{
	struct nc_segment_log *log = scan->log;
	if (record->index < log->bounds.first || record->index > log->bounds.last + 1)
		return corrupt(scan, offset, "an entry out of order");
	if (record->index <= log->bounds.last)
		nc_log_trail_truncate(log, record->index);
	return nc_log_trail_add(log, scan->segment, record->index, record->term, offset);
}

static int record_take(struct scan *scan, const struct nc_record *record, size_t offset)
{
	struct nc_segment_log *log = scan->log;
	log->crc = record->crc;
	scan->durable = record->durable;
	log->marked = record->kind == NC_RECORD_MARK;
	if (record->kind == NC_RECORD_ENTRY)
		return entry_take(scan, record, offset);
	if (record->kind == NC_RECORD_HARD)
		log->hard = (struct nc_log_hard){ record->index, record->term };
	return NC_OK;
}

/* What stands behind the place where the chain of records ends. That may be zeros, or what the file
 * held before it became this segment, or records of a batch that was cut short. Only such records
 * hold under this segment's salt. */
struct tail {
	bool vouches; /* one of them says that the place was durable before it */
	size_t end;   /* behind the last record that holds; the place itself if there is none */
};

static struct tail tail_look(const struct scan *scan, size_t offset)
{
	struct tail tail = { .end = offset };
	uint64_t place = nc_place(scan->segment->number, offset);
	for (size_t at = offset; at + NC_RECORD_HEAD_SIZE <= scan->size; at += 8) {
		struct nc_record record;
		if (!nc_record_may_be(scan->bytes + at, scan->segment->number) ||
		    nc_record_get(nc_slice(scan->bytes + at, scan->size - at), scan->segment->salt,
		                  &record) != NC_OK)
			continue;
		tail.end = at + record.size;
		tail.vouches = tail.vouches ||
		               (record.durable > place && !NC_LOG_MUTANT(DURABLE_MARK_IGNORED));
		at += record.size - 8;
	}
	return tail;
}

/* Cut the tail from `offset` on, since what holds there must not be taken for records that follow
 * on new ones. What stays is synced in any case: a process that was killed may have written it
 * without a sync. */
static int tail_cut(struct scan *scan, size_t offset, size_t end)
{
	const struct nc_files *files = scan->log->files;
	int failed = 0, err = NC_OK;
	size_t begun =
	        nc_record_begun(nc_slice(scan->bytes + offset, scan->size - offset), scan->log->crc,
	                        nc_place(scan->segment->number, offset), scan->durable);
	if (begun > 0 && end < offset + begun)
		end = offset + begun;
	if (end > offset) {
		scan->recovery->cut_bytes = end - offset;
		/* Before it is cut: then nothing would tell of it. */
		if (begun > 0 && !NC_LOG_MUTANT(CUT_UNSAID))
			err = nc_log_doubt_begin(scan->log);
		if (err != NC_OK) {
			(void)snprintf(scan->fault, NC_LOG_FAULT_SIZE,
			               "%s: cannot note that the log was cut: %s",
			               scan->log->directory, nc_err_name(err));
			return err;
		}
		memset(scan->bytes + offset, 0, end - offset);
		failed = files->write(files->ctx, scan->segment->fd, scan->bytes + offset,
		                      end - offset, (off_t)offset);
	}
	if (failed == 0)
		failed = files->sync(files->ctx, scan->segment->fd);
	if (failed == 0)
		return NC_OK;
	(void)snprintf(scan->fault, NC_LOG_FAULT_SIZE, "%s: cannot cut and sync its tail: %s",
	               scan->path, strerror(-failed));
	return nc_err_from_errno(failed);
}

/* Whether the mark is there with which the segment was begun. Without it, what stands in its place
 * would tell nothing of the records behind it: a segment that has lost them all would look like one
 * that never had any. */
static bool begins_well(const struct scan *scan)
{
	struct nc_record record;
	size_t at = NC_SEGMENT_HEAD_SIZE;
	return !scan->marked || (nc_record_get(nc_slice(scan->bytes + at, scan->size - at),
	                                       scan->segment->salt, &record) == NC_OK &&
	                         record.kind == NC_RECORD_MARK && record.before == scan->log->crc);
}

static int records_scan(struct scan *scan)
{
	size_t at = NC_SEGMENT_HEAD_SIZE;
	int err = NC_OK;
	if (!begins_well(scan) && !NC_LOG_MUTANT(BEGINNING_UNMISSED))
		return corrupt(scan, at, "the mark that it begins with is gone");
	while (at < scan->size) {
		struct nc_record record;
		err = nc_record_get(nc_slice(scan->bytes + at, scan->size - at),
		                    scan->segment->salt, &record);
		if (err == NC_OK && record.before != scan->log->crc)
			err = NC_CORRUPT;
		if (err != NC_OK)
			break;
		err = record_take(scan, &record, at);
		if (err != NC_OK)
			return err;
		at += record.size;
	}
	scan->segment->end = at;
	if (!scan->is_last)
		return NC_OK; /* the next head says whether this was the end */
	struct tail tail = tail_look(scan, at);
	if (tail.vouches)
		return corrupt(scan, at, "a record does not hold");
	return tail_cut(scan, at, tail.end);
}

static int missing(const struct nc_segment_log *log, uint64_t number, char *fault)
{
	(void)snprintf(fault, NC_LOG_FAULT_SIZE,
	               "the log is corrupt: %s: segment %" PRIu64
	               " is missing; restore the data directory from a backup",
	               log->directory, number);
	return NC_CORRUPT;
}

static int segment_scan(struct scan *scan, bool is_first)
{
	struct nc_segment_log *log = scan->log;
	struct nc_segment_head head;
	int err = file_read(scan);
	if (err == NC_OK)
		err = head_check(scan, &head);
	if (err != NC_OK)
		return err;
	uint64_t next = nc_segment_next_get(scan->bytes + NC_SEGMENT_NEXT_AT, head.salt);
	if (scan->is_last && next > head.number)
		return missing(log, next, scan->fault);
	scan->segment->size = scan->size;
	scan->segment->salt = head.salt;
	scan->segment->base_index = head.base_index;
	scan->marked = head.marked;
	scan->segment->first = head.base_index + 1;
	if (is_first) {
		nc_log_trail_restart(log, head.base_index, head.base_term);
		log->crc = head.before;
		log->hard = head.hard;
	} else if (head.before != log->crc || head.base_index != log->bounds.last ||
	           head.base_term != log->bounds.last_term) {
		const struct nc_segment *before = log->segments[log->segment_count - 2];
		char path[NC_LOG_PATH_SIZE];
		nc_segment_path(log, before->number, path);
		return corrupt_at(scan, path, before->end, "a record does not hold, or is gone");
	}
	return records_scan(scan);
}

static int segment_recover(struct nc_segment_log *log, struct nc_log_recovery *recovery,
                           uint64_t number, bool is_last, char *fault)
{
	struct scan scan = { .log = log, .recovery = recovery, .fault = fault, .is_last = is_last };
	nc_segment_path(log, number, scan.path);
	scan.segment = nc_segment_new(number, -1, 0, 0);
	if (scan.segment == NULL)
		return NC_NOMEM;
	bool is_first = log->segment_count == 0;
	int err = nc_segments_push(log, scan.segment);
	if (err != NC_OK) {
		nc_segment_let_go(scan.segment);
		return err;
	}
	err = segment_scan(&scan, is_first);
	free(scan.bytes);
	return err;
}

/* ---- All of them ---------------------------------------------------------------------------- */

/* Remove the segments before the newest one's `oldest`, which an interrupted compaction or reset
 * has left behind. */
static int leftovers_remove(struct nc_segment_log *log, struct found *found, char *fault)
{
	char path[NC_LOG_PATH_SIZE];
	uint8_t page[NC_SEGMENT_HEAD_SIZE];
	struct nc_segment_head head;
	nc_segment_path(log, found->numbers[found->count - 1], path);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool readable = fd >= 0 && pread(fd, page, sizeof page, 0) == (ssize_t)sizeof page;
	if (fd >= 0)
		(void)close(fd);
	if (!readable || nc_segment_head_get(page, &head) != NC_OK)
		return NC_OK; /* said, with its reason, when it is scanned */
	size_t gone = 0;
	while (gone < found->count && found->numbers[gone] < head.oldest) {
		nc_segment_path(log, found->numbers[gone++], path);
		if (unlink(path) != 0) {
			(void)snprintf(fault, NC_LOG_FAULT_SIZE, "%s: %s", path, strerror(errno));
			return NC_IO;
		}
	}
	found->count -= gone;
	memmove(found->numbers, found->numbers + gone, found->count * sizeof found->numbers[0]);
	return NC_OK;
}

int nc_segment_log_recover(struct nc_segment_log *log, struct nc_log_recovery *recovery_out,
                           char fault[NC_LOG_FAULT_SIZE])
{
	struct found found = { 0 };
	int err = segments_find(log->directory, &found, fault);
	if (err == NC_OK && found.count > 0)
		err = leftovers_remove(log, &found, fault);
	for (size_t i = 0; err == NC_OK && i < found.count; i++) {
		if (i > 0 && found.numbers[i] != found.numbers[i - 1] + 1) {
			err = missing(log, found.numbers[i - 1] + 1, fault);
		} else {
			err = segment_recover(log, recovery_out, found.numbers[i],
			                      i + 1 == found.count, fault);
		}
	}
	if (err == NC_OK && found.count > 0) { /* names, too, may have been given and not synced */
		err = nc_files_sync_directory(log->directory);
		if (err != NC_OK) {
			(void)snprintf(fault, NC_LOG_FAULT_SIZE, "%s: cannot be synced",
			               log->directory);
		}
	}
	if (err == NC_OK && nc_log_doubt_look(log, &recovery_out->doubtful) != NC_OK) {
		(void)snprintf(fault, NC_LOG_FAULT_SIZE, "%s: %s", log->directory, strerror(errno));
		err = NC_IO;
	}
	free(found.numbers);
	recovery_out->hard = log->hard;
	return err;
}
