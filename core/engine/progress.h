/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress.h -- how far a durable subscription is, in bytes: its cursor, and which events up to
 * there are not done. core/delivery writes it, and restores a subscription from it. It is read here
 * too, since apply judges by it whether an acknowledgement within a batch still stands. The bytes
 * are laid out in docs/formats.md.
 *
 * Threads: none; no state.
 */
#ifndef NC_CORE_ENGINE_PROGRESS_H
#define NC_CORE_ENGINE_PROGRESS_H

#include "core/base/buf.h"

struct nc_sub_progress {
	uint64_t epoch;
	uint64_t floor;          /* all events up to this position are done */
	uint64_t cursor;         /* all events up to this position have been judged by the filter */
	uint64_t last_delivered; /* position */
	uint64_t delivered, redelivered; /* how many, in all */
	uint64_t outstanding;            /* how many items follow */
	uint64_t in_flight;              /* how many of those were delivered at least once */
	bool paused, halted;
};

/* An event that is not done. It lies at or before the cursor; a replayed one may lie anywhere. */
struct nc_progress_item {
	uint64_t position;
	uint32_t attempts;
	bool replay; /* it is parked, and on its way once more */
};

/* Append the head, without `floor` and `in_flight`, which follow from the items; then
 * head->outstanding items: first those that are no replays, by rising position, then the replays.
 * `last` is the position of the item before, or 0 for the first, and for every replay. */
void nc_progress_head_put(struct nc_buf *buf, const struct nc_sub_progress *head);
void nc_progress_item_put(struct nc_buf *buf, uint64_t last, const struct nc_progress_item *item);

/* Read the head, then the items, one a call. The head's floor is then its cursor, and nothing is in
 * flight: the items have not been looked at. `*item` holds the item before, and is zeros for the
 * first. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_progress_head_get(struct nc_reader *reader, struct nc_sub_progress *head_out);
int nc_progress_item_get(struct nc_reader *reader, uint64_t cursor, struct nc_progress_item *item);

/* Read the head, all of it, and check every item. The same errors. */
int nc_sub_progress_read(struct nc_slice bytes, struct nc_sub_progress *progress_out);

/* Whether the event at `position` is not done: it lies beyond the cursor, or is listed. `bytes`
 * have been checked by nc_sub_progress_read(). */
bool nc_sub_progress_undone(struct nc_slice bytes, uint64_t position);

#endif
