/* SPDX-License-Identifier: GPL-3.0-or-later */
/* held_private.h -- a generation of index entries and rows that are held back in memory.
 *
 * Entries that are inserted into WiredTiger as they come cost four times as much as sorted ones
 * (decision 0003). So the applier adds the entries of new events to a generation. When that is
 * large enough it is sealed, and a thread inserts it, sorted. Until then readers look here.
 *
 * A generation holds the entries of the positions above `base`, up to `last`. Within one (index,
 * id) both ordinals and positions rise. Readers name a `limit`, the last position that they may
 * see. Of rows it holds what each commit has put, by key; there readers name the last commit that
 * they may see.
 *
 * Threads:   one writes (add, cut) until it is sealed; any number look up beside it.
 * Ownership: nc_held_new() gives one, nc_held_free() ends it. The state counts who uses it
 *            (`pins`).
 */
#ifndef NC_STORAGE_STATE_HELD_PRIVATE_H
#define NC_STORAGE_STATE_HELD_PRIVATE_H

#include <pthread.h>

#include "core/base/siphash.h"
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
	struct nc_slice id; /* in the generation's memory */
	struct nc_id_row row;
	uint32_t hash;
	uint32_t next; /* of the chain, newest first; UINT32_MAX ends it */
};

/* What one commit put under a key. */
struct nc_held_value {
	struct nc_held_value *older;
	uint64_t sequence; /* number of the commit */
	uint32_t size;
	uint32_t room; /* allocated size of `bytes` */
	bool deleted;  /* the commit deleted the row */
	uint8_t bytes[];
};

struct nc_held_row {
	struct nc_slice key;          /* in the generation's memory, like its values */
	struct nc_held_value *newest; /* NULL once it was taken back */
	uint32_t hash;
	uint32_t next; /* of the chain; UINT32_MAX ends it */
};

struct nc_held_chunk;

struct nc_held {
	pthread_rwlock_t lock;
	struct nc_siphash_secret secret; /* ids and keys are chosen by clients */
	uint64_t base;                   /* its positions are above this one */
	uint64_t last;                   /* position of the last event added, `base` if none */
	struct nc_state_applied before;  /* what had been applied before its first event */
	uint32_t event_count;
	uint64_t number;      /* ascending from one generation to the next */
	uint32_t pins;        /* number of users; under the state's mutex */
	struct nc_held *next; /* the next newer one; under the state's mutex */

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
	uint32_t put_count;  /* number of values put */
	uint64_t redo_above; /* its rows of the table `held` are those above this number ... */
	uint64_t redo_last;  /* ... through this one; under the state's mutex */

	struct nc_held_chunk *chunks; /* the generation's memory: entries, values and keys */
	size_t bytes;                 /* allocated in all */
};

/* Returns NULL if out of memory, or if the kernel gives no random bytes. */
struct nc_held *nc_held_new(uint64_t base);
void nc_held_free(struct nc_held *held);

/* Memory that is freed with the generation, aligned to 8 bytes. For the writing thread, holding the
 * lock. Returns NULL if out of memory. */
void *nc_held_alloc(struct nc_held *held, size_t size);
/* A hash table of `count` free slots, in such memory. Returns false if out of memory. */
bool nc_held_slots_new(struct nc_held *held, uint32_t count, uint32_t **slots_out);

/* Of an id or a key, in its tables. */
static inline uint32_t nc_held_hash(const struct nc_held *held, struct nc_slice name)
{
	return (uint32_t)nc_siphash(&held->secret, name.data, name.size);
}

/* Whether the generation holds anything to insert. */
static inline bool nc_held_any(const struct nc_held *held)
{
	return held->event_count > 0 || held->put_count > 0;
}

/* Add the entries of the event at `position`. Errors: NC_NOMEM; some may have been added, so take
 * them back with nc_held_cut(). */
int nc_held_add(struct nc_held *held, uint64_t position, const struct nc_event_keys *keys);

/* Take back every entry of positions above `last`. `event_count` is the number of events that
 * stay. */
void nc_held_cut(struct nc_held *held, uint64_t last, uint32_t event_count);

/* Copy up to `max` entries of the walk, in its order. Returns how many. */
size_t nc_held_entries(struct nc_held *held, struct nc_index_walk walk, uint64_t limit,
                       struct nc_held_entry *entries, size_t max);

/* How many entries an id has up to `limit`, in an index whose ordinals are positions. */
size_t nc_held_count(struct nc_held *held, enum nc_index index, uint64_t id, uint64_t limit);

/* Copy up to `max` rows of `id` and return how many. Set `*at` to 0 before the first call; each
 * call moves it on, to UINT32_MAX when there are no more. */
size_t nc_held_ids(struct nc_held *held, struct nc_slice id, uint64_t limit, uint32_t *at,
                   struct nc_id_row *rows, size_t max);

/* The id of the event at `position`, or NULL if the generation has none for it. For the writing
 * thread. */
const struct nc_held_id *nc_held_id_at(const struct nc_held *held, uint64_t position);

/* ---- held_rows.c ---------------------------------------------------------------------------- */

/* Put `value` under `key`, or with `deleted` delete what is there, in the commit `sequence`, which
 * is not below that of any call before. Errors: NC_NOMEM, nothing changed. */
int nc_held_row_put(struct nc_held *held, uint64_t sequence, struct nc_slice key,
                    struct nc_slice value, bool deleted);

/* Take back what was put in commits after `sequence`. `put_count` is the number of values that
 * stay. */
void nc_held_rows_cut(struct nc_held *held, uint64_t sequence, uint32_t put_count);

/* What `key` had after the commit `sequence`, or NULL if this generation does not say. A value
 * stays valid and unchanged until the generation is freed, except that the next put of the open
 * transaction may overwrite the transaction's own. nc_held_row_own() is for the writing thread: it
 * gives the newest value, without taking the lock. */
const struct nc_held_value *nc_held_row_get(struct nc_held *held, struct nc_slice key,
                                            uint64_t sequence);
const struct nc_held_value *nc_held_row_own(const struct nc_held *held, struct nc_slice key);

/* A row as a view sees it. */
struct nc_held_pair {
	struct nc_slice key;
	const struct nc_held_value *value;
};

/* The rows of a scan: from `from` to `bound`, in the scan's direction. With `behind` the row at
 * `from` itself is left out. An empty slice sets no limit. */
struct nc_held_range {
	struct nc_slice from, bound;
	bool backward, behind;
};

/* Append rows of the range to `pairs`, an array of struct nc_held_pair, in no particular order. One
 * call looks at a part of the generation's rows only, so that the writer never waits long for the
 * lock. Set `*at` to 0 before the first call and go on until it is UINT32_MAX. Errors: NC_NOMEM. */
int nc_held_rows_list(struct nc_held *held, uint64_t sequence, const struct nc_held_range *range,
                      uint32_t *at, struct nc_buf *pairs);

#endif
