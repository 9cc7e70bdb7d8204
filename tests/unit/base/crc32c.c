/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/base/crc32c.h: RFC 3720's examples, chaining, and both forms alike. */
#include <criterion/criterion.h>

#include "core/base/crc32c.h"

#include <string.h>

Test(crc32c, gives_the_values_of_rfc_3720)
{
	uint8_t bytes[32];
	memset(bytes, 0, sizeof bytes);
	cr_expect_eq(nc_crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof bytes);
	cr_expect_eq(nc_crc32c(0, bytes, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)i;
	cr_expect_eq(nc_crc32c(0, bytes, 32), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t)(31 - i);
	cr_expect_eq(nc_crc32c(0, bytes, 32), 0x113fdb5c);
	cr_expect_eq(nc_crc32c(0, "123456789", 9), 0xe3069283);
	cr_expect_eq(nc_crc32c(0, bytes, 0), 0);
}

Test(crc32c, both_forms_agree_at_every_length_place_and_cut)
{
	static uint8_t bytes[4200];
	uint32_t x = 1;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	for (size_t size = 0; size < 300; size++) {
		for (size_t from = 0; from < 9; from++) {
			cr_assert_eq(nc_crc32c(7, bytes + from, size),
			             nc_crc32c_table(7, bytes + from, size), "%zu at %zu", size,
			             from);
		}
	}
	for (size_t size = 300; size < 2400;
	     size++) { /* thirds of every length, and several times */
		cr_assert_eq(nc_crc32c(7, bytes + size % 8, size),
		             nc_crc32c_table(7, bytes + size % 8, size), "%zu", size);
	}
	uint32_t whole = nc_crc32c(0, bytes, sizeof bytes);
	cr_expect_eq(whole, nc_crc32c_table(0, bytes, sizeof bytes));
	for (size_t cut = 0; cut <= sizeof bytes; cut += 13) {
		cr_assert_eq(nc_crc32c(nc_crc32c(0, bytes, cut), bytes + cut, sizeof bytes - cut),
		             whole, "cut at %zu", cut);
	}
}

Test(crc32c, sees_every_single_bit)
{
	uint8_t bytes[64] = { 0 };
	uint32_t none = nc_crc32c(0, bytes, sizeof bytes);
	for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_neq(nc_crc32c(0, bytes, sizeof bytes), none, "bit %zu", bit);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
