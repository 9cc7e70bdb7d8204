/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.h -- text for people: what came over the wire must not steer a terminal, and what is long is
 * wrapped. */
#ifndef NC_TRANSPORT_CLI_TEXT_H
#define NC_TRANSPORT_CLI_TEXT_H

#include <stdio.h>

#include "core/base/slice.h"

/* Print bytes on one line: control characters, line ends among them, as \n, \t or \xHH, and bytes
 * that are not UTF-8 as "<N bytes: hex…>". */
void nc_cli_put_clean(FILE *to, struct nc_slice bytes);
/* Whether bytes are UTF-8 without control characters, so that they are printed as they are. */
bool nc_cli_is_clean(struct nc_slice bytes);

/* The whole number right behind the first `mark` in `text`. False if there is none. */
bool nc_cli_number_behind(const char *text, const char *mark, uint64_t *number_out);

/* The columns that valid UTF-8 takes on a terminal, wide characters counted as one. */
size_t nc_cli_columns(struct nc_slice text);

/* Take the next paragraph of a description, without the empty lines around it; *at is the text for
 * the first. `*verbatim_out` says that its lines are to be shown as they are, because they begin
 * with two spaces. False after the last one. */
bool nc_cli_paragraph(const char **at, struct nc_slice *paragraph_out, bool *verbatim_out);
/* Print a paragraph, its words filled to `width` columns behind `indent` spaces. The first line has
 * `taken` columns already. */
void nc_cli_put_filled(FILE *to, struct nc_slice paragraph, unsigned indent, unsigned taken,
                       unsigned width);

#endif
