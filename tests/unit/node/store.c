/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a start makes of a data directory in which something is gone, or only looks so. */
#include "core/node/data/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/node/cluster/cluster_file.h"

static char top[] = "/tmp/nacre-store-XXXXXX";
static char data[64], shop[] = "shop", name[] = "n1";
static const struct nc_config config = {
	.data_dir = data,
	.store_id = shop,
	.node_id = name,
	.cache_mb = 16,
	.log_segment_mb = 1,
	.disk_reserve_mb = 1,
};

static void setup(void)
{
	cr_assert_not_null(mkdtemp(top));
	snprintf(data, sizeof data, "%s/data", top);
}

static void gone(const char *what)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s/%s", top, what);
	cr_assert_eq(system(command), 0); // NOLINT: the test's own words
}

static void teardown(void)
{
	gone("");
}

TestSuite(store, .init = setup, .fini = teardown);

static void opened(struct nc_store *store)
{
	cr_assert_eq(nc_store_open(&config, store), NC_OK);
}

static void append(struct nc_store *store, uint64_t from, uint64_t to, uint64_t term)
{
	const struct nc_log_hard hard = { .term = term, .vote = 1 };
	for (uint64_t index = from; index <= to; index++) {
		const struct nc_log_entry entry = { index, term, NC_LOG_NOOP, nc_slice(NULL, 0) };
		cr_assert_eq(nc_log_append(store->log, &hard, &entry, 1), NC_OK);
	}
}

static void apply(struct nc_store *store, uint64_t index)
{
	cr_assert_eq(nc_engine_begin(store->engine), NC_OK);
	cr_assert_eq(nc_engine_commit(store->engine, (struct nc_state_applied){ index, 1 }), NC_OK);
}

/* Ten entries, of which nobody else has heard of more than the three that are applied. */
static void begin(struct nc_store *store)
{
	opened(store);
	append(store, 1, 10, 1);
	apply(store, 3);
}

/* Another leader puts two in the place of the last seven; then it is started again. */
static void replace(struct nc_store *store)
{
	opened(store);
	append(store, 4, 5, 2);
	nc_store_close(store);
	opened(store);
	nc_store_close(store);
}

Test(store, does_not_miss_entries_that_another_leader_replaced)
{
	struct nc_store store;
	begin(&store);
	nc_store_close(&store);
	replace(&store);
}

Test(store, forgets_a_mark_that_went_to_the_end_of_the_log)
{
	struct nc_store store;
	begin(&store);
	cr_assert_eq(nc_identity_high_water(store.identity, 10), NC_OK); /* as earlier builds did */
	nc_store_close(&store);
	replace(&store);
}

Test(store, misses_entries_that_it_has_applied)
{
	struct nc_store store;
	begin(&store);
	nc_store_close(&store);
	gone("data/log");
	gone("data/state");
	cr_assert_eq(nc_store_open(&config, &store), NC_CORRUPT);
}

static void be(uint8_t phase)
{
	struct nc_cluster_record record = { .phase = phase, .node_count = 2 };
	record.nodes[0] = (struct nc_cluster_node){ 1, "n1", true };
	record.nodes[1] = (struct nc_cluster_node){ 2, "n2", true };
	cr_assert_eq(nc_cluster_file_write(data, &record), NC_OK);
}

/* Whom it voted for and what it acknowledged is gone with it, killed before it could say how far
 * its log went: it must not come back under its number. */
Test(store, misses_the_log_of_a_member)
{
	struct nc_store store;
	opened(&store);
	be(NC_HELLO_MEMBER);
	nc_store_close(&store);
	opened(&store);
	nc_store_close(&store);
	gone("data/log");
	cr_assert_eq(nc_store_open(&config, &store), NC_CORRUPT);
	cr_assert_eq(nc_store_open(&config, &store), NC_CORRUPT, "asked once more");
}

Test(store, has_no_log_before_its_first_start_is_over)
{
	struct nc_store store;
	opened(&store);
	be(NC_HELLO_FORMING);
	nc_store_close(&store);
	gone("data/log");
	gone("data/state"); /* which is made after it */
	opened(&store);
	nc_store_close(&store);
}

/* What it has acknowledged and not yet put into the state was in there. */
Test(store, misses_the_log_of_a_state)
{
	struct nc_store store;
	opened(&store);
	nc_store_close(&store);
	gone("data/log/0*");
	cr_assert_eq(nc_store_open(&config, &store), NC_CORRUPT);
	gone("data/log");
	cr_assert_eq(nc_store_open(&config, &store), NC_CORRUPT);
}
