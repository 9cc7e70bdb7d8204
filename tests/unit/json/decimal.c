/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/base/decimal.h, held against the C library's strtod() where both speak. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/decimal.h"

static struct nc_decimal dec(const char *text)
{
	return nc_decimal_read(nc_slice_str(text));
}

static void is_i64(const char *text, int64_t want)
{
	struct nc_decimal have = dec(text);
	cr_expect(have.kind == NC_DECIMAL_I64 && have.i64 == want, "%s: kind %d, %" PRId64, text,
	          (int)have.kind, have.i64);
}

static void is_f64(const char *text, double want)
{
	struct nc_decimal have = dec(text);
	cr_expect(have.kind == NC_DECIMAL_F64 && have.f64 == want, "%s: kind %d, %.17g not %.17g",
	          text, (int)have.kind, have.f64, want);
}

Test(decimal, an_integer_is_one_however_it_was_written)
{
	is_i64("0", 0);
	is_i64("-0", 0);
	is_i64("0.000", 0);
	is_i64("0e999999999999", 0);
	is_i64("0e-999999999999", 0);
	is_i64("5", 5);
	is_i64("5.0", 5);
	is_i64("5e0", 5);
	is_i64("50e-1", 5);
	is_i64("0.0005e4", 5);
	is_i64("-12300", -12300);
	is_i64("1e18", 1000000000000000000);
	is_i64("9007199254740993", 9007199254740993);
	is_i64("9007199254740993.000", 9007199254740993);
	is_i64("9223372036854775807", INT64_MAX);
	is_i64("-9223372036854775808", INT64_MIN);
	is_i64("9007199254740992.4999", 9007199254740992); /* rounds to a double that is whole */
	struct nc_decimal big = dec("18446744073709551615");
	cr_expect(big.kind == NC_DECIMAL_U64 && big.u64 == UINT64_MAX);
	big = dec("9223372036854775808");
	cr_expect(big.kind == NC_DECIMAL_U64 && big.u64 == 1ull << 63);
	is_f64("18446744073709551616", 0x1p64);
	is_f64("-9223372036854779999", -9223372036854779999.0);
}

Test(decimal, others_are_the_nearest_double)
{
	is_f64("0.1", 0.1);
	is_f64("-2.5e-3", -2.5e-3);
	is_f64("3.018e2", 301.8);
	is_f64("1e400", (double)INFINITY);
	is_f64("-1e400", -(double)INFINITY);
	is_f64("1.7976931348623157e308", 1.7976931348623157e308);
	is_f64("1.7976931348623159e308", (double)INFINITY);
	is_f64("4.9406564584124654e-324", 0x1p-1074);
	is_f64("2.4703282292062328e-324", 0x1p-1074);
	is_i64("2.4703282292062327e-324", 0);
	is_f64("2.2250738585072011e-308", 2.2250738585072011e-308);
	is_f64("2.2250738585072014e-308", 0x1p-1022);
	is_f64("0.30000000000000004", 0.30000000000000004);
	is_f64("8.5e22", 8.5e22);
	is_f64("1e23", 1e23);
}

Test(decimal, ties_go_to_even_and_the_last_of_many_digits_counts)
{
	char text[1200];
	/* 1 + 2^-53, the middle between two doubles, then a digit far behind. */
	const char *middle = "1.00000000000000011102230246251565404236316680908203125";
	is_i64(middle, 1);
	(void)snprintf(text, sizeof text, "%s%0900d1", middle, 0);
	is_f64(text, 1 + 0x1p-52);
}

Test(decimal, agrees_with_strtod_on_random_texts)
{
	srandom(11);
	for (int i = 0; i < 20000; i++) {
		char text[64];
		int digits = 1 + (int)(random() % 20);
		size_t size = 0;
		text[size++] = (char)('1' + random() % 9);
		text[size++] = '.';
		for (int k = 0; k < digits; k++)
			text[size++] = (char)('0' + random() % 10);
		(void)snprintf(text + size, sizeof text - size, "e%ld", random() % 660 - 335);
		struct nc_decimal have = dec(text);
		double value = have.kind == NC_DECIMAL_F64   ? have.f64
		               : have.kind == NC_DECIMAL_U64 ? (double)have.u64
		                                             : (double)have.i64;
		cr_assert(value == strtod(text, NULL), "%s: %.17g", text, value);
	}
}

Test(decimal, compares_exactly_across_kinds)
{
	static const char *const ascending[] = { "-1e400",
		                                 "-9223372036854780000",
		                                 "-9223372036854775808",
		                                 "-9007199254740993",
		                                 "-9007199254740992",
		                                 "-1.5",
		                                 "-1",
		                                 "-0.5",
		                                 "-1e-300",
		                                 "0",
		                                 "1e-300",
		                                 "0.5",
		                                 "1",
		                                 "1.5",
		                                 "2",
		                                 "9007199254740992",
		                                 "9007199254740993",
		                                 "9223372036854775807",
		                                 "9223372036854775808",
		                                 "18446744073709551615",
		                                 "18446744073709551616",
		                                 "1e400" };
	int count = sizeof ascending / sizeof *ascending;
	for (int i = 0; i < count; i++) {
		for (int k = 0; k < count; k++) {
			int order = nc_decimal_cmp(dec(ascending[i]), dec(ascending[k]));
			order = (order > 0) - (order < 0);
			cr_expect_eq(order, (i > k) - (i < k), "%s %s", ascending[i], ascending[k]);
		}
	}
}
