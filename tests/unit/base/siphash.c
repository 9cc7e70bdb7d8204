/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/base/siphash.h, beside CPython 3.11, whose hash() of bytes it is: with PYTHONHASHSEED=0
 * under a secret of zeros, with 1 under one that is known. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/base/siphash.h"

static const struct nc_siphash_secret zeros,
        one = { { UINT64_C(0xaed66ce184be2329), UINT64_C(0xebe9bbf1f1499052) } };

static const struct {
	const char *text;
	uint64_t with_zeros, with_one;
} expected[] = {
	{ "a", UINT64_C(0x407448d2b89b1813), UINT64_C(0xd6300bc9f7cc0e73) },
	{ "abc", UINT64_C(0xc03bc3a0042630f2), UINT64_C(0xbf3a636edf177675) },
	{ "0123456", UINT64_C(0x810aaf7acf670379), UINT64_C(0xbc41db10ffbe9e6c) },
	{ "01234567", UINT64_C(0xda3dcedf84ea6cc6), UINT64_C(0x4b86f65552e7e70b) },
	{ "012345678", UINT64_C(0xb79d8581f8552753), UINT64_C(0x00c4975d5163d03b) },
	{ "the quick brown fox jumps over the lazy dog", UINT64_C(0x80a65583f613da2d),
	  UINT64_C(0x4d4d3ac518fa33d0) },
};

Test(siphash, gives_the_values_of_cpython)
{
	for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
		const char *text = expected[i].text;
		cr_expect_eq(nc_siphash(&zeros, text, strlen(text)), expected[i].with_zeros, "%s",
		             text);
		cr_expect_eq(nc_siphash(&one, text, strlen(text)), expected[i].with_one, "%s",
		             text);
	}
}

Test(siphash, does_not_read_past_the_end_and_takes_nothing_at_all)
{
	cr_expect_eq(nc_siphash(&one, NULL, 0), nc_siphash(&one, "x", 0));
	cr_expect_neq(nc_siphash(&one, "x", 1), nc_siphash(&one, "xy", 2));
	cr_expect_neq(nc_siphash(&one, "x", 1), nc_siphash(&one, "x\0", 2));
}
