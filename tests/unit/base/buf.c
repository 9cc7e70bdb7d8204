/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/base/buf.h: growing, numbers at any place, and reading that never leaves its bytes. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "core/base/buf.h"

/* So that the sanitizer lets an allocation fail as the system does. */
__attribute__((visibility("default"))) const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

Test(buf, grows_and_keeps_what_was_put)
{
	struct nc_buf buf = { 0 };
	for (unsigned i = 0; i < 10000; i++)
		nc_buf_put_u8(&buf, (uint8_t)i);
	cr_assert_eq(nc_buf_status(&buf), NC_OK);
	cr_assert_eq(buf.size, 10000);
	for (unsigned i = 0; i < 10000; i++)
		cr_assert_eq(buf.data[i], (uint8_t)i);
	uint8_t *data = buf.data;
	nc_buf_clear(&buf);
	cr_expect_eq(buf.size, 0);
	nc_buf_put_str(&buf, "again");
	cr_expect_eq(buf.data, data, "clearing keeps the memory");
	nc_buf_release(&buf);
	cr_expect_null(buf.data);
	cr_expect_eq(buf.capacity, 0);
	nc_buf_release(&buf);
}

Test(buf, an_allocation_that_fails_is_told_once_and_for_all)
{
	struct nc_buf buf = { 0 };
	nc_buf_put_str(&buf, "kept");
	cr_expect_null(nc_buf_extend(&buf, SIZE_MAX / 4));
	cr_expect_eq(buf.size, 4);
	nc_buf_put_str(&buf, "more");
	cr_expect_eq(buf.size, 4, "later ones do nothing");
	cr_expect_eq(nc_buf_status(&buf), NC_NOMEM);
	nc_buf_clear(&buf);
	nc_buf_put_str(&buf, "more");
	cr_expect_eq(nc_buf_status(&buf), NC_OK);
	cr_expect(nc_slice_is(nc_buf_slice(&buf), "more"));
	nc_buf_release(&buf);
}

Test(buf, what_is_made_of_one_that_failed_has_failed_too)
{
	struct nc_buf buf = { 0 }, part = { 0 };
	nc_buf_put_str(&part, "whole");
	nc_buf_put_buf(&buf, &part);
	cr_expect(nc_slice_is(nc_buf_slice(&buf), "whole"));
	cr_expect_eq(nc_buf_status(&buf), NC_OK);
	cr_expect_null(nc_buf_extend(&part, SIZE_MAX / 4));
	nc_buf_put_buf(&buf, &part);
	cr_expect_eq(nc_buf_status(&buf), NC_NOMEM);
	cr_expect_eq(buf.size, 5);
	nc_buf_release(&buf);
	nc_buf_release(&part);
}

Test(buf, writes_a_number_of_any_length_in_its_digits)
{
	struct nc_buf buf = { 0 };
	uint64_t power = 1;
	for (int digits = 1; digits <= 20; digits++, power *= 10) {
		const uint64_t values[] = { power - 1, power, power + 7,
			                    power > UINT64_MAX / 9 ? UINT64_MAX : power * 9 };
		for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
			char want[32];
			(void)snprintf(want, sizeof want, "%llu", (unsigned long long)values[i]);
			nc_buf_clear(&buf);
			nc_buf_put_decimal(&buf, values[i]);
			cr_expect(nc_slice_is(nc_buf_slice(&buf), want), "%s", want);
		}
	}
	nc_buf_release(&buf);
}

Test(buf, writes_text_and_numbers_as_said)
{
	struct nc_buf buf = { 0 };
	nc_buf_put_decimal(&buf, 0);
	nc_buf_put_u8(&buf, ' ');
	nc_buf_put_decimal(&buf, UINT64_MAX);
	nc_buf_printf(&buf, " %s-%d", "a", -5);
	nc_buf_put(&buf, NULL, 0);
	nc_buf_put_slice(&buf, nc_slice(NULL, 0));
	cr_expect(nc_slice_is(nc_buf_slice(&buf), "0 18446744073709551615 a--5"));
	nc_buf_clear(&buf);
	char big[3000];
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	nc_buf_printf(&buf, "%s", big);
	cr_expect_eq(buf.size, sizeof big - 1, "longer than any room it had");
	nc_buf_clear(&buf);
	nc_buf_put_u16(&buf, 0x0102);
	nc_buf_put_u32(&buf, 0x03040506);
	nc_buf_put_u64(&buf, 0x0708090a0b0c0d0e);
	static const uint8_t want[] = { 2, 1, 6, 5, 4, 3, 14, 13, 12, 11, 10, 9, 8, 7 };
	cr_expect(nc_slice_eq(nc_buf_slice(&buf), nc_slice(want, sizeof want)));
	nc_buf_release(&buf);
}

static const uint64_t edges[] = { 0,          1,
	                          127,        128,
	                          16383,      16384,
	                          UINT32_MAX, (uint64_t)UINT32_MAX + 1,
	                          INT64_MAX,  (uint64_t)INT64_MAX + 1,
	                          UINT64_MAX };

Test(reader, gives_back_what_was_put_and_stops_at_the_end)
{
	struct nc_buf buf = { 0 };
	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
		nc_buf_put_u8(&buf, (uint8_t)edges[i]);
		nc_buf_put_u16(&buf, (uint16_t)edges[i]);
		nc_buf_put_u32(&buf, (uint32_t)edges[i]);
		nc_buf_put_u64(&buf, edges[i]);
		nc_buf_put_varint(&buf, edges[i]);
	}
	struct nc_reader reader = nc_reader(nc_buf_slice(&buf));
	for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
		cr_expect_eq(nc_reader_u8(&reader), (uint8_t)edges[i]);
		cr_expect_eq(nc_reader_u16(&reader), (uint16_t)edges[i]);
		cr_expect_eq(nc_reader_u32(&reader), (uint32_t)edges[i]);
		cr_expect_eq(nc_reader_u64(&reader), edges[i]);
		cr_expect_eq(nc_reader_varint(&reader), edges[i]);
	}
	cr_expect_not(reader.failed);
	cr_expect_eq(nc_reader_left(&reader), 0);
	cr_expect_eq(nc_reader_u8(&reader), 0);
	cr_expect(reader.failed);
	nc_buf_release(&buf);
}

Test(reader, a_number_that_is_cut_fails_and_stays_failed)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7 };
	struct nc_reader reader = nc_reader(nc_slice(bytes, sizeof bytes));
	cr_expect_eq(nc_reader_u64(&reader), 0);
	cr_expect(reader.failed);
	cr_expect_eq(nc_reader_u8(&reader), 0, "also what would have fit");
	cr_expect_eq(nc_reader_take(&reader, 1).size, 0);
	reader = nc_reader(nc_slice(bytes, sizeof bytes));
	cr_expect_eq(nc_reader_take(&reader, 7).size, 7);
	cr_expect_not(reader.failed);
	reader = nc_reader(nc_slice(bytes, sizeof bytes));
	cr_expect_eq(nc_reader_take(&reader, SIZE_MAX).size, 0);
	cr_expect(reader.failed);
	reader = nc_reader(nc_slice(NULL, 0));
	cr_expect_eq(nc_reader_left(&reader), 0);
	cr_expect_eq(nc_reader_u32(&reader), 0);
	cr_expect(reader.failed);
}

Test(reader, refuses_varints_that_are_overlong_too_big_or_cut)
{
	static const struct {
		uint8_t bytes[11];
		size_t size;
	} cases[] = {
		{ { 0x80, 0x00 }, 2 },
		{ { 0xff, 0x80, 0x00 }, 3 },
		{ { 0x80 }, 1 },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02 }, 10 },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x00 }, 11 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct nc_reader reader = nc_reader(nc_slice(cases[i].bytes, cases[i].size));
		cr_expect_eq(nc_reader_varint(&reader), 0, "case %zu", i);
		cr_expect(reader.failed, "case %zu", i);
	}
}

Test(buf, big_endian_numbers_sort_as_numbers)
{
	uint8_t a[8], b[8];
	for (size_t i = 0; i + 1 < sizeof edges / sizeof *edges; i++) {
		nc_set_be64(a, edges[i]);
		nc_set_be64(b, edges[i + 1]);
		cr_expect_lt(memcmp(a, b, 8), 0);
		cr_expect_eq(nc_get_be64(a), edges[i]);
	}
}
