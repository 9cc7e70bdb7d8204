/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fields that must hold together in the same elements of arrays, by trying all combinations of
 * their leaves: slow, but right whatever the data look like. */
#include "core/base/assert.h"
#include "plugins/pattern/match_private.h"

#define STEPS_MAX 100000 /* comparisons of two leaves; the answer is no after that */

struct attempt {
	const struct nc_arrayed *fields;
	size_t field_count;
	const nacre_filter_leaf *chosen[NC_PATTERN_FIELDS_MAX]; /* NULL: lacks */
	size_t steps;
};

static bool meet(const nacre_filter_leaf *a, const nacre_filter_leaf *b)
{
	size_t shared = a->trail_count < b->trail_count ? a->trail_count : b->trail_count;
	for (size_t i = 0; i < shared && a->trail[i].array == b->trail[i].array; i++) {
		if (a->trail[i].index != b->trail[i].index)
			return false;
	}
	return true;
}

static bool meets_chosen(struct attempt *attempt, size_t count, const nacre_filter_leaf *leaf)
{
	for (size_t i = 0; i < count; i++) {
		attempt->steps++;
		if (attempt->chosen[i] != NULL && !meet(attempt->chosen[i], leaf))
			return false;
	}
	return true;
}

static bool lacks_hold(struct attempt *attempt)
{
	for (size_t i = 0; i < attempt->field_count; i++) {
		const struct nc_arrayed *field = &attempt->fields[i];
		if (attempt->chosen[i] != NULL)
			continue;
		for (size_t k = 0; k < field->all_count; k++) {
			if (meets_chosen(attempt, attempt->field_count, field->all[k]))
				return false;
		}
	}
	return true;
}

/* NOLINTNEXTLINE(misc-no-recursion): one field deeper, NC_PATTERN_FIELDS_MAX of them */
static bool choose(struct attempt *attempt, size_t at)
{
	if (attempt->steps > STEPS_MAX)
		return false;
	if (at == attempt->field_count)
		return lacks_hold(attempt);
	const struct nc_arrayed *field = &attempt->fields[at];
	for (size_t i = 0; i < field->hit_count; i++) {
		if (!meets_chosen(attempt, at, field->hits[i]))
			continue;
		attempt->chosen[at] = field->hits[i];
		if (choose(attempt, at + 1))
			return true;
	}
	attempt->chosen[at] = NULL;
	return field->may_lack && choose(attempt, at + 1);
}

bool nc_arrays_match_plainly(const struct nc_arrayed *fields, size_t field_count)
{
	struct attempt attempt = { .fields = fields, .field_count = field_count };
	nc_assert(field_count <= NC_PATTERN_FIELDS_MAX);
	return choose(&attempt, 0);
}
