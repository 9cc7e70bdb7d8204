/* SPDX-License-Identifier: GPL-3.0-or-later */
/* placement.h -- which node runs a subscription of placement "spread", and when it may: pure
 * (decision 0083).
 *
 * The leader hears from every node each NC_PLACEMENT_RENEW_NS: "I am node N in life B, and have let
 * go of all that the entries up to R took from me". What it answers is a lease, counted by the node
 * from the moment at which it *sent* the question, and shorter than the time after which the leader
 * takes a node for gone. The answer also says what the node must have applied before the lease
 * counts, and up to which entry what was taken from others is free: nobody begins to run what
 * another may still be running.
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
#include "core/engine/command.h"

#define NC_PLACEMENT_NODES_MAX 64u
#define NC_PLACEMENT_RENEW_NS  UINT64_C(200000000)
#define NC_PLACEMENT_LEASE_NS  UINT64_C(900000000)  /* from the sending of a renewal */
#define NC_PLACEMENT_GONE_NS   UINT64_C(1200000000) /* not heard for so long: gone */

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
};

/* Begins as zeros. */
struct nc_placement_view {
	struct nc_placement_node nodes[NC_PLACEMENT_NODES_MAX];
	size_t count;
};

/* What a node says of itself. */
struct nc_placement_renewal {
	uint64_t boot;
	uint64_t released;
	bool leaving;
};

/* We lead since `now_ns`, among these voters: each of them may hold a lease of the last leader's,
 * begun before we were elected. */
void nc_placement_begin(struct nc_placement_view *placement, const uint64_t *voters, size_t count,
                        uint64_t now_ns);
/* The voters are these from now on. Who is none any more is remembered while its lease may last. */
void nc_placement_voters(struct nc_placement_view *placement, const uint64_t *voters, size_t count,
                         uint64_t now_ns);
/* False: it is no voter, or was in an earlier life; give it no lease. */
bool nc_placement_hear(struct nc_placement_view *placement, uint64_t number,
                       const struct nc_placement_renewal *renewal, uint64_t now_ns);

/* We have not looked since `since_ns`, so that who is silent may only not have been listened to.
 * Who was gone by then stays so. */
void nc_placement_stalled(struct nc_placement_view *placement, uint64_t since_ns, uint64_t now_ns);

/* Voters among whom to pick: heard lately, or awaited, and not leaving. Returns how many. */
size_t nc_placement_candidates(const struct nc_placement_view *placement, uint64_t now_ns,
                               uint64_t nodes_out[NC_PLACEMENT_NODES_MAX]);
/* Whether it is too early to say of the node whether it lives: it has not been heard since we lead.
 */
bool nc_placement_is_awaited(const struct nc_placement_view *placement, uint64_t number,
                             uint64_t now_ns);
/* The life in which it was heard last; 0: none. */
uint64_t nc_placement_boot(const struct nc_placement_view *placement, uint64_t number);
/* Entry up to which no node runs any more what was taken from it; at most `applied`. */
uint64_t nc_placement_clear(const struct nc_placement_view *placement, uint64_t applied,
                            uint64_t now_ns);

/* ---- A node's lease ------------------------------------------------------------------------- */

/* Begins as zeros: none. */
struct nc_lease {
	uint64_t until_ns;
	uint64_t clear; /* what was taken from others up to here is free */
	/* Given, and not counted before `least` is applied: as many as renewals in a lease. */
	struct {
		uint64_t until_ns, least;
	} given[8];
	size_t next; /* of them to be overwritten */
};

/* The answer to a renewal sent at `sent_ns`: counts once `least` is applied. */
void nc_lease_grant(struct nc_lease *lease, uint64_t sent_ns, uint64_t least, uint64_t clear,
                    uint64_t applied);
/* So much is applied here, and what it took from us let go. */
void nc_lease_applied(struct nc_lease *lease, uint64_t applied);
/* Whether what was given to us by entry `since` may run. */
bool nc_lease_holds(const struct nc_lease *lease, uint64_t since, uint64_t now_ns);

#endif
