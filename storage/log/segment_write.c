/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing batches of records into the last segment. They are written as whole pages, past the
 * kernel's memory if the file system can do that: what is copied there is not read again, and
 * copying it takes most of the writer's time. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "storage/log/segment_private.h"

#define PAGES_MIN  (64u << 10) /* bytes */
#define PAGES_KEPT (16u << 20) /* bytes: more than that only entries of an unusual size need */
#define ROOMY_MAX  64u         /* batches in a row that did not need more: then it goes */

/* ---- Where they go -------------------------------------------------------------------------- */

void nc_segment_out_close(struct nc_segment_log *log)
{
	if (log->out >= 0)
		(void)close(log->out);
	log->out = -1;
}

void nc_segment_out_open(struct nc_segment_log *log)
{
	char path[NC_LOG_PATH_SIZE];
	nc_segment_out_close(log);
	if (log->through || log->files->direct == NULL)
		return;
	nc_segment_path(log, nc_segment_last(log)->number, path);
	log->out = log->files->direct(log->files->ctx, path);
}

bool nc_segment_log_is_direct(const struct nc_log *log)
{
	return ((const struct nc_segment_log *)log)->out >= 0;
}

static int out_descriptor(const struct nc_segment_log *log)
{
	return log->out >= 0 ? log->out : nc_segment_last(log)->fd;
}

/* How many bytes of the page at the segment's end lie before that end. */
static size_t lead_of(const struct nc_segment *segment)
{
	return segment->end % NC_FILES_PAGE;
}

static int out_write(struct nc_segment_log *log)
{
	const struct nc_segment *segment = nc_segment_last(log);
	const struct nc_files *files = log->files;
	off_t at = (off_t)(segment->end - lead_of(segment));
	int failed =
	        files->write(files->ctx, out_descriptor(log), log->batch.data, log->batch.size, at);
	if (failed != -EINVAL || log->out < 0)
		return failed;
	log->through = true; /* so that is what this file system says of it */
	nc_segment_out_close(log);
	return files->write(files->ctx, segment->fd, log->batch.data, log->batch.size, at);
}

/* ---- A batch -------------------------------------------------------------------------------- */

/* Take other memory for the batch, of at least `want` bytes, and keep the lead. */
static int pages_change(struct nc_segment_log *log, size_t want)
{
	size_t capacity = PAGES_MIN;
	while (capacity < want)
		capacity *= 2;
	uint8_t *pages = aligned_alloc(NC_FILES_PAGE, capacity);
	if (pages == NULL)
		return NC_NOMEM;
	if (log->batch.size > 0)
		memcpy(pages, log->batch.data, log->batch.size);
	free(log->batch.data);
	log->batch.data = pages;
	log->batch.capacity = capacity;
	return NC_OK;
}

/* Make room for `size` bytes behind the lead, in whole pages. */
static int pages_reserve(struct nc_segment_log *log, size_t lead, size_t size)
{
	size_t want = lead + size + NC_FILES_PAGE;
	log->roomy = want > PAGES_KEPT ? 0 : log->roomy + 1;
	if (log->batch.capacity > PAGES_KEPT && log->roomy > ROOMY_MAX)
		(void)pages_change(log, want); /* without memory it stays as it is */
	return log->batch.capacity >= want ? NC_OK : pages_change(log, want);
}

int nc_batch_resume(struct nc_segment_log *log, char fault[NC_LOG_FAULT_SIZE])
{
	const struct nc_segment *segment = nc_segment_last(log);
	size_t lead = lead_of(segment);
	int err = pages_reserve(log, lead, 0);
	int failed = err != NC_OK || lead == 0
	                     ? 0
	                     : log->files->read(log->files->ctx, segment->fd, log->batch.data, lead,
	                                        (off_t)(segment->end - lead));
	if (failed != 0) {
		(void)snprintf(fault, NC_LOG_FAULT_SIZE, "%s: the last page cannot be read: %s",
		               log->directory, strerror(-failed));
		return NC_IO;
	}
	log->batch.size = lead;
	nc_segment_out_open(log);
	return err;
}

int nc_batch_lead(struct nc_segment_log *log, struct nc_slice lead)
{
	log->batch.size = 0; /* what was kept is in another segment */
	int err = pages_reserve(log, lead.size, 0);
	if (err != NC_OK)
		return err;
	memcpy(log->batch.data, lead.data, lead.size);
	log->batch.size = lead.size;
	return NC_OK;
}

void nc_batch_rest(struct nc_segment_log *log)
{
	log->roomy = ROOMY_MAX;
}

int nc_batch_begin(struct nc_segment_log *log, size_t size)
{
	log->batch.size = lead_of(nc_segment_last(log));
	return pages_reserve(log, log->batch.size, size);
}

/* Put zeros behind the records, to the end of their page. */
static void pad(struct nc_segment_log *log)
{
	size_t over = log->batch.size % NC_FILES_PAGE;
	if (over == 0)
		return;
	uint8_t *zeros = nc_buf_extend(&log->batch, NC_FILES_PAGE - over);
	memset(zeros, 0, NC_FILES_PAGE - over);
}

/* Take back a batch that found no room: its records must not be found later, behind those of the
 * next one. */
static int erase(struct nc_segment_log *log)
{
	size_t lead = lead_of(nc_segment_last(log));
	memset(log->batch.data + lead, 0, log->batch.size - lead);
	int failed = out_write(log);
	if (failed == 0)
		failed = log->files->sync(log->files->ctx, out_descriptor(log));
	if (failed == 0)
		return NC_FULL;
	log->broken = true;
	return NC_IO;
}

/* Do something else while the disk is at work; see that it is, if the write has not begun yet. */
static void give_time(struct nc_segment_log *log, const struct nc_log_meanwhile *meanwhile)
{
	const struct nc_segment *segment = nc_segment_last(log);
	if (log->out < 0 && log->files->begin != NULL) {
		log->files->begin(log->files->ctx, segment->fd, log->batch.size,
		                  (off_t)(segment->end - lead_of(segment)));
	}
	meanwhile->fn(meanwhile->ctx);
}

/* Keep what the next batch begins with: the last page of this one, up to `end`. */
static void keep_last(struct nc_segment_log *log, size_t end)
{
	size_t lead = end % NC_FILES_PAGE;
	memmove(log->batch.data, log->batch.data + end - lead, lead);
	log->batch.size = lead;
}

int nc_batch_write(struct nc_segment_log *log, const struct nc_log_meanwhile *meanwhile,
                   size_t *size_out)
{
	size_t end = log->batch.size;
	nc_assert(end + NC_FILES_PAGE <= log->batch.capacity);
	pad(log);
	int failed = out_write(log);
	if (failed != 0 && nc_err_from_errno(failed) == NC_FULL)
		return erase(log);
	if (failed == 0 && meanwhile != NULL)
		give_time(log, meanwhile);
	if (failed == 0 && !NC_LOG_MUTANT(SYNC_SKIPPED))
		failed = log->files->sync(log->files->ctx, out_descriptor(log));
	if (failed != 0) { /* an fsync that failed may have dropped the pages: never try again */
		log->broken = true;
		return NC_IO;
	}
	*size_out = end - lead_of(nc_segment_last(log));
	keep_last(log, end);
	return NC_OK;
}
