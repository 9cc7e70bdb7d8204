/* SPDX-License-Identifier: GPL-3.0-or-later */
/* streams.h -- looking at streams: at one by its name, or at many in the order of their names
 * (PROTOCOL.md section 11).
 *
 * Each call reads in a snapshot of its own, which is short enough to be held (state.h): a page of a
 * list looks at NC_STREAMS_LOOK_MAX rows at most. A page begins where the last one ended, without
 * walking over what came before, so that a list costs what it gives.
 *
 * Threads: those of the reader.
 */
#ifndef NC_CORE_ENGINE_STREAMS_H
#define NC_CORE_ENGINE_STREAMS_H

#include "core/engine/stream.h"

#define NC_STREAMS_LIMIT_DEFAULT 1000u
#define NC_STREAMS_LIMIT_MAX     10000u
#define NC_STREAMS_LOOK_MAX      20000u /* rows that one page looks at, given or left out */

/* The stream `name` as it is seen. One that is deleted or tombstoned has no events, and `first` is
 * the version that the next one would have. Errors: those of nc_stream_get(). */
int nc_streams_get(struct nc_state_reader *reader, struct nc_slice name,
                   struct nc_stream *stream_out);

/* Which streams are wanted: live ones whose names begin with `prefix` and come after `after`, byte
 * by byte. Either may be empty. Streams of the system are given only if the prefix begins with `$`.
 */
struct nc_streams_spec {
	struct nc_slice prefix, after;
	uint64_t limit; /* 1..NC_STREAMS_LIMIT_MAX */
};

/* Takes a stream; `name` is borrowed. False: there is no room for it, and the page ends before it.
 * The first one must be taken. */
typedef bool nc_stream_fn(void *ctx, struct nc_slice name, const struct nc_stream *stream);

/* Give `fn` a page of streams. `next` becomes the `after` of the next page, and is empty after the
 * last. A page may have fewer streams than the limit, or none, and yet not be the last, because it
 * has looked at NC_STREAMS_LOOK_MAX rows. Errors: NC_CORRUPT; NC_UNSUPPORTED; NC_NOMEM; those of
 * the state. */
int nc_streams_list(struct nc_state_reader *reader, const struct nc_streams_spec *spec,
                    nc_stream_fn *fn, void *ctx, struct nc_buf *next);

#endif
