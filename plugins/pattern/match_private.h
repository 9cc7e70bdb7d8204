/* SPDX-License-Identifier: GPL-3.0-or-later */
/* match_private.h -- one alternative against one view, for single patterns and for sets. */
#ifndef NC_PLUGINS_PATTERN_MATCH_PRIVATE_H
#define NC_PLUGINS_PATTERN_MATCH_PRIVATE_H

#include "plugins/pattern/pattern.h"

#define NC_LEAVES_ON_STACK 128
#define NC_LEAVES_NONE     UINT32_MAX

/* A view whose leaves can be found by path: with a table, or without one by looking at all of them.
 */
struct nc_leaves {
	const nacre_filter_view *view;
	uint32_t *heads; /* [mask + 1], by the hash of the path; NULL: there is no table */
	uint32_t *next;  /* [leaf_count], the next leaf in the same chain */
	size_t mask;
	uint32_t on_stack[NC_LEAVES_ON_STACK * 3];
	bool allocated;
};

void nc_leaves_init(struct nc_leaves *leaves, const nacre_filter_view *view);
/* Make the table. Errors: NACRE_FILTER_NO_MEMORY. */
int nc_leaves_index(struct nc_leaves *leaves);
void nc_leaves_release(struct nc_leaves *leaves);

/* The next leaf at the field's path that is a value and no container, in the order of the data.
 * `after` is the one before it, or NC_LEAVES_NONE for the first. NC_LEAVES_NONE if there is none.
 */
uint32_t nc_leaves_next(const struct nc_leaves *leaves, const struct nc_field *field,
                        uint32_t after);

/* Whether a field or an alternative matches: 1 or 0, or NACRE_FILTER_NO_MEMORY. */
int nc_field_test(const struct nc_field *field, const nacre_filter_leaf *leaf);
int nc_alternative_match(const struct nc_alternative *alternative, const struct nc_leaves *leaves);

/* A field within arrays, which only the other such fields of its alternative can decide. */
struct nc_arrayed {
	const nacre_filter_leaf **hits; /* [hit_count], the leaves that its conditions match */
	size_t hit_count;
	const nacre_filter_leaf *
	        *all; /* [all_count], all leaves at its path; read if it may lack */
	size_t all_count;
	bool may_lack; /* `exists:false` is one of its conditions */
};

/* Whether the fields hold together (pattern.h). Leaves are in the order of the data. */
bool nc_arrays_match(const struct nc_arrayed *fields, size_t field_count);

/* The same, by trying everything: for what the fast way cannot tell, and for tests. After a fixed
 * number of steps it gives up, and the answer is no. */
bool nc_arrays_match_plainly(const struct nc_arrayed *fields, size_t field_count);

#endif
