/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which index serves a search, by what the filter's hints say. */
#include "core/engine/batch.h"
#include "core/node/subs/filtered.h"

/* Whether the one hint says all there is to the filter, and names only what the index is by. */
static bool is_index_alone(const struct nc_filter_hints *hints)
{
	const struct nc_filter_hint *hint = &hints->hints[0];
	int said = (hint->stream_kind != NC_FILTER_ANY) + (hint->type_kind != NC_FILTER_ANY) +
	           (hint->tag_kind != NC_FILTER_ANY);
	return hints->full && said == 1;
}

/* One name, exactly. */
static bool by_name(const struct nc_filter_hint *hint, struct nc_query_spec *spec)
{
	if (hint->stream_kind == NC_FILTER_EXACT) {
		spec->kind = NC_QUERY_STREAM;
		spec->key = hint->stream;
	} else if (hint->type_kind == NC_FILTER_EXACT) {
		spec->kind = NC_QUERY_TYPE;
		spec->key = hint->type;
	} else if (hint->tag_kind == NC_FILTER_EXACT) {
		spec->kind = NC_QUERY_TAG;
		spec->key = hint->tag;
	}
	return spec->kind != NC_QUERY_ALL;
}

/* The category, which is the first token of a stream's name; empty if the hint does not have all of
 * that token. */
static struct nc_slice category_of(const struct nc_filter_hint *hint)
{
	const uint8_t *dot =
	        hint->stream.size == 0 ? NULL : memchr(hint->stream.data, '.', hint->stream.size);
	if (hint->stream_kind != NC_FILTER_ANY && dot != NULL)
		return nc_slice(hint->stream.data, (size_t)(dot - hint->stream.data));
	return hint->stream_kind == NC_FILTER_EXACT ? hint->stream : nc_slice(NULL, 0);
}

static bool by_category(const struct nc_filter_hints *hints, struct nc_query_spec *spec)
{
	struct nc_slice category = category_of(&hints->hints[0]);
	for (size_t i = 0; i < hints->count; i++) {
		if (category.size == 0 || !nc_slice_eq(category_of(&hints->hints[i]), category))
			return false;
	}
	spec->kind = NC_QUERY_CATEGORY;
	spec->key = category;
	return true;
}

/* Several types, exactly: items of a query, as many names in each as it may hold. */
static bool by_types(const struct nc_filter_hints *hints, struct nc_query_spec *spec,
                     struct nc_buf *room)
{
	if (hints->count > (size_t)NC_ITEMS_MAX * NC_ITEM_NAMES_MAX)
		return false;
	for (size_t i = 0; i < hints->count; i++) {
		if (hints->hints[i].type_kind != NC_FILTER_EXACT)
			return false;
	}
	struct nc_buf names = { 0 };
	for (size_t i = 0; i < hints->count;) {
		struct nc_item item = { 0 };
		nc_buf_clear(&names);
		for (; i < hints->count && item.type_count < NC_ITEM_NAMES_MAX; i++) {
			nc_item_name_put(&names, hints->hints[i].type);
			item.type_count++;
		}
		item.types = nc_buf_slice(&names);
		nc_item_put(room, &item);
	}
	bool whole = nc_buf_status(&names) == NC_OK && nc_buf_status(room) == NC_OK;
	nc_buf_release(&names);
	if (!whole)
		return false; /* slower, never wrong */
	spec->kind = NC_QUERY_ITEMS;
	spec->key = nc_buf_slice(room);
	return true;
}

bool nc_filter_narrow(const struct nc_filter_hints *hints, struct nc_query_spec *spec,
                      struct nc_buf *room)
{
	nc_buf_clear(room);
	if (hints->count == 0)
		return false;
	if (hints->count == 1 && by_name(&hints->hints[0], spec))
		return is_index_alone(hints);
	if (!by_category(hints, spec))
		(void)by_types(hints, spec, room);
	return false;
}
