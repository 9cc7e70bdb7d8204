/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading one event. */
#include "core/engine/engine_private.h"
#include "core/engine/query.h"
#include "core/engine/seen.h"

struct lowest {
	uint64_t after;    /* positions up to it are passed by */
	uint64_t position; /* 0: none */
};

static bool on_row(void *ctx, const struct nc_id_row *row)
{
	struct lowest *lowest = ctx;
	if (row->position > lowest->after &&
	    (lowest->position == 0 || row->position < lowest->position))
		lowest->position = row->position;
	return true;
}

/* The event at `position`, if it bears `id`. */
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

/* The lowest position after `after` that bears the id, seen or not. */
static int id_locate(struct nc_state_reader *reader, struct nc_slice id, uint64_t after,
                     struct nc_buf *scratch, uint64_t *position_out)
{
	struct lowest lowest = { .after = after };
	int err = nc_state_ids(reader, id, 0, on_row, &lowest);
	if (err != NC_OK)
		return err;
	uint64_t made;
	if (nc_event_id_position(id, &made) && made > after &&
	    (lowest.position == 0 || made < lowest.position)) {
		err = bears(reader, made, id, scratch);
		if (err == NC_OK) {
			lowest.position = made;
		} else if (err != NC_NOTFOUND) {
			return err;
		}
	}
	if (lowest.position == 0)
		return NC_NOTFOUND;
	*position_out = lowest.position;
	return NC_OK;
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

/* `*position_out` is where the last one was that is not seen; 0: the first try. */
static int locate(struct nc_state_reader *reader, const struct nc_get_spec *spec,
                  struct nc_buf *scratch, uint64_t *position_out)
{
	if (spec->kind == NC_GET_ID)
		return id_locate(reader, spec->id, *position_out, scratch, position_out);
	if (*position_out > 0)
		return NC_NOTFOUND;
	if (spec->kind != NC_GET_POSITION)
		return stream_locate(reader, spec, scratch, position_out);
	*position_out = spec->number;
	return spec->number == 0 ? NC_NOTFOUND : NC_OK;
}

/* The row at `position`, and whether it is to be given. One that is gone is not seen. */
static int row_look(struct nc_sight *sight, const struct nc_get_spec *spec, uint64_t position,
                    struct nc_buf *row, bool *seen_out)
{
	int err = nc_state_event_get(sight->reader, position, row);
	*seen_out = err == NC_OK && spec->unseen;
	if (err == NC_OK && !spec->unseen)
		err = nc_sight_row(sight, position, nc_buf_slice(row), seen_out);
	return err == NC_NOTFOUND ? NC_OK : err;
}

/* The row of the event that is asked for, if it is seen. Within a snapshot. */
static int row_find(struct nc_state_reader *reader, const struct nc_get_spec *spec,
                    struct nc_buf *row, uint64_t *position_out)
{
	struct nc_sight sight = { 0 };
	bool seen = false;
	int err = NC_OK;
	nc_sight_begin(&sight, reader);
	while (err == NC_OK && !seen) {
		err = locate(reader, spec, row, position_out);
		nc_buf_clear(row);
		if (err == NC_OK)
			err = row_look(&sight, spec, *position_out, row, &seen);
	}
	nc_sight_release(&sight);
	return err;
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

enum { GROUP_EVENTS = 64, GROUP_BYTES = 256 << 10 };

/* Rows of some positions, copied, so that the snapshot is closed before anybody waits. */
struct group {
	struct nc_state_reader *reader;
	struct nc_sight *sight; /* NULL: also what is not seen */
	struct nc_buf rows;
	size_t ends[GROUP_EVENTS];
	size_t count;
};

/* One more; none: an empty row. */
static int group_add(struct group *group, uint64_t position)
{
	size_t before = group->rows.size;
	bool seen = true;
	int err = nc_state_event_get(group->reader, position, &group->rows);
	if (err == NC_OK && group->sight != NULL) {
		err = nc_sight_row(group->sight, position,
		                   nc_slice(group->rows.data + before, group->rows.size - before),
		                   &seen);
	}
	if (!seen)
		group->rows.size = before;
	group->ends[group->count++] = group->rows.size;
	return err == NC_NOTFOUND ? NC_OK : err;
}

static int group_read(struct group *group, const uint64_t *positions, size_t count)
{
	group->count = 0;
	nc_buf_clear(&group->rows);
	int err = nc_state_reader_begin(group->reader);
	if (err != NC_OK)
		return err;
	if (group->sight != NULL)
		nc_sight_begin(group->sight, group->reader);
	for (size_t i = 0;
	     i < count && i < GROUP_EVENTS && group->rows.size < GROUP_BYTES && err == NC_OK; i++)
		err = group_add(group, positions[i]);
	nc_state_reader_end(group->reader);
	return err;
}

static int events_read(struct group *group, const uint64_t *positions, size_t count,
                       nc_event_fn *fn, void *ctx)
{
	const struct nc_buf *rows = &group->rows;
	const size_t *ends = group->ends;
	int err = NC_OK;
	for (size_t at = 0, got = 0; at < count && err == NC_OK; at += got) {
		err = group_read(group, positions + at, count - at);
		got = group->count;
		for (size_t i = 0, from = 0; i < got && err == NC_OK; from = ends[i++]) {
			struct nc_event event;
			if (ends[i] == from)
				continue;
			err = nc_event_row_get(positions[at + i],
			                       nc_slice(rows->data + from, ends[i] - from), &event);
			if (err == NC_OK)
				fn(ctx, &event);
		}
	}
	nc_buf_release(&group->rows);
	return err;
}

int nc_query_events(struct nc_state_reader *reader, const uint64_t *positions, size_t count,
                    nc_event_fn *fn, void *ctx)
{
	struct nc_sight sight = { 0 };
	struct group group = { .reader = reader, .sight = &sight };
	int err = events_read(&group, positions, count, fn, ctx);
	nc_sight_release(&sight);
	return err;
}

int nc_query_events_all(struct nc_state_reader *reader, const uint64_t *positions, size_t count,
                        nc_event_fn *fn, void *ctx)
{
	struct group group = { .reader = reader };
	return events_read(&group, positions, count, fn, ctx);
}

int nc_query_head(struct nc_state_reader *reader, struct nc_engine_head *head_out)
{
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = nc_engine_head_read(reader, head_out);
	nc_state_reader_end(reader);
	return err;
}
