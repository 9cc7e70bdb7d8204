/* SPDX-License-Identifier: GPL-3.0-or-later */
/* held.c -- a generation: groups of entries by (index, id), and ids, each behind a hash table. Its
 * rows are in held_rows.c. */
#include "storage/state/held_private.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/assert.h"

enum { CHUNK_SIZE = 256 * 1024, SLOTS_AT_FIRST = 256 };

struct nc_held_chunk {
	struct nc_held_chunk *next;
	size_t size;
	size_t used;
	_Alignas(8) uint8_t bytes[];
};

void *nc_held_alloc(struct nc_held *held, size_t size)
{
	size = (size + 7) & ~(size_t)7;
	struct nc_held_chunk *chunk = held->chunks;
	if (chunk == NULL || chunk->size - chunk->used < size) {
		size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
		chunk = malloc(sizeof *chunk + room);
		if (chunk == NULL)
			return NULL;
		*chunk = (struct nc_held_chunk){ .next = held->chunks, .size = room };
		held->chunks = chunk;
		held->bytes += sizeof *chunk + room;
	}
	void *at = chunk->bytes + chunk->used;
	chunk->used += size;
	return at;
}

bool nc_held_slots_new(struct nc_held *held, uint32_t count, uint32_t **slots_out)
{
	uint32_t *slots = malloc(count * sizeof *slots);
	if (slots == NULL)
		return false;
	memset(slots, 0xff, count * sizeof *slots);
	held->bytes += count * sizeof *slots;
	*slots_out = slots;
	return true;
}

static uint32_t hash_group(enum nc_index index, uint64_t id)
{
	uint64_t mixed = (id + ((uint64_t)index << 56)) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(mixed >> 32);
}

struct nc_held *nc_held_new(uint64_t base)
{
	struct nc_held *held = calloc(1, sizeof *held);
	if (held == NULL)
		return NULL;
	/* Writers go first: readers only copy a little at a time, and many of them must not starve
	 * the applier. */
	pthread_rwlockattr_t attr;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	int failed = pthread_rwlock_init(&held->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	if (failed == 0 &&
	    getrandom(&held->secret, sizeof held->secret, 0) != (ssize_t)sizeof held->secret) {
		pthread_rwlock_destroy(&held->lock);
		failed = EAGAIN;
	}
	if (failed != 0) {
		free(held);
		return NULL;
	}
	held->pins = 1; /* the maker's */
	held->base = base;
	held->last = base;
	held->group_slot_count = SLOTS_AT_FIRST;
	held->id_head_count = SLOTS_AT_FIRST;
	held->row_head_count = SLOTS_AT_FIRST;
	if (!nc_held_slots_new(held, SLOTS_AT_FIRST, &held->group_slots) ||
	    !nc_held_slots_new(held, SLOTS_AT_FIRST, &held->id_heads) ||
	    !nc_held_slots_new(held, SLOTS_AT_FIRST, &held->row_heads)) {
		nc_held_free(held);
		return NULL;
	}
	return held;
}

void nc_held_free(struct nc_held *held)
{
	if (held == NULL)
		return;
	while (held->chunks != NULL) {
		struct nc_held_chunk *next = held->chunks->next;
		free(held->chunks);
		held->chunks = next;
	}
	free(held->groups);
	free(held->group_slots);
	free(held->ids);
	free(held->id_heads);
	free(held->rows);
	free(held->row_heads);
	pthread_rwlock_destroy(&held->lock);
	free(held);
}

/* The slot that has the group, or the free one where it belongs. */
static uint32_t *group_slot(const struct nc_held *held, enum nc_index index, uint64_t id)
{
	uint32_t mask = held->group_slot_count - 1;
	uint32_t at = hash_group(index, id) & mask;
	for (;; at = (at + 1) & mask) {
		uint32_t found = held->group_slots[at];
		if (found == UINT32_MAX ||
		    (held->groups[found].id == id && held->groups[found].index == index))
			return &held->group_slots[at];
	}
}

static bool group_slots_grow(struct nc_held *held)
{
	uint32_t *old = held->group_slots;
	uint32_t count = held->group_slot_count * 2;
	if (!nc_held_slots_new(held, count, &held->group_slots))
		return false;
	held->bytes -= held->group_slot_count * sizeof *old;
	held->group_slot_count = count;
	free(old);
	for (uint32_t i = 0; i < held->group_count; i++)
		*group_slot(held, held->groups[i].index, held->groups[i].id) = i;
	return true;
}

static struct nc_held_group *group_make(struct nc_held *held, enum nc_index index, uint64_t id)
{
	if (held->group_count >= held->group_slot_count / 2 && !group_slots_grow(held))
		return NULL;
	uint32_t *slot = group_slot(held, index, id);
	if (*slot != UINT32_MAX)
		return &held->groups[*slot];
	if (held->group_count == held->group_capacity) {
		uint32_t capacity = held->group_capacity == 0 ? 64 : held->group_capacity * 2;
		struct nc_held_group *groups = realloc(held->groups, capacity * sizeof *groups);
		if (groups == NULL)
			return NULL;
		held->bytes += (capacity - held->group_capacity) * sizeof *groups;
		held->groups = groups;
		held->group_capacity = capacity;
	}
	struct nc_held_group *group = &held->groups[held->group_count];
	*group = (struct nc_held_group){ .id = id, .index = index };
	*slot = held->group_count++;
	return group;
}

static bool entry_add(struct nc_held *held, enum nc_index index, uint64_t id, uint64_t ordinal,
                      uint64_t position)
{
	struct nc_held_group *group = group_make(held, index, id);
	if (group == NULL)
		return false;
	if (group->count > 0 && group->entries[group->count - 1].ordinal >= ordinal) {
		/* An event has the same tag twice; nothing else can name the same place twice. */
		nc_assert(index == NC_INDEX_TAG);
		return true;
	}
	if (group->count == group->capacity) {
		uint32_t capacity = group->capacity == 0 ? 1 : group->capacity * 2;
		struct nc_held_entry *entries = nc_held_alloc(held, capacity * sizeof *entries);
		if (entries == NULL)
			return false;
		if (group->count > 0)
			memcpy(entries, group->entries, group->count * sizeof *entries);
		group->entries = entries;
		group->capacity = capacity;
	}
	group->entries[group->count++] = (struct nc_held_entry){ ordinal, position };
	return true;
}

static bool id_heads_grow(struct nc_held *held)
{
	uint32_t *old = held->id_heads;
	uint32_t count = held->id_head_count * 2;
	if (!nc_held_slots_new(held, count, &held->id_heads))
		return false;
	held->bytes -= held->id_head_count * sizeof *old;
	held->id_head_count = count;
	free(old);
	for (uint32_t i = 0; i < held->id_count; i++) {
		uint32_t *head = &held->id_heads[held->ids[i].hash & (count - 1)];
		held->ids[i].next = *head;
		*head = i;
	}
	return true;
}

static bool id_add(struct nc_held *held, uint64_t position, const struct nc_event_keys *keys)
{
	if (keys->id.size == 0)
		return true;
	if (held->id_count >= held->id_head_count && !id_heads_grow(held))
		return false;
	if (held->id_count == held->id_capacity) {
		uint32_t capacity = held->id_capacity == 0 ? 64 : held->id_capacity * 2;
		struct nc_held_id *ids = realloc(held->ids, capacity * sizeof *ids);
		if (ids == NULL)
			return false;
		held->bytes += (capacity - held->id_capacity) * sizeof *ids;
		held->ids = ids;
		held->id_capacity = capacity;
	}
	uint8_t *copy = nc_held_alloc(held, keys->id.size);
	if (copy == NULL)
		return false;
	memcpy(copy, keys->id.data, keys->id.size);

	struct nc_held_id *id = &held->ids[held->id_count];
	uint32_t hash = nc_held_hash(held, keys->id);
	uint32_t *head = &held->id_heads[hash & (held->id_head_count - 1)];
	*id = (struct nc_held_id){ .id = nc_slice(copy, keys->id.size),
		                   .row = { .stream_id = keys->stream_id,
		                            .position = position,
		                            .version = keys->version },
		                   .hash = hash,
		                   .next = *head };
	memcpy(id->row.digest, keys->digest, NC_DIGEST_SIZE);
	*head = held->id_count++;
	return true;
}

static bool event_add(struct nc_held *held, uint64_t position, const struct nc_event_keys *keys)
{
	if (!entry_add(held, NC_INDEX_STREAM, keys->stream_id, keys->version, position) ||
	    !entry_add(held, NC_INDEX_TYPE, keys->type_id, position, position) ||
	    !entry_add(held, NC_INDEX_CATEGORY, keys->category_id, position, position))
		return false;
	for (size_t i = 0; i < keys->tag_count; i++) {
		if (!entry_add(held, NC_INDEX_TAG, keys->tag_ids[i], position, position))
			return false;
	}
	return id_add(held, position, keys);
}

int nc_held_add(struct nc_held *held, uint64_t position, const struct nc_event_keys *keys)
{
	nc_assert(position > held->last);
	pthread_rwlock_wrlock(&held->lock);
	bool added = event_add(held, position, keys);
	held->last = position;
	held->event_count++;
	pthread_rwlock_unlock(&held->lock);
	return added ? NC_OK : NC_NOMEM;
}

void nc_held_cut(struct nc_held *held, uint64_t last, uint32_t event_count)
{
	nc_assert(last >= held->base && event_count <= held->event_count);
	pthread_rwlock_wrlock(&held->lock);
	for (uint32_t i = 0; i < held->group_count; i++) {
		struct nc_held_group *group = &held->groups[i];
		while (group->count > 0 && group->entries[group->count - 1].position > last)
			group->count--;
	}
	while (held->id_count > 0 && held->ids[held->id_count - 1].row.position > last) {
		const struct nc_held_id *id = &held->ids[--held->id_count];
		uint32_t *head = &held->id_heads[id->hash & (held->id_head_count - 1)];
		nc_assert(*head == held->id_count);
		*head = id->next;
	}
	held->last = last;
	held->event_count = event_count;
	pthread_rwlock_unlock(&held->lock);
}

/* How many of the group's entries have an ordinal below `ordinal`; with `or_equal`, or the same
 * one. */
static uint32_t entries_below(const struct nc_held_group *group, uint64_t ordinal, bool or_equal)
{
	uint32_t low = 0;
	uint32_t high = group->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		uint64_t at = group->entries[middle].ordinal;
		if (at < ordinal || (or_equal && at == ordinal)) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static size_t copy_forward(const struct nc_held_group *group, uint32_t at, uint64_t limit,
                           struct nc_held_entry *entries, size_t max)
{
	size_t count = 0;
	for (; at < group->count && count < max && group->entries[at].position <= limit; at++)
		entries[count++] = group->entries[at];
	return count;
}

static size_t copy_backward(const struct nc_held_group *group, uint32_t at, uint64_t limit,
                            struct nc_held_entry *entries, size_t max)
{
	size_t count = 0;
	for (; at > 0 && count < max; at--) {
		if (group->entries[at - 1].position <= limit)
			entries[count++] = group->entries[at - 1];
	}
	return count;
}

size_t nc_held_entries(struct nc_held *held, struct nc_index_walk walk, uint64_t limit,
                       struct nc_held_entry *entries, size_t max)
{
	size_t count = 0;
	pthread_rwlock_rdlock(&held->lock);
	uint32_t slot = *group_slot(held, walk.index, walk.id);
	if (slot != UINT32_MAX) {
		const struct nc_held_group *group = &held->groups[slot];
		uint32_t at = entries_below(group, walk.from, walk.backward);
		count = walk.backward ? copy_backward(group, at, limit, entries, max)
		                      : copy_forward(group, at, limit, entries, max);
	}
	pthread_rwlock_unlock(&held->lock);
	return count;
}

size_t nc_held_count(struct nc_held *held, enum nc_index index, uint64_t id, uint64_t limit)
{
	size_t count = 0;
	pthread_rwlock_rdlock(&held->lock);
	uint32_t slot = *group_slot(held, index, id);
	if (slot != UINT32_MAX)
		count = entries_below(&held->groups[slot], limit, true);
	pthread_rwlock_unlock(&held->lock);
	return count;
}

/* `*at` is the number of an entry of the chain, plus 1. It is always an entry within `limit`, which
 * is never cut. */
size_t nc_held_ids(struct nc_held *held, struct nc_slice id, uint64_t limit, uint32_t *at,
                   struct nc_id_row *rows, size_t max)
{
	size_t count = 0;
	uint32_t hash = nc_held_hash(held, id);
	pthread_rwlock_rdlock(&held->lock);
	uint32_t entry = *at == 0 ? held->id_heads[hash & (held->id_head_count - 1)] : *at - 1;
	while (entry != UINT32_MAX && count < max) {
		const struct nc_held_id *found = &held->ids[entry];
		if (found->row.position <= limit && found->hash == hash &&
		    nc_slice_eq(found->id, id))
			rows[count++] = found->row;
		entry = found->next;
	}
	*at = entry == UINT32_MAX ? UINT32_MAX : entry + 1;
	pthread_rwlock_unlock(&held->lock);
	return count;
}

const struct nc_held_id *nc_held_id_at(const struct nc_held *held, uint64_t position)
{
	uint32_t low = 0;
	uint32_t high = held->id_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (held->ids[middle].row.position < position) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < held->id_count && held->ids[low].row.position == position ? &held->ids[low]
	                                                                       : NULL;
}
