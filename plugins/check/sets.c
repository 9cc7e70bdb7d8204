/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets: exactly the filters that would match alone, each told once. */
#include "plugins/check/check_private.h"

/* Ids are far apart and not in order, so that nobody takes them for indexes. */
static uint32_t id_of(size_t i)
{
	return (uint32_t)((FILTERS_MAX - i) * 7919);
}

struct told {
	const struct check *check;
	size_t from, count; /* the filters that are in the set */
	bool seen[FILTERS_MAX];
};

static void id_take(void *emit_ctx, uint32_t id)
{
	struct told *told = emit_ctx;
	for (size_t i = told->from; i < told->from + told->count; i++) {
		if (id_of(i) != id)
			continue;
		CHECK(!told->seen[i], "set_match: the id of %s is told twice",
		      told->check->filters[i].source);
		told->seen[i] = true;
		return;
	}
	check_fail("set_match: id %u is none of the set's", id);
}

static void check_event(const struct check *check, const void *set, size_t from, size_t count,
                        size_t event)
{
	struct told told = { .check = check, .from = from, .count = count };
	CHECK(check->plugin->set_match(set, check->events[event], id_take, &told) >= 0,
	      "set_match: no answer for event %zu", event);
	for (size_t i = from; i < from + count; i++) {
		CHECK(told.seen[i] == check_bit(check->filters[i].matched, event),
		      "set_match: event %zu is %s by %s in a set of %zu, and %s alone", event,
		      told.seen[i] ? "matched" : "not matched", check->filters[i].source, count,
		      told.seen[i] ? "not matched" : "matched");
	}
}

static void check_set(const struct check *check, size_t from, size_t count)
{
	const void *filters[FILTERS_MAX];
	uint32_t ids[FILTERS_MAX];
	for (size_t i = 0; i < count; i++) {
		filters[i] = check->filters[from + i].compiled;
		ids[i] = id_of(from + i);
	}
	void *set = NULL;
	CHECK(check->plugin->set_build(filters, ids, count, &set) >= 0 && set != NULL,
	      "set_build: no set of %zu filters", count);
	memset(filters, 0xaa, sizeof filters); /* the lists were lent */
	memset(ids, 0xaa, sizeof ids);
	for (size_t i = 0; i < check->event_count; i++)
		check_event(check, set, from, count, i);
	check->plugin->set_destroy(set);
}

void check_sets(struct check *check)
{
	if (check->plugin->set_build == NULL)
		return;
	check_set(check, 0, check->filter_count);
	for (size_t i = 0; i < check->filter_count; i++)
		check_set(check, i, 1);
	if (check->filter_count > 2)
		check_set(check, 1, check->filter_count - 2);
}
