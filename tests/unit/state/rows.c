/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/state/rows.h"

void row_write(struct nc_buf *row, const struct nc_event_keys *keys, size_t size)
{
	size_t start = row->size;
	nc_buf_put_u64(row, keys->stream_id);
	nc_buf_put_u64(row, keys->version);
	nc_buf_put_u64(row, keys->type_id);
	nc_buf_put_u64(row, keys->category_id);
	nc_buf_put_u8(row, (uint8_t)keys->tag_count);
	for (size_t i = 0; i < keys->tag_count; i++)
		nc_buf_put_u64(row, keys->tag_ids[i]);
	nc_buf_put(row, keys->digest, NC_DIGEST_SIZE);
	nc_buf_put_u16(row, (uint16_t)keys->id.size);
	nc_buf_put_slice(row, keys->id);
	while (row->size < start + size)
		nc_buf_put_u8(row, (uint8_t)(row->size * 31));
}

int row_keys(struct nc_slice row, uint64_t *tag_ids, struct nc_event_keys *keys_out)
{
	struct nc_reader reader = nc_reader(row);
	struct nc_event_keys keys = { .tag_ids = tag_ids };
	keys.stream_id = nc_reader_u64(&reader);
	keys.version = nc_reader_u64(&reader);
	keys.type_id = nc_reader_u64(&reader);
	keys.category_id = nc_reader_u64(&reader);
	keys.tag_count = nc_reader_u8(&reader);
	if (keys.tag_count > NC_STATE_TAG_COUNT_MAX)
		return NC_CORRUPT;
	for (size_t i = 0; i < keys.tag_count; i++)
		tag_ids[i] = nc_reader_u64(&reader);
	struct nc_slice digest = nc_reader_take(&reader, NC_DIGEST_SIZE);
	if (reader.failed)
		return NC_CORRUPT;
	memcpy(keys.digest, digest.data, NC_DIGEST_SIZE);
	keys.id = nc_reader_take(&reader, nc_reader_u16(&reader));
	if (reader.failed)
		return NC_CORRUPT;
	*keys_out = keys;
	return NC_OK;
}
