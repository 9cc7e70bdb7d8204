/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fold.h -- text without case: each character folded to one (Unicode's simple folding, no locale).
 * Bytes that are not UTF-8 stay as they are. Any thread. */
#ifndef NC_PLUGINS_PATTERN_FOLD_H
#define NC_PLUGINS_PATTERN_FOLD_H

#include "core/base/slice.h"

/* A character takes at most half as many bytes more (U+023A, 2 bytes, folds to 3). */
#define NC_FOLD_SIZE_MAX(size) ((size) + (size) / 2 + 1)

/* Write `text` folded to `out`, which has NC_FOLD_SIZE_MAX(text.size) bytes; gives the size. */
size_t nc_fold(struct nc_slice text, uint8_t *out);

#endif
