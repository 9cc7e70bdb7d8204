/* SPDX-License-Identifier: GPL-3.0-or-later */
/* log.h -- the durable log of a replica: a port. storage/log fills it with segment files, and with
 * memory for tests and the simulator.
 *
 * A log holds the entries first..last, without a gap, and the hard state (term and vote). When
 * nc_log_append() has returned NC_OK, what it was given is durable: it survives power loss at any
 * later moment.
 *
 * Threads:   one thread appends, compacts and resets (the log writer). Any number may read, and ask
 *            for the bounds, at the same time. A reader never sees an entry that is not yet
 *            durable.
 * Ownership: the opener gives a log, nc_log_close() destroys it. Payloads given to a call are
 *            borrowed until it returns.
 * Errors:    NC_OK or a negative enum nc_err; out-parameters are written on NC_OK only.
 * Source:    Ongaro, "Consensus: Bridging Theory and Practice", 3.8 and 5; decision 0002.
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
	uint64_t vote; /* the node voted for in `term`; 0: none */
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
	uint64_t cut_bytes; /* how much of a torn tail was cut */
	/* A record whose header was complete was cut, now or at an earlier start, and
	 * nc_log_trust() was not called since: what was acknowledged last may be lost
	 * (nc_raft_start.doubtful). */
	bool doubtful;
};

/* Which entries are to be read: from..to, both inclusive, within the limits. One entry is given
 * even if it is larger than `size_max`. */
struct nc_log_range {
	uint64_t from;
	uint64_t to;
	size_t entry_max; /* at least 1 */
	size_t size_max;  /* bytes of payload */
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

/* Write the entries and, unless `hard` is NULL, the hard state, with one write and one fdatasync.
 * If entries[0].index is not beyond the last entry, they replace the entries from there on: the
 * truncation is durable with the same write.
 *
 * The indexes of `entries` follow one another, and begin between first and last + 1. If `hard` is
 * given, there may be no entries.
 * Errors: NC_FULL, no room on the disk: nothing was written, and the log goes on when there is
 * room. NC_IO, the outcome is unknown, and the node must stop. Every later append fails with NC_IO
 * too, since an fsync that failed must not be tried again. */
static inline int nc_log_append(struct nc_log *log, const struct nc_log_hard *hard,
                                const struct nc_log_entry *entries, size_t entry_count)
{
	return log->ops->append(log, hard, entries, entry_count, NULL);
}

/* The same, and calls meanwhile->fn once while the disk is at work. The write is then on its way,
 * and may still fail. If it could not be begun, the function is not called. */
static inline int nc_log_append_meanwhile(struct nc_log *log, const struct nc_log_hard *hard,
                                          const struct nc_log_entry *entries, size_t entry_count,
                                          const struct nc_log_meanwhile *meanwhile)
{
	return log->ops->append(log, hard, entries, entry_count, meanwhile);
}

/* Read entries of `range` into `entries_out`, which has room for range.entry_max. The payloads are
 * appended to `buf`, and the entries point there: they are valid until `buf` changes. CRCs are
 * checked at every read. Errors: NC_NOTFOUND, `from` is compacted away or beyond the last;
 * NC_CORRUPT; NC_IO; NC_NOMEM. */
static inline int nc_log_read(struct nc_log *log, struct nc_log_range range, struct nc_buf *buf,
                              struct nc_log_entry *entries_out, size_t *count_out)
{
	return log->ops->read(log, range, buf, entries_out, count_out);
}

/* The term of the entry at `index`, from memory. That of the entry first - 1 is base_term. Errors:
 * NC_NOTFOUND. */
static inline int nc_log_term_at(struct nc_log *log, uint64_t index, uint64_t *term_out)
{
	return log->ops->term_at(log, index, term_out);
}

static inline void nc_log_bounds(struct nc_log *log, struct nc_log_bounds *bounds_out)
{
	log->ops->bounds(log, bounds_out);
}

/* Give up the entries up to `through`. Whole segments are removed; term, vote and base term are
 * carried forward before that. Asking for less than is gone already does nothing. Errors: NC_IO;
 * NC_FULL. */
static inline int nc_log_compact(struct nc_log *log, uint64_t through)
{
	return log->ops->compact(log, through);
}

/* Forget every entry, because a snapshot of the state at `index` was installed. The next entry is
 * index + 1, and the entry at `index` had `term`. The hard state stays. Errors: NC_IO; NC_FULL. */
static inline int nc_log_reset(struct nc_log *log, uint64_t index, uint64_t term)
{
	return log->ops->reset(log, index, term);
}

/* Write a record that vouches for the durability of all before it. To be called after some idle
 * milliseconds, since the last batch of an idle log has no successor to do so. Does nothing if the
 * last record is such a mark already. Errors: those of nc_log_append(). */
static inline int nc_log_mark(struct nc_log *log)
{
	return log->ops->mark(log);
}

/* Tell that nothing which was acknowledged is missing: recovery need not call the log doubtful any
 * more. For the thread that appends. Errors: NC_IO, the next recovery may call it doubtful again.
 */
static inline int nc_log_trust(struct nc_log *log)
{
	return log->ops->trust(log);
}

/* How many bytes the log takes: for the trigger of checkpoints, and for the status. */
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
