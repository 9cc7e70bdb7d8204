/* SPDX-License-Identifier: GPL-3.0-or-later */
/* query.h -- reading events, a bounded step at a time (PROTOCOL.md section 6).
 *
 * A query is started, then stepped until it is done. A step opens the reader, copies a batch,
 * closes the reader, and only then hands the events out: nobody waits inside a snapshot. The end is
 * fixed at the start, so that a reader of a growing store comes to one.
 *
 * Threads: a query and its reader belong to one thread at a time.
 */
#ifndef NC_CORE_ENGINE_QUERY_H
#define NC_CORE_ENGINE_QUERY_H

#include "core/engine/batch.h"
#include "core/engine/engine.h"
#include "core/engine/names.h"

#define NC_QUERY_LIMIT_MAX     10000u
#define NC_QUERY_LIMIT_DEFAULT 1000u
#define NC_QUERY_BYTES_MAX     (8u << 20)
#define NC_QUERY_BYTES_DEFAULT (1u << 20)

enum nc_query_kind {
	NC_QUERY_ALL,
	NC_QUERY_STREAM,
	NC_QUERY_TYPE,
	NC_QUERY_CATEGORY,
	NC_QUERY_TAG,
	NC_QUERY_ITEMS /* what matches any of some items; batch.h */
};

enum nc_query_from {
	NC_FROM_DEFAULT,  /* the first; backward: the last */
	NC_FROM_NUMBER,   /* `from` */
	NC_FROM_TIME,     /* `from`, in nanoseconds since 1970 */
	NC_FROM_POSITION, /* `from` is a position, whatever the order's unit; forward only */
	NC_FROM_END       /* the last; forward: beyond it */
};

/* Which of some events are wanted: set bit i % 64 of wanted_out[i / 64], zeroed by the caller.
 * Called outside of any snapshot: it may wait. An error ends the step with it. */
struct nc_event;
typedef int nc_query_wanted_fn(void *ctx, const struct nc_event *events, size_t count,
                               uint64_t *wanted_out);

/* What is asked. `from` and `to` are inclusive, in versions for a stream, else in positions. */
struct nc_query_spec {
	enum nc_query_kind kind;
	/* Stream, type, category or tag, or packed items; borrowed during nc_query_start(). */
	struct nc_slice key;
	enum nc_query_from from_kind;
	uint64_t from;
	uint64_t to;       /* 0: no bound */
	uint64_t limit;    /* events, 1..NC_QUERY_LIMIT_MAX */
	uint64_t size_max; /* bytes of data and metadata, at least one event is given */
	bool backward;
	/* By an index: rows are not read. Events are given with nothing but their position, and of
	 * a stream their version; also such as are gone. Not where some events are unseen: there
	 * rows are read, and events given with all they have. */
	bool bare;
	/* NULL: all are wanted. Else only the wanted ones are given, and only they count against
	 * the limits; how many are left is then not known. Not with `bare`. */
	nc_query_wanted_fn *wanted;
	void *wanted_ctx;
};

struct nc_query; /* opaque */

typedef void nc_event_fn(void *ctx, const struct nc_event *event);

/* What the closing message says. */
struct nc_query_end {
	uint64_t head;      /* last version or position; 0: no such stream, empty store */
	uint64_t next;      /* what to put in `from` to go on; 0: at the end */
	bool pending_known; /* not by position where some events may be unseen */
	uint64_t pending;   /* matching events left */
};

/* Resolve names and bounds. Errors: as the state; NC_CORRUPT, malformed items. */
int nc_query_start(struct nc_state_reader *reader, const struct nc_query_spec *spec,
                   struct nc_query **query_out);

/* How much one step may look at, each from 1. */
struct nc_query_portion {
	size_t event_max;
	size_t size_max; /* bytes, about */
};

/* Hand out at most a portion more; a step may give no event and yet not be the last. `done_out` is
 * true when the query has come to its end; then nc_query_end() speaks. */
int nc_query_step(struct nc_query *query, struct nc_state_reader *reader,
                  struct nc_query_portion portion, nc_event_fn *fn, void *ctx, bool *done_out);

struct nc_query_end nc_query_end(const struct nc_query *query);

/* Call it done, though it is not: `next` of its end says where to go on. For who has waited long
 * enough. */
void nc_query_cut(struct nc_query *query);

/* Events looked at so far; more than were given where not all are wanted. */
uint64_t nc_query_looked(const struct nc_query *query);

/* Events met so far that are not seen: neither given nor looked at, but read. */
uint64_t nc_query_unseen(const struct nc_query *query);

void nc_query_free(struct nc_query *query); /* NULL is a no-op */

/* ---- One event ------------------------------------------------------------------------------ */

enum nc_get_kind {
	NC_GET_POSITION,  /* `number` */
	NC_GET_VERSION,   /* `stream`, `number` */
	NC_GET_STREAM_ID, /* `stream`, `id` */
	NC_GET_ID         /* `id`: the lowest position that bears it */
};

struct nc_get_spec {
	enum nc_get_kind kind;
	struct nc_slice stream, id;
	uint64_t number;
	bool unseen; /* of NC_GET_POSITION: also one that is not seen, for what is known of it */
};

/* The events at some positions, in the order given; those that do not exist, or are not seen, are
 * left out. `fn` is called outside of any snapshot: it may wait. */
int nc_query_events(struct nc_state_reader *reader, const uint64_t *positions, size_t count,
                    nc_event_fn *fn, void *ctx);
/* Likewise, also those that are not seen. */
int nc_query_events_all(struct nc_state_reader *reader, const uint64_t *positions, size_t count,
                        nc_event_fn *fn, void *ctx);

/* Errors: NC_NOTFOUND; as the state. */
int nc_query_get(struct nc_state_reader *reader, const struct nc_get_spec *spec, nc_event_fn *fn,
                 void *ctx);

/* The head as the reader sees it now, taken between a begin and an end of its own. */
int nc_query_head(struct nc_state_reader *reader, struct nc_engine_head *head_out);

#endif
