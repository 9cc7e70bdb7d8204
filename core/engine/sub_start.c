/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a subscription starts: from what its definition says to a position, and to a floor where
 * that lies ahead. */
#include "core/engine/query_private.h"
#include "core/engine/subs_private.h"

/* A start at a version that lies ahead of its stream, or in a stream that does not exist yet, whose
 * events will begin with version 1. */
static int version_resolve(struct nc_state_reader *reader, uint64_t head,
                           const struct nc_sub_create *create, uint64_t *position_out,
                           bool *ahead_out)
{
	struct nc_buf scratch = { 0 };
	struct nc_stream stream = { 0 };
	int err = nc_stream_get(reader, create->stream, &scratch, &stream);
	if (err == NC_OK) {
		err = nc_query_place_of(reader, &stream, head, create->start_value, position_out);
		*ahead_out = *position_out > head;
	} else if (err == NC_NOTFOUND) {
		*ahead_out = true;
		err = NC_OK;
	}
	nc_buf_release(&scratch);
	return err;
}

static int resolve(struct nc_state_reader *reader, uint64_t head,
                   const struct nc_sub_create *create, struct nc_sub_place *place_out)
{
	struct nc_sub_place place = { 0 };
	uint64_t position = 1;
	bool ahead = false;
	int err = NC_OK;
	switch (create->start) {
	case NC_SUB_START_NEW:
		position = head + 1;
		break;
	case NC_SUB_START_POSITION:
		position = create->start_value;
		break;
	case NC_SUB_START_TIME:
		err = nc_query_position_at(reader, head, create->start_value, &position);
		if (err == NC_OK && position > head)
			place.floor.time_ns = create->start_value;
		break;
	case NC_SUB_START_VERSION:
		err = version_resolve(reader, head, create, &position, &ahead);
		if (ahead)
			place.floor.version = create->start_value;
		break;
	case NC_SUB_START_FIRST:
		break;
	}
	place.cursor = (position == 0 ? 0 : position - 1) + NC_ENGINE_MUTANT(START_OFF_BY_ONE);
	if (err == NC_OK)
		*place_out = place;
	return err;
}

int nc_sub_resolve(struct nc_engine *engine, const struct nc_sub_create *create,
                   struct nc_sub_place *place_out)
{
	int err = resolve(engine->reader, engine->head.position, create, place_out);
	if (err == NC_OK &&
	    (engine->head.version < NC_ENGINE_VERSION_FLOOR || NC_ENGINE_MUTANT(FLOOR_FORGOTTEN)))
		place_out->floor = (struct nc_floor){ 0 };
	return err;
}

int nc_sub_start_resolve(struct nc_state_reader *reader, const struct nc_sub_create *create,
                         struct nc_sub_place *place_out)
{
	struct nc_engine_head head;
	int err = nc_engine_head_read(reader, &head);
	return err == NC_OK ? resolve(reader, head.position, create, place_out) : err;
}
