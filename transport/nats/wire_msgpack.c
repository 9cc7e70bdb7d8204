/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tokens of a body in MessagePack, every length checked. */
#include "transport/nats/wire_private.h"

/* What the first byte of an item says, and the bytes of length or number behind it. */
struct item {
	enum nc_wire_type type;
	uint64_t count;  /* of a container: tokens within, keys counted */
	uint64_t size;   /* of payload behind the head */
	uint64_t number; /* of NC_WIRE_NUMBER */
};

static int fail(struct nc_wire *wire, size_t offset, const char *expected)
{
	wire->offset = offset;
	wire->expected = expected;
	return NC_INVALID;
}

static bool take(struct nc_wire *wire, size_t size, struct nc_slice *bytes_out)
{
	if (size > wire->body.size - wire->at)
		return false;
	*bytes_out = nc_slice(wire->body.data + wire->at, size);
	wire->at += size;
	return true;
}

static bool number_take(struct nc_wire *wire, size_t width, uint64_t *number_out)
{
	struct nc_slice bytes;
	if (!take(wire, width, &bytes))
		return false;
	uint64_t number = 0;
	for (size_t i = 0; i < width; i++)
		number = number << 8 | bytes.data[i];
	*number_out = number;
	return true;
}

/* A map or an array of `count` pairs or elements. */
static struct item container(enum nc_wire_type type, uint64_t count)
{
	return (struct item){ .type = type, .count = type == NC_WIRE_MAP ? count * 2 : count };
}

/* What follows a first byte from 0xc0 to 0xdf: a number of `width` bytes, which is the value, or
 * says how many bytes or elements there are; and `fixed` bytes more. */
struct form {
	enum nc_wire_type type;
	unsigned width, fixed;
};

#define NEVER_USED 0xc1

static struct form form_of(uint8_t first)
{
	if (first <= 0xc3) /* nil, false, true */
		return (struct form){ NC_WIRE_OTHER, 0, 0 };
	if (first <= 0xc6)
		return (struct form){ NC_WIRE_BIN, 1u << (first - 0xc4), 0 };
	if (first <= 0xc9) /* ext, with a byte for its type */
		return (struct form){ NC_WIRE_OTHER, 1u << (first - 0xc7), 1 };
	if (first <= 0xcb) /* float */
		return (struct form){ NC_WIRE_OTHER, 0, 4u << (first - 0xca) };
	if (first <= 0xcf)
		return (struct form){ NC_WIRE_NUMBER, 1u << (first - 0xcc), 0 };
	if (first <= 0xd3) /* signed */
		return (struct form){ NC_WIRE_OTHER, 0, 1u << (first - 0xd0) };
	if (first <= 0xd8) /* fixext, with a byte for its type */
		return (struct form){ NC_WIRE_OTHER, 0, 1 + (1u << (first - 0xd4)) };
	if (first <= 0xdb)
		return (struct form){ NC_WIRE_TEXT, 1u << (first - 0xd9), 0 };
	if (first <= 0xdd)
		return (struct form){ NC_WIRE_ARRAY, 2u << (first - 0xdc), 0 };
	return (struct form){ NC_WIRE_MAP, 2u << (first - 0xde), 0 };
}

/* A signed number that is not negative is a number like others. */
static bool is_signed_from_0(const struct nc_wire *wire, uint8_t first)
{
	return first >= 0xd0 && first <= 0xd3 && wire->at < wire->body.size &&
	       wire->body.data[wire->at] < 0x80;
}

/* An item whose first byte is from 0xc0 to 0xdf. */
static bool long_item_take(struct nc_wire *wire, uint8_t first, struct item *item)
{
	struct form form = form_of(first);
	if (is_signed_from_0(wire, first))
		form = (struct form){ NC_WIRE_NUMBER, form.fixed, 0 };
	uint64_t number = 0;
	if (first == NEVER_USED || !number_take(wire, form.width, &number))
		return false;
	*item = (struct item){ .type = form.type };
	if (form.type == NC_WIRE_MAP || form.type == NC_WIRE_ARRAY) {
		*item = container(form.type, number);
	} else if (form.type == NC_WIRE_NUMBER) {
		item->number = number;
	} else {
		item->size = number + form.fixed;
	}
	return true;
}

static bool item_take(struct nc_wire *wire, struct item *item)
{
	uint64_t first;
	if (!number_take(wire, 1, &first))
		return false;
	if (first <= 0x7f) {
		*item = (struct item){ .type = NC_WIRE_NUMBER, .number = first };
	} else if (first <= 0x8f) {
		*item = container(NC_WIRE_MAP, first & 15);
	} else if (first <= 0x9f) {
		*item = container(NC_WIRE_ARRAY, first & 15);
	} else if (first <= 0xbf) {
		*item = (struct item){ .type = NC_WIRE_TEXT, .size = first & 31 };
	} else if (first <= 0xdf) {
		return long_item_take(wire, (uint8_t)first, item);
	} else {
		*item = (struct item){ .type = NC_WIRE_OTHER }; /* a small negative number */
	}
	return true;
}

/* A container's end, if one is due. */
static bool level_end(struct nc_wire *wire, struct nc_wire_token *token_out)
{
	if (wire->depth == 0 || wire->levels[wire->depth - 1].left > 0)
		return false;
	bool map = wire->levels[--wire->depth].map;
	*token_out = (struct nc_wire_token){ .type = map ? NC_WIRE_MAP_END : NC_WIRE_ARRAY_END };
	return true;
}

/* Whether the next token is a key; it is counted. */
static bool level_count(struct nc_wire *wire)
{
	if (wire->depth == 0)
		return false;
	struct nc_wire_level *level = &wire->levels[wire->depth - 1];
	bool key = level->map && level->left % 2 == 0;
	level->left--;
	return key;
}

/* A map or an array begins; false: too deep. */
static bool level_begin(struct nc_wire *wire, const struct item *item)
{
	if (wire->depth == NC_WIRE_DEPTH_MAX)
		return false;
	wire->levels[wire->depth++] =
	        (struct nc_wire_level){ item->count, item->type == NC_WIRE_MAP };
	return true;
}

int nc_wire_msgpack_next(struct nc_wire *wire, struct nc_wire_token *token_out)
{
	struct nc_wire_token token = { .type = NC_WIRE_END };
	struct item item;
	if (level_end(wire, token_out))
		return NC_OK;
	if (wire->begun && wire->depth == 0) {
		if (wire->at < wire->body.size)
			return fail(wire, wire->at, "the end");
		*token_out = token;
		return NC_OK;
	}
	wire->begun = true;
	wire->start = wire->at;
	bool key = level_count(wire);
	if (!item_take(wire, &item) || item.size > wire->body.size - wire->at)
		return fail(wire, wire->start, "a whole MessagePack value");
	(void)take(wire, (size_t)item.size, &token.bytes);
	token.type = item.type;
	token.number = item.number;
	if (item.type == NC_WIRE_TEXT && !nc_utf8_valid(token.bytes))
		return fail(wire, wire->start, "UTF-8");
	if (key && item.type != NC_WIRE_TEXT)
		return fail(wire, wire->start, "a string as key");
	if (key)
		token.type = NC_WIRE_KEY;
	bool nested = item.type == NC_WIRE_MAP || item.type == NC_WIRE_ARRAY;
	if (nested && !level_begin(wire, &item))
		return fail(wire, wire->start, "fewer levels");
	*token_out = token;
	return NC_OK;
}

int nc_wire_msgpack_value(struct nc_wire *wire, const struct nc_wire_token *token,
                          struct nc_slice *raw_out)
{
	size_t start = wire->start;
	if (token->type == NC_WIRE_MAP || token->type == NC_WIRE_ARRAY) {
		uint64_t left = wire->levels[--wire->depth].left;
		while (left > 0) {
			struct item item;
			size_t at = wire->at;
			struct nc_slice payload;
			if (!item_take(wire, &item) || item.size > wire->body.size - wire->at ||
			    item.count > wire->body.size - wire->at)
				return fail(wire, at, "a whole MessagePack value");
			(void)take(wire, (size_t)item.size, &payload);
			left += item.count; /* each counted one has a byte at least: it ends */
			left--;
		}
	}
	*raw_out = nc_slice(wire->body.data + start, wire->at - start);
	return NC_OK;
}
