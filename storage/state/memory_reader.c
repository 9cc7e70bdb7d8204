/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_reader.c -- the port of state in memory: readers. */
#include <stdlib.h>

#include "storage/state/memory_state_private.h"

static struct nc_memory_reader *reader_of(struct nc_state_reader *base)
{
	struct nc_memory_reader *reader = (struct nc_memory_reader *)base;
	nc_assert(reader->begun);
	return reader;
}

int nc_memory_reader_open(struct nc_state *base, struct nc_state_reader **reader_out)
{
	struct nc_memory_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return NC_NOMEM;
	reader->base.state = base;
	*reader_out = &reader->base;
	return NC_OK;
}

int nc_memory_reader_begin(struct nc_state_reader *base)
{
	struct nc_memory_reader *reader = (struct nc_memory_reader *)base;
	struct nc_memory_state *state = nc_memory_state_of(base->state);
	nc_assert(!reader->begun && reader != &state->writer);
	pthread_mutex_lock(&state->mutex);
	reader->version = nc_memory_version_share(&state->committed);
	pthread_mutex_unlock(&state->mutex);
	reader->begun = true;
	return NC_OK;
}

void nc_memory_reader_end(struct nc_state_reader *base)
{
	struct nc_memory_reader *reader = reader_of(base);
	nc_memory_map_drop(&reader->version.map);
	reader->begun = false;
}

void nc_memory_reader_close(struct nc_state_reader *base)
{
	struct nc_memory_reader *reader = (struct nc_memory_reader *)base;
	if (reader->begun)
		nc_memory_reader_end(base);
	free(reader);
}

static int append_value(struct nc_memory_reader *reader, const struct nc_memory_key *key,
                        struct nc_buf *buf)
{
	struct nc_slice value;
	if (!nc_memory_map_get(&reader->version.map, nc_memory_key_slice(key), &value))
		return NC_NOTFOUND;
	nc_buf_put_slice(buf, value);
	return nc_buf_status(buf);
}

int nc_memory_get(struct nc_state_reader *base, enum nc_space space, struct nc_slice name,
                  struct nc_buf *value)
{
	struct nc_memory_key key;
	nc_memory_key_make(&key, space, name);
	return append_value(reader_of(base), &key, value);
}

/* A scan of one table: the pairs of the map, until another prefix begins. */
struct scan {
	const struct nc_memory_key *prefix;
	nc_state_pair_fn *pair_fn;
	nc_state_event_fn *event_fn;
	nc_state_index_fn *index_fn;
	nc_state_id_fn *id_fn;
	void *ctx;
};

static bool scan_step(void *ctx, struct nc_slice key, struct nc_slice value)
{
	const struct scan *scan = ctx;
	if (!nc_slice_starts(key, nc_memory_key_slice(scan->prefix)))
		return false;
	if (scan->pair_fn != NULL)
		return scan->pair_fn(scan->ctx, nc_slice_from(key, 1), value);
	if (scan->event_fn != NULL)
		return scan->event_fn(scan->ctx, nc_get_be64(key.data + 1), value);
	if (scan->index_fn != NULL) {
		return scan->index_fn(scan->ctx, nc_get_be64(key.data + 9),
		                      nc_get_be64(value.data));
	}
	struct nc_id_row row = { .stream_id = nc_get_be64(key.data + key.size - 8),
		                 .position = nc_get_be64(value.data),
		                 .version = nc_get_be64(value.data + 8) };
	memcpy(row.digest, value.data + 16, NC_DIGEST_SIZE);
	return scan->id_fn(scan->ctx, &row);
}

int nc_memory_scan(struct nc_state_reader *base, enum nc_space space, struct nc_slice from,
                   bool backward, nc_state_pair_fn *fn, void *ctx)
{
	struct nc_memory_reader *reader = reader_of(base);
	struct nc_memory_key prefix;
	struct nc_memory_key start;
	nc_memory_key_make(&prefix, space, nc_slice(NULL, 0));
	nc_memory_key_make(&start, space, from);
	if (backward && from.size == 0)
		start.bytes[0]++; /* the beginning of the next table, which is no key of it */
	struct scan scan = { .prefix = &prefix, .pair_fn = fn, .ctx = ctx };
	nc_memory_map_scan(&reader->version.map, nc_memory_key_slice(&start), backward, scan_step,
	                   &scan);
	return NC_OK;
}

int nc_memory_event_get(struct nc_state_reader *base, uint64_t position, struct nc_buf *row)
{
	struct nc_memory_key key;
	nc_memory_key_event(&key, position);
	return append_value(reader_of(base), &key, row);
}

int nc_memory_events(struct nc_state_reader *base, uint64_t from, bool backward,
                     nc_state_event_fn *fn, void *ctx)
{
	struct nc_memory_reader *reader = reader_of(base);
	struct nc_memory_key prefix = { .bytes = { NC_MEMORY_EVENTS }, .size = 1 };
	struct nc_memory_key start;
	nc_memory_key_event(&start, from);
	struct scan scan = { .prefix = &prefix, .event_fn = fn, .ctx = ctx };
	nc_memory_map_scan(&reader->version.map, nc_memory_key_slice(&start), backward, scan_step,
	                   &scan);
	return NC_OK;
}

int nc_memory_index(struct nc_state_reader *base, struct nc_index_walk walk, nc_state_index_fn *fn,
                    void *ctx)
{
	struct nc_memory_reader *reader = reader_of(base);
	nc_assert(walk.index < NC_INDEX_COUNT);
	struct nc_memory_key prefix;
	struct nc_memory_key start;
	nc_memory_key_index(&prefix, walk.index, walk.id, 0);
	prefix.size = 1 + 8;
	nc_memory_key_index(&start, walk.index, walk.id, walk.from);
	struct scan scan = { .prefix = &prefix, .index_fn = fn, .ctx = ctx };
	nc_memory_map_scan(&reader->version.map, nc_memory_key_slice(&start), walk.backward,
	                   scan_step, &scan);
	return NC_OK;
}

int nc_memory_count(struct nc_state_reader *base, enum nc_index index, uint64_t id,
                    uint64_t *count_out)
{
	uint64_t count = 0;
	nc_assert(nc_index_is_counted(index));
	int err = nc_memory_index(base, (struct nc_index_walk){ .index = index, .id = id },
	                          nc_state_count_one, &count);
	if (err == NC_OK)
		*count_out = count;
	return err;
}

int nc_memory_ids(struct nc_state_reader *base, struct nc_slice id, uint64_t stream_id,
                  nc_state_id_fn *fn, void *ctx)
{
	struct nc_memory_reader *reader = reader_of(base);
	struct nc_memory_key prefix;
	nc_memory_key_id(&prefix, id);
	if (stream_id != 0) {
		nc_set_be64(prefix.bytes + prefix.size, stream_id);
		prefix.size += 8;
	}
	struct scan scan = { .prefix = &prefix, .id_fn = fn, .ctx = ctx };
	nc_memory_map_scan(&reader->version.map, nc_memory_key_slice(&prefix), false, scan_step,
	                   &scan);
	return NC_OK;
}
