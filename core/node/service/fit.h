/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fit.h -- whether a node of a cluster answers R.direct, which reads a node's own state (decision
 * 0136).
 *
 * A node becomes fit when it has applied everything that was committed when it heard of the leader.
 * It stays so until it falls behind: others have applied entries that it does not come to. A node
 * that knows no leader, or loses sight of the others, goes on with the state it has.
 *
 * Pure. Positions here are entries of the log, times milliseconds of a clock that does not go back.
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

struct nc_fit_view {
	bool connected; /* to NATS */
	bool leads;     /* and serves as the leader */
	bool member, stalled;
	uint64_t leader; /* 0: there is none */
	uint64_t told;   /* the commit that the leader has told; 0: none yet */
	uint64_t others; /* the highest entry that another node has said it applied */
	uint64_t commit, applied;
};

static inline void nc_fit_leave(struct nc_fit *fit)
{
	fit->fit = false;
	fit->target = fit->mark = fit->behind_ms = 0;
}

static inline void nc_fit_wait(struct nc_fit *fit, const struct nc_fit_view *view)
{
	uint64_t known = view->commit > view->told ? view->commit : view->told;
	if (fit->target == 0 && view->leader != 0 && view->told > 0 && !view->stalled)
		fit->target = known > view->others ? known : view->others;
	bool alone = view->member && fit->alone_ms >= NC_FIT_ALONE_MS &&
	             view->applied >= view->commit && view->applied >= view->others;
	fit->fit = view->leads || alone || (fit->target > 0 && view->applied >= fit->target);
}

static inline void nc_fit_keep(struct nc_fit *fit, const struct nc_fit_view *view, uint64_t gap_ms)
{
	if (view->applied >= fit->mark) {
		fit->mark = view->others;
		fit->behind_ms = 0;
	} else {
		fit->behind_ms += gap_ms;
	}
	bool stalled = view->stalled && view->others > view->applied;
	bool found = view->leader != 0 && fit->alone_ms >= NC_FIT_ALONE_MS && !view->leads;
	if (stalled || found || fit->behind_ms >= NC_FIT_BEHIND_MS)
		nc_fit_leave(fit);
}

/* Called often, with what is known now. Returns whether the node is fit. */
static inline bool nc_fit_look(struct nc_fit *fit, const struct nc_fit_view *view, uint64_t now_ms)
{
	uint64_t gap_ms = fit->looked_ms == 0 ? 0 : now_ms - fit->looked_ms;
	gap_ms = gap_ms > NC_FIT_BLIND_MS ? 0 : gap_ms;
	fit->looked_ms = now_ms;
	if (!view->connected) { /* nobody asks; what goes on meanwhile is not known */
		nc_fit_leave(fit);
		fit->alone_ms = 0;
		return false;
	}
	if (view->leader == 0)
		fit->alone_ms += gap_ms;
	if (fit->fit)
		nc_fit_keep(fit, view, gap_ms);
	if (!fit->fit)
		nc_fit_wait(fit, view);
	if (view->leader != 0)
		fit->alone_ms = 0;
	return fit->fit;
}

#endif
