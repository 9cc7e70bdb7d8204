/* SPDX-License-Identifier: Apache-2.0 */
/* hashmap.h -- from a hash to the numbers that bear it. The map holds no keys: it gives the ids
 * that were put under a hash, and the caller, who keeps the things in an array, compares. So one
 * map serves positions, names and keys alike, at 8 bytes a slot.
 *
 *     struct nc_hashmap_probe probe;
 *     for (uint32_t id = nc_hashmap_first(&map, hash, &probe); id != NC_HASHMAP_NONE;
 *          id = nc_hashmap_next(&map, &probe))
 *             if (things[id] is the one) ...
 *
 * Life:    `= {0}` is an empty map; nc_hashmap_release() frees and empties it.
 * Threads: one at a time. Putting or removing ends every probe.
 * Open addressing, linear probing, at most half full; removal shifts back, so that there are no
 * graves. The hashes are fixed, without a seed: who chooses names can make them collide, and has
 * then a slow map, not a wrong one.
 */
#ifndef NC_CORE_BASE_HASHMAP_H
#define NC_CORE_BASE_HASHMAP_H

#include "core/base/err.h"
#include "core/base/slice.h"

#define NC_HASHMAP_NONE UINT32_MAX

struct nc_hashmap_slot {
	uint32_t hash;
	uint32_t id; /* plus one; 0: empty */
};

struct nc_hashmap {
	struct nc_hashmap_slot *slots;
	uint32_t capacity; /* slots, 0 or a power of two */
	uint32_t count;
};

struct nc_hashmap_probe {
	uint32_t at; /* the slot to look at next */
	uint32_t hash;
};

void nc_hashmap_release(struct nc_hashmap *map);

/* Put `id` (below NC_HASHMAP_NONE) under `hash`; many may share one. Errors: NC_NOMEM, nothing
 * changed. */
int nc_hashmap_put(struct nc_hashmap *map, uint64_t hash, uint32_t id);

/* Take away what was put with these; false if it is not there. */
bool nc_hashmap_remove(struct nc_hashmap *map, uint64_t hash, uint32_t id);

/* The ids under a hash, in no order, each once; then NC_HASHMAP_NONE. An id whose hash shares 32
 * bits with this one may come too. */
uint32_t nc_hashmap_first(const struct nc_hashmap *map, uint64_t hash,
                          struct nc_hashmap_probe *probe_out);
uint32_t nc_hashmap_next(const struct nc_hashmap *map, struct nc_hashmap_probe *probe);

uint64_t nc_hash_u64(uint64_t value);
uint64_t nc_hash_bytes(struct nc_slice bytes);

#endif
