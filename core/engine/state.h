/* SPDX-License-Identifier: GPL-3.0-or-later */
/* state.h -- where the engine keeps what entries have made: a port. storage/state fills it with
 * WiredTiger tables, and with memory for tests and the simulator.
 *
 * The state is: events by position; ordered key-value spaces; four indexes of positions; and an
 * index of event ids. The port knows no meaning: rows are bytes that core/engine writes and reads.
 *
 * Writing:   one thread at a time (the applier's, or who applies in its stead) between begin and
 *            commit; all or nothing, `applied` with it. Commit is not durable: after a crash the
 *            state is as of some earlier commit, not before the last completed checkpoint, and the
 *            Raft log is replayed from nc_state_applied() + 1.
 * Reading:   any number of readers, each used by one thread. Between begin and end a reader sees
 *            one commit boundary, frozen. That stretch must be short: read a bounded batch, copy,
 *            end; never wait in it (an open snapshot beside a busy writer costs both dearly, ADR
 *            0003).
 * Ownership: the opener gives a state, nc_state_close() destroys it, after its readers are closed.
 *            Slices given to a callback are borrowed until it returns.
 * Errors:    NC_OK or a negative enum nc_err; out-parameters are written on NC_OK only. Anywhere:
 *            NC_IO; NC_CORRUPT, a checksum failed: quarantine the state; NC_NOMEM.
 */
#ifndef NC_CORE_ENGINE_STATE_H
#define NC_CORE_ENGINE_STATE_H

#include <stdatomic.h>

#include "core/base/buf.h"

/* Ordered key-value spaces. Keys of 1..NC_STATE_KEY_SIZE_MAX bytes in bytewise order. */
enum nc_space {
	NC_SPACE_META,      /* of the store: format, cluster id, engine version, counters */
	NC_SPACE_STREAMS,   /* stream name -> stream row */
	NC_SPACE_NAMES,     /* kind byte, name -> id; types, categories, tags */
	NC_SPACE_SNAPSHOTS, /* kind byte, stream name, version -> snapshot of an aggregate */
	NC_SPACE_SUBS,      /* subscription name -> definition and progress */
	NC_SPACE_PARKED,    /* subscription, position -> parked event */
	NC_SPACE_COUNT
};

#define NC_STATE_KEY_SIZE_MAX  1024 /* bytes */
#define NC_STATE_TAG_COUNT_MAX 32   /* tags of one event */

/* Indexes of positions: (id, ordinal) -> position, ordered by ordinal. The ordinal is the version
 * in NC_INDEX_STREAM and the position itself in the others. */
enum nc_index { NC_INDEX_STREAM, NC_INDEX_TYPE, NC_INDEX_CATEGORY, NC_INDEX_TAG, NC_INDEX_COUNT };

/* Whether the state keeps a count of the entries of each id in the index. */
static inline bool nc_index_is_counted(enum nc_index index)
{
	return index == NC_INDEX_TYPE || index == NC_INDEX_CATEGORY;
}

#define NC_DIGEST_SIZE 16 /* bytes; a digest of an event's type and data, to recognise retries */

/* The keys under which an event is found. The ids are given out by the engine, from 1. */
struct nc_event_keys {
	uint64_t stream_id;
	uint64_t version;
	uint64_t type_id;
	uint64_t category_id;
	const uint64_t *tag_ids; /* [tag_count] */
	size_t tag_count;        /* 0..NC_STATE_TAG_COUNT_MAX */
	struct nc_slice id;      /* empty: the id embeds its position and needs no row */
	uint8_t digest[NC_DIGEST_SIZE];
};

/* A row of the index of event ids: (event id, stream) -> where the event is. */
struct nc_id_row {
	uint64_t stream_id;
	uint64_t position;
	uint64_t version;
	uint8_t digest[NC_DIGEST_SIZE];
};

struct nc_state_applied {
	uint64_t index; /* of the last entry applied; 0 if there is none */
	uint64_t term;
};

struct nc_state;
struct nc_state_reader;

/* Where a scan of an index begins, and where it goes. */
struct nc_index_walk {
	enum nc_index index;
	uint64_t id;   /* whose entries */
	uint64_t from; /* the first ordinal */
	bool backward;
};

/* Callbacks of scans: return true to go on, false to stop. They may read with the same reader, and
 * even scan the same rows; what they were given stays valid meanwhile. The scan keeps its snapshot
 * open until it returns, so do what takes long after it. */
typedef bool nc_state_pair_fn(void *ctx, struct nc_slice key, struct nc_slice value);
typedef bool nc_state_event_fn(void *ctx, uint64_t position, struct nc_slice row);
typedef bool nc_state_index_fn(void *ctx, uint64_t ordinal, uint64_t position);
typedef bool nc_state_id_fn(void *ctx, const struct nc_id_row *row);

/* The callback that counts entries of an index; `ctx` is a uint64_t. */
static inline bool nc_state_count_one(void *ctx, uint64_t ordinal, uint64_t position)
{
	uint64_t *count = ctx;
	(void)ordinal;
	(void)position;
	++*count;
	return true;
}

/* Reads an event's keys out of its row; the engine provides it. When the state is opened, it
 * indexes the events above its `indexed` mark again with it. `tag_ids` has room for
 * NC_STATE_TAG_COUNT_MAX ids, and keys_out->tag_ids points there. Errors: NC_CORRUPT. */
typedef int nc_state_keys_fn(struct nc_slice row, uint64_t *tag_ids,
                             struct nc_event_keys *keys_out);

struct nc_state_ops {
	/* the applier */
	int (*begin)(struct nc_state *state);
	int (*commit)(struct nc_state *state, struct nc_state_applied applied);
	void (*rollback)(struct nc_state *state);
	int (*put)(struct nc_state *state, enum nc_space space, struct nc_slice key,
	           struct nc_slice value);
	int (*del)(struct nc_state *state, enum nc_space space, struct nc_slice key);
	int (*event_put)(struct nc_state *state, uint64_t position, struct nc_slice row,
	                 const struct nc_event_keys *keys);
	int (*event_del)(struct nc_state *state, uint64_t from, uint64_t to);
	struct nc_state_reader *(*writer)(struct nc_state *state);
	bool (*waits)(struct nc_state *state); /* may be NULL: never */
	/* any thread */
	struct nc_state_applied (*applied)(struct nc_state *state);
	int (*checkpoint)(struct nc_state *state, struct nc_state_applied *covered_out);
	uint64_t (*size)(struct nc_state *state);
	uint64_t (*checkpoint_size)(struct nc_state *state, uint64_t fresh);
	int (*close)(struct nc_state *state);
	/* readers */
	int (*reader_open)(struct nc_state *state, struct nc_state_reader **reader_out);
	void (*reader_close)(struct nc_state_reader *reader);
	int (*reader_begin)(struct nc_state_reader *reader);
	void (*reader_end)(struct nc_state_reader *reader);
	int (*get)(struct nc_state_reader *reader, enum nc_space space, struct nc_slice key,
	           struct nc_buf *value);
	int (*scan)(struct nc_state_reader *reader, enum nc_space space, struct nc_slice from,
	            bool backward, nc_state_pair_fn *fn, void *ctx);
	int (*event_get)(struct nc_state_reader *reader, uint64_t position, struct nc_buf *row);
	int (*events)(struct nc_state_reader *reader, uint64_t from, bool backward,
	              nc_state_event_fn *fn, void *ctx);
	int (*index)(struct nc_state_reader *reader, struct nc_index_walk walk,
	             nc_state_index_fn *fn, void *ctx);
	int (*count)(struct nc_state_reader *reader, enum nc_index index, uint64_t id,
	             uint64_t *count_out);
	int (*ids)(struct nc_state_reader *reader, struct nc_slice id, uint64_t stream_id,
	           nc_state_id_fn *fn, void *ctx);
};

/* Implementations embed these two as their first member, set the pointers and zero the rest, which
 * belongs to the engine (seen.h). */
struct nc_state {
	const struct nc_state_ops *ops;
	atomic_bool sifted;           /* some events may be hidden from readers */
	atomic_uint_fast64_t hidings; /* how many commits have hidden something */
	atomic_uint_fast64_t ages;    /* how many streams have a limit of age */
};
struct nc_state_reader {
	struct nc_state *state;
	/* Limits of age hold as of this time since 1970, or of the last event if that is later. */
	uint64_t now_ns;
};

/* ---- The applier ---------------------------------------------------------------------------- */

/* Errors: NC_FULL, there is too little room on the disk to write anything. */
static inline int nc_state_begin(struct nc_state *state)
{
	return state->ops->begin(state);
}

/* After a call returned NC_FULL: true if nothing is lost, and the call can be repeated once there
 * is room. False if the state is broken and must be opened again. */
static inline bool nc_state_waits(struct nc_state *state)
{
	return state->ops->waits != NULL && state->ops->waits(state);
}

/* Commit everything put since begin, and `applied` with it. If it fails, all is rolled back.
 * Errors: NC_FULL, no room. */
static inline int nc_state_commit(struct nc_state *state, struct nc_state_applied applied)
{
	return state->ops->commit(state, applied);
}

static inline void nc_state_rollback(struct nc_state *state)
{
	state->ops->rollback(state);
}

static inline int nc_state_put(struct nc_state *state, enum nc_space space, struct nc_slice key,
                               struct nc_slice value)
{
	return state->ops->put(state, space, key, value);
}

/* Returns NC_OK also if there is no such row. */
static inline int nc_state_del(struct nc_state *state, enum nc_space space, struct nc_slice key)
{
	return state->ops->del(state, space, key);
}

/* Add the event at `position`, with its index entries. The position is above that of every other
 * event; gaps are allowed. */
static inline int nc_state_event_put(struct nc_state *state, uint64_t position, struct nc_slice row,
                                     const struct nc_event_keys *keys)
{
	return state->ops->event_put(state, position, row, keys);
}

/* Delete the rows of the events from `from` to `to`. Index entries may stay behind; a reader that
 * finds no row for one passes over it. Rows of the index of event ids stay for ever, as a retry is
 * recognised however late it comes. */
static inline int nc_state_event_del(struct nc_state *state, uint64_t from, uint64_t to)
{
	return state->ops->event_del(state, from, to);
}

/* A reader that sees the writes which are not committed yet. For the applier's thread, between
 * begin and commit, without nc_state_reader_begin(). The state owns it. */
static inline struct nc_state_reader *nc_state_writer(struct nc_state *state)
{
	return state->ops->writer(state);
}

/* ---- Any thread ----------------------------------------------------------------------------- */

static inline struct nc_state_applied nc_state_applied(struct nc_state *state)
{
	return state->ops->applied(state);
}

/* Make all that is committed durable. It takes seconds and runs beside everything else, one at a
 * time. A recovery will not need the log's entries through `*covered_out` any more. Errors:
 * NC_FULL, the disk has no room for it; nothing was done. */
static inline int nc_state_checkpoint(struct nc_state *state, struct nc_state_applied *covered_out)
{
	return state->ops->checkpoint(state, covered_out);
}

/* About how many bytes the state takes on disk, or in memory. */
static inline uint64_t nc_state_size(struct nc_state *state)
{
	return state->ops->size(state);
}

/* Bytes that the next checkpoint takes on the disk, at most, where `fresh` bytes have come since
 * the last one: those, and what has to be written once more because it lies beside them. */
static inline uint64_t nc_state_checkpoint_size(struct nc_state *state, uint64_t fresh)
{
	return state->ops->checkpoint_size(state, fresh);
}

/* Close the state; NULL is a no-op. Makes a checkpoint first if something was committed since the
 * last one. Errors: that of this checkpoint; closed it is all the same, and what it was to hold has
 * to come from the log. */
static inline int nc_state_close(struct nc_state *state)
{
	return state == NULL ? NC_OK : state->ops->close(state);
}

/* ---- Readers -------------------------------------------------------------------------------- */

static inline int nc_state_reader_open(struct nc_state *state, struct nc_state_reader **reader_out)
{
	return state->ops->reader_open(state, reader_out);
}

/* NULL is a no-op. */
static inline void nc_state_reader_close(struct nc_state_reader *reader)
{
	if (reader != NULL)
		reader->state->ops->reader_close(reader);
}

static inline int nc_state_reader_begin(struct nc_state_reader *reader)
{
	return reader->state->ops->reader_begin(reader);
}

static inline void nc_state_reader_end(struct nc_state_reader *reader)
{
	reader->state->ops->reader_end(reader);
}

/* Append the value to `value`. Errors: NC_NOTFOUND. */
static inline int nc_state_get(struct nc_state_reader *reader, enum nc_space space,
                               struct nc_slice key, struct nc_buf *value)
{
	return reader->state->ops->get(reader, space, key, value);
}

enum nc_direction { NC_FORWARD, NC_BACKWARD };

/* Give `fn` the pairs in order of their keys, from the first key >= `from`, until it says stop.
 * Backward: from the last key <= `from` down. An empty `from` begins at the first key of the space,
 * or backward at the last. */
static inline int nc_state_scan(struct nc_state_reader *reader, enum nc_space space,
                                struct nc_slice from, enum nc_direction direction,
                                nc_state_pair_fn *fn, void *ctx)
{
	return reader->state->ops->scan(reader, space, from, direction == NC_BACKWARD, fn, ctx);
}

/* Append the row of the event at `position` to `row`. Errors: NC_NOTFOUND. */
static inline int nc_state_event_get(struct nc_state_reader *reader, uint64_t position,
                                     struct nc_buf *row)
{
	return reader->state->ops->event_get(reader, position, row);
}

/* Give `fn` the events from the first position >= `from` up. Backward: from the last position <=
 * `from` down; UINT64_MAX begins at the last event. */
static inline int nc_state_events(struct nc_state_reader *reader, uint64_t from,
                                  enum nc_direction direction, nc_state_event_fn *fn, void *ctx)
{
	return reader->state->ops->events(reader, from, direction == NC_BACKWARD, fn, ctx);
}

/* Give `fn` the entries (ordinal, position) of one id of an index, in the walk's order. */
static inline int nc_state_index(struct nc_state_reader *reader, struct nc_index_walk walk,
                                 nc_state_index_fn *fn, void *ctx)
{
	return reader->state->ops->index(reader, walk, fn, ctx);
}

/* How many entries an id has, in an index for which nc_index_is_counted(). Entries of deleted
 * events may be counted. Takes the same time however many there are. */
static inline int nc_state_count(struct nc_state_reader *reader, enum nc_index index, uint64_t id,
                                 uint64_t *count_out)
{
	return reader->state->ops->count(reader, index, id, count_out);
}

/* Give `fn` the row of the event id `id` in one stream, or with `stream_id` 0 its rows in every
 * stream, in no particular order. Asking for one stream is cheaper, as it does not step over rows
 * that another thread is about to commit. */
static inline int nc_state_ids(struct nc_state_reader *reader, struct nc_slice id,
                               uint64_t stream_id, nc_state_id_fn *fn, void *ctx)
{
	return reader->state->ops->ids(reader, id, stream_id, fn, ctx);
}

#endif
