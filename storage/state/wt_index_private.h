/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_index_private.h -- what the files of the indexer share: putting what is held in memory into
 * the tables, at work (wt_index.c) and when the state is opened (wt_reindex.c).
 *
 * Threads: the indexer's, or the opener's before the indexer runs.
 */
#ifndef NC_STORAGE_STATE_WT_INDEX_PRIVATE_H
#define NC_STORAGE_STATE_WT_INDEX_PRIVATE_H

#include "storage/state/wt_state_private.h"

/* Rows that are inserted one after the other, some `chunk_rows` of them in a transaction. */
struct nc_wt_run {
	struct nc_wt_state *state;
	WT_SESSION *session;
	WT_CURSOR **cursors;
	size_t pending;   /* rows of the open transaction */
	uint64_t rows;    /* rows of the run */
	uint64_t through; /* the last position of the generation that is inserted */
	struct nc_buf key, value;
};

/* ---- wt_index.c ----------------------------------------------------------------------------- */

/* Open what the indexer needs, and then run its thread; `state` is an nc_wt_state. */
int nc_wt_indexer_open(struct nc_wt_state *state);
void *nc_wt_indexer_main(void *state);
/* Insert all of a sealed generation. */
int nc_wt_generation_insert(struct nc_wt_state *state, const struct nc_held *held);

/* These return WiredTiger's code. */

/* Begin the first transaction of a run. */
int nc_wt_run_begin(struct nc_wt_run *run);
/* One row more was inserted or removed: begin another transaction if it is time. */
int nc_wt_run_inserted(struct nc_wt_run *run);
/* Put a mark: a name and a position. */
int nc_wt_mark_put(struct nc_wt_run *run, const char *name, uint64_t position);
/* Insert a row of the index of ids. */
int nc_wt_id_insert(struct nc_wt_run *run, struct nc_slice id, const struct nc_id_row *row);

/* ---- wt_reindex.c --------------------------------------------------------------------------- */

/* Index the events between the mark `indexed` and the last event again, from their rows. Those up
 * to `indexing` may be in the tables in part. */
int nc_wt_reindex(struct nc_wt_state *state, uint64_t indexed, uint64_t indexing);

/* ---- wt_count.c ----------------------------------------------------------------------------- */

/* Add the entries that a generation has of one id to the count of that id, if the index is counted.
 * However often the generation is inserted, they count once. Returns WiredTiger's code. */
int nc_wt_count_add(struct nc_wt_run *run, const struct nc_held_group *group);
/* When the state is opened, before anything is indexed: find out which ids have counts. */
int nc_wt_counts_load(struct nc_wt_state *state);
/* When the state is opened, and everything is in the tables: count all of it anew. */
int nc_wt_recount(struct nc_wt_state *state);

/* ---- wt_rows.c ------------------------------------------------------------------------------ */

/* Insert a generation's rows that were held back, and forget what a crash would have needed.
 * `order` is room for as many numbers as there are rows. Returns WiredTiger's code. */
int nc_wt_rows_insert(struct nc_wt_run *run, const struct nc_held *held, uint32_t *order);

#endif
