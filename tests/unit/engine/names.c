/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What text may hold, wherever in it, of whatever length: eight bytes are looked at together. */
#include <criterion/criterion.h>

#include "core/engine/names.h"

#define SIZE_MAX_TRIED 18u /* two words, and some */

static const char *fault_of(size_t size, size_t at, const char *bytes, size_t count)
{
	uint8_t text[SIZE_MAX_TRIED];
	memset(text, 'a', sizeof text);
	memcpy(text + at, bytes, count);
	return nc_name_value_fault(nc_slice(text, size));
}

Test(names, text_holds_no_control_character_anywhere)
{
	for (size_t size = 1; size <= SIZE_MAX_TRIED; size++) {
		for (size_t at = 0; at < size; at++) {
			for (unsigned value = 0; value < 0x80; value++) {
				char byte = (char)value;
				const char *why = fault_of(size, at, &byte, 1);
				if (value >= 0x20 && value != 0x7f) {
					cr_expect_null(why, "%u at %zu of %zu", value, at, size);
				} else {
					cr_expect_str_eq(why, "holds a control character",
					                 "%u at %zu of %zu", value, at, size);
				}
			}
		}
	}
}

Test(names, text_is_utf8_anywhere)
{
	static const struct {
		const char *bytes, *why;
	} cases[] = { { "\xc3\xa9", NULL },
		      { "\xc2\xa0", NULL },
		      { "\xe2\x82\xac", NULL },
		      { "\xf0\x9f\x98\x80", NULL },
		      { "\xc2\x80", "holds a control character" },
		      { "\xc2\x9f", "holds a control character" },
		      { "\xff", "is not UTF-8" },
		      { "\x80", "is not UTF-8" },
		      { "\xc0\xaf", "is not UTF-8" },
		      { "\xed\xa0\x80", "is not UTF-8" } };
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t count = strlen(cases[i].bytes);
		for (size_t size = count; size <= SIZE_MAX_TRIED; size++) {
			for (size_t at = 0; at + count <= size; at++) {
				const char *why = fault_of(size, at, cases[i].bytes, count);
				bool same = why == cases[i].why ||
				            (why != NULL && cases[i].why != NULL &&
				             strcmp(why, cases[i].why) == 0);
				cr_expect(same, "case %zu at %zu of %zu: %s", i, at, size,
				          why == NULL ? "fine" : why);
			}
		}
	}
	cr_expect_str_eq(fault_of(9, 8, "\xc3", 1), "is not UTF-8", "cut at its end");
	cr_expect_null(nc_name_value_fault(nc_slice(NULL, 0)));
}
