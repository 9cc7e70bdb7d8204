/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segment_private.h -- the log as its files share it: segments, the trail of terms, the reserve. */
#ifndef NC_STORAGE_LOG_SEGMENT_PRIVATE_H
#define NC_STORAGE_LOG_SEGMENT_PRIVATE_H

#include <limits.h>
#include <pthread.h>

#include "storage/log/mutants_private.h"
#include "storage/log/record.h"
#include "storage/log/segment_log.h"

/* Bytes at a segment's end that entries leave free, so that term and vote and marks can still be
 * written when there is no room for a new segment. */
#define NC_SEGMENT_RESERVE 4096u

#define NC_LOG_PATH_SIZE PATH_MAX /* bytes, of the path of a file of the log's */

struct nc_segment {
	_Atomic unsigned holds; /* by the log, and by who reads of its file without the lock */
	uint64_t number;
	int fd;
	uint32_t salt;       /* of the CRCs of its records */
	size_t size;         /* bytes of the file */
	size_t end;          /* where the next record goes */
	uint64_t base_index; /* last entry before it when it was begun */
	uint64_t first;      /* index of its first entry that still counts */
	uint32_t *offsets;   /* [count], of its entries */
	size_t count, room;
};

/* A file for the next segment, made ahead of need: one that was a segment, or filled with zeros
 * (preparer.c). Blocks that have been written once are what makes an fdatasync quick. */
struct nc_preparer;
int nc_preparer_start(const char *directory, const struct nc_files *files, size_t size,
                      struct nc_preparer **preparer_out);
/* Ask for a file; does nothing if there is one or one is being made. */
void nc_preparer_want(struct nc_preparer *preparer);
/* The file's descriptor, waited for; its name is then free for the next. Errors: NC_FULL, NC_IO,
 * NC_NOMEM. */
int nc_preparer_take(struct nc_preparer *preparer, int *fd_out);
/* The file at `path`, of the preparer's size, is no segment any more: it becomes one of the next,
 * without zeros being written again, or is removed when there are enough of them. */
void nc_preparer_give(struct nc_preparer *preparer, const char *path);
void nc_preparer_stop(struct nc_preparer *preparer); /* NULL is a no-op */
#define NC_PREPARED_NAME "prepared"
#define NC_SPARE_PREFIX  "spare-"
#define NC_SPARES_MAX    8u      /* files kept to be segments again */
#define NC_LARGE_NAME    "large" /* of one that is made for a batch larger than a segment */

struct nc_term_start {
	uint64_t index, term; /* entries from `index` on, up to the next start, have `term` */
};

struct nc_segment_log {
	struct nc_log log; /* first */
	char *directory;
	const struct nc_files *files;
	size_t segment_size;
	struct nc_preparer *preparer;
	/* The writer's: pages, of which the first begins with what is in the segment before its
	 * end. Between two batches there is only that. */
	struct nc_buf batch;
	uint64_t roomy; /* batches since one was of an unusual size */
	int out;        /* the last segment's file, past the kernel's memory; below 0: through it */
	bool through;   /* the file system has it no other way */
	bool broken;    /* a write or sync failed: nothing more is written */
	bool marked;    /* the last record is a mark, or there is none */
	uint32_t crc;   /* of the last record */
	struct nc_log_hard hard;

	pthread_rwlock_t lock;        /* of what follows: the writer changes, readers read */
	struct nc_segment **segments; /* oldest first; the last is written to */
	size_t segment_count, segment_room;
	struct nc_term_start *terms; /* ordered */
	size_t term_count, term_room;
	struct nc_log_bounds bounds;
};

/* segments.c */
void nc_segment_path(const struct nc_segment_log *log, uint64_t number,
                     char path[NC_LOG_PATH_SIZE]);
/* What was to be segments and is no part of the log: left by a process that has ended. */
void nc_segments_clear(const struct nc_segment_log *log);
/* Held once, by the caller, to whom the descriptor belongs until then. NULL: out of memory. */
struct nc_segment *nc_segment_new(uint64_t number, int fd, size_t size, uint64_t base_index);
/* Its file is closed and its memory freed when nobody holds it any more. NULL is a no-op. */
void nc_segment_let_go(struct nc_segment *segment);
/* Begin a new segment for a batch of `need` bytes, behind the last; `reset`, unless NULL, is the
 * entry at which the log then stands: all before it is forgotten. What readers see stays as it was.
 * Errors: NC_FULL; NC_IO; NC_NOMEM. */
int nc_segment_begin(struct nc_segment_log *log, size_t need, const struct nc_term_start *reset);
static inline struct nc_segment *nc_segment_last(const struct nc_segment_log *log)
{
	return log->segments[log->segment_count - 1];
}
/* The segment that holds entry `index`, which is within the bounds. Lock held. */
struct nc_segment *nc_segment_of(struct nc_segment_log *log, uint64_t index);
int nc_segments_push(struct nc_segment_log *log, struct nc_segment *segment);
/* Remove the `count` oldest, of which nothing counts any more, and their files. Lock not held:
 * removing a file may take its time. */
void nc_segments_shift(struct nc_segment_log *log, size_t count);

/* trail.c: what memory knows of the entries. Lock held for writing. */
int nc_log_trail_add(struct nc_segment_log *log, struct nc_segment *segment, uint64_t index,
                     uint64_t term, size_t offset);
/* Entries from `index` on no longer count. */
void nc_log_trail_truncate(struct nc_segment_log *log, uint64_t index);
/* Entries before `first` no longer count; the one before it had `base_term`. */
void nc_log_trail_advance(struct nc_segment_log *log, uint64_t first, uint64_t base_term);
void nc_log_trail_restart(struct nc_segment_log *log, uint64_t index, uint64_t term);
int nc_log_trail_term(const struct nc_segment_log *log, uint64_t index, uint64_t *term_out);

/* segment_write.c: batches of records, into the last segment. The writer's thread.
 *
 * A segment has become the last one; its file is open, by its name. */
void nc_segment_out_open(struct nc_segment_log *log);
void nc_segment_out_close(struct nc_segment_log *log);
/* After a recovery: batches go on in the last segment. Errors: NC_IO; NC_NOMEM; `fault` says it. */
int nc_batch_resume(struct nc_segment_log *log, char fault[NC_LOG_FAULT_SIZE]);
/* A new segment has `lead` before its end. Errors: NC_NOMEM. */
int nc_batch_lead(struct nc_segment_log *log, struct nc_slice lead);
/* The log is idle: what an unusually large batch needed goes with the next, if that does not. */
void nc_batch_rest(struct nc_segment_log *log);
/* From now on records may be put behind log->batch, `size` bytes of them. Errors: NC_NOMEM. */
int nc_batch_begin(struct nc_segment_log *log, size_t size);
/* Make them durable behind the segment's end, which is the caller's to advance by `*size_out`.
 * Errors: NC_FULL, nothing of them is in the log; NC_IO, the log is broken. */
int nc_batch_write(struct nc_segment_log *log, const struct nc_log_meanwhile *meanwhile,
                   size_t *size_out);

/* segment_read.c: nc_log_read(). Any thread. */
int nc_segment_log_read(struct nc_log *port, struct nc_log_range range, struct nc_buf *buf,
                        struct nc_log_entry *entries_out, size_t *count_out);

/* segment_forget.c: nc_log_compact(), nc_log_reset(). The writer's thread. */
int nc_segment_log_compact(struct nc_log *port, uint64_t through);
int nc_segment_log_reset(struct nc_log *port, uint64_t index, uint64_t term);

/* recover.c: read what is in the directory. Errors: as nc_segment_log_open(). */
int nc_segment_log_recover(struct nc_segment_log *log, struct nc_log_recovery *recovery_out,
                           char fault[NC_LOG_FAULT_SIZE]);

/* doubt.c: whether what the log acknowledged last may be lost; outlives the process. Errors:
 * NC_FULL; NC_IO. */
int nc_log_doubt_begin(const struct nc_segment_log *log);
int nc_log_doubt_look(const struct nc_segment_log *log, bool *doubtful_out);
int nc_log_doubt_end(const struct nc_segment_log *log); /* also if there is none */

int nc_err_from_errno(int negative_errno);

#endif
