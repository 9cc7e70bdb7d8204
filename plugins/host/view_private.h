/* SPDX-License-Identifier: GPL-3.0-or-later */
/* view_private.h -- making a view, for the parsers of JSON and of MessagePack.
 *
 * A parser calls open, key, leaf and close in the order of the text. If a call returns false, the
 * view ends there, and `state` or `no_memory` says why.
 */
#ifndef NC_PLUGINS_HOST_VIEW_PRIVATE_H
#define NC_PLUGINS_HOST_VIEW_PRIVATE_H

#include "core/base/decimal.h"
#include "plugins/host/view.h"

/* Where a value stands: its path. */
struct nc_view_place {
	nacre_filter_slice path;
	uint64_t hash;
	uint32_t depth;
};

/* An object or array that is open. */
struct nc_view_frame {
	struct nc_view_place place;
	uint64_t items;
	size_t begin;   /* its offset in the source */
	uint32_t array; /* its number among the arrays */
	bool is_array;
};

struct nc_view_work {
	struct nc_view_builder *builder;
	struct nc_arena *arena;
	struct nc_slice source;
	struct nc_view_place here; /* of the value to come */
	size_t depth;              /* frames that are open */
	uint64_t leaf_count;
	uint64_t step_count; /* of all trails */
	uint32_t array_count;
	uint32_t root_kind;
	int32_t state;
	bool no_memory;
};

void nc_view_begin(struct nc_view_work *work, struct nc_view_builder *builder,
                   struct nc_arena *arena, struct nc_slice source);
bool nc_view_open(struct nc_view_work *work, bool is_array, size_t begin);
bool nc_view_close(struct nc_view_work *work, size_t end);

/* `key` must stay where it is as long as the view: in the source or the arena. */
bool nc_view_key(struct nc_view_work *work, struct nc_slice key);

/* `number` is read when the kind is NUMBER. */
bool nc_view_leaf(struct nc_view_work *work, uint32_t kind, struct nc_slice raw,
                  struct nc_slice text, const struct nc_decimal *number);

/* The view with that state; NULL when out of memory. */
const nacre_filter_view *nc_view_end(struct nc_view_work *work, int32_t state);

/* MessagePack; see nc_view_data(). */
const nacre_filter_view *nc_view_msgpack(struct nc_view_builder *builder, struct nc_arena *arena,
                                         struct nc_slice data);

#endif
