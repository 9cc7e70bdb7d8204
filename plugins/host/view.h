/* SPDX-License-Identifier: GPL-3.0-or-later */
/* view.h -- JSON and MessagePack, flattened into leaves; see nacre_filter.h for what they are.
 *
 * Threads:   a builder belongs to one thread.
 * Ownership: views lie in the arena and point into the arena and the source: they live as long as
 *            both. The builder keeps scratch memory from one view to the next.
 */
#ifndef NC_PLUGINS_HOST_VIEW_H
#define NC_PLUGINS_HOST_VIEW_H

#include "core/base/buf.h"
#include "plugins/host/arena.h"
#include "plugins/nacre_filter.h"

#define NC_VIEW_LEAVES_MAX (1u << 20) /* of one view; more is TOO_LARGE */
#define NC_VIEW_STEPS_MAX  (1u << 22) /* of all trails of one view */

struct nc_view_builder {
	struct nc_buf leaves; /* nacre_filter_leaf after nacre_filter_leaf */
	struct nc_buf frames; /* the way to the value at hand; view_private.h */
	struct nc_buf text;   /* of a string being unescaped */
};

void nc_view_builder_release(struct nc_view_builder *builder);

/* Why a text has no view. */
struct nc_view_fault {
	size_t offset;
	const char *expected; /* static */
};

/* The view of JSON text, whatever it is. NULL when out of memory; a malformed one has state
 * MALFORMED and fills *fault_out, which may be NULL. */
const nacre_filter_view *nc_view_json(struct nc_view_builder *builder, struct nc_arena *arena,
                                      struct nc_slice text, struct nc_view_fault *fault_out);

/* The view of an event's data, by its content type: application/msgpack is MessagePack, whatever
 * else is JSON if it begins like it, else opaque. NULL when out of memory. */
const nacre_filter_view *nc_view_data(struct nc_view_builder *builder, struct nc_arena *arena,
                                      struct nc_slice content_type, struct nc_slice data);

#endif
