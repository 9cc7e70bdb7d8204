/* SPDX-License-Identifier: Apache-2.0 */
/* From a hash to ids, by open addressing. */
#include "core/base/hashmap.h"

#include "core/base/assert.h"
#include "core/base/buf.h"

#include <stdlib.h>

#define SLOTS_MIN 8u

void nc_hashmap_release(struct nc_hashmap *map)
{
	free(map->slots);
	*map = (struct nc_hashmap){ 0 };
}

static uint32_t fold(uint64_t hash)
{
	return (uint32_t)(hash ^ hash >> 32);
}

static void place(struct nc_hashmap *map, struct nc_hashmap_slot slot)
{
	uint32_t mask = map->capacity - 1;
	uint32_t at = slot.hash & mask;
	while (map->slots[at].id != 0)
		at = (at + 1) & mask;
	map->slots[at] = slot;
}

static int grow(struct nc_hashmap *map)
{
	uint32_t capacity = map->capacity == 0 ? SLOTS_MIN : map->capacity * 2;
	if (capacity == 0)
		return NC_NOMEM;
	struct nc_hashmap larger = { calloc(capacity, sizeof *larger.slots), capacity, map->count };
	if (larger.slots == NULL)
		return NC_NOMEM;
	for (uint32_t i = 0; i < map->capacity; i++) {
		if (map->slots[i].id != 0)
			place(&larger, map->slots[i]);
	}
	free(map->slots);
	*map = larger;
	return NC_OK;
}

int nc_hashmap_put(struct nc_hashmap *map, uint64_t hash, uint32_t id)
{
	nc_assert(id < NC_HASHMAP_NONE);
	if (map->count >= map->capacity / 2) {
		int err = grow(map);
		if (err != NC_OK)
			return err;
	}
	place(map, (struct nc_hashmap_slot){ fold(hash), id + 1 });
	map->count++;
	return NC_OK;
}

/* Fill the hole at `hole` with whoever may stand there, and so on, until an empty slot follows. */
static void shift_back(struct nc_hashmap *map, uint32_t hole)
{
	uint32_t mask = map->capacity - 1;
	for (uint32_t at = (hole + 1) & mask; map->slots[at].id != 0; at = (at + 1) & mask) {
		uint32_t home = map->slots[at].hash & mask;
		/* It may move if its home is not between the hole and itself. */
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			map->slots[hole] = map->slots[at];
			hole = at;
		}
	}
	map->slots[hole] = (struct nc_hashmap_slot){ 0 };
}

bool nc_hashmap_remove(struct nc_hashmap *map, uint64_t hash, uint32_t id)
{
	struct nc_hashmap_probe probe;
	uint32_t found = nc_hashmap_first(map, hash, &probe);
	while (found != NC_HASHMAP_NONE && found != id)
		found = nc_hashmap_next(map, &probe);
	if (found == NC_HASHMAP_NONE)
		return false;
	shift_back(map, (probe.at - 1) & (map->capacity - 1));
	map->count--;
	return true;
}

uint32_t nc_hashmap_first(const struct nc_hashmap *map, uint64_t hash,
                          struct nc_hashmap_probe *probe_out)
{
	if (map->capacity == 0)
		return NC_HASHMAP_NONE;
	*probe_out = (struct nc_hashmap_probe){ fold(hash) & (map->capacity - 1), fold(hash) };
	return nc_hashmap_next(map, probe_out);
}

uint32_t nc_hashmap_next(const struct nc_hashmap *map, struct nc_hashmap_probe *probe)
{
	uint32_t mask = map->capacity - 1;
	for (;;) {
		struct nc_hashmap_slot slot = map->slots[probe->at];
		if (slot.id == 0)
			return NC_HASHMAP_NONE;
		probe->at = (probe->at + 1) & mask;
		if (slot.hash == probe->hash)
			return slot.id - 1;
	}
}

/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t nc_hash_u64(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

uint64_t nc_hash_bytes(struct nc_slice bytes)
{
	uint64_t hash = 0x9e3779b97f4a7c15u ^ bytes.size;
	size_t at = 0;
	for (; bytes.size - at >= 8; at += 8)
		hash = nc_hash_u64(hash ^ nc_get_u64(bytes.data + at)) + 0x9e3779b97f4a7c15u;
	uint64_t rest = 0;
	for (unsigned shift = 0; at < bytes.size; at++, shift += 8)
		rest |= (uint64_t)bytes.data[at] << shift;
	return nc_hash_u64(hash ^ rest);
}
