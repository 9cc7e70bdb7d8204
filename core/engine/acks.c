/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Acknowledgements that batches commit. Progress follows a little later, made by whoever runs the
 * subscription, and one that was on its way may still leave undone what a batch has acknowledged:
 * so each is kept in a row of its own until a progress covers it. */
#include "core/base/assert.h"
#include "core/engine/engine_private.h"
#include "core/engine/progress.h"
#include "core/engine/subs_private.h"

#define ROW_FORMAT 1

struct acked {
	uint64_t position, epoch;
	enum nc_acked reach;
};

/* ---- Rows ----------------------------------------------------------------------------------- */

static struct nc_slice key_of(struct nc_slice name, uint64_t position,
                              uint8_t room[NC_SUB_KEY_ROOM])
{
	nc_assert(name.size + 10 <= NC_SUB_KEY_ROOM);
	room[0] = 'a';
	memcpy(room + 1, name.data, name.size);
	room[name.size + 1] = 0;
	nc_set_be64(room + name.size + 2, position);
	return nc_slice(room, name.size + 10);
}

static int row_decode(struct nc_slice key, struct nc_slice value, struct acked *acked_out)
{
	struct nc_reader reader = nc_reader(value);
	uint8_t format = nc_reader_u8(&reader);
	if (!reader.failed && format != ROW_FORMAT)
		return NC_UNSUPPORTED;
	acked_out->position = nc_get_be64(key.data + key.size - 8);
	acked_out->epoch = nc_reader_u64(&reader);
	uint8_t reach = nc_reader_u8(&reader);
	if (reader.failed || nc_reader_left(&reader) != 0 || reach > NC_ACKED_EARLIER)
		return NC_CORRUPT;
	acked_out->reach = (enum nc_acked)reach;
	return NC_OK;
}

int nc_sub_acked_row_check(struct nc_slice key, struct nc_slice value)
{
	struct acked acked;
	bool keyed = key.size > 10 && key.data[key.size - 9] == 0;
	return keyed ? row_decode(key, value, &acked) : NC_CORRUPT;
}

typedef bool acked_fn(void *ctx, const struct acked *acked);

struct walk {
	struct nc_slice prefix; /* of keys */
	acked_fn *fn;
	void *ctx;
	int err;
};

static bool on_pair(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct walk *walk = ctx;
	struct acked acked;
	if (key.size != walk->prefix.size + 8 || !nc_slice_starts(key, walk->prefix))
		return false;
	walk->err = row_decode(key, value, &acked);
	return walk->err == NC_OK && walk->fn(walk->ctx, &acked);
}

/* Call `fn` for a subscription's acknowledgements, ascending from `from` on. */
static int each(struct nc_state_reader *reader, struct nc_slice name, uint64_t from, acked_fn *fn,
                void *ctx)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	struct nc_slice key = key_of(name, from, room);
	struct walk walk = { .prefix = nc_slice(key.data, key.size - 8), .fn = fn, .ctx = ctx };
	int err = nc_state_scan(reader, NC_SPACE_SUBS, key, NC_FORWARD, on_pair, &walk);
	return err == NC_OK ? walk.err : err;
}

static bool on_first(void *ctx, struct nc_slice key, struct nc_slice value)
{
	(void)value;
	*(bool *)ctx = key.size > 0 && key.data[0] == 'a';
	return false;
}

int nc_engine_acks_any(struct nc_state_reader *reader, bool *any_out)
{
	*any_out = false;
	return nc_state_scan(reader, NC_SPACE_SUBS, NC_SLICE("a"), NC_FORWARD, on_first, any_out);
}

struct telling {
	uint64_t epoch;
	nc_sub_acked_fn *fn;
	void *ctx;
};

static bool tell(void *ctx, const struct acked *acked)
{
	struct telling *telling = ctx;
	return acked->epoch != telling->epoch ||
	       telling->fn(telling->ctx, acked->position, acked->reach);
}

int nc_sub_acked_each(struct nc_state_reader *reader, struct nc_slice name, uint64_t epoch,
                      nc_sub_acked_fn *fn, void *ctx)
{
	struct telling telling = { epoch, fn, ctx };
	return each(reader, name, 0, tell, &telling);
}

/* ---- Whether one stands --------------------------------------------------------------------- */

struct search {
	uint64_t position, epoch;
	bool found;
};

/* Whether it is this position's, or one that covers it. */
static bool covers(void *ctx, const struct acked *acked)
{
	struct search *search = ctx;
	search->found = acked->epoch == search->epoch &&
	                (acked->position == search->position || acked->reach == NC_ACKED_THROUGH);
	return !search->found;
}

/* Whether the progress, if there is one yet, leaves the position undone. */
static int undone(struct nc_engine *engine, const struct nc_batch_ack *ack, uint64_t start,
                  bool *undone_out)
{
	struct nc_sub_progress head;
	nc_buf_clear(&engine->row);
	int err = nc_sub_row_progress(engine->reader, ack->name, &engine->row);
	if (err == NC_NOTFOUND) {
		*undone_out = ack->position > start;
		return NC_OK;
	}
	if (err == NC_OK)
		err = nc_sub_progress_read(nc_buf_slice(&engine->row), &head);
	if (err == NC_OK)
		*undone_out = nc_sub_progress_undone(nc_buf_slice(&engine->row), ack->position);
	return err;
}

/* Whether the event has a row: it is parked, or being replayed. */
static int has_row(struct nc_engine *engine, const struct nc_batch_ack *ack, bool *has_out)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	nc_buf_clear(&engine->row);
	int err = nc_state_get(engine->reader, NC_SPACE_PARKED,
	                       nc_sub_parked_key(ack->name, ack->position, room), &engine->row);
	*has_out = err == NC_OK;
	return err == NC_NOTFOUND ? NC_OK : err;
}

int nc_engine_ack_stands(struct nc_engine *engine, const struct nc_batch_ack *ack, bool *stands_out)
{
	struct nc_sub_row row;
	struct search search = { ack->position, ack->epoch, false };
	bool stands = false;
	int err = nc_sub_row_get(engine->reader, ack->name, &engine->scratch, &row);
	if (err == NC_NOTFOUND || (err == NC_OK && (row.epoch != ack->epoch || ack->stale ||
	                                            ack->position > engine->head.position))) {
		*stands_out = false;
		return NC_OK;
	}
	if (err == NC_OK)
		err = undone(engine, ack, row.cursor, &stands);
	if (err == NC_OK && !stands && ack->replay &&
	    engine->head.version >= NC_ENGINE_VERSION_STAYS)
		err = has_row(engine, ack, &stands);
	if (err == NC_OK && stands)
		err = each(engine->reader, ack->name, ack->position, covers, &search);
	if (err == NC_OK)
		*stands_out = stands && (!search.found || NC_ENGINE_MUTANT(ACK_STANDS_TWICE));
	return err;
}

static int row_put(struct nc_engine *engine, struct nc_buf *row, struct nc_slice name,
                   const struct acked *acked)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	nc_buf_clear(row);
	nc_buf_put_u8(row, ROW_FORMAT);
	nc_buf_put_u64(row, acked->epoch);
	nc_buf_put_u8(row, (uint8_t)acked->reach);
	int err = nc_buf_status(row);
	return err != NC_OK ? err
	                    : nc_state_put(engine->state, NC_SPACE_SUBS,
	                                   key_of(name, acked->position, room), nc_buf_slice(row));
}

int nc_engine_ack_keep(struct nc_engine *engine, struct nc_batch_ack *ack)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	bool replayed = false;
	int err = NC_OK;
	engine->acks_kept = true;
	/* Others were not delivered in order before what is replayed. */
	if (ack->through && engine->head.version >= NC_ENGINE_VERSION_STAYS)
		err = has_row(engine, ack, &replayed);
	ack->through = ack->through && !replayed;
	const struct acked acked = { ack->position, ack->epoch,
		                     ack->through ? NC_ACKED_THROUGH : NC_ACKED_ALONE };
	if (err == NC_OK)
		err = row_put(engine, &engine->row, ack->name, &acked);
	/* A parked event that is acknowledged while it is replayed is no longer parked. */
	return err == NC_OK ? nc_state_del(engine->state, NC_SPACE_PARKED,
	                                   nc_sub_parked_key(ack->name, ack->position, room))
	                    : err;
}

int nc_engine_ack_kept(struct nc_engine *engine, struct nc_slice name, uint64_t epoch,
                       uint64_t position, bool *kept_out)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	struct acked acked;
	struct nc_slice key = key_of(name, position, room);
	nc_buf_clear(&engine->row);
	int err = nc_state_get(engine->reader, NC_SPACE_SUBS, key, &engine->row);
	if (err == NC_OK)
		err = row_decode(key, nc_buf_slice(&engine->row), &acked);
	if (err == NC_OK || err == NC_NOTFOUND)
		*kept_out = err == NC_OK && acked.epoch == epoch;
	return err == NC_NOTFOUND ? NC_OK : err;
}

/* ---- Dropping them -------------------------------------------------------------------------- */

struct candidate {
	uint64_t position, epoch;
	enum nc_acked reach;
	bool keep;
};

struct candidates {
	struct candidate *at; /* [count], ascending; in the engine's row buffer */
	size_t count;
};

static bool collect(void *ctx, const struct acked *acked)
{
	const struct candidate candidate = { .position = acked->position,
		                             .epoch = acked->epoch,
		                             .reach = acked->reach };
	nc_buf_put(ctx, &candidate, sizeof candidate);
	return true;
}

static int candidates_collect(struct nc_engine *engine, struct nc_slice name,
                              struct candidates *candidates_out)
{
	nc_buf_clear(&engine->row);
	int err = each(engine->reader, name, 0, collect, &engine->row);
	if (err == NC_OK)
		err = nc_buf_status(&engine->row);
	candidates_out->at = (void *)engine->row.data;
	candidates_out->count = engine->row.size / sizeof(struct candidate);
	return err;
}

static void keep(struct candidates *candidates, uint64_t position)
{
	size_t low = 0, high = candidates->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (candidates->at[middle].position < position) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low < candidates->count && candidates->at[low].position == position)
		candidates->at[low].keep = true;
}

/* Keep those that the progress leaves undone. A progress that is not understood changes nothing, on
 * every replica alike. */
static void keep_undone(struct candidates *candidates, struct nc_slice progress)
{
	struct nc_reader reader = nc_reader(progress);
	struct nc_sub_progress head;
	struct nc_progress_item item = { 0 };
	bool good = nc_sub_progress_read(progress, &head) == NC_OK &&
	            nc_progress_head_get(&reader, &head) == NC_OK;
	for (uint64_t i = 0; good && i < head.outstanding; i++) {
		good = nc_progress_item_get(&reader, head.cursor, &item) == NC_OK;
		keep(candidates, item.position);
	}
	for (size_t i = 0; i < candidates->count; i++) {
		struct candidate *candidate = &candidates->at[i];
		candidate->keep |= !good || candidate->position > head.cursor;
		candidate->keep &= !good || candidate->epoch == head.epoch;
	}
}

static int drop(struct nc_engine *engine, struct nc_slice name, const struct candidates *candidates)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	int err = NC_OK;
	for (size_t i = 0; i < candidates->count && err == NC_OK; i++) {
		if (!candidates->at[i].keep) {
			err = nc_state_del(engine->state, NC_SPACE_SUBS,
			                   key_of(name, candidates->at[i].position, room));
		}
	}
	return err;
}

int nc_engine_acks_settle(struct nc_engine *engine, struct nc_slice name, struct nc_slice progress)
{
	struct candidates candidates;
	/* spares a search with each progress where no batch has ever acknowledged */
	if (!engine->acks_kept)
		return NC_OK;
	int err = candidates_collect(engine, name, &candidates);
	if (err != NC_OK || candidates.count == 0)
		return err;
	keep_undone(&candidates, progress);
	return drop(engine, name, &candidates);
}

/* What a row of the old epoch says in the new one. */
static enum nc_acked reach_carried(enum nc_acked reach, enum nc_acks_carried how)
{
	return reach == NC_ACKED_THROUGH && how == NC_ACKS_INTO_BACKFILL ? NC_ACKED_EARLIER : reach;
}

int nc_engine_acks_carry(struct nc_engine *engine, struct nc_slice name, uint64_t from, uint64_t to,
                         enum nc_acks_carried how)
{
	struct candidates candidates;
	int err = candidates_collect(engine, name, &candidates);
	for (size_t i = 0; i < candidates.count && err == NC_OK; i++) {
		struct candidate *candidate = &candidates.at[i];
		const struct acked acked = { candidate->position, to,
			                     reach_carried(candidate->reach, how) };
		candidate->keep = candidate->epoch == from &&
		                  (how != NC_ACKS_OF_ONE || candidate->reach == NC_ACKED_ALONE);
		if (candidate->keep)
			err = row_put(engine, &engine->scratch, name, &acked);
	}
	return err == NC_OK ? drop(engine, name, &candidates) : err;
}

int nc_engine_acks_forget(struct nc_engine *engine, struct nc_slice name)
{
	struct candidates candidates;
	int err = candidates_collect(engine, name, &candidates);
	return err == NC_OK ? drop(engine, name, &candidates) : err;
}
