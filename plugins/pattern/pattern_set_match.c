/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Matching one view against many patterns: its leaves find candidates, which are then asked. */
#include <stdlib.h>

#include "plugins/pattern/fold.h"
#include "plugins/pattern/pattern_set_private.h"

#define TOLD_ON_STACK 512 /* words; 64 patterns each */
#define FOLD_ON_STACK 512 /* bytes of text that need no allocation */

/* One question to a set. */
struct ask {
	const struct nc_pattern_set *set;
	struct nc_leaves leaves;
	bool indexed;
	uint64_t *told; /* bit a pattern */
	nacre_filter_emit_id_fn *emit;
	void *emit_ctx;
};

static void tell(struct ask *ask, uint32_t pattern)
{
	ask->told[pattern / 64] |= 1ull << pattern % 64;
	ask->emit(ask->emit_ctx, ask->set->ids[pattern]);
}

/* Ask a candidate. `leaf` is the one by which it was found; NULL if it is always asked. */
static int candidate_ask(struct ask *ask, uint32_t index, const nacre_filter_leaf *leaf)
{
	const struct nc_set_candidate *candidate = &ask->set->candidates[index];
	if ((ask->told[candidate->pattern / 64] >> candidate->pattern % 64 & 1) != 0)
		return NACRE_FILTER_OK;
	if (leaf != NULL) {
		if (leaf->path_hash != candidate->field->hash ||
		    !nc_slice_eq(nc_slice_in(leaf->path), candidate->field->path))
			return NACRE_FILTER_OK;
		int hit = nc_field_test(candidate->field, leaf);
		if (hit <= 0)
			return hit;
		if (candidate->alternative->field_count == 1) {
			tell(ask, candidate->pattern);
			return NACRE_FILTER_OK;
		}
	}
	if (!ask->indexed) {
		int answer = nc_leaves_index(&ask->leaves);
		if (answer < 0)
			return answer;
		ask->indexed = true;
	}
	int answer = nc_alternative_match(candidate->alternative, &ask->leaves);
	if (answer > 0)
		tell(ask, candidate->pattern);
	return answer < 0 ? answer : NACRE_FILTER_OK;
}

static int chain_ask(struct ask *ask, uint32_t entry, const nacre_filter_leaf *leaf)
{
	while (entry != NC_SET_NONE) {
		const struct nc_set_entry *at = &ask->set->entries[entry];
		int answer = candidate_ask(ask, at->candidate, leaf);
		if (answer < 0)
			return answer;
		entry = at->next;
	}
	return NACRE_FILTER_OK;
}

static int key_ask(struct ask *ask, enum nc_set_key_kind kind, struct nc_slice bytes,
                   const nacre_filter_leaf *leaf)
{
	const struct nc_set_slot *slot =
	        nc_set_slot(ask->set, nc_set_hash(leaf->path_hash, kind, bytes));
	return slot->hash == 0 ? NACRE_FILTER_OK : chain_ask(ask, slot->first, leaf);
}

static int fold_ask(struct ask *ask, struct nc_slice text, const nacre_filter_leaf *leaf)
{
	uint8_t on_stack[NC_FOLD_SIZE_MAX(FOLD_ON_STACK)];
	uint8_t *room = on_stack;
	if (text.size > FOLD_ON_STACK) {
		room = malloc(NC_FOLD_SIZE_MAX(text.size));
		if (room == NULL)
			return NACRE_FILTER_NO_MEMORY;
	}
	int answer = key_ask(ask, NC_SET_KEY_FOLD, nc_slice(room, nc_fold(text, room)), leaf);
	if (room != on_stack)
		free(room);
	return answer;
}

static bool has(const struct nc_set_path *path, enum nc_set_key_kind kind)
{
	return (path->kinds >> kind & 1) != 0;
}

static int string_ask(struct ask *ask, const struct nc_set_path *path,
                      const nacre_filter_leaf *leaf)
{
	struct nc_slice text = nc_slice_in(leaf->text);
	int answer = has(path, NC_SET_KEY_STRING) ? key_ask(ask, NC_SET_KEY_STRING, text, leaf) : 0;
	if (answer >= 0 && has(path, NC_SET_KEY_FOLD))
		answer = fold_ask(ask, text, leaf);
	for (size_t i = 0; answer >= 0 && i < path->prefix_count; i++) {
		size_t size = path->prefix_sizes[i];
		if (size > text.size)
			break;
		answer = key_ask(ask, NC_SET_KEY_PREFIX, nc_slice(text.data, size), leaf);
	}
	for (size_t i = 0; answer >= 0 && i < path->suffix_count; i++) {
		size_t size = path->suffix_sizes[i];
		if (size > text.size)
			break;
		answer = key_ask(ask, NC_SET_KEY_SUFFIX,
		                 nc_slice(text.data + text.size - size, size), leaf);
	}
	return answer;
}

static int value_ask(struct ask *ask, const struct nc_set_path *path, const nacre_filter_leaf *leaf)
{
	switch (leaf->kind) {
	case NACRE_FILTER_NULL:
		return has(path, NC_SET_KEY_LITERAL)
		               ? key_ask(ask, NC_SET_KEY_LITERAL, NC_SLICE("n"), leaf)
		               : 0;
	case NACRE_FILTER_FALSE:
		return has(path, NC_SET_KEY_LITERAL)
		               ? key_ask(ask, NC_SET_KEY_LITERAL, NC_SLICE("f"), leaf)
		               : 0;
	case NACRE_FILTER_TRUE:
		return has(path, NC_SET_KEY_LITERAL)
		               ? key_ask(ask, NC_SET_KEY_LITERAL, NC_SLICE("t"), leaf)
		               : 0;
	case NACRE_FILTER_NUMBER: /* equal numbers have equal bits */
		return has(path, NC_SET_KEY_NUMBER)
		               ? key_ask(ask, NC_SET_KEY_NUMBER,
		                         nc_slice(&leaf->number.u64, sizeof leaf->number.u64), leaf)
		               : 0;
	case NACRE_FILTER_STRING:
		return string_ask(ask, path, leaf);
	default:
		return NACRE_FILTER_OK;
	}
}

static int leaf_ask(struct ask *ask, const nacre_filter_leaf *leaf)
{
	const struct nc_pattern_set *set = ask->set;
	if (leaf->kind == NACRE_FILTER_ARRAY || leaf->kind == NACRE_FILTER_OBJECT)
		return NACRE_FILTER_OK;
	const struct nc_set_path *path = nc_set_path(set, leaf->path_hash, nc_slice_in(leaf->path));
	if (path == NULL)
		return NACRE_FILTER_OK;
	int answer = value_ask(ask, path, leaf);
	return answer >= 0 && path->list != 0 ? chain_ask(ask, path->list - 1, leaf) : answer;
}

int nc_pattern_set_match(const struct nc_pattern_set *set, const nacre_filter_view *view,
                         nacre_filter_emit_id_fn *emit, void *emit_ctx)
{
	uint64_t on_stack[TOLD_ON_STACK];
	struct ask ask; /* member by member: its leaves' room need not be zeroed */
	ask.set = set;
	ask.indexed = false;
	ask.told = on_stack;
	ask.emit = emit;
	ask.emit_ctx = emit_ctx;
	nc_leaves_init(&ask.leaves, view);
	size_t words = (set->pattern_count + 63) / 64;
	if (words > TOLD_ON_STACK) {
		ask.told = malloc(words * sizeof *ask.told);
		if (ask.told == NULL)
			return NACRE_FILTER_NO_MEMORY;
	}
	memset(ask.told, 0, words * sizeof *ask.told);
	int answer = NACRE_FILTER_OK;
	for (size_t i = 0; answer >= 0 && i < set->always_count; i++)
		answer = candidate_ask(&ask, set->always[i], NULL);
	for (uint64_t i = 0; answer >= 0 && i < view->leaf_count; i++)
		answer = leaf_ask(&ask, nacre_filter_leaf_at(view, i));
	nc_leaves_release(&ask.leaves);
	if (ask.told != on_stack)
		free(ask.told);
	return answer < 0 ? answer : NACRE_FILTER_OK;
}
