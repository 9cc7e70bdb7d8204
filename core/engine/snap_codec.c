/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots to bytes and back: records, keys, rows. */
#include "core/base/assert.h"
#include "core/base/crc32c.h"
#include "core/engine/packed_private.h"
#include "core/engine/snap_private.h"

#define RECORD_FORMAT  1
#define HEAD_FORMAT    1
#define SUMMARY_FORMAT 1
#define CRC_SIZE       4

/* ---- Records -------------------------------------------------------------------------------- */

void nc_snap_record_put(struct nc_buf *buf, const struct nc_snap *snap)
{
	nc_assert(snap->stream.size > 0 && snap->version > 0 && snap->data.size > 0);
	size_t start = buf->size;
	nc_buf_put_u32(buf, 0); /* the CRC, below */
	nc_buf_put_u8(buf, RECORD_FORMAT);
	nc_buf_put_varint(buf, snap->version);
	nc_sized_put(buf, snap->stream);
	nc_sized_put(buf, snap->content_type);
	nc_sized_put(buf, snap->meta);
	nc_buf_put_slice(buf, snap->data);
	if (nc_buf_status(buf) != NC_OK)
		return;
	uint8_t *record = buf->data + start;
	nc_set_u32(record, nc_crc32c(0, record + CRC_SIZE, buf->size - start - CRC_SIZE));
}

int nc_snap_record_get(struct nc_slice record, struct nc_snap *snap_out)
{
	if (record.size <= CRC_SIZE ||
	    nc_crc32c(0, record.data + CRC_SIZE, record.size - CRC_SIZE) != nc_get_u32(record.data))
		return NC_CORRUPT;
	struct nc_reader reader = nc_reader(nc_slice_from(record, CRC_SIZE));
	if (nc_reader_u8(&reader) != RECORD_FORMAT)
		return NC_UNSUPPORTED;
	struct nc_snap snap = { .version = nc_reader_varint(&reader) };
	snap.stream = nc_sized_get(&reader);
	snap.content_type = nc_sized_get(&reader);
	snap.meta = nc_sized_get(&reader);
	snap.data = nc_slice(reader.at, nc_reader_left(&reader));
	if (reader.failed || snap.version == 0 || snap.stream.size == 0 || snap.data.size == 0 ||
	    snap.stream.size > NC_NAME_SIZE_MAX || !nc_event_meta_well_formed(snap.meta))
		return NC_CORRUPT;
	*snap_out = snap;
	return NC_OK;
}

/* ---- Keys ----------------------------------------------------------------------------------- */

struct nc_slice nc_snap_summary_key(struct nc_slice stream, uint8_t room[NC_SNAP_KEY_ROOM])
{
	nc_assert(stream.size <= NC_NAME_SIZE_MAX);
	room[0] = NC_SNAP_ROW_SUMMARY;
	if (stream.size > 0)
		memcpy(room + 1, stream.data, stream.size);
	return nc_slice(room, stream.size + 1);
}

struct nc_slice nc_snap_key(enum nc_snap_row kind, struct nc_slice stream, uint64_t version,
                            uint8_t room[NC_SNAP_KEY_ROOM])
{
	size_t size = nc_snap_summary_key(stream, room).size;
	room[0] = (uint8_t)kind;
	room[size] = 0; /* no name has a NUL, so the rows of streams do not mix */
	nc_set_be64(room + size + 1, version);
	return nc_slice(room, size + 9);
}

bool nc_snap_head_key_get(struct nc_slice key, struct nc_slice *stream_out, uint64_t *version_out)
{
	if (key.size < 11 || key.data[0] != NC_SNAP_ROW_HEAD || key.data[key.size - 9] != 0)
		return false;
	*stream_out = nc_slice(key.data + 1, key.size - 10);
	*version_out = nc_get_be64(key.data + key.size - 8);
	return true;
}

/* ---- Rows ----------------------------------------------------------------------------------- */

void nc_snap_head_put(struct nc_buf *buf, const struct nc_snap_head *head)
{
	nc_buf_put_u8(buf, HEAD_FORMAT);
	nc_buf_put_u64(buf, head->time_ns);
	nc_buf_put_varint(buf, head->size);
	nc_sized_put(buf, head->content_type);
}

int nc_snap_head_get(struct nc_slice value, struct nc_snap_head *head_out)
{
	struct nc_reader reader = nc_reader(value);
	uint8_t format = nc_reader_u8(&reader);
	if (!reader.failed && format != HEAD_FORMAT)
		return NC_UNSUPPORTED;
	struct nc_snap_head head = { .time_ns = nc_reader_u64(&reader) };
	head.size = nc_reader_varint(&reader);
	head.content_type = nc_sized_get(&reader);
	if (reader.failed || nc_reader_left(&reader) != 0)
		return NC_CORRUPT;
	*head_out = head;
	return NC_OK;
}

int nc_snap_summary_put(struct nc_state *state, struct nc_slice stream, struct nc_buf *scratch,
                        const struct nc_snap_summary *summary)
{
	uint8_t room[NC_SNAP_KEY_ROOM];
	struct nc_slice key = nc_snap_summary_key(stream, room);
	if (summary->count == 0 && summary->floor == 0)
		return nc_state_del(state, NC_SPACE_SNAPSHOTS, key);
	nc_buf_clear(scratch);
	nc_buf_put_u8(scratch, SUMMARY_FORMAT);
	nc_buf_put_varint(scratch, summary->count);
	nc_buf_put_varint(scratch, summary->bytes);
	nc_buf_put_varint(scratch, summary->oldest);
	nc_buf_put_varint(scratch, summary->newest);
	nc_buf_put_u64(scratch, summary->born_ns);
	nc_buf_put_varint(scratch, summary->floor);
	int err = nc_buf_status(scratch);
	return err != NC_OK ? err
	                    : nc_state_put(state, NC_SPACE_SNAPSHOTS, key, nc_buf_slice(scratch));
}

int nc_snap_summary_decode(struct nc_slice value, struct nc_snap_summary *summary_out)
{
	struct nc_reader reader = nc_reader(value);
	uint8_t format = nc_reader_u8(&reader);
	if (!reader.failed && format != SUMMARY_FORMAT)
		return NC_UNSUPPORTED;
	struct nc_snap_summary summary = { .count = nc_reader_varint(&reader) };
	summary.bytes = nc_reader_varint(&reader);
	summary.oldest = nc_reader_varint(&reader);
	summary.newest = nc_reader_varint(&reader);
	summary.born_ns = nc_reader_u64(&reader);
	summary.floor = nc_reader_varint(&reader);
	if (reader.failed || nc_reader_left(&reader) != 0 ||
	    (summary.count == 0 && summary.floor == 0))
		return NC_CORRUPT;
	*summary_out = summary;
	return NC_OK;
}

int nc_snap_summary_get(struct nc_state_reader *reader, struct nc_slice stream,
                        struct nc_buf *scratch, struct nc_snap_summary *summary_out)
{
	uint8_t room[NC_SNAP_KEY_ROOM];
	nc_buf_clear(scratch);
	int err = nc_state_get(reader, NC_SPACE_SNAPSHOTS, nc_snap_summary_key(stream, room),
	                       scratch);
	return err == NC_OK ? nc_snap_summary_decode(nc_buf_slice(scratch), summary_out) : err;
}
