/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_rows_read.c -- readers of rows that are held back: the newest that the view may see, from the
 * pinned generations, else from the table. */
#include <stdlib.h>

#include "storage/state/wt_state_private.h"

const struct nc_held_value *nc_wt_row_find(struct nc_wt_reader *reader, struct nc_slice key)
{
	bool own = reader == &nc_wt_state_of(reader->base.state)->writer;
	for (unsigned i = reader->pin_count; i > 0; i--) {
		struct nc_held *held = reader->pins[i - 1];
		const struct nc_held_value *value =
		        own ? nc_held_row_own(held, key)
		            : nc_held_row_get(held, key, reader->sequence);
		if (value != NULL)
			return value;
	}
	return NULL;
}

/* ---- Scans ---------------------------------------------------------------------------------- */

/* Order by key; of one key, the value of the newer generation comes first. */
static int compare_forward(const void *left, const void *right)
{
	const struct nc_held_pair *a = left;
	const struct nc_held_pair *b = right;
	int order = nc_slice_cmp(a->key, b->key);
	if (order != 0)
		return order;
	return (a->value->sequence < b->value->sequence) -
	       (a->value->sequence > b->value->sequence);
}

static int compare_backward(const void *left, const void *right)
{
	const struct nc_held_pair *a = left;
	const struct nc_held_pair *b = right;
	int order = nc_slice_cmp(b->key, a->key);
	return order != 0 ? order : compare_forward(left, right);
}

enum { GATHER_PAIRS = 2048 };

/* A scan that merges held rows, in its order, with a cursor on the table. Held rows are gathered a
 * page at a time, since a scan mostly gives few of all that may be held. */
struct merge {
	struct nc_wt_reader *reader;
	struct nc_held_range
	        range; /* if more rows are held, its `bound` is the key of the last pair */
	struct nc_buf buf;
	const struct nc_held_pair *pairs;
	size_t at, count;
	WT_CURSOR *cursor;
	int wt; /* WiredTiger's code of the cursor's last move */
};

static void pairs_sort(struct merge *merge)
{
	merge->count = merge->buf.size / sizeof *merge->pairs;
	if (merge->count > 0) {
		qsort(merge->buf.data, merge->count, sizeof *merge->pairs,
		      merge->range.backward ? compare_backward : compare_forward);
	}
	merge->pairs = (const void *)merge->buf.data;
}

/* Keep the first half of the pairs, in the scan's order. Pairs that are gathered later have to come
 * before the last of these. Older values of that last key are not needed. */
static void pairs_cut(struct merge *merge)
{
	pairs_sort(merge);
	merge->range.bound = merge->pairs[GATHER_PAIRS - 1].key;
	merge->buf.size = GATHER_PAIRS * sizeof *merge->pairs;
}

/* The first pairs of the range. */
static int pairs_gather(struct merge *merge)
{
	const struct nc_wt_reader *reader = merge->reader;
	int err = NC_OK;
	nc_buf_clear(&merge->buf);
	merge->at = 0;
	merge->range.bound = nc_slice(NULL, 0);
	for (unsigned i = 0; err == NC_OK && i < reader->pin_count; i++) {
		uint32_t at = 0;
		while (err == NC_OK && at != UINT32_MAX) {
			err = nc_held_rows_list(reader->pins[i], reader->sequence, &merge->range,
			                        &at, &merge->buf);
			if (merge->buf.size >= 2 * GATHER_PAIRS * sizeof *merge->pairs)
				pairs_cut(merge);
		}
	}
	if (err == NC_OK)
		pairs_sort(merge);
	return err;
}

/* Gather the pairs after those that were given, if there are more. */
static int pairs_more(struct merge *merge)
{
	if (merge->at < merge->count || merge->range.bound.size == 0)
		return NC_OK;
	merge->range.from = merge->range.bound;
	merge->range.behind = true;
	return pairs_gather(merge);
}

/* Go to the next pair with another key. */
static void pairs_step(struct merge *merge)
{
	struct nc_slice key = merge->pairs[merge->at++].key;
	while (merge->at < merge->count && nc_slice_eq(merge->pairs[merge->at].key, key))
		merge->at++;
}

/* Compare the table's row, which has this key, with the next pair: below 0, the row comes first. */
static int merge_order(const struct merge *merge, struct nc_slice key)
{
	if (merge->at == merge->count)
		return -1;
	int order = nc_slice_cmp(key, merge->pairs[merge->at].key);
	return merge->range.backward ? -order : order;
}

/* Give the next row; false: stop, or `merge->wt` is an error. */
static bool merge_step(struct merge *merge, nc_state_pair_fn *fn, void *ctx)
{
	WT_ITEM key = { .size = 0 };
	WT_ITEM value;
	int order = 1;
	if (merge->wt == 0) {
		merge->wt = merge->cursor->get_key(merge->cursor, &key);
		if (merge->wt != 0)
			return false;
		order = merge_order(merge, nc_slice(key.data, key.size));
	}
	bool more = true;
	if (order < 0) {
		merge->wt = merge->cursor->get_value(merge->cursor, &value);
		more = merge->wt == 0 &&
		       fn(ctx, nc_slice(key.data, key.size), nc_slice(value.data, value.size));
	} else {
		const struct nc_held_pair *pair = &merge->pairs[merge->at];
		pairs_step(merge);
		more = pair->value->deleted ||
		       fn(ctx, pair->key, nc_slice(pair->value->bytes, pair->value->size));
	}
	if (more && order <= 0)
		merge->wt = nc_wt_step(merge->cursor, merge->range.backward);
	return more && (merge->wt == 0 || merge->wt == WT_NOTFOUND);
}

int nc_wt_rows_scan(struct nc_wt_reader *reader, struct nc_slice from, bool backward,
                    nc_state_pair_fn *fn, void *ctx)
{
	struct merge merge = { .reader = reader, .range = { .from = from, .backward = backward } };
	int err = pairs_gather(&merge);
	if (err == NC_OK)
		err = nc_wt_scan_begin(reader, NC_SPACE_STREAMS, &merge.cursor);
	if (err != NC_OK) {
		nc_buf_release(&merge.buf);
		return err;
	}
	merge.wt = nc_wt_seek(merge.cursor, from, backward);
	bool more = merge.wt == 0 || merge.wt == WT_NOTFOUND;
	while (more && (merge.wt == 0 || merge.at < merge.count)) {
		more = merge_step(&merge, fn, ctx);
		if (more)
			err = pairs_more(&merge);
		more = more && err == NC_OK;
	}
	nc_wt_scan_end(reader, NC_SPACE_STREAMS, merge.cursor);
	nc_buf_release(&merge.buf);
	return err != NC_OK ? err : nc_wt_scan_result(reader, merge.wt);
}
