/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lives.h -- whether another node may have answered a request that several nodes hear: pure.
 *
 * The leader asks the others, and none says that it answers the request. It may refuse the request
 * only if no other node can have answered it. A node that lived when the request came and says no
 * is a witness for itself. A node that was started again since then is another life, and knows
 * nothing of the one before. A node that lived then and is dead now may have answered.
 *
 * Time: nanoseconds of a clock that does not go back. Threads: one at a time. No allocation.
 */
#ifndef NC_CORE_NODE_SPREAD_LIVES_H
#define NC_CORE_NODE_SPREAD_LIVES_H

#include "core/engine/command.h"

#define NC_LIVES_MAX      32u
/* A node that lives says something at least so often, even on a busy machine. */
#define NC_LIVES_PAUSE_NS UINT64_C(150000000)

/* What is known of one life of a node. */
struct nc_life {
	struct nc_sub_owner who; /* boot 0: not heard yet, it may be any life of the node */
	uint64_t heard_ns;       /* when it was last heard, or since when it would have been */
	uint64_t closed_ns; /* when NATS said that it is not there; 0: not since it was heard */
	uint64_t left_ns;   /* when it said that it answers nothing any more; 0: it has not */
	bool over;          /* a later life of the node was heard */
};

/* Begins as zeros. If there is no room, the life that was not heard for longest is forgotten. */
struct nc_lives {
	struct nc_life at[NC_LIVES_MAX]; /* [count] */
	size_t count;
};

/* What is known of a node now; called often. `life->over` is ignored, and so is `life->left_ns`
 * unless the node has left. */
void nc_lives_note(struct nc_lives *lives, const struct nc_life *life);

/* This node leads from now on. Followers say little to each other, so the silence of node `number`
 * means something only from now on: even if it was never heard it may live, unless NATS says that
 * it is not there. */
void nc_lives_await(struct nc_lives *lives, uint64_t number, uint64_t now_ns);

/* A node that was asked, and does not answer the request itself. */
struct nc_witness {
	struct nc_sub_owner who;
	bool closed; /* it was not reached: NATS says that it is not there */
	bool behind; /* it has not applied what we have, and may still accept the request */
};

enum nc_lives_verdict {
	NC_LIVES_NOBODY, /* no node can have answered it */
	NC_LIVES_YET,    /* no node has, but one that is behind still may */
	NC_LIVES_WAIT,   /* a node may live that was not asked */
	NC_LIVES_PERHAPS /* a node may have that is dead now */
};

/* A request that none of `witnesses` answers. It came at `arrived_ns`, or, if this node slept, at
 * some time since `early_ns`. */
struct nc_lives_case {
	uint64_t early_ns, arrived_ns, now_ns;
	const struct nc_sub_owner
	        *hearers; /* [hearer_count], who may have heard it; NULL: any node */
	size_t hearer_count;
	const struct nc_witness *witnesses; /* [count], asked after it came */
	size_t count;
};
enum nc_lives_verdict nc_lives_judge(const struct nc_lives *lives, const struct nc_lives_case *of);

/* What to do with the request. `unsure`: the node that should have it was not reached; `last`:
 * there is no time to ask again. */
enum nc_lives_fate {
	NC_LIVES_AGAIN,   /* ask again */
	NC_LIVES_LEAVE,   /* a node may have answered it: leave it without an answer */
	NC_LIVES_GIVE_UP, /* no node has, and what the answer should be is not known */
	NC_LIVES_REFUSE   /* no node has, or will: refuse it */
};
enum nc_lives_fate nc_lives_fate(enum nc_lives_verdict verdict, bool unsure, bool last);

/* Whether this life had been silent for so long at `at_ns` that it is not waited for. */
bool nc_lives_gone(const struct nc_lives *lives, struct nc_sub_owner who, uint64_t at_ns);

#endif
