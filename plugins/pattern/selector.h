/* SPDX-License-Identifier: GPL-3.0-or-later */
/* selector.h -- what selectors of all bundled plugins have in common: slices, errors with a place.
 * Any thread. */
#ifndef NC_PLUGINS_PATTERN_SELECTOR_H
#define NC_PLUGINS_PATTERN_SELECTOR_H

#include "core/base/err.h"
#include "core/base/slice.h"
#include "plugins/nacre_filter.h"

static inline struct nc_slice nc_slice_in(nacre_filter_slice slice)
{
	return nc_slice(slice.data, slice.size);
}

static inline nacre_filter_slice nc_slice_out(struct nc_slice slice)
{
	return (nacre_filter_slice){ slice.data, slice.size };
}

/* Fill `error` and give NACRE_FILTER_REFUSED, to be returned at once. */
__attribute__((format(printf, 3, 4))) int
nc_selector_refuse(nacre_filter_error *error, size_t offset, const char *format, ...);

/* Fill `error` and give NACRE_FILTER_NO_MEMORY. */
int nc_selector_no_memory(nacre_filter_error *error);

/* Where the leaf stands in the source. */
size_t nc_selector_offset(const nacre_filter_selector *selector, const nacre_filter_leaf *leaf);

/* Where byte `index` of a string leaf's text stands in the source, escapes counted. */
size_t nc_selector_text_offset(const nacre_filter_selector *selector, const nacre_filter_leaf *leaf,
                               size_t index);

/* Whether the selector is a string, or a list that holds nothing but strings: then every leaf of
 * its view is one of them. Else *error says `expected`.
 * Errors: NACRE_FILTER_REFUSED. */
int nc_selector_strings(const nacre_filter_selector *selector, const char *expected,
                        nacre_filter_error *error);

#endif
