/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/delivery/router.h: against looking at every hint, and what it costs. */
#include <criterion/criterion.h>

#include "core/delivery/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EXACT(text)                            \
	{                                      \
		NC_ROUTE_EXACT, NC_SLICE(text) \
	}
#define PREFIX(text)                            \
	{                                       \
		NC_ROUTE_PREFIX, NC_SLICE(text) \
	}

static bool finds(struct nc_router *router, const struct nc_route_event *event, uint32_t id)
{
	const uint32_t *ids;
	size_t count, times = 0;
	nc_router_match(router, event, &ids, &count);
	for (size_t i = 0; i < count; i++)
		times += ids[i] == id;
	cr_expect_leq(times, 1, "each once");
	return times > 0;
}

static struct nc_router *fresh(void)
{
	struct nc_router *router;
	cr_assert_eq(nc_router_new(&router), NC_OK);
	return router;
}

static void add(struct nc_router *router, uint32_t id, struct nc_route_hint hint)
{
	cr_assert_eq(nc_router_add(router, id, &hint, 1), NC_OK);
}

Test(router, finds_by_name_by_beginning_and_by_conjunction)
{
	struct nc_router *router = fresh();
	struct nc_slice tags[] = { NC_SLICE("red"), NC_SLICE("round") };
	struct nc_route_event event = { NC_SLICE("orders.42"), NC_SLICE("OrderPlaced"), tags, 2 };
	add(router, 0, (struct nc_route_hint){ .stream = EXACT("orders.42") });
	add(router, 1, (struct nc_route_hint){ .stream = EXACT("orders.4") });
	add(router, 2, (struct nc_route_hint){ .stream = PREFIX("orders.") });
	add(router, 3, (struct nc_route_hint){ .stream = PREFIX("orders.42") });
	add(router, 4, (struct nc_route_hint){ .stream = PREFIX("orders.422") });
	add(router, 5, (struct nc_route_hint){ .type = EXACT("OrderPlaced") });
	add(router, 6, (struct nc_route_hint){ .type = EXACT("orders.42") });
	add(router, 7, (struct nc_route_hint){ .stream = EXACT("orders.42"), .type = EXACT("X") });
	add(router, 8, (struct nc_route_hint){ .stream = PREFIX("o"), .type = PREFIX("Order") });
	add(router, 9, (struct nc_route_hint){ .tag = EXACT("round") });
	add(router, 10, (struct nc_route_hint){ .tag = PREFIX("roundabout") });
	add(router, 11, (struct nc_route_hint){ .stream = PREFIX("") });
	cr_assert_eq(nc_router_add(router, 12, NULL, 0), NC_OK);
	static const bool want[] = { true,  false, true, true,  false, true, false,
		                     false, true,  true, false, true,  true };
	for (uint32_t id = 0; id < 13; id++)
		cr_expect_eq(finds(router, &event, id), want[id], "%u", id);
	nc_router_free(router);
}

Test(router, gives_a_subscription_of_several_hints_once_and_forgets_it_whole)
{
	struct nc_router *router = fresh();
	struct nc_route_hint hints[] = { { .stream = EXACT("a") },
		                         { .stream = PREFIX("a") },
		                         { .type = EXACT("t") },
		                         { .stream = EXACT("b") } };
	struct nc_route_event event = { NC_SLICE("a"), NC_SLICE("t"), NULL, 0 };
	cr_assert_eq(nc_router_add(router, 3, hints, 4), NC_OK);
	cr_expect_eq(nc_router_add(router, 3, hints, 4), NC_EXISTS);
	cr_expect(finds(router, &event, 3));
	cr_expect_eq(nc_router_count(router), 1);
	cr_expect_eq(nc_router_remove(router, 3), NC_OK);
	cr_expect_eq(nc_router_remove(router, 3), NC_NOTFOUND);
	cr_expect_eq(nc_router_remove(router, 99), NC_NOTFOUND);
	cr_expect_not(finds(router, &event, 3));
	nc_router_free(router);
}

Test(router, refuses_names_that_are_too_long)
{
	static const uint8_t name[256];
	struct nc_router *router = fresh();
	struct nc_route_hint hint = { .stream = { NC_ROUTE_EXACT, nc_slice(name, 256) } };
	cr_expect_eq(nc_router_add(router, 1, &hint, 1), NC_INVALID);
	hint.stream.name.size = 255;
	cr_expect_eq(nc_router_add(router, 1, &hint, 1), NC_OK);
	cr_expect_eq(nc_router_add(router, UINT32_MAX, &hint, 1), NC_INVALID);
	nc_router_free(router);
}

/* ---- Against a model ------------------------------------------------------------------------ */

static uint64_t seed;

static uint32_t roll(uint32_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

/* Few letters and short names, so that they often meet. */
static struct nc_slice roll_name(uint8_t *room)
{
	size_t size = 1 + roll(4);
	for (size_t i = 0; i < size; i++)
		room[i] = (uint8_t)('a' + roll(2));
	return nc_slice(room, size);
}

struct known {
	bool is;
	size_t count;
	struct nc_route_hint hints[3];
	uint8_t names[9][8];
};

static bool part_meets(const struct nc_route_part *part, struct nc_slice name)
{
	return part->kind == NC_ROUTE_ANY ||
	       (part->kind == NC_ROUTE_EXACT ? nc_slice_eq(part->name, name)
	                                     : nc_slice_starts(name, part->name));
}

static bool model_finds(const struct known *known, const struct nc_route_event *event)
{
	for (size_t i = 0; known->is && i < known->count; i++) {
		const struct nc_route_hint *hint = &known->hints[i];
		bool tag = hint->tag.kind == NC_ROUTE_ANY;
		for (size_t t = 0; t < event->tag_count; t++)
			tag |= part_meets(&hint->tag, event->tags[t]);
		if (tag && part_meets(&hint->stream, event->stream) &&
		    part_meets(&hint->type, event->type))
			return true;
	}
	return known->is && known->count == 0;
}

static void model_toggle(struct nc_router *router, struct known *known, uint32_t id)
{
	if (known->is) {
		cr_assert_eq(nc_router_remove(router, id), NC_OK);
		known->is = false;
		return;
	}
	known->is = true;
	known->count = roll(4);
	for (size_t i = 0; i < known->count; i++) {
		struct nc_route_part *parts[] = { &known->hints[i].stream, &known->hints[i].type,
			                          &known->hints[i].tag };
		for (size_t p = 0; p < 3; p++) {
			parts[p]->kind = (enum nc_route_kind)roll(3);
			parts[p]->name = roll_name(known->names[i * 3 + p]);
		}
	}
	cr_assert_eq(nc_router_add(router, id, known->hints, known->count), NC_OK);
}

Test(router, agrees_with_looking_at_every_hint)
{
	static struct known known[40];
	struct nc_router *router = fresh();
	seed = 7;
	for (int round = 0; round < 20000; round++) {
		uint32_t id = roll(40);
		model_toggle(router, &known[id], id);
		uint8_t names[4][8];
		struct nc_slice tags[] = { roll_name(names[2]), roll_name(names[3]) };
		struct nc_route_event event = { roll_name(names[0]), roll_name(names[1]), tags,
			                        roll(3) };
		const uint32_t *ids;
		size_t count, want = 0;
		nc_router_match(router, &event, &ids, &count);
		for (uint32_t i = 0; i < 40; i++)
			want += model_finds(&known[i], &event);
		cr_assert_eq(count, want, "round %d", round);
		for (size_t i = 0; i < count; i++)
			cr_assert(model_finds(&known[ids[i]], &event), "round %d", round);
	}
	nc_router_free(router);
}

/* ---- Cost ----------------------------------------------------------------------------------- */

static double ns_an_event(uint32_t subscriptions)
{
	struct nc_router *router = fresh();
	char name[32];
	for (uint32_t id = 0; id < subscriptions; id++) {
		(void)snprintf(name, sizeof name, "orders.%u", id);
		struct nc_route_hint hint = { .stream = { id % 10 == 9 ? NC_ROUTE_PREFIX
			                                               : NC_ROUTE_EXACT,
			                                  nc_slice_str(name) } };
		cr_assert_eq(nc_router_add(router, id, &hint, 1), NC_OK);
	}
	struct timespec from, to;
	size_t found = 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &from);
	for (uint32_t i = 0; i < 200000; i++) {
		int size = snprintf(name, sizeof name, "orders.%u", i % subscriptions);
		struct nc_route_event event = { nc_slice(name, (size_t)size),
			                        NC_SLICE("OrderPlaced"), NULL, 0 };
		const uint32_t *ids;
		size_t count;
		nc_router_match(router, &event, &ids, &count);
		found += count;
	}
	(void)clock_gettime(CLOCK_MONOTONIC, &to);
	cr_assert_geq(found, 200000);
	nc_router_free(router);
	return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
	       200000;
}

Test(router, ten_thousand_subscriptions_cost_what_matches)
{
	double few = ns_an_event(10), many = ns_an_event(10000);
	(void)fprintf(stderr, "router: %.0f ns an event of 10 subscriptions, %.0f of 10,000\n", few,
	              many);
	cr_expect_lt(many, few * 50, "a thousand times the subscriptions");
}
