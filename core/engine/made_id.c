/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ids of events that came without one: UUIDv7 (RFC 9562 section 5.7) whose rand_a holds the
 * fraction of the millisecond (method 3 of section 6.2) and whose rand_b ends in the position. Two
 * stores make different ids by their times and by 14 bits mixed from time and position. */
#include <stdio.h>

#include "core/base/assert.h"
#include "core/base/crc32c.h"
#include "core/base/digits.h"
#include "core/engine/event.h"

#define POSITION_BITS 48

/* The last `count` bytes of `value`, the highest first. */
static inline char *put_bytes(char *at, uint64_t value, int count)
{
	while (count-- > 0) {
		nc_digits_hex(at, (uint8_t)(value >> count * 8));
		at += 2;
	}
	return at;
}

void nc_event_id_make(uint64_t time_ns, uint64_t position, char id_out[NC_EVENT_ID_MADE_SIZE + 1])
{
	nc_assert(position >> POSITION_BITS == 0);
	uint64_t millis = time_ns / 1000000;
	uint64_t fraction = time_ns % 1000000 * 4096 / 1000000;
	uint8_t seed[16];
	nc_set_u64(seed, time_ns);
	nc_set_u64(seed + 8, position);
	uint64_t mixed = nc_crc32c(0, seed, sizeof seed) & 0x3fff;
	uint64_t high = (millis & 0xffffffffffff) << 16 | 0x7000 | fraction;
	uint64_t low = UINT64_C(1) << 63 | mixed << POSITION_BITS | position;
	char *at = put_bytes(id_out, high >> 32, 4);
	*at++ = '-';
	at = put_bytes(at, high >> 16, 2);
	*at++ = '-';
	at = put_bytes(at, high, 2);
	*at++ = '-';
	at = put_bytes(at, low >> 48, 2);
	*at++ = '-';
	at = put_bytes(at, low, 6);
	*at = '\0';
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool nc_event_id_position(struct nc_slice id, uint64_t *position_out)
{
	if (id.size != NC_EVENT_ID_MADE_SIZE || id.data[14] != '7')
		return false;
	uint64_t low = 0;
	for (size_t i = 0; i < id.size; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (id.data[i] != '-')
				return false;
			continue;
		}
		int digit = hex_value(id.data[i]);
		if (digit < 0)
			return false;
		if (i > 18)
			low = low << 4 | (uint64_t)digit;
	}
	if (low >> 62 != 2)
		return false;
	*position_out = low & ((UINT64_C(1) << POSITION_BITS) - 1);
	return true;
}
