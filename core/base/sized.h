/* SPDX-License-Identifier: Apache-2.0 */
/* sized.h -- bytes with their size before them, a varint. */
#ifndef NC_CORE_BASE_SIZED_H
#define NC_CORE_BASE_SIZED_H

#include "core/base/buf.h"

static inline void nc_sized_put(struct nc_buf *buf, struct nc_slice slice)
{
	nc_buf_put_varint(buf, slice.size);
	nc_buf_put_slice(buf, slice);
}

/* A slice of what is read; empty where the reader fails. */
static inline struct nc_slice nc_sized_get(struct nc_reader *reader)
{
	uint64_t size = nc_reader_varint(reader);
	if (size > nc_reader_left(reader))
		reader->failed = true;
	return reader->failed ? nc_slice(NULL, 0) : nc_reader_take(reader, (size_t)size);
}

#endif
