/* SPDX-License-Identifier: Apache-2.0 */
/* A part of MessagePack, by its specification. */
#include "core/base/pack.h"

/* ---- Writing -------------------------------------------------------------------------------- */

static void put_tagged(struct nc_buf *buf, uint8_t tag, uint64_t value, unsigned size)
{
	nc_buf_put_u8(buf, tag);
	for (unsigned i = size; i > 0; i--)
		nc_buf_put_u8(buf, (uint8_t)(value >> 8 * (i - 1)));
}

void nc_pack_uint(struct nc_buf *buf, uint64_t value)
{
	if (value < 0x80) {
		nc_buf_put_u8(buf, (uint8_t)value);
	} else if (value <= UINT8_MAX) {
		put_tagged(buf, 0xcc, value, 1);
	} else if (value <= UINT16_MAX) {
		put_tagged(buf, 0xcd, value, 2);
	} else if (value <= UINT32_MAX) {
		put_tagged(buf, 0xce, value, 4);
	} else {
		put_tagged(buf, 0xcf, value, 8);
	}
}

/* The tags of sizes of one, two and four bytes follow one another. */
static void put_size(struct nc_buf *buf, uint8_t tag, size_t size)
{
	if (size <= UINT8_MAX) {
		put_tagged(buf, tag, size, 1);
	} else if (size <= UINT16_MAX) {
		put_tagged(buf, (uint8_t)(tag + 1), size, 2);
	} else {
		put_tagged(buf, (uint8_t)(tag + 2), size, 4);
	}
}

void nc_pack_str(struct nc_buf *buf, struct nc_slice text)
{
	if (text.size < 32) {
		nc_buf_put_u8(buf, (uint8_t)(0xa0 | text.size));
	} else {
		put_size(buf, 0xd9, text.size);
	}
	nc_buf_put_slice(buf, text);
}

void nc_pack_bin(struct nc_buf *buf, struct nc_slice bytes)
{
	put_size(buf, 0xc4, bytes.size);
	nc_buf_put_slice(buf, bytes);
}

void nc_pack_array(struct nc_buf *buf, uint32_t count)
{
	if (count < 16) {
		nc_buf_put_u8(buf, (uint8_t)(0x90 | count));
	} else if (count <= UINT16_MAX) {
		put_tagged(buf, 0xdc, count, 2);
	} else {
		put_tagged(buf, 0xdd, count, 4);
	}
}

void nc_pack_map(struct nc_buf *buf, uint32_t count)
{
	if (count < 16) {
		nc_buf_put_u8(buf, (uint8_t)(0x80 | count));
	} else if (count <= UINT16_MAX) {
		put_tagged(buf, 0xde, count, 2);
	} else {
		put_tagged(buf, 0xdf, count, 4);
	}
}

/* ---- Reading -------------------------------------------------------------------------------- */

static uint64_t get_number(struct nc_reader *reader, unsigned size)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < size; i++)
		value = value << 8 | nc_reader_u8(reader);
	return value;
}

uint64_t nc_unpack_uint(struct nc_reader *reader)
{
	uint8_t tag = nc_reader_u8(reader);
	if (tag < 0x80)
		return tag;
	if (tag >= 0xcc && tag <= 0xcf)
		return get_number(reader, 1u << (tag - 0xcc));
	reader->failed = true;
	return 0;
}

/* A size of 1, 2 or 4 bytes by `tag`, the first of the three tags being `first`; then so many
 * bytes. */
static struct nc_slice get_bytes(struct nc_reader *reader, uint8_t tag, uint8_t first)
{
	if (tag < first || tag > first + 2) {
		reader->failed = true;
		return nc_slice(NULL, 0);
	}
	uint64_t size = get_number(reader, 1u << (tag - first));
	if (reader->failed || size > nc_reader_left(reader)) {
		reader->failed = true;
		return nc_slice(NULL, 0);
	}
	return nc_reader_take(reader, (size_t)size);
}

struct nc_slice nc_unpack_str(struct nc_reader *reader)
{
	uint8_t tag = nc_reader_u8(reader);
	if ((tag & 0xe0) == 0xa0)
		return nc_reader_take(reader, tag & 0x1fu);
	return get_bytes(reader, tag, 0xd9);
}

struct nc_slice nc_unpack_bin(struct nc_reader *reader)
{
	return get_bytes(reader, nc_reader_u8(reader), 0xc4);
}

size_t nc_unpack_array(struct nc_reader *reader)
{
	uint8_t tag = nc_reader_u8(reader);
	uint64_t count = 0;
	if ((tag & 0xf0) == 0x90) {
		count = tag & 0x0fu;
	} else if (tag == 0xdc || tag == 0xdd) {
		count = get_number(reader, tag == 0xdc ? 2 : 4);
	} else {
		reader->failed = true;
	}
	if (count > nc_reader_left(reader))
		reader->failed = true;
	return reader->failed ? 0 : (size_t)count;
}
