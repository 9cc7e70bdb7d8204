/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ids of names that are in use just now. */
#include "core/engine/name_cache.h"

#include "core/base/assert.h"
#include "core/base/crc32c.h"

static size_t slot_of(enum nc_name_kind kind, struct nc_slice name)
{
	return nc_crc32c((uint32_t)kind, name.data, name.size) & (NC_NAME_CACHE_SLOTS - 1);
}

uint64_t nc_name_cache_get(const struct nc_name_cache *cache, enum nc_name_kind kind,
                           struct nc_slice name)
{
	size_t i = slot_of(kind, name);
	bool hit = cache->slots[i].kind == kind && cache->slots[i].size == name.size &&
	           memcmp(cache->slots[i].name, name.data, name.size) == 0;
	return hit ? cache->slots[i].id : 0;
}

void nc_name_cache_put(struct nc_name_cache *cache, enum nc_name_kind kind, struct nc_slice name,
                       uint64_t id)
{
	nc_assert(name.size <= NC_NAME_SIZE_MAX && id != 0);
	size_t i = slot_of(kind, name);
	cache->slots[i].id = id;
	cache->slots[i].kind = (uint8_t)kind;
	cache->slots[i].size = (uint8_t)name.size;
	memcpy(cache->slots[i].name, name.data, name.size);
}

void nc_name_cache_forget(struct nc_name_cache *cache)
{
	for (size_t i = 0; i < NC_NAME_CACHE_SLOTS; i++)
		cache->slots[i].id = 0;
}
