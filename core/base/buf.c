/* SPDX-License-Identifier: Apache-2.0 */
/* Growing bytes, and bounded reading of them. */
#include "core/base/buf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/digits.h"

void nc_buf_init(struct nc_buf *buf)
{
	*buf = (struct nc_buf){ 0 };
}

void nc_buf_release(struct nc_buf *buf)
{
	free(buf->data);
	nc_buf_init(buf);
}

void nc_buf_clear(struct nc_buf *buf)
{
	buf->size = 0;
	buf->failed = false;
}

int nc_buf_status(const struct nc_buf *buf)
{
	return buf->failed ? NC_NOMEM : NC_OK;
}

uint8_t *nc_buf_grow(struct nc_buf *buf, size_t size)
{
	if (buf->failed)
		return NULL;
	nc_assert(size <= SIZE_MAX / 4 && buf->size <= SIZE_MAX / 4);
	size_t want = buf->size + size;
	if (want > buf->capacity) {
		size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
		while (capacity < want)
			capacity *= 2;
		uint8_t *data = realloc(buf->data, capacity);
		if (data == NULL) {
			buf->failed = true;
			return NULL;
		}
		buf->data = data;
		buf->capacity = capacity;
	}
	uint8_t *room = buf->data + buf->size;
	buf->size = want;
	return room;
}

void nc_buf_put_u16(struct nc_buf *buf, uint16_t value)
{
	uint8_t *room = nc_buf_extend(buf, 2);
	if (room != NULL)
		nc_set_u16(room, value);
}

void nc_buf_put_u32(struct nc_buf *buf, uint32_t value)
{
	uint8_t *room = nc_buf_extend(buf, 4);
	if (room != NULL)
		nc_set_u32(room, value);
}

void nc_buf_put_u64(struct nc_buf *buf, uint64_t value)
{
	uint8_t *room = nc_buf_extend(buf, 8);
	if (room != NULL)
		nc_set_u64(room, value);
}

void nc_buf_put_varint_long(struct nc_buf *buf, uint64_t value)
{
	enum { MOST = 10 }; /* bytes */
	uint8_t *room = nc_buf_extend(buf, MOST);
	if (room == NULL)
		return;
	uint8_t *at = room;
	for (; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(value | 0x80);
	*at++ = (uint8_t)value;
	buf->size -= MOST - (size_t)(at - room);
}

void nc_buf_put_hex(struct nc_buf *buf, const uint8_t *bytes, size_t size)
{
	char *room = (char *)nc_buf_extend(buf, 2 * size);
	if (room != NULL)
		nc_digits_hex_bytes(room, bytes, size);
}

void nc_buf_put_decimal(struct nc_buf *buf, uint64_t value)
{
	uint8_t *room = nc_buf_extend(buf, NC_DIGITS_MAX);
	if (room != NULL)
		buf->size -= NC_DIGITS_MAX - nc_digits_decimal((char *)room, value);
}

void nc_buf_printf(struct nc_buf *buf, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	nc_assert(size >= 0);
	/* One byte more for the NUL that vsnprintf writes, taken back at once. */
	uint8_t *room = nc_buf_extend(buf, (size_t)size + 1);
	if (room == NULL)
		return;
	va_start(args, format);
	(void)vsnprintf((char *)room, (size_t)size + 1, format, args);
	va_end(args);
	buf->size--;
}

uint64_t nc_reader_varint_long(struct nc_reader *reader)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = nc_reader_u8(reader);
		if (reader->failed)
			return 0;
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			if (byte == 0 && shift > 0)
				break; /* overlong */
			return value;
		}
	}
	reader->failed = true;
	return 0;
}
