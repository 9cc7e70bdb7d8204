/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fit.h -- whether a node of a cluster is one of those that answer R.direct, from the state that it
 * has: from when it has applied what was committed when it heard of the leader, until others have
 * applied what it does not come to. Who finds nobody, or is cut off, goes on with what there is.
 * Entries of the log; milliseconds of a clock that does not go back (decision 0136). */
#ifndef NC_CORE_NODE_SERVICE_FIT_H
#define NC_CORE_NODE_SERVICE_FIT_H

#include <stdbool.h>
#include <stdint.h>

/* So long it may not have come to what others had applied: as long as a checkpoint may hold it up,
 * and less than people take for an outage. */
#define NC_FIT_BEHIND_MS 5000u
/* No leader for so long: there will be none just now; and when there is one, much may have gone on
 * without this node. */
#define NC_FIT_ALONE_MS  5000u
/* Not looked for longer: the loop itself stood still, which is not counted. */
#define NC_FIT_BLIND_MS  200u

/* Begins as zeros. */
struct nc_fit {
	bool fit;
	uint64_t target;    /* to be applied first; 0: not known yet */
	uint64_t looked_ms; /* the last time; 0: never */
	uint64_t alone_ms;  /* that there has been no leader */
	uint64_t mark;      /* what others had applied … */
	uint64_t behind_ms; /* … and this node has not come to, for so long */
};

struct nc_fit_view {
	bool connected; /* to NATS */
	bool leads;     /* and has taken up its office */
	bool member, stalled;
	uint64_t leader; /* 0: there is none */
	uint64_t told;   /* what the leader has said that is committed; 0: nothing yet */
	uint64_t others; /* what one of them has said at most that it has applied */
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

/* Look, again and again: whether it answers. */
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
