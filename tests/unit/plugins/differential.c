/* SPDX-License-Identifier: GPL-3.0-or-later */
/* by_payload on random patterns and events: one by one, as sets, and as a slow, plain evaluator
 * says that reads the pattern anew each time and tries every combination of leaves. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugins/host/view.h"
#include "plugins/pattern/match_private.h"
#include "tests/unit/plugins/support.h"

static uint64_t state;

static size_t roll(size_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (size_t)((state >> 33) % below);
}

/* ---- Random texts: few names and values, so that they meet ----------------------------------- */

static void data_put(struct nc_buf *buf, int depth);

static void object_put(struct nc_buf *buf, int depth)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	size_t count = 1 + roll(3);
	nc_buf_put_str(buf, "{");
	for (size_t i = 0; i < count; i++) {
		/* A name may stand twice, or hold a dot: the hard way must be right too. */
		const char *name = roll(15) == 0 ? "a.b" : i > 0 && roll(10) == 0 ? "a" : names[i];
		nc_buf_printf(buf, "%s\"%s\":", i > 0 ? "," : "", name);
		data_put(buf, depth + 1);
	}
	nc_buf_put_str(buf, "}");
}

static void data_put(struct nc_buf *buf, int depth)
{
	static const char *const scalars[] = { "1",      "2",   "\"x\"", "1",
		                               "\"xy\"", "2.0", "null",  "true" };
	size_t kind = depth > 3 ? 0 : roll(8);
	if (depth == 0 || kind == 1) {
		object_put(buf, depth);
	} else if (kind >= 4) { /* mostly objects, which fields have to meet in */
		size_t count = roll(5);
		nc_buf_put_str(buf, "[");
		for (size_t i = 0; i < count; i++) {
			nc_buf_put_str(buf, i > 0 ? "," : "");
			if (roll(4) == 0) {
				data_put(buf, depth + 1);
			} else {
				object_put(buf, depth + 1);
			}
		}
		nc_buf_put_str(buf, "]");
	} else {
		nc_buf_put_str(buf, scalars[roll(8)]);
	}
}

static void list_put(struct nc_buf *buf)
{
	static const char *const values[] = { "1",
		                              "2",
		                              "\"x\"",
		                              "\"xy\"",
		                              "null",
		                              "true",
		                              "{\"exists\":false}",
		                              "{\"exists\":true}",
		                              "{\"prefix\":\"x\"}",
		                              "{\"suffix\":\"y\"}",
		                              "{\"anything-but\":\"x\"}",
		                              "{\"anything-but\":[1]}",
		                              "{\"numeric\":[\">\",1]}",
		                              "{\"wildcard\":\"x*\"}",
		                              "{\"wildcard\":\"*\"}",
		                              "{\"equals-ignore-case\":\"XY\"}" };
	size_t count = 1 + roll(2);
	nc_buf_put_str(buf, "[");
	for (size_t i = 0; i < count; i++) {
		nc_buf_printf(buf, "%s%s", i > 0 ? "," : "",
		              values[roll(2) == 0 ? roll(3) : roll(16)]);
	}
	nc_buf_put_str(buf, "]");
}

static void pattern_put(struct nc_buf *buf, int depth)
{
	size_t count = 1 + roll(3);
	nc_buf_put_str(buf, "{");
	for (size_t i = 0; i < count; i++) {
		nc_buf_printf(buf, "%s\"%c\":", i > 0 ? "," : "", "abcd"[i]);
		if (depth < 3 && roll(2) == 0) {
			pattern_put(buf, depth + 1);
		} else {
			list_put(buf);
		}
	}
	if (depth < 2 && roll(8) == 0) {
		nc_buf_put_str(
		        buf, ",\"$or\":[{\"d\":[1,\"x\"]},{\"e\":[{\"exists\":false}],\"d\":[2]}]");
	}
	nc_buf_put_str(buf, "}");
}

/* ---- The plain evaluator --------------------------------------------------------------------- */

static bool plain_match(const struct nc_pattern *pattern, const nacre_filter_view *view)
{
	for (size_t i = 0; i < pattern->alternative_count; i++) {
		const struct nc_alternative *alternative = &pattern->alternatives[i];
		struct nc_arrayed fields[NC_PATTERN_FIELDS_MAX];
		for (size_t f = 0; f < alternative->field_count; f++) {
			const struct nc_field *field = alternative->fields[f];
			fields[f] = (struct nc_arrayed){ .may_lack = field->may_lack };
			fields[f].hits = calloc(view->leaf_count + 1, sizeof *fields[f].hits);
			fields[f].all = calloc(view->leaf_count + 1, sizeof *fields[f].all);
			for (uint64_t k = 0; k < view->leaf_count; k++) {
				const nacre_filter_leaf *leaf = nacre_filter_leaf_at(view, k);
				if (!nc_slice_eq(nc_slice_in(leaf->path), field->path) ||
				    leaf->kind >= NACRE_FILTER_ARRAY)
					continue;
				fields[f].all[fields[f].all_count++] = leaf;
				if (nc_field_test(field, leaf) > 0)
					fields[f].hits[fields[f].hit_count++] = leaf;
			}
		}
		bool holds = nc_arrays_match_plainly(fields, alternative->field_count);
		for (size_t f = 0; f < alternative->field_count; f++) {
			free(fields[f].hits);
			free(fields[f].all);
		}
		if (holds)
			return true;
	}
	return false;
}

/* ---- The comparison -------------------------------------------------------------------------- */

#define PATTERNS 60
#define EVENTS   60
#define ROUNDS   24

static void bit_set(void *ctx, uint32_t id)
{
	bool *told = ctx;
	cr_expect_not(told[id], "told twice");
	told[id] = true;
}

static size_t compare(const struct nc_pattern *const *patterns, const struct nc_buf *sources,
                      const struct nc_pattern_set *set, const nacre_filter_view *view,
                      const struct nc_buf *data)
{
	bool told[PATTERNS] = { false };
	size_t found = 0;
	cr_assert_eq(nc_pattern_set_match(set, view, bit_set, told), 0);
	for (size_t i = 0; i < PATTERNS; i++) {
		bool want = plain_match(patterns[i], view);
		int have = nc_pattern_match(patterns[i], view);
		cr_expect_eq(have, (int)want, "alone: %.*s on %.*s: %d", (int)sources[i].size,
		             (char *)sources[i].data, (int)data->size, (char *)data->data, have);
		cr_expect_eq(told[i], want, "in a set: %.*s on %.*s", (int)sources[i].size,
		             (char *)sources[i].data, (int)data->size, (char *)data->data);
		found += want;
	}
	return found;
}

static size_t one_round(void)
{
	struct nc_pattern *patterns[PATTERNS];
	struct nc_buf sources[PATTERNS] = { 0 };
	uint32_t ids[PATTERNS];
	for (size_t i = 0; i < PATTERNS; i++) {
		nacre_filter_error error = { .struct_size = sizeof error };
		pattern_put(&sources[i], 0);
		ids[i] = (uint32_t)i;
		/* Some hold a path twice, by $or: those are refused. */
		while (nc_pattern_compile(nc_buf_slice(&sources[i]), NULL, &patterns[i], &error) <
		       0) {
			nc_buf_clear(&sources[i]);
			pattern_put(&sources[i], 0);
		}
	}
	struct nc_pattern_set *set;
	cr_assert_eq(
	        nc_pattern_set_new((const struct nc_pattern *const *)patterns, ids, PATTERNS, &set),
	        NC_OK);
	struct nc_view_builder builder = { 0 };
	struct nc_arena arena = { 0 };
	size_t found = 0;
	for (size_t i = 0; i < EVENTS; i++) {
		struct nc_buf data = { 0 };
		data_put(&data, 0);
		const nacre_filter_view *view =
		        nc_view_json(&builder, &arena, nc_buf_slice(&data), NULL);
		found += compare((const struct nc_pattern *const *)patterns, sources, set, view,
		                 &data);
		nc_arena_clear(&arena);
		nc_buf_release(&data);
	}
	nc_arena_release(&arena);
	nc_view_builder_release(&builder);
	nc_pattern_set_free(set);
	for (size_t i = 0; i < PATTERNS; i++) {
		nc_pattern_free(patterns[i]);
		nc_buf_release(&sources[i]);
	}
	return found;
}

Test(differential, alone_in_sets_and_plainly_are_one)
{
	state = 1;
	size_t found = 0;
	for (int i = 0; i < ROUNDS; i++)
		found += one_round();
	cr_expect_gt(found, 500u, "only %zu matches say little", found);
}
