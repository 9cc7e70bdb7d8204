/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Segments: each a file with a head, and the list of them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/grow.h"
#include "storage/log/segment_private.h"

void nc_segment_path(const struct nc_segment_log *log, uint64_t number, char path[NC_LOG_PATH_SIZE])
{
	(void)snprintf(path, NC_LOG_PATH_SIZE, "%s/%020" PRIu64 ".seg", log->directory, number);
}

struct nc_segment *nc_segment_new(uint64_t number, int fd, size_t size, uint64_t base_index)
{
	struct nc_segment *segment = calloc(1, sizeof *segment);
	if (segment == NULL)
		return NULL;
	*segment = (struct nc_segment){ .holds = 1,
		                        .number = number,
		                        .fd = fd,
		                        .size = size,
		                        .end = NC_SEGMENT_HEAD_SIZE,
		                        .base_index = base_index,
		                        .first = base_index + 1 };
	return segment;
}

void nc_segment_let_go(struct nc_segment *segment)
{
	if (segment == NULL || --segment->holds > 0)
		return;
	if (segment->fd >= 0)
		(void)close(segment->fd);
	free(segment->offsets);
	free(segment);
}

int nc_segments_push(struct nc_segment_log *log, struct nc_segment *segment)
{
	if (!nc_grow(&log->segments, sizeof(struct nc_segment *), log->segment_count,
	             &log->segment_room, 16))
		return NC_NOMEM;
	log->segments[log->segment_count++] = segment;
	return NC_OK;
}

static struct nc_segment *oldest_take(struct nc_segment_log *log)
{
	pthread_rwlock_wrlock(&log->lock);
	struct nc_segment *oldest = log->segments[0];
	log->segment_count--;
	memmove(log->segments, log->segments + 1, log->segment_count * sizeof(struct nc_segment *));
	pthread_rwlock_unlock(&log->lock);
	return oldest;
}

void nc_segments_shift(struct nc_segment_log *log, size_t count)
{
	char path[NC_LOG_PATH_SIZE];
	nc_assert(count < log->segment_count);
	for (; count > 0; count--) {
		struct nc_segment *oldest = oldest_take(log);
		nc_segment_path(log, oldest->number, path);
		/* Nobody can begin to read of it; what somebody still reads must not be written
		 * over. */
		bool serves = oldest->holds == 1 && oldest->size == log->segment_size;
		if (log->preparer != NULL && serves) {
			nc_preparer_give(log->preparer, path);
		} else {
			(void)unlink(path); /* one that stays is removed at the next start */
		}
		nc_segment_let_go(oldest);
	}
}

struct nc_segment *nc_segment_of(struct nc_segment_log *log, uint64_t index)
{
	for (size_t i = log->segment_count; i > 0; i--) {
		struct nc_segment *segment = log->segments[i - 1];
		if (segment->count > 0 && index >= segment->first &&
		    index < segment->first + segment->count)
			return segment;
	}
	return NULL;
}

/* A batch larger than a whole segment gets a file of its own size, made now. */
static int file_make_large(struct nc_segment_log *log, size_t size, int *fd_out)
{
	char path[NC_LOG_PATH_SIZE];
	(void)snprintf(path, sizeof path, "%s/" NC_LARGE_NAME, log->directory);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return nc_err_from_errno(-errno);
	int err = nc_err_from_errno(log->files->zero(log->files->ctx, fd, (off_t)size));
	if (err != NC_OK) {
		(void)close(fd);
		(void)unlink(path);
		return err;
	}
	*fd_out = fd;
	return NC_OK;
}

static void file_remove(const struct nc_segment_log *log, const char *name)
{
	char path[NC_LOG_PATH_SIZE];
	(void)snprintf(path, sizeof path, "%s/%s", log->directory, name);
	(void)unlink(path); /* one that stays is written over, or removed at the next start */
}

void nc_segments_clear(const struct nc_segment_log *log)
{
	file_remove(log, NC_PREPARED_NAME);
	file_remove(log, NC_LARGE_NAME);
	for (unsigned i = 0; i < NC_SPARES_MAX; i++) {
		char name[32];
		(void)snprintf(name, sizeof name, NC_SPARE_PREFIX "%u", i);
		file_remove(log, name);
	}
}

/* Make what a segment begins with, in whole pages: its head, and a mark behind it. As no segment is
 * without a record, one that has lost its first ones is not taken for one that never had any. */
static int front_make(const struct nc_segment_head *head, struct nc_buf *front, uint32_t *crc_out)
{
	const struct nc_record mark = { .kind = NC_RECORD_MARK,
		                        .before = head->before,
		                        .durable = nc_place(head->number, NC_SEGMENT_HEAD_SIZE) };
	uint8_t *page = nc_buf_extend(front, NC_SEGMENT_HEAD_SIZE);
	if (page != NULL)
		nc_segment_head_put(page, head);
	*crc_out = nc_record_put(front, &mark, head->salt);
	uint8_t *rest = nc_buf_extend(front, NC_FILES_PAGE - nc_record_size(0));
	if (rest != NULL)
		memset(rest, 0, NC_FILES_PAGE - nc_record_size(0));
	return nc_buf_status(front);
}

/* Write the front of the file `made`, and give it the name of segment `number`. Errors: NC_FULL, it
 * does not have that name; NC_IO, it may have it. */
static int front_write(struct nc_segment_log *log, int fd, const struct nc_buf *front,
                       uint64_t number, const char *made)
{
	char from[NC_LOG_PATH_SIZE], to[NC_LOG_PATH_SIZE];
	int err = nc_err_from_errno(
	        log->files->write(log->files->ctx, fd, front->data, front->size, 0));
	if (err == NC_OK)
		err = nc_err_from_errno(log->files->sync(log->files->ctx, fd));
	if (err != NC_OK)
		return err;
	(void)snprintf(from, sizeof from, "%s/%s", log->directory, made);
	nc_segment_path(log, number, to);
	if (rename(from, to) != 0)
		return nc_err_from_errno(-errno);
	return nc_files_sync_directory(log->directory);
}

/* A random salt; never 0, which is that of an old segment without one. */
static uint32_t salt_make(void)
{
	uint32_t salt = 0;
	while (salt == 0) /* so few bytes never come short */
		(void)getrandom(&salt, sizeof salt, 0);
	return salt;
}

/* The head of the next segment. If `reset` is not NULL, it begins the log anew behind that entry.
 */
static struct nc_segment_head head_next(const struct nc_segment_log *log, size_t size,
                                        const struct nc_term_start *reset)
{
	bool first = log->segment_count == 0;
	uint64_t number = first ? 1 : nc_segment_last(log)->number + 1;
	return (struct nc_segment_head){
		.number = number,
		.oldest = reset != NULL || first ? number : log->segments[0]->number,
		.base_index = reset != NULL ? reset->index : log->bounds.last,
		.base_term = reset != NULL ? reset->term : log->bounds.last_term,
		.hard = NC_LOG_MUTANT(HARD_NOT_CARRIED) ? (struct nc_log_hard){ 0 } : log->hard,
		.before = log->crc,
		.salt = salt_make(),
		.size = (uint32_t)size,
		.marked = true,
	};
}

/* Take a file of `size` bytes that is to be a segment. `*made_out` is the name that it has now. */
static int file_take(struct nc_segment_log *log, size_t size, int *fd_out, const char **made_out)
{
	bool large = size != log->segment_size;
	*made_out = large ? NC_LARGE_NAME : NC_PREPARED_NAME;
	return large ? file_make_large(log, size, fd_out) : nc_preparer_take(log->preparer, fd_out);
}

/* Let the log go on in `segment`, whose file begins with `front`. */
static int segment_add(struct nc_segment_log *log, struct nc_segment *segment,
                       const struct nc_buf *front)
{
	pthread_rwlock_wrlock(&log->lock);
	int err = nc_segments_push(log, segment);
	pthread_rwlock_unlock(&log->lock);
	if (err != NC_OK) {
		nc_segment_let_go(segment);
		return err;
	}
	size_t lead = nc_record_size(0);
	segment->end += lead;
	return nc_batch_lead(log, nc_slice(front->data + NC_SEGMENT_HEAD_SIZE, lead));
}

/* Note in the segment before the last that there is another, which must then be found. If the disk
 * is so full that even this cannot be written, the note is left out. */
static int next_tell(struct nc_segment_log *log)
{
	uint8_t bytes[NC_SEGMENT_NEXT_SIZE];
	const struct nc_files *files = log->files;
	if (log->segment_count < 2)
		return NC_OK;
	const struct nc_segment *before = log->segments[log->segment_count - 2];
	nc_segment_next_put(bytes, nc_segment_last(log)->number, before->salt);
	int err = nc_err_from_errno(
	        files->write(files->ctx, before->fd, bytes, sizeof bytes, NC_SEGMENT_NEXT_AT));
	if (err == NC_OK)
		err = nc_err_from_errno(files->sync(files->ctx, before->fd));
	return err == NC_FULL ? NC_OK : err;
}

/* How many bytes the file of a segment needs for a batch of `need`. */
static size_t size_for(const struct nc_segment_log *log, size_t need)
{
	size_t least = NC_SEGMENT_HEAD_SIZE + nc_record_size(0) + need + NC_SEGMENT_RESERVE;
	return least <= log->segment_size
	               ? log->segment_size
	               : (least + NC_FILES_PAGE - 1) / NC_FILES_PAGE * NC_FILES_PAGE;
}

/* Make a segment of a file, and let the log go on in it. Whatever fails once the file may be a
 * segment breaks the log, since only a restart can tell whether it is one. */
static int segment_make(struct nc_segment_log *log, const struct nc_segment_head *head,
                        const struct nc_buf *front)
{
	const char *made;
	int fd = -1;
	int err = file_take(log, head->size, &fd, &made);
	if (err != NC_OK)
		return err;
	err = front_write(log, fd, front, head->number, made);
	if (err == NC_FULL) { /* the file is no part of the log yet: it goes, and another is made */
		(void)close(fd);
		file_remove(log, made);
		nc_preparer_want(log->preparer);
		return err;
	}
	struct nc_segment *segment =
	        err == NC_OK ? nc_segment_new(head->number, fd, head->size, head->base_index)
	                     : NULL;
	if (segment == NULL) {
		(void)close(fd);
		log->broken = true;
		return err == NC_OK ? NC_NOMEM : NC_IO;
	}
	segment->salt = head->salt;
	err = segment_add(log, segment, front);
	if (err == NC_OK)
		err = next_tell(log);
	log->broken = err != NC_OK;
	return err;
}

int nc_segment_begin(struct nc_segment_log *log, size_t need, const struct nc_term_start *reset)
{
	struct nc_buf front = { 0 };
	size_t size = size_for(log, need);
	uint32_t crc;
	if (size > UINT32_MAX)
		return NC_TOOBIG;
	const struct nc_segment_head head = head_next(log, size, reset);
	int err = front_make(&head, &front, &crc);
	if (err == NC_OK)
		err = segment_make(log, &head, &front);
	nc_buf_release(&front);
	if (err != NC_OK)
		return err;
	log->crc = crc;
	log->marked = true;
	nc_segment_out_open(log);
	nc_preparer_want(log->preparer);
	return NC_OK;
}
