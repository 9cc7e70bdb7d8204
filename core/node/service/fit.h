/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fit.h -- whether a node of a cluster answers R.direct, which reads a node's own state (decision
 * 0136).
 *
 * A node becomes fit when it has applied everything that was committed when it heard of the leader.
 * It stays so until it falls behind: others have applied entries that it does not come to; or until
 * it is no member any more, as a leader that was removed knows at once. A node
 * that knows no leader, or loses sight of the others, goes on with the state it has.
 *
 * Numbers of entries are indexes of the log. Times are milliseconds of a clock that does not go
 * back.
 *
 * Threads: the loop's.
 */
#ifndef NC_CORE_NODE_SERVICE_FIT_H
#define NC_CORE_NODE_SERVICE_FIT_H

#include <stdbool.h>
#include <stdint.h>

/* How long it may lag behind what others have applied: as long as a checkpoint may hold it up, and
 * less than what people take for an outage. */
#define NC_FIT_BEHIND_MS 5000u
/* Without a leader for so long, it is taken that none comes soon. When one does come, much may have
 * happened without this node. */
#define NC_FIT_ALONE_MS  5000u
/* If more time passed between two looks, the loop itself stood still: it is not counted. */
#define NC_FIT_BLIND_MS  200u

/* Begins as zeros. */
struct nc_fit {
	bool fit;
	uint64_t target;    /* the entry that must be applied before it is fit; 0: not known yet */
	uint64_t looked_ms; /* when it last looked; 0: never */
	uint64_t alone_ms;  /* how long there has been no leader */
	uint64_t mark;      /* an entry that others had applied … */
	uint64_t behind_ms; /* … and that this node has not reached for so long */
};

/* What a look goes by. */
struct nc_fit_view {
	bool connected;   /* to NATS */
	bool leads;       /* and serves as the leader */
	bool member;      /* of the cluster, by its own log */
	bool stalled;     /* the state does not follow the log (core/node/replica/stall.h) */
	uint64_t leader;  /* its number; 0: there is none */
	uint64_t told;    /* the commit that the leader has told of; 0: none yet */
	uint64_t others;  /* the highest entry that another node has said it applied */
	uint64_t commit;  /* what this node knows to be committed */
	uint64_t applied; /* what it has applied */
};

/* Look again, with what is known now; to be called often. Returns whether the node is fit. */
bool nc_fit_look(struct nc_fit *fit, const struct nc_fit_view *view, uint64_t now_ms);

#endif
