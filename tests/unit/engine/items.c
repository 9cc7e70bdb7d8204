/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries by items, against a plain look at each event. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/engine/store.h"

enum { EVENTS = 400, NAMES = 4 };

static const char *const types[NAMES] = { "A", "B", "C", "D" };
static const char *const tags[NAMES] = { "w", "x", "y", "z" };

struct fact {
	int type;
	bool tag[NAMES];
};

static struct store store;
static struct fact facts[EVENTS + 1]; /* by position */

static void setup(void)
{
	unsigned seed = 3;
	store_open(&store);
	for (size_t at = 1; at <= EVENTS; at++) {
		struct ask ask = { .stream = "s" };
		size_t count = 0;
		facts[at] = (struct fact){ .type = rand_r(&seed) % (NAMES - 1) };
		ask.type = types[facts[at].type];
		for (int i = 0; i < NAMES - 1; i++) {
			facts[at].tag[i] = rand_r(&seed) % (2 + 3 * i) == 0;
			if (facts[at].tag[i])
				ask.tags[count++] = tags[i];
		}
		store.time_ns = at * UINT64_C(1000000000);
		store_append(&store, ask);
	}
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(items, .init = setup, .fini = teardown);

/* An item as bits: types, then tags. */
static bool item_matches(unsigned item, const struct fact *fact)
{
	unsigned wanted = item & 15;
	if (wanted != 0 && (wanted >> fact->type & 1) == 0)
		return false;
	for (int i = 0; i < NAMES; i++) {
		if ((item >> (NAMES + i) & 1) != 0 && !fact->tag[i])
			return false;
	}
	return true;
}

static void item_add(struct nc_buf *items, unsigned item)
{
	struct nc_buf type_names = { 0 }, tag_names = { 0 };
	struct nc_item made = { 0 };
	for (int i = 0; i < NAMES; i++) {
		if (item >> i & 1) {
			nc_item_name_put(&type_names, nc_slice_str(types[i]));
			made.type_count++;
		}
		if (item >> (NAMES + i) & 1) {
			nc_item_name_put(&tag_names, nc_slice_str(tags[i]));
			made.tag_count++;
		}
	}
	made.types = nc_buf_slice(&type_names);
	made.tags = nc_buf_slice(&tag_names);
	nc_item_put(items, &made);
	nc_buf_release(&type_names);
	nc_buf_release(&tag_names);
}

struct seen {
	uint64_t positions[EVENTS];
	size_t count;
	struct nc_query_end end;
};

static void keep(void *ctx, const struct nc_event *event)
{
	struct seen *seen = ctx;
	cr_assert_lt(seen->count, (size_t)EVENTS);
	seen->positions[seen->count++] = event->position;
}

static struct seen ask(struct nc_query_spec spec, size_t events, size_t size)
{
	struct seen seen = { 0 };
	struct nc_query *query = NULL;
	bool done = false;
	spec.kind = NC_QUERY_ITEMS;
	if (spec.limit == 0)
		spec.limit = NC_QUERY_LIMIT_MAX;
	spec.size_max = NC_QUERY_BYTES_MAX;
	cr_assert_eq(nc_query_start(store.reader, &spec, &query), NC_OK);
	for (int i = 0; !done; i++) {
		cr_assert_lt(i, 2000);
		cr_assert_eq(nc_query_step(query, store.reader,
		                           (struct nc_query_portion){ events, size }, keep, &seen,
		                           &done),
		             NC_OK);
	}
	seen.end = nc_query_end(query);
	nc_query_free(query);
	return seen;
}

static bool any_matches(const unsigned *items, size_t count, const struct fact *fact)
{
	for (size_t i = 0; i < count; i++) {
		if (item_matches(items[i], fact))
			return true;
	}
	return false;
}

Test(items, give_what_a_look_at_each_event_gives_both_ways_and_whatever_the_step)
{
	unsigned seed = 11;
	for (int round = 0; round < 300; round++) {
		unsigned items[5];
		size_t item_count = 1 + (size_t)(rand_r(&seed) % 5), want = 0;
		struct nc_buf packed = { 0 };
		for (size_t i = 0; i < item_count; i++) {
			items[i] = 1 + (unsigned)rand_r(&seed) % 255;
			item_add(&packed, items[i]);
		}
		uint64_t a = 1 + (uint64_t)(rand_r(&seed) % EVENTS),
		         b = 1 + (uint64_t)(rand_r(&seed) % EVENTS);
		uint64_t low = a < b ? a : b, high = a < b ? b : a;
		bool backward = round % 2 == 1;
		struct nc_query_spec spec = { .key = nc_buf_slice(&packed),
			                      .from_kind = NC_FROM_NUMBER,
			                      .from = backward ? high : low,
			                      .to = backward ? low : high,
			                      .backward = backward };
		struct seen seen = ask(spec, 1 + (size_t)(rand_r(&seed) % 20),
		                       100 + (size_t)(rand_r(&seed) % 3000));
		for (uint64_t i = 0; i <= high - low; i++) {
			uint64_t at = backward ? high - i : low + i;
			if (!any_matches(items, item_count, &facts[at]))
				continue;
			cr_assert_lt(want, seen.count, "round %d: %llu is missing", round,
			             (unsigned long long)at);
			cr_assert_eq(seen.positions[want++], at, "round %d", round);
		}
		cr_assert_eq(seen.count, want, "round %d", round);
		cr_expect_eq(seen.end.next, 0u);
		cr_expect_eq(seen.end.head, (uint64_t)EVENTS, "to condition on");
		nc_buf_release(&packed);
	}
}

Test(items, say_where_to_go_on_after_a_limit)
{
	struct nc_buf packed = { 0 };
	item_add(&packed, 1u << NAMES); /* tag w */
	struct seen whole =
	        ask((struct nc_query_spec){ .key = nc_buf_slice(&packed) }, 256, 1 << 20);
	uint64_t from = 1;
	size_t count = 0;
	while (from != 0) {
		struct seen part = ask((struct nc_query_spec){ .key = nc_buf_slice(&packed),
		                                               .from_kind = NC_FROM_NUMBER,
		                                               .from = from,
		                                               .limit = 7 },
		                       3, 1 << 20);
		for (size_t i = 0; i < part.count; i++)
			cr_assert_eq(part.positions[i], whole.positions[count++]);
		from = part.end.next;
	}
	cr_expect_eq(count, whole.count);
	nc_buf_release(&packed);
}

Test(items, of_names_that_no_event_bears_give_nothing_and_the_head)
{
	struct nc_buf packed = { 0 };
	item_add(&packed, 1u << (NAMES - 1));          /* type D */
	item_add(&packed, 1u << (2 * NAMES - 1) | 1u); /* tag z and type A */
	struct seen seen =
	        ask((struct nc_query_spec){ .key = nc_buf_slice(&packed) }, 256, 1 << 20);
	cr_expect_eq(seen.count, 0u);
	cr_expect_eq(seen.end.head, (uint64_t)EVENTS);
	nc_buf_release(&packed);
}

Test(items, that_are_malformed_are_refused)
{
	struct nc_query *query = NULL;
	const struct nc_query_spec spec = {
		.kind = NC_QUERY_ITEMS, .key = NC_SLICE("\x02\x01"), .limit = 1, .size_max = 1
	};
	cr_expect_eq(nc_query_start(store.reader, &spec, &query), NC_CORRUPT);
}

static int all_wanted(void *ctx, const struct nc_event *events, size_t count, uint64_t *wanted)
{
	(void)ctx;
	(void)events;
	memset(wanted, 0xff, (count + 63) / 64 * sizeof *wanted);
	return NC_OK;
}

/* Events of type `L` that bear a tag, and then such as have one of both, in turns: one step cannot
 * look at them all. */
static void append_in_turns(size_t both, size_t turns)
{
	for (size_t i = 0; i < both + turns; i++) {
		bool left = i < both || i % 2 == 0, tagged = i < both || !left;
		store_append(&store, (struct ask){ .stream = "turns",
		                                   .type = left ? "L" : "R",
		                                   .tags = { tagged ? "t" : NULL } });
	}
}

static struct nc_query_end first_step_cut(struct nc_query_spec spec, struct seen *seen)
{
	struct nc_query *query = NULL;
	struct nc_query_end end;
	bool done = false;
	cr_assert_eq(nc_query_start(store.reader, &spec, &query), NC_OK);
	cr_assert_eq(nc_query_step(query, store.reader, (struct nc_query_portion){ 256, 1 << 20 },
	                           keep, seen, &done),
	             NC_OK);
	cr_assert_not(done, "one step has looked at all of them");
	nc_query_cut(query);
	end = nc_query_end(query);
	nc_query_free(query);
	return end;
}

Test(items, whose_search_is_cut_go_on_behind_what_was_given)
{
	enum { BOTH = 5, TURNS = 6000 };
	struct nc_buf types_left = { 0 }, tags_t = { 0 }, items = { 0 };
	nc_item_name_put(&types_left, NC_SLICE("L"));
	nc_item_name_put(&tags_t, NC_SLICE("t"));
	nc_item_put(&items, &(struct nc_item){ .types = nc_buf_slice(&types_left),
	                                       .tags = nc_buf_slice(&tags_t),
	                                       .type_count = 1,
	                                       .tag_count = 1 });
	append_in_turns(BOTH, TURNS);
	for (int backward = 0; backward < 2; backward++) {
		struct seen seen = { 0 };
		struct nc_query_end end =
		        first_step_cut((struct nc_query_spec){ .kind = NC_QUERY_ITEMS,
		                                               .key = nc_buf_slice(&items),
		                                               .limit = 100,
		                                               .size_max = 1 << 20,
		                                               .backward = backward,
		                                               .wanted = all_wanted },
		                       &seen);
		cr_expect_eq(seen.count, backward ? 0u : (size_t)BOTH);
		if (backward) {
			cr_expect_lt(end.next, (uint64_t)(EVENTS + BOTH + TURNS));
			cr_expect_geq(end.next, (uint64_t)(EVENTS + BOTH));
		} else {
			cr_expect_gt(end.next, (uint64_t)(EVENTS + BOTH));
		}
	}
	nc_buf_release(&types_left);
	nc_buf_release(&tags_t);
	nc_buf_release(&items);
}
