/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index of filters that come and go, held against a plain list of them. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>

#include "plugins/host/filter_index.h"
#include "tests/unit/plugins/support.h"

#define IDS 700

static struct nc_plugin_host *host;
static struct nc_filter_index *filter_index;
static struct nc_filter *kinds[40]; /* filters on the type, on data, on the stream */
static int held[IDS];               /* 0: not there; else 1 + its kind */
static bool told[IDS];
static struct nc_filter_batch *batch;

static void setup(void)
{
	home_make();
	host = host_open(PLUGIN_DIR, HALTING_DIR);
	cr_assert_eq(nc_filter_index_new(&filter_index), NC_OK);
	cr_assert_eq(nc_filter_batch_new(&batch), NC_OK);
	for (int i = 0; i < 40; i++) {
		static const char *const plugins[] = { "by_event_type", "by_payload", "by_stream",
			                               "by_pattern" };
		static const char *const forms[] = { "\"T%d\"", "{\"a\":[%d]}", "[\"s%d\",\"x\"]",
			                             "\"s%d\"" };
		char selector[40];
		(void)snprintf(selector, sizeof selector, forms[i % 4], i / 4);
		kinds[i] = compiled(host, plugins[i % 4], selector);
	}
}

static void teardown(void)
{
	for (int i = 0; i < 40; i++)
		nc_filter_unref(kinds[i]);
	nc_filter_index_free(filter_index);
	nc_filter_batch_free(batch);
	nc_plugin_host_close(host);
	home_remove();
}

TestSuite(filter_index, .init = setup, .fini = teardown);

static void id_take(void *ctx, uint32_t id)
{
	(void)ctx;
	cr_assert_lt(id, IDS);
	cr_expect_not(told[id], "%u is told twice", id);
	told[id] = true;
}

/* One event of number n against all that is held. */
static void check(int n)
{
	char type[20], stream[20], data[20];
	(void)snprintf(type, sizeof type, "T%d", n);
	(void)snprintf(stream, sizeof stream, "s%d", n);
	(void)snprintf(data, sizeof data, "{\"a\":%d}", n);
	struct nc_event event = event_of(stream, type, data);
	nc_filter_batch_clear(batch);
	cr_assert_eq(nc_filter_batch_add(batch, &event), NC_OK);
	memset(told, 0, sizeof told);
	cr_assert_eq(nc_filter_index_match(filter_index, batch, 0, id_take, NULL, NULL), NC_OK);
	for (int id = 0; id < IDS; id++) {
		cr_expect_eq(told[id], held[id] != 0 && (held[id] - 1) / 4 == n, "id %d, kind %d",
		             id, held[id] - 1);
	}
}

static uint64_t state = 3;

static int roll(int below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (int)((state >> 33) % (uint64_t)below);
}

static void change(void)
{
	int id = roll(IDS);
	if (held[id] != 0 && roll(3) != 0) {
		cr_assert_eq(nc_filter_index_remove(filter_index, (uint32_t)id), NC_OK);
		held[id] = 0;
	} else if (held[id] == 0) {
		int kind = roll(40);
		cr_assert_eq(nc_filter_index_add(filter_index, kinds[kind], (uint32_t)id), NC_OK);
		held[id] = 1 + kind;
	}
}

Test(filter_index, comes_to_the_same_as_a_plain_list, .timeout = 120)
{
	struct nc_filter_merge *merge = NULL;
	int merges = 0;
	for (int step = 0; step < 6000; step++) {
		change();
		if (merge == NULL) {
			merge = nc_filter_index_merge_take(filter_index);
		} else if (roll(30) == 0) { /* meanwhile others came and went */
			nc_filter_merge_run(merge);
			cr_assert_eq(nc_filter_index_merge_put(filter_index, merge), NC_OK);
			nc_filter_merge_free(merge);
			merge = NULL;
			merges++;
		}
		if (step % 10 == 0)
			check(roll(10));
	}
	if (merge != NULL) {
		nc_filter_merge_run(merge);
		cr_assert_eq(nc_filter_index_merge_put(filter_index, merge), NC_OK);
		nc_filter_merge_free(merge);
	}
	for (int n = 0; n < 10; n++)
		check(n);
	cr_expect_gt(merges, 10);
}

Test(filter_index, knows_each_id_once)
{
	cr_assert_eq(nc_filter_index_add(filter_index, kinds[0], 5), NC_OK);
	cr_expect_eq(nc_filter_index_add(filter_index, kinds[1], 5), NC_EXISTS);
	cr_expect_eq(nc_filter_index_remove(filter_index, 6), NC_NOTFOUND);
	cr_expect_eq(nc_filter_index_remove(filter_index, 60000), NC_NOTFOUND);
	cr_expect_eq(nc_filter_index_count(filter_index), 1u);
	cr_assert_eq(nc_filter_index_remove(filter_index, 5), NC_OK);
	cr_expect_eq(nc_filter_index_count(filter_index), 0u);
	cr_expect_null(nc_filter_index_merge_take(filter_index));
}

Test(filter_index, says_who_gave_no_answer)
{
	struct nc_filter *halting = compiled(host, "halting", "\"x\"");
	cr_assert_eq(nc_filter_index_add(filter_index, halting, 1), NC_OK);
	struct nc_event event = event_of("halt", "T", "{}");
	cr_assert_eq(nc_filter_batch_add(batch, &event), NC_OK);
	const char *failed = NULL;
	cr_expect_eq(nc_filter_index_match(filter_index, batch, 0, id_take, NULL, &failed), NC_IO);
	cr_expect_str_eq(failed, "halting");
	nc_filter_unref(halting);
}

static void *run(void *merge)
{
	nc_filter_merge_run(merge);
	return NULL;
}

Test(filter_index, merges_beside_the_questions)
{
	for (uint32_t id = 0; id < 300; id++) {
		held[id] = 1 + (int)id % 40;
		cr_assert_eq(nc_filter_index_add(filter_index, kinds[id % 40], id), NC_OK);
	}
	struct nc_filter_merge *merge = nc_filter_index_merge_take(filter_index);
	cr_expect_null(merge, "75 of each plugin are few");
	for (uint32_t id = 300; id < IDS; id++) {
		held[id] = 1;
		cr_assert_eq(nc_filter_index_add(filter_index, kinds[0], id), NC_OK);
	}
	merge = nc_filter_index_merge_take(filter_index);
	cr_assert_not_null(merge);
	cr_expect_null(nc_filter_index_merge_take(filter_index), "one at a time");
	pthread_t thread;
	cr_assert_eq(pthread_create(&thread, NULL, run, merge), 0);
	for (int n = 0; n < 10; n++)
		check(n);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(nc_filter_index_merge_put(filter_index, merge), NC_OK);
	nc_filter_merge_free(merge);
	for (int n = 0; n < 10; n++)
		check(n);
}
