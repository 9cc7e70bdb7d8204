/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stall.h -- whether the state has stopped following the log: entries are due, and none has been
 * applied for a while, as when a disk hangs. A disk that is only slow makes progress, and is no
 * stall (decision 0125).
 *
 * Times are milliseconds of a clock that does not go back. Threads: one at a time.
 */
#ifndef NC_CORE_NODE_REPLICA_STALL_H
#define NC_CORE_NODE_REPLICA_STALL_H

#include <stdint.h>

/* Without progress for so long, the state is stalled. Clients wait longer than that by default. */
#define NC_STALL_MS       3000u
/* If more time passed between two looks, the loop itself stood still: it is not counted. */
#define NC_STALL_BLIND_MS 200u

/* Begins as zeros. */
struct nc_stall {
	uint64_t applied;   /* at the last look */
	uint64_t looked_ms; /* when that was */
	uint64_t since_ms;  /* since then there has been something to apply, and nothing was applied
	                     */
};

/* Look again; to be called often. `due` is the last entry that may be applied, `applied` the last
 * one that was. Returns for how long there has been no progress: 0 if there was some since the last
 * look, or nothing is due. */
uint64_t nc_stall_look(struct nc_stall *stall, uint64_t due, uint64_t applied, uint64_t now_ms);

#endif
