/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match_private.h -- one alternative against one view, for single patterns and for sets. */
#ifndef NC_PLUGINS_PATTERN_MATCH_PRIVATE_H
#define NC_PLUGINS_PATTERN_MATCH_PRIVATE_H

#include "plugins/pattern/pattern.h"

#define LEAVES_ON_STACK 128
#define LEAVES_NONE     UINT32_MAX

/* A view whose leaves can be found by path; without a table by looking at all of them. */
struct nc_leaves {
	const nacre_filter_view *view;
	uint32_t *heads; /* [mask + 1] by path hash, NULL: no table */
	uint32_t *next;  /* [leaf_count] */
	size_t mask;
	uint32_t on_stack[LEAVES_ON_STACK * 3];
	bool allocated;
};

void nc_leaves_init(struct nc_leaves *leaves, const nacre_filter_view *view);
/* Make the table. Errors: NACRE_FILTER_NO_MEMORY. */
int nc_leaves_index(struct nc_leaves *leaves);
void nc_leaves_release(struct nc_leaves *leaves);

/* The next value (no container) at the field's path behind leaf `after`, LEAVES_NONE for the first;
 * LEAVES_NONE if there is none. In the order of the data. */
uint32_t nc_leaves_next(const struct nc_leaves *leaves, const struct nc_field *field,
                        uint32_t after);

/* 1, 0 or NACRE_FILTER_NO_MEMORY. */
int nc_field_test(const struct nc_field *field, const nacre_filter_leaf *leaf);
int nc_alternative_match(const struct nc_alternative *alternative, const struct nc_leaves *leaves);

/* What is left of an alternative when only fields within arrays are undecided. */
struct nc_arrayed {
	const nacre_filter_leaf **hits; /* leaves that the field's values match */
	size_t hit_count;
	const nacre_filter_leaf **all; /* leaves at its path, read when it may lack */
	size_t all_count;
	bool may_lack;
};

/* Whether the fields hold together: see pattern.h. Leaves are in the data's order. */
bool nc_arrays_match(const struct nc_arrayed *fields, size_t field_count);

/* The same by trying everything: for what the fast way cannot tell, and for tests. Gives up, and
 * says no, after a fixed number of steps. */
bool nc_arrays_match_plainly(const struct nc_arrayed *fields, size_t field_count);

#endif
