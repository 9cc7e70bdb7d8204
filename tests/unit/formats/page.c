/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/formats/page.h"

#include <stdarg.h>
#include <stdio.h>

void page_title(struct nc_buf *page, const char *title)
{
	nc_buf_printf(page, "\n## %s\n", title);
}

void page_words(struct nc_buf *page, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	nc_buf_printf(page, "\n%s\n", text);
}

void page_bytes(struct nc_buf *page, const char *label, struct nc_slice bytes)
{
	if (label != NULL)
		nc_buf_printf(page, "\n%s:\n", label);
	nc_buf_put_str(page, "\n```text\n");
	for (size_t at = 0; at < bytes.size; at += 16) {
		nc_buf_printf(page, "%4zu ", at);
		for (size_t i = at; i < at + 16; i++) {
			if (i < bytes.size) {
				nc_buf_printf(page, " %02x", bytes.data[i]);
			} else {
				nc_buf_put_str(page, "   ");
			}
		}
		nc_buf_put_str(page, "  |");
		for (size_t i = at; i < at + 16 && i < bytes.size; i++) {
			nc_buf_put_u8(page, bytes.data[i] >= 0x20 && bytes.data[i] < 0x7f
			                            ? bytes.data[i]
			                            : '.');
		}
		nc_buf_put_str(page, "|\n");
	}
	nc_buf_put_str(page, "```\n");
}
