/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pattern, a NUL, JSON data: asked alone, through a set, and plainly, the answer is one. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "plugins/host/view.h"
#include "plugins/pattern/match_private.h"
#include "tests/fuzz/fuzz.h"

#define LEAVES_MAX 40 /* more, and trying everything gives up */
#define FIELDS_MAX 6

static bool alternative_plainly(const struct nc_alternative *alternative,
                                const nacre_filter_view *view)
{
	static const nacre_filter_leaf *hits[FIELDS_MAX][LEAVES_MAX], *all[FIELDS_MAX][LEAVES_MAX];
	struct nc_arrayed fields[FIELDS_MAX];
	for (size_t f = 0; f < alternative->field_count; f++) {
		const struct nc_field *field = alternative->fields[f];
		fields[f] = (struct nc_arrayed){ .hits = hits[f],
			                         .all = all[f],
			                         .may_lack = field->may_lack };
		for (uint64_t i = 0; i < view->leaf_count; i++) {
			const nacre_filter_leaf *leaf = nacre_filter_leaf_at(view, i);
			if (!nc_slice_eq(nc_slice_in(leaf->path), field->path) ||
			    leaf->kind == NACRE_FILTER_ARRAY || leaf->kind == NACRE_FILTER_OBJECT)
				continue;
			fields[f].all[fields[f].all_count++] = leaf;
			if (nc_field_test(field, leaf) > 0)
				fields[f].hits[fields[f].hit_count++] = leaf;
		}
	}
	return nc_arrays_match_plainly(fields, alternative->field_count);
}

static void count(void *ctx, uint32_t id)
{
	int *told = ctx;
	nc_assert(id == 7);
	(*told)++;
}

static void compare(const struct nc_pattern *pattern, const nacre_filter_view *view)
{
	bool want = false;
	for (size_t i = 0; i < pattern->alternative_count; i++) {
		if (pattern->alternatives[i].field_count > FIELDS_MAX)
			return;
		want = want || alternative_plainly(&pattern->alternatives[i], view);
	}
	nc_assert(nc_pattern_match(pattern, view) == (int)want);
	struct nc_pattern_set *set;
	const uint32_t id = 7;
	nc_assert(nc_pattern_set_new(&pattern, &id, 1, &set) == NC_OK);
	int told = 0;
	nc_assert(nc_pattern_set_match(set, view, count, &told) == 0);
	nc_assert(told == (int)want);
	nc_pattern_set_free(set);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	const uint8_t *cut = size == 0 ? NULL : memchr(input, 0, size);
	if (cut == NULL)
		return 0;
	nacre_filter_error error = { .struct_size = sizeof error };
	struct nc_pattern *pattern;
	size_t pattern_size = (size_t)(cut - input);
	if (nc_pattern_compile(nc_slice(input, pattern_size), NULL, &pattern, &error) < 0)
		return 0;
	struct nc_view_builder builder = { 0 };
	struct nc_arena arena = { 0 };
	const nacre_filter_view *view =
	        nc_view_json(&builder, &arena, nc_slice(cut + 1, size - pattern_size - 1), NULL);
	nc_assert(view != NULL);
	if (view->state > 0 && view->leaf_count <= LEAVES_MAX)
		compare(pattern, view);
	nc_arena_release(&arena);
	nc_view_builder_release(&builder);
	nc_pattern_free(pattern);
	return 0;
}
