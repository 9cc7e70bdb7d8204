/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench.c -- what one event of 500 B costs against 1, 100 and 10,000 filters, parse included; and
 * what NATS patterns cost. Prints; asserts nothing. bench_filters PLUGIN-DIR PRIVATE-DIR [NACRED];
 * with the program also what isolation costs. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "plugins/host/filter_index.h"
#include "plugins/host/view.h"

#define FILTERS_MAX 10000
#define EVENTS      1000
#define ROUNDS      30

static struct nc_plugin_host *host;
static char data[EVENTS][600];
static struct nc_event events[EVENTS];
static size_t told;

static double now(void)
{
	struct timespec at;
	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

/* Of this thread: what others do on the machine meanwhile does not count. */
static double now_cpu(void)
{
	struct timespec at;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static void events_make(void)
{
	static char streams[EVENTS][40];
	for (int i = 0; i < EVENTS; i++) {
		int n = i * 7919 % 10000;
		int size = snprintf(data[i], sizeof data[i],
		                    "{\"order\":{\"id\":\"order-%05d\",\"total\":%d.95,"
		                    "\"currency\":\"EUR\",\"paid\":true},"
		                    "\"customer\":{\"id\":%d,\"name\":\"Customer "
		                    "%d\",\"email\":\"c%d@example.org\","
		                    "\"country\":\"DE\",\"vip\":false},\"lines\":[{\"sku\":\"SKU-%"
		                    "d\",\"qty\":2,\"price\":"
		                    "19.99},{\"sku\":\"SKU-%d\",\"qty\":1,\"price\":5.5}],"
		                    "\"shipping\":{\"carrier\":\"dhl\","
		                    "\"street\":\"Main Street "
		                    "%d\",\"city\":\"Berlin\",\"zip\":\"10115\",\"note\":null},"
		                    "\"created\":\"2026-11-23T10:00:00Z\",\"source\":\"web\","
		                    "\"session\":\"s-%08d\","
		                    "\"comment\":\"please leave at the door\"}",
		                    n, n % 300, n, n, n, n % 500, n % 700, n % 90, n);
		nc_assert(size > 450 && size < 600);
		(void)snprintf(streams[i], sizeof streams[i], "orders.eu.%05d", n);
		events[i] = (struct nc_event){ .position = (uint64_t)i + 1,
			                       .version = 1,
			                       .stream = nc_slice_str(streams[i]),
			                       .type = NC_SLICE("OrderPlaced"),
			                       .id = NC_SLICE("x"),
			                       .data = nc_slice(data[i], (size_t)size) };
	}
}

static void equality(int i, char *out, size_t size)
{
	(void)snprintf(out, size, "{\"order\":{\"id\":[\"order-%05d\"]}}", i);
}

static void mixed(int i, char *out, size_t size)
{
	if (i % 10 < 7) {
		equality(i, out, size);
	} else if (i % 10 == 7) {
		(void)snprintf(out, size, "{\"customer\":{\"id\":[%d],\"country\":[\"DE\"]}}", i);
	} else if (i % 10 == 8) {
		(void)snprintf(out, size, "{\"customer\":{\"email\":[{\"prefix\":\"c%d@\"}]}}", i);
	} else {
		(void)snprintf(out, size,
		               "{\"customer\":{\"name\":[{\"wildcard\":\"Customer %d*\"}]}}", i);
	}
}

static void subject(int i, char *out, size_t size)
{
	if (i % 3 == 0) {
		(void)snprintf(out, size, "\"orders.*.%05d\"", i);
	} else if (i % 3 == 1) {
		(void)snprintf(out, size, "\"orders.eu.%05d\"", i);
	} else {
		(void)snprintf(out, size, "\"orders.eu.%05d.>\"", i);
	}
}

static void id_take(void *ctx, uint32_t id)
{
	(void)ctx;
	told += id + 1 > 0;
}

static void run(const char *what, const char *plugin, int count,
                void (*make)(int i, char *out, size_t size))
{
	static struct nc_filter *filters[FILTERS_MAX];
	static uint32_t ids[FILTERS_MAX];
	double begin = now();
	for (int i = 0; i < count; i++) {
		char selector[200];
		struct nc_filter_error error;
		make(i, selector, sizeof selector);
		ids[i] = (uint32_t)i;
		int err = nc_filter_compile(host, nc_slice_str(plugin), nc_slice_str(selector),
		                            &filters[i], &error);
		nc_assert(err == NC_OK);
	}
	double compiled = now();
	struct nc_filter_set *set;
	int err = nc_filter_set_new(filters, ids, (size_t)count, &set);
	nc_assert(err == NC_OK);
	double built = now();
	struct nc_filter_batch *batch;
	err = nc_filter_batch_new(&batch);
	nc_assert(err == NC_OK);
	told = 0;
	double best = 1e18;
	for (int round = 0; round < ROUNDS; round++) {
		double from = now();
		for (int i = 0; i < EVENTS; i++) {
			nc_filter_batch_clear(batch);
			err = nc_filter_batch_add(batch, &events[i]);
			nc_assert(err == NC_OK);
			err = nc_filter_set_match(set, batch, 0, id_take, NULL);
			nc_assert(err == NC_OK);
		}
		double took = (now() - from) / EVENTS;
		best = took < best ? took : best;
	}
	(void)printf("%-28s %6d filters: %7.0f ns an event (%.2f matches); compile %.1f us each, "
	             "set %.2f ms\n",
	             what, count, best, (double)told / ROUNDS / EVENTS,
	             (compiled - begin) / 1e3 / count, (built - compiled) / 1e6);
	nc_filter_batch_free(batch);
	nc_filter_set_free(set);
	for (int i = 0; i < count; i++)
		nc_filter_unref(filters[i]);
}

static void run_view(void)
{
	struct nc_view_builder builder = { 0 };
	struct nc_arena arena = { 0 };
	double best = 1e18;
	size_t size = 0;
	for (int round = 0; round < ROUNDS; round++) {
		double from = now();
		for (int i = 0; i < EVENTS; i++) {
			nc_arena_clear(&arena);
			const nacre_filter_view *view =
			        nc_view_json(&builder, &arena, events[i].data, NULL);
			nc_assert(view != NULL && view->state > 0);
			size += events[i].data.size;
		}
		double took = (now() - from) / EVENTS;
		best = took < best ? took : best;
	}
	(void)printf("view of %zu B of JSON: %.0f ns\n", size / ROUNDS / EVENTS, best);
	nc_arena_release(&arena);
	nc_view_builder_release(&builder);
}

/* What the event path pays for one filter more among 10,000: the add, and the next question. */
static void run_add(void)
{
	struct nc_filter_index *index;
	struct nc_filter_batch *batch;
	struct nc_filter_error error;
	char selector[200];
	nc_assert(nc_filter_index_new(&index) == NC_OK && nc_filter_batch_new(&batch) == NC_OK);
	nc_assert(nc_filter_batch_add(batch, &events[0]) == NC_OK);
	double worst = 0;
	double sum = 0;
	for (int i = 0; i < FILTERS_MAX + 1000; i++) {
		struct nc_filter *filter;
		mixed(i, selector, sizeof selector);
		nc_assert(nc_filter_compile(host, NC_SLICE("by_payload"), nc_slice_str(selector),
		                            &filter, &error) == NC_OK);
		double from = now_cpu();
		nc_assert(nc_filter_index_add(index, filter, (uint32_t)i) == NC_OK);
		nc_assert(nc_filter_index_match(index, batch, 0, id_take, NULL, NULL) == NC_OK);
		struct nc_filter_merge *merge = nc_filter_index_merge_take(index);
		double took = now_cpu() - from;
		if (merge != NULL) { /* elsewhere, in a node */
			nc_filter_merge_run(merge);
			from = now_cpu();
			nc_assert(nc_filter_index_merge_put(index, merge) == NC_OK);
			took += now_cpu() - from;
			nc_filter_merge_free(merge);
		}
		if (i >= FILTERS_MAX) {
			sum += took;
			worst = took > worst ? took : worst;
		}
		nc_filter_unref(filter);
	}
	(void)printf("one more among 10,000: %.0f us, at worst %.0f us\n", sum / 1000 / 1e3,
	             worst / 1e3);
	nc_filter_batch_free(batch);
	nc_filter_index_free(index);
}

/* One filter, events in batches as history is searched: in this process, and in one of its own. */
static void run_batches(const char *what, struct nc_plugin_host *of, size_t batch_size)
{
	struct nc_filter *filter;
	struct nc_filter_error error;
	struct nc_filter_batch *batch;
	uint64_t matched[EVENTS / 64 + 1];
	double best = 1e18;
	nc_assert(nc_filter_compile(of, NC_SLICE("by_payload"),
	                            NC_SLICE("{\"order\":{\"id\":[\"order-00007\"]}}"), &filter,
	                            &error) == NC_OK);
	nc_assert(nc_filter_batch_new(&batch) == NC_OK);
	for (int round = 0; round < ROUNDS; round++) {
		double from = now();
		for (size_t at = 0; at + batch_size <= EVENTS; at += batch_size) {
			nc_filter_batch_clear(batch);
			for (size_t i = 0; i < batch_size; i++)
				nc_assert(nc_filter_batch_add(batch, &events[at + i]) == NC_OK);
			nc_assert(nc_filter_match(filter, batch, matched) == NC_OK);
		}
		double took = (now() - from) / (double)(EVENTS / batch_size * batch_size);
		best = took < best ? took : best;
	}
	(void)printf("one filter, %s, batches of %3zu: %7.0f ns an event\n", what, batch_size,
	             best);
	nc_filter_batch_free(batch);
	nc_filter_unref(filter);
}

static void run_isolated(const char *plugins, const char *private_dir, const char *program)
{
	struct nc_plugin_host *isolated;
	const struct nc_plugin_host_config config = { .extra_dirs = plugins,
		                                      .private_dir = private_dir,
		                                      .cell_program = program };
	nc_assert(nc_plugin_host_open(&config, &isolated) == NC_OK);
	for (size_t size = 1; size <= 250; size = size == 1 ? 25 : size * 10) {
		run_batches("in the node            ", host, size);
		run_batches("in a process of its own", isolated, size);
	}
	nc_plugin_host_close(isolated);
}

int main(int argc, char **argv)
{
	if (argc != 3 && argc != 4) {
		(void)fprintf(stderr, "usage: bench_filters PLUGIN-DIR PRIVATE-DIR [NACRED]\n");
		return 2;
	}
	const struct nc_plugin_host_config config = { .bundled_dir = argv[1],
		                                      .private_dir = argv[2] };
	if (nc_plugin_host_open(&config, &host) != NC_OK)
		return 1;
	events_make();
	run_view();
	static const int counts[] = { 1, 100, FILTERS_MAX };
	for (int i = 0; i < 3; i++) {
		run("by_payload, equality", "by_payload", counts[i], equality);
		run("by_payload, mixed", "by_payload", counts[i], mixed);
		run("by_pattern, NATS", "by_pattern", counts[i], subject);
	}
	run_add();
	if (argc == 4)
		run_isolated(argv[1], argv[2], argv[3]);
	nc_plugin_host_close(host);
	return 0;
}
