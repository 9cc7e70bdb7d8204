/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Large messages in parts. */
#include "transport/peer/parts.h"

#include "core/base/pack.h"

#define PART_FIELDS 5u

void nc_parts_release(struct nc_parts *parts)
{
	nc_buf_release(&parts->whole);
	*parts = (struct nc_parts){ 0 };
}

void nc_part_put(struct nc_buf *buf, uint64_t id, uint8_t kind, uint64_t place, uint64_t count,
                 struct nc_slice bytes)
{
	nc_pack_array(buf, PART_FIELDS);
	nc_pack_uint(buf, id);
	nc_pack_uint(buf, kind);
	nc_pack_uint(buf, place);
	nc_pack_uint(buf, count);
	nc_pack_bin(buf, bytes);
}

/* Memory is kept for the next one, but not much of it. */
static void begin(struct nc_parts *parts, uint64_t id, uint8_t kind, uint64_t count)
{
	if (parts->whole.capacity > (4u << 20))
		nc_buf_release(&parts->whole);
	nc_buf_clear(&parts->whole);
	parts->id = id;
	parts->kind = kind;
	parts->count = count;
	parts->next = 0;
}

int nc_parts_take(struct nc_parts *parts, struct nc_slice part, size_t size_max)
{
	struct nc_reader reader = nc_reader(part);
	size_t fields = nc_unpack_array(&reader);
	uint64_t id = nc_unpack_uint(&reader), kind = nc_unpack_uint(&reader);
	uint64_t place = nc_unpack_uint(&reader), count = nc_unpack_uint(&reader);
	struct nc_slice bytes = nc_unpack_bin(&reader);
	if (reader.failed || nc_reader_left(&reader) > 0 || fields != PART_FIELDS ||
	    kind > UINT8_MAX || count < 2 || place >= count || bytes.size == 0)
		return NC_INVALID;
	if (place == 0)
		begin(parts, id, (uint8_t)kind, count);
	if (parts->count != count || parts->id != id || parts->next != place || parts->kind != kind)
		return NC_NOTFOUND;
	if (parts->whole.size + bytes.size > size_max) {
		parts->count = 0;
		return NC_INVALID;
	}
	nc_buf_put_slice(&parts->whole, bytes);
	if (nc_buf_status(&parts->whole) != NC_OK) {
		parts->count = 0;
		return NC_NOMEM;
	}
	if (++parts->next < count)
		return NC_BUSY;
	parts->count = 0;
	return NC_OK;
}
