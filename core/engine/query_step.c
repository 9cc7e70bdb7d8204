/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stepping a query: find a batch, copy its rows, let go of the snapshot, hand the events out. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/grow.h"
#include "core/engine/query_private.h"

#define STEP_LOOKUPS 4096u /* index entries that one step of a query by items looks at */

/* Whether events that are found have to be judged before they count: whether they are visible, and
 * wanted. */
static bool judges(const struct nc_query *query)
{
	return query->sifts || query->spec.wanted != NULL;
}

/* What one step may take, beside what is left of the query. */
struct batch {
	struct nc_query *query;
	struct nc_query_portion portion;
	bool full;  /* the step is full, and the query goes on */
	bool ended; /* nothing more within the bounds */
	bool cut;   /* some items were dropped, and are found again from query->at on */
	int err;
};

static struct nc_query_item *item_add(struct nc_query *query)
{
	if (!nc_grow(&query->items, sizeof *query->items, query->item_count, &query->item_room, 64))
		return NULL;
	struct nc_query_item *item = &query->items[query->item_count++];
	*item = (struct nc_query_item){ 0 };
	return item;
}

static bool in_bounds(const struct nc_query *query, uint64_t ordinal)
{
	return ordinal >= query->lowest && ordinal <= query->highest;
}

/* Whether one more item at `ordinal` may be looked at in this step; says why not. */
static bool batch_takes(struct batch *batch, uint64_t ordinal)
{
	struct nc_query *query = batch->query;
	if (!in_bounds(query, ordinal)) {
		batch->ended = true;
		return false;
	}
	if (!judges(query) &&
	    query->item_count == query->left) { /* there is more, beyond the limit */
		query->next = ordinal;
		query->done = true;
		return false;
	}
	if (query->item_count >= batch->portion.event_max ||
	    query->rows.size >= batch->portion.size_max) {
		query->at = ordinal;
		batch->full = true;
		return false;
	}
	return true;
}

/* Whether a row of `size` bytes still fits into what the client asked for; the first always does.
 */
static bool query_takes(struct nc_query *query, size_t size, uint64_t ordinal)
{
	uint64_t taken = query->rows.size;
	if (judges(query)) /* whether it counts is not known yet */
		return true;
	if (taken + size <= query->size_left || (query->given == 0 && taken == 0))
		return true;
	query->next = ordinal;
	query->done = true;
	return false;
}

static bool on_event(void *ctx, uint64_t position, struct nc_slice row)
{
	struct batch *batch = ctx;
	struct nc_query *query = batch->query;
	if (!batch_takes(batch, position) || !query_takes(query, row.size, position))
		return false;
	struct nc_query_item *item = item_add(query);
	if (item == NULL) {
		batch->err = NC_NOMEM;
		return false;
	}
	*item = (struct nc_query_item){ position, position, query->rows.size, row.size };
	nc_buf_put_slice(&query->rows, row);
	return true;
}

static bool on_index(void *ctx, uint64_t ordinal, uint64_t position)
{
	struct batch *batch = ctx;
	if (!batch_takes(batch, ordinal))
		return false;
	struct nc_query_item *item = item_add(batch->query);
	if (item == NULL) {
		batch->err = NC_NOMEM;
		return false;
	}
	item->ordinal = ordinal;
	item->position = position;
	return true;
}

/* Fetch the rows of the items that an index gave. The client's or the step's bytes may end before
 * the items do: the rest is left for later. */
static int rows_fetch(struct batch *batch, struct nc_state_reader *reader)
{
	struct nc_query *query = batch->query;
	for (size_t i = 0; i < query->item_count; i++) {
		struct nc_query_item *item = &query->items[i];
		if (query->rows.size >= batch->portion.size_max) {
			query->item_count = i;
			query->at = item->ordinal;
			query->done = false;
			query->next = 0;
			batch->full = true;
			batch->cut = true;
			return NC_OK;
		}
		item->offset = query->rows.size;
		int err = nc_state_event_get(reader, item->position, &query->rows);
		if (err == NC_NOTFOUND)
			continue; /* truncated away */
		if (err != NC_OK)
			return err;
		item->size = query->rows.size - item->offset;
		query->rows.size = item->offset;
		if (!query_takes(query, item->size, item->ordinal)) {
			query->item_count = i;
			return NC_OK;
		}
		query->rows.size += item->size;
	}
	return NC_OK;
}

/* Items of positions that match, as many as so many entries lead to. */
static int match_collect(struct batch *batch, struct nc_state_reader *reader)
{
	struct nc_match *match = batch->query->match;
	uint64_t lookups = STEP_LOOKUPS, position;
	int err;
	while ((err = nc_match_next(match, reader, &lookups, &position)) == NC_OK &&
	       on_index(batch, position, position))
		nc_match_pass(match, position);
	if (err == NC_TOOBIG) {
		batch->query->at = nc_match_at(match);
		batch->full = true;
	}
	return err == NC_NOTFOUND || err == NC_TOOBIG ? NC_OK : err;
}

static int collect(struct batch *batch, struct nc_state_reader *reader)
{
	struct nc_query *query = batch->query;
	bool backward = query->spec.backward;
	int err;
	if (query->spec.kind == NC_QUERY_ALL) {
		err = nc_state_events(reader, query->at, backward ? NC_BACKWARD : NC_FORWARD,
		                      on_event, batch);
	} else {
		err = query->spec.kind == NC_QUERY_ITEMS
		              ? match_collect(batch, reader)
		              : nc_state_index(reader,
		                               (struct nc_index_walk){ query->index, query->id,
		                                                       query->at, backward },
		                               on_index, batch);
		if (err == NC_OK && batch->err == NC_OK && (!query->spec.bare || query->sifts))
			err = rows_fetch(batch, reader);
		if (batch->cut && query->match != NULL)
			nc_match_rewind(query->match, query->at);
	}
	if (err == NC_OK)
		err = batch->err;
	if (err == NC_OK)
		err = nc_buf_status(&query->rows);
	if (err == NC_OK && !batch->full)
		query->done = true; /* the bounds, the limit, or the end of the table */
	return err;
}

/* What is left of `size` without `taken`, which may be more. */
static uint64_t less(uint64_t size, uint64_t taken)
{
	return size < taken ? 0 : size - taken;
}

static int hand_out_bare(struct nc_query *query, nc_event_fn *fn, void *ctx)
{
	for (size_t i = 0; i < query->item_count; i++) {
		const struct nc_query_item *item = &query->items[i];
		const struct nc_event event = { .position = item->position,
			                        .version = query->spec.kind == NC_QUERY_STREAM
			                                           ? item->ordinal
			                                           : 0 };
		fn(ctx, &event);
		query->given++;
	}
	return NC_OK;
}

static int hand_out(struct nc_query *query, nc_event_fn *fn, void *ctx)
{
	for (size_t i = 0; i < query->item_count; i++) {
		const struct nc_query_item *item = &query->items[i];
		if (item->size == 0)
			continue;
		struct nc_event event;
		int err = nc_event_row_get(item->position,
		                           nc_slice(query->rows.data + item->offset, item->size),
		                           &event);
		if (err != NC_OK)
			return err;
		fn(ctx, &event);
		query->given++;
	}
	return NC_OK;
}

/* ---- Where not all are seen, or wanted ------------------------------------------------------ */

static int judge_room(struct nc_query *query)
{
	size_t count = query->item_count;
	if (count <= query->event_room)
		return NC_OK;
	free(query->events);
	free(query->wanted);
	query->events = calloc(count, sizeof *query->events);
	query->wanted = calloc((count + 63) / 64, sizeof *query->wanted);
	query->event_room = query->events == NULL || query->wanted == NULL ? 0 : count;
	return query->event_room == 0 ? NC_NOMEM : NC_OK;
}

/* Decode what was found, in its place: an event may point into itself. Items without a row go. */
static int judge_decode(struct nc_query *query)
{
	size_t count = 0;
	for (size_t i = 0; i < query->item_count; i++) {
		const struct nc_query_item item = query->items[i];
		if (item.size == 0)
			continue;
		struct nc_slice row = nc_slice(query->rows.data + item.offset, item.size);
		int err = nc_event_row_get(item.position, row, &query->events[count]);
		if (err != NC_OK)
			return err;
		query->items[count++] = item;
	}
	query->item_count = count;
	return NC_OK;
}

/* Whether the limits have room for one more; if not, the query ends before it. */
static bool limits_take(struct nc_query *query, const struct nc_query_item *item)
{
	bool fits = query->left > 0 && (item->size <= query->size_left || query->given == 0);
	if (fits)
		return true;
	query->next = item->ordinal;
	query->done = true;
	return false;
}

static int hand_out_judged(struct nc_query *query, nc_event_fn *fn, void *ctx)
{
	int err = judge_room(query);
	if (err == NC_OK)
		err = judge_decode(query);
	if (err != NC_OK || query->item_count == 0)
		return err;
	bool all = query->spec.wanted == NULL;
	memset(query->wanted, all ? 0xff : 0,
	       (query->item_count + 63) / 64 * sizeof *query->wanted);
	if (!all) {
		err = query->spec.wanted(query->spec.wanted_ctx, query->events, query->item_count,
		                         query->wanted);
	}
	for (size_t i = 0; err == NC_OK && i < query->item_count; i++) {
		const struct nc_query_item *item = &query->items[i];
		bool wanted = query->wanted[i / 64] >> i % 64 & 1;
		if (wanted && !limits_take(query, item))
			break;
		query->looked++;
		if (!wanted)
			continue;
		fn(ctx, &query->events[i]);
		query->given++;
		query->left--;
		query->size_left = less(query->size_left, item->size);
	}
	return err;
}

/* Drop the rows of events that are not visible. */
static int sift(struct nc_query *query, struct nc_state_reader *reader)
{
	int err = NC_OK;
	nc_sight_begin(&query->sight, reader);
	for (size_t i = 0; i < query->item_count && err == NC_OK; i++) {
		struct nc_query_item *item = &query->items[i];
		bool seen = false;
		if (item->size == 0)
			continue;
		err = nc_sight_row(&query->sight, item->position,
		                   nc_slice(query->rows.data + item->offset, item->size), &seen);
		if (!seen) {
			item->size = 0;
			query->unseen++;
		}
	}
	return err;
}

/* Within one snapshot. */
static int batch_find(struct nc_query *query, struct nc_state_reader *reader,
                      struct nc_query_portion portion)
{
	query->item_count = 0;
	nc_buf_clear(&query->rows);
	struct batch batch = { .query = query, .portion = portion };
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	query->sifts = !nc_seen_all(reader);
	/* Mostly all visible events are wanted: read few more than may be given. But a million in a
	 * row may not be visible: then read as many as have been passed by. */
	uint64_t enough = query->left > query->unseen ? query->left : query->unseen;
	if (query->sifts && query->spec.wanted == NULL && enough < portion.event_max)
		batch.portion.event_max = enough == 0 ? 1 : (size_t)enough;
	err = collect(&batch, reader);
	if (err == NC_OK && query->sifts)
		err = sift(query, reader);
	nc_state_reader_end(reader);
	return err;
}

/* Give everything that was found. */
static int hand_out_all(struct nc_query *query, nc_event_fn *fn, void *ctx)
{
	int err = query->spec.bare ? hand_out_bare(query, fn, ctx) : hand_out(query, fn, ctx);
	if (err != NC_OK)
		return err;
	query->looked += query->item_count;
	query->left -= query->item_count;
	query->size_left = less(query->size_left, query->rows.size);
	return NC_OK;
}

int nc_query_step(struct nc_query *query, struct nc_state_reader *reader,
                  struct nc_query_portion portion, nc_event_fn *fn, void *ctx, bool *done_out)
{
	nc_assert(portion.event_max > 0 && portion.size_max > 0);
	int err = NC_OK;
	if (!query->done) {
		err = batch_find(query, reader, portion);
		if (err == NC_OK) {
			err = judges(query) ? hand_out_judged(query, fn, ctx)
			                    : hand_out_all(query, fn, ctx);
		}
	}
	if (err == NC_OK)
		*done_out = query->done;
	return err;
}
