/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress.h -- how far a durable subscription is, in bytes: its cursor, and what up to there is
 * not done. core/delivery makes and restores it; here, because apply judges by it whether an
 * acknowledgement within a batch still stands. Laid out in docs/formats.md.
 */
#ifndef NC_CORE_ENGINE_PROGRESS_H
#define NC_CORE_ENGINE_PROGRESS_H

#include "core/base/buf.h"

struct nc_sub_progress {
	uint64_t epoch, floor, cursor, last_delivered;
	uint64_t delivered, redelivered; /* how many, in all */
	uint64_t outstanding;            /* items that follow */
	uint64_t in_flight;              /* of those: delivered once or more */
	bool paused, halted;
};

/* An event that is not done: up to the cursor, but for a replay. */
struct nc_progress_item {
	uint64_t position;
	uint32_t attempts;
	bool replay; /* it is parked, and on its way once more */
};

/* Append the head (all but the floor and what is in flight, which the items tell), then so many
 * items: first those that are no replays, ascending. `last` is the position of the item before of
 * the same sort, 0: none; of a replay always 0. */
void nc_progress_head_put(struct nc_buf *buf, const struct nc_sub_progress *head);
void nc_progress_item_put(struct nc_buf *buf, uint64_t last, const struct nc_progress_item *item);

/* Read back. The floor of the head is its cursor as yet, nothing in flight. `*item` is the item
 * before, and begins as zeros. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer format. */
int nc_progress_head_get(struct nc_reader *reader, struct nc_sub_progress *head_out);
int nc_progress_item_get(struct nc_reader *reader, uint64_t cursor, struct nc_progress_item *item);

/* The head of progress bytes, all of which are checked. Same errors. */
int nc_sub_progress_read(struct nc_slice bytes, struct nc_sub_progress *progress_out);

/* Whether progress bytes leave `position` undone: beyond the cursor, or listed. `bytes` have been
 * checked. */
bool nc_sub_progress_undone(struct nc_slice bytes, uint64_t position);

#endif
