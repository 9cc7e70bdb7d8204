/* SPDX-License-Identifier: GPL-3.0-or-later */
/* matcher.h -- one condition on one value: a literal or an operator of an EventBridge pattern.
 * A matcher never changes once made: any number of threads may ask it. */
#ifndef NC_PLUGINS_PATTERN_MATCHER_H
#define NC_PLUGINS_PATTERN_MATCHER_H

#include "core/base/decimal.h"
#include "plugins/pattern/selector.h"

enum nc_matcher_kind {
	NC_MATCH_NULL,
	NC_MATCH_FALSE,
	NC_MATCH_TRUE,
	NC_MATCH_NUMBER, /* low */
	NC_MATCH_STRING, /* text, and so on to WILDCARD */
	NC_MATCH_PREFIX,
	NC_MATCH_SUFFIX,
	NC_MATCH_FOLD, /* text is folded, as in the next two */
	NC_MATCH_FOLD_PREFIX,
	NC_MATCH_FOLD_SUFFIX,
	NC_MATCH_WILDCARD, /* as it was written, escapes and all */
	NC_MATCH_RANGE,    /* low, high and their flags */
	NC_MATCH_CIDR,     /* address, bits */
	NC_MATCH_EXISTS,   /* any value */
	NC_MATCH_BUT       /* none of `inner` */
};

struct nc_matcher {
	enum nc_matcher_kind kind;
	bool has_low, has_high, low_open, high_open; /* of a range */
	uint8_t bits;                                /* of the 128, of a CIDR's prefix */
	uint8_t address[16];                         /* IPv4 as ::ffff:a.b.c.d */
	struct nc_slice text;
	struct nc_decimal low, high;
	const struct nc_matcher *inner; /* [inner_count] */
	size_t inner_count;
};

/* Whether the value is such; containers never are. Negative: NACRE_FILTER_NO_MEMORY. */
int nc_matcher_test(const struct nc_matcher *matcher, const nacre_filter_leaf *leaf);

/* A number leaf's number. */
struct nc_decimal nc_leaf_number(const nacre_filter_leaf *leaf);

/* "10.0.0.0/8" or "fe80::/10", or an address alone, which is a block of itself. Those of IPv4 are
 * ::ffff:0:0/96. */
#define NC_CIDR_V4_BITS 96
bool nc_cidr_parse(struct nc_slice text, uint8_t address_out[16], uint8_t *bits_out);

/* Whether `text` is what the wildcard means: '*' any bytes, '\*' and '\\' themselves. */
bool nc_wildcard_test(struct nc_slice wildcard, struct nc_slice text);

#endif
