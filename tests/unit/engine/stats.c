/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counts of types and categories. */
#include <stdio.h>

#include "core/engine/stats.h"
#include "tests/unit/engine/store.h"

static struct store store;

static void setup(void)
{
	store_open(&store);
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(stats, .init = setup, .fini = teardown);

static struct nc_stats *made(uint64_t limit)
{
	struct nc_stats *stats;
	cr_assert_eq(nc_stats_new(limit, &stats), NC_OK);
	return stats;
}

static bool step(struct nc_stats *stats, size_t names)
{
	bool done = false;
	cr_assert_eq(nc_stats_step(stats, store.reader, names, &done), NC_OK);
	return done;
}

static bool see(void *ctx, struct nc_slice name, uint64_t events)
{
	char *text = ctx;
	size_t used = strlen(text);
	(void)snprintf(text + used, 4096 - used, "%.*s=%llu ", (int)name.size,
	               (const char *)name.data, (unsigned long long)events);
	return true;
}

static void expect(struct nc_stats *stats, enum nc_stats_kind kind, uint64_t names,
                   const char *want)
{
	char text[4096] = "";
	nc_stats_each(stats, kind, see, text);
	cr_expect_str_eq(text, want, "'%s', not '%s'", text, want);
	cr_expect_eq(nc_stats_names(stats, kind), names, "%llu",
	             (unsigned long long)nc_stats_names(stats, kind));
}

/* T1 once, T2 twice, ... of categories c1 to c3 in turn; each event with a tag, which is a name
 * too. */
static void some_events(void)
{
	unsigned position = 0;
	for (unsigned type = 1; type <= 5; type++) {
		for (unsigned i = 0; i < type; i++) {
			char name[8], stream[16];
			(void)snprintf(name, sizeof name, "T%u", type);
			(void)snprintf(stream, sizeof stream, "c%u.%u", 1 + position++ % 3, i);
			APPEND(&store, .stream = stream, .type = name, .tags = { name });
		}
	}
}

Test(stats, of_an_empty_store_are_empty)
{
	struct nc_stats *stats = made(10);
	cr_expect(step(stats, 10));
	cr_expect_eq(nc_stats_head(stats)->position, 0u);
	expect(stats, NC_STATS_TYPES, 0, "");
	expect(stats, NC_STATS_CATEGORIES, 0, "");
	nc_stats_free(stats);
	nc_stats_free(NULL);
}

Test(stats, name_the_most_frequent_first_however_many_steps_they_take)
{
	some_events();
	for (size_t names = 1; names < 12; names++) {
		struct nc_stats *stats = made(100);
		unsigned steps = 1;
		while (!step(stats, names))
			cr_assert_lt(steps++, 12u);
		cr_expect_geq(steps * names, 8u, "%u steps of %zu", steps, names);
		expect(stats, NC_STATS_TYPES, 5, "T5=5 T4=4 T3=3 T2=2 T1=1 ");
		expect(stats, NC_STATS_CATEGORIES, 3, "c1=5 c2=5 c3=5 ");
		cr_expect_eq(nc_stats_head(stats)->events, 15u);
		nc_stats_free(stats);
	}
}

Test(stats, keep_the_most_frequent_of_many)
{
	some_events();
	for (size_t names = 1; names < 12; names += 5) {
		struct nc_stats *stats = made(2);
		while (!step(stats, names))
			;
		expect(stats, NC_STATS_TYPES, 5, "T5=5 T4=4 ");
		expect(stats, NC_STATS_CATEGORIES, 3, "c1=5 c2=5 ");
		nc_stats_free(stats);
	}
}

Test(stats, are_of_one_moment_though_events_come_between_steps)
{
	some_events();
	struct nc_stats *stats = made(100);
	while (!step(stats, 1)) {
		APPEND(&store, .stream = "c3.9", .type = "T1");
		APPEND(&store, .stream = "a.1", .type = "A");
		APPEND(&store, .stream = "z.1", .type = "Z");
	}
	expect(stats, NC_STATS_TYPES, 5, "T5=5 T4=4 T3=3 T2=2 T1=1 ");
	expect(stats, NC_STATS_CATEGORIES, 3, "c1=5 c2=5 c3=5 ");
	cr_expect_eq(nc_stats_head(stats)->position, 15u);
	nc_stats_free(stats);
}

/* The sums of all that are given are the events that there are. */
Test(stats, order_a_thousand_by_count_and_name)
{
	uint64_t counts[1000] = { 0 };
	char want[256] = "", name[8];
	for (unsigned i = 0; i < 1500; i++) {
		unsigned type = i * 7919 % (1000 - i % 3 * 300);
		(void)snprintf(name, sizeof name, "%03u", type);
		APPEND(&store, .stream = "s", .type = name);
		counts[type]++;
	}
	struct nc_stats *stats = made(5);
	while (!step(stats, 300))
		;
	for (unsigned given = 0; given < 5; given++) {
		unsigned best = 0;
		for (unsigned type = 1; type < 1000; type++)
			best = counts[type] > counts[best] ? type : best;
		(void)snprintf(want + strlen(want), sizeof want - strlen(want), "%03u=%llu ", best,
		               (unsigned long long)counts[best]);
		counts[best] = 0;
	}
	char text[4096] = "";
	nc_stats_each(stats, NC_STATS_TYPES, see, text);
	cr_expect_str_eq(text, want);
	expect(stats, NC_STATS_CATEGORIES, 1, "s=1500 ");
	nc_stats_free(stats);
}
