/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many lists of names in one hash table; prefixes are looked up at the lengths that there are. */
#include <stdlib.h>

#include "plugins/pattern/names.h"

#define FNV_BASIS 14695981039346656037ull
#define FNV_PRIME 1099511628211ull
#define NONE      UINT32_MAX

/* One item of one list. Items of the same bytes and kind are a chain. */
struct entry {
	struct nc_name name;
	uint64_t hash;
	uint32_t id;
	uint32_t next; /* of those with the same hash */
};

struct nc_names_index {
	struct entry *entries;
	uint32_t *slots; /* first of a chain; open addressing */
	size_t mask;
	size_t count;
	uint8_t *bytes; /* of all names */
	size_t *sizes;  /* of prefixes, ascending, each once */
	size_t size_count;
};

static uint64_t hash_step(uint64_t hash, uint8_t byte)
{
	return (hash ^ byte) * FNV_PRIME;
}

static uint64_t hash_of(struct nc_slice bytes)
{
	uint64_t hash = FNV_BASIS;
	for (size_t i = 0; i < bytes.size; i++)
		hash = hash_step(hash, bytes.data[i]);
	return hash;
}

/* The slot with the chain of such items, or the empty one where it would begin. */
static size_t slot_of(const struct nc_names_index *index, uint64_t hash, struct nc_slice bytes,
                      bool prefix)
{
	size_t slot = (size_t)(hash ^ hash >> 32 ^ prefix) & index->mask;
	for (;; slot = (slot + 1) & index->mask) {
		if (index->slots[slot] == NONE)
			return slot;
		const struct entry *entry = &index->entries[index->slots[slot]];
		if (entry->hash == hash && entry->name.prefix == prefix &&
		    nc_slice_eq(entry->name.bytes, bytes))
			return slot;
	}
}

static int by_size(const void *a, const void *b)
{
	const size_t *left = a;
	const size_t *right = b;
	return (*left > *right) - (*left < *right);
}

static void entry_add(struct nc_names_index *index, const struct nc_name *name, uint32_t id,
                      uint8_t *bytes)
{
	if (name->bytes.size > 0)
		memcpy(bytes, name->bytes.data, name->bytes.size);
	struct entry *entry = &index->entries[index->count];
	*entry = (struct entry){ .name = { nc_slice(bytes, name->bytes.size), name->prefix },
		                 .hash = hash_of(name->bytes),
		                 .id = id };
	size_t slot = slot_of(index, entry->hash, entry->name.bytes, name->prefix);
	entry->next = index->slots[slot];
	index->slots[slot] = (uint32_t)index->count++;
	if (name->prefix)
		index->sizes[index->size_count++] = name->bytes.size;
}

static void fill(struct nc_names_index *index, const struct nc_names *const *lists,
                 const uint32_t *ids, size_t list_count)
{
	uint8_t *bytes = index->bytes;
	for (size_t i = 0; i < list_count; i++) {
		for (size_t k = 0; k < lists[i]->count; k++) {
			entry_add(index, &lists[i]->items[k], ids[i], bytes);
			bytes += lists[i]->items[k].bytes.size;
		}
	}
	qsort(index->sizes, index->size_count, sizeof *index->sizes, by_size);
	size_t kept = 0;
	for (size_t i = 0; i < index->size_count; i++) {
		if (kept == 0 || index->sizes[kept - 1] != index->sizes[i])
			index->sizes[kept++] = index->sizes[i];
	}
	index->size_count = kept;
}

int nc_names_index_new(const struct nc_names *const *lists, const uint32_t *ids, size_t list_count,
                       struct nc_names_index **index_out)
{
	size_t count = 0;
	size_t size = 0;
	for (size_t i = 0; i < list_count; i++) {
		count += lists[i]->count;
		for (size_t k = 0; k < lists[i]->count; k++)
			size += lists[i]->items[k].bytes.size;
	}
	size_t slots = 4;
	while (slots < 2 * count)
		slots *= 2;
	struct nc_names_index *index = calloc(1, sizeof *index);
	if (index == NULL)
		return NC_NOMEM;
	index->mask = slots - 1;
	index->entries = calloc(count + 1, sizeof *index->entries);
	index->slots = malloc(slots * sizeof *index->slots);
	index->bytes = malloc(size + 1);
	index->sizes = calloc(count + 1, sizeof *index->sizes);
	if (index->entries == NULL || index->slots == NULL || index->bytes == NULL ||
	    index->sizes == NULL || count >= NONE) {
		nc_names_index_free(index);
		return NC_NOMEM;
	}
	memset(index->slots, 0xff, slots * sizeof *index->slots);
	fill(index, lists, ids, list_count);
	*index_out = index;
	return NC_OK;
}

void nc_names_index_free(struct nc_names_index *index)
{
	if (index == NULL)
		return;
	free(index->entries);
	free(index->slots);
	free(index->bytes);
	free(index->sizes);
	free(index);
}

static void chain_emit(const struct nc_names_index *index, uint64_t hash, struct nc_slice bytes,
                       bool prefix, nacre_filter_emit_id_fn *emit, void *emit_ctx)
{
	size_t slot = slot_of(index, hash, bytes, prefix);
	for (uint32_t at = index->slots[slot]; at != NONE; at = index->entries[at].next)
		emit(emit_ctx, index->entries[at].id);
}

void nc_names_index_find(const struct nc_names_index *index, struct nc_slice name,
                         nacre_filter_emit_id_fn *emit, void *emit_ctx)
{
	uint64_t hash = FNV_BASIS;
	size_t at = 0;
	for (size_t i = 0; i < index->size_count && index->sizes[i] <= name.size; i++) {
		for (; at < index->sizes[i]; at++)
			hash = hash_step(hash, name.data[at]);
		chain_emit(index, hash, nc_slice(name.data, at), true, emit, emit_ctx);
	}
	for (; at < name.size; at++)
		hash = hash_step(hash, name.data[at]);
	chain_emit(index, hash, name, false, emit, emit_ctx);
}
