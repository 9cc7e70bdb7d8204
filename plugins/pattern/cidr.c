/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Internet addresses and blocks of them, as text (RFC 4632, RFC 4291 section 2.2). */
#include "plugins/pattern/matcher.h"

/* A decimal number without leading zeros, at most `max`; -1 if there is none at *at. */
static int decimal(struct nc_slice text, size_t *at, int max)
{
	size_t begin = *at;
	int value = 0;
	while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9') {
		value = value * 10 + (text.data[(*at)++] - '0');
		if (value > max)
			return -1;
	}
	bool leading_zero = *at - begin > 1 && text.data[begin] == '0';
	return *at == begin || leading_zero ? -1 : value;
}

static bool v4_parse(struct nc_slice text, size_t *at, uint8_t out[4])
{
	for (int i = 0; i < 4; i++) {
		if (i > 0 && (*at >= text.size || text.data[(*at)++] != '.'))
			return false;
		int value = decimal(text, at, 255);
		if (value < 0)
			return false;
		out[i] = (uint8_t)value;
	}
	return true;
}

static int hex_digit(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	uint8_t lower = byte | 0x20;
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* One group of an IPv6 address: 1 to 4 digits. */
static bool group_parse(struct nc_slice text, size_t *at, unsigned *value_out)
{
	unsigned value = 0;
	size_t digits = 0;
	for (; *at < text.size && hex_digit(text.data[*at]) >= 0; (*at)++, digits++)
		value = value * 16 + (unsigned)hex_digit(text.data[*at]);
	*value_out = value;
	return digits >= 1 && digits <= 4;
}

static bool starts_at(struct nc_slice text, size_t at, const char *what)
{
	return nc_slice_starts(nc_slice_from(text, at), nc_slice_str(what));
}

/* Whether a ':' comes, and a group behind it. */
static bool group_follows(struct nc_slice text, size_t at)
{
	return at + 1 < text.size && text.data[at] == ':' && hex_digit(text.data[at + 1]) >= 0;
}

/* Read the groups of an IPv6 address; the last two may be written as an IPv4 address. `*gap`
 * becomes how many bytes stand before "::". Returns how many bytes there are, or -1 if it is
 * malformed. */
static int v6_groups(struct nc_slice text, size_t *at, uint8_t out[16], size_t *gap)
{
	size_t count = 0;
	while (count < 16 && *at < text.size && hex_digit(text.data[*at]) >= 0) {
		size_t v4_at = *at;
		if (count <= 12 && v4_parse(text, &v4_at, out + count)) {
			*at = v4_at;
			return (int)count + 4;
		}
		unsigned value;
		if (!group_parse(text, at, &value))
			return -1;
		out[count++] = (uint8_t)(value >> 8);
		out[count++] = (uint8_t)value;
		if (*gap == SIZE_MAX && starts_at(text, *at, "::")) {
			*gap = count;
			*at += 2;
		} else if (count < 16 && group_follows(text, *at)) {
			(*at)++;
		} else {
			break;
		}
	}
	return (int)count;
}

static bool v6_parse(struct nc_slice text, size_t *at, uint8_t out[16])
{
	size_t gap = SIZE_MAX;
	if (starts_at(text, *at, "::")) {
		gap = 0;
		*at += 2;
	}
	int groups = v6_groups(text, at, out, &gap);
	if (groups < 0 || gap == SIZE_MAX)
		return groups == 16;
	size_t count = (size_t)groups;
	if (count > 14)
		return false;
	memmove(out + 16 - (count - gap), out + gap, count - gap);
	memset(out + gap, 0, 16 - count);
	return true;
}

bool nc_cidr_parse(struct nc_slice text, uint8_t address_out[16], uint8_t *bits_out)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	size_t at = 0;
	int base = 0;
	if (text.size > 49) /* "…:255.255.255.255/128" */
		return false;
	if (v4_parse(text, &at, address_out + 12)) {
		memcpy(address_out, mapped, sizeof mapped);
		base = NC_CIDR_V4_BITS;
	} else {
		at = 0;
		if (!v6_parse(text, &at, address_out))
			return false;
	}
	int bits = 128 - base;
	if (at < text.size && text.data[at] == '/') {
		at++;
		bits = decimal(text, &at, 128 - base);
	}
	if (bits < 0 || at != text.size)
		return false;
	*bits_out = (uint8_t)(base + bits);
	return true;
}
