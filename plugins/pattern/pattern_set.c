/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many patterns in one index. Each alternative is entered under its rarest field. If all values of
 * that field can be looked up (whole values, beginnings, endings), it is entered under each of
 * them; otherwise into the list of the field's path. An alternative without a field that must be
 * there is always asked. What is found is a candidate. It is then asked in full, unless the field
 * was all that there is to ask. */
#include "plugins/pattern/pattern_set_private.h"

#include <stdlib.h>

#include "plugins/pattern/fold.h"

/* ---- Keys ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}

uint64_t nc_set_hash(uint64_t path_hash, enum nc_set_key_kind kind, struct nc_slice bytes)
{
	uint64_t hash = mix(path_hash + (uint64_t)kind, bytes.size);
	size_t at = 0;
	for (; at + 8 <= bytes.size; at += 8) {
		uint64_t word;
		memcpy(&word, bytes.data + at, 8);
		hash = mix(hash, word);
	}
	uint64_t word = 0;
	if (at < bytes.size)
		memcpy(&word, bytes.data + at, bytes.size - at);
	hash = mix(hash, word);
	return hash == 0 ? 1 : hash; /* 0 is an empty slot */
}

static bool is_literal(uint8_t byte)
{
	return byte != '*' && byte != '\\';
}

/* The literal bytes with which a wildcard begins; they stop at an escape. */
static struct nc_slice wildcard_begin(struct nc_slice wildcard)
{
	size_t size = 0;
	while (size < wildcard.size && is_literal(wildcard.data[size]))
		size++;
	return nc_slice(wildcard.data, size);
}

/* Those with which it ends. The star at which they stop may be an escaped one. */
static struct nc_slice wildcard_end(struct nc_slice wildcard)
{
	size_t at = wildcard.size;
	while (at > 0 && is_literal(wildcard.data[at - 1]))
		at--;
	return nc_slice(wildcard.data + at, wildcard.size - at);
}

/* The key under which a matcher is found; false if it cannot be found by one. */
static bool key_of(const struct nc_field *field, const struct nc_matcher *matcher,
                   struct nc_set_key *key_out)
{
	struct nc_set_key key = { .kind = NC_SET_KEY_STRING, .bytes = matcher->text };
	switch (matcher->kind) {
	case NC_MATCH_NULL:
	case NC_MATCH_FALSE:
	case NC_MATCH_TRUE:
		key.kind = NC_SET_KEY_LITERAL;
		key.bytes = nc_slice(matcher->kind == NC_MATCH_NULL    ? "n"
		                     : matcher->kind == NC_MATCH_FALSE ? "f"
		                                                       : "t",
		                     1);
		break;
	case NC_MATCH_NUMBER:
		key.kind = NC_SET_KEY_NUMBER;
		key.bytes = nc_slice(&matcher->low.u64, sizeof matcher->low.u64);
		break;
	case NC_MATCH_STRING:
		break;
	case NC_MATCH_PREFIX:
		key.kind = NC_SET_KEY_PREFIX;
		break;
	case NC_MATCH_SUFFIX:
		key.kind = NC_SET_KEY_SUFFIX;
		break;
	case NC_MATCH_FOLD:
		key.kind = NC_SET_KEY_FOLD;
		break;
	case NC_MATCH_WILDCARD:
		key.kind = NC_SET_KEY_PREFIX;
		key.bytes = wildcard_begin(matcher->text);
		if (key.bytes.size == 0) {
			key.kind = NC_SET_KEY_SUFFIX;
			key.bytes = wildcard_end(matcher->text);
		}
		if (key.bytes.size == 0)
			return false;
		break;
	default:
		return false;
	}
	if ((key.kind == NC_SET_KEY_PREFIX || key.kind == NC_SET_KEY_SUFFIX) &&
	    (key.bytes.size == 0 || key.bytes.size > NC_SET_AFFIX_MAX))
		return false;
	key.hash = nc_set_hash(field->hash, key.kind, key.bytes);
	*key_out = key;
	return true;
}

/* ---- Tables --------------------------------------------------------------------------------- */

static struct nc_set_path_slot *path_slot(const struct nc_pattern_set *set, uint64_t hash,
                                          struct nc_slice bytes)
{
	size_t at = (size_t)(hash ^ hash >> 32) & set->path_mask;
	for (;; at = (at + 1) & set->path_mask) {
		struct nc_set_path_slot *slot = &set->path_slots[at];
		if (slot->path == 0 ||
		    (slot->hash == hash && nc_slice_eq(set->paths[slot->path].bytes, bytes)))
			return slot;
	}
}

const struct nc_set_path *nc_set_path(const struct nc_pattern_set *set, uint64_t hash,
                                      struct nc_slice bytes)
{
	const struct nc_set_path_slot *slot = path_slot(set, hash, bytes);
	return slot->path == 0 ? NULL : &set->paths[slot->path];
}

/* The path of a field, which is entered if it is new; NULL if out of memory. */
static struct nc_set_path *path_enter(struct nc_pattern_set *set, const struct nc_field *field)
{
	struct nc_set_path_slot *slot = path_slot(set, field->hash, field->path);
	if (slot->path != 0)
		return &set->paths[slot->path];
	if ((set->path_count & (set->path_count - 1)) == 0) {
		struct nc_set_path *paths =
		        realloc(set->paths, 2 * set->path_count * sizeof *set->paths);
		if (paths == NULL)
			return NULL;
		set->paths = paths;
	}
	*slot = (struct nc_set_path_slot){ field->hash, (uint32_t)set->path_count };
	struct nc_set_path *path = &set->paths[set->path_count++];
	*path = (struct nc_set_path){ .bytes = field->path };
	return path;
}

struct nc_set_slot *nc_set_slot(const struct nc_pattern_set *set, uint64_t hash)
{
	size_t slot = (size_t)(hash ^ hash >> 32) & set->slot_mask;
	while (set->slots[slot].hash != 0 && set->slots[slot].hash != hash)
		slot = (slot + 1) & set->slot_mask;
	return &set->slots[slot];
}

static void size_add(uint8_t *sizes, uint8_t *count, size_t size)
{
	size_t at = 0;
	while (at < *count && sizes[at] < size)
		at++;
	if (at < *count && sizes[at] == size)
		return;
	memmove(sizes + at + 1, sizes + at, *count - at);
	sizes[at] = (uint8_t)size;
	(*count)++;
}

static void key_enter(struct nc_pattern_set *set, struct nc_set_path *path,
                      const struct nc_set_key *key, uint32_t candidate)
{
	struct nc_set_slot *slot = nc_set_slot(set, key->hash);
	struct nc_set_entry *entry = &set->entries[set->entry_count];
	*entry = (struct nc_set_entry){ candidate, slot->hash == 0 ? NC_SET_NONE : slot->first };
	slot->hash = key->hash;
	slot->first = (uint32_t)set->entry_count++;
	path->kinds |= (uint8_t)(1u << key->kind);
	if (key->kind == NC_SET_KEY_PREFIX)
		size_add(path->prefix_sizes, &path->prefix_count, key->bytes.size);
	if (key->kind == NC_SET_KEY_SUFFIX)
		size_add(path->suffix_sizes, &path->suffix_count, key->bytes.size);
}

/* ---- Building ------------------------------------------------------------------------------- */

/* How many alternatives would share the field's keys: the fewer, the better. */
static size_t crowd_of(const struct nc_pattern_set *set, const struct nc_field *field)
{
	size_t crowd = 0;
	for (size_t i = 0; i < field->matcher_count; i++) {
		struct nc_set_key key;
		if (!key_of(field, &field->matchers[i], &key))
			return SIZE_MAX - 1; /* the path's list: any value of the path */
		crowd += nc_set_slot(set, key.hash)->count;
		if (key.kind == NC_SET_KEY_PREFIX || key.kind == NC_SET_KEY_SUFFIX)
			crowd += 2; /* beginnings say less than whole values */
	}
	return crowd;
}

static void count_keys(struct nc_pattern_set *set, const struct nc_alternative *alternative)
{
	for (size_t i = 0; i < alternative->field_count; i++) {
		const struct nc_field *field = alternative->fields[i];
		for (size_t k = 0; !field->may_lack && k < field->matcher_count; k++) {
			struct nc_set_key key;
			if (!key_of(field, &field->matchers[k], &key))
				continue;
			struct nc_set_slot *slot = nc_set_slot(set, key.hash);
			slot->hash = key.hash;
			slot->first = NC_SET_NONE;
			slot->count++;
		}
	}
}

static int alternative_enter(struct nc_pattern_set *set, uint32_t pattern,
                             const struct nc_alternative *alternative)
{
	const struct nc_field *best = NULL;
	size_t best_crowd = SIZE_MAX;
	for (size_t i = 0; i < alternative->field_count; i++) {
		const struct nc_field *field = alternative->fields[i];
		size_t crowd = field->may_lack ? SIZE_MAX : crowd_of(set, field);
		if (crowd < best_crowd) {
			best = field;
			best_crowd = crowd;
		}
	}
	uint32_t candidate = (uint32_t)set->candidate_count++;
	set->candidates[candidate] = (struct nc_set_candidate){ pattern, alternative, best };
	if (best == NULL) {
		set->always[set->always_count++] = candidate;
		return NC_OK;
	}
	struct nc_set_path *path = path_enter(set, best);
	if (path == NULL)
		return NC_NOMEM;
	if (best_crowd == SIZE_MAX - 1) {
		struct nc_set_entry *entry = &set->entries[set->entry_count];
		*entry = (struct nc_set_entry){ candidate,
			                        path->list == 0 ? NC_SET_NONE : path->list - 1 };
		path->list = (uint32_t)++set->entry_count;
		return NC_OK;
	}
	for (size_t i = 0; i < best->matcher_count; i++) {
		struct nc_set_key key;
		if (key_of(best, &best->matchers[i], &key))
			key_enter(set, path, &key, candidate);
	}
	return NC_OK;
}

static size_t power_above(size_t count)
{
	size_t power = 4;
	while (power < 2 * count)
		power *= 2;
	return power;
}

/* Make room for everything that will be entered, and for some more. */
static bool rooms_take(struct nc_pattern_set *set, const struct nc_pattern *const *patterns)
{
	size_t alternatives = 0;
	size_t keys = 0;
	for (size_t i = 0; i < set->pattern_count; i++) {
		for (size_t k = 0; k < patterns[i]->alternative_count; k++) {
			const struct nc_alternative *alternative = &patterns[i]->alternatives[k];
			alternatives++;
			for (size_t f = 0; f < alternative->field_count; f++)
				keys += alternative->fields[f]->matcher_count + 1;
		}
	}
	set->slot_mask = power_above(keys) - 1;
	set->path_mask = power_above(alternatives) - 1;
	set->slots = calloc(set->slot_mask + 1, sizeof *set->slots);
	set->path_slots = calloc(set->path_mask + 1, sizeof *set->path_slots);
	set->paths = calloc(1, sizeof *set->paths);
	set->path_count = 1;
	set->entries = calloc(keys + 1, sizeof *set->entries);
	set->candidates = calloc(alternatives + 1, sizeof *set->candidates);
	set->always = calloc(alternatives + 1, sizeof *set->always);
	set->ids = calloc(set->pattern_count + 1, sizeof *set->ids);
	return set->slots != NULL && set->path_slots != NULL && set->paths != NULL &&
	       set->entries != NULL && set->candidates != NULL && set->always != NULL &&
	       set->ids != NULL && keys < NC_SET_NONE && alternatives < NC_SET_NONE;
}

int nc_pattern_set_new(const struct nc_pattern *const *patterns, const uint32_t *ids,
                       size_t pattern_count, struct nc_pattern_set **set_out)
{
	struct nc_pattern_set *set = calloc(1, sizeof *set);
	if (set == NULL)
		return NC_NOMEM;
	set->pattern_count = pattern_count;
	int err = rooms_take(set, patterns) ? NC_OK : NC_NOMEM;
	if (err != NC_OK)
		goto fail;
	for (size_t i = 0; i < pattern_count; i++) {
		for (size_t k = 0; k < patterns[i]->alternative_count; k++)
			count_keys(set, &patterns[i]->alternatives[k]);
	}
	for (size_t i = 0; i < pattern_count; i++) {
		set->ids[i] = ids[i];
		for (size_t k = 0; err == NC_OK && k < patterns[i]->alternative_count; k++)
			err = alternative_enter(set, (uint32_t)i, &patterns[i]->alternatives[k]);
	}
	if (err != NC_OK)
		goto fail;
	*set_out = set;
	return NC_OK;

fail:
	nc_pattern_set_free(set);
	return err;
}

void nc_pattern_set_free(struct nc_pattern_set *set)
{
	if (set == NULL)
		return;
	free(set->slots);
	free(set->path_slots);
	free(set->paths);
	free(set->entries);
	free(set->candidates);
	free(set->always);
	free(set->ids);
	free(set);
}
