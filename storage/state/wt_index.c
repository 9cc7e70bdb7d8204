/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_index.c -- the indexer: sealed generations, sorted, into the tables. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "storage/state/postings_private.h"
#include "storage/state/wt_index_private.h"

enum { RETRY_MS = 200 };

struct nc_held *nc_wt_held_make(struct nc_wt_state *state, uint64_t base)
{
	struct nc_held *held = nc_held_new(base);
	if (held == NULL)
		return NULL;
	held->number = ++state->generation_last;
	if (state->active != NULL)
		held->redo_above = held->redo_last = state->active->redo_last;
	return held;
}

void nc_wt_seal(struct nc_wt_state *state)
{
	state->seal_wanted = false;
	if (state->active_any) {
		struct nc_held *fresh = nc_wt_held_make(state, state->last);
		if (fresh == NULL)
			return; /* it grows a little more, and the next commit tries again */
		state->active->next = fresh;
		state->active = fresh;
		state->active_event_count = 0;
		state->active_any = false;
		state->generation_count++;
	}
	pthread_cond_broadcast(&state->changed);
}

struct nc_held *nc_wt_unpin(struct nc_held *held)
{
	nc_assert(held->pins > 0);
	return --held->pins == 0 ? held : NULL;
}

void nc_wt_id_key(struct nc_buf *key, struct nc_slice id, uint64_t stream_id)
{
	uint8_t stream[8];
	nc_set_be64(stream, stream_id);
	nc_buf_clear(key);
	nc_buf_put_slice(key, id);
	nc_buf_put_u8(key, 0);
	nc_buf_put(key, stream, sizeof stream);
}

int nc_wt_run_begin(struct nc_wt_run *run)
{
	run->pending = 0;
	return run->session->begin_transaction(run->session, "isolation=snapshot");
}

int nc_wt_run_inserted(struct nc_wt_run *run)
{
	run->rows++;
	if (++run->pending < run->state->options.chunk_rows)
		return 0;
	int wt = run->session->commit_transaction(run->session, NULL);
	return wt != 0 ? wt : nc_wt_run_begin(run);
}

int nc_wt_id_insert(struct nc_wt_run *run, struct nc_slice id, const struct nc_id_row *row)
{
	uint8_t bytes[16 + NC_DIGEST_SIZE];
	nc_set_u64(bytes, row->position);
	nc_set_u64(bytes + 8, row->version);
	memcpy(bytes + 16, row->digest, NC_DIGEST_SIZE);
	nc_wt_id_key(&run->key, id, row->stream_id);
	if (nc_buf_status(&run->key) != NC_OK)
		return ENOMEM;
	WT_CURSOR *cursor = run->cursors[NC_WT_IDS];
	WT_ITEM key = { .data = run->key.data, .size = run->key.size };
	WT_ITEM value = { .data = bytes, .size = sizeof bytes };
	cursor->set_key(cursor, &key);
	cursor->set_value(cursor, &value);
	int wt = cursor->insert(cursor);
	return wt != 0 ? wt : nc_wt_run_inserted(run);
}

static int insert_postings(struct nc_wt_run *run, const struct nc_held_group *group, uint32_t from,
                           uint32_t count)
{
	nc_buf_clear(&run->value);
	nc_postings_put(&run->value, group->index, group->entries + from, count);
	if (nc_buf_status(&run->value) != NC_OK)
		return ENOMEM;
	WT_CURSOR *cursor = run->cursors[NC_WT_INDEX + (int)group->index];
	WT_ITEM value = { .data = run->value.data, .size = run->value.size };
	cursor->set_key(cursor, group->id, group->entries[from].ordinal);
	cursor->set_value(cursor, &value);
	int wt = cursor->insert(cursor);
	return wt != 0 ? wt : nc_wt_run_inserted(run);
}

static int insert_group(struct nc_wt_run *run, const struct nc_held_group *group)
{
	int wt = 0;
	for (uint32_t i = 0; wt == 0 && i < group->count; i += NC_POSTINGS_MAX) {
		uint32_t left = group->count - i;
		wt = insert_postings(run, group, i,
		                     left < NC_POSTINGS_MAX ? left : NC_POSTINGS_MAX);
	}
	return wt == 0 && group->count > 0 ? nc_wt_count_add(run, group) : wt;
}

static int compare_groups(const void *left, const void *right, void *ctx)
{
	const struct nc_held_group *groups = ctx;
	const struct nc_held_group *a = &groups[*(const uint32_t *)left];
	const struct nc_held_group *b = &groups[*(const uint32_t *)right];
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static int compare_ids(const void *left, const void *right, void *ctx)
{
	const struct nc_held_id *ids = ctx;
	const struct nc_held_id *a = &ids[*(const uint32_t *)left];
	const struct nc_held_id *b = &ids[*(const uint32_t *)right];
	int order = nc_slice_cmp(a->id, b->id);
	if (order != 0)
		return order;
	return (a->row.stream_id > b->row.stream_id) - (a->row.stream_id < b->row.stream_id);
}

static int insert_sorted(struct nc_wt_run *run, const struct nc_held *held, uint32_t *order)
{
	for (uint32_t i = 0; i < held->group_count; i++)
		order[i] = i;
	qsort_r(order, held->group_count, sizeof *order, compare_groups, held->groups);
	int wt = 0;
	for (uint32_t i = 0; wt == 0 && i < held->group_count; i++)
		wt = insert_group(run, &held->groups[order[i]]);

	for (uint32_t i = 0; i < held->id_count; i++)
		order[i] = i;
	qsort_r(order, held->id_count, sizeof *order, compare_ids, held->ids);
	for (uint32_t i = 0; wt == 0 && i < held->id_count; i++)
		wt = nc_wt_id_insert(run, held->ids[order[i]].id, &held->ids[order[i]].row);
	return wt != 0 ? wt : nc_wt_rows_insert(run, held, order);
}

/* Remove the late ids through `last`, which are in by_id now. */
static int late_ids_drop(struct nc_wt_run *run, uint64_t last)
{
	WT_CURSOR *cursor = run->cursors[NC_WT_LATE_IDS];
	int wt = cursor->reset(cursor);
	while (wt == 0 && (wt = cursor->next(cursor)) == 0) {
		uint64_t position;
		wt = cursor->get_key(cursor, &position);
		if (wt != 0 || position > last)
			break;
		wt = cursor->remove(cursor);
	}
	int wt_reset = cursor->reset(cursor);
	return wt == WT_NOTFOUND || wt == 0 ? wt_reset : wt;
}

int nc_wt_mark_put(struct nc_wt_run *run, const char *name, uint64_t position)
{
	uint8_t bytes[8];
	nc_set_u64(bytes, position);
	WT_CURSOR *cursor = run->cursors[NC_WT_MARKS];
	WT_ITEM value = { .data = bytes, .size = sizeof bytes };
	cursor->set_key(cursor, name);
	cursor->set_value(cursor, &value);
	return cursor->insert(cursor);
}

/* After an error or a crash this begins again from the start. That does no harm, since the same
 * entries are cut into the same postings: the mark `indexing` says where the generation ended. */
int nc_wt_generation_insert(struct nc_wt_state *state, const struct nc_held *held)
{
	uint32_t order_count =
	        held->group_count > held->id_count ? held->group_count : held->id_count;
	if (order_count < held->row_count)
		order_count = held->row_count;
	uint32_t *order = malloc((order_count + 1) * sizeof *order);
	if (order == NULL)
		return NC_NOMEM;
	struct nc_wt_run run = { .state = state,
		                 .session = state->indexer_session,
		                 .cursors = state->indexer_cursors,
		                 .through = held->last };
	int wt = nc_wt_run_begin(&run);
	if (wt == 0) {
		wt = nc_wt_mark_put(&run, "indexing", held->last);
		if (wt == 0)
			wt = insert_sorted(&run, held, order);
		if (wt == 0)
			wt = late_ids_drop(&run, held->last);
		if (wt == 0)
			wt = nc_wt_mark_put(&run, "indexed", held->last);
		if (wt == 0 && !state->counts_stale)
			wt = nc_wt_mark_put(&run, "counted", held->last);
		if (wt == 0) {
			wt = run.session->commit_transaction(run.session, NULL);
		} else {
			(void)run.session->rollback_transaction(run.session, NULL);
		}
	}
	nc_buf_release(&run.key);
	nc_buf_release(&run.value);
	free(order);
	if (wt != 0)
		return nc_wt_err(&state->handler, wt);
	pthread_mutex_lock(&state->mutex);
	state->stats.indexed_rows += run.rows;
	state->stats.indexed_position = held->last;
	pthread_mutex_unlock(&state->mutex);
	return NC_OK;
}

/* The oldest generation is in the tables: let it go. The mutex is held, and released meanwhile. */
static void oldest_done(struct nc_wt_state *state)
{
	struct nc_held *done = state->oldest;
	state->oldest = done->next;
	state->generation_count--;
	done = nc_wt_unpin(done);
	pthread_cond_broadcast(&state->changed);
	pthread_mutex_unlock(&state->mutex);
	nc_held_free(done);
	pthread_mutex_lock(&state->mutex);
}

/* Wait a little before what failed is tried again. The mutex is held. */
static void wait_a_little(struct nc_wt_state *state)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += RETRY_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	if (!state->closing)
		(void)pthread_cond_timedwait(&state->changed, &state->mutex, &until);
}

void *nc_wt_indexer_main(void *arg)
{
	struct nc_wt_state *state = arg;
	pthread_mutex_lock(&state->mutex);
	while (!state->closing) {
		if (state->oldest == state->active) {
			pthread_cond_wait(&state->changed, &state->mutex);
			continue;
		}
		struct nc_held *held = state->oldest;
		pthread_mutex_unlock(&state->mutex);
		int err = nc_wt_generation_insert(state, held);
		pthread_mutex_lock(&state->mutex);
		if (err == NC_OK) {
			state->indexer_err = NC_OK;
			oldest_done(state);
			continue;
		}
		if (err != NC_BUSY && state->indexer_err == NC_OK) {
			nc_wt_say(&state->handler, "the indexer cannot go on: %s",
			          nc_err_name(err));
			state->indexer_err = err;
			pthread_cond_broadcast(&state->changed);
		}
		wait_a_little(state);
	}
	pthread_mutex_unlock(&state->mutex);
	return NULL;
}

int nc_wt_indexer_open(struct nc_wt_state *state)
{
	int wt = state->connection->open_session(state->connection, NULL, NULL,
	                                         &state->indexer_session);
	for (int i = 0; wt == 0 && i < NC_WT_TABLE_COUNT; i++)
		wt = nc_wt_cursor_open(state->indexer_session, i, &state->indexer_cursors[i]);
	return nc_wt_err(&state->handler, wt);
}
