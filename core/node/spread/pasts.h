/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pasts.h -- who may have heard a request about a subscription, having had it a while before it
 * came, or led: each of them may not have known yet that it is over. Of what is not known here,
 * since we were not there, or did not see it, or had no room, any node may.
 *
 * Begins as zeros, then nc_pasts_begin(). Time: nanoseconds of a clock that does not go back.
 * Threads: one at a time. No allocation.
 */
#ifndef NC_CORE_NODE_SPREAD_PASTS_H
#define NC_CORE_NODE_SPREAD_PASTS_H

#include "core/engine/command.h"

#define NC_PASTS_MAX    1024u
#define NC_PASTS_OF_MAX 16u /* of one subscription at once */

struct nc_past {
	uint64_t name; /* its hash */
	struct nc_sub_owner owner;
	uint64_t until_ns;
};

struct nc_pasts {
	struct nc_past at[NC_PASTS_MAX]; /* a ring, in the order of time */
	size_t count;                    /* noted in all */
	uint64_t lost_ns; /* up to then something may have been that is not known; 0: nothing */
	struct nc_sub_owner led; /* the last other that led; number 0: none */
	uint64_t led_term;       /* the last one whose leader is known, us among them */
	uint64_t lead_ns;        /* we lead since then; 0: never */
};

/* What was before now is not known. */
void nc_pasts_begin(struct nc_pasts *pasts, uint64_t now_ns);

/* Until now `owner`, another node, had the subscription of that name. */
void nc_pasts_note(struct nc_pasts *pasts, struct nc_slice name, struct nc_sub_owner owner,
                   uint64_t now_ns);
/* Another leads in `term`: again and again. */
void nc_pasts_led(struct nc_pasts *pasts, struct nc_sub_owner leader, uint64_t term,
                  uint64_t now_ns);
/* We lead in `term` from now on. */
void nc_pasts_lead(struct nc_pasts *pasts, uint64_t term, uint64_t now_ns);

/* Those of before who may have heard what came at `arrived_ns`. False: any may, and nothing is
 * given. */
struct nc_pasts_of {
	struct nc_sub_owner who[NC_PASTS_OF_MAX];
	size_t count;
};
bool nc_pasts_hearers(const struct nc_pasts *pasts, struct nc_slice name, uint64_t arrived_ns,
                      struct nc_pasts_of *of_out);

#endif
