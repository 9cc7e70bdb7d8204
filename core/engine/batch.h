/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batch.h -- events that are appended together or not at all, what is tested before, and the items
 * that a condition and a query name (PROTOCOL.md section 5). Lists are packed, as they stand in the
 * command; laid out in docs/formats.md.
 *
 * Ownership: everything that is read back points into the list it was read from.
 */
#ifndef NC_CORE_ENGINE_BATCH_H
#define NC_CORE_ENGINE_BATCH_H

#include "core/engine/expect.h"
#include "core/engine/state.h"

#define NC_BATCH_EVENTS_MAX  1000u /* of one batch; of its checks too */
#define NC_ITEMS_MAX         16u   /* of one condition, of one query */
#define NC_ITEM_NAMES_MAX    32u   /* types of one item, and likewise its tags */
#define NC_SUB_NAME_SIZE_MAX 64u   /* bytes, of a subscription */

/* Index entries that one condition may look at, before it is refused: 5 to 30 ms of the applier's
 * time. Part of the meaning of a batch: all replicas count alike, to the same end. */
#define NC_CONDITION_LOOKUPS_MAX 4096u

/* ---- Items ---------------------------------------------------------------------------------- */

/* An event matches an item if its type is one of `types` (none named: any) and it bears all of
 * `tags`. At least one name of either. The lists are packed names. */
struct nc_item {
	struct nc_slice types, tags;
	size_t type_count, tag_count;
};

void nc_item_name_put(struct nc_buf *names, struct nc_slice name);
bool nc_item_name_next(struct nc_slice *names, struct nc_slice *name_out);

void nc_item_put(struct nc_buf *items, const struct nc_item *item);
/* The next, taken off the front; false at the end, and where the list is malformed: then something
 * is left of it. */
bool nc_item_next(struct nc_slice *items, struct nc_item *item_out);

/* ---- Batches -------------------------------------------------------------------------------- */

struct nc_batch_event {
	/* Of the stream's version before this event; earlier ones of the batch are counted. */
	struct nc_expect expect;
	struct nc_slice record; /* event.h */
};

struct nc_batch_check {
	struct nc_expect expect;
	struct nc_slice stream; /* that the batch does not write */
};

/* The acknowledgement of a delivery that is committed with the batch. */
struct nc_batch_ack {
	struct nc_slice name; /* of the subscription; empty: there is none */
	uint64_t epoch;
	uint64_t position;
	bool through; /* everything delivered up to `position` too */
	/* Whoever leads and runs the subscription knows that the delivery is not in flight: refuse,
	 * unless the batch is a retry. What the log tells later than that is judged at apply. */
	bool stale;
	/* Likewise that it is in flight because it is replayed, though its row is there and the
	 * progress may not say so yet. From engine version 14 on. */
	bool replay;
};

struct nc_batch {
	size_t event_count;     /* 1..NC_BATCH_EVENTS_MAX */
	size_t check_count;     /* 0..NC_BATCH_EVENTS_MAX */
	struct nc_slice events; /* packed */
	struct nc_slice checks; /* packed */
	struct nc_slice items;  /* packed: an event after `after` that matches one forbids it all */
	uint64_t after;         /* a position */
	struct nc_batch_ack ack;
};

void nc_batch_event_put(struct nc_buf *events, const struct nc_batch_event *event);
bool nc_batch_event_next(struct nc_slice *events, struct nc_batch_event *event_out);
void nc_batch_check_put(struct nc_buf *checks, const struct nc_batch_check *check);
bool nc_batch_check_next(struct nc_slice *checks, struct nc_batch_check *check_out);

/* Append the command's body, and read it back. Errors: NC_CORRUPT; NC_UNSUPPORTED, a newer form. */
void nc_batch_put(struct nc_buf *buf, const struct nc_batch *batch);
int nc_batch_get(struct nc_slice body, struct nc_batch *batch_out);

#endif
