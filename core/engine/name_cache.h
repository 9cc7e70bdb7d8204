/* SPDX-License-Identifier: GPL-3.0-or-later */
/* name_cache.h -- the ids of names that are in use just now, in front of NC_SPACE_NAMES. Event
 * types and categories are few, and are asked for with every event.
 *
 * The cache is direct-mapped and of a fixed size. It holds nothing that the state does not, the
 * open transaction included: so forget it all after a rollback.
 *
 * Threads: the applier's.
 */
#ifndef NC_CORE_ENGINE_NAME_CACHE_H
#define NC_CORE_ENGINE_NAME_CACHE_H

#include "core/engine/names.h"
#include "core/engine/stream.h"

#define NC_NAME_CACHE_SLOTS 1024u /* a power of two */

struct nc_name_cache {
	struct {
		uint64_t id; /* 0: empty */
		uint8_t kind;
		uint8_t size;
		uint8_t name[NC_NAME_SIZE_MAX];
	} slots[NC_NAME_CACHE_SLOTS];
};

/* The id, or 0 if it is not in here. */
uint64_t nc_name_cache_get(const struct nc_name_cache *cache, enum nc_name_kind kind,
                           struct nc_slice name);
void nc_name_cache_put(struct nc_name_cache *cache, enum nc_name_kind kind, struct nc_slice name,
                       uint64_t id);
void nc_name_cache_forget(struct nc_name_cache *cache);

#endif
