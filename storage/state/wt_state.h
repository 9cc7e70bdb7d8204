/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_state.h -- core/engine/state.h in WiredTiger tables.
 *
 * Tables and their rows are described in docs/formats-state.md, the reasons in DESIGN (ADR 0003):
 * no journal, checksums on every page, index entries held back in memory and inserted sorted.
 *
 * Threads:   those of the port, and one of the state's own that inserts held index entries. Opening
 *            and probing from any thread; probing before the process has others.
 *            At most some 500 readers are open at once, each with a WiredTiger session.
 * Ownership: the directory is the state's while it is open; `options` are copied, `keys`, `message`
 *            and `message_ctx` stay in use until close.
 * Errors:    those of the port, and:
 *            NC_BUSY, from a put, a commit or a read: the cache had no room for so old a
 * transaction (WT_ROLLBACK): roll back, or end, and begin again. NC_FULL, the disk is full.
 *            NC_CORRUPT stays: every later call returns it. So does NC_IO where a write or a sync
 *            failed: what the last checkpoint wrote is whole, and the state is to be opened again.
 */
#ifndef NC_STORAGE_STATE_WT_STATE_H
#define NC_STORAGE_STATE_WT_STATE_H

#include "core/engine/state.h"

#define NC_WT_STATE_FORMAT 3 /* of the tables; a newer one is not opened, an older one raised */

/* A diagnosis for the node's log: one line, no newline. From any thread, must not call the state.
 */
typedef void nc_wt_state_message_fn(void *ctx, const char *message);

struct nc_wt_state_options {
	unsigned cache_mb;               /* WiredTiger's cache, MiB; 0: 256 */
	unsigned held_events;            /* a generation's size in events; 0: 65536. Up to three */
	size_t held_bytes;               /* and in memory, about; 0: 64 MiB */
	unsigned chunk_rows;             /* inserted in one transaction by the indexer; 0: 512 */
	unsigned reserve_mb;             /* kept free on the disk, MiB; 0: cache_mb + 64 */
	nc_state_keys_fn *keys;          /* required: reads the keys out of rows */
	nc_wt_state_message_fn *message; /* may be NULL */
	void *message_ctx;
};

struct nc_wt_state_stats {
	uint64_t last_position;     /* committed */
	uint64_t indexed_position;  /* entries of positions up to it are in the tables */
	uint64_t held_events;       /* whose index entries are in memory */
	uint64_t held_bytes;        /* memory of those */
	uint64_t applier_waits;     /* times the applier had to wait for the indexer */
	uint64_t checkpoints;       /* completed since open */
	uint64_t indexed_rows;      /* inserted by the indexer since open */
	uint64_t reindexed_at_open; /* events indexed again from their rows */
};

/* Open the state in `directory`; if that is missing or empty, make a new one (its parent must
 * exist; `directory`.new is used meanwhile). Events above the `indexed` mark are indexed again
 * before it returns. Errors: NC_CORRUPT, a table or WiredTiger's own files are missing or damaged,
 * the message says which and what to do; NC_UNSUPPORTED, made by a newer build; NC_BUSY, open in
 * another process; NC_INVALID, no `keys`; NC_FULL; NC_IO; NC_NOMEM. */
int nc_wt_state_open(const char *directory, const struct nc_wt_state_options *options,
                     struct nc_state **state_out);

/* Open and close an existing state in a child process: damage that makes WiredTiger abort
 * (WiredTiger.turtle has no checksum) becomes a diagnosis. A directory that is missing or empty is
 * fine. `message` gets a line on failure, NUL-terminated, cut to `message_size`.
 * Call it before the process starts threads. Errors: NC_CORRUPT, NC_BUSY; NC_IO, also when the
 * child was ended from outside, or waited for the disk too long: that says nothing of the state. */
int nc_wt_state_probe(const char *directory, char *message, size_t message_size);

/* Whether damaged files are what made a process that opened a state end by this signal. */
bool nc_wt_signal_is_damage(int signal);

/* Any thread. */
void nc_wt_state_stats(struct nc_state *state, struct nc_wt_state_stats *stats_out);

#endif
