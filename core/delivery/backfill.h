/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backfill.h -- the work that an update with `backfill` leaves (PROTOCOL.md section 8). The
 * subscription goes through its past once more, up to where the new filter took effect. It delivers
 * the events that only the new filter matches, and those that matched the old one too but were not
 * done yet.
 *
 * Threads:   any; a backfill belongs to one at a time.
 * Ownership: slices point into what was decoded.
 */
#ifndef NC_CORE_DELIVERY_BACKFILL_H
#define NC_CORE_DELIVERY_BACKFILL_H

#include "core/delivery/subscription.h"

struct nc_backfill {
	struct nc_slice plugin, selector; /* the old filter */
	uint64_t through;                 /* the last position that it judged */
	/* The events that were not done when the filter changed: packed positions, ascending. Those
	 * up to `done_to` have been done since. */
	struct nc_slice undone;
	uint64_t undone_count;
	uint64_t done_to;
};

/* Append a backfill as bytes. The undone positions are those of the subscription's window; call
 * nc_sub_step_leaving() before, until nothing is about to leave the window. */
void nc_backfill_put(struct nc_buf *buf, struct nc_slice plugin, struct nc_slice selector,
                     uint64_t through, const struct nc_sub *sub);

/* Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_backfill_get(struct nc_slice bytes, struct nc_backfill *backfill_out);

/* Whether the event at `position` was not done. Asked in ascending order; `*at`, which begins as
 * zeros, keeps the place in the list. */
struct nc_backfill_at {
	size_t offset;
	uint64_t position; /* the one read last */
};
bool nc_backfill_is_undone(const struct nc_backfill *backfill, struct nc_backfill_at *at,
                           uint64_t position);

#endif
