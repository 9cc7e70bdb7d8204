/* SPDX-License-Identifier: GPL-3.0-or-later */
/* view.h -- JSON and MessagePack flattened into leaves, which nacre_filter.h describes.
 *
 * Threads:   a builder belongs to one thread.
 * Ownership: a view lies in the arena, points into the arena and the source, and lives as long as
 *            both. The builder keeps its scratch memory from one view to the next.
 */
#ifndef NC_PLUGINS_HOST_VIEW_H
#define NC_PLUGINS_HOST_VIEW_H

#include "core/base/buf.h"
#include "plugins/host/arena.h"
#include "plugins/nacre_filter.h"

/* A view that would have more than this is of the state TOO_LARGE. */
#define NC_VIEW_LEAVES_MAX (1u << 20) /* leaves */
#define NC_VIEW_STEPS_MAX  (1u << 22) /* steps of all trails together */

/* Begins as zeros. */
struct nc_view_builder {
	struct nc_buf leaves; /* an array of nacre_filter_leaf */
	struct nc_buf frames; /* an array of nc_view_frame: what the value at hand lies in */
	struct nc_buf text;   /* a string that is being unescaped */
};

void nc_view_builder_release(struct nc_view_builder *builder);

/* Why a text is malformed. */
struct nc_view_fault {
	size_t offset;        /* the byte at fault */
	const char *expected; /* what should have stood there, as static text */
};

/* Make the view of a JSON text. If the text is malformed, the view's state says so, and *fault_out,
 * which may be NULL, says why. NULL if out of memory. */
const nacre_filter_view *nc_view_json(struct nc_view_builder *builder, struct nc_arena *arena,
                                      struct nc_slice text, struct nc_view_fault *fault_out);

/* Make the view of an event's data. If the content type is application/msgpack, they are
 * MessagePack; otherwise they are JSON if they begin like it, and opaque if not. NULL if out of
 * memory. */
const nacre_filter_view *nc_view_data(struct nc_view_builder *builder, struct nc_arena *arena,
                                      struct nc_slice content_type, struct nc_slice data);

#endif
