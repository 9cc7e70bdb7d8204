/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pasts.h -- which nodes may have heard a request about a subscription because they owned it, or
 * led, shortly before the request came: each of them may not have known yet that this is over.
 * Where the past is not known here, because this node was not there, did not see it, or had no room
 * to note it, any node may have.
 *
 * Begins as zeros, then nc_pasts_begin(). Time: nanoseconds of a clock that does not go back.
 * Threads: one at a time. No allocation.
 */
#ifndef NC_CORE_NODE_SPREAD_PASTS_H
#define NC_CORE_NODE_SPREAD_PASTS_H

#include "core/engine/command.h"

#define NC_PASTS_MAX    1024u
#define NC_PASTS_OF_MAX 16u /* that may have heard one request; if there were more, any may */

struct nc_past {
	uint64_t name; /* its hash */
	struct nc_sub_owner owner;
	uint64_t until_ns;
};

struct nc_pasts {
	struct nc_past at[NC_PASTS_MAX]; /* a ring, in the order of time */
	size_t count;                    /* noted in all */
	uint64_t lost_ns;        /* owners up to this time may not have been noted; 0: all were */
	struct nc_sub_owner led; /* the last other node that led; number 0: none */
	uint64_t led_term;       /* the last term whose leader is known, which may be this node */
	uint64_t lead_ns;        /* when this node last began to lead; 0: never */
};

/* Nothing is known of what was before now. */
void nc_pasts_begin(struct nc_pasts *pasts, uint64_t now_ns);

/* Until now `owner`, another node, owned the subscription of this name. */
void nc_pasts_note(struct nc_pasts *pasts, struct nc_slice name, struct nc_sub_owner owner,
                   uint64_t now_ns);
/* Another node leads in `term`. Called often. */
void nc_pasts_led(struct nc_pasts *pasts, struct nc_sub_owner leader, uint64_t term,
                  uint64_t now_ns);
/* This node leads in `term` from now on. */
void nc_pasts_lead(struct nc_pasts *pasts, uint64_t term, uint64_t now_ns);

/* The former owners and leaders that may have heard a request which came at `arrived_ns`. False:
 * any node may have, and `of_out` is not written. */
struct nc_pasts_of {
	struct nc_sub_owner who[NC_PASTS_OF_MAX];
	size_t count;
};
bool nc_pasts_hearers(const struct nc_pasts *pasts, struct nc_slice name, uint64_t arrived_ns,
                      struct nc_pasts_of *of_out);

#endif
