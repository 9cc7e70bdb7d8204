/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_reindex.c -- opening: what a crash left between the events and their indexes. */
#include "storage/state/wt_index_private.h"

/* Insert the late ids that a crash has left behind. */
static int late_ids_insert(struct nc_wt_state *state)
{
	WT_CURSOR *late = state->indexer_cursors[NC_WT_LATE_IDS];
	struct nc_wt_run run = { .state = state,
		                 .session = state->indexer_session,
		                 .cursors = state->indexer_cursors };
	int wt = 0;
	while (wt == 0 && (wt = late->next(late)) == 0) {
		uint64_t position;
		WT_ITEM value;
		wt = late->get_key(late, &position);
		if (wt == 0)
			wt = late->get_value(late, &value);
		if (wt != 0)
			break;
		nc_assert(value.size > 16 + NC_DIGEST_SIZE);
		const uint8_t *bytes = value.data;
		struct nc_id_row row = { .stream_id = nc_get_u64(bytes),
			                 .position = position,
			                 .version = nc_get_u64(bytes + 8) };
		memcpy(row.digest, bytes + 16, NC_DIGEST_SIZE);
		wt = nc_wt_id_insert(
		        &run, nc_slice_from(nc_slice(bytes, value.size), 16 + NC_DIGEST_SIZE),
		        &row);
		run.pending = 0; /* each is a transaction of its own */
	}
	nc_buf_release(&run.key);
	int wt_reset = late->reset(late);
	return nc_wt_err(&state->handler, wt == WT_NOTFOUND ? wt_reset : wt);
}

/* At open, insert everything that is in `active`. */
static int active_flush(struct nc_wt_state *state)
{
	if (!nc_held_any(state->active))
		return NC_OK;
	int err = nc_wt_generation_insert(state, state->active);
	if (err != NC_OK)
		return err;
	struct nc_held *fresh = nc_wt_held_make(state, state->active->last);
	if (fresh == NULL)
		return NC_NOMEM;
	nc_held_free(state->active);
	state->active = fresh;
	state->oldest = fresh;
	return NC_OK;
}

static int event_reindex(struct nc_wt_state *state, uint64_t position, struct nc_slice row,
                         uint64_t indexing)
{
	uint64_t tags[NC_STATE_TAG_COUNT_MAX];
	struct nc_event_keys keys;
	int err = NC_OK;
	if (position > indexing && state->active->last <= indexing)
		err = active_flush(state); /* insert it in the generation in which it was begun */
	if (err != NC_OK)
		return err;
	err = state->options.keys(row, tags, &keys);
	if (err == NC_OK) {
		err = nc_held_add(state->active, position, &keys);
	} else {
		nc_wt_say(&state->handler, "the row of event %llu cannot be read: %s",
		          (unsigned long long)position, nc_err_name(err));
	}
	state->stats.reindexed_at_open++;
	if (err == NC_OK && position > indexing && nc_wt_is_large(state, state->active))
		err = active_flush(state);
	return err;
}

/* Index the events above `indexed` of the block that the cursor stands on. */
static int block_reindex(struct nc_wt_state *state, WT_CURSOR *events, uint64_t indexed,
                         uint64_t indexing)
{
	struct nc_block block;
	int err = nc_wt_block_at(state, events, &block);
	if (err != NC_OK)
		return err;
	uint64_t at = block.first > indexed ? block.first : indexed + 1;
	for (; err == NC_OK && at <= block.last; at++) {
		struct nc_slice row = nc_block_row(&block, at);
		if (row.size > 0)
			err = event_reindex(state, at, row, indexing);
	}
	return err;
}

static int events_reindex(struct nc_wt_state *state, uint64_t indexed, uint64_t indexing)
{
	WT_CURSOR *events;
	int err = NC_OK;
	int wt = nc_wt_cursor_open(state->checkpoint_session, NC_WT_EVENTS, &events);
	if (wt != 0)
		return nc_wt_err(&state->handler, wt);
	wt = nc_wt_block_seek(events, indexed + 1);
	while (wt == 0 && err == NC_OK) {
		err = block_reindex(state, events, indexed, indexing);
		if (err == NC_OK)
			wt = events->next(events);
	}
	if (err == NC_OK && wt != WT_NOTFOUND)
		err = nc_wt_err(&state->handler, wt);
	wt = events->close(events);
	return err != NC_OK ? err : nc_wt_err(&state->handler, wt);
}

int nc_wt_reindex(struct nc_wt_state *state, uint64_t indexed, uint64_t indexing)
{
	int err = nc_wt_counts_load(state);
	if (err == NC_OK)
		err = late_ids_insert(state);
	if (err == NC_OK)
		err = nc_wt_rows_load(state);
	if (err == NC_OK && state->last > indexed)
		err = events_reindex(state, indexed, indexing);
	if (err == NC_OK)
		err = active_flush(state);
	return err == NC_OK && state->counts_stale ? nc_wt_recount(state) : err;
}
