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
	NC_QUERY_ITEMS /* events that match any of some items (batch.h) */
};

enum nc_query_from {
	NC_FROM_DEFAULT,  /* the first event, or backward the last */
	NC_FROM_NUMBER,   /* `from` */
	NC_FROM_TIME,     /* `from`, in nanoseconds since 1970 */
	NC_FROM_POSITION, /* `from` is a position, also for a stream; forward only */
	NC_FROM_END       /* backward the last event; forward, behind it */
};

/* Says which of `count` events are wanted: for event i it sets bit i % 64 of wanted_out[i / 64],
 * which the caller has zeroed. No snapshot is open meanwhile, so it may wait. The step ends with
 * the error that it returns, if any. */
struct nc_event;
typedef int nc_query_wanted_fn(void *ctx, const struct nc_event *events, size_t count,
                               uint64_t *wanted_out);

/* What is asked for. `from` and `to` are inclusive: versions for a stream, else positions. */
struct nc_query_spec {
	enum nc_query_kind kind;
	/* The name of the stream, type, category or tag, or the packed items; borrowed during
	 * nc_query_start(). */
	struct nc_slice key;
	enum nc_query_from from_kind;
	uint64_t from;
	uint64_t to;       /* 0: no bound */
	uint64_t limit;    /* at most so many events, 1..NC_QUERY_LIMIT_MAX */
	uint64_t size_max; /* at most so many bytes of data and metadata, but at least one event */
	bool backward;
	/* For queries by an index: do not read rows. Events are given with their position only, and
	 * in a stream with their version; deleted ones are given too. Has no effect while events
	 * may be hidden (seen.h): then rows are read and events are given whole. */
	bool bare;
	/* NULL if all are wanted. Else only those that it wants are given and count towards the
	 * limits, and it is not known how many are left. Not together with `bare`. */
	nc_query_wanted_fn *wanted;
	void *wanted_ctx;
};

struct nc_query; /* opaque */

typedef void nc_event_fn(void *ctx, const struct nc_event *event);

/* What the closing message says. */
struct nc_query_end {
	uint64_t head;      /* last version or position; 0 if there is no such stream or no event */
	uint64_t next;      /* the `from` with which to go on; 0 at the end */
	bool pending_known; /* whether `pending` is known; it always is at the end */
	uint64_t pending;   /* how many matching events are left */
};

/* Begin a query: look up names and fix its bounds. nc_query_free() frees it. Errors: NC_CORRUPT,
 * malformed items; those of the state. */
int nc_query_start(struct nc_state_reader *reader, const struct nc_query_spec *spec,
                   struct nc_query **query_out);

/* How much one step may look at; each at least 1. */
struct nc_query_portion {
	size_t event_max;
	size_t size_max; /* bytes, about */
};

/* Give `fn` the events of at most one more portion. A step may give none and yet not be the last.
 * `*done_out` becomes true at the end of the query; nc_query_end() is valid from then on. */
int nc_query_step(struct nc_query *query, struct nc_state_reader *reader,
                  struct nc_query_portion portion, nc_event_fn *fn, void *ctx, bool *done_out);

struct nc_query_end nc_query_end(const struct nc_query *query);

/* End the query early, for a caller that has waited long enough. `next` of its end says where to go
 * on. */
void nc_query_cut(struct nc_query *query);

/* How many events were looked at so far. More than were given, if not all are wanted. */
uint64_t nc_query_looked(const struct nc_query *query);

/* How many hidden events were read and passed over so far; they do not count as looked at. */
uint64_t nc_query_unseen(const struct nc_query *query);

void nc_query_free(struct nc_query *query); /* NULL is a no-op */

/* ---- Events by what names them -------------------------------------------------------------- */

enum nc_get_kind {
	NC_GET_POSITION,  /* `number` */
	NC_GET_VERSION,   /* `stream`, `number` */
	NC_GET_STREAM_ID, /* `stream`, `id` */
	NC_GET_ID         /* `id`; if several streams have it, the event with the lowest position */
};

struct nc_get_spec {
	enum nc_get_kind kind;
	struct nc_slice stream, id;
	uint64_t number;
	bool unseen; /* with NC_GET_POSITION: give a hidden event too */
};

/* Give `fn` one event. Errors: NC_NOTFOUND; those of the state. */
int nc_query_get(struct nc_state_reader *reader, const struct nc_get_spec *spec, nc_event_fn *fn,
                 void *ctx);

/* Give `fn` the events at some positions, in the order of `positions`. Those that do not exist or
 * are hidden are left out. No snapshot is open while `fn` is called, so it may wait. */
int nc_query_events(struct nc_state_reader *reader, const uint64_t *positions, size_t count,
                    nc_event_fn *fn, void *ctx);
/* The same, hidden events included. */
int nc_query_events_all(struct nc_state_reader *reader, const uint64_t *positions, size_t count,
                        nc_event_fn *fn, void *ctx);

#endif
