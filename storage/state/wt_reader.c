/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_reader.c -- readers: one boundary between commits, and points of it. */
#include <stdlib.h>

#include "storage/state/wt_state_private.h"

enum { BEGIN_TRIES = 8 };

void nc_wt_pin_all(struct nc_wt_state *state, struct nc_wt_reader *reader)
{
	nc_assert(state->oldest != NULL);
	reader->pin_count = 0;
	for (struct nc_held *held = state->oldest; held != NULL; held = held->next) {
		nc_assert(reader->pin_count < NC_WT_GENERATIONS_MAX);
		held->pins++;
		reader->pins[reader->pin_count++] = held;
	}
	reader->table_limit = state->oldest->base;
	reader->limit = state->last;
	reader->sequence = state->sequence;
}

void nc_wt_unpin_all(struct nc_wt_state *state, struct nc_wt_reader *reader)
{
	struct nc_held *done[NC_WT_GENERATIONS_MAX];
	pthread_mutex_lock(&state->mutex);
	for (unsigned i = 0; i < reader->pin_count; i++)
		done[i] = nc_wt_unpin(reader->pins[i]);
	pthread_mutex_unlock(&state->mutex);
	for (unsigned i = 0; i < reader->pin_count; i++)
		nc_held_free(done[i]);
	reader->pin_count = 0;
}

struct nc_wt_reader *nc_wt_reader_of(struct nc_state_reader *base)
{
	struct nc_wt_reader *reader = (struct nc_wt_reader *)base;
	nc_assert(reader->begun);
	return reader;
}

int nc_wt_reader_open(struct nc_state *base, struct nc_state_reader **reader_out)
{
	struct nc_wt_state *state = nc_wt_state_of(base);
	struct nc_wt_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return NC_NOMEM;
	reader->base.state = base;
	int wt = state->connection->open_session(state->connection, NULL, NULL, &reader->session);
	if (wt != 0) {
		free(reader);
		return nc_wt_err(&state->handler, wt);
	}
	*reader_out = &reader->base;
	return NC_OK;
}

void nc_wt_reader_close(struct nc_state_reader *base)
{
	struct nc_wt_reader *reader = (struct nc_wt_reader *)base;
	struct nc_wt_state *state = nc_wt_state_of(base->state);
	if (reader->begun)
		nc_wt_reader_end(base);
	(void)nc_wt_err(&state->handler, reader->session->close(reader->session, NULL));
	free(reader);
}

/* Pin the generations, take the snapshot, and check that no commit came between. The snapshot is
 * not taken under the mutex, because WiredTiger may make its caller evict pages there, while the
 * applier's commit waits for the mutex. Only if commits come too fast for that is it taken under
 * the mutex. */
int nc_wt_reader_begin(struct nc_state_reader *base)
{
	struct nc_wt_reader *reader = (struct nc_wt_reader *)base;
	struct nc_wt_state *state = nc_wt_state_of(base->state);
	WT_SESSION *session = reader->session;
	nc_assert(!reader->begun && reader != &state->writer);
	int err = nc_wt_broken(state);
	if (err != NC_OK)
		return err;

	for (int tries = 1;; tries++) {
		bool locked = tries > BEGIN_TRIES;
		pthread_mutex_lock(&state->mutex);
		uint64_t sequence = state->sequence;
		nc_wt_pin_all(state, reader);
		if (!locked)
			pthread_mutex_unlock(&state->mutex);
		int wt = session->begin_transaction(session, "isolation=snapshot");
		if (!locked)
			pthread_mutex_lock(&state->mutex);
		bool same = sequence == state->sequence;
		pthread_mutex_unlock(&state->mutex);
		if (wt == 0 && same)
			break;
		if (wt == 0)
			wt = session->rollback_transaction(session, NULL);
		nc_wt_unpin_all(state, reader);
		if (wt != 0)
			return nc_wt_err(&state->handler, wt);
	}
	reader->begun = true;
	return NC_OK;
}

void nc_wt_reader_end(struct nc_state_reader *base)
{
	struct nc_wt_reader *reader = nc_wt_reader_of(base);
	struct nc_wt_state *state = nc_wt_state_of(base->state);
	/* This resets every cursor of the session too. */
	(void)nc_wt_err(&state->handler,
	                reader->session->rollback_transaction(reader->session, NULL));
	nc_wt_unpin_all(state, reader);
	reader->begun = false;
	reader->block.last = 0;
}

/* Append the value under the cursor's key, and take the cursor off its page. */
static int cursor_append(struct nc_wt_state *state, WT_CURSOR *cursor, struct nc_buf *buf)
{
	WT_ITEM value;
	int err = NC_OK;
	int wt = cursor->search(cursor);
	if (wt == 0)
		wt = cursor->get_value(cursor, &value);
	if (wt == 0) {
		nc_buf_put(buf, value.data, value.size);
		err = nc_buf_status(buf);
	}
	int wt_reset = cursor->reset(cursor);
	if (err != NC_OK)
		return err;
	return nc_wt_err(&state->handler, wt != 0 ? wt : wt_reset);
}

int nc_wt_get_cursor(struct nc_wt_reader *reader, int table, WT_CURSOR **cursor_out)
{
	struct nc_wt_state *state = nc_wt_state_of(reader->base.state);
	int err = nc_wt_broken(state);
	if (err == NC_OK && reader->gets[table] == NULL) {
		err = nc_wt_err(&state->handler,
		                nc_wt_cursor_open(reader->session, table, &reader->gets[table]));
	}
	if (err == NC_OK)
		*cursor_out = reader->gets[table];
	return err;
}

int nc_wt_get(struct nc_state_reader *base, enum nc_space space, struct nc_slice key,
              struct nc_buf *value)
{
	struct nc_wt_reader *reader = nc_wt_reader_of(base);
	struct nc_wt_state *state = nc_wt_state_of(base->state);
	nc_assert(space < NC_SPACE_COUNT && key.size > 0);
	const struct nc_held_value *held =
	        nc_wt_is_held(space) ? nc_wt_row_find(reader, key) : NULL;
	if (held != NULL && !held->deleted)
		nc_buf_put(value, held->bytes, held->size);
	if (held != NULL)
		return held->deleted ? NC_NOTFOUND : nc_buf_status(value);
	WT_CURSOR *cursor;
	int err = nc_wt_get_cursor(reader, (int)space, &cursor);
	if (err != NC_OK)
		return err;
	WT_ITEM wt_key = { .data = key.data, .size = key.size };
	cursor->set_key(cursor, &wt_key);
	return cursor_append(state, cursor, value);
}

int nc_wt_scan_begin(struct nc_wt_reader *reader, int table, WT_CURSOR **cursor_out)
{
	struct nc_wt_state *state = nc_wt_state_of(reader->base.state);
	int err = nc_wt_broken(state);
	if (err != NC_OK)
		return err;
	WT_CURSOR *cursor = reader->scans[table];
	if (cursor == NULL || reader->scanning[table]) {
		err = nc_wt_err(&state->handler,
		                nc_wt_cursor_open(reader->session, table, &cursor));
		if (err != NC_OK)
			return err;
		if (reader->scans[table] == NULL)
			reader->scans[table] = cursor;
	}
	if (cursor == reader->scans[table])
		reader->scanning[table] = true;
	*cursor_out = cursor;
	return NC_OK;
}

void nc_wt_scan_end(struct nc_wt_reader *reader, int table, WT_CURSOR *cursor)
{
	struct nc_wt_state *state = nc_wt_state_of(reader->base.state);
	if (cursor == reader->scans[table]) {
		reader->scanning[table] = false;
		(void)nc_wt_err(&state->handler, cursor->reset(cursor));
	} else {
		(void)nc_wt_err(&state->handler, cursor->close(cursor));
	}
}
