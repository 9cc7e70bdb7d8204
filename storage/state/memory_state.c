/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_state.c -- the port of state in memory: the applier's side, and the state as a whole. */
#include "storage/state/memory_state.h"

#include <stdlib.h>

#include "storage/state/memory_state_private.h"

/* ---- The applier ---------------------------------------------------------------------------- */

static int memory_begin(struct nc_state *base)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	nc_assert(!state->writer.begun);
	state->writer.version = nc_memory_version_share(&state->committed);
	state->writer.begun = true;
	return NC_OK;
}

static int memory_commit(struct nc_state *base, struct nc_state_applied applied)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	nc_assert(state->writer.begun);
	pthread_mutex_lock(&state->mutex);
	struct nc_memory_version old = state->committed;
	state->committed = state->writer.version;
	state->committed.applied = applied;
	pthread_mutex_unlock(&state->mutex);
	nc_memory_map_drop(&old.map);
	state->writer.begun = false;
	return NC_OK;
}

static void memory_rollback(struct nc_state *base)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	nc_assert(state->writer.begun);
	nc_memory_map_drop(&state->writer.version.map);
	state->writer.begun = false;
}

static int put(struct nc_memory_version *version, const struct nc_memory_key *key,
               struct nc_slice value)
{
	if (!nc_memory_map_put(&version->map, nc_memory_key_slice(key), value))
		return NC_NOMEM;
	version->size += key->size + value.size;
	return NC_OK;
}

static int drop(struct nc_memory_version *version, const struct nc_memory_key *key)
{
	struct nc_slice value;
	if (!nc_memory_map_get(&version->map, nc_memory_key_slice(key), &value))
		return NC_OK;
	uint64_t size = key->size + value.size;
	if (!nc_memory_map_remove(&version->map, nc_memory_key_slice(key)))
		return NC_NOMEM;
	version->size -= size;
	return NC_OK;
}

static int memory_put(struct nc_state *base, enum nc_space space, struct nc_slice name,
                      struct nc_slice value)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	nc_assert(state->writer.begun && space < NC_SPACE_COUNT && name.size > 0);
	struct nc_memory_key key;
	nc_memory_key_make(&key, space, name);
	int err = drop(&state->writer.version, &key); /* so that the old value is not counted */
	return err != NC_OK ? err : put(&state->writer.version, &key, value);
}

static int memory_del(struct nc_state *base, enum nc_space space, struct nc_slice name)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	nc_assert(state->writer.begun && space < NC_SPACE_COUNT && name.size > 0);
	struct nc_memory_key key;
	nc_memory_key_make(&key, space, name);
	return drop(&state->writer.version, &key);
}

static int index_put(struct nc_memory_version *version, enum nc_index index, uint64_t id,
                     uint64_t ordinal, uint64_t position)
{
	struct nc_memory_key key;
	uint8_t value[8];
	nc_memory_key_index(&key, index, id, ordinal);
	nc_set_be64(value, position);
	return put(version, &key, nc_slice(value, sizeof value));
}

static int id_put(struct nc_memory_version *version, uint64_t position,
                  const struct nc_event_keys *keys)
{
	if (keys->id.size == 0)
		return NC_OK;
	struct nc_memory_key key;
	uint8_t value[NC_MEMORY_ID_ROW_SIZE];
	nc_memory_key_id(&key, keys->id);
	nc_set_be64(key.bytes + key.size, keys->stream_id);
	key.size += 8;
	nc_set_be64(value, position);
	nc_set_be64(value + 8, keys->version);
	memcpy(value + 16, keys->digest, NC_DIGEST_SIZE);
	return put(version, &key, nc_slice(value, sizeof value));
}

static int memory_event_put(struct nc_state *base, uint64_t position, struct nc_slice row,
                            const struct nc_event_keys *keys)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	struct nc_memory_version *version = &state->writer.version;
	nc_assert(state->writer.begun && position > version->last);
	nc_assert(keys->tag_count <= NC_STATE_TAG_COUNT_MAX);

	struct nc_memory_key key;
	nc_memory_key_event(&key, position);
	int err = put(version, &key, row);
	if (err == NC_OK)
		err = index_put(version, NC_INDEX_STREAM, keys->stream_id, keys->version, position);
	if (err == NC_OK)
		err = index_put(version, NC_INDEX_TYPE, keys->type_id, position, position);
	if (err == NC_OK)
		err = index_put(version, NC_INDEX_CATEGORY, keys->category_id, position, position);
	for (size_t i = 0; err == NC_OK && i < keys->tag_count; i++)
		err = index_put(version, NC_INDEX_TAG, keys->tag_ids[i], position, position);
	if (err == NC_OK)
		err = id_put(version, position, keys);
	if (err == NC_OK)
		version->last = position;
	return err;
}

static bool key_keep(void *ctx, struct nc_slice key, struct nc_slice value)
{
	(void)value;
	struct nc_memory_key *kept = ctx;
	memcpy(kept->bytes, key.data, key.size);
	kept->size = key.size;
	return false;
}

static int memory_event_del(struct nc_state *base, uint64_t from, uint64_t to)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	nc_assert(state->writer.begun);
	for (;;) {
		struct nc_memory_key key;
		struct nc_memory_key next = { .size = 0 };
		nc_memory_key_event(&key, from);
		nc_memory_map_scan(&state->writer.version.map, nc_memory_key_slice(&key), false,
		                   key_keep, &next);
		if (next.size != NC_MEMORY_EVENT_KEY_SIZE || next.bytes[0] != NC_MEMORY_EVENTS ||
		    nc_get_be64(next.bytes + 1) > to)
			return NC_OK;
		int err = drop(&state->writer.version, &next);
		if (err != NC_OK)
			return err;
	}
}

static struct nc_state_reader *memory_writer(struct nc_state *base)
{
	return &nc_memory_state_of(base)->writer.base;
}

/* ---- Any thread ----------------------------------------------------------------------------- */

static struct nc_state_applied memory_applied(struct nc_state *base)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	pthread_mutex_lock(&state->mutex);
	struct nc_state_applied applied = state->committed.applied;
	pthread_mutex_unlock(&state->mutex);
	return applied;
}

static int memory_checkpoint(struct nc_state *base, struct nc_state_applied *covered_out)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	pthread_mutex_lock(&state->mutex);
	struct nc_memory_version old = state->durable;
	state->durable = nc_memory_version_share(&state->committed);
	*covered_out = state->durable.applied;
	pthread_mutex_unlock(&state->mutex);
	nc_memory_map_drop(&old.map);
	return NC_OK;
}

static uint64_t memory_size(struct nc_state *base)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	pthread_mutex_lock(&state->mutex);
	uint64_t size = state->committed.size;
	pthread_mutex_unlock(&state->mutex);
	return size;
}

static uint64_t memory_checkpoint_size(struct nc_state *base, uint64_t fresh)
{
	(void)base;
	return fresh;
}

static int memory_close(struct nc_state *base)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	if (state->writer.begun)
		memory_rollback(base);
	nc_memory_map_drop(&state->committed.map);
	nc_memory_map_drop(&state->durable.map);
	pthread_mutex_destroy(&state->mutex);
	free(state);
	return NC_OK;
}

void nc_memory_state_crash(struct nc_state *base)
{
	struct nc_memory_state *state = nc_memory_state_of(base);
	if (state->writer.begun)
		memory_rollback(base);
	pthread_mutex_lock(&state->mutex);
	struct nc_memory_version old = state->committed;
	state->committed = nc_memory_version_share(&state->durable);
	pthread_mutex_unlock(&state->mutex);
	nc_memory_map_drop(&old.map);
}

static const struct nc_state_ops memory_ops = {
	.begin = memory_begin,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.put = memory_put,
	.del = memory_del,
	.event_put = memory_event_put,
	.event_del = memory_event_del,
	.writer = memory_writer,
	.applied = memory_applied,
	.checkpoint = memory_checkpoint,
	.size = memory_size,
	.checkpoint_size = memory_checkpoint_size,
	.close = memory_close,
	.reader_open = nc_memory_reader_open,
	.reader_close = nc_memory_reader_close,
	.reader_begin = nc_memory_reader_begin,
	.reader_end = nc_memory_reader_end,
	.get = nc_memory_get,
	.scan = nc_memory_scan,
	.event_get = nc_memory_event_get,
	.events = nc_memory_events,
	.index = nc_memory_index,
	.count = nc_memory_count,
	.ids = nc_memory_ids,
};

int nc_memory_state_open(struct nc_state **state_out)
{
	struct nc_memory_state *state = calloc(1, sizeof *state);
	if (state == NULL)
		return NC_NOMEM;
	if (pthread_mutex_init(&state->mutex, NULL) != 0) {
		free(state);
		return NC_NOMEM;
	}
	state->base.ops = &memory_ops;
	state->writer.base.state = &state->base;
	*state_out = &state->base;
	return NC_OK;
}
