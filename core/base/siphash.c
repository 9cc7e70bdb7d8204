/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-1-3, as its authors' paper has it. */
#include "core/base/siphash.h"

#include "core/base/buf.h"

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static inline void mix(struct state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void take(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s);
	s->v0 ^= word;
}

/* What is left behind the last whole word, and the size above it. */
static uint64_t last_word(const uint8_t *rest, size_t size)
{
	uint64_t word = (uint64_t)size << 56;
	for (size_t i = 0; i < size % 8; i++)
		word |= (uint64_t)rest[i] << 8 * i;
	return word;
}

uint64_t nc_siphash(const struct nc_siphash_secret *secret, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	size_t whole = size - size % 8;
	struct state s = { .v0 = secret->words[0] ^ UINT64_C(0x736f6d6570736575),
		           .v1 = secret->words[1] ^ UINT64_C(0x646f72616e646f6d),
		           .v2 = secret->words[0] ^ UINT64_C(0x6c7967656e657261),
		           .v3 = secret->words[1] ^ UINT64_C(0x7465646279746573) };
	for (size_t at = 0; at < whole; at += 8)
		take(&s, nc_get_u64(bytes + at));
	take(&s, last_word(size > whole ? bytes + whole : NULL, size));
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		mix(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
