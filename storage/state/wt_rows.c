/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_rows.c -- rows that are held back: put by the applier, kept for a crash, inserted.
 *
 * A stream's row changes with each of its events. Written to its table each time, that was a search
 * and an update an event; held back in the generation, it is written once for all the events that
 * the stream has there, in key order. What a crash would take stands in the table `held`, written
 * in the commit's own transaction: everything that was put, packed, some hundred rows in one. The
 * indexer removes it when the rows are in their table; opening reads what is left. */
#include <errno.h>
#include <stdlib.h>

#include "core/base/sized.h"
#include "storage/state/wt_index_private.h"

#define REDO_SIZE_MAX (8u << 10) /* bytes of one row of `held`, about: small enough for a page */

enum redo_flag { REDO_DELETED = 1 };

/* ---- The applier ---------------------------------------------------------------------------- */

static int redo_write(struct nc_wt_state *state)
{
	WT_CURSOR *cursor = state->puts[NC_WT_HELD];
	WT_ITEM value = { .data = state->redo.data, .size = state->redo.size };
	if (nc_buf_status(&state->redo) != NC_OK)
		return NC_NOMEM;
	cursor->set_key(cursor, state->redo_last + 1);
	cursor->set_value(cursor, &value);
	int err = nc_wt_err(&state->handler, cursor->insert(cursor));
	if (err != NC_OK)
		return err;
	state->redo_last++;
	nc_buf_clear(&state->redo);
	return NC_OK;
}

/* Hold the row back, and write down what a crash would take of it. */
static int row_change(struct nc_wt_state *state, struct nc_slice key, struct nc_slice value,
                      bool deleted)
{
	int err = nc_held_row_put(state->active, state->sequence + 1, key, value, deleted);
	if (err != NC_OK)
		return err;
	nc_buf_put_u8(&state->redo, deleted ? REDO_DELETED : 0);
	nc_sized_put(&state->redo, key);
	nc_sized_put(&state->redo, value);
	return state->redo.size < REDO_SIZE_MAX ? NC_OK : redo_write(state);
}

int nc_wt_row_put(struct nc_wt_state *state, struct nc_slice key, struct nc_slice value)
{
	return row_change(state, key, value, false);
}

int nc_wt_row_del(struct nc_wt_state *state, struct nc_slice key)
{
	return row_change(state, key, nc_slice(NULL, 0), true);
}

void nc_wt_rows_begin(struct nc_wt_state *state)
{
	nc_buf_clear(&state->redo);
	state->redo_last = state->active->redo_last;
	state->txn_put_count = state->active->put_count;
}

int nc_wt_rows_commit(struct nc_wt_state *state)
{
	return state->redo.size == 0 ? NC_OK : redo_write(state);
}

void nc_wt_rows_rollback(struct nc_wt_state *state)
{
	if (state->active->put_count != state->txn_put_count)
		nc_held_rows_cut(state->active, state->sequence, state->txn_put_count);
}

/* ---- The indexer ---------------------------------------------------------------------------- */

static int compare_rows(const void *left, const void *right, void *ctx)
{
	const struct nc_held_row *rows = ctx;
	return nc_slice_cmp(rows[*(const uint32_t *)left].key, rows[*(const uint32_t *)right].key);
}

static int row_insert(struct nc_wt_run *run, const struct nc_held_row *row)
{
	const struct nc_held_value *value = row->newest;
	if (value == NULL)
		return 0; /* taken back */
	WT_CURSOR *cursor = run->cursors[NC_SPACE_STREAMS];
	WT_ITEM wt_key = { .data = row->key.data, .size = row->key.size };
	WT_ITEM wt_value = { .data = value->bytes, .size = value->size };
	cursor->set_key(cursor, &wt_key);
	cursor->set_value(cursor, &wt_value);
	int wt = value->deleted ? cursor->remove(cursor) : cursor->insert(cursor);
	if (value->deleted && wt == WT_NOTFOUND)
		wt = 0;
	return wt != 0 ? wt : nc_wt_run_inserted(run);
}

/* Remove the generation's rows of `held`: its rows are in their table now. It may be done again
 * after a crash. */
static int redo_remove(struct nc_wt_run *run, const struct nc_held *held)
{
	WT_CURSOR *cursor = run->cursors[NC_WT_HELD];
	int wt = 0;
	for (uint64_t number = held->redo_above + 1; wt == 0 && number <= held->redo_last;
	     number++) {
		cursor->set_key(cursor, number);
		wt = cursor->remove(cursor);
		if (wt == 0 || wt == WT_NOTFOUND)
			wt = nc_wt_run_inserted(run);
	}
	return wt;
}

int nc_wt_rows_insert(struct nc_wt_run *run, const struct nc_held *held, uint32_t *order)
{
	for (uint32_t i = 0; i < held->row_count; i++)
		order[i] = i;
	qsort_r(order, held->row_count, sizeof *order, compare_rows, held->rows);
	int wt = 0;
	for (uint32_t i = 0; wt == 0 && i < held->row_count; i++)
		wt = row_insert(run, &held->rows[order[i]]);
	return wt != 0 ? wt : redo_remove(run, held);
}

/* ---- Opening -------------------------------------------------------------------------------- */

static int redo_read(struct nc_held *held, struct nc_slice packed)
{
	struct nc_reader reader = nc_reader(packed);
	int err = NC_OK;
	while (err == NC_OK && nc_reader_left(&reader) > 0) {
		uint8_t flags = nc_reader_u8(&reader);
		struct nc_slice key = nc_sized_get(&reader);
		struct nc_slice value = nc_sized_get(&reader);
		if (reader.failed || key.size == 0 || flags > REDO_DELETED)
			return NC_CORRUPT;
		err = nc_held_row_put(held, 0, key, value, flags == REDO_DELETED);
	}
	return err;
}

static int redo_take(struct nc_wt_state *state, WT_CURSOR *cursor)
{
	struct nc_held *held = state->active;
	uint64_t number;
	WT_ITEM value;
	int wt = cursor->get_key(cursor, &number);
	if (wt == 0)
		wt = cursor->get_value(cursor, &value);
	if (wt != 0)
		return nc_wt_err(&state->handler, wt);
	if (held->redo_last == 0)
		held->redo_above = number - 1;
	held->redo_last = number;
	int err = redo_read(held, nc_slice(value.data, value.size));
	if (err == NC_CORRUPT) {
		nc_wt_say(&state->handler, "row %llu of what was held back cannot be read",
		          (unsigned long long)number);
	}
	return err;
}

int nc_wt_rows_load(struct nc_wt_state *state)
{
	WT_CURSOR *cursor = state->indexer_cursors[NC_WT_HELD];
	int err = NC_OK, wt;
	while (err == NC_OK && (wt = cursor->next(cursor)) == 0)
		err = redo_take(state, cursor);
	if (err == NC_OK && wt != WT_NOTFOUND)
		err = nc_wt_err(&state->handler, wt);
	wt = cursor->reset(cursor);
	return err != NC_OK ? err : nc_wt_err(&state->handler, wt);
}
