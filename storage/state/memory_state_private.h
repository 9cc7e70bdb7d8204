/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_state_private.h -- what memory_state.c, the applier's side, and memory_reader.c share. All
 * tables are in one map: a key there is a byte for the table, and then the table's key. */
#ifndef NC_STORAGE_STATE_MEMORY_STATE_PRIVATE_H
#define NC_STORAGE_STATE_MEMORY_STATE_PRIVATE_H

#include <pthread.h>

#include "core/base/assert.h"
#include "core/engine/state.h"
#include "storage/state/memory_map_private.h"

enum { NC_MEMORY_EVENTS = 0x40, NC_MEMORY_INDEX = 0x50, NC_MEMORY_IDS = 0x60 }; /* below: spaces */

enum {
	NC_MEMORY_EVENT_KEY_SIZE = 1 + 8,
	NC_MEMORY_INDEX_KEY_SIZE = 1 + 8 + 8,
	NC_MEMORY_ID_ROW_SIZE = 16 + NC_DIGEST_SIZE
};

/* What there is between two transactions. */
struct nc_memory_version {
	struct nc_memory_map map;
	struct nc_state_applied applied;
	uint64_t last; /* position of the last event put */
	uint64_t size; /* about how many bytes all of it takes */
};

struct nc_memory_reader {
	struct nc_state_reader base;
	struct nc_memory_version version;
	bool begun;
};

struct nc_memory_state {
	struct nc_state base;
	pthread_mutex_t mutex;              /* over the two below */
	struct nc_memory_version committed; /* what a reader begins with */
	struct nc_memory_version durable;   /* what a crash leaves */
	struct nc_memory_reader writer; /* its version is the open transaction's; the applier's */
};

struct nc_memory_key {
	uint8_t bytes[NC_STATE_KEY_SIZE_MAX + 16];
	size_t size;
};

static inline struct nc_slice nc_memory_key_slice(const struct nc_memory_key *key)
{
	return nc_slice(key->bytes, key->size);
}

static inline void nc_memory_key_make(struct nc_memory_key *key, unsigned table,
                                      struct nc_slice rest)
{
	nc_assert(rest.size <= NC_STATE_KEY_SIZE_MAX);
	key->bytes[0] = (uint8_t)table;
	if (rest.size > 0)
		memcpy(key->bytes + 1, rest.data, rest.size);
	key->size = 1 + rest.size;
}

static inline void nc_memory_key_event(struct nc_memory_key *key, uint64_t position)
{
	key->bytes[0] = NC_MEMORY_EVENTS;
	nc_set_be64(key->bytes + 1, position);
	key->size = NC_MEMORY_EVENT_KEY_SIZE;
}

static inline void nc_memory_key_index(struct nc_memory_key *key, enum nc_index index, uint64_t id,
                                       uint64_t ordinal)
{
	key->bytes[0] = (uint8_t)(NC_MEMORY_INDEX + index);
	nc_set_be64(key->bytes + 1, id);
	nc_set_be64(key->bytes + 9, ordinal);
	key->size = NC_MEMORY_INDEX_KEY_SIZE;
}

/* The key of an event id ends in a NUL, which no id has in it: so no such key begins another. */
static inline void nc_memory_key_id(struct nc_memory_key *key, struct nc_slice id)
{
	nc_memory_key_make(key, NC_MEMORY_IDS, id);
	key->bytes[key->size++] = 0;
}

static inline struct nc_memory_version
nc_memory_version_share(const struct nc_memory_version *version)
{
	struct nc_memory_version copy = *version;
	copy.map = nc_memory_map_share(&version->map);
	return copy;
}

static inline struct nc_memory_state *nc_memory_state_of(struct nc_state *base)
{
	return (struct nc_memory_state *)base;
}

/* The readers' calls of the port, in memory_reader.c. */
int nc_memory_reader_open(struct nc_state *base, struct nc_state_reader **reader_out);
int nc_memory_reader_begin(struct nc_state_reader *base);
void nc_memory_reader_end(struct nc_state_reader *base);
void nc_memory_reader_close(struct nc_state_reader *base);
int nc_memory_get(struct nc_state_reader *base, enum nc_space space, struct nc_slice name,
                  struct nc_buf *value);
int nc_memory_scan(struct nc_state_reader *base, enum nc_space space, struct nc_slice from,
                   bool backward, nc_state_pair_fn *fn, void *ctx);
int nc_memory_event_get(struct nc_state_reader *base, uint64_t position, struct nc_buf *row);
int nc_memory_events(struct nc_state_reader *base, uint64_t from, bool backward,
                     nc_state_event_fn *fn, void *ctx);
int nc_memory_index(struct nc_state_reader *base, struct nc_index_walk walk, nc_state_index_fn *fn,
                    void *ctx);
int nc_memory_count(struct nc_state_reader *base, enum nc_index index, uint64_t id,
                    uint64_t *count_out);
int nc_memory_ids(struct nc_state_reader *base, struct nc_slice id, uint64_t stream_id,
                  nc_state_id_fn *fn, void *ctx);

#endif
