/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The window of a subscription: entries, found by position, and in line. */
#include "core/delivery/subscription_private.h"

#include <stdlib.h>

#define ENTRIES_MIN 16u

static int grow(struct nc_sub *sub)
{
	uint32_t capacity = sub->entry_capacity == 0 ? ENTRIES_MIN : sub->entry_capacity * 2;
	struct entry *entries = realloc(sub->entries, capacity * sizeof *entries);
	if (entries == NULL)
		return NC_NOMEM;
	sub->entries = entries;
	struct queue *queues[] = { &sub->ready, &sub->timed };
	for (size_t i = 0; i < 2; i++) {
		uint32_t *ids = realloc(queues[i]->heap, capacity * sizeof *ids);
		if (ids == NULL)
			return NC_NOMEM;
		queues[i]->heap = ids;
	}
	for (uint32_t id = capacity; id-- > sub->entry_capacity;) {
		entries[id] = (struct entry){ .key_next = sub->free_first, .queue_at = NONE };
		sub->free_first = id;
	}
	sub->entry_capacity = capacity;
	return NC_OK;
}

int nc_sub_entry_new(struct nc_sub *sub, uint64_t position, bool replay, uint32_t *id_out)
{
	if (sub->free_first == NONE) {
		int err = grow(sub);
		if (err != NC_OK)
			return err;
	}
	uint32_t id = sub->free_first;
	int err = nc_hashmap_put(&sub->by_position, nc_hash_u64(position), id);
	if (err != NC_OK)
		return err;
	struct entry *entry = &sub->entries[id];
	sub->free_first = entry->key_next;
	struct line *line = replay ? &sub->replayed : &sub->window;
	nc_assert(replay || line->last == NONE || sub->entries[line->last].position < position);
	*entry = (struct entry){ .position = position,
		                 .queue_at = NONE,
		                 .line_prev = line->last,
		                 .line_next = NONE,
		                 .key = NONE,
		                 .key_prev = NONE,
		                 .key_next = NONE,
		                 .state = NC_SUB_HELD,
		                 .replay = replay };
	if (line->last == NONE) {
		line->first = id;
	} else {
		sub->entries[line->last].line_next = id;
	}
	line->last = id;
	sub->entry_count++;
	*id_out = id;
	return NC_OK;
}

void nc_sub_entry_free(struct nc_sub *sub, uint32_t id)
{
	struct entry *entry = &sub->entries[id];
	nc_assert(entry->state != NC_SUB_NOT_HERE && !entry->joined && !entry->taken);
	nc_sub_queue_leave(sub, id);
	struct line *line = entry->replay ? &sub->replayed : &sub->window;
	if (entry->line_prev == NONE) {
		line->first = entry->line_next;
	} else {
		sub->entries[entry->line_prev].line_next = entry->line_next;
	}
	if (entry->line_next == NONE) {
		line->last = entry->line_prev;
	} else {
		sub->entries[entry->line_next].line_prev = entry->line_prev;
	}
	if (sub->recall_at[entry->replay] == id)
		sub->recall_at[entry->replay] = entry->line_next;
	bool found = nc_hashmap_remove(&sub->by_position, nc_hash_u64(entry->position), id);
	nc_assert(found);
	free(entry->reason);
	*entry = (struct entry){ .key_next = sub->free_first, .queue_at = NONE };
	sub->free_first = id;
	sub->entry_count--;
}

uint32_t nc_sub_entry_find(const struct nc_sub *sub, uint64_t position)
{
	/* Mostly the oldest event is asked for, since events are answered in order. */
	uint32_t first = sub->window.first;
	if (first != NONE && sub->entries[first].position == position)
		return first;
	struct nc_hashmap_probe probe;
	uint32_t id = nc_hashmap_first(&sub->by_position, nc_hash_u64(position), &probe);
	while (id != NONE && sub->entries[id].position != position)
		id = nc_hashmap_next(&sub->by_position, &probe);
	return id;
}

size_t nc_sub_undone(const struct nc_sub *sub, uint64_t after, uint64_t *positions, size_t room)
{
	size_t count = 0;
	/* The event at `after` may be done, or be replayed, by now: then begin with the first. */
	uint32_t id = nc_sub_entry_find(sub, after);
	if (id == NONE || sub->entries[id].replay)
		id = sub->window.first;
	for (; id != NONE && count < room; id = sub->entries[id].line_next) {
		const struct entry *entry = &sub->entries[id];
		bool undone = entry->state != NC_SUB_RECALLED && entry->state != NC_SUB_LEAVING &&
		              !entry->fades;
		if (undone && entry->position > after)
			positions[count++] = entry->position;
	}
	return count;
}
