/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_state_private.h -- what the wt_*.c files share: the state, its tables, its locks. What the
 * indexer's files share beside that is in wt_index_private.h.
 *
 * Locks, the outer ones first: `checkpointing`, `mutex`, a generation's. Only one call of
 * WiredTiger is made under `mutex`, the applier's commit: so readers see the commit, and what the
 * state says of it, at one moment.
 *
 * A reader pins the generations and takes its WiredTiger snapshot without a commit in between
 * (`sequence`); that makes its view whole. It reads index entries at or below the base of its
 * oldest generation from the tables, and those above from memory: nothing twice and nothing
 * missing, wherever the indexer is. Of a row that is held back it takes the newest value that a
 * commit up to its own has put, from the newest generation that has one; if none has, it takes the
 * table's.
 *
 * Errors: a call returns a negative enum nc_err, unless it is said to return WiredTiger's code.
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

/* Tables. Those of the spaces come first, under the spaces' own numbers. */
enum nc_wt_table {
	NC_WT_EVENTS = NC_SPACE_COUNT,
	NC_WT_INDEX, /* and those of the other indexes: + enum nc_index */
	NC_WT_IDS = NC_WT_INDEX + NC_INDEX_COUNT,
	NC_WT_LATE_IDS, /* ids of events that were deleted before their ids were in NC_WT_IDS */
	NC_WT_MARKS,
	NC_WT_HELD, /* what was put into rows that are held back, for a restart */
	NC_WT_TABLE_COUNT
};

enum {
	NC_WT_GENERATIONS_MAX = 4 /* three with events, and a new one */
};

struct nc_wt_reader {
	struct nc_state_reader base;
	WT_SESSION *session;
	WT_CURSOR *gets[NC_WT_TABLE_COUNT];  /* for single rows; opened when first needed */
	WT_CURSOR *scans[NC_WT_TABLE_COUNT]; /* likewise, for scans */
	bool scanning[NC_WT_TABLE_COUNT]; /* in use: a scan inside a scan has a cursor of its own */
	struct nc_held *pins[NC_WT_GENERATIONS_MAX]; /* oldest first */
	unsigned pin_count;
	uint64_t table_limit; /* index entries of positions above it come from `pins` */
	uint64_t limit;       /* the last position to be seen */
	uint64_t sequence;    /* the last commit to be seen */
	/* The block on which gets[NC_WT_EVENTS] stands within a snapshot; block.last 0: on none. */
	struct nc_block block;
	bool begun;
};

/* WiredTiger gives this handler to its callbacks, which find the state behind it. */
struct nc_wt_handler {
	WT_EVENT_HANDLER base;
	nc_wt_state_message_fn *message;
	void *message_ctx;
	atomic_bool disk_full;   /* a call failed with ENOSPC */
	atomic_bool disk_failed; /* a write or sync failed for another reason */
	atomic_int broken;       /* NC_OK, or the error that every call returns from now on */
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
	/* As it was when the transaction began, to be gone back to. */
	uint64_t txn_last;           /* position of the last event put */
	uint32_t txn_event_count;    /* of events in `active` */
	uint32_t txn_put_count;      /* of values in `active` */
	struct nc_buf redo;          /* the row of NC_WT_HELD that is being filled */
	uint64_t redo_last;          /* number of the last such row written */
	struct nc_block_maker block; /* the row of NC_WT_EVENTS that is being filled */
	struct nc_buf block_value;
	bool full; /* the last begin found the disk full */

	pthread_mutex_t mutex;
	pthread_cond_t changed; /* a generation was sealed or done, or `closing` was set */
	/* under mutex */
	uint64_t sequence; /* number of the last commit */
	uint64_t last;     /* position of the last committed event */
	struct nc_state_applied applied;
	struct nc_held *oldest; /* of the generations: a list that ends in `active` */
	struct nc_held *active; /* the generation to which the applier adds */
	unsigned generation_count;
	uint64_t generation_last;    /* number of the newest generation */
	uint32_t active_event_count; /* committed events in `active` */
	bool active_any;             /* something committed is in `active` */
	bool in_txn;
	bool seal_wanted; /* to be done when the transaction ends */
	bool closing;
	bool counts_stale; /* while the state is opened: another build indexed and did not count */
	int indexer_err;   /* why the indexer cannot go on at the moment */
	struct nc_wt_state_stats stats;

	/* the indexer's */
	pthread_t indexer;
	bool indexer_started;
	WT_SESSION *indexer_session;
	WT_CURSOR *indexer_cursors[NC_WT_TABLE_COUNT];
	uint64_t counted_id_max[NC_INDEX_COUNT]; /* no id above it has a count yet */

	pthread_mutex_t checkpointing;
	/* under checkpointing */
	WT_SESSION *checkpoint_session;
	uint64_t checkpoint_sequence; /* the last completed checkpoint holds this commit, or more */
	bool exporting;               /* snapshot_export.c holds a checkpoint */

	/* set when the state is opened: rows of NC_WT_EVENTS under keys below it are of one event
	 */
	uint64_t blocks_from;
};

static inline struct nc_wt_state *nc_wt_state_of(struct nc_state *base)
{
	return (struct nc_wt_state *)base;
}

/* ---- wt_error.c ----------------------------------------------------------------------------- */

void nc_wt_handler_init(struct nc_wt_handler *handler, const struct nc_wt_state_options *options);
__attribute__((format(printf, 2, 3))) void nc_wt_say(struct nc_wt_handler *handler,
                                                     const char *format, ...);
/* Turn WiredTiger's code into ours, and remember an error that lasts. */
int nc_wt_err(struct nc_wt_handler *handler, int wt);
/* The error that lasts; NC_OK if there is none. */
int nc_wt_broken(struct nc_wt_state *state);

/* ---- wt_files.c ----------------------------------------------------------------------------- */

extern const char *const nc_wt_table_names[NC_WT_TABLE_COUNT];

/* See whether the files of a state are there, or none are. Errors: NC_CORRUPT, some are missing. */
int nc_wt_files_check(const char *directory, struct nc_wt_handler *handler, bool *empty_out);
/* Make the directory of a new state, whole or not at all. */
int nc_wt_files_create(const char *directory, struct nc_wt_handler *handler);
/* Bytes of all files, and of those of the tables any page of which may be written anew. */
uint64_t nc_wt_files_size(const char *directory);
uint64_t nc_wt_files_size_rewritten(const char *directory);
/* Whether `reserve_mb` MiB are free on the disk; true if that cannot be found out. */
bool nc_wt_files_room(const char *directory, unsigned reserve_mb);
/* Open WiredTiger, with `more` behind the usual configuration. */
int nc_wt_connect(const char *directory, struct nc_wt_handler *handler, unsigned cache_mb,
                  const char *more, WT_CONNECTION **connection_out);
/* Open a cursor on a table; make a table. Return WiredTiger's code. */
int nc_wt_cursor_open(WT_SESSION *session, int table, WT_CURSOR **cursor_out);
int nc_wt_table_create(WT_SESSION *session, int table);
/* See whether the table's file is there. Errors: NC_CORRUPT, it is not; a message says so. */
int nc_wt_file_check(const char *directory, int table, struct nc_wt_handler *handler);

/* ---- wt_format.c ---------------------------------------------------------------------------- */

/* See that the tables have this build's format, and raise older ones to it. Errors: NC_UNSUPPORTED,
 * a newer format; NC_CORRUPT. */
int nc_wt_format_settle(struct nc_wt_state *state);
/* Note the format, and the position from which on events stand in blocks. Returns WiredTiger's
 * code. */
int nc_wt_format_put(WT_CURSOR *marks, uint64_t blocks_from);

/* ---- wt_index.c: generations ---------------------------------------------------------------- */

/* Make a new generation, which is the next `active`. Under mutex once the indexer runs. NULL if out
 * of memory. */
struct nc_held *nc_wt_held_make(struct nc_wt_state *state, uint64_t base);
/* Whether a generation holds as much as one may. */
static inline bool nc_wt_is_large(const struct nc_wt_state *state, const struct nc_held *held)
{
	return held->event_count >= state->options.held_events ||
	       held->put_count >= state->options.held_events ||
	       held->bytes >= state->options.held_bytes;
}
/* Under mutex: seal `active` and begin another, if there is anything in it. */
void nc_wt_seal(struct nc_wt_state *state);
/* Under mutex: the generation has one user less. If that was the last, it is returned, to be freed
 * when the mutex is released. */
struct nc_held *nc_wt_unpin(struct nc_held *held);
/* The key of a row of the index of ids. */
void nc_wt_id_key(struct nc_buf *key, struct nc_slice id, uint64_t stream_id);

/* ---- wt_apply.c: the port's calls ----------------------------------------------------------- */

int nc_wt_begin(struct nc_state *base);
int nc_wt_commit(struct nc_state *base, struct nc_state_applied applied);
void nc_wt_rollback(struct nc_state *base);
int nc_wt_put(struct nc_state *base, enum nc_space space, struct nc_slice key,
              struct nc_slice value);
int nc_wt_del(struct nc_state *base, enum nc_space space, struct nc_slice key);
struct nc_state_reader *nc_wt_writer(struct nc_state *base);
bool nc_wt_waits(struct nc_state *base);

/* ---- wt_events.c, wt_events_read.c ---------------------------------------------------------- */

/* The port's calls: the applier's, then the readers'. */
int nc_wt_event_put(struct nc_state *base, uint64_t position, struct nc_slice row,
                    const struct nc_event_keys *keys);
int nc_wt_event_del(struct nc_state *base, uint64_t from, uint64_t to);
int nc_wt_event_get(struct nc_state_reader *base, uint64_t position, struct nc_buf *row);
int nc_wt_events(struct nc_state_reader *base, uint64_t from, bool backward, nc_state_event_fn *fn,
                 void *ctx);

/* Write the block that is being filled to the table. To be done before a commit, and before the
 * applier reads. */
int nc_wt_block_write(struct nc_wt_state *state);
/* The position of the last event in the table; 0: there is none. Returns WiredTiger's code. */
int nc_wt_event_last(WT_CURSOR *events, uint64_t *last_out);
/* Move to the row that holds the first event from `from` on. Returns WiredTiger's code. */
int nc_wt_block_seek(WT_CURSOR *cursor, uint64_t from);
/* The block on which the cursor stands. Errors: NC_CORRUPT, and a message says so; NC_IO. */
int nc_wt_block_at(struct nc_wt_state *state, WT_CURSOR *cursor, struct nc_block *block_out);

/* ---- wt_rows.c, wt_rows_read.c -------------------------------------------------------------- */

/* Whether rows of the space are held back. */
static inline bool nc_wt_is_held(enum nc_space space)
{
	return space == NC_SPACE_STREAMS;
}

/* For the applier: put a row that is held back, or delete it. */
int nc_wt_row_put(struct nc_wt_state *state, struct nc_slice key, struct nc_slice value);
int nc_wt_row_del(struct nc_wt_state *state, struct nc_slice key);
/* For the applier: what belongs to the beginning and the end of a transaction. */
void nc_wt_rows_begin(struct nc_wt_state *state);
int nc_wt_rows_commit(struct nc_wt_state *state);
void nc_wt_rows_rollback(struct nc_wt_state *state);
/* When the state is opened: put into `active` the rows that were held back before it ended. */
int nc_wt_rows_load(struct nc_wt_state *state);
/* The value that the reader sees of a row that is held back; NULL: it sees the table's. */
const struct nc_held_value *nc_wt_row_find(struct nc_wt_reader *reader, struct nc_slice key);
/* The port's scan of a space whose rows are held back. */
int nc_wt_rows_scan(struct nc_wt_reader *reader, struct nc_slice from, bool backward,
                    nc_state_pair_fn *fn, void *ctx);

/* ---- wt_reader.c, wt_scan.c, wt_count.c ----------------------------------------------------- */

/* The port's calls. */
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

int nc_wt_count(struct nc_state_reader *base, enum nc_index index, uint64_t id,
                uint64_t *count_out);

/* Pin every generation, under mutex; and unpin those of the reader, which takes it itself. */
void nc_wt_pin_all(struct nc_wt_state *state, struct nc_wt_reader *reader);
void nc_wt_unpin_all(struct nc_wt_state *state, struct nc_wt_reader *reader);
/* The cursor for single rows of `table`. Whoever has used it resets it. */
int nc_wt_get_cursor(struct nc_wt_reader *reader, int table, WT_CURSOR **cursor_out);
/* Take the cursor that scans `table`, and give it back. */
int nc_wt_scan_begin(struct nc_wt_reader *reader, int table, WT_CURSOR **cursor_out);
void nc_wt_scan_end(struct nc_wt_reader *reader, int table, WT_CURSOR *cursor);
/* Move to the first row of a space in the wanted direction, and on. Return WiredTiger's code. */
int nc_wt_seek(WT_CURSOR *cursor, struct nc_slice from, bool backward);
int nc_wt_step(WT_CURSOR *cursor, bool backward);
/* What a scan returns that ended with WiredTiger's code `wt`. */
int nc_wt_scan_result(struct nc_wt_reader *reader, int wt);
struct nc_wt_reader *nc_wt_reader_of(struct nc_state_reader *base);

#endif
