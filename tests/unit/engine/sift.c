/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is not seen is passed by in growing steps: a read of few events costs what lies before them,
 * and not a step for each handful of it; and where nothing lies before them it reads no more than
 * it gives. Counted in steps and rows, so that it holds on any machine. */
#include "core/engine/query_private.h"
#include "tests/unit/engine/store.h"

#define UNSEEN 3000u /* events of the stream that is deleted, one behind the other */
#define FULL   512u  /* events that a step may read */

static struct store store;

/* UNSEEN events that are not seen any more between some that are; all bear the tag. */
static void setup(void)
{
	struct nc_buf payload = { 0 };
	const struct nc_stream_change change = { .stream = NC_SLICE("gone") };
	store_open_newest(&store);
	for (int i = 0; i < 5; i++)
		APPEND(&store, .stream = "before", .tags = { "t" });
	for (unsigned i = 0; i < UNSEEN; i++)
		APPEND(&store, .stream = "gone", .tags = { "t" });
	for (int i = 0; i < 5; i++)
		APPEND(&store, .stream = "behind", .tags = { "t" });
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_stream(&payload, NC_COMMAND_STREAM_DELETE, &change);
	cr_assert_eq(store_apply(&store, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&payload);
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(sift, .init = setup, .fini = teardown);

struct cost {
	uint64_t steps, rows; /* rows: that were read */
	uint64_t most;        /* rows of one step */
	uint64_t given, next;
};

static void count(void *ctx, const struct nc_event *event)
{
	(void)event;
	++*(uint64_t *)ctx;
}

static struct cost read_some(struct nc_query_spec spec)
{
	struct cost cost = { 0 };
	struct nc_query *query;
	bool done = false;
	spec.size_max = NC_QUERY_BYTES_DEFAULT;
	cr_assert_eq(nc_query_start(store.reader, &spec, &query), NC_OK);
	while (!done) {
		uint64_t unseen = nc_query_unseen(query);
		cr_assert_eq(nc_query_step(query, store.reader,
		                           (struct nc_query_portion){ FULL, 1 << 20 }, count,
		                           &cost.given, &done),
		             NC_OK);
		uint64_t rows = query->item_count + nc_query_unseen(query) - unseen;
		cost.rows += rows;
		cost.most = rows > cost.most ? rows : cost.most;
		cost.steps++;
	}
	cost.next = nc_query_end(query).next;
	nc_query_free(query);
	return cost;
}

/* So many events, from this position on, by each way that meets what is not seen. */
static void each_way(uint64_t from, bool backward, uint64_t limit,
                     void (*judge)(struct cost cost, const char *way))
{
	struct nc_buf items = { 0 }, tag = { 0 };
	nc_item_name_put(&tag, NC_SLICE("t"));
	nc_item_put(&items, &(struct nc_item){ .tags = nc_buf_slice(&tag), .tag_count = 1 });
	struct nc_query_spec spec = { .kind = NC_QUERY_ALL,
		                      .from_kind = NC_FROM_NUMBER,
		                      .from = from,
		                      .backward = backward,
		                      .limit = limit };
	judge(read_some(spec), "all");
	spec.kind = NC_QUERY_TYPE;
	spec.key = NC_SLICE("T");
	judge(read_some(spec), "type");
	spec.kind = NC_QUERY_TAG;
	spec.key = NC_SLICE("t");
	judge(read_some(spec), "tag");
	spec.kind = NC_QUERY_ITEMS;
	spec.key = nc_buf_slice(&items);
	judge(read_some(spec), "items");
	nc_buf_release(&items);
	nc_buf_release(&tag);
}

static void passes_by(struct cost cost, const char *way)
{
	cr_expect_eq(cost.given, 2u, "%s", way);
	/* Steps of 2, 2, 4, 8, … up to full ones; and one to learn what is next. */
	cr_expect_leq(cost.steps, 9 + UNSEEN / FULL + 3, "%s: %d steps", way, (int)cost.steps);
	cr_expect_leq(cost.most, FULL, "%s", way);
	cr_expect_leq(cost.rows, UNSEEN + 2 * FULL, "%s: %d rows", way, (int)cost.rows);
}

Test(sift, much_that_is_not_seen_is_passed_by_in_growing_steps)
{
	each_way(6, false, 2, passes_by);
	each_way(UNSEEN + 5, true, 2, passes_by);
}

static void reads_no_more(struct cost cost, const char *way)
{
	cr_expect_eq(cost.given, 2u, "%s", way);
	cr_expect_leq(cost.most, 2u, "%s: %d rows in a step", way, (int)cost.most);
	cr_expect_leq(cost.rows, 4u, "%s: %d rows", way, (int)cost.rows);
}

Test(sift, where_nothing_is_passed_by_no_more_is_read_than_is_given)
{
	each_way(1, false, 2, reads_no_more);
	each_way(UNSEEN + 10, true, 2, reads_no_more);
}
