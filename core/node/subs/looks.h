/* SPDX-License-Identifier: GPL-3.0-or-later */
/* looks.h -- whether to look, now and again, for events that have gone out of sight (seen.h): only
 * where some may have. Where a stream has an age that is always so. Else it is so behind a commit
 * that took some out of sight, and a few times: what was read before that commit, or what the loop
 * had not been told of yet, may be taken up behind the first look.
 *
 * Pure. Begins as zeros.
 */
#ifndef NC_CORE_NODE_SUBS_LOOKS_H
#define NC_CORE_NODE_SUBS_LOOKS_H

#include <stdbool.h>
#include <stdint.h>

#define NC_LOOKS_BEHIND 4u /* a commit */

struct nc_looks {
	uint64_t hidings; /* nc_seen_hidings(), when last asked */
	unsigned left;
};

/* True: look, all of it; it is taken for done. */
static inline bool nc_looks_due(struct nc_looks *looks, uint64_t hidings, bool ages)
{
	if (hidings != looks->hidings) {
		looks->hidings = hidings;
		looks->left = NC_LOOKS_BEHIND;
	}
	if (!ages && looks->left == 0)
		return false;
	looks->left -= looks->left > 0;
	return true;
}

/* ---- How much at once ----------------------------------------------------------------------- */

#define NC_LOOKS_EACH_NS  UINT64_C(1000000)    /* of time there is for each thing looked at */
#define NC_LOOKS_SAVED_NS UINT64_C(1000000000) /* of time that was not used: so much is kept */

/* One for all who look. Begins as zeros. */
struct nc_looks_budget {
	uint64_t spent_ns; /* time up to here has been given out */
};

/* Whether somebody may look now: however much he has to look at. */
static inline bool nc_looks_allowed(struct nc_looks_budget *budget, uint64_t now_ns)
{
	if (budget->spent_ns + NC_LOOKS_SAVED_NS < now_ns)
		budget->spent_ns = now_ns - NC_LOOKS_SAVED_NS;
	return budget->spent_ns <= now_ns;
}

static inline void nc_looks_spend(struct nc_looks_budget *budget, uint64_t count)
{
	budget->spent_ns += count * NC_LOOKS_EACH_NS;
}

#endif
