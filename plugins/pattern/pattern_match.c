/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Matching one pattern against one view. Fields outside arrays are decided one by one; arrays.c
 * decides the others. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "plugins/pattern/match_private.h"

/* What a look at a field's own leaves tells. */
enum verdict {
	MATCHES,
	CANNOT_MATCH,
	DEPENDS /* on the elements of arrays that the other fields choose */
};

/* How many leaves a field has, how many of them its conditions match, and whether there are such
 * outside arrays. */
struct tally {
	size_t hits, all;
	bool hit_outside, any_outside;
};

int nc_field_test(const struct nc_field *field, const nacre_filter_leaf *leaf)
{
	for (size_t i = 0; i < field->matcher_count; i++) {
		int answer = nc_matcher_test(&field->matchers[i], leaf);
		if (answer != 0)
			return answer;
	}
	return 0;
}

static int tally_take(const struct nc_leaves *leaves, const struct nc_field *field,
                      struct tally *tally)
{
	*tally = (struct tally){ 0 };
	for (uint32_t at = nc_leaves_next(leaves, field, NC_LEAVES_NONE); at != NC_LEAVES_NONE;
	     at = nc_leaves_next(leaves, field, at)) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(leaves->view, at);
		int hit = nc_field_test(field, leaf);
		if (hit < 0)
			return hit;
		bool outside = leaf->trail_count == 0;
		tally->all++;
		tally->hits += hit != 0;
		tally->any_outside = tally->any_outside || outside;
		tally->hit_outside = tally->hit_outside || (hit != 0 && outside);
		if (tally->hit_outside)
			break; /* whatever else there is */
	}
	return NACRE_FILTER_OK;
}

static enum verdict judge(const struct nc_field *field, const struct tally *tally)
{
	if (tally->hit_outside)
		return MATCHES;
	if (!field->may_lack)
		return tally->hits == 0 ? CANNOT_MATCH : DEPENDS;
	if (tally->all == 0)
		return MATCHES;
	return tally->any_outside && tally->hits == 0 ? CANNOT_MATCH : DEPENDS;
}

/* Collect a field's leaves, and those of them that match, into the room of each. */
static int arrayed_fill(const struct nc_leaves *leaves, const struct nc_field *field,
                        struct nc_arrayed *to)
{
	for (uint32_t at = nc_leaves_next(leaves, field, NC_LEAVES_NONE); at != NC_LEAVES_NONE;
	     at = nc_leaves_next(leaves, field, at)) {
		const nacre_filter_leaf *leaf = nacre_filter_leaf_at(leaves->view, at);
		int answer = nc_field_test(field, leaf);
		if (answer < 0)
			return answer;
		if (answer > 0)
			to->hits[to->hit_count++] = leaf;
		to->all[to->all_count++] = leaf;
	}
	return NACRE_FILTER_OK;
}

/* Collect the leaves of the undecided fields, and ask whether they hold together. */
static int arrays_ask(const struct nc_leaves *leaves, const struct nc_field *const *fields,
                      const struct tally *tallies, size_t count)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += tallies[i].hits + tallies[i].all;
	const nacre_filter_leaf **room = malloc(total * sizeof(const nacre_filter_leaf *));
	if (room == NULL)
		return NACRE_FILTER_NO_MEMORY;
	const nacre_filter_leaf **next = room;
	struct nc_arrayed arrayed[NC_PATTERN_FIELDS_MAX];
	int answer = NACRE_FILTER_OK;
	for (size_t i = 0; i < count && answer == NACRE_FILTER_OK; i++) {
		arrayed[i] = (struct nc_arrayed){ .hits = next,
			                          .all = next + tallies[i].hits,
			                          .may_lack = fields[i]->may_lack };
		next += tallies[i].hits + tallies[i].all;
		answer = arrayed_fill(leaves, fields[i], &arrayed[i]);
	}
	if (answer == NACRE_FILTER_OK)
		answer = nc_arrays_match(arrayed, count);
	free(room);
	return answer;
}

int nc_alternative_match(const struct nc_alternative *alternative, const struct nc_leaves *leaves)
{
	const struct nc_field *undecided[NC_PATTERN_FIELDS_MAX];
	struct tally tallies[NC_PATTERN_FIELDS_MAX];
	size_t count = 0;
	nc_assert(alternative->field_count <= NC_PATTERN_FIELDS_MAX);
	for (size_t i = 0; i < alternative->field_count; i++) {
		const struct nc_field *field = alternative->fields[i];
		int answer = tally_take(leaves, field, &tallies[count]);
		if (answer < 0)
			return answer;
		enum verdict verdict = judge(field, &tallies[count]);
		if (verdict == CANNOT_MATCH)
			return 0;
		if (verdict == DEPENDS)
			undecided[count++] = field;
	}
	if (count == 0)
		return 1;
	if (count == 1) /* it has all elements to choose from; but all of them are there */
		return tallies[0].hits > 0;
	return arrays_ask(leaves, undecided, tallies, count);
}

int nc_pattern_match(const struct nc_pattern *pattern, const nacre_filter_view *view)
{
	struct nc_leaves leaves;
	nc_leaves_init(&leaves, view);
	/* Looking at all leaves is cheaper than a table, for a few fields. */
	size_t looks = 0;
	for (size_t i = 0; i < pattern->alternative_count; i++)
		looks += pattern->alternatives[i].field_count;
	if (looks > 8) {
		int answer = nc_leaves_index(&leaves);
		if (answer < 0)
			return answer;
	}
	int answer = 0;
	for (size_t i = 0; answer == 0 && i < pattern->alternative_count; i++)
		answer = nc_alternative_match(&pattern->alternatives[i], &leaves);
	nc_leaves_release(&leaves);
	return answer;
}
