/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fields that must hold together in the same elements of arrays.
 *
 * Arrays nest, so the leaves of the fields form a tree, and the question splits. Fields whose
 * leaves lie in different arrays do not depend on one another. Those in the same array need one
 * element that holds for all of them, which is the same question one level deeper. So it takes
 * about as many steps as there are leaves.
 *
 * This requires that, within an element, the leaves of a path lie either all in one array or all
 * outside. That is so unless a key stands twice in an object, or a dotted key beside a nested one.
 * In that case (it is called astray here) arrays_plainly.c tries all combinations, up to a limit.
 */
#include "plugins/pattern/match_private.h"

/* Where the leaves of a list lie, as seen at a depth. */
enum place {
	NOWHERE, /* there are none */
	HERE,    /* in no further array */
	INSIDE,  /* all in `array` */
	ASTRAY   /* neither */
};

static enum place place_of(const nacre_filter_leaf *const *leaves, size_t count, size_t depth,
                           uint32_t *array_out)
{
	if (count == 0)
		return NOWHERE;
	bool here = leaves[0]->trail_count == depth;
	uint32_t array = here ? 0 : leaves[0]->trail[depth].array;
	for (size_t i = 1; i < count; i++) {
		bool other = leaves[i]->trail_count == depth;
		if (other != here || (!here && leaves[i]->trail[depth].array != array))
			return ASTRAY;
	}
	*array_out = array;
	return here ? HERE : INSIDE;
}

/* Narrow the leaves to those in element `index`, which stand one after the other. */
static void narrow(const nacre_filter_leaf ***leaves, size_t *count, size_t depth, uint32_t index)
{
	size_t low = 0;
	size_t high = *count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if ((*leaves)[middle]->trail[depth].index < index) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	size_t end = low;
	while (end < *count && (*leaves)[end]->trail[depth].index == index)
		end++;
	*leaves += low;
	*count = end - low;
}

/* What is known of fields at a depth. */
enum answer {
	FAILS,
	HOLDS,
	IN_ARRAY, /* of one field: the elements of an array decide */
	UNTOLD    /* leaves are astray: this way cannot tell */
};

/* Whether the fields hold together at this depth. Never IN_ARRAY. */
static enum answer holds(const struct nc_arrayed *fields, size_t count, size_t depth);

/* Whether one element of the driver's array holds for all fields of the group. */
/* NOLINTNEXTLINE(misc-no-recursion): a level deeper into arrays, NC_JSON_DEPTH_MAX of them */
static enum answer group_holds(const struct nc_arrayed *group, size_t count,
                               const struct nc_arrayed *driver, size_t depth)
{
	struct nc_arrayed inside[NC_PATTERN_FIELDS_MAX];
	for (size_t i = 0; i < driver->hit_count; i++) {
		uint32_t index = driver->hits[i]->trail[depth].index;
		if (i > 0 && driver->hits[i - 1]->trail[depth].index == index)
			continue;
		for (size_t k = 0; k < count; k++) {
			inside[k] = group[k];
			narrow(&inside[k].hits, &inside[k].hit_count, depth, index);
			if (group[k].may_lack) /* of others nobody looks at all leaves */
				narrow(&inside[k].all, &inside[k].all_count, depth, index);
		}
		enum answer answer = holds(inside, count, depth + 1);
		if (answer != FAILS)
			return answer;
	}
	return FAILS;
}

/* What is known of one field at a depth. If it is IN_ARRAY, that array is `*array_out`. */
static enum answer field_look(const struct nc_arrayed *field, size_t depth, uint32_t *array_out)
{
	uint32_t hit_array = 0;
	enum place hits = place_of(field->hits, field->hit_count, depth, &hit_array);
	if (hits == ASTRAY)
		return UNTOLD;
	*array_out = hit_array;
	if (!field->may_lack)
		return hits == NOWHERE ? FAILS : hits == HERE ? HOLDS : IN_ARRAY;
	enum place all = place_of(field->all, field->all_count, depth, array_out);
	if (all == ASTRAY)
		return UNTOLD;
	if (all == NOWHERE || hits == HERE)
		return HOLDS;
	return all == HERE ? FAILS : IN_ARRAY;
}

/* Whether the fields of one array hold together. A field that must be there says which elements to
 * try. If all fields may be missing, each is tried as the one that is there. If all must be
 * missing, nothing chooses an element, and any leaf that is there is one too many. */
/* NOLINTNEXTLINE(misc-no-recursion): a level deeper into arrays, NC_JSON_DEPTH_MAX of them */
static enum answer array_holds(const struct nc_arrayed *group, size_t count, size_t depth)
{
	for (size_t i = 0; i < count; i++) {
		if (!group[i].may_lack)
			return group_holds(group, count, &group[i], depth);
	}
	for (size_t i = 0; i < count; i++) {
		enum answer answer = group_holds(group, count, &group[i], depth);
		if (answer != FAILS)
			return answer;
	}
	return FAILS;
}

/* Take the fields that lie in the same array as the first one out of `left`. */
static size_t group_take(struct nc_arrayed *left, uint32_t *arrays, size_t *left_count,
                         struct nc_arrayed *group)
{
	uint32_t array = arrays[0];
	size_t group_count = 0, kept = 0;
	for (size_t i = 0; i < *left_count; i++) {
		if (arrays[i] == array) {
			group[group_count++] = left[i];
		} else {
			left[kept] = left[i];
			arrays[kept++] = arrays[i];
		}
	}
	*left_count = kept;
	return group_count;
}

/* NOLINTNEXTLINE(misc-no-recursion): a level deeper into arrays, NC_JSON_DEPTH_MAX of them */
static enum answer holds(const struct nc_arrayed *fields, size_t count, size_t depth)
{
	struct nc_arrayed left[NC_PATTERN_FIELDS_MAX];
	uint32_t arrays[NC_PATTERN_FIELDS_MAX];
	size_t left_count = 0;
	for (size_t i = 0; i < count; i++) {
		enum answer look = field_look(&fields[i], depth, &arrays[left_count]);
		if (look == FAILS || look == UNTOLD)
			return look;
		if (look == IN_ARRAY)
			left[left_count++] = fields[i];
	}
	while (left_count > 0) {
		struct nc_arrayed group[NC_PATTERN_FIELDS_MAX];
		size_t group_count = group_take(left, arrays, &left_count, group);
		enum answer answer = array_holds(group, group_count, depth);
		if (answer != HOLDS)
			return answer;
	}
	return HOLDS;
}

bool nc_arrays_match(const struct nc_arrayed *fields, size_t field_count)
{
	enum answer answer = holds(fields, field_count, 0);
	return answer == UNTOLD ? nc_arrays_match_plainly(fields, field_count) : answer == HOLDS;
}
