/* SPDX-License-Identifier: GPL-3.0-or-later */
/* packed_private.h -- parts that commands and rows share: a floor, and an item of a list. Bytes
 * with their size before them are in core/base/sized.h. */
#ifndef NC_CORE_ENGINE_PACKED_PRIVATE_H
#define NC_CORE_ENGINE_PACKED_PRIVATE_H

#include "core/base/sized.h"
#include "core/engine/floor.h"

static inline void nc_floor_put(struct nc_buf *buf, const struct nc_floor *floor)
{
	nc_buf_put_varint(buf, floor->version);
	nc_buf_put_varint(buf, floor->time_ns);
}

static inline struct nc_floor nc_floor_get(struct nc_reader *reader)
{
	struct nc_floor floor = { 0 };
	floor.version = nc_reader_varint(reader);
	floor.time_ns = nc_reader_varint(reader);
	return floor;
}

/* Take off the front of `list` what `reader` has read of it. False if the reader failed; then
 * `list` stays as it is. */
static inline bool nc_packed_rest(const struct nc_reader *reader, struct nc_slice *list)
{
	if (reader->failed)
		return false;
	*list = nc_slice(reader->at, nc_reader_left(reader));
	return true;
}

#endif
