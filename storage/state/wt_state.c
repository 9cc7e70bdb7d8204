/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_state.c -- the state as a whole: opening, checkpoints, closing. */
#include <stdlib.h>
#include <time.h>

#include "storage/state/wt_index_private.h"

enum {
	CACHE_MB_DEFAULT = 256,
	HELD_EVENTS_DEFAULT = 65536,
	HELD_BYTES_DEFAULT = 64 << 20,
	CHUNK_ROWS_DEFAULT = 512,
	/* room to write all of a dirty cache, and what is held in memory */
	RESERVE_MB_BESIDE_CACHE = 64,
	SEAL_WAIT_S = 1 /* for the applier's transaction to end, at a checkpoint */
};

static struct nc_state_applied wt_applied(struct nc_state *base)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	pthread_mutex_lock(&state->mutex);
	struct nc_state_applied applied = state->applied;
	pthread_mutex_unlock(&state->mutex);
	return applied;
}

static uint64_t wt_size(struct nc_state *base)
{
	return nc_wt_files_size(nc_wt_state_of(base)->directory);
}

/* Pages are written anew elsewhere, and the room of the old ones is free when the checkpoint is
 * done. Any page may have changed but those of events, which come one after the other; yet no more
 * than what is in memory: the cache, and what is held back of the indexes. */
static uint64_t wt_checkpoint_size(struct nc_state *base, uint64_t fresh)
{
	const struct nc_wt_state *state = nc_wt_state_of(base);
	uint64_t size = nc_wt_files_size_rewritten(state->directory) + fresh;
	uint64_t max = (uint64_t)(state->options.cache_mb + RESERVE_MB_BESIDE_CACHE) << 20;
	return size < max ? size : max;
}

/* Have what is held in memory inserted, so that the checkpoint covers it. The mutex is held. */
static void held_insert(struct nc_wt_state *state)
{
	if (!state->in_txn) {
		nc_wt_seal(state);
	} else {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += SEAL_WAIT_S;
		state->seal_wanted = true;
		int timeout = 0;
		while (state->seal_wanted && timeout == 0)
			timeout = pthread_cond_timedwait(&state->changed, &state->mutex, &until);
	}
	uint64_t number = state->active->number;
	while (state->oldest->number < number && state->indexer_err == NC_OK &&
	       nc_wt_broken(state) == NC_OK)
		pthread_cond_wait(&state->changed, &state->mutex);
}

/* The log entry through which everything is in the tables, index entries too. The mutex is held. */
static struct nc_state_applied covered(const struct nc_wt_state *state)
{
	if (state->oldest != state->active || state->active_any)
		return state->oldest->before;
	return state->applied;
}

static int wt_checkpoint(struct nc_state *base, struct nc_state_applied *covered_out)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	pthread_mutex_lock(&state->checkpointing);
	pthread_mutex_lock(&state->mutex);
	held_insert(state);
	struct nc_state_applied applied = covered(state);
	uint64_t sequence = state->sequence;
	pthread_mutex_unlock(&state->mutex);

	int err = nc_wt_broken(state);
	if (err == NC_OK && !nc_wt_files_room(state->directory, state->options.reserve_mb))
		/* if something cannot be written now, WiredTiger panics, and this state has to be
		 * opened again */
		err = NC_FULL;
	if (err == NC_OK) {
		err = nc_wt_err(&state->handler, state->checkpoint_session->checkpoint(
		                                         state->checkpoint_session, NULL));
	}
	if (err == NC_OK) {
		state->checkpoint_sequence = sequence;
		*covered_out = applied;
		pthread_mutex_lock(&state->mutex);
		state->stats.checkpoints++;
		pthread_mutex_unlock(&state->mutex);
	}
	pthread_mutex_unlock(&state->checkpointing);
	return err;
}

void nc_wt_state_stats(struct nc_state *base, struct nc_wt_state_stats *stats_out)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	pthread_mutex_lock(&state->mutex);
	struct nc_wt_state_stats stats = state->stats;
	stats.last_position = state->last;
	stats.held_events = state->active_event_count;
	for (struct nc_held *held = state->oldest; held != NULL; held = held->next) {
		if (held != state->active)
			stats.held_events += held->event_count;
		pthread_rwlock_rdlock(&held->lock);
		stats.held_bytes += held->bytes;
		pthread_rwlock_unlock(&held->lock);
	}
	pthread_mutex_unlock(&state->mutex);
	*stats_out = stats;
}

static void indexer_stop(struct nc_wt_state *state)
{
	if (!state->indexer_started)
		return;
	pthread_mutex_lock(&state->mutex);
	state->closing = true;
	pthread_cond_broadcast(&state->changed);
	pthread_mutex_unlock(&state->mutex);
	pthread_join(state->indexer, NULL);
}

static void state_free(struct nc_wt_state *state)
{
	while (state->oldest != NULL) {
		struct nc_held *next = state->oldest->next;
		nc_held_free(state->oldest);
		state->oldest = next;
	}
	nc_buf_release(&state->redo);
	nc_buf_release(&state->block.rows);
	nc_buf_release(&state->block_value);
	pthread_cond_destroy(&state->changed);
	pthread_mutex_destroy(&state->mutex);
	pthread_mutex_destroy(&state->checkpointing);
	free(state->directory);
	free(state);
}

/* `err`: what has failed already. After a panic WiredTiger would wait for ever for transactions
 * that cannot be rolled back any more; after a checkpoint that failed it would try that once more,
 * and panic. So then its connection is left open, with what its threads may still look at. */
static int state_end(struct nc_wt_state *state, int err)
{
	indexer_stop(state);
	if (err == NC_OK)
		err = nc_wt_broken(state);
	if (state->connection != NULL && err != NC_OK)
		return err;
	if (state->connection != NULL) /* which closes its sessions and cursors */
		err = nc_wt_err(&state->handler, state->connection->close(state->connection, NULL));
	state_free(state);
	return err;
}

static int wt_close(struct nc_state *base)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	struct nc_state_applied ignored;
	int err = NC_OK;
	if (state->writer.begun)
		nc_wt_rollback(base);
	if (state->sequence != state->checkpoint_sequence)
		err = wt_checkpoint(base, &ignored);
	return state_end(state, err);
}

static const struct nc_state_ops wt_ops = {
	.begin = nc_wt_begin,
	.commit = nc_wt_commit,
	.rollback = nc_wt_rollback,
	.put = nc_wt_put,
	.del = nc_wt_del,
	.event_put = nc_wt_event_put,
	.event_del = nc_wt_event_del,
	.writer = nc_wt_writer,
	.waits = nc_wt_waits,
	.applied = wt_applied,
	.checkpoint = wt_checkpoint,
	.size = wt_size,
	.checkpoint_size = wt_checkpoint_size,
	.close = wt_close,
	.reader_open = nc_wt_reader_open,
	.reader_close = nc_wt_reader_close,
	.reader_begin = nc_wt_reader_begin,
	.reader_end = nc_wt_reader_end,
	.get = nc_wt_get,
	.scan = nc_wt_scan,
	.event_get = nc_wt_event_get,
	.events = nc_wt_events,
	.index = nc_wt_index,
	.count = nc_wt_count,
	.ids = nc_wt_ids,
};

/* Copies up to `size` bytes of the mark and zeroes the rest. */
static int mark_get(struct nc_wt_state *state, const char *name, uint8_t *bytes, size_t size)
{
	WT_CURSOR *cursor = state->puts[NC_WT_MARKS];
	WT_ITEM value = { .size = 0 };
	memset(bytes, 0, size);
	cursor->set_key(cursor, name);
	int wt = cursor->search(cursor);
	if (wt == 0)
		wt = cursor->get_value(cursor, &value);
	if (wt == 0 && value.size == size) {
		memcpy(bytes, value.data, size);
	} else if (wt == 0) {
		return NC_CORRUPT;
	}
	int wt_reset = cursor->reset(cursor);
	return nc_wt_err(&state->handler, wt == 0 || wt == WT_NOTFOUND ? wt_reset : wt);
}

static int state_load(struct nc_wt_state *state)
{
	uint8_t bytes[16], counted[8], blocks[8];
	uint64_t last;
	int err = mark_get(state, "applied", bytes, 16);
	if (err != NC_OK)
		return err;
	state->applied = (struct nc_state_applied){ nc_get_u64(bytes), nc_get_u64(bytes + 8) };
	err = mark_get(state, "indexing", bytes + 8, 8);
	if (err == NC_OK)
		err = mark_get(state, "indexed", bytes, 8);
	if (err == NC_OK)
		err = mark_get(state, "counted", counted, 8);
	if (err == NC_OK)
		err = mark_get(state, "blocks", blocks, 8);
	if (err == NC_OK)
		err = nc_wt_err(&state->handler,
		                nc_wt_event_last(state->puts[NC_WT_EVENTS], &last));
	if (err != NC_OK)
		return err;
	state->blocks_from = nc_get_u64(blocks);
	if (state->blocks_from == 0) {
		nc_wt_say(&state->handler,
		          "the mark \"blocks\" is missing: the state in %s is damaged",
		          state->directory);
		return NC_CORRUPT;
	}
	uint64_t indexed = nc_get_u64(bytes);
	state->last = last > indexed ? last : indexed;
	state->stats.indexed_position = indexed;
	state->counts_stale = nc_get_u64(counted) != indexed;
	state->active = nc_wt_held_make(state, indexed);
	state->oldest = state->active;
	if (state->active == NULL)
		return NC_NOMEM;
	state->generation_count = 1;
	return nc_wt_reindex(state, indexed, nc_get_u64(bytes + 8));
}

static int sessions_open(struct nc_wt_state *state)
{
	WT_CONNECTION *connection = state->connection;
	WT_SESSION **writer = &state->writer.session;
	int wt = connection->open_session(connection, NULL, NULL, writer);
	for (int i = 0; wt == 0 && i < NC_WT_TABLE_COUNT; i++)
		wt = nc_wt_cursor_open(*writer, i, &state->puts[i]);
	if (wt == 0)
		wt = connection->open_session(connection, NULL, NULL, &state->checkpoint_session);
	int err = nc_wt_err(&state->handler, wt);
	return err != NC_OK ? err : nc_wt_indexer_open(state);
}

static int state_open(struct nc_wt_state *state)
{
	bool empty = true;
	int err = nc_wt_files_check(state->directory, &state->handler, &empty);
	if (err == NC_OK && empty)
		err = nc_wt_files_create(state->directory, &state->handler);
	if (err == NC_OK) {
		err = nc_wt_connect(state->directory, &state->handler, state->options.cache_mb, "",
		                    &state->connection);
	}
	if (err == NC_OK)
		err = nc_wt_format_settle(state);
	if (err == NC_OK)
		err = sessions_open(state);
	if (err == NC_OK)
		err = state_load(state);
	if (err != NC_OK)
		return err == NC_NOTFOUND ? NC_CORRUPT : err;
	if (pthread_create(&state->indexer, NULL, nc_wt_indexer_main, state) != 0)
		return NC_NOMEM;
	state->indexer_started = true;
	return NC_OK;
}

/* Who waits for a change goes by a clock that nobody sets. */
static void locks_init(struct nc_wt_state *state)
{
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&state->mutex, NULL);
	pthread_mutex_init(&state->checkpointing, NULL);
	pthread_cond_init(&state->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
}

int nc_wt_state_open(const char *directory, const struct nc_wt_state_options *options,
                     struct nc_state **state_out)
{
	if (options->keys == NULL)
		return NC_INVALID;
	struct nc_wt_state *state = calloc(1, sizeof *state);
	if (state == NULL)
		return NC_NOMEM;
	locks_init(state);
	state->base.ops = &wt_ops;
	state->writer.base.state = &state->base;
	state->options = *options;
	if (state->options.cache_mb == 0)
		state->options.cache_mb = CACHE_MB_DEFAULT;
	if (state->options.reserve_mb == 0)
		state->options.reserve_mb = state->options.cache_mb + RESERVE_MB_BESIDE_CACHE;
	if (state->options.held_events == 0)
		state->options.held_events = HELD_EVENTS_DEFAULT;
	if (state->options.held_bytes == 0)
		state->options.held_bytes = HELD_BYTES_DEFAULT;
	if (state->options.chunk_rows == 0)
		state->options.chunk_rows = CHUNK_ROWS_DEFAULT;
	nc_wt_handler_init(&state->handler, &state->options);
	state->directory = strdup(directory);
	int err = state->directory == NULL ? NC_NOMEM : state_open(state);
	if (err != NC_OK) {
		(void)state_end(state, NC_OK);
		return err;
	}
	*state_out = &state->base;
	return NC_OK;
}
