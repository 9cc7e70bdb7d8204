/* SPDX-License-Identifier: GPL-3.0-or-later */
/* batch.h -- events that are appended together or not at all, the checks that must hold first, and
 * the items that name events in conditions and queries (PROTOCOL.md section 5). Lists are packed:
 * they are kept as the bytes that stand in the command, which docs/formats.md lays out.
 *
 * Threads: none; no state. Ownership: what is read back points into the list it was read from.
 */
#ifndef NC_CORE_ENGINE_BATCH_H
#define NC_CORE_ENGINE_BATCH_H

#include "core/engine/expect.h"
#include "core/engine/state.h"

#define NC_BATCH_EVENTS_MAX  1000u /* events of one batch, and likewise its checks */
#define NC_ITEMS_MAX         16u   /* items of one condition or query */
#define NC_ITEM_NAMES_MAX    32u   /* types of one item, and likewise its tags */
#define NC_SUB_NAME_SIZE_MAX 64u   /* bytes of a subscription's name */

/* A condition that has looked at so many index entries is refused: they cost the applier 5 to 30
 * ms. The number belongs to the meaning of a batch, since every replica must refuse the same ones.
 */
#define NC_CONDITION_LOOKUPS_MAX 4096u

/* ---- Items ---------------------------------------------------------------------------------- */

/* An event matches an item if its type is one of `types` (any type, if there are none) and it bears
 * all of `tags`. An item has at least one type or tag. Both lists are packed names. */
struct nc_item {
	struct nc_slice types, tags;
	size_t type_count, tag_count;
};

void nc_item_name_put(struct nc_buf *names, struct nc_slice name);
bool nc_item_name_next(struct nc_slice *names, struct nc_slice *name_out);

void nc_item_put(struct nc_buf *items, const struct nc_item *item);
/* Take the next item off the front of the list. Like the other `next` calls it returns false at the
 * end, and if the list is malformed: then something is left of it. */
bool nc_item_next(struct nc_slice *items, struct nc_item *item_out);

/* ---- Batches -------------------------------------------------------------------------------- */

struct nc_batch_event {
	/* What the stream must be like before this event. Events of the same batch that go to the
	 * stream before it count. */
	struct nc_expect expect;
	struct nc_slice record; /* event.h */
};

/* A check of a stream that the batch does not write. */
struct nc_batch_check {
	struct nc_expect expect;
	struct nc_slice stream;
};

/* The acknowledgement of a delivery that is committed with the batch. */
struct nc_batch_ack {
	struct nc_slice name; /* of the subscription; empty if the batch acknowledges nothing */
	uint64_t epoch;
	uint64_t position;
	bool through; /* acknowledge everything that was delivered up to `position` */
	/* The leader, which runs the subscription, knew that this delivery was not in flight. Such
	 * a batch is refused, unless it is a retry. What the leader could not know yet is judged at
	 * apply. */
	bool stale;
	/* The leader knew that the event is in flight because it is replayed. Its row of a parked
	 * event is still there, and the progress may not tell of the replay yet. From engine
	 * version 14 on. */
	bool replay;
};

struct nc_batch {
	size_t event_count;     /* 1..NC_BATCH_EVENTS_MAX */
	size_t check_count;     /* 0..NC_BATCH_EVENTS_MAX */
	struct nc_slice events; /* packed */
	struct nc_slice checks; /* packed */
	/* The condition, packed: if an event at a position above `after` matches one of the items,
	 * nothing of the batch is appended. Empty if there is no condition. */
	struct nc_slice items;
	uint64_t after;
	struct nc_batch_ack ack;
};

void nc_batch_event_put(struct nc_buf *events, const struct nc_batch_event *event);
bool nc_batch_event_next(struct nc_slice *events, struct nc_batch_event *event_out);
void nc_batch_check_put(struct nc_buf *checks, const struct nc_batch_check *check);
bool nc_batch_check_next(struct nc_slice *checks, struct nc_batch_check *check_out);

/* Append the body of a NC_COMMAND_BATCH, and read it back. Errors: NC_CORRUPT; NC_UNSUPPORTED, a
 * newer format. */
void nc_batch_put(struct nc_buf *buf, const struct nc_batch *batch);
int nc_batch_get(struct nc_slice body, struct nc_batch *batch_out);

#endif
