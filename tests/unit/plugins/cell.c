/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugins in processes of their own: they answer as in the node, and their processes come and go
 * with whom they serve. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/unit/plugins/cell_harness.h"

TestSuite(cell, .init = cell_setup, .fini = home_remove, .timeout = 120);

Test(cell, a_plugin_answers_as_in_the_node)
{
	host = host_open(NULL, PLUGIN_DIR);
	cr_expect(told("by_payload").isolated);
	static const char *const selectors[][2] = {
		{ "by_payload", "{\"a\":[1]}" },
		{ "by_payload", "{\"a\":[2]}" },
		{ "by_stream", "[\"orders.1\",\"x\"]" },
		{ "by_pattern", "{\"tags\":[\"red\"],\"meta\":{\"user\":[\"7\"]},\"seq\":[1]}" },
		{ "by_event_type", "\"T*\"" },
	};
	static const bool expected[] = { true, false, true, true, true };
	struct nc_buf tags = { 0 }, meta = { 0 };
	struct nc_event event = event_of("orders.1", "T", "{\"a\":1}");
	nc_event_tag_put(&tags, NC_SLICE("blue"));
	nc_event_tag_put(&tags, NC_SLICE("red"));
	nc_event_meta_put(&meta, NC_SLICE("user"), NC_SLICE("7"));
	event.tags = nc_buf_slice(&tags);
	event.meta = nc_buf_slice(&meta);
	for (size_t i = 0; i < sizeof expected; i++) {
		struct nc_filter *filter = compiled(host, selectors[i][0], selectors[i][1]);
		cr_expect_eq(matches(filter, &event), expected[i], "%s", selectors[i][1]);
		nc_filter_unref(filter);
	}
	nc_buf_release(&tags);
	nc_buf_release(&meta);
	nc_plugin_host_close(host);
}

Test(cell, hints_errors_and_offsets_come_through)
{
	host = host_open(NULL, PLUGIN_DIR);
	struct nc_filter *filter = compiled(host, "by_stream", "[\"orders.1\",\"orders.2\"]");
	struct nc_filter_hints hints = nc_filter_hints(filter);
	cr_assert_eq(hints.count, 2u);
	cr_expect(hints.full);
	cr_expect(nc_slice_is(hints.hints[1].stream, "orders.2") ||
	          nc_slice_is(hints.hints[0].stream, "orders.2"));
	nc_filter_unref(filter);
	struct nc_filter_error error;
	int err = nc_filter_compile(host, NC_SLICE("by_payload"),
	                            NC_SLICE("{\"a\":[{\"prefx\":1}]}"), &filter, &error);
	cr_expect_eq(err, NC_INVALID);
	cr_expect_eq(error.offset, 7u, "%zu %s", error.offset, error.message);
	cr_expect_neq(error.message[0], '\0');
	nc_plugin_host_close(host);
}

Test(cell, a_plugin_of_a_later_minor_is_slower_and_never_wrong)
{
	host = host_open(NULL, HALTING_DIR);
	expect_a_later_minor_serves(host);
	nc_plugin_host_close(host);
}

Test(cell, a_filter_that_needs_the_unknown_is_refused)
{
	struct nc_filter *filter;
	struct nc_filter_error error;
	uint64_t matched;
	host = host_open(NULL, HALTING_DIR);
	cr_expect_eq(
	        nc_filter_compile(host, NC_SLICE("halting"), NC_SLICE("1024"), &filter, &error),
	        NC_UNSUPPORTED);
	cr_expect(strstr(error.message, "0x400") != NULL, "%s", error.message);
	/* Compiled later it is known when it is asked; each time. */
	cr_assert_eq(nc_filter_compile_later(host, NC_SLICE("halting"), NC_SLICE("1024"), &filter,
	                                     &error),
	             NC_OK);
	for (int i = 0; i < 2; i++) {
		char why[240];
		cr_expect_eq(ask(filter, "s", &matched), NC_IO);
		nc_filter_trouble(filter, why, sizeof why);
		cr_expect(strstr(why, "cannot give") != NULL, "%s", why);
	}
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}

Test(cell, many_large_events_go_in_parts)
{
	enum { EVENTS = 130, SIZE = 200000 };
	host = host_open(NULL, PLUGIN_DIR);
	struct nc_filter *filter =
	        compiled(host, "by_payload", "{\"n\":[{\"numeric\":[\">=\",100]}]}");
	struct nc_filter_batch *batch;
	static char data[EVENTS][SIZE];
	uint64_t matched[3];
	cr_assert_eq(nc_filter_batch_new(&batch), NC_OK);
	for (int i = 0; i < EVENTS; i++) {
		memset(data[i], ' ', sizeof data[i]);
		int size = snprintf(data[i], sizeof data[i], "{\"n\":%d}", i);
		data[i][size] = ' ';
		struct nc_event event = event_of("s", "T", "");
		event.data = nc_slice(data[i], sizeof data[i]);
		cr_assert_eq(nc_filter_batch_add(batch, &event), NC_OK);
	}
	cr_assert_eq(nc_filter_match(filter, batch, matched), NC_OK);
	for (int i = 0; i < EVENTS; i++)
		cr_expect_eq(matched[i / 64] >> i % 64 & 1, i >= 100, "%d", i);
	nc_filter_batch_free(batch);
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}

Test(cell, a_filter_that_is_compiled_later_is_compiled_when_asked)
{
	struct nc_filter *good, *bad;
	struct nc_filter_error error;
	uint64_t matched;
	host = host_open(NULL, HOSTILE_DIR);
	cr_assert_eq(
	        nc_filter_compile_later(host, NC_SLICE("hostile"), NC_SLICE("{}"), &good, &error),
	        NC_OK);
	cr_assert_eq(
	        nc_filter_compile_later(host, NC_SLICE("hostile"), NC_SLICE("7"), &bad, &error),
	        NC_OK);
	cr_expect_eq(nc_filter_hints(good).count, 0u);
	cr_expect_eq(ask(good, "s", &matched), NC_OK);
	cr_expect_eq(matched, 1u);
	cr_expect_eq(ask(bad, "s", &matched), NC_IO);
	char why[240];
	nc_filter_trouble(bad, why, sizeof why);
	cr_expect(strstr(why, "expected an object??Evil: 1?[2J???") != NULL, "%s", why);
	nc_filter_unref(good);
	nc_filter_unref(bad);
	nc_plugin_host_close(host);
}

Test(cell, the_hints_of_a_filter_that_is_compiled_later_come_when_it_is_asked)
{
	struct nc_filter *filter;
	struct nc_filter_error error;
	uint64_t matched;
	host = host_open(NULL, PLUGIN_DIR);
	cr_assert_eq(nc_filter_compile_later(host, NC_SLICE("by_stream"), NC_SLICE("\"s\""),
	                                     &filter, &error),
	             NC_OK);
	cr_expect_not(nc_filter_hints_come(filter), "nobody has asked it");
	cr_expect_eq(ask(filter, "s", &matched), NC_OK);
	cr_expect(nc_filter_hints_come(filter));
	cr_expect_not(nc_filter_hints_come(filter), "once");
	struct nc_filter_hints hints = nc_filter_hints(filter);
	cr_assert_eq(hints.count, 1u);
	cr_expect(hints.full && nc_slice_is(hints.hints[0].stream, "s"));
	/* A new process does not bring them twice. */
	cr_assert_eq(kill((pid_t)told("by_stream").pid, SIGKILL), 0);
	cr_expect_eq(ask(filter, "s", &matched), NC_IO);
	comes_back(filter, "by_stream", "s");
	cr_expect_not(nc_filter_hints_come(filter));
	cr_expect_eq(nc_filter_hints(filter).count, 1u);
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}

Test(cell, hints_that_no_name_can_meet_are_none)
{
	host = host_open(NULL, HOSTILE_DIR);
	struct nc_filter *filter = compiled(host, "hostile", "{}");
	struct nc_filter_hints hints = nc_filter_hints(filter);
	cr_assert_eq(hints.count, 1u);
	cr_expect_eq(hints.hints[0].stream_kind, NC_FILTER_ANY);
	cr_expect_not(hints.full);
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}

Test(cell, one_that_is_killed_while_idle_is_started_anew)
{
	host = host_open(NULL, HOSTILE_DIR);
	struct nc_filter *filter = compiled(host, "hostile", "{}");
	uint64_t matched;
	cr_assert_gt(told("hostile").pid, 0u);
	cr_assert_eq(kill((pid_t)told("hostile").pid, SIGKILL), 0);
	cr_expect_eq(ask(filter, "s", &matched), NC_IO);
	comes_back(filter, "hostile", "good");
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}

Test(cell, pauses_grow)
{
	uint64_t matched, before = 0;
	host = host_open(NULL, HOSTILE_DIR);
	struct nc_filter *filter = compiled(host, "hostile", "{\"on\":\"bad\",\"do\":\"exit\"}");
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(ask(filter, "bad", &matched), NC_IO);
		uint64_t pause = told("hostile").pause_ms;
		cr_expect_gt(pause, before);
		before = pause;
		comes_back(filter, "hostile", "good");
	}
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}

static void copy_to(const char *from, const char *to)
{
	char command[1200];
	(void)snprintf(command, sizeof command, "cp %s %s.new && chmod 644 %s.new && mv %s.new %s",
	               from, to, to, to, to);
	cr_assert_eq(system(command), 0);
}

static void state_take(void *ctx, const struct nc_plugin_info *info)
{
	if (info->state == NC_PLUGIN_REPLACED)
		*(uint64_t *)ctx = info->pid;
}

Test(cell, one_that_is_replaced_lives_as_long_as_its_last_filter)
{
	char dir[300], file[400];
	uint64_t matched, pid = 0;
	(void)snprintf(dir, sizeof dir, "%s/plugins", home);
	(void)snprintf(file, sizeof file, "%s/hostile.so", dir);
	cr_assert_eq(mkdir(dir, 0755), 0);
	copy_to(HOSTILE_DIR "/hostile.so", file);
	host = host_open(NULL, dir);
	struct nc_filter *filter = compiled(host, "hostile", "{}");
	copy_to(HOSTILE_DIR "/two/hostile.so", file);
	cr_assert_eq(nc_plugin_host_scan(host), NC_OK);
	nc_plugin_host_list(host, state_take, &pid);
	cr_expect_gt(pid, 0u, "the old one serves");
	cr_expect_eq(ask(filter, "s", &matched), NC_OK);
	cr_expect_eq(matched, 1u);
	nc_filter_unref(filter);
	nc_plugin_host_list(host, state_take, &pid);
	cr_expect_eq(pid, 0u, "its process goes with its last filter");
	filter = compiled(host, "hostile", "{}");
	cr_expect_str_eq(nc_filter_plugin(filter).build, "2");
	cr_expect_eq(ask(filter, "s", &matched), NC_OK);
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}
