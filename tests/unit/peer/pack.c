/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers, bytes and arrays of every size class. */
#include "core/base/pack.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(pack, numbers_come_back_and_take_the_shortest_form)
{
	static const uint64_t edges[] = { 0,     1,     127,        128,        255,       256,
		                          65535, 65536, UINT32_MAX, 1ull << 32, UINT64_MAX };
	static const size_t sizes[] = { 1, 1, 1, 2, 2, 3, 3, 5, 5, 9, 9 };
	for (size_t i = 0; i < 11; i++) {
		struct nc_buf buf = { 0 };
		nc_pack_uint(&buf, edges[i]);
		cr_expect_eq(buf.size, sizes[i]);
		struct nc_reader reader = nc_reader(nc_buf_slice(&buf));
		cr_expect_eq(nc_unpack_uint(&reader), edges[i]);
		cr_expect(!reader.failed && nc_reader_left(&reader) == 0);
		nc_buf_release(&buf);
	}
}

Test(pack, bytes_and_strings_come_back)
{
	static const size_t sizes[] = { 0, 1, 31, 32, 255, 256, 65535, 65536 };
	uint8_t *bytes = calloc(1, 65536);
	for (size_t i = 0; i < 8; i++) {
		struct nc_buf buf = { 0 };
		nc_pack_str(&buf, nc_slice(bytes, sizes[i]));
		nc_pack_bin(&buf, nc_slice(bytes, sizes[i]));
		struct nc_reader reader = nc_reader(nc_buf_slice(&buf));
		cr_expect_eq(nc_unpack_str(&reader).size, sizes[i]);
		cr_expect_eq(nc_unpack_bin(&reader).size, sizes[i]);
		cr_expect(!reader.failed && nc_reader_left(&reader) == 0);
		nc_buf_release(&buf);
	}
	free(bytes);
}

Test(pack, sizes_and_counts_beyond_what_is_there_fail)
{
	static const uint8_t long_bin[] = { 0xc6, 0xff, 0xff, 0xff, 0xff, 0 };
	static const uint8_t long_array[] = { 0xdd, 0xff, 0xff, 0xff, 0xff, 0 };
	static const uint8_t text[] = { 0xa3, 'a', 'b' };
	struct nc_reader reader = nc_reader(nc_slice(long_bin, sizeof long_bin));
	cr_expect_eq(nc_unpack_bin(&reader).size, 0);
	cr_expect(reader.failed);
	reader = nc_reader(nc_slice(long_array, sizeof long_array));
	cr_expect_eq(nc_unpack_array(&reader), 0);
	cr_expect(reader.failed);
	reader = nc_reader(nc_slice(text, sizeof text));
	cr_expect_eq(nc_unpack_str(&reader).size, 0);
	cr_expect(reader.failed);
	reader = nc_reader(nc_slice(text, sizeof text));
	cr_expect_eq(nc_unpack_uint(&reader), 0);
	cr_expect(reader.failed);
}
