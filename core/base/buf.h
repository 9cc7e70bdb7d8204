/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h -- growing bytes that somebody owns, and little-endian numbers in them.
 *
 * Life:   `= {0}` or nc_buf_init() makes an empty one; nc_buf_release() frees and empties it.
 *         nc_buf_clear() keeps the memory for the next use.
 * Errors: an append that cannot allocate sets `failed` and changes nothing, and so does every
 *         later one: write the whole thing, then ask once with nc_buf_status().
 */
#ifndef NC_CORE_BASE_BUF_H
#define NC_CORE_BASE_BUF_H

#include "core/base/err.h"
#include "core/base/slice.h"

struct nc_buf {
	uint8_t *data;
	size_t size;     /* bytes in use */
	size_t capacity; /* bytes owned */
	bool failed;     /* an allocation failed since the last clear */
};

void nc_buf_init(struct nc_buf *buf);
void nc_buf_release(struct nc_buf *buf);
void nc_buf_clear(struct nc_buf *buf);

/* NC_OK, or NC_NOMEM when an append since the last clear failed. */
int nc_buf_status(const struct nc_buf *buf);

/* nc_buf_extend() where there is no room yet. */
uint8_t *nc_buf_grow(struct nc_buf *buf, size_t size);

/* Room for `size` bytes more, already counted in buf->size, contents undefined; NULL when out of
 * memory. Inline, as are the appends of single bytes and strings: a tenth of what an append costs.
 */
static inline uint8_t *nc_buf_extend(struct nc_buf *buf, size_t size)
{
	if (buf->failed || size > buf->capacity - buf->size)
		return nc_buf_grow(buf, size);
	uint8_t *room = buf->data + buf->size;
	buf->size += size;
	return room;
}

static inline void nc_buf_put(struct nc_buf *buf, const void *data, size_t size)
{
	uint8_t *room = size == 0 ? NULL : nc_buf_extend(buf, size);
	if (room != NULL)
		memcpy(room, data, size);
}

static inline void nc_buf_put_slice(struct nc_buf *buf, struct nc_slice slice)
{
	nc_buf_put(buf, slice.data, slice.size);
}

/* What another has. If an append to that failed, this one has failed too: half of it is nothing. */
static inline void nc_buf_put_buf(struct nc_buf *buf, const struct nc_buf *other)
{
	buf->failed = buf->failed || other->failed;
	nc_buf_put(buf, other->data, other->size);
}

static inline void nc_buf_put_str(struct nc_buf *buf, const char *string)
{
	nc_buf_put(buf, string, strlen(string));
}

static inline void nc_buf_put_u8(struct nc_buf *buf, uint8_t value)
{
	uint8_t *room = nc_buf_extend(buf, 1);
	if (room != NULL)
		*room = value;
}

void nc_buf_put_u16(struct nc_buf *buf, uint16_t value);
void nc_buf_put_u32(struct nc_buf *buf, uint32_t value);
void nc_buf_put_u64(struct nc_buf *buf, uint64_t value);
/* LEB128: 7 bits a byte, low first; 1 to 10 bytes, mostly 1. */
void nc_buf_put_varint_long(struct nc_buf *buf, uint64_t value);
static inline void nc_buf_put_varint(struct nc_buf *buf, uint64_t value)
{
	if (value < 0x80) {
		nc_buf_put_u8(buf, (uint8_t)value);
	} else {
		nc_buf_put_varint_long(buf, value);
	}
}
void nc_buf_put_decimal(struct nc_buf *buf, uint64_t value);
/* In hexadecimal digits, in lower case. */
void nc_buf_put_hex(struct nc_buf *buf, const uint8_t *bytes, size_t size);
__attribute__((format(printf, 2, 3))) void nc_buf_printf(struct nc_buf *buf, const char *format,
                                                         ...);

static inline struct nc_slice nc_buf_slice(const struct nc_buf *buf)
{
	return nc_slice(buf->data, buf->size);
}

/* Little-endian numbers at any alignment. */
static inline uint16_t nc_get_u16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}
static inline uint32_t nc_get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}
static inline uint64_t nc_get_u64(const uint8_t *at)
{
	return (uint64_t)nc_get_u32(at) | (uint64_t)nc_get_u32(at + 4) << 32;
}
static inline void nc_set_u16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}
static inline void nc_set_u32(uint8_t *at, uint32_t value)
{
	nc_set_u16(at, (uint16_t)value);
	nc_set_u16(at + 2, (uint16_t)(value >> 16));
}
static inline void nc_set_u64(uint8_t *at, uint64_t value)
{
	nc_set_u32(at, (uint32_t)value);
	nc_set_u32(at + 4, (uint32_t)(value >> 32));
}
/* Big-endian, for keys that must sort by number. */
static inline uint64_t nc_get_be64(const uint8_t *at)
{
	uint64_t value = 0;
	for (int i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return value;
}
static inline void nc_set_be64(uint8_t *at, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		at[i] = (uint8_t)value;
}

/* Reading with every length checked: past the end a getter gives zeros and `failed` stays set. */
struct nc_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

static inline struct nc_reader nc_reader(struct nc_slice slice)
{
	return (struct nc_reader){ slice.data, slice.data == NULL ? NULL : slice.data + slice.size,
		                   false };
}
static inline size_t nc_reader_left(const struct nc_reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

static inline struct nc_slice nc_reader_take(struct nc_reader *reader, size_t size)
{
	if (reader->failed || size > nc_reader_left(reader)) {
		reader->failed = true;
		return nc_slice(NULL, 0);
	}
	struct nc_slice taken = nc_slice(reader->at, size);
	if (size > 0)
		reader->at += size;
	return taken;
}
static inline uint8_t nc_reader_u8(struct nc_reader *reader)
{
	struct nc_slice raw = nc_reader_take(reader, 1);
	return raw.size == 1 ? raw.data[0] : 0;
}
static inline uint16_t nc_reader_u16(struct nc_reader *reader)
{
	struct nc_slice raw = nc_reader_take(reader, 2);
	return raw.size == 2 ? nc_get_u16(raw.data) : 0;
}
static inline uint32_t nc_reader_u32(struct nc_reader *reader)
{
	struct nc_slice raw = nc_reader_take(reader, 4);
	return raw.size == 4 ? nc_get_u32(raw.data) : 0;
}
static inline uint64_t nc_reader_u64(struct nc_reader *reader)
{
	struct nc_slice raw = nc_reader_take(reader, 8);
	return raw.size == 8 ? nc_get_u64(raw.data) : 0;
}

/* Overlong forms and more than 64 bits are failures. Most are one byte. */
uint64_t nc_reader_varint_long(struct nc_reader *reader);
static inline uint64_t nc_reader_varint(struct nc_reader *reader)
{
	bool is_short = !reader->failed && reader->at < reader->end && *reader->at < 0x80;
	return is_short ? *reader->at++ : nc_reader_varint_long(reader);
}

#endif
