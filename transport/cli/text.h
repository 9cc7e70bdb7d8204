/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text.h -- text for people: what came over the wire must not steer a terminal, and what is long is
 * wrapped. */
#ifndef NC_TRANSPORT_CLI_TEXT_H
#define NC_TRANSPORT_CLI_TEXT_H

#include <stdio.h>

#include "core/base/slice.h"

/* The bytes on one line: control characters, line ends too, as \n, \t or \xHH; what is not UTF-8 as
 * "<N bytes: hex…>". */
void nc_cli_put_clean(FILE *to, struct nc_slice bytes);
/* The same, but wholly valid text comes without any change. */
bool nc_cli_is_clean(struct nc_slice bytes);

/* The whole number right behind the first `mark` in `text`. False: there is none. */
bool nc_cli_number_behind(const char *text, const char *mark, uint64_t *number_out);

/* The columns that valid UTF-8 takes on a terminal, wide characters counted as one. */
size_t nc_cli_columns(struct nc_slice text);

/* Walk a description's text: its paragraphs come one a call, without the empty lines between.
 * `verbatim_out`: each line is set as it is (they begin with two spaces). False after the last.
 * Begin with *at = text. */
bool nc_cli_paragraph(const char **at, struct nc_slice *paragraph_out, bool *verbatim_out);
/* One paragraph, its words filled to `width` columns behind `indent` spaces; the first line already
 * has `taken` columns. */
void nc_cli_put_filled(FILE *to, struct nc_slice paragraph, unsigned indent, unsigned taken,
                       unsigned width);

#endif
