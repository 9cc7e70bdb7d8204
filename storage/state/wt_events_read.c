/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_events_read.c -- events, one by position and many in order. */
#include "storage/state/wt_state_private.h"

int nc_wt_block_seek(WT_CURSOR *cursor, uint64_t from)
{
	int side = 0;
	cursor->set_key(cursor, from);
	int wt = cursor->search_near(cursor, &side);
	return wt == 0 && side < 0 ? cursor->next(cursor) : wt;
}

int nc_wt_block_at(struct nc_wt_state *state, WT_CURSOR *cursor, struct nc_block *block_out)
{
	uint64_t last;
	WT_ITEM value;
	int wt = cursor->get_key(cursor, &last);
	if (wt == 0)
		wt = cursor->get_value(cursor, &value);
	if (wt != 0)
		return nc_wt_err(&state->handler, wt);
	struct nc_slice bytes = nc_slice(value.data, value.size);
	if (last < state->blocks_from) { /* a row as older formats wrote it */
		*block_out = (struct nc_block){ .first = last, .last = last, .rows = bytes };
		return NC_OK;
	}
	int err = nc_block_get(bytes, last, block_out);
	if (err != NC_OK) {
		nc_wt_say(&state->handler, "the row of events through %llu cannot be read",
		          (unsigned long long)last);
	}
	return err;
}

int nc_wt_event_last(WT_CURSOR *events, uint64_t *last_out)
{
	*last_out = 0;
	int wt = events->prev(events);
	if (wt == 0)
		wt = events->get_key(events, last_out);
	int wt_reset = events->reset(events);
	return wt == 0 || wt == WT_NOTFOUND ? wt_reset : wt;
}

/* ---- One ------------------------------------------------------------------------------------ */

static int row_append(const struct nc_block *block, uint64_t position, struct nc_buf *row)
{
	if (position < block->first || position > block->last)
		return NC_NOTFOUND;
	struct nc_slice found = nc_block_row(block, position);
	if (found.size == 0)
		return NC_NOTFOUND;
	nc_buf_put_slice(row, found);
	return nc_buf_status(row);
}

/* Find the block that has the position, if there is one. Within a snapshot the cursor stays where
 * it is. The next event that is asked for is often in the same block, or the first of the next one,
 * and a step there costs a third of a search from the root. The end of the snapshot takes the
 * cursor off its page. */
static int block_find(struct nc_wt_reader *reader, WT_CURSOR *cursor, uint64_t position)
{
	struct nc_wt_state *state = nc_wt_state_of(reader->base.state);
	struct nc_block *block = &reader->block;
	if (block->last != 0 && position >= block->first && position <= block->last)
		return NC_OK;
	bool next = block->last != 0 && position == block->last + 1;
	int wt = next ? cursor->next(cursor) : nc_wt_block_seek(cursor, position);
	block->last = 0;
	return wt != 0 ? nc_wt_err(&state->handler, wt) : nc_wt_block_at(state, cursor, block);
}

int nc_wt_event_get(struct nc_state_reader *base, uint64_t position, struct nc_buf *row)
{
	struct nc_wt_reader *reader = nc_wt_reader_of(base);
	struct nc_wt_state *state = nc_wt_state_of(base->state);
	bool is_writer = reader == &state->writer;
	if (position == 0 || position > INT64_MAX)
		return NC_NOTFOUND;
	WT_CURSOR *cursor;
	int err = is_writer ? nc_wt_block_write(state) : NC_OK;
	if (err == NC_OK)
		err = nc_wt_get_cursor(reader, NC_WT_EVENTS, &cursor);
	if (err != NC_OK)
		return err;
	err = block_find(reader, cursor, position);
	if (err == NC_OK)
		err = row_append(&reader->block, position, row);
	if (is_writer) { /* the writer changes what it reads: do not keep the cursor there */
		reader->block.last = 0;
		int err_reset = nc_wt_err(&state->handler, cursor->reset(cursor));
		err = err != NC_OK ? err : err_reset;
	}
	return err;
}

/* ---- Many ----------------------------------------------------------------------------------- */

/* Give the events of the block from `from` on. False: the caller has enough. */
static bool block_give(const struct nc_block *block, uint64_t from, bool backward,
                       nc_state_event_fn *fn, void *ctx)
{
	uint64_t count = block->last - block->first + 1;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t at = backward ? block->last - i : block->first + i;
		struct nc_slice row = nc_block_row(block, at);
		bool before = backward ? at > from : at < from;
		if (!before && row.size > 0 && !fn(ctx, at, row))
			return false;
	}
	return true;
}

/* Move onto the first block with events that are wanted. Returns WiredTiger's code. */
static int first_block(WT_CURSOR *cursor, uint64_t from, bool backward)
{
	if (from == 0 || from > INT64_MAX) /* positions are far from it */
		return nc_wt_step(cursor, backward);
	int wt = nc_wt_block_seek(cursor, from);
	if (wt == WT_NOTFOUND && backward) /* all are before */
		wt = cursor->prev(cursor);
	return wt;
}

int nc_wt_events(struct nc_state_reader *base, uint64_t from, bool backward, nc_state_event_fn *fn,
                 void *ctx)
{
	struct nc_wt_reader *reader = nc_wt_reader_of(base);
	struct nc_wt_state *state = nc_wt_state_of(base->state);
	if (backward ? from == 0 : from > INT64_MAX)
		return NC_OK;
	WT_CURSOR *cursor;
	int err = reader == &state->writer ? nc_wt_block_write(state) : NC_OK;
	if (err == NC_OK)
		err = nc_wt_scan_begin(reader, NC_WT_EVENTS, &cursor);
	if (err != NC_OK)
		return err;
	bool more = true;
	int wt = first_block(cursor, from, backward);
	while (wt == 0 && err == NC_OK && more) {
		struct nc_block block;
		err = nc_wt_block_at(state, cursor, &block);
		if (err == NC_OK)
			more = block_give(&block, from, backward, fn, ctx);
		if (err == NC_OK && more)
			wt = nc_wt_step(cursor, backward);
	}
	nc_wt_scan_end(reader, NC_WT_EVENTS, cursor);
	return err != NC_OK ? err : nc_wt_scan_result(reader, wt);
}
