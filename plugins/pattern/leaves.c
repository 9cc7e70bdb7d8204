/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leaves found by their path. */
#include <stdlib.h>

#include "plugins/pattern/match_private.h"

void nc_leaves_init(struct nc_leaves *leaves, const nacre_filter_view *view)
{
	leaves->view = view;
	leaves->heads = NULL;
	leaves->next = NULL;
	leaves->allocated = false;
}

int nc_leaves_index(struct nc_leaves *leaves)
{
	size_t count = (size_t)leaves->view->leaf_count;
	size_t slots = 4;
	while (slots < count)
		slots *= 2;
	uint32_t *room = leaves->on_stack;
	if (slots + count > sizeof leaves->on_stack / sizeof *leaves->on_stack) {
		room = malloc((slots + count) * sizeof *room);
		if (room == NULL)
			return NACRE_FILTER_NO_MEMORY;
		leaves->allocated = true;
	}
	leaves->heads = room;
	leaves->next = room + slots;
	leaves->mask = slots - 1;
	memset(leaves->heads, 0xff, slots * sizeof *leaves->heads);
	/* From the last to the first, so that chains are in the data's order. */
	for (size_t i = count; i-- > 0;) {
		uint64_t hash = nacre_filter_leaf_at(leaves->view, i)->path_hash;
		size_t slot = (size_t)(hash ^ hash >> 32) & leaves->mask;
		leaves->next[i] = leaves->heads[slot];
		leaves->heads[slot] = (uint32_t)i;
	}
	return NACRE_FILTER_OK;
}

void nc_leaves_release(struct nc_leaves *leaves)
{
	if (leaves->allocated)
		free(leaves->heads);
	leaves->heads = NULL;
	leaves->allocated = false;
}

static bool is_at(const nacre_filter_leaf *leaf, const struct nc_field *field)
{
	return leaf->path_hash == field->hash &&
	       nc_slice_eq(nc_slice_in(leaf->path), field->path) &&
	       leaf->kind != NACRE_FILTER_ARRAY && leaf->kind != NACRE_FILTER_OBJECT;
}

uint32_t nc_leaves_next(const struct nc_leaves *leaves, const struct nc_field *field,
                        uint32_t after)
{
	if (leaves->heads != NULL) {
		size_t slot = (size_t)(field->hash ^ field->hash >> 32) & leaves->mask;
		uint32_t at = after == NC_LEAVES_NONE ? leaves->heads[slot] : leaves->next[after];
		while (at != NC_LEAVES_NONE &&
		       !is_at(nacre_filter_leaf_at(leaves->view, at), field))
			at = leaves->next[at];
		return at;
	}
	for (uint64_t at = after == NC_LEAVES_NONE ? 0 : (uint64_t)after + 1;
	     at < leaves->view->leaf_count; at++) {
		if (is_at(nacre_filter_leaf_at(leaves->view, at), field))
			return (uint32_t)at;
	}
	return NC_LEAVES_NONE;
}
