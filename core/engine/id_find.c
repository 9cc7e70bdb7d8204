/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finding an event of a stream by its id. */
#include "core/engine/engine_private.h"

struct find {
	struct nc_id_row *row;
	bool found;
};

static bool on_row(void *ctx, const struct nc_id_row *row)
{
	struct find *find = ctx;
	*find->row = *row;
	find->found = true;
	return false;
}

/* By the position that a made id claims. */
static int made_find(struct nc_state_reader *reader, struct nc_slice stream_name,
                     uint64_t stream_id, struct nc_slice id, struct nc_id_row *row_out)
{
	uint64_t position;
	if (!nc_event_id_position(id, &position) || position == 0)
		return NC_NOTFOUND;
	struct nc_buf buf = { 0 };
	struct nc_event event;
	int err = nc_state_event_get(reader, position, &buf);
	if (err == NC_OK)
		err = nc_event_row_get(position, nc_buf_slice(&buf), &event);
	if (err == NC_OK && (!nc_slice_eq(event.id, id) || !nc_slice_eq(event.stream, stream_name)))
		err = NC_NOTFOUND;
	if (err == NC_OK) {
		*row_out = (struct nc_id_row){ .stream_id = stream_id,
			                       .position = position,
			                       .version = event.version };
		memcpy(row_out->digest, event.digest, NC_DIGEST_SIZE);
	}
	nc_buf_release(&buf);
	return err;
}

int nc_engine_id_find(struct nc_state_reader *reader, struct nc_slice stream_name,
                      uint64_t stream_id, struct nc_slice id, struct nc_id_row *row_out)
{
	struct find find = { row_out, false };
	int err = nc_state_ids(reader, id, stream_id, on_row, &find);
	if (err != NC_OK || find.found)
		return err;
	return made_find(reader, stream_name, stream_id, id, row_out);
}
