/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_apply.c -- the applier's transactions. */
#include "storage/state/wt_state_private.h"

/* Wait until another generation may be filled. Then pin all that there are, for the applier's
 * reads. */
static int generations_ready(struct nc_wt_state *state)
{
	pthread_mutex_lock(&state->mutex);
	if (state->generation_count == NC_WT_GENERATIONS_MAX)
		state->stats.applier_waits++;
	while (state->generation_count == NC_WT_GENERATIONS_MAX && state->indexer_err == NC_OK)
		pthread_cond_wait(&state->changed, &state->mutex);
	int err = state->generation_count == NC_WT_GENERATIONS_MAX ? state->indexer_err : NC_OK;
	if (err == NC_OK) {
		nc_wt_pin_all(state, &state->writer);
		state->in_txn = true;
	}
	pthread_mutex_unlock(&state->mutex);
	return err;
}

/* WiredTiger panics when it cannot write out a page, so stop while it still can. */
static int room_check(struct nc_wt_state *state)
{
	bool full = !nc_wt_files_room(state->directory, state->options.reserve_mb);
	if (full != state->full) {
		nc_wt_say(&state->handler,
		          full ? "less than %u MiB are free in %s: nothing is "
		                 "written until there is room"
		               : "%u MiB are free in %s again: writing goes on",
		          state->options.reserve_mb, state->directory);
	}
	state->full = full;
	return full ? NC_FULL : NC_OK;
}

int nc_wt_begin(struct nc_state *base)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	struct nc_wt_reader *writer = &state->writer;
	nc_assert(!writer->begun);
	int err = nc_wt_broken(state);
	if (err == NC_OK)
		err = room_check(state);
	if (err == NC_OK)
		err = generations_ready(state);
	if (err != NC_OK)
		return err;

	int wt = writer->session->begin_transaction(writer->session, "isolation=snapshot");
	if (wt != 0) {
		pthread_mutex_lock(&state->mutex);
		state->in_txn = false;
		pthread_mutex_unlock(&state->mutex);
		nc_wt_unpin_all(state, writer);
		return nc_wt_err(&state->handler, wt);
	}
	writer->limit = UINT64_MAX;
	writer->sequence = UINT64_MAX;
	writer->begun = true;
	nc_wt_rows_begin(state);
	nc_block_clear(&state->block);
	state->txn_last = state->active->last;
	state->txn_event_count = state->active->event_count;
	return NC_OK;
}

/* The transaction is over. If it was not committed, what it has put into memory is taken back. */
static void txn_end(struct nc_wt_state *state, bool committed)
{
	if (!committed) {
		if (state->active->event_count != state->txn_event_count)
			nc_held_cut(state->active, state->txn_last, state->txn_event_count);
		nc_wt_rows_rollback(state);
		pthread_mutex_lock(&state->mutex);
		state->in_txn = false;
		if (state->seal_wanted)
			nc_wt_seal(state);
		pthread_mutex_unlock(&state->mutex);
	}
	state->writer.begun = false;
	nc_wt_unpin_all(state, &state->writer);
}

void nc_wt_rollback(struct nc_state *base)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	WT_SESSION *session = state->writer.session;
	nc_assert(state->writer.begun);
	/* A failure here means that WiredTiger has panicked: nc_wt_err() remembers it. */
	(void)nc_wt_err(&state->handler, session->rollback_transaction(session, NULL));
	txn_end(state, false);
}

/* Under mutex: the commit has happened. */
static void publish(struct nc_wt_state *state, struct nc_state_applied applied)
{
	struct nc_held *active = state->active;
	if (nc_held_any(active) && !state->active_any)
		active->before = state->applied;
	state->active_any = nc_held_any(active);
	state->active_event_count = active->event_count;
	active->redo_last = state->redo_last;
	state->last = active->last;
	state->applied = applied;
	state->sequence++;
	state->in_txn = false;
	if (state->seal_wanted || nc_wt_is_large(state, active))
		nc_wt_seal(state);
}

int nc_wt_commit(struct nc_state *base, struct nc_state_applied applied)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	WT_SESSION *session = state->writer.session;
	nc_assert(state->writer.begun);
	int err = nc_wt_broken(state);
	if (err == NC_OK)
		err = nc_wt_block_write(state);
	if (err == NC_OK)
		err = nc_wt_rows_commit(state);
	if (err == NC_OK) {
		uint8_t mark[16];
		nc_set_u64(mark, applied.index);
		nc_set_u64(mark + 8, applied.term);
		WT_CURSOR *cursor = state->puts[NC_WT_MARKS];
		WT_ITEM value = { .data = mark, .size = sizeof mark };
		cursor->set_key(cursor, "applied");
		cursor->set_value(cursor, &value);
		err = nc_wt_err(&state->handler, cursor->insert(cursor));
	}
	if (err != NC_OK) {
		nc_wt_rollback(base);
		return err;
	}

	pthread_mutex_lock(&state->mutex);
	int wt = session->commit_transaction(session, NULL);
	if (wt == 0)
		publish(state, applied);
	pthread_mutex_unlock(&state->mutex);
	txn_end(state, wt == 0);
	return nc_wt_err(&state->handler, wt);
}

static WT_ITEM item(struct nc_slice slice)
{
	return (WT_ITEM){ .data = slice.data, .size = slice.size };
}

int nc_wt_put(struct nc_state *base, enum nc_space space, struct nc_slice key,
              struct nc_slice value)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	nc_assert(state->writer.begun && space < NC_SPACE_COUNT);
	nc_assert(key.size > 0 && key.size <= NC_STATE_KEY_SIZE_MAX);
	if (nc_wt_is_held(space))
		return nc_wt_row_put(state, key, value);
	WT_CURSOR *cursor = state->puts[space];
	WT_ITEM wt_key = item(key);
	WT_ITEM wt_value = item(value);
	cursor->set_key(cursor, &wt_key);
	cursor->set_value(cursor, &wt_value);
	return nc_wt_err(&state->handler, cursor->insert(cursor));
}

int nc_wt_del(struct nc_state *base, enum nc_space space, struct nc_slice key)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	nc_assert(state->writer.begun && space < NC_SPACE_COUNT);
	nc_assert(key.size > 0 && key.size <= NC_STATE_KEY_SIZE_MAX);
	if (nc_wt_is_held(space))
		return nc_wt_row_del(state, key);
	WT_CURSOR *cursor = state->puts[space];
	WT_ITEM wt_key = item(key);
	cursor->set_key(cursor, &wt_key);
	int wt = cursor->remove(cursor);
	return wt == WT_NOTFOUND ? NC_OK : nc_wt_err(&state->handler, wt);
}

bool nc_wt_waits(struct nc_state *base)
{
	return nc_wt_broken(nc_wt_state_of(base)) == NC_OK;
}

struct nc_state_reader *nc_wt_writer(struct nc_state *base)
{
	return &nc_wt_state_of(base)->writer.base;
}
