/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Foreign text within descriptions. */
#include <criterion/criterion.h>

#include "core/base/shown.h"

Test(shown, is_ascii_that_can_be_seen)
{
	char room[NC_SHOWN_SIZE];
	cr_expect_str_eq(nc_shown(NC_SLICE("orders 42~"), room), "orders 42~");
	cr_expect_str_eq(nc_shown(NC_SLICE("a\r\nb\0c\x7f\xc3\xa9\x1b"), room), "a??b?c????");
	cr_expect_str_eq(nc_shown(nc_slice(NULL, 0), room), "");
}

Test(shown, is_cut_behind_64_bytes_and_says_so)
{
	char room[NC_SHOWN_SIZE], text[65];
	memset(text, 'x', sizeof text);
	cr_expect_eq(strlen(nc_shown(nc_slice(text, 64), room)), 64u);
	cr_expect_eq(strlen(nc_shown(nc_slice(text, 65), room)), 67u);
	cr_expect_str_eq(room + 60, "xxxx...");
}
