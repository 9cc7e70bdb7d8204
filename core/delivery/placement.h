/* SPDX-License-Identifier: GPL-3.0-or-later */
/* placement.h -- which node runs a subscription of placement "spread", and when it may: pure
 * (decision 0083).
 *
 * The leader hears from every node each NC_LEASE_RENEW_NS: "I am node N in life B, and have let go
 * of all that the entries up to R took from me". What it answers is a lease (lease.h), counted by
 * the node from the moment at which it *sent* the question, and shorter than the time after which
 * the leader takes a node for gone. The answer also says what the node must have applied before the
 * lease counts, and up to which entry what was taken from others is free: nobody begins to run what
 * another may still be running.
 *
 * Who lives and lags cannot run its share, since its leases do not come to count: it is given none
 * any more, and so is gone after a while as if it were silent. Who was gone and comes back in the
 * same life is given a share only when it has kept up for a while, each time longer (decision
 * 0099).
 *
 *   node                          leader
 *    │ renew(boot, released) ──►   nc_placement_hear()
 *    │                             (still the leader? a round of ReadIndex)
 *    │ ◄── applied, clear          nc_placement_clear()
 *   nc_lease_grant()
 *
 * Time: nanoseconds of a clock that does not go back, each node's own; clocks may drift by a
 * quarter. Threads: one at a time. No allocation.
 */
#ifndef NC_CORE_DELIVERY_PLACEMENT_H
#define NC_CORE_DELIVERY_PLACEMENT_H

#include "core/base/slice.h"
#include "core/delivery/lease.h"
#include "core/engine/command.h"

#define NC_PLACEMENT_NODES_MAX    64u
#define NC_PLACEMENT_GONE_NS      UINT64_C(1200000000) /* not heard for so long: gone */
/* Has not applied what was committed so long ago: with that, and being gone, and the log, its share
 * runs elsewhere within 2 s. */
#define NC_PLACEMENT_BEHIND_NS    UINT64_C(400000000)
#define NC_PLACEMENT_TRIAL_NS     UINT64_C(2000000000) /* the first; each next one is twice that */
#define NC_PLACEMENT_TRIAL_MAX_NS UINT64_C(64000000000)
#define NC_PLACEMENT_COMMITS      16u /* moments of the last NC_PLACEMENT_BEHIND_NS, and more */

/* ---- Which ---------------------------------------------------------------------------------- */

/* The node that runs the subscription `name`, by rendezvous hashing: of `count` nodes the one with
 * the highest score. One that comes or goes moves only what it has, or gets. 0: there are none. */
uint64_t nc_placement_pick(struct nc_slice name, const uint64_t *nodes, size_t count);

/* ---- The leader's view ---------------------------------------------------------------------- */

struct nc_placement_node {
	uint64_t number;
	uint64_t boot; /* 0: not heard since we lead */
	uint64_t heard_ns;
	uint64_t released; /* entry up to which it has let go of what was taken from it */
	bool voter;
	bool leaving; /* it runs nothing any more, and wants nothing */
	uint64_t back_ns,
	        trial_ns; /* gone, and heard again: on trial since then, for so long; 0: not */
};

/* Begins as zeros. */
struct nc_placement_view {
	struct nc_placement_node nodes[NC_PLACEMENT_NODES_MAX];
	size_t count;
	uint64_t changed_ns; /* up to then others than these may have been given a lease */
	/* What was committed when; a ring, the last one at commit_count - 1. */
	struct {
		uint64_t at_ns, index;
	} commits[NC_PLACEMENT_COMMITS];
	size_t commit_count;
};

/* What a node says of itself. */
struct nc_placement_renewal {
	uint64_t boot;
	uint64_t released;
	bool leaving;
};

/* We lead since `now_ns`, among these voters: each of them may hold a lease of the last leader's,
 * begun before we were elected; and so may one whom the last leader removed, of whom we know only
 * that the membership has not changed here since `changed_ns` (or that we have not been there any
 * longer): for him, too, all that is newly given waits. */
void nc_placement_begin(struct nc_placement_view *placement, const uint64_t *voters, size_t count,
                        uint64_t changed_ns, uint64_t now_ns);
/* The voters are these from now on. Who is none any more is remembered while its lease may last. */
void nc_placement_voters(struct nc_placement_view *placement, const uint64_t *voters, size_t count,
                         uint64_t now_ns);
/* So much is committed: again and again. */
void nc_placement_committed(struct nc_placement_view *placement, uint64_t index, uint64_t now_ns);
/* False: it is no voter, or was in an earlier life, or is behind: give it no lease. */
bool nc_placement_hear(struct nc_placement_view *placement, uint64_t number,
                       const struct nc_placement_renewal *renewal, uint64_t now_ns);

/* We have not looked since `since_ns`, so that who is silent may only not have been listened to.
 * Who was gone by then stays so. */
void nc_placement_stalled(struct nc_placement_view *placement, uint64_t since_ns, uint64_t now_ns);

/* Voters among whom to pick: heard lately, or awaited, not leaving and not on trial. Returns how
 * many. */
size_t nc_placement_candidates(const struct nc_placement_view *placement, uint64_t now_ns,
                               uint64_t nodes_out[NC_PLACEMENT_NODES_MAX]);
/* Whether the owner, in that life, is there and may run what it has. */
bool nc_placement_lives(const struct nc_placement_view *placement, struct nc_sub_owner owner,
                        uint64_t now_ns);

/* Whether the owner, in that life, has said that it has let go of all up to `entry`, does not
 * leave, and when it was heard last; `released_out`: of all up to there. */
bool nc_placement_told(const struct nc_placement_view *placement, struct nc_sub_owner owner,
                       uint64_t entry, uint64_t *heard_ns_out, uint64_t *released_out);
/* Whether the node has said so. */
bool nc_placement_leaves(const struct nc_placement_view *placement, uint64_t number);

/* A subscription, as the leader sees it. */
struct nc_placement_share {
	struct nc_slice name;
	bool spreads; /* by its definition; else the leader is to have it back */
	bool runs;    /* here, by a lease: so nobody else runs it */
	struct nc_sub_owner owner;
};

/* For whom a leader, `self`, looks through the subscriptions at one moment. */
struct nc_placement_round {
	struct nc_sub_owner self;
	uint64_t now_ns;
	uint64_t nodes[NC_PLACEMENT_NODES_MAX]; /* the candidates */
	size_t count;
};

void nc_placement_round_begin(struct nc_placement_round *round,
                              const struct nc_placement_view *placement, struct nc_sub_owner self,
                              uint64_t now_ns);
/* Who is to have it, of the candidates. False: it stays where it is, or it is too early to say.
 * Number 0: the leader, without a lease. */
bool nc_placement_owner(const struct nc_placement_view *placement,
                        const struct nc_placement_round *round,
                        const struct nc_placement_share *share, struct nc_sub_owner *owner_out);
/* Entry up to which no node runs any more what was taken from it; at most `applied`. */
uint64_t nc_placement_clear(const struct nc_placement_view *placement, uint64_t applied,
                            uint64_t now_ns);

#endif
