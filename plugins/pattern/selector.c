/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Places in selectors, and errors that name them. */
#include "plugins/pattern/selector.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int nc_selector_refuse(nacre_filter_error *error, size_t offset, const char *format, ...)
{
	error->source_offset = (uint32_t)offset;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(error->message, sizeof error->message, format, args);
	va_end(args);
	return NACRE_FILTER_REFUSED;
}

int nc_selector_no_memory(nacre_filter_error *error)
{
	(void)nc_selector_refuse(error, NACRE_FILTER_NO_OFFSET, "out of memory");
	return NACRE_FILTER_NO_MEMORY;
}

size_t nc_selector_offset(const nacre_filter_selector *selector, const nacre_filter_leaf *leaf)
{
	return (size_t)(leaf->raw.data - selector->source.data);
}

/* Bytes of text that the escape at `at` stands for, and bytes that it has itself. */
static size_t escape_size(const uint8_t *at, size_t *size_out)
{
	*size_out = 2;
	if (at[1] != 'u')
		return 1;
	*size_out = 6;
	char digits[5] = { (char)at[2], (char)at[3], (char)at[4], (char)at[5], '\0' };
	unsigned long code = strtoul(digits, NULL, 16);
	if (code >= 0xd800 && code < 0xdc00) {
		*size_out = 12;
		return 4;
	}
	return code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
}

size_t nc_selector_text_offset(const nacre_filter_selector *selector, const nacre_filter_leaf *leaf,
                               size_t index)
{
	struct nc_slice raw = nc_slice_in(leaf->raw);
	size_t at = 1; /* behind the quote */
	for (size_t text = 0; at + 1 < raw.size && text < index;) {
		size_t size = 1;
		size_t step = raw.data[at] == '\\' ? escape_size(raw.data + at, &size) : 1;
		if (text + step > index)
			break; /* inside what one escape stands for */
		text += step;
		at += size;
	}
	return nc_selector_offset(selector, leaf) + at;
}

int nc_selector_strings(const nacre_filter_selector *selector, const char *expected,
                        nacre_filter_error *error)
{
	const nacre_filter_view *view = selector->view;
	for (uint64_t i = 0; i < view->leaf_count; i++) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(view, i);
		if (leaf->kind != NACRE_FILTER_STRING || leaf->depth > 0 || leaf->trail_count > 1) {
			return nc_selector_refuse(error, nc_selector_offset(selector, leaf),
			                          "expected %s", expected);
		}
	}
	return NACRE_FILTER_OK;
}
