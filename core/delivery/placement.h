/* SPDX-License-Identifier: GPL-3.0-or-later */
/* placement.h -- which node runs a subscription of placement "spread", and when it may: pure
 * (decision 0083).
 *
 * Every NC_LEASE_RENEW_NS each node tells the leader: "I am node N in life B, and I have let go of
 * everything that the entries up to R took from me". The leader's answer is a lease (lease.h). Its
 * time runs from the moment at which the node *sent* its message, and is shorter than the silence
 * after which the leader takes a node for gone. The answer also says which entry the node must have
 * applied before the lease counts, and up to which entry the subscriptions taken from other nodes
 * are free: so no node begins to run what another may still be running.
 *
 * A node that lives but lags cannot run its share, because its leases do not come to count. The
 * leader then grants it no more leases, so that after a while it is gone as if it were silent. A
 * node that was gone and comes back in the same life is given a share only after it has kept up for
 * a trial time, which doubles each time (decision 0099).
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
/* A node lags if it has not applied what was committed so long ago. This time, the time until it
 * counts as gone, and that of an entry in the log add up to less than the 2 s within which its
 * share is to run elsewhere. */
#define NC_PLACEMENT_BEHIND_NS    UINT64_C(400000000)
#define NC_PLACEMENT_TRIAL_NS     UINT64_C(2000000000) /* the first trial; each next one doubles */
#define NC_PLACEMENT_TRIAL_MAX_NS UINT64_C(64000000000)
#define NC_PLACEMENT_COMMITS      16u /* enough to look back NC_PLACEMENT_BEHIND_NS */

/* ---- Which ---------------------------------------------------------------------------------- */

/* The node, of `count`, that runs the subscription `name`; 0: there are no nodes. By rendezvous
 * hashing: each node has a score for the name, and the highest wins. So when a node comes or goes,
 * only the subscriptions move that it gets or had. */
uint64_t nc_placement_pick(struct nc_slice name, const uint64_t *nodes, size_t count);

/* ---- The leader's view ---------------------------------------------------------------------- */

struct nc_placement_node {
	uint64_t number;
	uint64_t boot; /* its life; 0: not heard since this node leads */
	uint64_t heard_ns;
	uint64_t released; /* entry up to which it has let go of what was taken from it */
	bool voter;
	bool leaving;      /* it ends in order: it runs nothing any more, and wants nothing */
	uint64_t back_ns;  /* it was gone and is on trial since then; 0: it is not */
	uint64_t trial_ns; /* how long its trial lasts */
};

/* Begins as zeros. */
struct nc_placement_view {
	struct nc_placement_node nodes[NC_PLACEMENT_NODES_MAX];
	size_t count;
	uint64_t changed_ns; /* up to then nodes that are not listed may have been given a lease */
	/* What was committed when; a ring, whose newest is at commit_count - 1. */
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

/* This node leads from `now_ns` on, among these voters. Each of them may hold a lease that the last
 * leader granted before the election. So may a node that the last leader removed: of that it is
 * known only that no membership changed here after `changed_ns` (or that this node was not there
 * before). Whatever is assigned waits until all these leases are over. */
void nc_placement_begin(struct nc_placement_view *placement, const uint64_t *voters, size_t count,
                        uint64_t changed_ns, uint64_t now_ns);
/* These are the voters from now on. A node that is none any more is remembered while its lease may
 * last. */
void nc_placement_voters(struct nc_placement_view *placement, const uint64_t *voters, size_t count,
                         uint64_t now_ns);
/* What is committed at this time. Called often, so that one can tell who lags. */
void nc_placement_committed(struct nc_placement_view *placement, uint64_t index, uint64_t now_ns);
/* A renewal came from a node. True: grant it a lease. False: it is no voter, the message is of an
 * earlier life, or the node lags. */
bool nc_placement_hear(struct nc_placement_view *placement, uint64_t number,
                       const struct nc_placement_renewal *renewal, uint64_t now_ns);

/* This node's loop stood still since `since_ns`: a node that seems silent since then may only not
 * have been heard. A node that was gone before stays gone. */
void nc_placement_stalled(struct nc_placement_view *placement, uint64_t since_ns, uint64_t now_ns);

/* The voters among whom to pick: heard lately, or not missing for long enough to be gone, not
 * leaving and not on trial. Returns how many. */
size_t nc_placement_candidates(const struct nc_placement_view *placement, uint64_t now_ns,
                               uint64_t nodes_out[NC_PLACEMENT_NODES_MAX]);
/* Whether this owner, in this life, is there and may run what it has. */
bool nc_placement_lives(const struct nc_placement_view *placement, struct nc_sub_owner owner,
                        uint64_t now_ns);

/* Whether this owner, in this life, is not leaving and has said that it let go of everything up to
 * `entry`. If so, `heard_ns_out` is when it was heard last, and `released_out` the entry that it
 * named. */
bool nc_placement_told(const struct nc_placement_view *placement, struct nc_sub_owner owner,
                       uint64_t entry, uint64_t *heard_ns_out, uint64_t *released_out);
/* Whether the node has said that it is leaving. */
bool nc_placement_leaves(const struct nc_placement_view *placement, uint64_t number);

/* A subscription, as the leader sees it. */
struct nc_placement_share {
	struct nc_slice name;
	bool spreads; /* by its definition; if not, it is to go back to the leader */
	bool runs;    /* it runs here under a lease, so nobody else runs it */
	struct nc_sub_owner owner;
};

/* What is the same for all subscriptions that a leader, `self`, looks through at one time. */
struct nc_placement_round {
	struct nc_sub_owner self;
	uint64_t now_ns;
	uint64_t nodes[NC_PLACEMENT_NODES_MAX]; /* the candidates */
	size_t count;
};

void nc_placement_round_begin(struct nc_placement_round *round,
                              const struct nc_placement_view *placement, struct nc_sub_owner self,
                              uint64_t now_ns);
/* Which of the candidates is to have the subscription. False: it stays where it is, or it is too
 * early to say. Number 0 in `owner_out`: the leader, without a lease. */
bool nc_placement_owner(const struct nc_placement_view *placement,
                        const struct nc_placement_round *round,
                        const struct nc_placement_share *share, struct nc_sub_owner *owner_out);
/* The entry up to which no node runs any more what was taken from it; at most `applied`. */
uint64_t nc_placement_clear(const struct nc_placement_view *placement, uint64_t applied,
                            uint64_t now_ns);

#endif
