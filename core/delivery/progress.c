/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Progress, taken as bytes and gone on from. */
#include "core/delivery/subscription_private.h"

#include <stdlib.h>
#include <string.h>

bool nc_sub_progress_due(const struct nc_sub *sub, uint64_t now_ns)
{
	return sub->dirty &&
	       (sub->acks >= NC_SUB_PROGRESS_ACKS || now_ns >= sub->dirty_ns + NC_SUB_PROGRESS_NS);
}

bool nc_sub_progress_dirty(const struct nc_sub *sub)
{
	return sub->dirty;
}

uint64_t nc_sub_progress_next(const struct nc_sub *sub)
{
	return sub->progress_number + 1;
}

uint64_t nc_sub_progress_take(struct nc_sub *sub, struct nc_buf *buf)
{
	const struct nc_sub_progress head = {
		.epoch = sub->epoch,
		.cursor = sub->cursor,
		.last_delivered = sub->last_delivered,
		.delivered = sub->delivered,
		.redelivered = sub->redelivered,
		.outstanding = NC_DELIVERY_MUTANT(PROGRESS_WITHOUT_WINDOW) ? 0 : sub->entry_count,
		.paused = sub->paused,
		.halted = sub->halted
	};
	nc_progress_head_put(buf, &head);
	uint64_t last = 0;
	if (NC_DELIVERY_MUTANT(PROGRESS_WITHOUT_WINDOW))
		return ++sub->progress_number;
	for (uint32_t id = sub->window.first; id != NONE; id = sub->entries[id].line_next) {
		const struct entry *entry = &sub->entries[id];
		const struct nc_progress_item item = { entry->position, entry->attempts, false };
		nc_progress_item_put(buf, last, &item);
		last = entry->position;
	}
	for (uint32_t id = sub->replayed.first; id != NONE; id = sub->entries[id].line_next) {
		const struct entry *entry = &sub->entries[id];
		const struct nc_progress_item item = { entry->position, entry->attempts, true };
		nc_progress_item_put(buf, 0, &item);
	}
	sub->dirty = false;
	sub->acks = 0;
	return ++sub->progress_number;
}

void nc_sub_progress_unknown(struct nc_sub *sub)
{
	nc_sub_uneven(sub);
	nc_sub_changed(sub);
}

void nc_sub_progress_saved(struct nc_sub *sub, uint64_t number)
{
	if (number >= sub->uneven)
		sub->uneven = 0;
}

static int entry_restore(struct nc_sub *sub, const struct nc_progress_item *item)
{
	uint32_t id;
	if (nc_sub_entry_find(sub, item->position) != NONE)
		return NC_CORRUPT;
	int err = nc_sub_entry_new(sub, item->position, item->replay, &id);
	if (err != NC_OK)
		return err;
	struct entry *entry = &sub->entries[id];
	entry->state = NC_SUB_RECALLED;
	entry->attempts = item->attempts;
	/* An event may have been delivered under another order since, and not have counted. */
	entry->taken = item->attempts > 0 && sub->taken < sub->policy.max_in_flight;
	sub->taken += entry->taken;
	sub->recalled++;
	return NC_OK;
}

static int item_compare(const void *a, const void *b)
{
	const struct nc_progress_item *x = a, *y = b;
	return (x->position > y->position) - (x->position < y->position);
}

/* Replays are in the order in which they were asked for; all are recalled by position. */
static int entries_restore(struct nc_sub *sub, struct nc_reader *reader, uint64_t count)
{
	struct nc_progress_item item = { 0 };
	struct nc_buf replays = { 0 };
	int err = NC_OK;
	for (uint64_t i = 0; i < count && err == NC_OK; i++) {
		err = nc_progress_item_get(reader, sub->cursor, &item);
		if (err == NC_OK && !item.replay) {
			err = entry_restore(sub, &item);
		} else if (err == NC_OK) {
			nc_buf_put(&replays, &item, sizeof item);
			err = nc_buf_status(&replays);
		}
	}
	struct nc_progress_item *items = (void *)replays.data;
	size_t replay_count = replays.size / sizeof item;
	if (err == NC_OK && replay_count > 0)
		qsort(items, replay_count, sizeof *items, item_compare);
	for (size_t i = 0; i < replay_count && err == NC_OK; i++)
		err = entry_restore(sub, &items[i]);
	nc_buf_release(&replays);
	sub->recall_at[0] = sub->window.first;
	sub->recall_at[1] = sub->replayed.first;
	return err;
}

int nc_sub_acked_insert(struct nc_sub *sub, uint64_t position)
{
	size_t at = sub->acked.size;
	while (at > sub->acked_at && nc_get_u64(sub->acked.data + at - 8) >= position)
		at -= 8;
	if (at < sub->acked.size && nc_get_u64(sub->acked.data + at) == position)
		return NC_OK;
	nc_buf_put_u64(&sub->acked, position);
	int err = nc_buf_status(&sub->acked);
	if (err != NC_OK)
		return err;
	uint8_t *last = sub->acked.data + sub->acked.size - 8, value[8];
	memcpy(value, last, sizeof value);
	memmove(sub->acked.data + at + 8, sub->acked.data + at, sub->acked.size - 8 - at);
	memcpy(sub->acked.data + at, value, sizeof value);
	return NC_OK;
}

int nc_sub_restore_acked(struct nc_sub *sub, uint64_t position, bool through)
{
	uint32_t id = nc_sub_entry_find(sub, position);
	bool replay = id != NONE && sub->entries[id].replay, beyond = position > sub->cursor;
	/* Events are delivered in their order: what stands before it had its turn before it. */
	bool elsewhere = beyond || (id != NONE && sub->entries[id].attempts == 0);
	bool done = id == NONE && !beyond; /* and took along what there was then */
	if (id != NONE)
		nc_sub_make_done(sub, id);
	if (through && !replay && !done)
		nc_sub_ack_through(sub, position, elsewhere);
	if (!beyond)
		return NC_OK;
	if (through && !replay && position > sub->acked_through)
		sub->acked_through = position;
	return nc_sub_acked_insert(sub, position);
}

int nc_sub_batch_acked(struct nc_sub *sub, const struct nc_sub_batch_ack *ack, uint64_t now_ns)
{
	uint32_t id = nc_sub_entry_find(sub, ack->position);
	bool replay = id != NONE && sub->entries[id].replay;
	bool elsewhere = id != NONE && sub->entries[id].attempts == 0;
	int err = nc_sub_ack(sub, ack->epoch, ack->position, now_ns);
	if (err == NC_CONFLICT && ack->epoch == sub->epoch && ack->position != 0)
		return nc_sub_restore_acked(sub, ack->position, ack->through);
	if (err == NC_OK && ack->through && !replay)
		nc_sub_ack_through(sub, ack->position, elsewhere);
	return err;
}

bool nc_sub_acked_before(struct nc_sub *sub, uint64_t position)
{
	if (position <= sub->acked_through)
		return true;
	while (sub->acked_at < sub->acked.size) {
		uint64_t next = nc_get_u64(sub->acked.data + sub->acked_at);
		if (next > position)
			return false;
		sub->acked_at += 8;
		if (next == position)
			return true;
	}
	return false;
}

int nc_sub_restore(const struct nc_definition *definition, struct nc_slice progress,
                   uint64_t now_ns, struct nc_sub **sub_out)
{
	struct nc_sub_progress head;
	struct nc_sub *sub;
	int err = nc_sub_progress_read(progress, &head);
	if (err == NC_OK)
		err = nc_sub_new(definition, head.epoch, head.cursor, now_ns, &sub);
	if (err != NC_OK)
		return err;
	sub->last_delivered = head.last_delivered;
	sub->delivered = head.delivered;
	sub->redelivered = head.redelivered;
	sub->paused = head.paused;
	sub->halted = head.halted;
	sub->halted_why = NULL;
	struct nc_reader reader = nc_reader(progress);
	(void)nc_progress_head_get(&reader, &head); /* moves the reader past it */
	err = entries_restore(sub, &reader, head.outstanding);
	if (err != NC_OK) {
		nc_sub_free(sub);
		return err;
	}
	*sub_out = sub;
	return NC_OK;
}
