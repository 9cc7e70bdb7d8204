/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events to bytes and back: records, rows, packed lists. */
#include "core/engine/event.h"

#include "core/base/assert.h"
#include "core/base/crc32c.h"
#include "core/base/sha256.h"
#include "core/engine/packed_private.h"

/* A record: crc u32 (of all that follows), format u8, then the fields below. */
#define RECORD_FORMAT 1
#define CRC_SIZE      4
/* A row: crc u32 (of the position and of the head that follows), head size u8 or more ... */
#define ROW_FORMAT    1

/* ---- Packed lists --------------------------------------------------------------------------- */

void nc_event_tag_put(struct nc_buf *tags, struct nc_slice tag)
{
	nc_assert(tag.size > 0 && tag.size <= NC_EVENT_TAG_SIZE_MAX);
	nc_sized_put(tags, tag);
}

void nc_event_meta_put(struct nc_buf *meta, struct nc_slice name, struct nc_slice value)
{
	nc_sized_put(meta, name);
	nc_sized_put(meta, value);
}

bool nc_event_tag_next(struct nc_slice *list, struct nc_slice *tag_out)
{
	if (list->size == 0)
		return false;
	struct nc_reader reader = nc_reader(*list);
	struct nc_slice tag = nc_sized_get(&reader);
	if (!nc_packed_rest(&reader, list))
		return false;
	*tag_out = tag;
	return true;
}

bool nc_event_meta_next(struct nc_slice *list, struct nc_slice *name_out,
                        struct nc_slice *value_out)
{
	if (list->size == 0)
		return false;
	struct nc_reader reader = nc_reader(*list);
	struct nc_slice name = nc_sized_get(&reader);
	struct nc_slice value = nc_sized_get(&reader);
	if (!nc_packed_rest(&reader, list))
		return false;
	*name_out = name;
	*value_out = value;
	return true;
}

static bool tags_well_formed(struct nc_slice tags, size_t *count_out)
{
	struct nc_slice tag;
	size_t count = 0;
	while (tags.size > 0) {
		if (!nc_event_tag_next(&tags, &tag) || tag.size == 0 ||
		    tag.size > NC_EVENT_TAG_SIZE_MAX || ++count > NC_STATE_TAG_COUNT_MAX)
			return false;
	}
	*count_out = count;
	return true;
}

bool nc_event_meta_well_formed(struct nc_slice meta)
{
	struct nc_slice name, value;
	while (meta.size > 0) {
		if (!nc_event_meta_next(&meta, &name, &value))
			return false;
	}
	return true;
}

/* ---- Records -------------------------------------------------------------------------------- */

void nc_event_digest(struct nc_slice type, struct nc_slice data,
                     uint8_t digest_out[NC_EVENT_DIGEST_SIZE])
{
	const struct nc_slice parts[] = { type, nc_slice("", 1), data };
	nc_sha256(parts, 3, digest_out);
}

void nc_event_record_put(struct nc_buf *buf, const struct nc_event *event)
{
	nc_assert(event->stream.size > 0 && event->type.size > 0 && event->data.size > 0);
	nc_assert(event->id.size <= NC_EVENT_ID_SIZE_MAX);

	uint8_t digest[NC_EVENT_DIGEST_SIZE];
	nc_event_digest(event->type, event->data, digest);

	size_t start = buf->size;
	nc_buf_put_u32(buf, 0); /* the CRC, below */
	nc_buf_put_u8(buf, RECORD_FORMAT);
	nc_buf_put(buf, digest, sizeof digest);
	const struct nc_slice fields[] = { event->stream,       event->type, event->id,
		                           event->content_type, event->tags, event->meta,
		                           event->data };
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		nc_buf_put_varint(buf, fields[i].size);
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		nc_buf_put_slice(buf, fields[i]);
	if (nc_buf_status(buf) != NC_OK)
		return;
	uint8_t *record = buf->data + start;
	nc_set_u32(record, nc_crc32c(0, record + CRC_SIZE, buf->size - start - CRC_SIZE));
}

static bool record_holds(struct nc_slice record)
{
	return record.size > CRC_SIZE &&
	       nc_crc32c(0, record.data + CRC_SIZE, record.size - CRC_SIZE) ==
	               nc_get_u32(record.data);
}

static int record_read(struct nc_slice record, struct nc_event *event_out)
{
	struct nc_reader reader = nc_reader(nc_slice_from(record, CRC_SIZE));
	if (nc_reader_u8(&reader) != RECORD_FORMAT)
		return NC_UNSUPPORTED;

	struct nc_event event = { 0 };
	event.digest = nc_reader_take(&reader, NC_EVENT_DIGEST_SIZE).data;
	struct nc_slice *const fields[] = { &event.stream,       &event.type, &event.id,
		                            &event.content_type, &event.tags, &event.meta,
		                            &event.data };
	uint64_t sizes[sizeof fields / sizeof fields[0]];
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		sizes[i] = nc_reader_varint(&reader);
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		if (sizes[i] > nc_reader_left(&reader))
			return NC_CORRUPT;
		*fields[i] = nc_reader_take(&reader, (size_t)sizes[i]);
	}
	if (reader.failed || nc_reader_left(&reader) != 0 || event.stream.size == 0 ||
	    event.type.size == 0 || event.data.size == 0)
		return NC_CORRUPT;
	if (!tags_well_formed(event.tags, &event.tag_count) ||
	    !nc_event_meta_well_formed(event.meta))
		return NC_CORRUPT;
	*event_out = event;
	return NC_OK;
}

int nc_event_record_get(struct nc_slice record, struct nc_event *event_out)
{
	return record_holds(record) ? record_read(record, event_out) : NC_CORRUPT;
}

struct nc_slice nc_event_record_head(const struct nc_event *event)
{
	const uint8_t *record = event->digest - 1 - CRC_SIZE; /* it stands behind the format */
	return nc_slice(record, (size_t)(event->data.data - record));
}

/* ---- Rows ----------------------------------------------------------------------------------- */

void nc_event_row_put(struct nc_buf *buf, uint64_t position, uint64_t time_ns,
                      const struct nc_event_keys *keys, struct nc_slice record)
{
	size_t start = buf->size;
	nc_buf_put_u32(buf, 0); /* the CRC, below */
	nc_buf_put_u8(buf, ROW_FORMAT);
	nc_buf_put_u64(buf, time_ns);
	nc_buf_put_varint(buf, keys->version);
	nc_buf_put_varint(buf, keys->stream_id);
	nc_buf_put_varint(buf, keys->type_id);
	nc_buf_put_varint(buf, keys->category_id);
	nc_buf_put_u8(buf, (uint8_t)keys->tag_count);
	for (size_t i = 0; i < keys->tag_count; i++)
		nc_buf_put_varint(buf, keys->tag_ids[i]);
	size_t head_end = buf->size;
	nc_buf_put_slice(buf, record);
	if (nc_buf_status(buf) != NC_OK)
		return;
	uint8_t place[8];
	nc_set_u64(place, position);
	uint32_t crc = nc_crc32c(0, place, sizeof place);
	uint8_t *row = buf->data + start;
	nc_set_u32(row, nc_crc32c(crc, row + CRC_SIZE, head_end - start - CRC_SIZE));
}

struct row_head {
	uint64_t time_ns;
	struct nc_event_keys keys;
	size_t size; /* bytes before the record */
};

/* The CRC of a row's head covers its position, so that a row that is found in the wrong place is
 * not believed; it is checked where the position is known. */
static int row_head_get(struct nc_slice row, uint64_t *tag_ids, struct row_head *head_out)
{
	struct nc_reader reader = nc_reader(row);
	(void)nc_reader_u32(&reader);
	if (nc_reader_u8(&reader) != ROW_FORMAT)
		return reader.failed ? NC_CORRUPT : NC_UNSUPPORTED;
	struct row_head head = { 0 };
	head.time_ns = nc_reader_u64(&reader);
	head.keys.version = nc_reader_varint(&reader);
	head.keys.stream_id = nc_reader_varint(&reader);
	head.keys.type_id = nc_reader_varint(&reader);
	head.keys.category_id = nc_reader_varint(&reader);
	head.keys.tag_count = nc_reader_u8(&reader);
	if (head.keys.tag_count > NC_STATE_TAG_COUNT_MAX)
		return NC_CORRUPT;
	for (size_t i = 0; i < head.keys.tag_count; i++)
		tag_ids[i] = nc_reader_varint(&reader);
	head.keys.tag_ids = tag_ids;
	if (reader.failed)
		return NC_CORRUPT;
	head.size = row.size - nc_reader_left(&reader);
	*head_out = head;
	return NC_OK;
}

int nc_event_applied_get(struct nc_slice record, uint64_t position, uint64_t version,
                         uint64_t time_ns, struct nc_event *event_out)
{
	int err = record_read(record, event_out);
	if (err != NC_OK)
		return err;
	event_out->position = position;
	event_out->version = version;
	event_out->time_ns = time_ns;
	if (event_out->id.size == 0) {
		nc_event_id_make(time_ns, position, event_out->made_id);
		event_out->id = nc_slice(event_out->made_id, NC_EVENT_ID_MADE_SIZE);
	}
	return NC_OK;
}

int nc_event_placed_get(struct nc_slice record, uint64_t position, uint64_t version,
                        uint64_t time_ns, struct nc_event *event_out)
{
	return record_holds(record)
	               ? nc_event_applied_get(record, position, version, time_ns, event_out)
	               : NC_CORRUPT;
}

/* The head of the row at `position`, which must be its own. */
static int row_head_at(uint64_t position, struct nc_slice row, uint64_t *tag_ids,
                       struct row_head *head_out)
{
	int err = row_head_get(row, tag_ids, head_out);
	if (err != NC_OK)
		return err;
	uint8_t place[8];
	nc_set_u64(place, position);
	uint32_t crc = nc_crc32c(0, place, sizeof place);
	bool holds = nc_crc32c(crc, row.data + CRC_SIZE, head_out->size - CRC_SIZE) ==
	             nc_get_u32(row.data);
	return holds ? NC_OK : NC_CORRUPT;
}

int nc_event_row_place(uint64_t position, struct nc_slice row, struct nc_event_place *place_out)
{
	uint64_t tag_ids[NC_STATE_TAG_COUNT_MAX];
	struct row_head head;
	int err = row_head_at(position, row, tag_ids, &head);
	if (err == NC_OK) {
		*place_out = (struct nc_event_place){ head.keys.stream_id, head.keys.version,
			                              head.time_ns };
	}
	return err;
}

int nc_event_row_get(uint64_t position, struct nc_slice row, struct nc_event *event_out)
{
	uint64_t tag_ids[NC_STATE_TAG_COUNT_MAX];
	struct row_head head;
	int err = row_head_at(position, row, tag_ids, &head);
	if (err != NC_OK)
		return err;
	return nc_event_placed_get(nc_slice_from(row, head.size), position, head.keys.version,
	                           head.time_ns, event_out);
}

int nc_event_row_keys(struct nc_slice row, uint64_t *tag_ids, struct nc_event_keys *keys_out)
{
	struct row_head head;
	int err = row_head_get(row, tag_ids, &head);
	if (err != NC_OK)
		return err;
	struct nc_event event;
	err = nc_event_record_get(nc_slice_from(row, head.size), &event);
	if (err != NC_OK)
		return err;
	head.keys.id = event.id;
	memcpy(head.keys.digest, event.digest, NC_DIGEST_SIZE);
	*keys_out = head.keys;
	return NC_OK;
}
