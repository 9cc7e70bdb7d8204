/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_state.h -- core/engine/state.h in WiredTiger tables.
 *
 * Tables and their rows are described in docs/formats-state.md, the reasons in decision 0003: no
 * journal, checksums on every page, index entries held back in memory and inserted sorted.
 *
 * Threads:   those of the port, and one of the state's own that inserts held index entries. Opening
 *            and probing from any thread; probing before the process has others.
 *            At most some 500 readers are open at once, each with a WiredTiger session.
 * Ownership: the directory is the state's while it is open; `options` are copied, `keys`, `message`
 *            and `message_ctx` stay in use until close.
 * Errors:    those of the port, and:
 *            NC_BUSY, from a put, a commit or a read: WiredTiger's cache had no room for so old a
 *              transaction (WT_ROLLBACK). Roll back, or end the reader, and begin again.
 *            NC_FULL, the disk is full.
 *            NC_CORRUPT is returned by every later call too. So is NC_IO if a write or a sync
 *              failed: what the last checkpoint wrote is whole, and the state must be opened again.
 */
#ifndef NC_STORAGE_STATE_WT_STATE_H
#define NC_STORAGE_STATE_WT_STATE_H

#include "core/engine/state.h"

/* The format of the tables. A newer one is not opened; an older one is raised to it. */
#define NC_WT_STATE_FORMAT 3

/* Takes a diagnosis for the node's log: one line, without a newline. It is called from any thread,
 * and must not call the state. */
typedef void nc_wt_state_message_fn(void *ctx, const char *message);

struct nc_wt_state_options {
	unsigned cache_mb; /* WiredTiger's cache, MiB; 0: 256 */
	/* A generation is sealed when it has so many events, or takes so many bytes of memory.
	 * There are up to three at a time. */
	unsigned held_events;            /* 0: 65536 */
	size_t held_bytes;               /* 0: 64 MiB */
	unsigned chunk_rows;             /* rows of one of the indexer's transactions; 0: 512 */
	unsigned reserve_mb;             /* MiB kept free on the disk; 0: cache_mb + 64 */
	nc_state_keys_fn *keys;          /* required: reads the keys out of rows */
	nc_wt_state_message_fn *message; /* may be NULL */
	void *message_ctx;
};

struct nc_wt_state_stats {
	uint64_t last_position;     /* of the last committed event */
	uint64_t indexed_position;  /* index entries up to it are in the tables */
	uint64_t held_events;       /* events whose index entries are held in memory */
	uint64_t held_bytes;        /* memory that those take */
	uint64_t applier_waits;     /* how often the applier had to wait for the indexer */
	uint64_t checkpoints;       /* completed since the state was opened */
	uint64_t indexed_rows;      /* inserted by the indexer since then */
	uint64_t reindexed_at_open; /* events indexed again from their rows */
};

/* Open the state in `directory`. If that is missing or empty, make a new state; the parent
 * directory must exist, and `directory`.new is used meanwhile. Events above the `indexed` mark are
 * indexed again before this returns. Errors: NC_CORRUPT, a table or a file of WiredTiger's is
 * missing or damaged, and the message says which, and what to do; NC_UNSUPPORTED, a newer build has
 * made it; NC_BUSY, it is open in another process; NC_INVALID, no `keys`; NC_FULL; NC_IO; NC_NOMEM.
 */
int nc_wt_state_open(const char *directory, const struct nc_wt_state_options *options,
                     struct nc_state **state_out);

/* Open and close an existing state in a child process, so that damage which makes WiredTiger abort
 * becomes a diagnosis (WiredTiger.turtle has no checksum). A directory that is missing or empty is
 * NC_OK. On failure `message` has a line that says why, cut to `message_size` bytes with the NUL.
 * Call this before the process starts threads. Errors: NC_CORRUPT; NC_BUSY; NC_IO, also if the
 * child was killed from outside, or waited too long for the disk, which says nothing of the state.
 */
int nc_wt_state_probe(const char *directory, char *message, size_t message_size);

/* Whether a process that opened a state and ended by this signal found damaged files. */
bool nc_wt_signal_is_damage(int signal);

/* From any thread. */
void nc_wt_state_stats(struct nc_state *state, struct nc_wt_state_stats *stats_out);

#endif
