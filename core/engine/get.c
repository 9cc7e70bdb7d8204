/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading one event. */
#include "core/engine/engine_private.h"
#include "core/engine/query.h"

struct lowest {
	uint64_t position; /* 0: none */
};

static bool on_row(void *ctx, const struct nc_id_row *row)
{
	struct lowest *lowest = ctx;
	if (lowest->position == 0 || row->position < lowest->position)
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

static int id_locate(struct nc_state_reader *reader, struct nc_slice id, struct nc_buf *scratch,
                     uint64_t *position_out)
{
	struct lowest lowest = { 0 };
	int err = nc_state_ids(reader, id, 0, on_row, &lowest);
	if (err != NC_OK)
		return err;
	uint64_t made;
	if (nc_event_id_position(id, &made) && made > 0 &&
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

static int locate(struct nc_state_reader *reader, const struct nc_get_spec *spec,
                  struct nc_buf *scratch, uint64_t *position_out)
{
	switch (spec->kind) {
	case NC_GET_POSITION:
		*position_out = spec->number;
		return spec->number == 0 ? NC_NOTFOUND : NC_OK;
	case NC_GET_ID:
		return id_locate(reader, spec->id, scratch, position_out);
	default:
		return stream_locate(reader, spec, scratch, position_out);
	}
}

int nc_query_get(struct nc_state_reader *reader, const struct nc_get_spec *spec, nc_event_fn *fn,
                 void *ctx)
{
	struct nc_buf row = { 0 };
	uint64_t position = 0;
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	err = locate(reader, spec, &row, &position);
	if (err == NC_OK) {
		nc_buf_clear(&row);
		err = nc_state_event_get(reader, position, &row);
	}
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
static int group_read(struct nc_state_reader *reader, const uint64_t *positions, size_t count,
                      struct nc_buf *rows, size_t ends[GROUP_EVENTS], size_t *read_out)
{
	size_t i = 0;
	nc_buf_clear(rows);
	int err = nc_state_reader_begin(reader);
	if (err != NC_OK)
		return err;
	for (; i < count && i < GROUP_EVENTS && rows->size < GROUP_BYTES && err == NC_OK; i++) {
		err = nc_state_event_get(reader, positions[i], rows);
		if (err == NC_NOTFOUND)
			err = NC_OK; /* an empty row */
		ends[i] = rows->size;
	}
	nc_state_reader_end(reader);
	*read_out = i;
	return err;
}

int nc_query_events(struct nc_state_reader *reader, const uint64_t *positions, size_t count,
                    nc_event_fn *fn, void *ctx)
{
	struct nc_buf rows = { 0 };
	size_t ends[GROUP_EVENTS], got = 0;
	int err = NC_OK;
	for (size_t at = 0; at < count && err == NC_OK; at += got) {
		err = group_read(reader, positions + at, count - at, &rows, ends, &got);
		for (size_t i = 0, from = 0; i < got && err == NC_OK; from = ends[i++]) {
			struct nc_event event;
			if (ends[i] == from)
				continue;
			err = nc_event_row_get(positions[at + i],
			                       nc_slice(rows.data + from, ends[i] - from), &event);
			if (err == NC_OK)
				fn(ctx, &event);
		}
	}
	nc_buf_release(&rows);
	return err;
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
