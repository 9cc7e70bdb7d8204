/* SPDX-License-Identifier: Apache-2.0 */
/* MessagePack, by its first byte. */
#include "transport/client/unpack.h"

static size_t left(const struct nc_unpack *unpack)
{
	return (size_t)(unpack->end - unpack->at);
}

/* A big-endian number of `size` bytes that follows the first byte of a value. */
static bool head(const struct nc_unpack *unpack, size_t size, uint64_t *value_out)
{
	if (left(unpack) < 1 + size)
		return false;
	uint64_t value = 0;
	for (size_t i = 1; i <= size; i++)
		value = value << 8 | unpack->at[i];
	*value_out = value;
	return true;
}

static bool counted(struct nc_unpack *unpack, uint8_t fixed, uint8_t fixed_mask, uint8_t wide,
                    uint32_t *count_out)
{
	uint64_t count;
	size_t size = 0;
	if (left(unpack) < 1)
		return false;
	uint8_t first = *unpack->at;
	if ((first & ~fixed_mask) == fixed) {
		count = first & fixed_mask;
	} else if (first == wide || first == wide + 1) {
		size = first == wide ? 2 : 4;
	} else {
		return false;
	}
	if (size > 0 && !head(unpack, size, &count))
		return false;
	unpack->at += 1 + size;
	*count_out = (uint32_t)count;
	return true;
}

bool nc_unpack_array(struct nc_unpack *unpack, uint32_t *count_out)
{
	return counted(unpack, 0x90, 0x0f, 0xdc, count_out);
}

bool nc_unpack_map(struct nc_unpack *unpack, uint32_t *count_out)
{
	return counted(unpack, 0x80, 0x0f, 0xde, count_out);
}

static bool span(struct nc_unpack *unpack, size_t head_size, uint64_t size,
                 struct nc_slice *bytes_out)
{
	if (left(unpack) - head_size < size)
		return false;
	*bytes_out = nc_slice(unpack->at + head_size, (size_t)size);
	unpack->at += head_size + size;
	return true;
}

bool nc_unpack_text_long(struct nc_unpack *unpack, struct nc_slice *text_out)
{
	uint64_t size;
	if (left(unpack) < 1)
		return false;
	uint8_t first = *unpack->at;
	if ((first & 0xe0) == 0xa0)
		return span(unpack, 1, first & 0x1f, text_out);
	if (first < 0xd9 || first > 0xdb)
		return false;
	size_t width = (size_t)1 << (first - 0xd9);
	return head(unpack, width, &size) && span(unpack, 1 + width, size, text_out);
}

bool nc_unpack_bytes(struct nc_unpack *unpack, struct nc_slice *bytes_out)
{
	uint64_t size;
	if (left(unpack) < 1 || *unpack->at < 0xc4 || *unpack->at > 0xc6)
		return false;
	size_t width = (size_t)1 << (*unpack->at - 0xc4);
	return head(unpack, width, &size) && span(unpack, 1 + width, size, bytes_out);
}

bool nc_unpack_number(struct nc_unpack *unpack, uint64_t *number_out)
{
	size_t width = 0;
	uint64_t number = 0;
	if (left(unpack) < 1)
		return false;
	uint8_t first = *unpack->at;
	if (first < 0x80) {
		number = first;
	} else if (first >= 0xcc && first <= 0xcf) {
		width = (size_t)1 << (first - 0xcc);
	} else {
		return false;
	}
	if (width > 0 && !head(unpack, width, &number))
		return false;
	unpack->at += 1 + width;
	*number_out = number;
	return true;
}

/* How many bytes a value has that holds no others, its first byte included; 0 if it is none. */
static size_t plain_size(uint8_t first)
{
	static const uint8_t floats_and_integers[] = {
		5, 9, 2, 3, 5, 9, 2, 3, 5, 9
	};                                                             /* from 0xca */
	static const uint8_t fixed_extensions[] = { 3, 4, 6, 10, 18 }; /* from 0xd4 */
	if (first < 0x80 || first >= 0xe0 || first == 0xc0 || first == 0xc2 || first == 0xc3)
		return 1;
	if (first >= 0xca && first <= 0xd3)
		return floats_and_integers[first - 0xca];
	return first >= 0xd4 && first <= 0xd8 ? fixed_extensions[first - 0xd4] : 0;
}

static bool skip_plain(struct nc_unpack *unpack)
{
	uint64_t size;
	struct nc_slice bytes;
	uint8_t first = *unpack->at;
	if (nc_unpack_text(unpack, &bytes) || nc_unpack_bytes(unpack, &bytes))
		return true;
	if (first >= 0xc7 && first <= 0xc9) { /* extensions: a length, a kind, bytes */
		size_t width = (size_t)1 << (first - 0xc7);
		return head(unpack, width, &size) && left(unpack) > 1 + width &&
		       span(unpack, 2 + width, size, &bytes);
	}
	size = plain_size(first);
	return size > 0 && left(unpack) >= size && span(unpack, 0, size, &bytes);
}

/* How many values are still to come, at each level of maps and arrays. */
struct levels {
	uint64_t open[NC_UNPACK_DEPTH_MAX];
	size_t depth;
};

/* Count a value that has come. False if it was the last. */
static bool levels_take(struct levels *levels)
{
	while (levels->open[levels->depth] == 0) {
		if (levels->depth-- == 0)
			return false;
	}
	levels->open[levels->depth]--;
	return true;
}

/* Go past one value; past the head only, if it is a map or an array. */
static bool skip_one(struct nc_unpack *at, struct levels *levels)
{
	uint32_t count;
	bool is_map = nc_unpack_map(at, &count);
	if (!is_map && !nc_unpack_array(at, &count))
		return left(at) > 0 && skip_plain(at);
	if (++levels->depth == NC_UNPACK_DEPTH_MAX)
		return false;
	levels->open[levels->depth] = is_map ? (uint64_t)count * 2 : count;
	return true;
}

bool nc_unpack_skip(struct nc_unpack *unpack)
{
	struct nc_unpack at = *unpack;
	struct levels levels = { .open = { 1 } };
	while (levels_take(&levels)) {
		if (!skip_one(&at, &levels))
			return false;
	}
	*unpack = at;
	return true;
}
