/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A durable subscription goes elsewhere, or is given another definition. */
#include "core/engine/progress.h"
#include "core/engine/subs_private.h"

/* Find the row of the epoch that the change names. If there is none any more, NC_OK and the
 * fault. */
static int row_find(struct nc_engine *engine, const struct nc_sub_change *change,
                    struct nc_sub_row *row_out, struct nc_outcome *outcome)
{
	if (engine->head.version < NC_ENGINE_VERSION_SUBS) {
		outcome->fault = NC_FAULT_VERSION;
		return NC_OK;
	}
	int err = nc_sub_row_get(engine->reader, change->name, &engine->scratch, row_out);
	if (err == NC_NOTFOUND || (err == NC_OK && row_out->epoch != change->epoch)) {
		outcome->fault = NC_FAULT_NO_SUB;
		return NC_OK;
	}
	return err;
}

/* Whether the progress says that the subscription is paused. If no progress has been made yet, or
 * it cannot be read, it is not; every replica comes to the same. */
static int paused_get(struct nc_engine *engine, struct nc_slice name, bool *paused_out)
{
	struct nc_sub_progress head;
	nc_buf_clear(&engine->row);
	*paused_out = false;
	if (engine->head.version < NC_ENGINE_VERSION_STAYS)
		return NC_OK;
	int err = nc_sub_row_progress(engine->reader, name, &engine->row);
	if (err == NC_OK && nc_sub_progress_read(nc_buf_slice(&engine->row), &head) == NC_OK)
		*paused_out = head.paused;
	return err == NC_NOTFOUND ? NC_OK : err;
}

/* Let the epoch begin with a progress that says the subscription is paused. The node that runs it
 * writes its own a little later; another that takes the subscription up before that must not
 * deliver. */
static int paused_put(struct nc_engine *engine, const struct nc_sub_row *row)
{
	uint8_t room[NC_SUB_KEY_ROOM];
	const struct nc_sub_progress head = { .epoch = row->epoch,
		                              .cursor = row->cursor,
		                              .last_delivered = row->cursor,
		                              .paused = true };
	nc_buf_clear(&engine->row);
	nc_progress_head_put(&engine->row, &head);
	int err = nc_buf_status(&engine->row);
	return err != NC_OK ? err
	                    : nc_state_put(engine->state, NC_SPACE_SUBS,
	                                   nc_sub_row_key('p', row->name, room),
	                                   nc_buf_slice(&engine->row));
}

int nc_engine_sub_seek(struct nc_engine *engine, const struct nc_sub_seek *seek,
                       struct nc_outcome *outcome)
{
	struct nc_sub_row row;
	int err = row_find(engine, &seek->change, &row, outcome);
	if (err != NC_OK || outcome->fault.code != 0)
		return err;
	const struct nc_sub_create to = { .start = seek->start,
		                          .start_value = seek->start_value,
		                          .stream = seek->stream };
	struct nc_sub_place place = { 0 };
	bool paused = false;
	err = nc_sub_resolve(engine, &to, &place);
	if (err == NC_OK)
		err = paused_get(engine, seek->change.name, &paused);
	row.epoch = engine->epochs + 1;
	row.cursor = place.cursor;
	row.floor = place.floor;
	row.backfill = nc_slice(NULL, 0);
	struct nc_sub_change change = seek->change;
	change.progress = nc_slice(NULL, 0);
	if (err == NC_OK)
		err = nc_sub_row_put(engine, &row);
	if (err == NC_OK)
		err = nc_sub_change_put(engine, &change);
	if (err == NC_OK)
		err = nc_sub_parked_cut(engine, change.name, row.cursor + 1);
	if (err == NC_OK)
		err = nc_engine_acks_forget(engine, change.name);
	if (err == NC_OK && paused)
		err = paused_put(engine, &row);
	if (err != NC_OK)
		return err;
	outcome->epoch = ++engine->epochs;
	outcome->cursor = row.cursor;
	outcome->floor = row.floor;
	outcome->told = NC_SUB_TOLD_CHANGED;
	return NC_OK;
}

/* The list of undone events that a backfill begins with was made before this entry. Batches may
 * have acknowledged some of them since. An acknowledgement of all events before one did not cover
 * those that only the new filter matches. */
static int acks_change(struct nc_engine *engine, const struct nc_sub_update *update, uint64_t epoch)
{
	const struct nc_sub_change *change = &update->change;
	if (update->backfill.size == 0 || engine->head.version < NC_ENGINE_VERSION_PAST)
		return nc_engine_acks_forget(engine, change->name);
	bool all = engine->head.version >= NC_ENGINE_VERSION_ALL;
	return nc_engine_acks_carry(engine, change->name, change->epoch, epoch,
	                            all ? NC_ACKS_INTO_BACKFILL : NC_ACKS_OF_ONE);
}

int nc_engine_sub_update(struct nc_engine *engine, const struct nc_sub_update *update,
                         struct nc_outcome *outcome)
{
	struct nc_sub_row row;
	int err = row_find(engine, &update->change, &row, outcome);
	if (err != NC_OK || outcome->fault.code != 0)
		return err;
	if (nc_floor_is(&update->floor) && engine->head.version < NC_ENGINE_VERSION_FLOOR) {
		outcome->fault = NC_FAULT_VERSION;
		return NC_OK;
	}
	bool paused = false;
	if (update->anew)
		err = paused_get(engine, update->change.name, &paused);
	row.definition = update->definition;
	row.backfill = update->backfill;
	if (update->anew) {
		row.epoch = engine->epochs + 1;
		row.cursor = update->cursor;
		row.floor = update->floor;
	}
	if (err == NC_OK)
		err = nc_sub_row_put(engine, &row);
	if (err == NC_OK)
		err = nc_sub_change_put(engine, &update->change);
	if (err == NC_OK && update->anew)
		err = acks_change(engine, update, row.epoch);
	if (err == NC_OK && paused)
		err = paused_put(engine, &row);
	if (err != NC_OK)
		return err;
	engine->epochs += update->anew;
	outcome->epoch = row.epoch;
	outcome->cursor = row.cursor;
	outcome->floor = row.floor;
	outcome->told = NC_SUB_TOLD_CHANGED;
	return NC_OK;
}
