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
	NC_MATCH_NUMBER, /* equal to `low` */
	/* These look at `text`. It is folded for those that fold, and a wildcard's is as it was
	 * written, with its escapes. */
	NC_MATCH_STRING,
	NC_MATCH_PREFIX,
	NC_MATCH_SUFFIX,
	NC_MATCH_FOLD,
	NC_MATCH_FOLD_PREFIX,
	NC_MATCH_FOLD_SUFFIX,
	NC_MATCH_WILDCARD,
	NC_MATCH_RANGE,  /* low, high and their flags */
	NC_MATCH_CIDR,   /* address and bits */
	NC_MATCH_EXISTS, /* any value */
	NC_MATCH_BUT     /* a value that none of `inner` matches */
};

struct nc_matcher {
	enum nc_matcher_kind kind;
	bool has_low, has_high, low_open, high_open; /* of a range; open: the bound is not in it */
	uint8_t bits;                                /* how many of a CIDR's 128 must be equal */
	uint8_t address[16];                         /* IPv4 as ::ffff:a.b.c.d */
	struct nc_slice text;
	struct nc_decimal low, high;
	const struct nc_matcher *inner; /* [inner_count] */
	size_t inner_count;
};

/* Whether a value matches: 1 or 0, or NACRE_FILTER_NO_MEMORY. Containers never do. */
int nc_matcher_test(const struct nc_matcher *matcher, const nacre_filter_leaf *leaf);

/* The number of a leaf that is one. */
struct nc_decimal nc_leaf_number(const nacre_filter_leaf *leaf);

/* Read a block of addresses, as "10.0.0.0/8" or "fe80::/10", or a single address, which is a block
 * of itself. Blocks of IPv4 lie in ::ffff:0:0/96. False if it is none. */
#define NC_CIDR_V4_BITS 96
bool nc_cidr_parse(struct nc_slice text, uint8_t address_out[16], uint8_t *bits_out);

/* Whether `text` matches the wildcard, in which '*' stands for any bytes, and '\*' and '\\' for a
 * star and a backslash. */
bool nc_wildcard_test(struct nc_slice wildcard, struct nc_slice text);

#endif
