/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_map_private.h -- an ordered map of bytes whose versions share what they have in common.
 *
 * A root is a version of the whole map, and never changes while somebody else holds it. So keeping
 * an old version costs one reference, and changing a shared one copies the path to the change. The
 * map is a treap. Its priorities are hashes of the keys, so that equal contents have equal shapes
 * in every run.
 *
 * Threads:   a root belongs to one thread; roots that share nodes may be used by several.
 * Ownership: the root's holder drops it. Slices are borrowed from the map until the root changes.
 * Errors:    put and remove return false if out of memory; the map then holds what it held.
 */
#ifndef NC_STORAGE_STATE_MEMORY_MAP_PRIVATE_H
#define NC_STORAGE_STATE_MEMORY_MAP_PRIVATE_H

#include "core/base/slice.h"

struct nc_memory_node;

struct nc_memory_map {
	struct nc_memory_node *root; /* NULL: empty */
};

/* Returns true to go on. */
typedef bool nc_memory_map_fn(void *ctx, struct nc_slice key, struct nc_slice value);

/* Hold the same version once more. */
struct nc_memory_map nc_memory_map_share(const struct nc_memory_map *map);

/* Hold the version no longer, and leave `map` empty. */
void nc_memory_map_drop(struct nc_memory_map *map);

bool nc_memory_map_put(struct nc_memory_map *map, struct nc_slice key, struct nc_slice value);

/* Remove `key`. If it is not there, nothing happens, and the answer is true. */
bool nc_memory_map_remove(struct nc_memory_map *map, struct nc_slice key);

/* Whether `key` is there; if so, its value. */
bool nc_memory_map_get(const struct nc_memory_map *map, struct nc_slice key,
                       struct nc_slice *value_out);

/* Give `fn` the pairs from the first key >= `from` on, or backward from the last key <= `from`
 * down, until it returns false. */
void nc_memory_map_scan(const struct nc_memory_map *map, struct nc_slice from, bool backward,
                        nc_memory_map_fn *fn, void *ctx);

#endif
