/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading one event: by its position, by its version in a stream, or by its id. */
#include "core/engine/engine_private.h"
#include "core/engine/query.h"
#include "core/engine/seen.h"

/* Look whether the event at `position` has the id. Errors: NC_NOTFOUND, it has another, or there is
 * none. */
static int bears(struct nc_state_reader *reader, uint64_t position, struct nc_slice id,
                 struct nc_buf *scratch)
{
	nc_buf_clear(scratch);
	struct nc_event event;
	int err = nc_state_event_get(reader, position, scratch);
	if (err == NC_OK)
		err = nc_event_row_get(position, nc_buf_slice(scratch), &event);
	if (err == NC_OK && !nc_slice_eq(event.id, id))
		err = NC_NOTFOUND;
	return err;
}

/* Whether there is a row at `position`, and it is seen. */
static int row_look(struct nc_sight *sight, uint64_t position, struct nc_buf *row, bool *seen_out)
{
	nc_buf_clear(row);
	*seen_out = false;
	int err = nc_state_event_get(sight->reader, position, row);
	if (err == NC_OK)
		err = nc_sight_row(sight, position, nc_buf_slice(row), seen_out);
	return err == NC_NOTFOUND ? NC_OK : err;
}

/* Searches the lowest position of an event with the id. */
struct bearers {
	struct nc_sight *sight;
	bool all; /* also events that are not visible */
	struct nc_buf *scratch;
	uint64_t lowest; /* 0: none so far */
	int err;
};

static int bearer_look(struct bearers *bearers, uint64_t position)
{
	bool seen = bearers->all;
	int err = seen ? NC_OK : row_look(bearers->sight, position, bearers->scratch, &seen);
	if (err == NC_OK && seen)
		bearers->lowest = position;
	return err;
}

/* Look at an event with the id. If its stream is deleted, the event need not be read. */
static bool on_bearer(void *ctx, const struct nc_id_row *row)
{
	struct bearers *bearers = ctx;
	bool looks = bearers->lowest == 0 || row->position < bearers->lowest;
	if (looks && !bearers->all)
		bearers->err =
		        nc_sight_version(bearers->sight, row->stream_id, row->version, &looks);
	if (looks && bearers->err == NC_OK)
		bearers->err = bearer_look(bearers, row->position);
	return bearers->err == NC_OK;
}

/* Go once over the id's rows, of which there is at most one for each stream. */
static int bearers_pass(struct bearers *bearers, struct nc_slice id)
{
	uint64_t made;
	int err = nc_state_ids(bearers->sight->reader, id, 0, on_bearer, bearers);
	if (err == NC_OK)
		err = bearers->err;
	if (err != NC_OK || !nc_event_id_position(id, &made) ||
	    (bearers->lowest != 0 && made > bearers->lowest))
		return err;
	err = bears(bearers->sight->reader, made, id, bearers->scratch);
	if (err == NC_OK)
		err = bearer_look(bearers, made);
	return err == NC_NOTFOUND ? NC_OK : err;
}

/* The lowest position of a visible event with the id. Mostly that is the lowest of all. If that one
 * is not visible, a second pass looks at each that is lower than the best so far. So the cost grows
 * only with the number of streams that have the id. */
static int id_locate(struct nc_sight *sight, struct nc_slice id, struct nc_buf *scratch,
                     uint64_t *position_out)
{
	struct bearers bearers = { .sight = sight, .all = true, .scratch = scratch };
	bool seen = false;
	int err = bearers_pass(&bearers, id);
	if (err == NC_OK && bearers.lowest > 0)
		err = row_look(sight, bearers.lowest, scratch, &seen);
	if (err == NC_OK && bearers.lowest > 0 && !seen) {
		bearers.all = false;
		bearers.lowest = 0;
		err = bearers_pass(&bearers, id);
	}
	if (err != NC_OK)
		return err;
	*position_out = bearers.lowest;
	return bearers.lowest == 0 ? NC_NOTFOUND : NC_OK;
}

static bool on_index(void *ctx, uint64_t ordinal, uint64_t position)
{
	uint64_t *place = ctx; /* [0] ordinal wanted, [1] position found */
	if (ordinal == place[0])
		place[1] = position;
	return false;
}

static int stream_locate(struct nc_state_reader *reader, const struct nc_get_spec *spec,
                         struct nc_buf *scratch, uint64_t *position_out)
{
	struct nc_stream stream;
	int err = nc_stream_get(reader, spec->stream, scratch, &stream);
	if (err != NC_OK)
		return err;
	uint64_t place[2] = { spec->number, 0 };
	if (spec->kind == NC_GET_VERSION) {
		err = nc_state_index(
		        reader,
		        (struct nc_index_walk){ NC_INDEX_STREAM, stream.id, spec->number, false },
		        on_index, place);
	} else {
		struct nc_id_row row;
		err = nc_engine_id_find(reader, spec->stream, stream.id, spec->id, &row);
		if (err == NC_OK) {
			place[0] = row.version;
			place[1] = row.position;
		}
	}
	if (err != NC_OK)
		return err;
	if (place[1] == 0 || place[0] < stream.first || stream.state != NC_STREAM_LIVE)
		return NC_NOTFOUND;
	*position_out = place[1];
	return NC_OK;
}

static int locate(struct nc_sight *sight, const struct nc_get_spec *spec, struct nc_buf *scratch,
                  uint64_t *position_out)
{
	if (spec->kind == NC_GET_ID)
		return id_locate(sight, spec->id, scratch, position_out);
	if (spec->kind != NC_GET_POSITION)
		return stream_locate(sight->reader, spec, scratch, position_out);
	*position_out = spec->number;
	return spec->number == 0 ? NC_NOTFOUND : NC_OK;
}

/* The row of the event that is asked for, if it is seen. Within a snapshot. */
static int row_find(struct nc_state_reader *reader, const struct nc_get_spec *spec,
                    struct nc_buf *row, uint64_t *position_out)
{
	struct nc_sight sight = { 0 };
	bool seen = true;
	nc_sight_begin(&sight, reader);
	int err = locate(&sight, spec, row, position_out);
	nc_buf_clear(row);
	if (err == NC_OK && spec->unseen) {
		err = nc_state_event_get(reader, *position_out, row);
	} else if (err == NC_OK) {
		err = row_look(&sight, *position_out, row, &seen);
	}
	nc_sight_release(&sight);
	return err == NC_OK && !seen ? NC_NOTFOUND : err;
}

int nc_query_get(struct nc_state_reader *reader, const struct nc_get_spec *spec, nc_event_fn *fn,
                 void *ctx)
{
	struct nc_buf row = { 0 };
	uint64_t position = 0;
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = row_find(reader, spec, &row, &position);
	nc_state_reader_end(reader);

	struct nc_event event;
	if (err == NC_OK)
		err = nc_event_row_get(position, nc_buf_slice(&row), &event);
	if (err == NC_OK)
		fn(ctx, &event);
	nc_buf_release(&row);
	return err;
}
