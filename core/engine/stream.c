/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of streams, and ids of names. */
#include "core/engine/stream.h"

#include "core/base/assert.h"

#define STREAM_FORMAT         1
#define STREAM_FORMAT_LIMITED 2 /* with limits behind */

int nc_stream_read(struct nc_slice bytes, struct nc_stream *stream_out)
{
	struct nc_reader row = nc_reader(bytes);
	uint8_t format = nc_reader_u8(&row);
	if (!row.failed && format != STREAM_FORMAT && format != STREAM_FORMAT_LIMITED)
		return NC_UNSUPPORTED;
	struct nc_stream stream = { 0 };
	uint8_t state = nc_reader_u8(&row);
	stream.id = nc_reader_varint(&row);
	stream.category_id = nc_reader_varint(&row);
	stream.head = nc_reader_varint(&row);
	stream.first = nc_reader_varint(&row);
	stream.created_ns = nc_reader_u64(&row);
	stream.last_ns = nc_reader_u64(&row);
	stream.events = nc_reader_varint(&row);
	stream.bytes = nc_reader_varint(&row);
	if (format == STREAM_FORMAT_LIMITED) {
		stream.limits.count_max = nc_reader_varint(&row);
		stream.limits.age_max_s = nc_reader_varint(&row);
		stream.limits.truncate_before = nc_reader_varint(&row);
	}
	if (row.failed || state < NC_STREAM_LIVE || state > NC_STREAM_TOMBSTONED)
		return NC_CORRUPT;
	stream.state = (enum nc_stream_state)state;
	*stream_out = stream;
	return NC_OK;
}

int nc_stream_get(struct nc_state_reader *reader, struct nc_slice name, struct nc_buf *scratch,
                  struct nc_stream *stream_out)
{
	nc_buf_clear(scratch);
	int err = nc_state_get(reader, NC_SPACE_STREAMS, name, scratch);
	return err == NC_OK ? nc_stream_read(nc_buf_slice(scratch), stream_out) : err;
}

int nc_stream_put(struct nc_state *state, struct nc_slice name, struct nc_buf *scratch,
                  const struct nc_stream *stream)
{
	nc_buf_clear(scratch);
	bool limited = nc_stream_is_limited(stream);
	nc_buf_put_u8(scratch, limited ? STREAM_FORMAT_LIMITED : STREAM_FORMAT);
	nc_buf_put_u8(scratch, (uint8_t)stream->state);
	nc_buf_put_varint(scratch, stream->id);
	nc_buf_put_varint(scratch, stream->category_id);
	nc_buf_put_varint(scratch, stream->head);
	nc_buf_put_varint(scratch, stream->first);
	nc_buf_put_u64(scratch, stream->created_ns);
	nc_buf_put_u64(scratch, stream->last_ns);
	nc_buf_put_varint(scratch, stream->events);
	nc_buf_put_varint(scratch, stream->bytes);
	if (limited) {
		nc_buf_put_varint(scratch, stream->limits.count_max);
		nc_buf_put_varint(scratch, stream->limits.age_max_s);
		nc_buf_put_varint(scratch, stream->limits.truncate_before);
	}
	int err = nc_buf_status(scratch);
	return err != NC_OK ? err
	                    : nc_state_put(state, NC_SPACE_STREAMS, name, nc_buf_slice(scratch));
}

/* The kind and the name, in room of the caller's. */
static struct nc_slice name_key(enum nc_name_kind kind, struct nc_slice name,
                                uint8_t room[NC_STATE_KEY_SIZE_MAX])
{
	nc_assert(name.size < NC_STATE_KEY_SIZE_MAX);
	room[0] = (uint8_t)kind;
	memcpy(room + 1, name.data, name.size);
	return nc_slice(room, name.size + 1);
}

int nc_name_id_get(struct nc_state_reader *reader, enum nc_name_kind kind, struct nc_slice name,
                   struct nc_buf *scratch, uint64_t *id_out)
{
	uint8_t room[NC_STATE_KEY_SIZE_MAX];
	nc_buf_clear(scratch);
	int err = nc_state_get(reader, NC_SPACE_NAMES, name_key(kind, name, room), scratch);
	if (err != NC_OK)
		return err;
	if (scratch->size != 8)
		return NC_CORRUPT;
	*id_out = nc_get_u64(scratch->data);
	return NC_OK;
}

int nc_name_id_put(struct nc_state *state, enum nc_name_kind kind, struct nc_slice name,
                   struct nc_buf *scratch, uint64_t id)
{
	uint8_t room[NC_STATE_KEY_SIZE_MAX];
	nc_buf_clear(scratch);
	nc_buf_put_u64(scratch, id);
	int err = nc_buf_status(scratch);
	return err != NC_OK ? err
	                    : nc_state_put(state, NC_SPACE_NAMES, name_key(kind, name, room),
	                                   nc_buf_slice(scratch));
}
