/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 3339 both ways. */
#include <criterion/criterion.h>
#include <time.h>

#include "core/engine/event.h"

Test(time, formats_as_the_library_does_with_nine_decimals)
{
	for (uint64_t s = 0; s < UINT64_C(5000000000); s += 86399 * 37) {
		time_t at = (time_t)s;
		struct tm tm;
		char want[40], have[NC_TIME_TEXT_SIZE];
		cr_assert_not_null(gmtime_r(&at, &tm));
		(void)strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000000042Z", &tm);
		nc_time_format(s * 1000000000 + 42, have);
		cr_assert_str_eq(have, want);
		uint64_t back = 0;
		cr_assert_eq(nc_time_parse(nc_slice_str(have), &back), NC_OK);
		cr_assert_eq(back, s * 1000000000 + 42);
	}
}

Test(time, parses_zones_and_fractions)
{
	uint64_t ns = 0;
	cr_expect_eq(nc_time_parse(NC_SLICE("1970-01-01T01:00:00.5+01:00"), &ns), NC_OK);
	cr_expect_eq(ns, 500000000u);
	cr_expect_eq(nc_time_parse(NC_SLICE("1970-01-01t00:00:01z"), &ns), NC_OK);
	cr_expect_eq(ns, 1000000000u);
	cr_expect_eq(nc_time_parse(NC_SLICE("2024-02-29T12:00:00-05:30"), &ns), NC_OK);
	cr_expect_eq(ns, UINT64_C(1709227800000000000));
}

Test(time, takes_times_that_no_event_can_have_as_the_first_or_the_last)
{
	static const char *const early[] = { "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
		                             "1969-12-31T23:59:59.9Z",
		                             "1970-01-01T00:00:00+01:00" };
	uint64_t ns = 7, last = 0;
	for (size_t i = 0; i < sizeof early / sizeof early[0]; i++) {
		cr_expect_eq(nc_time_parse(nc_slice_str(early[i]), &ns), NC_OK, "%s", early[i]);
		cr_expect_eq(ns, 0u, "%s", early[i]);
	}
	cr_expect_eq(nc_time_parse(NC_SLICE("1969-12-31T23:00:01-01:00"), &ns), NC_OK);
	cr_expect_eq(ns, UINT64_C(1000000000));
	cr_expect_eq(nc_time_parse(NC_SLICE("2500-12-31T23:59:59.999999999Z"), &last), NC_OK);
	cr_expect_eq(nc_time_parse(NC_SLICE("2501-01-01T00:00:00Z"), &ns), NC_OK);
	cr_expect_eq(ns, last);
	cr_expect_eq(nc_time_parse(NC_SLICE("9999-12-31T23:59:59Z"), &ns), NC_OK);
	cr_expect_eq(ns, last);
}

Test(time, refuses_what_is_none)
{
	static const char *const bad[] = {
		"",
		"now",
		"2024-01-01",
		"2024-01-01T00:00:00",
		"2023-02-29T00:00:00Z",
		"2024-13-01T00:00:00Z",
		"2024-00-01T00:00:00Z",
		"2024-01-32T00:00:00Z",
		"2024-01-01T24:00:00Z",
		"2024-01-01T00:60:00Z",
		"2024-01-01T00:00:60Z",
		"2024-01-01T00:00:00.Z",
		"2024-01-01T00:00:00.1234567890Z",
		"2024-01-01T00:00:00+1:00",
		"2024-01-01T00:00:00Zz",
		"2024-1-01T00:00:00Z",
		" 2024-01-01T00:00:00Z",
		"2024\r01\r01T00:00:00Z", /* as '-' and ':' with a bit cleared, as letters may be */
		"2024-01-01T00\x1a"
		"00\x1a"
		"00Z",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint64_t ns = 7;
		cr_expect_eq(nc_time_parse(nc_slice_str(bad[i]), &ns), NC_INVALID, "%s", bad[i]);
		cr_expect_eq(ns, 7u);
	}
}
