/* SPDX-License-Identifier: GPL-3.0-or-later */
/* segment_private.h -- what the files of the segment log share: the segments, the files kept ready
 * for new ones, and what memory knows of the entries. */
#ifndef NC_STORAGE_LOG_SEGMENT_PRIVATE_H
#define NC_STORAGE_LOG_SEGMENT_PRIVATE_H

#include <limits.h>
#include <pthread.h>

#include "storage/log/mutants_private.h"
#include "storage/log/record.h"
#include "storage/log/segment_log.h"

/* Bytes at a segment's end that entries leave free: room for term, vote and marks when the disk has
 * none for a new segment. */
#define NC_SEGMENT_RESERVE 4096u

#define NC_LOG_PATH_SIZE PATH_MAX /* bytes of the path of one of the log's files, with the NUL */

struct nc_segment {
	_Atomic unsigned holds; /* of the log, and of those who read its file without the lock */
	uint64_t number;
	int fd;
	uint32_t salt;       /* from which the CRCs of its records start */
	size_t size;         /* bytes of the file */
	size_t end;          /* the offset at which the next record goes */
	uint64_t base_index; /* the last entry before it, as of when it was begun */
	uint64_t first;      /* index of its first entry that still counts */
	uint32_t *offsets;   /* [count], of its entries in the file */
	size_t count, room;
};

/* ---- preparer.c ----------------------------------------------------------------------------- */

#define NC_PREPARED_NAME "prepared"
#define NC_SPARE_PREFIX  "spare-"
#define NC_SPARES_MAX    8u      /* files kept to be segments again */
#define NC_LARGE_NAME    "large" /* made for a batch that is larger than a segment */

/* A file for the next segment, made before it is needed: one that was a segment, or a new one
 * filled with zeros. An fdatasync is quick only where blocks have been written before. */
struct nc_preparer;
int nc_preparer_start(const char *directory, const struct nc_files *files, size_t size,
                      struct nc_preparer **preparer_out);
/* Ask for a file. Does nothing if one is there, or being made. */
void nc_preparer_want(struct nc_preparer *preparer);
/* Wait for the file and take its descriptor. The caller renames it, and its name is free for the
 * next. Errors: NC_FULL; NC_IO; NC_NOMEM. */
int nc_preparer_take(struct nc_preparer *preparer, int *fd_out);
/* Give back the file at `path`, which is no segment any more. It becomes one of the next, or is
 * removed if enough of them are kept. */
void nc_preparer_give(struct nc_preparer *preparer, const char *path);
void nc_preparer_stop(struct nc_preparer *preparer); /* NULL is a no-op */

/* ---- The log -------------------------------------------------------------------------------- */

/* The entries from `index` on, up to that of the next start, have `term`. */
struct nc_term_start {
	uint64_t index, term;
};

struct nc_segment_log {
	struct nc_log log; /* first */
	char *directory;
	const struct nc_files *files;
	size_t segment_size;
	struct nc_preparer *preparer;
	/* The writer's, in whole pages. The first page begins with what the segment already has
	 * there, before its end. Between two batches nothing else is in it. */
	struct nc_buf batch;
	uint64_t roomy; /* batches in a row that needed less memory than `batch` has */
	int out;        /* the last segment's file, past the kernel's memory; below 0: none */
	bool through;   /* the file system cannot write past the kernel's memory */
	bool broken;    /* a write or sync failed: nothing more is written */
	bool marked;    /* the last record is a mark, or there is no record */
	uint32_t crc;   /* of the last record */
	struct nc_log_hard hard;

	pthread_rwlock_t lock;        /* over what follows, which only the writer changes */
	struct nc_segment **segments; /* oldest first; the last one is written to */
	size_t segment_count, segment_room;
	struct nc_term_start *terms; /* by index */
	size_t term_count, term_room;
	struct nc_log_bounds bounds;
};

/* ---- segments.c ----------------------------------------------------------------------------- */

/* The path of the file of segment `number`. */
void nc_segment_path(const struct nc_segment_log *log, uint64_t number,
                     char path[NC_LOG_PATH_SIZE]);
/* Remove files that were to become segments, left by a process that has ended. */
void nc_segments_clear(const struct nc_segment_log *log);
/* Make a segment, which the caller holds, and which takes over the descriptor. NULL if out of
 * memory; the descriptor is then still the caller's. */
struct nc_segment *nc_segment_new(uint64_t number, int fd, size_t size, uint64_t base_index);
/* Hold the segment no longer. When nobody does, its file is closed and its memory freed. NULL is a
 * no-op. */
void nc_segment_let_go(struct nc_segment *segment);
/* Begin a new segment behind the last one, for a batch of `need` bytes. If `reset` is not NULL, the
 * log then stands at that entry, and all before it is forgotten. What readers see does not change.
 * Errors: NC_FULL; NC_IO; NC_NOMEM. */
int nc_segment_begin(struct nc_segment_log *log, size_t need, const struct nc_term_start *reset);
static inline struct nc_segment *nc_segment_last(const struct nc_segment_log *log)
{
	return log->segments[log->segment_count - 1];
}
/* The segment that holds the entry `index`, which is within the bounds. Lock held. */
struct nc_segment *nc_segment_of(struct nc_segment_log *log, uint64_t index);
int nc_segments_push(struct nc_segment_log *log, struct nc_segment *segment);
/* Remove the `count` oldest segments, of which nothing counts any more, with their files. Lock not
 * held, since removing a file may take long. */
void nc_segments_shift(struct nc_segment_log *log, size_t count);

/* ---- trail.c: what memory knows of the entries. Lock held for writing. ---------------------- */

int nc_log_trail_add(struct nc_segment_log *log, struct nc_segment *segment, uint64_t index,
                     uint64_t term, size_t offset);
/* Entries from `index` on no longer count. */
void nc_log_trail_truncate(struct nc_segment_log *log, uint64_t index);
/* Entries before `first` no longer count; the one before it had `base_term`. */
void nc_log_trail_advance(struct nc_segment_log *log, uint64_t first, uint64_t base_term);
/* No entry counts any more; the next one is index + 1, and `index` had `term`. */
void nc_log_trail_restart(struct nc_segment_log *log, uint64_t index, uint64_t term);
int nc_log_trail_term(const struct nc_segment_log *log, uint64_t index, uint64_t *term_out);

/* ---- segment_write.c: batches of records, into the last segment. The writer's thread. ------- */

/* Open the last segment's file for writing past the kernel's memory, if that is possible. */
void nc_segment_out_open(struct nc_segment_log *log);
void nc_segment_out_close(struct nc_segment_log *log);
/* After a recovery: batches go on in the last segment. On failure `fault` says why. Errors: NC_IO;
 * NC_NOMEM. */
int nc_batch_resume(struct nc_segment_log *log, char fault[NC_LOG_FAULT_SIZE]);
/* After a new segment was begun: `lead` is what it has before its end. Errors: NC_NOMEM. */
int nc_batch_lead(struct nc_segment_log *log, struct nc_slice lead);
/* The log is idle: the next batch gives back the memory that an unusually large one needed, unless
 * it needs that itself. */
void nc_batch_rest(struct nc_segment_log *log);
/* Make room in log->batch for records of `size` bytes, which are then put. Errors: NC_NOMEM. */
int nc_batch_begin(struct nc_segment_log *log, size_t size);
/* Make those records durable behind the segment's end. The caller then advances the end by
 * `*size_out`. Errors: NC_FULL, nothing of them is in the log; NC_IO, the log is broken. */
int nc_batch_write(struct nc_segment_log *log, const struct nc_log_meanwhile *meanwhile,
                   size_t *size_out);

/* ---- segment_read.c: nc_log_read(). Any thread. --------------------------------------------- */

int nc_segment_log_read(struct nc_log *port, struct nc_log_range range, struct nc_buf *buf,
                        struct nc_log_entry *entries_out, size_t *count_out);

/* ---- segment_forget.c: nc_log_compact(), nc_log_reset(). The writer's thread. --------------- */

int nc_segment_log_compact(struct nc_log *port, uint64_t through);
int nc_segment_log_reset(struct nc_log *port, uint64_t index, uint64_t term);

/* ---- recover.c ------------------------------------------------------------------------------ */

/* Read what is in the directory. Errors: those of nc_segment_log_open(). */
int nc_segment_log_recover(struct nc_segment_log *log, struct nc_log_recovery *recovery_out,
                           char fault[NC_LOG_FAULT_SIZE]);

/* ---- doubt.c -------------------------------------------------------------------------------- */

/* A note in the directory that what the log acknowledged last may be lost
 * (nc_log_recovery.doubtful): write it, look for it, remove it if it is there. Errors: NC_FULL;
 * NC_IO. */
int nc_log_doubt_begin(const struct nc_segment_log *log);
int nc_log_doubt_look(const struct nc_segment_log *log, bool *doubtful_out);
int nc_log_doubt_end(const struct nc_segment_log *log);

/* ---- segment_log.c -------------------------------------------------------------------------- */

int nc_err_from_errno(int negative_errno);

#endif
