/* SPDX-License-Identifier: GPL-3.0-or-later */
/* held_private.h -- a generation of index entries that are held back in memory.
 *
 * Entries inserted into WiredTiger as they come cost four times what sorted ones do (ADR 0003). So
 * the applier adds those of new events here; when a generation is large enough it is sealed, and a
 * background thread inserts it, sorted. Until then readers look here.
 *
 * A generation holds the entries of positions in (base, last]; within one (index, id) both ordinals
 * and positions ascend. Readers name a `limit`, the last position they may see.
 *
 * Threads:   one writes (add, cut) until it is sealed; any number look up beside it.
 * Ownership: nc_held_new() gives, nc_held_free() takes; who pins it is counted by the state.
 */
#ifndef NC_STORAGE_STATE_HELD_PRIVATE_H
#define NC_STORAGE_STATE_HELD_PRIVATE_H

#include <pthread.h>

#include "core/engine/state.h"

struct nc_held_entry {
	uint64_t ordinal;
	uint64_t position;
};

/* The entries of one (index, id). */
struct nc_held_group {
	uint64_t id;
	enum nc_index index;
	uint32_t count;
	uint32_t capacity;
	struct nc_held_entry *entries;
};

struct nc_held_id {
	struct nc_slice id; /* in the generation's own memory */
	struct nc_id_row row;
	uint32_t hash;
	uint32_t next; /* of the chain, newest first; UINT32_MAX ends it */
};

struct nc_held_chunk;

struct nc_held {
	pthread_rwlock_t lock;
	uint64_t base;                  /* positions begin above */
	uint64_t last;                  /* position of the last event added, `base` if none */
	struct nc_state_applied before; /* applied before the first event here was */
	uint32_t event_count;
	uint32_t pins;        /* who uses it; under the state's mutex */
	struct nc_held *next; /* newer one; under the state's mutex */

	struct nc_held_group *groups;
	uint32_t group_count;
	uint32_t group_capacity;
	uint32_t *group_slots; /* [group_slot_count]: index into groups, UINT32_MAX if free */
	uint32_t group_slot_count;

	struct nc_held_id *ids;
	uint32_t id_count;
	uint32_t id_capacity;
	uint32_t *id_heads; /* [id_head_count]: first of a chain */
	uint32_t id_head_count;

	struct nc_held_chunk *chunks; /* where entries and id bytes are */
	size_t bytes;                 /* allocated in all */
};

/* NULL: out of memory. */
struct nc_held *nc_held_new(uint64_t base);
void nc_held_free(struct nc_held *held);

/* Add the entries of the event at `position`. Errors: NC_NOMEM, a part may have been added: cut. */
int nc_held_add(struct nc_held *held, uint64_t position, const struct nc_event_keys *keys);

/* Take back every entry of positions above `last`; `event_count` events stay. */
void nc_held_cut(struct nc_held *held, uint64_t last, uint32_t event_count);

/* Copy up to `max` entries, in the walk's order. Returns how many. */
size_t nc_held_entries(struct nc_held *held, struct nc_index_walk walk, uint64_t limit,
                       struct nc_held_entry *entries, size_t max);

/* Copy up to `max` rows of `id`; `*at` is 0 at first, and says where to go on: UINT32_MAX, nowhere.
 */
size_t nc_held_ids(struct nc_held *held, struct nc_slice id, uint64_t limit, uint32_t *at,
                   struct nc_id_row *rows, size_t max);

/* The held id of the event at `position`, NULL if it has none here; for the writing thread. */
const struct nc_held_id *nc_held_id_at(const struct nc_held *held, uint64_t position);

#endif
