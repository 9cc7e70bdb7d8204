/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backfill.h -- what an update with `backfill` leaves to be done (PROTOCOL.md section 8): the
 * subscription goes through its past once more, up to where the new filter took effect, and
 * delivers what newly matches, and what was not done yet by then.
 *
 * Threads:   any; one belongs to one at a time.
 * Ownership: slices point into what was decoded.
 */
#ifndef NC_CORE_DELIVERY_BACKFILL_H
#define NC_CORE_DELIVERY_BACKFILL_H

#include "core/delivery/subscription.h"

struct nc_backfill {
	struct nc_slice plugin, selector; /* the filter before */
	uint64_t through;                 /* the last position that it judged */
	struct nc_slice undone;           /* packed positions, ascending */
	uint64_t undone_count;
	uint64_t done_to; /* up to there they have been done since the list was made */
};

/* Append the bytes; the undone positions are those of the subscription's window, out of which what
 * is decided has been said (nc_sub_step_leaving()). */
void nc_backfill_put(struct nc_buf *buf, struct nc_slice plugin, struct nc_slice selector,
                     uint64_t through, const struct nc_sub *sub);

/* Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_backfill_get(struct nc_slice bytes, struct nc_backfill *backfill_out);

/* Whether `position` was not done. For positions that ascend: `*at` begins as zeros. */
struct nc_backfill_at {
	size_t offset;
	uint64_t position; /* the one read last */
};
bool nc_backfill_is_undone(const struct nc_backfill *backfill, struct nc_backfill_at *at,
                           uint64_t position);

#endif
