/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One condition against one value. */
#include "plugins/pattern/matcher.h"

#include <stdlib.h>

#include "plugins/pattern/fold.h"

#define FOLD_ON_STACK 512 /* bytes of text that need no allocation */

struct nc_decimal nc_leaf_number(const nacre_filter_leaf *leaf)
{
	struct nc_decimal number = { .kind = (enum nc_decimal_kind)leaf->number_kind };
	if (number.kind == NC_DECIMAL_F64) {
		number.f64 = leaf->number.f64;
	} else {
		number.u64 = leaf->number.u64; /* the same bits as an i64 */
	}
	return number;
}

static bool is_nan(struct nc_decimal number)
{
	return number.kind == NC_DECIMAL_F64 && number.f64 != number.f64;
}

static bool in_range(const struct nc_matcher *matcher, struct nc_decimal number)
{
	if (is_nan(number))
		return false;
	if (matcher->has_low) {
		int order = nc_decimal_cmp(number, matcher->low);
		if (order < 0 || (order == 0 && matcher->low_open))
			return false;
	}
	if (matcher->has_high) {
		int order = nc_decimal_cmp(number, matcher->high);
		if (order > 0 || (order == 0 && matcher->high_open))
			return false;
	}
	return true;
}

static bool number_test(const struct nc_matcher *matcher, const nacre_filter_leaf *leaf)
{
	struct nc_decimal number = nc_leaf_number(leaf);
	if (matcher->kind == NC_MATCH_RANGE)
		return in_range(matcher, number);
	return matcher->kind == NC_MATCH_NUMBER && nc_decimal_cmp(number, matcher->low) == 0 &&
	       !is_nan(number);
}

static bool ends_with(struct nc_slice text, struct nc_slice end)
{
	return text.size >= end.size && nc_slice_eq(nc_slice_from(text, text.size - end.size), end);
}

static bool cidr_test(const struct nc_matcher *matcher, struct nc_slice text)
{
	uint8_t address[16];
	uint8_t bits;
	if (memchr(text.data == NULL ? (const uint8_t *)"" : text.data, '/', text.size) != NULL ||
	    !nc_cidr_parse(text, address, &bits))
		return false;
	/* "::/0" is all of IPv6, and an address that is written as one of IPv4 is none of those. */
	bool v4 = memchr(text.data, ':', text.size) == NULL;
	if (v4 && matcher->bits < NC_CIDR_V4_BITS)
		return false;
	size_t whole = matcher->bits / 8;
	if (memcmp(address, matcher->address, whole) != 0)
		return false;
	unsigned rest = matcher->bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);
	return rest == 0 || ((address[whole] ^ matcher->address[whole]) & mask) == 0;
}

static int fold_test(const struct nc_matcher *matcher, struct nc_slice text)
{
	uint8_t on_stack[NC_FOLD_SIZE_MAX(FOLD_ON_STACK)];
	uint8_t *room = on_stack;
	if (text.size > FOLD_ON_STACK) {
		room = malloc(NC_FOLD_SIZE_MAX(text.size));
		if (room == NULL)
			return NACRE_FILTER_NO_MEMORY;
	}
	struct nc_slice folded = nc_slice(room, nc_fold(text, room));
	bool holds = matcher->kind == NC_MATCH_FOLD ? nc_slice_eq(folded, matcher->text)
	             : matcher->kind == NC_MATCH_FOLD_PREFIX
	                     ? nc_slice_starts(folded, matcher->text)
	                     : ends_with(folded, matcher->text);
	if (room != on_stack)
		free(room);
	return holds;
}

/* Whether `text` begins with the literal bytes that `wildcard` begins with, up to a star. They are
 * unescaped one by one. Both are moved past them. */
static bool literal_take(struct nc_slice *wildcard, struct nc_slice *text)
{
	size_t at = 0;
	size_t taken = 0;
	while (at < wildcard->size && wildcard->data[at] != '*') {
		if (wildcard->data[at] == '\\' && at + 1 < wildcard->size)
			at++;
		if (taken == text->size || text->data[taken] != wildcard->data[at])
			return false;
		at++;
		taken++;
	}
	*wildcard = nc_slice_from(*wildcard, at);
	*text = nc_slice_from(*text, taken);
	return true;
}

bool nc_wildcard_test(struct nc_slice wildcard, struct nc_slice text)
{
	/* Behind a star the first place where the next literal fits is as good as any later one,
	 * unless the literal ends the wildcard: then text must end with it. */
	if (!literal_take(&wildcard, &text))
		return false;
	while (wildcard.size > 0) {
		wildcard = nc_slice_from(wildcard, 1);
		if (wildcard.size == 0)
			return true; /* a star at the end takes all */
		for (;;) {
			struct nc_slice rest = wildcard;
			struct nc_slice left = text;
			if (literal_take(&rest, &left) && (rest.size > 0 || left.size == 0)) {
				wildcard = rest;
				text = left;
				break;
			}
			if (text.size == 0)
				return false;
			text = nc_slice_from(text, 1);
		}
	}
	return text.size == 0;
}

static int string_test(const struct nc_matcher *matcher, struct nc_slice text)
{
	switch (matcher->kind) {
	case NC_MATCH_STRING:
		return nc_slice_eq(text, matcher->text);
	case NC_MATCH_PREFIX:
		return nc_slice_starts(text, matcher->text);
	case NC_MATCH_SUFFIX:
		return ends_with(text, matcher->text);
	case NC_MATCH_FOLD:
	case NC_MATCH_FOLD_PREFIX:
	case NC_MATCH_FOLD_SUFFIX:
		return fold_test(matcher, text);
	case NC_MATCH_WILDCARD:
		return nc_wildcard_test(matcher->text, text);
	case NC_MATCH_CIDR:
		return cidr_test(matcher, text);
	default:
		return 0;
	}
}

static int scalar_test(const struct nc_matcher *matcher, const nacre_filter_leaf *leaf)
{
	switch (leaf->kind) {
	case NACRE_FILTER_NULL:
		return matcher->kind == NC_MATCH_NULL;
	case NACRE_FILTER_FALSE:
		return matcher->kind == NC_MATCH_FALSE;
	case NACRE_FILTER_TRUE:
		return matcher->kind == NC_MATCH_TRUE;
	case NACRE_FILTER_NUMBER:
		return number_test(matcher, leaf);
	case NACRE_FILTER_STRING:
		return string_test(matcher, nc_slice_in(leaf->text));
	default:
		return 0;
	}
}

/* Test `anything-but`. Its inner matchers are neither `exists` nor of its own kind. */
static int but_test(const struct nc_matcher *matcher, const nacre_filter_leaf *leaf)
{
	for (size_t i = 0; i < matcher->inner_count; i++) {
		int answer = scalar_test(&matcher->inner[i], leaf);
		if (answer != 0)
			return answer < 0 ? answer : 0;
	}
	return 1;
}

int nc_matcher_test(const struct nc_matcher *matcher, const nacre_filter_leaf *leaf)
{
	if (leaf->kind == NACRE_FILTER_ARRAY || leaf->kind == NACRE_FILTER_OBJECT)
		return 0;
	if (matcher->kind == NC_MATCH_EXISTS)
		return 1;
	return matcher->kind == NC_MATCH_BUT ? but_test(matcher, leaf) : scalar_test(matcher, leaf);
}
