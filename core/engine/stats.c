/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts of types and categories: the most frequent in a heap, the least of them at its root. */
#include "core/engine/stats.h"

#include <stdlib.h>

#include "core/engine/names.h"

struct tally {
	uint64_t events;
	uint8_t size;
	uint8_t name[NC_NAME_SIZE_MAX];
};

struct top {
	struct tally *tallies; /* [room], `count` of them a heap */
	size_t count, room;
	uint64_t names; /* that were looked at */
};

struct nc_stats {
	uint64_t limit;
	bool begun;
	struct nc_engine_head head;
	enum nc_stats_kind kind; /* of the name that is next */
	struct nc_buf last; /* the key of the name that was the last; empty: none of its kind */
	struct top tops[NC_STATS_KINDS];
};

static const struct {
	enum nc_name_kind name;
	enum nc_index index;
} kinds[NC_STATS_KINDS] = { [NC_STATS_TYPES] = { NC_NAME_TYPE, NC_INDEX_TYPE },
	                    [NC_STATS_CATEGORIES] = { NC_NAME_CATEGORY, NC_INDEX_CATEGORY } };

int nc_stats_new(uint64_t limit, struct nc_stats **stats_out)
{
	struct nc_stats *stats = calloc(1, sizeof *stats);
	if (stats == NULL)
		return NC_NOMEM;
	stats->limit = limit;
	*stats_out = stats;
	return NC_OK;
}

void nc_stats_free(struct nc_stats *stats)
{
	if (stats == NULL)
		return;
	for (int kind = 0; kind < NC_STATS_KINDS; kind++)
		free(stats->tops[kind].tallies);
	nc_buf_release(&stats->last);
	free(stats);
}

size_t nc_stats_size_max(uint64_t limit)
{
	return sizeof(struct nc_stats) + NC_STATS_KINDS * (size_t)limit * sizeof(struct tally);
}

/* ---- The most frequent ---------------------------------------------------------------------- */

/* The order in which names are given: below 0 if `a` comes before `b`. */
static int tally_order(const struct tally *a, const struct tally *b)
{
	if (a->events != b->events)
		return a->events > b->events ? -1 : 1;
	return nc_slice_cmp(nc_slice(a->name, a->size), nc_slice(b->name, b->size));
}

static int compare(const void *a, const void *b)
{
	return tally_order(a, b);
}

static void heap_swap(struct top *top, size_t a, size_t b)
{
	struct tally tally = top->tallies[a];
	top->tallies[a] = top->tallies[b];
	top->tallies[b] = tally;
}

static void heap_rise(struct top *top, size_t at)
{
	while (at > 0 && tally_order(&top->tallies[at], &top->tallies[(at - 1) / 2]) > 0) {
		heap_swap(top, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void heap_sink(struct top *top)
{
	size_t at = 0;
	for (;;) {
		size_t last = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < top->count;
		     child++) {
			if (tally_order(&top->tallies[child], &top->tallies[last]) > 0)
				last = child;
		}
		if (last == at)
			return;
		heap_swap(top, at, last);
		at = last;
	}
}

static int top_grow(struct top *top, uint64_t limit)
{
	size_t room = top->room == 0 ? 16 : top->room * 2;
	if (room > limit)
		room = (size_t)limit;
	struct tally *tallies = realloc(top->tallies, room * sizeof *tallies);
	if (tallies == NULL)
		return NC_NOMEM;
	top->tallies = tallies;
	top->room = room;
	return NC_OK;
}

static int top_put(struct top *top, uint64_t limit, struct nc_slice name, uint64_t events)
{
	struct tally tally = { .events = events, .size = (uint8_t)name.size };
	if (name.size > NC_NAME_SIZE_MAX)
		return NC_CORRUPT;
	memcpy(tally.name, name.data, name.size);
	top->names++;
	if (top->count == limit) {
		if (tally_order(&tally, &top->tallies[0]) < 0) {
			top->tallies[0] = tally;
			heap_sink(top);
		}
		return NC_OK;
	}
	if (top->count == top->room && top_grow(top, limit) != NC_OK)
		return NC_NOMEM;
	top->tallies[top->count] = tally;
	heap_rise(top, top->count++);
	return NC_OK;
}

/* ---- Steps ---------------------------------------------------------------------------------- */

/* One step's look at the names. */
struct look {
	struct nc_stats *stats;
	struct nc_state_reader *reader;
	bool later;  /* events have come since the first step */
	size_t left; /* names that may still be looked at */
	bool more;   /* there is one more of the kind */
	int err;
};

/* The count as of the first step: events that came later are few, and are subtracted. */
static int events_count(const struct look *look, enum nc_index index, uint64_t id,
                        uint64_t *events_out)
{
	uint64_t all, later = 0;
	const struct nc_index_walk walk = { .index = index,
		                            .id = id,
		                            .from = look->stats->head.position + 1 };
	int err = nc_state_count(look->reader, index, id, &all);
	if (err == NC_OK && look->later)
		err = nc_state_index(look->reader, walk, nc_state_count_one, &later);
	if (err == NC_OK)
		*events_out = all - later;
	return err;
}

static bool on_name(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct look *look = ctx;
	struct nc_stats *stats = look->stats;
	uint64_t events = 0;
	if (key.data[0] != (uint8_t)kinds[stats->kind].name)
		return false;
	if (nc_slice_eq(key, nc_buf_slice(&stats->last)))
		return true;
	look->more = look->left == 0;
	if (look->more)
		return false;
	look->left--;
	nc_buf_clear(&stats->last);
	nc_buf_put_slice(&stats->last, key);
	look->err = nc_buf_status(&stats->last);
	if (look->err == NC_OK && value.size != 8)
		look->err = NC_CORRUPT;
	if (look->err == NC_OK) {
		look->err = events_count(look, kinds[stats->kind].index, nc_get_u64(value.data),
		                         &events);
	}
	if (look->err == NC_OK && events > 0) {
		look->err = top_put(&stats->tops[stats->kind], stats->limit, nc_slice_from(key, 1),
		                    events);
	}
	return look->err == NC_OK;
}

/* Look at more names of the present kind, within a snapshot, and go on to the next kind when there
 * are none left. `*left` is how many names may still be looked at. */
static int kind_look(struct nc_stats *stats, struct nc_state_reader *reader, bool later,
                     size_t *left)
{
	struct look look = { .stats = stats, .reader = reader, .later = later, .left = *left };
	uint8_t kind = (uint8_t)kinds[stats->kind].name;
	struct nc_buf from = { 0 };
	if (stats->last.size > 0) {
		nc_buf_put_slice(&from, nc_buf_slice(&stats->last));
	} else {
		nc_buf_put_u8(&from, kind);
	}
	int err = nc_buf_status(&from);
	if (err == NC_OK) {
		err = nc_state_scan(reader, NC_SPACE_NAMES, nc_buf_slice(&from), NC_FORWARD,
		                    on_name, &look);
	}
	nc_buf_release(&from);
	if (err == NC_OK)
		err = look.err;
	if (err != NC_OK)
		return err;
	*left = look.left;
	if (!look.more) {
		stats->kind++;
		nc_buf_clear(&stats->last);
	}
	return NC_OK;
}

int nc_stats_step(struct nc_stats *stats, struct nc_state_reader *reader, size_t names,
                  bool *done_out)
{
	struct nc_engine_head head;
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = nc_engine_head_read(reader, &head);
	if (err == NC_OK && !stats->begun) {
		stats->head = head;
		stats->begun = true;
	}
	bool later = err == NC_OK && head.position > stats->head.position;
	size_t left = names;
	while (err == NC_OK && left > 0 && stats->kind < NC_STATS_KINDS)
		err = kind_look(stats, reader, later, &left);
	nc_state_reader_end(reader);
	if (err == NC_OK)
		*done_out = stats->kind == NC_STATS_KINDS;
	return err;
}

const struct nc_engine_head *nc_stats_head(const struct nc_stats *stats)
{
	return &stats->head;
}

uint64_t nc_stats_names(const struct nc_stats *stats, enum nc_stats_kind kind)
{
	return stats->tops[kind].names;
}

void nc_stats_each(struct nc_stats *stats, enum nc_stats_kind kind, nc_stats_fn *fn, void *ctx)
{
	struct top *top = &stats->tops[kind];
	if (top->count > 0)
		qsort(top->tallies, top->count, sizeof *top->tallies, compare);
	for (size_t i = 0; i < top->count; i++) {
		const struct tally *tally = &top->tallies[i];
		if (!fn(ctx, nc_slice(tally->name, tally->size), tally->events))
			return;
	}
}
