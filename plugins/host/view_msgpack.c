/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From MessagePack to a view. It must be one value, with nothing behind it; texts must be UTF-8. */
#include "core/base/json.h"
#include "plugins/host/view_private.h"

#define DEPTH_MAX NC_JSON_DEPTH_MAX

/* What a byte of the format says (github.com/msgpack/msgpack, spec.md). */
struct head {
	uint32_t kind; /* NACRE_FILTER_...; 0: no such format */
	uint64_t size; /* of a string or bytes; items of an array, pairs of an object */
	struct nc_decimal number;
};

/* A container whose items are still to come. */
struct level {
	uint64_t items; /* keys and values are one each */
	bool object;
};

static uint64_t big_endian(struct nc_reader *reader, unsigned size)
{
	struct nc_slice raw = nc_reader_take(reader, size);
	uint64_t value = 0;
	for (size_t i = 0; i < raw.size; i++)
		value = value << 8 | raw.data[i];
	return value;
}

static struct nc_decimal read_float(struct nc_reader *reader, unsigned size)
{
	uint64_t bits = big_endian(reader, size);
	if (size == 8) {
		double value;
		memcpy(&value, &bits, sizeof value);
		return nc_decimal_from_f64(value);
	}
	uint32_t bits32 = (uint32_t)bits;
	float value;
	memcpy(&value, &bits32, sizeof value);
	return nc_decimal_from_f64((double)value);
}

/* Two's complement of 1, 2, 4 or 8 bytes. */
static struct nc_decimal read_signed(struct nc_reader *reader, unsigned size)
{
	uint64_t value = big_endian(reader, size);
	uint64_t sign = 1ull << (size * 8 - 1);
	return nc_decimal_from_i64((int64_t)((value ^ sign) - sign));
}

/* 0xca to 0xd3: floats, unsigned, signed. */
static struct nc_decimal read_number(struct nc_reader *reader, uint8_t byte)
{
	if (byte <= 0xcb)
		return read_float(reader, byte == 0xca ? 4 : 8);
	if (byte <= 0xcf)
		return nc_decimal_from_u64(big_endian(reader, 1u << (byte - 0xcc)));
	return read_signed(reader, 1u << (byte - 0xd0));
}

/* 0xc4 to 0xc9, bin and ext; 0xd4 to 0xd8, fixext. An ext's type byte is counted. */
static uint64_t read_bytes_size(struct nc_reader *reader, uint8_t byte)
{
	if (byte <= 0xc6)
		return big_endian(reader, 1u << (byte - 0xc4));
	if (byte <= 0xc9)
		return big_endian(reader, 1u << (byte - 0xc7)) + 1;
	return (UINT64_C(1) << (byte - 0xd4)) + 1;
}

static void head_long(struct nc_reader *reader, uint8_t byte, struct head *head)
{
	static const uint8_t widths[] = { 1, 2, 4, 2, 4, 2, 4 }; /* from 0xd9: str, array, map */
	static const uint32_t constants[] = { NACRE_FILTER_NULL, 0, NACRE_FILTER_FALSE,
		                              NACRE_FILTER_TRUE }; /* from 0xc0; c1 is never used */
	if (byte <= 0xc3) {
		head->kind = constants[byte - 0xc0];
	} else if (byte >= 0xca && byte <= 0xd3) {
		head->kind = NACRE_FILTER_NUMBER;
		head->number = read_number(reader, byte);
	} else if (byte <= 0xd8) {
		head->kind = NACRE_FILTER_BYTES;
		head->size = read_bytes_size(reader, byte);
	} else {
		head->kind = byte <= 0xdb   ? NACRE_FILTER_STRING
		             : byte <= 0xdd ? NACRE_FILTER_ARRAY
		                            : NACRE_FILTER_OBJECT;
		head->size = big_endian(reader, widths[byte - 0xd9]);
	}
}

static struct head head_read(struct nc_reader *reader)
{
	struct head head = { 0 };
	uint8_t byte = nc_reader_u8(reader);
	if (reader->failed)
		return head;
	if (byte < 0x80 || byte >= 0xe0) {
		head.kind = NACRE_FILTER_NUMBER;
		head.number = nc_decimal_from_i64(byte < 0x80 ? byte : (int64_t)byte - 256);
	} else if (byte < 0x90) {
		head.kind = NACRE_FILTER_OBJECT;
		head.size = byte & 0x0f;
	} else if (byte < 0xa0) {
		head.kind = NACRE_FILTER_ARRAY;
		head.size = byte & 0x0f;
	} else if (byte < 0xc0) {
		head.kind = NACRE_FILTER_STRING;
		head.size = byte & 0x1f;
	} else {
		head_long(reader, byte, &head);
	}
	if (reader->failed)
		head.kind = 0;
	return head;
}

/* Take a value that is no container, whose head has been read. False if it is malformed, too. */
static bool scalar(struct nc_view_work *work, struct nc_reader *reader, const struct head *head,
                   const uint8_t *begin)
{
	struct nc_slice text = nc_slice(NULL, 0);
	if (head->kind == NACRE_FILTER_STRING || head->kind == NACRE_FILTER_BYTES)
		text = nc_reader_take(reader, head->size);
	if (reader->failed || (head->kind == NACRE_FILTER_STRING && !nc_utf8_valid(text)))
		return false;
	struct nc_slice raw = nc_slice(begin, (size_t)(reader->at - begin));
	return nc_view_leaf(work, head->kind, raw, text, &head->number);
}

static bool key(struct nc_view_work *work, struct nc_reader *reader)
{
	struct head head = head_read(reader);
	if (head.kind != NACRE_FILTER_STRING)
		return false;
	struct nc_slice text = nc_reader_take(reader, head.size);
	return !reader->failed && nc_utf8_valid(text) && nc_view_key(work, text);
}

/* Take the head of a value, and all of it if it holds no others. */
static bool value(struct nc_view_work *work, struct nc_reader *reader, struct level *levels,
                  size_t *depth)
{
	const uint8_t *begin = reader->at;
	struct head head = head_read(reader);
	if (head.kind == 0)
		return false;
	if (head.kind != NACRE_FILTER_ARRAY && head.kind != NACRE_FILTER_OBJECT)
		return scalar(work, reader, &head, begin);
	if (*depth == DEPTH_MAX) {
		work->state = NACRE_FILTER_VIEW_TOO_LARGE;
		return false;
	}
	bool object = head.kind == NACRE_FILTER_OBJECT;
	levels[(*depth)++] = (struct level){ head.size * (object ? 2 : 1), object };
	return nc_view_open(work, !object, (size_t)(begin - work->source.data));
}

static bool everything(struct nc_view_work *work, struct nc_reader *reader)
{
	struct level levels[DEPTH_MAX];
	size_t depth = 0;
	if (!value(work, reader, levels, &depth))
		return false;
	while (depth > 0) {
		struct level *level = &levels[depth - 1];
		if (level->items == 0) {
			depth--;
			if (!nc_view_close(work, (size_t)(reader->at - work->source.data)))
				return false;
			continue;
		}
		level->items--;
		bool is_key = level->object && level->items % 2 == 1;
		if (!(is_key ? key(work, reader) : value(work, reader, levels, &depth)))
			return false;
	}
	return nc_reader_left(reader) == 0;
}

const nacre_filter_view *nc_view_msgpack(struct nc_view_builder *builder, struct nc_arena *arena,
                                         struct nc_slice data)
{
	struct nc_view_work work;
	nc_view_begin(&work, builder, arena, data);
	struct nc_reader reader = nc_reader(data);
	int32_t state = NACRE_FILTER_VIEW_MSGPACK;
	if (!everything(&work, &reader))
		state = work.state < 0 ? work.state : NACRE_FILTER_VIEW_MALFORMED;
	return nc_view_end(&work, state);
}
