/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C by instruction or by table. */
#include "core/base/crc32c.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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
/* [n - 1]: x to the power of 64 n - 33, modulo the polynomial; the highest bit is that of x^0. */
static const uint32_t powers[64] = {
	0x00000001u, 0x493c7d27u, 0xf20c0dfeu, 0xba4fc28eu, 0x3da6d0cbu, 0xddc0152bu, 0x1c291d04u,
	0x9e4addf8u, 0x740eef02u, 0x39d3b296u, 0x083a6eecu, 0x0715ce53u, 0xc49f4f67u, 0x47db8317u,
	0x2ad91c30u, 0x0d3b6092u, 0x6992cea2u, 0xc96cfdc0u, 0x7e908048u, 0x878a92a7u, 0x1b3d8f29u,
	0xdaece73eu, 0xf1d0f55eu, 0xab7aff2au, 0xa87ab8a8u, 0x2162d385u, 0x8462d800u, 0x83348832u,
	0x71d111a8u, 0x299847d5u, 0xffd852c6u, 0xb9e02b86u, 0xdcb17aa4u, 0x18b33a4eu, 0xf37c5aeeu,
	0xb6dd949bu, 0x6051d5a2u, 0x78d9ccb7u, 0x18b0d4ffu, 0xbac2fd7bu, 0x21f3d99cu, 0xa60ce07bu,
	0x8f158014u, 0xce7f39f4u, 0xa00457f7u, 0x61d82e56u, 0x8d6d2c43u, 0xd270f1a2u, 0x00ac29cfu,
	0xc619809du, 0xe9adf796u, 0x2b3cac5du, 0x96638b34u, 0x65863b64u, 0xe0e9f351u, 0x1b03397fu,
	0x9af01f2du, 0xebb883bdu, 0x2cff42cfu, 0xb3e32c28u, 0x88f25a3au, 0x064f7f26u, 0x4e36f0b0u,
	0xdd7e3b0cu,
};

enum { WORDS_MIN = 4, WORDS_MAX = 32 }; /* of each third */

static inline uint64_t word_at(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof word);
	return word;
}

__attribute__((target("sse4.2"))) static uint32_t rest_add(uint64_t crc, const uint8_t *at,
                                                           size_t size)
{
	for (; size >= 8; size -= 8, at += 8)
		crc = _mm_crc32_u64(crc, word_at(at));
	uint32_t narrow = (uint32_t)crc;
	for (; size > 0; size--, at++)
		narrow = _mm_crc32_u8(narrow, *at);
	return narrow;
}

static uint32_t crc32c_sse(uint32_t crc, const void *data, size_t size)
{
	return ~rest_add(~crc, data, size);
}

/* What `crc` becomes by so many words of zeros. The product of two reflected polynomials comes out
 * multiplied by x, and the instruction multiplies by x^32: the power has 33 less. */
__attribute__((target("sse4.2,pclmul"))) static inline uint64_t moved(uint64_t crc, size_t words)
{
	__m128i power = _mm_cvtsi32_si128((int)powers[words - 1]);
	__m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc), power, 0);
	return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* The instruction has its result after three cycles, and can be begun in each: three thirds are
 * taken side by side, and then put together. */
__attribute__((target("sse4.2,pclmul"))) static uint32_t
crc32c_thirds(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *at = data;
	uint64_t first = ~crc;
	while (size >= 3 * 8 * WORDS_MIN) {
		size_t words = size / 24 < WORDS_MAX ? size / 24 : WORDS_MAX;
		uint64_t second = 0, third = 0;
		for (const uint8_t *end = at + 8 * words; at < end; at += 8) {
			first = _mm_crc32_u64(first, word_at(at));
			second = _mm_crc32_u64(second, word_at(at + 8 * words));
			third = _mm_crc32_u64(third, word_at(at + 16 * words));
		}
		first = moved(first, 2 * words) ^ moved(second, words) ^ third;
		at += 16 * words;
		size -= 24 * words;
	}
	return ~rest_add(first, at, size);
}

uint32_t nc_crc32c(uint32_t crc, const void *data, size_t size)
{
	if (!__builtin_cpu_supports("sse4.2"))
		return nc_crc32c_table(crc, data, size);
	return __builtin_cpu_supports("pclmul") ? crc32c_thirds(crc, data, size)
	                                        : crc32c_sse(crc, data, size);
}
#else
uint32_t nc_crc32c(uint32_t crc, const void *data, size_t size)
{
	return nc_crc32c_table(crc, data, size);
}
#endif
