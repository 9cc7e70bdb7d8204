/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256, at once and bit by bit. */
#include "core/base/sha256.h"

#include <criterion/criterion.h>

/* Of "abc", from FIPS 180-4's examples. */
static const uint8_t abc[NC_SHA256_SIZE] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
	                                     0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
	                                     0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
	                                     0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };

Test(sha256, is_the_same_at_once_and_bit_by_bit)
{
	const struct nc_slice parts[] = { NC_SLICE("a"), NC_SLICE(""), NC_SLICE("bc") };
	struct nc_sha256_sum sum;
	uint8_t digest[NC_SHA256_SIZE];
	nc_sha256(parts, 3, digest);
	cr_expect_arr_eq(digest, abc, sizeof abc);
	nc_sha256_begin(&sum);
	for (size_t i = 0; i < 3; i++)
		nc_sha256_add(&sum, parts[i]);
	nc_sha256_end(&sum, digest);
	cr_expect_arr_eq(digest, abc, sizeof abc);
}

Test(sha256, has_in_a_chain_what_came_before)
{
	uint8_t chain[NC_SHA256_SIZE] = { 0 }, want[NC_SHA256_SIZE] = { 0 };
	for (size_t i = 0; i < 2; i++) {
		const struct nc_slice parts[] = { nc_slice(want, sizeof want),
			                          nc_slice(abc, sizeof abc) };
		uint8_t next[NC_SHA256_SIZE];
		nc_sha256(parts, 2, next);
		memcpy(want, next, sizeof want);
		nc_sha256_chain(chain, abc);
		cr_expect_arr_eq(chain, want, sizeof want);
	}
}

Test(sha256, tells_the_order_of_a_chain)
{
	const uint8_t one[NC_SHA256_SIZE] = { 1 }, two[NC_SHA256_SIZE] = { 2 };
	uint8_t chain[NC_SHA256_SIZE] = { 0 }, other[NC_SHA256_SIZE] = { 0 };
	nc_sha256_chain(chain, one);
	nc_sha256_chain(chain, two);
	nc_sha256_chain(other, two);
	nc_sha256_chain(other, one);
	cr_expect_neq(memcmp(chain, other, sizeof chain), 0);
}
