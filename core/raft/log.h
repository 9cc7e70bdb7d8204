/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.h -- the durable log of a replica: a port. storage/log fills it with segment files, and with
 * memory for tests and the simulator.
 *
 * A log holds entries first..last, without a gap, plus the hard state (term and vote). What
 * nc_log_append() returned NC_OK for is durable: it survives power loss at any later moment.
 *
 * Threads:   one thread appends, compacts and resets (the log writer); any number may read, and ask
 * for the bounds, at the same time. A reader never sees an entry that is not yet durable.
 * Ownership: the opener gives a log, nc_log_close() destroys it. Payloads given to a call are
 *            borrowed until it returns.
 * Errors:    NC_OK or a negative enum nc_err; out-parameters are written on NC_OK only.
 * Source:    Ongaro, "Consensus: Bridging Theory and Practice", 3.8 and 5; ADR 0002.
 */
#ifndef NC_CORE_RAFT_LOG_H
#define NC_CORE_RAFT_LOG_H

#include "core/base/buf.h"

#define NC_LOG_PAYLOAD_SIZE_MAX (64u << 20) /* bytes of one entry's payload */

/* What the log's owner says an entry is; the log only keeps the byte. */
enum nc_log_kind {
	NC_LOG_NOOP = 1,    /* an own-term mark, no payload */
	NC_LOG_COMMAND = 2, /* payload of core/engine */
	NC_LOG_CONFIG = 3   /* a membership */
};

struct nc_log_entry {
	uint64_t index; /* from 1 */
	uint64_t term;  /* from 1, never decreasing with index */
	uint8_t kind;   /* enum nc_log_kind */
	struct nc_slice payload;
};

struct nc_log_hard {
	uint64_t term;
	uint64_t vote; /* node voted for in `term`, 0: none */
};

/* Where a log stands. An empty log has first = last + 1. `base_term` is the term of the entry
 * first - 1, which is no longer (or not yet) there; 0 when first is 1. */
struct nc_log_bounds {
	uint64_t first;
	uint64_t last;
	uint64_t base_term;
	uint64_t last_term; /* of entry `last`; base_term when empty */
};

/* What recovery found when the log was opened. */
struct nc_log_recovery {
	struct nc_log_hard hard;
	uint64_t cut_bytes; /* of a torn tail that was cut; 0: none */
	bool doubtful; /* a record whose header was complete was cut, now or at an earlier start,
	                * and nc_log_trust() was not called since: what was acknowledged last may be
	                * lost (nc_raft_start.doubtful) */
};

/* What is asked of a log: entries from..to (inclusive), at most `entry_max` of them and at most
 * `size_max` bytes of payload, but always one. */
struct nc_log_range {
	uint64_t from;
	uint64_t to;
	size_t entry_max; /* from 1 */
	size_t size_max;
};

/* Something to do while the disk is at work. */
struct nc_log_meanwhile {
	void (*fn)(void *ctx);
	void *ctx;
};

struct nc_log;

struct nc_log_ops {
	int (*append)(struct nc_log *log, const struct nc_log_hard *hard,
	              const struct nc_log_entry *entries, size_t entry_count,
	              const struct nc_log_meanwhile *meanwhile);
	int (*read)(struct nc_log *log, struct nc_log_range range, struct nc_buf *buf,
	            struct nc_log_entry *entries_out, size_t *count_out);
	int (*term_at)(struct nc_log *log, uint64_t index, uint64_t *term_out);
	void (*bounds)(struct nc_log *log, struct nc_log_bounds *bounds_out);
	int (*compact)(struct nc_log *log, uint64_t through);
	int (*reset)(struct nc_log *log, uint64_t index, uint64_t term);
	int (*mark)(struct nc_log *log);
	int (*trust)(struct nc_log *log);
	uint64_t (*size)(struct nc_log *log);
	void (*close)(struct nc_log *log);
};

/* Implementations embed this first. */
struct nc_log {
	const struct nc_log_ops *ops;
};

/* Write the entries and, when `hard` is not NULL, the hard state: one write, one fdatasync. If
 * entries[0].index is not beyond the last entry, the entries from there on are replaced (a
 * truncation, itself durable in the same write).
 *
 * `entries` follow one another in index and start at most at last + 1 and at least at first.
 * `entry_count` may be 0 when `hard` is given.
 * Errors: NC_FULL, no room on the disk: nothing was written, the log is as it was and goes on when
 *           there is room.
 *         NC_IO, the outcome is unknown: stop; every later append fails with NC_IO too (an fsync
 * that failed must not be tried again). */
static inline int nc_log_append(struct nc_log *log, const struct nc_log_hard *hard,
                                const struct nc_log_entry *entries, size_t entry_count)
{
	return log->ops->append(log, hard, entries, entry_count, NULL);
}

/* The same, and meanwhile->fn is called once while the disk is at work: what was to be written is
 * on its way, and may still fail. Not called if it could not be sent on its way. */
static inline int nc_log_append_meanwhile(struct nc_log *log, const struct nc_log_hard *hard,
                                          const struct nc_log_entry *entries, size_t entry_count,
                                          const struct nc_log_meanwhile *meanwhile)
{
	return log->ops->append(log, hard, entries, entry_count, meanwhile);
}

/* Read entries of `range`, into `entries_out`[range.entry_max]. Payload bytes are appended to
 * `buf`, in which the slices point: valid until buf changes. CRCs are checked at every read.
 * Errors: NC_NOTFOUND, `from` is compacted away or beyond the last; NC_CORRUPT; NC_IO; NC_NOMEM. */
static inline int nc_log_read(struct nc_log *log, struct nc_log_range range, struct nc_buf *buf,
                              struct nc_log_entry *entries_out, size_t *count_out)
{
	return log->ops->read(log, range, buf, entries_out, count_out);
}

/* The term of the entry at `index`, from memory; first - 1 is answered with base_term.
 * Errors: NC_NOTFOUND. */
static inline int nc_log_term_at(struct nc_log *log, uint64_t index, uint64_t *term_out)
{
	return log->ops->term_at(log, index, term_out);
}

static inline void nc_log_bounds(struct nc_log *log, struct nc_log_bounds *bounds_out)
{
	log->ops->bounds(log, bounds_out);
}

/* Entries through `through` are no longer needed. Whole segments go; term, vote and base term are
 * carried forward first. Asking for less than is gone already is fine. Errors: NC_IO, NC_FULL. */
static inline int nc_log_compact(struct nc_log *log, uint64_t through)
{
	return log->ops->compact(log, through);
}

/* Forget every entry; the next one is index + 1, and entry `index` had `term` (a state snapshot was
 * installed). The hard state stays. Errors: NC_IO, NC_FULL. */
static inline int nc_log_reset(struct nc_log *log, uint64_t index, uint64_t term)
{
	return log->ops->reset(log, index, term);
}

/* Write a record that vouches for the durability of all before it; to be called after some idle
 * milliseconds (an idle log's last batch has no successor to do so). Does nothing when the last
 * record is such a mark. Errors: as append. */
static inline int nc_log_mark(struct nc_log *log)
{
	return log->ops->mark(log);
}

/* Nothing that was acknowledged is missing: recovery need not call the log doubtful any more. For
 * the thread that appends. Errors: NC_IO, it may do so once more. */
static inline int nc_log_trust(struct nc_log *log)
{
	return log->ops->trust(log);
}

/* Bytes that the log takes, for the trigger of checkpoints and for the status. */
static inline uint64_t nc_log_size(struct nc_log *log)
{
	return log->ops->size(log);
}

/* NULL is a no-op. */
static inline void nc_log_close(struct nc_log *log)
{
	if (log != NULL)
		log->ops->close(log);
}

#endif
