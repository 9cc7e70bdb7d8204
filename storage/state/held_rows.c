/* SPDX-License-Identifier: GPL-3.0-or-later */
/* held_rows.c -- the rows of a generation: by key, and of each the values that commits have put. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "storage/state/held_private.h"

enum { LIST_ROWS = 1024 }; /* looked at under the lock, for a scan */

static struct nc_held_row *row_find(const struct nc_held *held, struct nc_slice key, uint32_t hash)
{
	uint32_t at = held->row_heads[hash & (held->row_head_count - 1)];
	while (at != UINT32_MAX) {
		struct nc_held_row *row = &held->rows[at];
		if (row->hash == hash && nc_slice_eq(row->key, key))
			return row;
		at = row->next;
	}
	return NULL;
}

static void row_chain(struct nc_held *held, uint32_t at)
{
	uint32_t *head = &held->row_heads[held->rows[at].hash & (held->row_head_count - 1)];
	held->rows[at].next = *head;
	*head = at;
}

static bool row_heads_grow(struct nc_held *held)
{
	uint32_t *old = held->row_heads;
	uint32_t count = held->row_head_count * 2;
	if (!nc_held_slots_new(held, count, &held->row_heads))
		return false;
	held->bytes -= held->row_head_count * sizeof *old;
	held->row_head_count = count;
	free(old);
	for (uint32_t i = 0; i < held->row_count; i++)
		row_chain(held, i);
	return true;
}

static bool rows_grow(struct nc_held *held)
{
	uint32_t capacity = held->row_capacity == 0 ? 64 : held->row_capacity * 2;
	struct nc_held_row *rows = realloc(held->rows, capacity * sizeof *rows);
	if (rows == NULL)
		return false;
	held->bytes += (capacity - held->row_capacity) * sizeof *rows;
	held->rows = rows;
	held->row_capacity = capacity;
	return true;
}

static struct nc_held_row *row_make(struct nc_held *held, struct nc_slice key, uint32_t hash)
{
	struct nc_held_row *row = row_find(held, key, hash);
	if (row != NULL)
		return row;
	if (held->row_count >= held->row_head_count && !row_heads_grow(held))
		return NULL;
	if (held->row_count == held->row_capacity && !rows_grow(held))
		return NULL;
	uint8_t *copy = nc_held_alloc(held, key.size);
	if (copy == NULL)
		return NULL;
	memcpy(copy, key.data, key.size);
	row = &held->rows[held->row_count];
	*row = (struct nc_held_row){ .key = nc_slice(copy, key.size), .hash = hash };
	row_chain(held, held->row_count++);
	return row;
}

static bool value_put(struct nc_held *held, struct nc_held_row *row, uint64_t sequence,
                      struct nc_slice bytes, bool deleted)
{
	struct nc_held_value *value = row->newest;
	nc_assert(value == NULL || value->sequence <= sequence);
	if (value == NULL || value->sequence != sequence || value->room < bytes.size) {
		value = nc_held_alloc(held, sizeof *value + bytes.size);
		if (value == NULL)
			return false;
		*value = (struct nc_held_value){ .older = row->newest,
			                         .sequence = sequence,
			                         .room = (uint32_t)bytes.size };
		row->newest = value;
		held->put_count++;
	}
	value->size = (uint32_t)bytes.size;
	value->deleted = deleted;
	if (bytes.size > 0)
		memcpy(value->bytes, bytes.data, bytes.size);
	return true;
}

int nc_held_row_put(struct nc_held *held, uint64_t sequence, struct nc_slice key,
                    struct nc_slice value, bool deleted)
{
	nc_assert(value.size < UINT32_MAX);
	uint32_t hash = nc_held_hash(held, key);
	pthread_rwlock_wrlock(&held->lock);
	struct nc_held_row *row = row_make(held, key, hash);
	bool put = row != NULL && value_put(held, row, sequence, value, deleted);
	pthread_rwlock_unlock(&held->lock);
	return put ? NC_OK : NC_NOMEM;
}

void nc_held_rows_cut(struct nc_held *held, uint64_t sequence, uint32_t put_count)
{
	nc_assert(put_count <= held->put_count);
	pthread_rwlock_wrlock(&held->lock);
	for (uint32_t i = 0; i < held->row_count; i++) {
		struct nc_held_row *row = &held->rows[i];
		while (row->newest != NULL && row->newest->sequence > sequence)
			row->newest = row->newest->older;
	}
	held->put_count = put_count;
	pthread_rwlock_unlock(&held->lock);
}

static const struct nc_held_value *value_of(const struct nc_held_row *row, uint64_t sequence)
{
	const struct nc_held_value *value = row->newest;
	while (value != NULL && value->sequence > sequence)
		value = value->older;
	return value;
}

const struct nc_held_value *nc_held_row_get(struct nc_held *held, struct nc_slice key,
                                            uint64_t sequence)
{
	uint32_t hash = nc_held_hash(held, key);
	pthread_rwlock_rdlock(&held->lock);
	const struct nc_held_row *row = row_find(held, key, hash);
	const struct nc_held_value *value = row == NULL ? NULL : value_of(row, sequence);
	pthread_rwlock_unlock(&held->lock);
	return value;
}

const struct nc_held_value *nc_held_row_own(const struct nc_held *held, struct nc_slice key)
{
	const struct nc_held_row *row = row_find(held, key, nc_held_hash(held, key));
	return row == NULL ? NULL : row->newest;
}

static bool is_asked(struct nc_slice key, const struct nc_held_range *range)
{
	int sign = range->backward ? -1 : 1;
	int order = range->from.size == 0 ? 1 : sign * nc_slice_cmp(key, range->from);
	if (order < 0 || (order == 0 && range->behind))
		return false;
	return range->bound.size == 0 || sign * nc_slice_cmp(key, range->bound) <= 0;
}

int nc_held_rows_list(struct nc_held *held, uint64_t sequence, const struct nc_held_range *range,
                      uint32_t *at, struct nc_buf *pairs)
{
	pthread_rwlock_rdlock(&held->lock);
	uint32_t left = held->row_count - *at;
	uint32_t end = *at + (left < LIST_ROWS ? left : LIST_ROWS);
	for (uint32_t i = *at; i < end; i++) {
		const struct nc_held_row *row = &held->rows[i];
		if (!is_asked(row->key, range))
			continue;
		struct nc_held_pair pair = { row->key, value_of(row, sequence) };
		if (pair.value != NULL)
			nc_buf_put(pairs, &pair, sizeof pair);
	}
	*at = end == held->row_count ? UINT32_MAX : end;
	pthread_rwlock_unlock(&held->lock);
	return nc_buf_status(pairs);
}
