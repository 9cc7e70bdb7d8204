/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_count.c -- how many entries each id of the counted indexes has: a mark an id, which the
 * indexer moves with each generation, and beside it what is held.
 *
 * A mark says how many there are through a position, and how many there were before the generation
 * that ends there: the first keeps a generation that is inserted again from counting twice, the
 * second serves readers who still have that generation pinned. That a mark is not another table
 * lets older builds open the directory, and take it in from a peer; they index without counting,
 * which the mark `counted` shows when it is not where `indexed` is. */
#include <stdlib.h>

#include "storage/state/postings_private.h"
#include "storage/state/wt_index_private.h"

enum { COUNT_SIZE = 4 * 8, COUNT_KEY_SIZE = 32 };

struct count {
	uint64_t through, count;
	uint64_t through_before, count_before;
};

/* The index's name, a space: what the key begins with. Returns its size. */
static size_t prefix_put(char key[COUNT_KEY_SIZE], enum nc_index index)
{
	const char *name = nc_wt_table_names[NC_WT_INDEX + index];
	size_t size = strlen(name);
	memcpy(key, name, size);
	key[size] = ' ';
	return size + 1;
}

/* Written by hand, without printf: there may be a count for every event. */
static void key_put(char key[COUNT_KEY_SIZE], enum nc_index index, uint64_t id)
{
	char *at = key + prefix_put(key, index);
	for (int shift = 60; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[id >> shift & 15];
	*at = '\0';
}

/* Read the mark whose key the cursor has; a mark that is not there counts nothing. Returns
 * WiredTiger's code. */
static int count_read(WT_CURSOR *marks, struct count *count_out)
{
	WT_ITEM value;
	*count_out = (struct count){ 0 };
	int wt = marks->search(marks);
	if (wt == 0)
		wt = marks->get_value(marks, &value);
	if (wt == 0) {
		nc_assert(value.size == COUNT_SIZE);
		const uint8_t *bytes = value.data;
		*count_out = (struct count){ nc_get_u64(bytes), nc_get_u64(bytes + 8),
			                     nc_get_u64(bytes + 16), nc_get_u64(bytes + 24) };
	}
	int wt_reset = marks->reset(marks);
	return wt == 0 || wt == WT_NOTFOUND ? wt_reset : wt;
}

static int count_write(WT_CURSOR *marks, const char *key, const struct count *count)
{
	uint8_t bytes[COUNT_SIZE];
	nc_set_u64(bytes, count->through);
	nc_set_u64(bytes + 8, count->count);
	nc_set_u64(bytes + 16, count->through_before);
	nc_set_u64(bytes + 24, count->count_before);
	WT_ITEM value = { .data = bytes, .size = sizeof bytes };
	marks->set_key(marks, key);
	marks->set_value(marks, &value);
	return marks->insert(marks);
}

/* ---- The indexer ---------------------------------------------------------------------------- */

int nc_wt_count_add(struct nc_wt_run *run, const struct nc_held_group *group)
{
	WT_CURSOR *marks = run->cursors[NC_WT_MARKS];
	char key[COUNT_KEY_SIZE];
	struct count old;
	if (!nc_index_is_counted(group->index) || run->state->counts_stale)
		return 0;
	key_put(key, group->index, group->id);
	uint64_t *id_max = &run->state->counted_id_max[group->index];
	int wt = 0;
	if (group->id > *id_max) {
		*id_max = group->id;
		old = (struct count){ 0 };
	} else {
		marks->set_key(marks, key);
		wt = count_read(marks, &old);
	}
	if (wt != 0 || old.through >= run->through)
		return wt;
	const struct count count = { run->through, old.count + group->count, old.through,
		                     old.count };
	wt = count_write(marks, key, &count);
	return wt != 0 ? wt : nc_wt_run_inserted(run);
}

/* ---- Opening -------------------------------------------------------------------------------- */

/* The id of the mark that the cursor stands on, if it is a count of `index`. Returns WiredTiger's
 * code. */
static int id_read(WT_CURSOR *marks, enum nc_index index, uint64_t *id_out)
{
	char prefix[COUNT_KEY_SIZE];
	const char *key;
	size_t size = prefix_put(prefix, index);
	int wt = marks->get_key(marks, &key);
	if (wt == 0 && strncmp(key, prefix, size) == 0)
		*id_out = strtoull(key + size, NULL, 16);
	return wt;
}

int nc_wt_counts_load(struct nc_wt_state *state)
{
	WT_CURSOR *marks = state->indexer_cursors[NC_WT_MARKS];
	char key[COUNT_KEY_SIZE];
	int wt = 0;
	for (int index = 0; (wt == 0 || wt == WT_NOTFOUND) && index < NC_INDEX_COUNT; index++) {
		int side = 0;
		if (!nc_index_is_counted((enum nc_index)index))
			continue;
		key_put(key, (enum nc_index)index, UINT64_MAX);
		marks->set_key(marks, key);
		wt = marks->search_near(marks, &side);
		if (wt == 0 && side > 0)
			wt = marks->prev(marks);
		if (wt == 0) {
			wt = id_read(marks, (enum nc_index)index, &state->counted_id_max[index]);
		}
	}
	int wt_reset = marks->reset(marks);
	return nc_wt_err(&state->handler, wt == 0 || wt == WT_NOTFOUND ? wt_reset : wt);
}

/* Ids of one index, one after another. */
struct recount {
	struct nc_wt_run run;
	enum nc_index index;
	uint64_t id, count;
};

static int recount_put(struct recount *all)
{
	char key[COUNT_KEY_SIZE];
	if (all->count == 0)
		return 0;
	const struct count count = { all->run.through, all->count, all->run.through, all->count };
	key_put(key, all->index, all->id);
	all->run.state->counted_id_max[all->index] = all->id;
	all->count = 0;
	int wt = count_write(all->run.cursors[NC_WT_MARKS], key, &count);
	return wt != 0 ? wt : nc_wt_run_inserted(&all->run);
}

static int recount_row(struct recount *all, WT_CURSOR *rows)
{
	struct nc_held_entry entries[NC_POSTINGS_MAX];
	size_t count = 0;
	uint64_t id, first;
	WT_ITEM value;
	int wt = rows->get_key(rows, &id, &first);
	if (wt == 0)
		wt = rows->get_value(rows, &value);
	if (wt == 0 && id != all->id)
		wt = recount_put(all);
	if (wt != 0)
		return nc_wt_err(&all->run.state->handler, wt);
	int err = nc_postings_get(nc_slice(value.data, value.size), all->index, first, entries,
	                          &count);
	all->id = id;
	all->count += count;
	return err;
}

/* The rows are walked by a session of their own, whose cursor a commit does not reset. */
static int recount_index(struct recount *all)
{
	struct nc_wt_state *state = all->run.state;
	WT_CURSOR *rows;
	int err =
	        nc_wt_err(&state->handler, nc_wt_cursor_open(state->checkpoint_session,
	                                                     NC_WT_INDEX + (int)all->index, &rows));
	if (err != NC_OK)
		return err;
	int wt = 0;
	while (err == NC_OK && (wt = rows->next(rows)) == 0)
		err = recount_row(all, rows);
	if (err == NC_OK && wt == WT_NOTFOUND)
		wt = recount_put(all);
	if (err == NC_OK)
		err = nc_wt_err(&state->handler, wt);
	wt = rows->close(rows);
	return err != NC_OK ? err : nc_wt_err(&state->handler, wt);
}

int nc_wt_recount(struct nc_wt_state *state)
{
	struct recount all = { .run = { .state = state,
		                        .session = state->indexer_session,
		                        .cursors = state->indexer_cursors,
		                        .through = state->last } };
	int err = nc_wt_err(&state->handler, nc_wt_run_begin(&all.run));
	if (err != NC_OK)
		return err;
	for (int index = 0; err == NC_OK && index < NC_INDEX_COUNT; index++) {
		all.index = (enum nc_index)index;
		all.id = 0;
		if (nc_index_is_counted(all.index))
			err = recount_index(&all);
	}
	if (err == NC_OK)
		err = nc_wt_err(&state->handler, nc_wt_mark_put(&all.run, "counted", state->last));
	WT_SESSION *session = all.run.session;
	if (err != NC_OK) {
		(void)session->rollback_transaction(session, NULL);
		return err;
	}
	err = nc_wt_err(&state->handler, session->commit_transaction(session, NULL));
	if (err == NC_OK)
		state->counts_stale = false;
	return err;
}

/* ---- Readers -------------------------------------------------------------------------------- */

/* The count up to the reader's `table_limit`. False: the indexer is two generations ahead of this
 * reader, and the mark does not tell it any more. */
static bool count_of_view(const struct nc_wt_reader *reader, const struct count *mark,
                          uint64_t *count_out)
{
	bool done = mark->through <= reader->table_limit;
	*count_out = done ? mark->count : mark->count_before;
	return done || mark->through_before <= reader->table_limit;
}

int nc_wt_count(struct nc_state_reader *base, enum nc_index index, uint64_t id, uint64_t *count_out)
{
	struct nc_wt_reader *reader = nc_wt_reader_of(base);
	struct nc_wt_state *state = nc_wt_state_of(base->state);
	char key[COUNT_KEY_SIZE];
	WT_CURSOR *marks;
	struct count mark;
	uint64_t count = 0;
	nc_assert(nc_index_is_counted(index));
	int err = nc_wt_get_cursor(reader, NC_WT_MARKS, &marks);
	if (err != NC_OK)
		return err;
	key_put(key, index, id);
	marks->set_key(marks, key);
	err = nc_wt_err(&state->handler, count_read(marks, &mark));
	if (err == NC_OK && !count_of_view(reader, &mark, &count)) {
		count = 0;
		err = nc_wt_index(base, (struct nc_index_walk){ .index = index, .id = id },
		                  nc_state_count_one, &count);
	} else if (err == NC_OK) {
		for (unsigned i = 0; i < reader->pin_count; i++)
			count += nc_held_count(reader->pins[i], index, id, reader->limit);
	}
	if (err == NC_OK)
		*count_out = count;
	return err;
}
