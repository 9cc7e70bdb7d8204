/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on durable subscriptions. */
#include "core/base/assert.h"
#include "core/engine/packed_private.h"
#include "core/engine/subs_private.h"

#define ROW_PLAIN    1
#define ROW_BACKFILL 2 /* the definition has its size, and a backfill stands behind it */
#define ROW_FLOOR    3 /* and behind that, empty or not, a floor */
#define KEY_ROOM     NC_SUB_KEY_ROOM

/* ---- Keys ----------------------------------------------------------------------------------- */

struct nc_slice nc_sub_row_key(char kind, struct nc_slice name, uint8_t room[KEY_ROOM])
{
	nc_assert(name.size + 1 <= KEY_ROOM);
	room[0] = (uint8_t)kind;
	memcpy(room + 1, name.data, name.size);
	return nc_slice(room, name.size + 1);
}

struct nc_slice nc_sub_parked_key(struct nc_slice name, uint64_t position, uint8_t room[KEY_ROOM])
{
	nc_assert(name.size + 9 <= KEY_ROOM);
	memcpy(room, name.data, name.size);
	room[name.size] = 0;
	nc_set_be64(room + name.size + 1, position);
	return nc_slice(room, name.size + 9);
}

/* ---- Rows ----------------------------------------------------------------------------------- */

int nc_sub_row_decode(struct nc_slice value, struct nc_sub_row *row_out)
{
	struct nc_reader reader = nc_reader(value);
	uint8_t format = nc_reader_u8(&reader);
	if (!reader.failed && (format < ROW_PLAIN || format > ROW_FLOOR))
		return NC_UNSUPPORTED;
	row_out->epoch = nc_reader_u64(&reader);
	row_out->cursor = nc_reader_u64(&reader);
	row_out->backfill = nc_slice(NULL, 0);
	row_out->floor = (struct nc_floor){ 0 };
	if (format == ROW_PLAIN) {
		row_out->definition = nc_slice(reader.at, nc_reader_left(&reader));
		return reader.failed ? NC_CORRUPT : NC_OK;
	}
	row_out->definition = nc_sized_get(&reader);
	row_out->backfill = nc_sized_get(&reader);
	if (format == ROW_FLOOR)
		row_out->floor = nc_floor_get(&reader);
	return reader.failed || nc_reader_left(&reader) > 0 ? NC_CORRUPT : NC_OK;
}

int nc_sub_row_put(struct nc_engine *engine, const struct nc_sub_row *row)
{
	uint8_t room[KEY_ROOM];
	struct nc_buf *out = &engine->row;
	bool floor = nc_floor_is(&row->floor), plain = !floor && row->backfill.size == 0;
	nc_buf_clear(out);
	nc_buf_put_u8(out, plain ? ROW_PLAIN : floor ? ROW_FLOOR : ROW_BACKFILL);
	nc_buf_put_u64(out, row->epoch);
	nc_buf_put_u64(out, row->cursor);
	if (plain) {
		nc_buf_put_slice(out, row->definition);
	} else {
		nc_sized_put(out, row->definition);
		nc_sized_put(out, row->backfill);
	}
	if (floor)
		nc_floor_put(out, &row->floor);
	int err = nc_buf_status(out);
	return err != NC_OK ? err
	                    : nc_state_put(engine->state, NC_SPACE_SUBS,
	                                   nc_sub_row_key('d', row->name, room), nc_buf_slice(out));
}

int nc_sub_row_get(struct nc_state_reader *reader, struct nc_slice name, struct nc_buf *scratch,
                   struct nc_sub_row *row_out)
{
	uint8_t room[KEY_ROOM];
	struct nc_sub_row row = { .name = name };
	nc_buf_clear(scratch);
	int err = nc_state_get(reader, NC_SPACE_SUBS, nc_sub_row_key('d', name, room), scratch);
	if (err == NC_OK)
		err = nc_sub_row_decode(nc_buf_slice(scratch), &row);
	if (err == NC_OK)
		*row_out = row;
	return err;
}

int nc_sub_row_progress(struct nc_state_reader *reader, struct nc_slice name,
                        struct nc_buf *progress)
{
	uint8_t room[KEY_ROOM];
	return nc_state_get(reader, NC_SPACE_SUBS, nc_sub_row_key('p', name, room), progress);
}

struct each {
	nc_sub_row_fn *row_fn;
	nc_parked_fn *parked_fn;
	void *ctx;
	struct nc_slice name;
	int err;
};

static bool on_row(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct each *each = ctx;
	if (key.size < 2 || key.data[0] != 'd')
		return false;
	struct nc_sub_row row = { .name = nc_slice_from(key, 1) };
	each->err = nc_sub_row_decode(value, &row);
	return each->err == NC_OK && each->row_fn(each->ctx, &row);
}

int nc_sub_row_each(struct nc_state_reader *reader, nc_sub_row_fn *fn, void *ctx)
{
	struct each each = { .row_fn = fn, .ctx = ctx };
	int err = nc_state_scan(reader, NC_SPACE_SUBS, NC_SLICE("d"), NC_FORWARD, on_row, &each);
	return err == NC_OK ? each.err : err;
}

static bool on_parked(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct each *each = ctx;
	if (key.size != each->name.size + 9 || !nc_slice_starts(key, each->name) ||
	    key.data[each->name.size] != 0)
		return false;
	struct nc_parked parked;
	if (!nc_parked_next(&value, &parked)) {
		each->err = NC_CORRUPT;
		return false;
	}
	return each->parked_fn(each->ctx, &parked);
}

int nc_parked_each(struct nc_state_reader *reader, struct nc_slice name, uint64_t from,
                   nc_parked_fn *fn, void *ctx)
{
	uint8_t room[KEY_ROOM];
	struct each each = { .parked_fn = fn, .ctx = ctx, .name = name };
	int err = nc_state_scan(reader, NC_SPACE_PARKED, nc_sub_parked_key(name, from, room),
	                        NC_FORWARD, on_parked, &each);
	return err == NC_OK ? each.err : err;
}

/* ---- Create --------------------------------------------------------------------------------- */

static int create_apply(struct nc_engine *engine, const struct nc_sub_create *create,
                        struct nc_outcome *outcome)
{
	struct nc_sub_row row;
	int err = nc_sub_row_get(engine->reader, create->name, &engine->scratch, &row);
	if (err == NC_OK) {
		if (!nc_slice_eq(row.definition, create->definition))
			outcome->fault = NC_FAULT_NAME_TAKEN;
		outcome->duplicate = true;
		outcome->epoch = row.epoch;
		outcome->cursor = row.cursor;
		outcome->floor = row.floor;
		return NC_OK;
	}
	if (err != NC_NOTFOUND)
		return err;
	struct nc_sub_place place = { 0 };
	err = nc_sub_resolve(engine, create, &place);
	const struct nc_sub_row made = { .name = create->name,
		                         .epoch = engine->epochs + 1,
		                         .cursor = place.cursor,
		                         .floor = place.floor,
		                         .definition = create->definition };
	if (err == NC_OK)
		err = nc_sub_row_put(engine, &made);
	if (err != NC_OK)
		return err;
	outcome->epoch = ++engine->epochs;
	outcome->cursor = place.cursor;
	outcome->floor = place.floor;
	outcome->told = NC_SUB_TOLD_MADE;
	return NC_OK;
}

/* ---- Delete and progress -------------------------------------------------------------------- */

struct positions {
	struct nc_buf *buf;
};

static bool collect_parked(void *ctx, const struct nc_parked *parked)
{
	nc_unparked_put(((struct positions *)ctx)->buf, parked->position);
	return true;
}

static int parked_remove(struct nc_engine *engine, struct nc_slice name, struct nc_slice list)
{
	uint8_t room[KEY_ROOM];
	uint64_t position;
	int err = NC_OK;
	while (err == NC_OK && !NC_ENGINE_MUTANT(UNPARKED_STAYS) &&
	       nc_unparked_next(&list, &position)) {
		err = nc_state_del(engine->state, NC_SPACE_PARKED,
		                   nc_sub_parked_key(name, position, room));
	}
	return err;
}

int nc_sub_parked_cut(struct nc_engine *engine, struct nc_slice name, uint64_t from)
{
	struct positions positions = { &engine->row };
	nc_buf_clear(&engine->row);
	int err = nc_parked_each(engine->reader, name, from, collect_parked, &positions);
	if (err == NC_OK)
		err = nc_buf_status(&engine->row);
	return err == NC_OK ? parked_remove(engine, name, nc_buf_slice(&engine->row)) : err;
}

static int delete_apply(struct nc_engine *engine, struct nc_slice name, struct nc_outcome *outcome)
{
	uint8_t room[KEY_ROOM];
	struct nc_sub_row row = { 0 };
	int err = nc_sub_row_get(engine->reader, name, &engine->scratch, &row);
	if (err == NC_NOTFOUND) {
		outcome->fault = NC_FAULT_NO_SUB;
		return NC_OK;
	}
	if (err == NC_OK)
		err = nc_state_del(engine->state, NC_SPACE_SUBS, nc_sub_row_key('d', name, room));
	if (err == NC_OK) {
		err = NC_ENGINE_MUTANT(DELETE_KEEPS_PROGRESS)
		              ? NC_OK
		              : nc_state_del(engine->state, NC_SPACE_SUBS,
		                             nc_sub_row_key('p', name, room));
	}
	outcome->told = NC_SUB_TOLD_GONE;
	outcome->epoch = row.epoch;
	if (err == NC_OK)
		err = nc_engine_sub_disown(engine, name);
	if (err == NC_OK)
		err = nc_engine_acks_forget(engine, name);
	return err == NC_OK ? nc_sub_parked_cut(engine, name, 0) : err;
}

/* Write parked rows. One whose event a batch has acknowledged is left out: its node parked it
 * before it heard of the batch, which came first. */
static int parked_write(struct nc_engine *engine, const struct nc_sub_change *change)
{
	uint8_t room[KEY_ROOM];
	bool acks = engine->head.version >= NC_ENGINE_VERSION_ACK;
	struct nc_slice list = change->parked;
	int err = NC_OK;
	while (err == NC_OK && list.size > 0) {
		struct nc_slice before = list;
		struct nc_parked parked;
		bool acked = false;
		if (!nc_parked_next(&list, &parked))
			return NC_CORRUPT;
		if (acks) {
			err = nc_engine_ack_kept(engine, change->name, change->epoch,
			                         parked.position, &acked);
		}
		if (err == NC_OK && (!acked || NC_ENGINE_MUTANT(PARKED_AFTER_ACK))) {
			err = nc_state_put(engine->state, NC_SPACE_PARKED,
			                   nc_sub_parked_key(change->name, parked.position, room),
			                   nc_slice(before.data, before.size - list.size));
		}
	}
	return err;
}

int nc_sub_change_put(struct nc_engine *engine, const struct nc_sub_change *change)
{
	uint8_t room[KEY_ROOM];
	struct nc_slice key = nc_sub_row_key('p', change->name, room);
	int err = change->progress.size > 0
	                  ? nc_state_put(engine->state, NC_SPACE_SUBS, key, change->progress)
	                  : nc_state_del(engine->state, NC_SPACE_SUBS, key);
	if (err == NC_OK)
		err = parked_write(engine, change);
	if (err == NC_OK && change->progress.size > 0 &&
	    engine->head.version >= NC_ENGINE_VERSION_ACK)
		err = nc_engine_acks_settle(engine, change->name, change->progress);
	return err == NC_OK ? parked_remove(engine, change->name, change->unparked) : err;
}

static int progress_apply(struct nc_engine *engine, const struct nc_sub_change *change,
                          struct nc_outcome *outcome)
{
	struct nc_sub_row row;
	int err = nc_sub_row_get(engine->reader, change->name, &engine->scratch, &row);
	if (err == NC_NOTFOUND || (err == NC_OK && row.epoch != change->epoch &&
	                           !NC_ENGINE_MUTANT(PROGRESS_OF_ANY_EPOCH))) {
		outcome->fault = NC_FAULT_NO_SUB; /* deleted, or made anew, meanwhile */
		return NC_OK;
	}
	return err == NC_OK ? nc_sub_change_put(engine, change) : err;
}

int nc_engine_sub(struct nc_engine *engine, const struct nc_command *command, nc_outcome_fn *fn,
                  void *ctx)
{
	struct nc_outcome outcome = { .sub = command->create.name };
	int err;
	if (command->create.name.size + 10 > KEY_ROOM)
		return NC_CORRUPT;
	switch (command->kind) {
	case NC_COMMAND_SUB_CREATE:
		err = create_apply(engine, &command->create, &outcome);
		break;
	case NC_COMMAND_SUB_DELETE:
		err = delete_apply(engine, command->create.name, &outcome);
		break;
	case NC_COMMAND_SUB_SEEK:
		err = nc_engine_sub_seek(engine, &command->seek, &outcome);
		break;
	case NC_COMMAND_SUB_UPDATE:
		err = nc_engine_sub_update(engine, &command->update, &outcome);
		break;
	case NC_COMMAND_SUB_OWN:
		err = nc_engine_sub_own(engine, &command->own, &outcome);
		break;
	default:
		err = progress_apply(engine, &command->change, &outcome);
	}
	if (err == NC_OK)
		fn(ctx, &outcome);
	return err;
}
