/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_events.c -- events: put by the applier, many to a row, and deleted. */
#include "storage/state/wt_state_private.h"

/* ---- Put ------------------------------------------------------------------------------------ */

int nc_wt_block_write(struct nc_wt_state *state)
{
	if (state->block.count == 0)
		return NC_OK;
	nc_buf_clear(&state->block_value);
	int err = nc_block_put(&state->block, &state->block_value);
	if (err != NC_OK)
		return err;
	WT_CURSOR *cursor = state->puts[NC_WT_EVENTS];
	WT_ITEM value = { .data = state->block_value.data, .size = state->block_value.size };
	cursor->set_key(cursor, nc_block_last(&state->block));
	cursor->set_value(cursor, &value);
	nc_block_clear(&state->block);
	return nc_wt_err(&state->handler, cursor->insert(cursor));
}

int nc_wt_event_put(struct nc_state *base, uint64_t position, struct nc_slice row,
                    const struct nc_event_keys *keys)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	nc_assert(state->writer.begun && position > state->active->last && row.size > 0);
	nc_assert(keys->tag_count <= NC_STATE_TAG_COUNT_MAX);
	int err = nc_block_takes(&state->block, position, row) ? NC_OK : nc_wt_block_write(state);
	if (err != NC_OK)
		return err;
	nc_block_add(&state->block, position, row);
	return nc_held_add(state->active, position, keys);
}

/* ---- Deleted -------------------------------------------------------------------------------- */

/* The id of a deleted event is kept, although its row goes, from which it would be indexed again
 * after a crash. So an id that is still held back is kept in a table until the indexer has passed
 * it. */
static int late_id_put(struct nc_wt_state *state, uint64_t position)
{
	const struct nc_held_id *id = NULL;
	for (unsigned i = 0; i < state->writer.pin_count && id == NULL; i++) {
		if (position > state->writer.pins[i]->base)
			id = nc_held_id_at(state->writer.pins[i], position);
	}
	if (id == NULL)
		return 0;
	uint8_t bytes[8 + 8 + NC_DIGEST_SIZE + NC_STATE_KEY_SIZE_MAX];
	nc_assert(id->id.size <= NC_STATE_KEY_SIZE_MAX);
	nc_set_u64(bytes, id->row.stream_id);
	nc_set_u64(bytes + 8, id->row.version);
	memcpy(bytes + 16, id->row.digest, NC_DIGEST_SIZE);
	memcpy(bytes + 16 + NC_DIGEST_SIZE, id->id.data, id->id.size);
	WT_CURSOR *cursor = state->puts[NC_WT_LATE_IDS];
	WT_ITEM value = { .data = bytes, .size = 16 + NC_DIGEST_SIZE + id->id.size };
	cursor->set_key(cursor, position);
	cursor->set_value(cursor, &value);
	return cursor->insert(cursor);
}

/* Make in state->block what is left of a block without from..to. Returns WiredTiger's code. */
static int block_cut(struct nc_wt_state *state, const struct nc_block *block, uint64_t from,
                     uint64_t to)
{
	int wt = 0;
	for (uint64_t at = block->first; wt == 0 && at <= block->last; at++) {
		struct nc_slice row = nc_block_row(block, at);
		bool goes = at >= from && at <= to && row.size > 0;
		if (goes)
			wt = late_id_put(state, at);
		nc_block_add(&state->block, at, goes ? nc_slice(NULL, 0) : row);
	}
	return wt;
}

/* Delete from..to of the row that the cursor stands on. */
static int block_del(struct nc_wt_state *state, WT_CURSOR *cursor, uint64_t from, uint64_t to)
{
	struct nc_block block;
	int err = nc_wt_block_at(state, cursor, &block);
	if (err != NC_OK)
		return err;
	nc_block_clear(&state->block);
	err = nc_wt_err(&state->handler, block_cut(state, &block, from, to));
	bool empty = state->block.rows.size == 0;
	if (err == NC_OK && empty) {
		err = nc_wt_err(&state->handler, cursor->remove(cursor));
	} else if (err == NC_OK && state->block.rows.size < block.rows.size) {
		err = nc_wt_block_write(state);
	}
	nc_block_clear(&state->block);
	return err;
}

int nc_wt_event_del(struct nc_state *base, uint64_t from, uint64_t to)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	nc_assert(state->writer.begun);
	if (from == 0)
		from = 1;
	if (from > to || from > state->active->last)
		return NC_OK;
	int err = nc_wt_block_write(state);
	WT_CURSOR *cursor = state->puts[NC_WT_EVENTS];
	while (err == NC_OK && from <= to) {
		uint64_t last;
		int wt = nc_wt_block_seek(cursor, from);
		if (wt == 0)
			wt = cursor->get_key(cursor, &last);
		if (wt == WT_NOTFOUND)
			break;
		err = wt != 0 ? nc_wt_err(&state->handler, wt) : block_del(state, cursor, from, to);
		if (err == NC_OK)
			from = last + 1;
	}
	int err_reset = nc_wt_err(&state->handler, cursor->reset(cursor));
	return err != NC_OK ? err : err_reset;
}
