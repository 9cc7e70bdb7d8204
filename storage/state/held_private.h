/* SPDX-License-Identifier: GPL-3.0-or-later */
/* held_private.h -- a generation of index entries, and of rows, that are held back in memory.
 *
 * Entries inserted into WiredTiger as they come cost four times what sorted ones do (ADR 0003). So
 * the applier adds those of new events here; when a generation is large enough it is sealed, and a
 * background thread inserts it, sorted. Until then readers look here.
 *
 * A generation holds the entries of positions in (base, last]; within one (index, id) both ordinals
 * and positions ascend. Readers name a `limit`, the last position they may see. Of rows it holds
 * what each commit put, by key; there readers name the last commit they may see.
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

/* What a commit has put under a key. */
struct nc_held_value {
	struct nc_held_value *older;
	uint64_t sequence; /* of the commit */
	uint32_t size;
	uint32_t room; /* of `bytes` */
	bool deleted;  /* there is no row from here on */
	uint8_t bytes[];
};

struct nc_held_row {
	struct nc_slice key;          /* in the generation's own memory, as its values are */
	struct nc_held_value *newest; /* NULL: taken back */
	uint32_t hash;
	uint32_t next; /* of the chain; UINT32_MAX ends it */
};

struct nc_held_chunk;

struct nc_held {
	pthread_rwlock_t lock;
	uint64_t base;                  /* positions begin above */
	uint64_t last;                  /* position of the last event added, `base` if none */
	struct nc_state_applied before; /* applied before the first event here was */
	uint32_t event_count;
	uint64_t number;      /* of the generation, ascending */
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

	struct nc_held_row *rows;
	uint32_t row_count;
	uint32_t row_capacity;
	uint32_t *row_heads; /* [row_head_count]: first of a chain */
	uint32_t row_head_count;
	uint32_t put_count;  /* values that were put */
	uint64_t redo_above; /* its rows of the table `held` are those above this number ... */
	uint64_t redo_last;  /* ... through this one; under the state's mutex */

	struct nc_held_chunk *chunks; /* where entries, values and bytes of keys are */
	size_t bytes;                 /* allocated in all */
};

/* NULL: out of memory. */
struct nc_held *nc_held_new(uint64_t base);
void nc_held_free(struct nc_held *held);

/* Memory that goes with the generation, 8-aligned; for the writing thread, under the lock. NULL:
 * out of memory. */
void *nc_held_alloc(struct nc_held *held, size_t size);
/* A hash table of `count` free slots; and likewise. */
bool nc_held_slots_new(struct nc_held *held, uint32_t count, uint32_t **slots_out);

/* Whether there is anything to insert. */
static inline bool nc_held_any(const struct nc_held *held)
{
	return held->event_count > 0 || held->put_count > 0;
}

/* Add the entries of the event at `position`. Errors: NC_NOMEM, a part may have been added: cut. */
int nc_held_add(struct nc_held *held, uint64_t position, const struct nc_event_keys *keys);

/* Take back every entry of positions above `last`; `event_count` events stay. */
void nc_held_cut(struct nc_held *held, uint64_t last, uint32_t event_count);

/* Copy up to `max` entries, in the walk's order. Returns how many. */
size_t nc_held_entries(struct nc_held *held, struct nc_index_walk walk, uint64_t limit,
                       struct nc_held_entry *entries, size_t max);

/* How many entries one id has, of an index whose ordinals are positions. */
size_t nc_held_count(struct nc_held *held, enum nc_index index, uint64_t id, uint64_t limit);

/* Copy up to `max` rows of `id`; `*at` is 0 at first, and says where to go on: UINT32_MAX, nowhere.
 */
size_t nc_held_ids(struct nc_held *held, struct nc_slice id, uint64_t limit, uint32_t *at,
                   struct nc_id_row *rows, size_t max);

/* The held id of the event at `position`, NULL if it has none here; for the writing thread. */
const struct nc_held_id *nc_held_id_at(const struct nc_held *held, uint64_t position);

/* ---- held_rows.c ---------------------------------------------------------------------------- */

/* Put `value` under `key`, or delete what is there, in the commit `sequence`: not lower than any
 * before. Errors: NC_NOMEM, nothing changed. */
int nc_held_row_put(struct nc_held *held, uint64_t sequence, struct nc_slice key,
                    struct nc_slice value, bool deleted);

/* Take back what was put in commits after `sequence`; `put_count` values stay. */
void nc_held_rows_cut(struct nc_held *held, uint64_t sequence, uint32_t put_count);

/* What `key` had after the commit `sequence`; NULL: nothing here says. Values stay as they are
 * until the generation is freed; only those of the open transaction may be overwritten by its next
 * put. The second is for the writing thread: the newest, without the lock. */
const struct nc_held_value *nc_held_row_get(struct nc_held *held, struct nc_slice key,
                                            uint64_t sequence);
const struct nc_held_value *nc_held_row_own(const struct nc_held *held, struct nc_slice key);

/* A row as a view sees it. */
struct nc_held_pair {
	struct nc_slice key;
	const struct nc_held_value *value;
};

/* Which rows of a scan: those at or behind `from`, or with `behind` only those behind it, as far as
 * `bound`, in the scan's direction. An empty one is no bound. */
struct nc_held_range {
	struct nc_slice from, bound;
	bool backward, behind;
};

/* Append to `pairs` (an array of struct nc_held_pair) rows of the range, in no order; of the
 * generation's rows it looks at some, from `*at` on, which is 0 at first: so that the writer never
 * waits long. It moves `*at`: UINT32_MAX, those were all. Errors: NC_NOMEM. */
int nc_held_rows_list(struct nc_held *held, uint64_t sequence, const struct nc_held_range *range,
                      uint32_t *at, struct nc_buf *pairs);

#endif
