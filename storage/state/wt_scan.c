/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_scan.c -- readers: ranges, from the tables and from what is held back. */
#include "storage/state/postings_private.h"
#include "storage/state/wt_state_private.h"

enum { HELD_BATCH = 64 }; /* entries that are copied out of a generation at a time */

/* Step from where search_near() stopped to the first row on the wanted side of the key. */
static int step_to_side(WT_CURSOR *cursor, bool backward, int side)
{
	if (!backward && side < 0)
		return cursor->next(cursor);
	if (backward && side > 0)
		return cursor->prev(cursor);
	return 0;
}

int nc_wt_step(WT_CURSOR *cursor, bool backward)
{
	return backward ? cursor->prev(cursor) : cursor->next(cursor);
}

int nc_wt_scan_result(struct nc_wt_reader *reader, int wt)
{
	if (wt == WT_NOTFOUND)
		return NC_OK;
	return nc_wt_err(&nc_wt_state_of(reader->base.state)->handler, wt);
}

int nc_wt_seek(WT_CURSOR *cursor, struct nc_slice from, bool backward)
{
	if (from.size == 0)
		return nc_wt_step(cursor, backward);
	WT_ITEM key = { .data = from.data, .size = from.size };
	int side = 0;
	cursor->set_key(cursor, &key);
	int wt = cursor->search_near(cursor, &side);
	return wt == 0 ? step_to_side(cursor, backward, side) : wt;
}

int nc_wt_scan(struct nc_state_reader *base, enum nc_space space, struct nc_slice from,
               bool backward, nc_state_pair_fn *fn, void *ctx)
{
	struct nc_wt_reader *reader = nc_wt_reader_of(base);
	nc_assert(space < NC_SPACE_COUNT);
	if (nc_wt_is_held(space))
		return nc_wt_rows_scan(reader, from, backward, fn, ctx);
	WT_CURSOR *cursor;
	int err = nc_wt_scan_begin(reader, (int)space, &cursor);
	if (err != NC_OK)
		return err;
	int wt = nc_wt_seek(cursor, from, backward);
	while (wt == 0) {
		WT_ITEM key;
		WT_ITEM value;
		wt = cursor->get_key(cursor, &key);
		if (wt == 0)
			wt = cursor->get_value(cursor, &value);
		if (wt != 0 ||
		    !fn(ctx, nc_slice(key.data, key.size), nc_slice(value.data, value.size)))
			break;
		wt = nc_wt_step(cursor, backward);
	}
	nc_wt_scan_end(reader, (int)space, cursor);
	return nc_wt_scan_result(reader, wt);
}

/* One walk over an index: a part in the table, a part in each pinned generation. */
struct walk {
	struct nc_wt_reader *reader;
	struct nc_index_walk left; /* `from` is where the next part begins */
	bool done;
	nc_state_index_fn *fn;
	void *ctx;
};

static void walk_give(struct walk *walk, uint64_t ordinal, uint64_t position)
{
	bool at_end = walk->left.backward ? ordinal == 0 : ordinal == UINT64_MAX;
	walk->left.from = walk->left.backward ? ordinal - 1 : ordinal + 1;
	walk->done = !walk->fn(walk->ctx, ordinal, position) || at_end;
}

static void walk_held(struct walk *walk, struct nc_held *held)
{
	struct nc_held_entry entries[HELD_BATCH];
	size_t count = HELD_BATCH;
	while (!walk->done && count == HELD_BATCH) {
		count = nc_held_entries(held, walk->left, walk->reader->limit, entries, HELD_BATCH);
		for (size_t i = 0; i < count && !walk->done; i++)
			walk_give(walk, entries[i].ordinal, entries[i].position);
	}
}

/* Move to the row that has `from`, or to the next one in the walk's direction. */
static int walk_seek(const struct walk *walk, WT_CURSOR *cursor)
{
	int side = 0;
	uint64_t id = 0;
	uint64_t first;
	cursor->set_key(cursor, walk->left.id, walk->left.from);
	int wt = cursor->search_near(cursor, &side);
	if (wt == 0 && side > 0)
		wt = cursor->prev(cursor); /* rows are under their first ordinal */
	if (walk->left.backward || (wt != 0 && wt != WT_NOTFOUND))
		return wt;
	if (wt == 0)
		wt = cursor->get_key(cursor, &id, &first);
	return (wt == 0 && id != walk->left.id) || wt == WT_NOTFOUND ? cursor->next(cursor) : wt;
}

/* Give the entries of the row that are asked for. */
static void walk_postings(struct walk *walk, const struct nc_held_entry *entries, size_t count)
{
	for (size_t i = 0; i < count && !walk->done; i++) {
		const struct nc_held_entry *entry =
		        &entries[walk->left.backward ? count - 1 - i : i];
		bool seen = entry->position <= walk->reader->table_limit;
		if (walk->left.backward ? entry->ordinal > walk->left.from
		                        : entry->ordinal < walk->left.from)
			continue;
		if (seen) {
			walk_give(walk, entry->ordinal, entry->position);
		} else if (!walk->left.backward) {
			return; /* all that follow are held in memory too */
		}
	}
}

/* Give the entries of the row that the cursor stands on; `last_out`: no later row has any. */
static int walk_row(struct walk *walk, WT_CURSOR *cursor, struct nc_held_entry *entries,
                    bool *last_out)
{
	struct nc_wt_reader *reader = walk->reader;
	uint64_t id;
	uint64_t first;
	size_t count = 0;
	WT_ITEM value;
	*last_out = true;
	int wt = cursor->get_key(cursor, &id, &first);
	if (wt != 0 || id != walk->left.id)
		return nc_wt_scan_result(reader, wt);
	wt = cursor->get_value(cursor, &value);
	if (wt != 0)
		return nc_wt_scan_result(reader, wt);
	int err = nc_postings_get(nc_slice(value.data, value.size), walk->left.index, first,
	                          entries, &count);
	if (err != NC_OK)
		return err;
	walk_postings(walk, entries, count);
	bool held = entries[count - 1].position > reader->table_limit;
	*last_out = walk->done || (held && !walk->left.backward);
	return NC_OK;
}

static int walk_table(struct walk *walk)
{
	int table = NC_WT_INDEX + (int)walk->left.index;
	WT_CURSOR *cursor;
	int err = nc_wt_scan_begin(walk->reader, table, &cursor);
	if (err != NC_OK)
		return err;
	struct nc_held_entry entries[NC_POSTINGS_MAX];
	bool last = false;
	int wt = walk_seek(walk, cursor);
	while (wt == 0 && err == NC_OK && !last) {
		err = walk_row(walk, cursor, entries, &last);
		if (err == NC_OK && !last)
			wt = nc_wt_step(cursor, walk->left.backward);
	}
	nc_wt_scan_end(walk->reader, table, cursor);
	return err != NC_OK ? err : nc_wt_scan_result(walk->reader, wt);
}

int nc_wt_index(struct nc_state_reader *base, struct nc_index_walk asked, nc_state_index_fn *fn,
                void *ctx)
{
	nc_assert(asked.index < NC_INDEX_COUNT);
	struct walk walk = { .reader = nc_wt_reader_of(base), .left = asked, .fn = fn, .ctx = ctx };
	const struct nc_wt_reader *reader = walk.reader;
	if (asked.backward) {
		for (unsigned i = reader->pin_count; i > 0 && !walk.done; i--)
			walk_held(&walk, reader->pins[i - 1]);
		/* Entries beyond the limit, which the indexer has put in already, need not be
		 * stepped over. */
		if (asked.index != NC_INDEX_STREAM && walk.left.from > reader->table_limit)
			walk.left.from = reader->table_limit;
		return walk.done ? NC_OK : walk_table(&walk);
	}
	/* The table has nothing for this reader beyond its limit. */
	bool held_only = asked.index != NC_INDEX_STREAM && asked.from > reader->table_limit;
	int err = held_only ? NC_OK : walk_table(&walk);
	for (unsigned i = 0; err == NC_OK && i < reader->pin_count && !walk.done; i++)
		walk_held(&walk, reader->pins[i]);
	return err;
}

/* True to go on. */
static bool ids_held(struct nc_wt_reader *reader, struct nc_held *held, struct nc_slice id,
                     uint64_t stream_id, nc_state_id_fn *fn, void *ctx)
{
	struct nc_id_row rows[8];
	uint32_t at = 0;
	while (at != UINT32_MAX) {
		size_t count =
		        nc_held_ids(held, id, reader->limit, &at, rows, sizeof rows / sizeof *rows);
		for (size_t i = 0; i < count; i++) {
			if ((stream_id == 0 || rows[i].stream_id == stream_id) &&
			    !fn(ctx, &rows[i]))
				return false;
		}
	}
	return true;
}

static struct nc_id_row id_row(uint64_t stream_id, const WT_ITEM *value)
{
	nc_assert(value->size == 16 + NC_DIGEST_SIZE);
	const uint8_t *bytes = value->data;
	struct nc_id_row row = { .stream_id = stream_id,
		                 .position = nc_get_u64(bytes),
		                 .version = nc_get_u64(bytes + 8) };
	memcpy(row.digest, bytes + 16, NC_DIGEST_SIZE);
	return row;
}

/* Find the row of one stream. search_near() is not used: for a key that is not there it steps over
 * all rows that the indexer is inserting until it finds one that this snapshot sees. */
static int id_table(struct nc_wt_reader *reader, struct nc_slice prefix, uint64_t stream_id,
                    nc_state_id_fn *fn, void *ctx)
{
	WT_CURSOR *cursor;
	WT_ITEM value;
	uint8_t bytes[NC_STATE_KEY_SIZE_MAX + 1 + 8];
	int err = nc_wt_scan_begin(reader, NC_WT_IDS, &cursor);
	if (err != NC_OK)
		return err;
	memcpy(bytes, prefix.data, prefix.size);
	nc_set_be64(bytes + prefix.size, stream_id);
	WT_ITEM key = { .data = bytes, .size = prefix.size + 8 };
	cursor->set_key(cursor, &key);
	int wt = cursor->search(cursor);
	if (wt == 0)
		wt = cursor->get_value(cursor, &value);
	if (wt == 0) {
		struct nc_id_row row = id_row(stream_id, &value);
		if (row.position <= reader->table_limit)
			(void)fn(ctx, &row);
	}
	nc_wt_scan_end(reader, NC_WT_IDS, cursor);
	return nc_wt_scan_result(reader, wt);
}

static int ids_table(struct nc_wt_reader *reader, struct nc_slice prefix, nc_state_id_fn *fn,
                     void *ctx)
{
	WT_CURSOR *cursor;
	int err = nc_wt_scan_begin(reader, NC_WT_IDS, &cursor);
	if (err != NC_OK)
		return err;
	int side = 0;
	WT_ITEM key = { .data = prefix.data, .size = prefix.size };
	cursor->set_key(cursor, &key);
	int wt = cursor->search_near(cursor, &side);
	if (wt == 0)
		wt = step_to_side(cursor, false, side);
	while (wt == 0) {
		WT_ITEM value;
		wt = cursor->get_key(cursor, &key);
		if (wt == 0)
			wt = cursor->get_value(cursor, &value);
		if (wt != 0 || !nc_slice_starts(nc_slice(key.data, key.size), prefix))
			break;
		nc_assert(key.size == prefix.size + 8);
		struct nc_id_row row =
		        id_row(nc_get_be64((const uint8_t *)key.data + prefix.size), &value);
		if (row.position <= reader->table_limit && !fn(ctx, &row))
			break;
		wt = cursor->next(cursor);
	}
	nc_wt_scan_end(reader, NC_WT_IDS, cursor);
	return nc_wt_scan_result(reader, wt);
}

int nc_wt_ids(struct nc_state_reader *base, struct nc_slice id, uint64_t stream_id,
              nc_state_id_fn *fn, void *ctx)
{
	struct nc_wt_reader *reader = nc_wt_reader_of(base);
	uint8_t prefix[NC_STATE_KEY_SIZE_MAX + 1];
	if (id.size == 0 || id.size > NC_STATE_KEY_SIZE_MAX)
		return NC_OK;
	for (unsigned i = reader->pin_count; i > 0; i--) {
		if (!ids_held(reader, reader->pins[i - 1], id, stream_id, fn, ctx))
			return NC_OK;
	}
	memcpy(prefix, id.data, id.size);
	prefix[id.size] = 0;
	struct nc_slice key = nc_slice(prefix, id.size + 1);
	return stream_id == 0 ? ids_table(reader, key, fn, ctx)
	                      : id_table(reader, key, stream_id, fn, ctx);
}
