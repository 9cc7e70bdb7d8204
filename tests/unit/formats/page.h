/* SPDX-License-Identifier: GPL-3.0-or-later */
/* page.h -- docs/formats-examples.md as it would be now: titles, words, and bytes. */
#ifndef NC_TESTS_UNIT_FORMATS_PAGE_H
#define NC_TESTS_UNIT_FORMATS_PAGE_H

#include "core/base/buf.h"

/* Append to the page. */
void page_title(struct nc_buf *page, const char *title);
__attribute__((format(printf, 2, 3))) void page_words(struct nc_buf *page, const char *format, ...);
/* A block of them, 16 a line, with what is printable beside. `label` may be NULL. */
void page_bytes(struct nc_buf *page, const char *label, struct nc_slice bytes);

#endif
