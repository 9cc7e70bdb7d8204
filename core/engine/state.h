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
	NC_SPACE_META,      /* the store's own: format, cluster id, engine version, counters */
	NC_SPACE_STREAMS,   /* stream name -> stream row */
	NC_SPACE_NAMES,     /* kind byte, name -> id; types, categories, tags */
	NC_SPACE_SNAPSHOTS, /* kind byte, stream name, version -> of an aggregate */
	NC_SPACE_SUBS,      /* subscription name -> definition and progress */
	NC_SPACE_PARKED,    /* subscription, position -> parked event */
	NC_SPACE_COUNT
};

#define NC_STATE_KEY_SIZE_MAX  1024 /* bytes */
#define NC_STATE_TAG_COUNT_MAX 32   /* tags of one event */

/* Indexes of positions: (id, ordinal) -> position, ordered by ordinal. The ordinal is the version
 * in NC_INDEX_STREAM and the position itself in the others. */
enum nc_index { NC_INDEX_STREAM, NC_INDEX_TYPE, NC_INDEX_CATEGORY, NC_INDEX_TAG, NC_INDEX_COUNT };

/* Whether the state knows how many entries each id of it has. */
static inline bool nc_index_is_counted(enum nc_index index)
{
	return index == NC_INDEX_TYPE || index == NC_INDEX_CATEGORY;
}

#define NC_DIGEST_SIZE 16 /* bytes: of an event's type and data, for idempotency */

/* What an event is found by. Ids are those of engine rows, from 1. */
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

/* A row of the index of ids: (event id, stream) -> where it went. */
struct nc_id_row {
	uint64_t stream_id;
	uint64_t position;
	uint64_t version;
	uint8_t digest[NC_DIGEST_SIZE];
};

struct nc_state_applied {
	uint64_t index; /* of the last entry applied, 0: none */
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

/* Callbacks of scans: return true to go on, false to stop. They may read with the same reader,
 * other scans of the same rows among it; what they were given stays as it is. A scan keeps its
 * place all that while, so what takes long is better done when it is over. */
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

/* When the state is opened, events above its `indexed` mark are indexed again from their rows: this
 * callback, of the engine's, reads the keys out of a row. `tag_ids` is room for
 * NC_STATE_TAG_COUNT_MAX ids, to be used for keys_out->tag_ids. Errors: NC_CORRUPT. */
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
	bool (*waits)(struct nc_state *state); /* NULL: never */
	/* any thread */
	struct nc_state_applied (*applied)(struct nc_state *state);
	int (*checkpoint)(struct nc_state *state, struct nc_state_applied *covered_out);
	uint64_t (*size)(struct nc_state *state);
	uint64_t (*checkpoint_size)(struct nc_state *state, uint64_t fresh);
	void (*close)(struct nc_state *state);
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

/* Implementations embed these first, zeroed but for the pointers. What follows those is the
 * engine's own (seen.h). */
struct nc_state {
	const struct nc_state_ops *ops;
	atomic_bool sifted;           /* there may be events that are not seen */
	atomic_uint_fast64_t hidings; /* so many commits have taken something out of sight */
	atomic_uint_fast64_t ages;    /* so many streams have an age */
};
struct nc_state_reader {
	struct nc_state *state;
	uint64_t now_ns; /* since 1970: as of when it looks; 0: as of the last event */
};

/* ---- The applier ---------------------------------------------------------------------------- */

/* Errors: NC_FULL, there is too little room on the disk to write anything. */
static inline int nc_state_begin(struct nc_state *state)
{
	return state->ops->begin(state);
}

/* Of what was NC_FULL just now: it goes well as soon as there is room, and has done no harm. Else
 * the state is broken, and is to be opened again. */
static inline bool nc_state_waits(struct nc_state *state)
{
	return state->ops->waits != NULL && state->ops->waits(state);
}

/* `applied` becomes true together with everything put since begin. A failed commit has rolled
 * back; NC_FULL: no room. */
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

/* Deleting what is not there is NC_OK. */
static inline int nc_state_del(struct nc_state *state, enum nc_space space, struct nc_slice key)
{
	return state->ops->del(state, space, key);
}

/* Add the event at `position`, which is beyond every other (gaps are allowed), with its index
 * entries. */
static inline int nc_state_event_put(struct nc_state *state, uint64_t position, struct nc_slice row,
                                     const struct nc_event_keys *keys)
{
	return state->ops->event_put(state, position, row, keys);
}

/* Delete the rows of events from..to; index entries may stay behind: a reader that finds no row
 * passes on. Rows of the id index stay for ever (idempotency has no window). */
static inline int nc_state_event_del(struct nc_state *state, uint64_t from, uint64_t to)
{
	return state->ops->event_del(state, from, to);
}

/* A reader that sees the applier's own uncommitted writes; for the applier's thread, between
 * begin and commit, without reader_begin. Owned by the state. */
static inline struct nc_state_reader *nc_state_writer(struct nc_state *state)
{
	return state->ops->writer(state);
}

/* ---- Any thread ----------------------------------------------------------------------------- */

static inline struct nc_state_applied nc_state_applied(struct nc_state *state)
{
	return state->ops->applied(state);
}

/* Make all that is committed durable; takes seconds, runs beside everything else; one at a time.
 * `covered_out`: log entries through this index will never be needed for recovery again. NC_FULL:
 * the disk has no room for it; nothing was done. */
static inline int nc_state_checkpoint(struct nc_state *state, struct nc_state_applied *covered_out)
{
	return state->ops->checkpoint(state, covered_out);
}

/* Bytes on disk (or in memory), about. */
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

/* NULL is a no-op. Checkpoints first when something was committed since the last. */
static inline void nc_state_close(struct nc_state *state)
{
	if (state != NULL)
		state->ops->close(state);
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

/* Pairs from the first key >= `from` on (backward: from the last key <= `from`; an empty `from` is
 * the first, or backward the last, of the space), until `fn` says stop. */
static inline int nc_state_scan(struct nc_state_reader *reader, enum nc_space space,
                                struct nc_slice from, bool backward, nc_state_pair_fn *fn,
                                void *ctx)
{
	return reader->state->ops->scan(reader, space, from, backward, fn, ctx);
}

/* Append the row of the event at `position` to `row`. Errors: NC_NOTFOUND. */
static inline int nc_state_event_get(struct nc_state_reader *reader, uint64_t position,
                                     struct nc_buf *row)
{
	return reader->state->ops->event_get(reader, position, row);
}

/* Events from the first position >= `from` on (backward: <= `from`; UINT64_MAX is the last). */
static inline int nc_state_events(struct nc_state_reader *reader, uint64_t from, bool backward,
                                  nc_state_event_fn *fn, void *ctx)
{
	return reader->state->ops->events(reader, from, backward, fn, ctx);
}

/* Entries (ordinal, position) of one id of an index, in the walk's order. */
static inline int nc_state_index(struct nc_state_reader *reader, struct nc_index_walk walk,
                                 nc_state_index_fn *fn, void *ctx)
{
	return reader->state->ops->index(reader, walk, fn, ctx);
}

/* How many entries one id of an index that is counted has, 0: none. Of events that were deleted
 * some may count. Costs the same however many there are. */
static inline int nc_state_count(struct nc_state_reader *reader, enum nc_index index, uint64_t id,
                                 uint64_t *count_out)
{
	return reader->state->ops->count(reader, index, id, count_out);
}

/* The row of the event id `id` in one stream; `stream_id` 0: in every stream, in no particular
 * order. Asking for one is the cheaper: rows that another thread is about to commit beside it are
 * not stepped over. */
static inline int nc_state_ids(struct nc_state_reader *reader, struct nc_slice id,
                               uint64_t stream_id, nc_state_id_fn *fn, void *ctx)
{
	return reader->state->ops->ids(reader, id, stream_id, fn, ctx);
}

#endif
