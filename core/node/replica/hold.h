/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hold.h -- what of the log a peer needs that fetches a state, or has just fetched one: all that
 * follows it, until the peer has caught up. Without that it would be offered another state, as
 * long as more is written than the log keeps while one is fetched.
 *
 * Pure. Threads: one.
 */
#ifndef NC_CORE_NODE_REPLICA_HOLD_H
#define NC_CORE_NODE_REPLICA_HOLD_H

#include "core/raft/status.h"

/* how long a peer may take to start with the state that it fetched, and catch up */
#define NC_HOLD_MS 600000u

struct nc_hold {
	uint64_t index;    /* of the state; 0: nothing is held */
	uint64_t until_ms; /* 0: it is still being read */
};

/* A state as of entry `index` is being read; 0: none is any more. */
void nc_hold_set(struct nc_hold *hold, uint64_t index, uint64_t now_ms);

/* How far the log may be compacted, at most through `through`. A leader gives its `status`. Other
 * nodes offer no states: for them only what is being read counts. */
uint64_t nc_hold_limit(struct nc_hold *hold, uint64_t through, const struct nc_raft_status *status,
                       uint64_t now_ms);

#endif
