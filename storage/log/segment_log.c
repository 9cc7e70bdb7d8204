/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Raft log's port on segments. */
#include "storage/log/segment_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "storage/log/segment_private.h"

#ifdef NC_LOG_MUTANTS
enum nc_log_mutant nc_log_mutant;
#endif

static struct nc_segment_log *self(struct nc_log *log)
{
	return (struct nc_segment_log *)log;
}

/* ---- Writing -------------------------------------------------------------------------------- */

static size_t batch_size(const struct nc_log_hard *hard, const struct nc_log_entry *entries,
                         size_t entry_count)
{
	size_t size = hard == NULL ? 0 : nc_record_size(0);
	for (size_t i = 0; i < entry_count; i++)
		size += nc_record_size(entries[i].payload.size);
	return size;
}

/* Make room for `need` bytes, in the last segment or in a new one. Only what is small may use the
 * reserve. */
static int room_make(struct nc_segment_log *log, size_t need, bool may_use_reserve)
{
	const struct nc_segment *segment = nc_segment_last(log);
	size_t limit = segment->size - NC_SEGMENT_RESERVE;
	if (segment->end + need <= limit)
		return NC_OK;
	int err = nc_segment_begin(log, need, NULL);
	if (err == NC_FULL && may_use_reserve && segment->end + need <= segment->size)
		return NC_OK;
	return err;
}

/* Let readers see a batch that has become durable: `size` bytes of records, of which the entries
 * begin at `offset`. */
static int batch_publish(struct nc_segment_log *log, const struct nc_log_entry *entries,
                         size_t entry_count, size_t offset, size_t size)
{
	struct nc_segment *segment = nc_segment_last(log);
	int err = NC_OK;
	pthread_rwlock_wrlock(&log->lock);
	if (entry_count > 0 && entries[0].index <= log->bounds.last)
		nc_log_trail_truncate(log, entries[0].index);
	for (size_t i = 0; i < entry_count && err == NC_OK; i++) {
		err = nc_log_trail_add(log, segment, entries[i].index, entries[i].term, offset);
		offset += nc_record_size(entries[i].payload.size);
	}
	segment->end += size;
	pthread_rwlock_unlock(&log->lock);
	if (err != NC_OK)
		log->broken = true; /* memory knows less than the disk: only a restart mends that */
	return err;
}

static uint32_t record_add(struct nc_segment_log *log, struct nc_record record, uint32_t before)
{
	const struct nc_segment *segment = nc_segment_last(log);
	record.before = before;
	record.durable = nc_place(segment->number, segment->end);
	return nc_record_put(&log->batch, &record, segment->salt);
}

/* Put all of a batch's records. Gives the checksum of the last one. */
static uint32_t records_add(struct nc_segment_log *log, const struct nc_log_hard *hard,
                            const struct nc_log_entry *entries, size_t entry_count)
{
	uint32_t crc = log->crc;
	if (hard != NULL) {
		crc = record_add(log,
		                 (struct nc_record){ .kind = NC_RECORD_HARD,
		                                     .index = hard->term,
		                                     .term = hard->vote },
		                 crc);
	}
	for (size_t i = 0; i < entry_count; i++) {
		crc = record_add(log,
		                 (struct nc_record){ .kind = NC_RECORD_ENTRY,
		                                     .entry_kind = entries[i].kind,
		                                     .index = entries[i].index,
		                                     .term = entries[i].term,
		                                     .payload = entries[i].payload },
		                 crc);
	}
	return crc;
}

static int log_append(struct nc_log *port, const struct nc_log_hard *hard,
                      const struct nc_log_entry *entries, size_t entry_count,
                      const struct nc_log_meanwhile *meanwhile)
{
	struct nc_segment_log *log = self(port);
	nc_assert(hard != NULL || entry_count > 0);
	nc_assert(entry_count == 0 || (entries[0].index >= log->bounds.first &&
	                               entries[0].index <= log->bounds.last + 1));
	if (log->broken)
		return NC_IO;
	for (size_t i = 0; i < entry_count; i++) {
		if (entries[i].payload.size > NC_LOG_PAYLOAD_SIZE_MAX)
			return NC_TOOBIG;
	}
	size_t need = batch_size(hard, entries, entry_count), size;
	int err = room_make(log, need, entry_count == 0);
	if (err != NC_OK)
		return err;

	size_t offset = nc_segment_last(log)->end + (hard == NULL ? 0 : nc_record_size(0));
	err = nc_batch_begin(log, need);
	if (err != NC_OK)
		return err;
	uint32_t crc = records_add(log, hard, entries, entry_count);
	err = nc_batch_write(log, meanwhile, &size);
	if (err != NC_OK)
		return err;
	log->crc = crc;
	log->marked = false;
	if (hard != NULL)
		log->hard = *hard;
	return batch_publish(log, entries, entry_count, offset, size);
}

static int log_mark(struct nc_log *port)
{
	struct nc_segment_log *log = self(port);
	if (log->broken)
		return NC_IO;
	if (log->marked)
		return NC_OK;
	int err = room_make(log, nc_record_size(0), true);
	if (err != NC_OK)
		return err;
	nc_batch_rest(log);
	err = nc_batch_begin(log, nc_record_size(0));
	if (err != NC_OK)
		return err;
	uint32_t crc = record_add(log, (struct nc_record){ .kind = NC_RECORD_MARK }, log->crc);
	size_t size;
	err = nc_batch_write(log, NULL, &size);
	if (err != NC_OK)
		return err;
	log->crc = crc;
	log->marked = true;
	return batch_publish(log, NULL, 0, 0, size);
}

/* ---- Looking -------------------------------------------------------------------------------- */

static int log_term_at(struct nc_log *port, uint64_t index, uint64_t *term_out)
{
	struct nc_segment_log *log = self(port);
	pthread_rwlock_rdlock(&log->lock);
	int err = nc_log_trail_term(log, index, term_out);
	pthread_rwlock_unlock(&log->lock);
	return err;
}

static void log_bounds(struct nc_log *port, struct nc_log_bounds *bounds_out)
{
	struct nc_segment_log *log = self(port);
	pthread_rwlock_rdlock(&log->lock);
	*bounds_out = log->bounds;
	pthread_rwlock_unlock(&log->lock);
}

static uint64_t log_size(struct nc_log *port)
{
	struct nc_segment_log *log = self(port);
	uint64_t size = 0;
	pthread_rwlock_rdlock(&log->lock);
	for (size_t i = 0; i < log->segment_count; i++)
		size += log->segments[i]->size;
	pthread_rwlock_unlock(&log->lock);
	return size;
}

/* ---- Life ----------------------------------------------------------------------------------- */

static void log_close(struct nc_log *port)
{
	struct nc_segment_log *log = self(port);
	nc_preparer_stop(log->preparer);
	nc_segment_out_close(log);
	for (size_t i = 0; i < log->segment_count; i++)
		nc_segment_let_go(log->segments[i]);
	free(log->segments);
	free(log->terms);
	free(log->directory);
	nc_buf_release(&log->batch);
	(void)pthread_rwlock_destroy(&log->lock);
	free(log);
}

static int log_trust(struct nc_log *port)
{
	return nc_log_doubt_end(self(port));
}

static const struct nc_log_ops ops = {
	.append = log_append,
	.read = nc_segment_log_read,
	.term_at = log_term_at,
	.bounds = log_bounds,
	.compact = nc_segment_log_compact,
	.reset = nc_segment_log_reset,
	.mark = log_mark,
	.trust = log_trust,
	.size = log_size,
	.close = log_close,
};

/* Readers that follow one another without a gap must not keep the writer waiting for ever. */
static void lock_init(struct nc_segment_log *log)
{
	pthread_rwlockattr_t attr;
	(void)pthread_rwlockattr_init(&attr);
	(void)pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(&log->lock, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
}

/* Read what is in the directory, so that the log can go on from there. */
static int log_recover(struct nc_segment_log *log, bool exists,
                       struct nc_log_recovery *recovery_out, char fault[NC_LOG_FAULT_SIZE])
{
	nc_segments_clear(log);
	int err = nc_segment_log_recover(log, recovery_out, fault);
	if (err != NC_OK)
		return err;
	if (log->segment_count > 0)
		return nc_batch_resume(log, fault);
	if (exists) {
		(void)snprintf(fault, NC_LOG_FAULT_SIZE,
		               "%s: the log is gone, and with it what this node has promised",
		               log->directory);
		return NC_CORRUPT;
	}
	return NC_OK;
}

/* Begin the first segment, or have the next one made. */
static int log_begin(struct nc_segment_log *log, char fault[NC_LOG_FAULT_SIZE])
{
	int err = nc_preparer_start(log->directory, log->files, log->segment_size, &log->preparer);
	if (err != NC_OK)
		return err;
	if (log->segment_count > 0) {
		nc_preparer_want(log->preparer);
		return NC_OK;
	}
	err = nc_segment_begin(log, 0, NULL);
	if (err != NC_OK) {
		(void)snprintf(fault, NC_LOG_FAULT_SIZE, "%s: no first segment of %zu bytes: %s",
		               log->directory, log->segment_size, nc_err_name(err));
	}
	return err;
}

int nc_segment_log_open(const char *directory, const struct nc_segment_log_options *options,
                        struct nc_log_recovery *recovery_out, struct nc_log **log_out,
                        char fault[NC_LOG_FAULT_SIZE])
{
	struct nc_segment_log *log = calloc(1, sizeof *log);
	if (log == NULL)
		return NC_NOMEM;
	log->log.ops = &ops;
	log->files = options->files == NULL ? &nc_files_system : options->files;
	log->segment_size =
	        options->segment_size == 0 ? NC_SEGMENT_SIZE_DEFAULT : options->segment_size;
	nc_assert(log->segment_size >= NC_SEGMENT_SIZE_MIN &&
	          log->segment_size <= NC_SEGMENT_SIZE_MAX &&
	          log->segment_size % NC_FILES_PAGE == 0);
	log->marked = true;
	log->out = -1;
	lock_init(log);
	nc_log_trail_restart(log, 0, 0);
	log->directory = strdup(directory);
	struct nc_log_recovery recovery = { 0 };
	(void)snprintf(fault, NC_LOG_FAULT_SIZE, "out of memory");
	int err = log->directory == NULL ? NC_NOMEM : NC_OK;
	if (err == NC_OK)
		err = log_recover(log, options->exists, &recovery, fault);
	if (err == NC_OK)
		err = log_begin(log, fault);
	if (err != NC_OK) {
		log_close(&log->log);
		return err;
	}
	*recovery_out = recovery;
	*log_out = &log->log;
	return NC_OK;
}
