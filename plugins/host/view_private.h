/* SPDX-License-Identifier: GPL-3.0-or-later */
/* view_private.h -- where the values of a text stand, shared by the parsers of JSON and
 * MessagePack.
 *
 * A parser says open, key, leaf and close in the order of the text; every call that gives false
 * ends the view: `state` says why, or `no_memory`.
 */
#ifndef NC_PLUGINS_HOST_VIEW_PRIVATE_H
#define NC_PLUGINS_HOST_VIEW_PRIVATE_H

#include "core/base/decimal.h"
#include "plugins/host/view.h"

/* The path of a value. */
struct view_place {
	nacre_filter_slice path;
	uint64_t hash;
	uint32_t depth;
};

/* An object or array that is open. */
struct view_frame {
	struct view_place place;
	uint64_t items;
	size_t begin;   /* its offset in the source */
	uint32_t array; /* its number */
	bool is_array;
};

struct view_work {
	struct nc_view_builder *builder;
	struct nc_arena *arena;
	struct nc_slice source;
	struct view_place here; /* of the value to come */
	size_t depth;           /* frames that are open */
	uint64_t leaf_count;
	uint64_t step_count; /* of all trails */
	uint32_t array_count;
	uint32_t root_kind;
	int32_t state;
	bool no_memory;
};

void nc_view_begin(struct view_work *work, struct nc_view_builder *builder, struct nc_arena *arena,
                   struct nc_slice source);
bool nc_view_open(struct view_work *work, bool is_array, size_t begin);
bool nc_view_close(struct view_work *work, size_t end);

/* `key` must stay where it is as long as the view: in the source or the arena. */
bool nc_view_key(struct view_work *work, struct nc_slice key);

/* `number` is read when the kind is NUMBER. */
bool nc_view_leaf(struct view_work *work, uint32_t kind, struct nc_slice raw, struct nc_slice text,
                  const struct nc_decimal *number);

/* The view with that state; NULL when out of memory. */
const nacre_filter_view *nc_view_end(struct view_work *work, int32_t state);

/* MessagePack; see nc_view_data(). */
const nacre_filter_view *nc_view_msgpack(struct nc_view_builder *builder, struct nc_arena *arena,
                                         struct nc_slice data);

#endif
