/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the state of this node is good enough to be read by R.direct. */
#include "core/node/service/fit.h"

static void leave(struct nc_fit *fit)
{
	fit->fit = false;
	fit->target = fit->mark = fit->behind_ms = 0;
}

/* Become fit, if there is nothing left to wait for. */
static void catch_up(struct nc_fit *fit, const struct nc_fit_view *view)
{
	uint64_t known = view->commit > view->told ? view->commit : view->told;
	if (fit->target == 0 && view->leader != 0 && view->told > 0 && !view->stalled)
		fit->target = known > view->others ? known : view->others;
	bool alone = fit->alone_ms >= NC_FIT_ALONE_MS && view->applied >= view->commit &&
	             view->applied >= view->others;
	fit->fit = view->leads || alone || (fit->target > 0 && view->applied >= fit->target);
}

/* Stay fit, unless the node has fallen behind or has been away. */
static void keep(struct nc_fit *fit, const struct nc_fit_view *view, uint64_t gap_ms)
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
		leave(fit);
}

bool nc_fit_look(struct nc_fit *fit, const struct nc_fit_view *view, uint64_t now_ms)
{
	uint64_t gap_ms = fit->looked_ms == 0 ? 0 : now_ms - fit->looked_ms;
	gap_ms = gap_ms > NC_FIT_BLIND_MS ? 0 : gap_ms;
	fit->looked_ms = now_ms;
	/* Nobody asks; or nobody brings what goes on meanwhile, which is not known. */
	if (!view->connected || (!view->member && !view->leads)) {
		leave(fit);
		fit->alone_ms = 0;
		return false;
	}
	if (view->leader == 0)
		fit->alone_ms += gap_ms;
	if (fit->fit)
		keep(fit, view, gap_ms);
	if (!fit->fit)
		catch_up(fit, view);
	if (view->leader != 0)
		fit->alone_ms = 0;
	return fit->fit;
}
