/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C by instruction or by table. */
#include "core/base/crc32c.h"

#include <string.h>

/* Rows 0..15 for one hex digit: two steps a byte, small enough to be made at compile time. */
static const uint32_t digit[16] = {
	0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u, 0x417b1dbcu, 0x5125dad3u,
	0x61c69362u, 0x7198540du, 0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u,
	0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u,
};

uint32_t nc_crc32c_table(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *at = data;
	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc ^= at[i];
		crc = crc >> 4 ^ digit[crc & 15];
		crc = crc >> 4 ^ digit[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse(uint32_t crc, const void *data,
                                                             size_t size)
{
	const uint8_t *at = data;
	uint64_t wide = ~crc;
	for (; size >= 8; size -= 8, at += 8) {
		uint64_t word;
		memcpy(&word, at, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	uint32_t narrow = (uint32_t)wide;
	for (; size > 0; size--, at++)
		narrow = __builtin_ia32_crc32qi(narrow, *at);
	return ~narrow;
}

uint32_t nc_crc32c(uint32_t crc, const void *data, size_t size)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse(crc, data, size);
	return nc_crc32c_table(crc, data, size);
}
#else
uint32_t nc_crc32c(uint32_t crc, const void *data, size_t size)
{
	return nc_crc32c_table(crc, data, size);
}
#endif
