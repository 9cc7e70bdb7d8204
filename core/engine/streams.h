/* SPDX-License-Identifier: GPL-3.0-or-later */
/* streams.h -- looking at streams: at one by its name, or at many in the order of their names
 * (PROTOCOL.md section 11).
 *
 * Each call reads in one snapshot of its own, short enough to be held (state.h): of a list at most
 * NC_STREAMS_LOOK_MAX rows, wherever it begins. So a list costs what it gives.
 *
 * Threads: those of the reader.
 */
#ifndef NC_CORE_ENGINE_STREAMS_H
#define NC_CORE_ENGINE_STREAMS_H

#include "core/engine/stream.h"

#define NC_STREAMS_LIMIT_DEFAULT 1000u
#define NC_STREAMS_LIMIT_MAX     10000u
#define NC_STREAMS_LOOK_MAX      20000u /* rows of one page, also of those that it leaves out */

/* The stream `name` as it is seen: one that is deleted or tombstoned has no events, and its first
 * would be the next. Errors: NC_NOTFOUND; as nc_stream_get(). */
int nc_streams_get(struct nc_state_reader *reader, struct nc_slice name,
                   struct nc_stream *stream_out);

/* Which streams: those whose names begin with `prefix` and come behind `after`, bytewise; either
 * may be empty. Only live ones; and those of the system only if the prefix says so, by its `$`. */
struct nc_streams_spec {
	struct nc_slice prefix, after;
	uint64_t limit; /* 1..NC_STREAMS_LIMIT_MAX */
};

/* False: there is no room for this one, and the page ends before it; the first must be taken.
 * `name` is borrowed. */
typedef bool nc_stream_fn(void *ctx, struct nc_slice name, const struct nc_stream *stream);

/* A page of them. `next` is where the next page begins, its `after`; empty: this is the last. A
 * page that is not the last may have fewer than the limit, or none: it has looked at as much as one
 * may. Errors: NC_CORRUPT; NC_UNSUPPORTED; NC_NOMEM; as the state. */
int nc_streams_list(struct nc_state_reader *reader, const struct nc_streams_spec *spec,
                    nc_stream_fn *fn, void *ctx, struct nc_buf *next);

#endif
