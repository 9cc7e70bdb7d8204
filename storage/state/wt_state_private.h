/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_state_private.h -- what the wt_*.c files share: the state, its tables, its locks.
 *
 * Locks, outer first: `checkpointing`, `mutex`, a generation's. WiredTiger is called under `mutex`
 * for one thing only, the applier's commit, so that it and the news of it are one moment for
 * readers.
 *
 * A reader is consistent because it pins the generations and takes its WiredTiger snapshot with no
 * commit in between (`sequence`). What is at or below the oldest pinned generation's base it reads
 * from the tables, what is above from memory: neither double nor gap, wherever the indexer is.
 * Of rows that are held back it takes the newest value that a commit up to its own has put, from
 * the newest generation that has one, and else the table's.
 */
#ifndef NC_STORAGE_STATE_WT_STATE_PRIVATE_H
#define NC_STORAGE_STATE_WT_STATE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include <wiredtiger.h>

#include "core/base/assert.h"
#include "storage/state/event_block_private.h"
#include "storage/state/held_private.h"
#include "storage/state/wt_state.h"

/* Spaces come first, by their own numbers. */
enum nc_wt_table {
	NC_WT_EVENTS = NC_SPACE_COUNT,
	NC_WT_INDEX, /* + enum nc_index */
	NC_WT_IDS = NC_WT_INDEX + NC_INDEX_COUNT,
	NC_WT_LATE_IDS, /* of events deleted before their ids were in by_id */
	NC_WT_MARKS,
	NC_WT_HELD, /* what was put into rows that are held back */
	NC_WT_TABLE_COUNT
};

enum {
	NC_WT_GENERATIONS_MAX = 4 /* three with events, and a new one */
};

struct nc_wt_reader {
	struct nc_state_reader base;
	WT_SESSION *session;
	WT_CURSOR *gets[NC_WT_TABLE_COUNT]; /* opened when first needed */
	WT_CURSOR *scans[NC_WT_TABLE_COUNT];
	bool scanning[NC_WT_TABLE_COUNT]; /* in use: a scan inside a scan has a cursor of its own */
	struct nc_held *pins[NC_WT_GENERATIONS_MAX]; /* oldest first */
	unsigned pin_count;
	uint64_t table_limit; /* index entries of positions above it come from `pins` */
	uint64_t limit;       /* the last position to be seen */
	uint64_t sequence;    /* the last commit to be seen */
	struct nc_block
	        block; /* on which gets[NC_WT_EVENTS] stands within a snapshot; last 0: none */
	bool begun;
};

/* WiredTiger gives the handler back to its callbacks: the state is found behind it. */
struct nc_wt_handler {
	WT_EVENT_HANDLER base;
	nc_wt_state_message_fn *message;
	void *message_ctx;
	atomic_bool disk_full;   /* somebody met ENOSPC */
	atomic_bool disk_failed; /* somebody could not write or sync for another reason */
	atomic_int broken;       /* NC_OK, or what every call returns from now on */
};

struct nc_wt_state {
	struct nc_state base;
	struct nc_wt_handler handler;
	struct nc_wt_state_options options;
	char *directory;
	WT_CONNECTION *connection;

	/* the applier's */
	struct nc_wt_reader writer;
	WT_CURSOR *puts[NC_WT_TABLE_COUNT];
	uint64_t txn_last; /* position of the last event put before the transaction */
	uint32_t txn_event_count;
	uint32_t txn_put_count;
	struct nc_buf redo;          /* the row of `held` that is being filled */
	uint64_t redo_last;          /* number of the last one written */
	struct nc_block_maker block; /* the row of `events` that is being filled */
	struct nc_buf block_value;
	bool full; /* begin said so last time */

	pthread_mutex_t mutex;
	pthread_cond_t changed; /* a generation was sealed or done, or `closing` */
	/* under mutex */
	uint64_t sequence; /* of commits */
	uint64_t last;     /* position of the last committed event */
	struct nc_state_applied applied;
	struct nc_held *oldest; /* list through `active` */
	struct nc_held *active; /* the applier adds to it */
	unsigned generation_count;
	uint64_t generation_last;    /* number of the newest */
	uint32_t active_event_count; /* committed ones in `active` */
	bool active_any;             /* something committed is in `active` */
	bool in_txn;
	bool seal_wanted;
	bool closing;
	bool counts_stale; /* while it is opened: another build has indexed, and did not count */
	int indexer_err;   /* why the indexer does not get on at the moment */
	struct nc_wt_state_stats stats;

	pthread_t indexer;
	bool indexer_started;
	WT_SESSION *indexer_session;
	WT_CURSOR *indexer_cursors[NC_WT_TABLE_COUNT];
	uint64_t counted_id_max[NC_INDEX_COUNT]; /* above it no id has a count yet */

	pthread_mutex_t checkpointing; /* over what is below */
	WT_SESSION *checkpoint_session;
	uint64_t checkpoint_sequence; /* what the last completed one held at least */
	bool exporting;               /* a snapshot is open: snapshot_export.c */

	uint64_t blocks_from; /* since open: a row of `events` under a key below it is an event's */
};

static inline struct nc_wt_state *nc_wt_state_of(struct nc_state *base)
{
	return (struct nc_wt_state *)base;
}

/* ---- wt_error.c ----------------------------------------------------------------------------- */

void nc_wt_handler_init(struct nc_wt_handler *handler, const struct nc_wt_state_options *options);
__attribute__((format(printf, 2, 3))) void nc_wt_say(struct nc_wt_handler *handler,
                                                     const char *format, ...);
/* WiredTiger's result as ours; remembers what stays. */
int nc_wt_err(struct nc_wt_handler *handler, int wt);
int nc_wt_broken(struct nc_wt_state *state);

/* ---- wt_files.c ----------------------------------------------------------------------------- */

extern const char *const nc_wt_table_names[NC_WT_TABLE_COUNT];

int nc_wt_files_check(const char *directory, struct nc_wt_handler *handler, bool *empty_out);
int nc_wt_files_create(const char *directory, struct nc_wt_handler *handler);
uint64_t nc_wt_files_size(const char *directory);
/* Of the tables any page of which may change. */
uint64_t nc_wt_files_size_rewritten(const char *directory);
/* Whether `reserve_mb` are free where the directory is. Says nothing when that cannot be found out.
 */
bool nc_wt_files_room(const char *directory, unsigned reserve_mb);
int nc_wt_connect(const char *directory, struct nc_wt_handler *handler, unsigned cache_mb,
                  const char *more, WT_CONNECTION **connection_out);
int nc_wt_cursor_open(WT_SESSION *session, int table, WT_CURSOR **cursor_out);
int nc_wt_table_create(WT_SESSION *session, int table);
/* Whether the table's file is there: NC_OK, or NC_CORRUPT and a diagnosis. */
int nc_wt_file_check(const char *directory, int table, struct nc_wt_handler *handler);

/* ---- wt_format.c ---------------------------------------------------------------------------- */

/* See that the tables have this build's format, or raise them to it. Errors: NC_UNSUPPORTED, a
 * newer one; NC_CORRUPT. */
int nc_wt_format_settle(struct nc_wt_state *state);
/* Write it down, and from which position on events stand in blocks. Returns WiredTiger's code. */
int nc_wt_format_put(WT_CURSOR *marks, uint64_t blocks_from);

/* ---- wt_index.c ----------------------------------------------------------------------------- */

/* A run over one generation: a transaction every `chunk_rows`. */
struct nc_wt_run {
	struct nc_wt_state *state;
	WT_SESSION *session;
	WT_CURSOR **cursors;
	size_t pending; /* inserted in the open transaction */
	uint64_t rows;
	uint64_t through; /* the last position of the generation */
	struct nc_buf key, value;
};

void *nc_wt_indexer_main(void *state);
/* Insert all of a sealed generation. */
int nc_wt_generation_insert(struct nc_wt_state *state, const struct nc_held *held);
/* Of a run: begin its first transaction; put a mark; insert a row of the index of ids. Return
 * WiredTiger's code. */
int nc_wt_run_begin(struct nc_wt_run *run);
int nc_wt_mark_put(struct nc_wt_run *run, const char *name, uint64_t position);
int nc_wt_id_insert(struct nc_wt_run *run, struct nc_slice id, const struct nc_id_row *row);
/* One row more was inserted, or removed. Returns WiredTiger's code. */
int nc_wt_run_inserted(struct nc_wt_run *run);
/* A new generation, behind `active`; under mutex once the indexer runs. NULL: out of memory. */
struct nc_held *nc_wt_held_make(struct nc_wt_state *state, uint64_t base);
/* Whether a generation holds as much as one may. */
static inline bool nc_wt_is_large(const struct nc_wt_state *state, const struct nc_held *held)
{
	return held->event_count >= state->options.held_events ||
	       held->put_count >= state->options.held_events ||
	       held->bytes >= state->options.held_bytes;
}
/* Under mutex: close `active` for more entries and begin a new one, if it holds any. */
void nc_wt_seal(struct nc_wt_state *state);
/* Under mutex: one user less. Returns the generation if that was the last, to be freed without it.
 */
struct nc_held *nc_wt_unpin(struct nc_held *held);
int nc_wt_indexer_open(struct nc_wt_state *state);
void nc_wt_id_key(struct nc_buf *key, struct nc_slice id, uint64_t stream_id);

/* ---- wt_reindex.c --------------------------------------------------------------------------- */

/* What a crash left between the `indexed` mark and the last event; of it, what is through
 * `indexing` may be in the tables in part. */
int nc_wt_reindex(struct nc_wt_state *state, uint64_t indexed, uint64_t indexing);

/* ---- wt_count.c ----------------------------------------------------------------------------- */

/* Add what a generation has of one id to its count, if its index is counted; once, however often
 * the generation is inserted. Returns WiredTiger's code. */
int nc_wt_count_add(struct nc_wt_run *run, const struct nc_held_group *group);
/* At open, before anything is indexed: which ids have counts. */
int nc_wt_counts_load(struct nc_wt_state *state);
/* Count all anew, at open: everything is in the tables. */
int nc_wt_recount(struct nc_wt_state *state);
int nc_wt_count(struct nc_state_reader *base, enum nc_index index, uint64_t id,
                uint64_t *count_out);

/* ---- wt_apply.c ----------------------------------------------------------------------------- */

int nc_wt_begin(struct nc_state *base);
int nc_wt_commit(struct nc_state *base, struct nc_state_applied applied);
void nc_wt_rollback(struct nc_state *base);
int nc_wt_put(struct nc_state *base, enum nc_space space, struct nc_slice key,
              struct nc_slice value);
int nc_wt_del(struct nc_state *base, enum nc_space space, struct nc_slice key);
struct nc_state_reader *nc_wt_writer(struct nc_state *base);
bool nc_wt_waits(struct nc_state *base);

/* ---- wt_events.c, wt_events_read.c ---------------------------------------------------------- */

/* The applier's: put an event, delete some. */
int nc_wt_event_put(struct nc_state *base, uint64_t position, struct nc_slice row,
                    const struct nc_event_keys *keys);
int nc_wt_event_del(struct nc_state *base, uint64_t from, uint64_t to);
/* Write what was put and is not in the table yet: before a commit, and before the applier reads. */
int nc_wt_block_write(struct nc_wt_state *state);
/* Position of the last event in the table; 0: there is none. Returns WiredTiger's code. */
int nc_wt_event_last(WT_CURSOR *events, uint64_t *last_out);

int nc_wt_event_get(struct nc_state_reader *base, uint64_t position, struct nc_buf *row);
int nc_wt_events(struct nc_state_reader *base, uint64_t from, bool backward, nc_state_event_fn *fn,
                 void *ctx);
/* Onto the row that holds the first event from `from` on. Returns WiredTiger's code. */
int nc_wt_block_seek(WT_CURSOR *cursor, uint64_t from);
/* What the cursor stands on. Errors: NC_CORRUPT, said; NC_IO. */
int nc_wt_block_at(struct nc_wt_state *state, WT_CURSOR *cursor, struct nc_block *block_out);

/* ---- wt_rows.c, wt_rows_read.c -------------------------------------------------------------- */

/* Whether rows of the space are held back. */
static inline bool nc_wt_is_held(enum nc_space space)
{
	return space == NC_SPACE_STREAMS;
}

/* The applier's: put a row or delete it; and around a transaction. */
int nc_wt_row_put(struct nc_wt_state *state, struct nc_slice key, struct nc_slice value,
                  bool deleted);
void nc_wt_rows_begin(struct nc_wt_state *state);
int nc_wt_rows_commit(struct nc_wt_state *state);
void nc_wt_rows_rollback(struct nc_wt_state *state);
/* The indexer's: insert a generation's rows and forget what a crash would have needed. `order` is
 * room for as many numbers as there are rows. Returns WiredTiger's code. */
int nc_wt_rows_insert(struct nc_wt_run *run, const struct nc_held *held, uint32_t *order);
/* At open: what a crash left goes into `active`. */
int nc_wt_rows_load(struct nc_wt_state *state);
/* What the reader sees held back of a row; NULL: what the table has is what it sees. */
const struct nc_held_value *nc_wt_row_find(struct nc_wt_reader *reader, struct nc_slice key);
int nc_wt_rows_scan(struct nc_wt_reader *reader, struct nc_slice from, bool backward,
                    nc_state_pair_fn *fn, void *ctx);

/* ---- wt_reader.c, wt_scan.c ----------------------------------------------------------------- */

int nc_wt_reader_open(struct nc_state *base, struct nc_state_reader **reader_out);
void nc_wt_reader_close(struct nc_state_reader *base);
int nc_wt_reader_begin(struct nc_state_reader *base);
void nc_wt_reader_end(struct nc_state_reader *base);
int nc_wt_get(struct nc_state_reader *base, enum nc_space space, struct nc_slice key,
              struct nc_buf *value);
int nc_wt_scan(struct nc_state_reader *base, enum nc_space space, struct nc_slice from,
               bool backward, nc_state_pair_fn *fn, void *ctx);
int nc_wt_index(struct nc_state_reader *base, struct nc_index_walk asked, nc_state_index_fn *fn,
                void *ctx);
int nc_wt_ids(struct nc_state_reader *base, struct nc_slice id, uint64_t stream_id,
              nc_state_id_fn *fn, void *ctx);

/* Pin every generation, under mutex. */
void nc_wt_pin_all(struct nc_wt_state *state, struct nc_wt_reader *reader);
void nc_wt_unpin_all(struct nc_wt_state *state, struct nc_wt_reader *reader);
/* The cursor for points of `table`; to be reset. */
int nc_wt_get_cursor(struct nc_wt_reader *reader, int table, WT_CURSOR **cursor_out);
/* The cursor that scans `table`, and giving it back. */
int nc_wt_scan_begin(struct nc_wt_reader *reader, int table, WT_CURSOR **cursor_out);
void nc_wt_scan_end(struct nc_wt_reader *reader, int table, WT_CURSOR *cursor);
/* To the first row of a space in the wanted direction, and on. Return WiredTiger's code. */
int nc_wt_seek(WT_CURSOR *cursor, struct nc_slice from, bool backward);
int nc_wt_step(WT_CURSOR *cursor, bool backward);
int nc_wt_scan_result(struct nc_wt_reader *reader, int wt);
struct nc_wt_reader *nc_wt_reader_of(struct nc_state_reader *base);

#endif
