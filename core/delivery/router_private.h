/* SPDX-License-Identifier: GPL-3.0-or-later */
/* router_private.h -- the index: hints under the part that tells most. */
#ifndef NC_CORE_DELIVERY_ROUTER_PRIVATE_H
#define NC_CORE_DELIVERY_ROUTER_PRIVATE_H

#include "core/base/hashmap.h"
#include "core/delivery/router.h"

#define NONE          NC_HASHMAP_NONE
#define NAME_SIZE_MAX 255u
#define IDS_MIN       16u

enum nc_router_field { FIELD_STREAM, FIELD_TYPE, FIELD_TAG, FIELD_COUNT };

/* One hint of one subscription; all that share the indexed part are in one ring of the index. */
struct nc_router_hint {
	uint32_t owner;
	uint32_t next;                 /* of the owner's hints; or of the free */
	uint32_t prev_same, next_same; /* of those under the same term */
	uint32_t term;
	uint8_t *names; /* the parts' bytes, one after the other; owned */
	struct nc_route_part parts[FIELD_COUNT];
};

/* What hints are indexed by: a field and a name, whole or the beginning of it. */
struct nc_router_term {
	uint64_t hash;
	uint32_t first; /* of its hints; or the next free term */
	uint8_t field;
	uint8_t kind;
};

struct nc_router_owner {
	uint32_t first; /* of its hints */
	uint64_t stamp; /* of the match that found it last */
	bool is;
};

struct nc_router {
	struct nc_router_hint *hints;
	struct nc_router_term *terms;
	struct nc_router_owner *owners;
	uint32_t hint_capacity, hint_free;
	uint32_t term_capacity, term_free;
	uint32_t owner_capacity, count;
	struct nc_hashmap by_hash; /* of terms */
	uint32_t any;              /* hints that say nothing, by next_same */
	/* How many prefixes of each length there are, so that only those are looked up. */
	uint32_t lengths[FIELD_COUNT][NAME_SIZE_MAX + 1];
	uint32_t longest[FIELD_COUNT];
	uint64_t stamp;
	uint32_t *found; /* room for every owner */
	size_t found_count;
};

/* A hash that grows byte by byte, so that one walk over a name gives those of all its beginnings.
 * FNV-1a, 64 bits; finished by a mixer. */
#define HASH_FIRST UINT64_C(0xcbf29ce484222325)

static inline uint64_t nc_router_hash_more(uint64_t hash, uint8_t byte)
{
	return (hash ^ byte) * UINT64_C(0x100000001b3);
}

static inline uint64_t nc_router_hash_done(uint64_t hash, enum nc_router_field field,
                                           enum nc_route_kind kind)
{
	return nc_hash_u64(hash ^ (uint64_t)field << 8 ^ (uint64_t)kind);
}

/* The term, or NONE. */
uint32_t nc_router_term_find(const struct nc_router *router, uint64_t hash,
                             enum nc_router_field field, enum nc_route_kind kind,
                             struct nc_slice name);

#endif
