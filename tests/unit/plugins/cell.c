/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugins in processes of their own: they answer as in the node, and whatever they do there, the
 * node goes on, says why there is no answer, and has one again later. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/plugins/support.h"

static void setup(void)
{
	home_make();
	cell_program = NACRED;
}

TestSuite(cell, .init = setup, .fini = home_remove, .timeout = 120);

static struct nc_plugin_host *host;

static struct nc_plugin_info told(const char *name)
{
	struct nc_plugin_info info;
	cr_assert_eq(nc_plugin_host_find(host, nc_slice_str(name), &info), NC_OK, "%s: %s", name,
	             said);
	return info;
}

/* What a filter says of one event, and the error. */
static int ask(const struct nc_filter *filter, const char *stream, uint64_t *matched)
{
	struct nc_filter_batch *batch;
	const struct nc_event event = event_of(stream, "T", "{\"a\":1}");
	cr_assert_eq(nc_filter_batch_new(&batch), NC_OK);
	cr_assert_eq(nc_filter_batch_add(batch, &event), NC_OK);
	*matched = 0;
	int err = nc_filter_match(filter, batch, matched);
	nc_filter_batch_free(batch);
	return err;
}

/* Until it has an answer again. */
static void comes_back(const struct nc_filter *filter, const char *name)
{
	uint64_t matched = 0;
	for (int i = 0; ask(filter, "good", &matched) != NC_OK; i++) {
		cr_assert_lt(i, 400, "%s: %s", name, told(name).trouble);
		(void)nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	cr_expect_eq(matched, 1u);
}

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
	struct nc_filter *filter = compiled(host, "future", "1");
	cr_expect_eq(nc_filter_plugin(filter).abi_minor, 1u);
	struct nc_filter_hints hints = nc_filter_hints(filter);
	cr_assert_eq(hints.count, 1u);
	cr_expect_not(hints.full, "the hint says more than this host can read");
	cr_expect_eq(hints.hints[0].stream_kind, NC_FILTER_PREFIX);
	struct nc_event event = event_of("s", "T", "{}");
	event.position = 3;
	cr_expect_not(matches(filter, &event));
	event.position = 4;
	cr_expect(matches(filter, &event));
	nc_filter_unref(filter);
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

/* ---- Hostile ones --------------------------------------------------------------------------- */

/* Do harm while an event is matched: no answer, the reason, and later an answer again. */
static void survives(const char *deed, const char *reason)
{
	char selector[80];
	uint64_t matched;
	host = host_open(NULL, HOSTILE_DIR);
	(void)snprintf(selector, sizeof selector, "{\"on\":\"bad\",\"do\":\"%s\"}", deed);
	struct nc_filter *filter = compiled(host, "hostile", selector);
	struct nc_filter *other = compiled(host, "hostile", "{\"on\":\"never\",\"do\":\"exit\"}");
	cr_expect_eq(ask(filter, "good", &matched), NC_OK);
	cr_expect_eq(ask(filter, "bad", &matched), NC_IO, "%s", deed);
	struct nc_plugin_info info = told("hostile");
	cr_expect(strstr(info.trouble, reason) != NULL, "%s: %s", deed, info.trouble);
	cr_expect(strstr(said, reason) != NULL, "the log does not say why: %s", said);
	comes_back(filter, "hostile");
	comes_back(other, "hostile");
	cr_expect_eq(told("hostile").starts, 2u);
	nc_filter_unref(filter);
	nc_filter_unref(other);
	nc_plugin_host_close(host);
}

Test(cell, survives_a_crash)
{
	survives("segfault", "crashed: Segmentation fault");
}
Test(cell, survives_an_endless_loop)
{
	survives("loop", "no answer within the time");
}
Test(cell, survives_an_exit)
{
	survives("exit", "ended by itself");
}
Test(cell, survives_an_abort)
{
	survives("abort", "crashed: Aborted");
}
Test(cell, survives_a_fork_bomb)
{
	survives("fork", "system call that plugins may not make");
}
Test(cell, survives_a_forged_answer)
{
	survives("forge", "answered nonsense");
}
Test(cell, forbids_a_network)
{
	survives("network", "system call that plugins may not make");
}
Test(cell, forbids_programs)
{
	survives("execute", "system call that plugins may not make");
}
Test(cell, forbids_threads)
{
	survives("thread", "system call that plugins may not make");
}
Test(cell, forbids_to_kill)
{
	survives("kill", "system call that plugins may not make");
}
#ifndef __SANITIZE_ADDRESS__
Test(cell, survives_ten_gigabytes)
{
	survives("allocate", "while it matched events"); /* crashes, or is too slow */
}
#endif

/* What can be denied without an end: the answer is an answer. */
static void is_denied(const char *deed)
{
	char selector[80];
	uint64_t matched;
	host = host_open(NULL, HOSTILE_DIR);
	(void)snprintf(selector, sizeof selector, "{\"on\":\"bad\",\"do\":\"%s\"}", deed);
	struct nc_filter *filter = compiled(host, "hostile", selector);
	cr_expect_eq(ask(filter, "bad", &matched), NC_OK, "%s", told("hostile").trouble);
	cr_expect_eq(matched, 1u);
	cr_expect_eq(told("hostile").starts, 1u);
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}

Test(cell, denies_to_write_files)
{
	is_denied("write");
}
Test(cell, denies_to_read_files)
{
	is_denied("read");
}
Test(cell, ignores_bits_behind_the_last_event)
{
	is_denied("bits");
}
Test(cell, waits_for_a_slow_one)
{
	is_denied("slow");
}

/* What the kernel says of a call to `deed` while it lasts: whether its process was behind all
 * others at any time, and afterwards, where it answered. */
struct asking {
	struct nc_filter *filter;
	int err;
};

static void *ask_bad(void *arg)
{
	struct asking *asking = arg;
	uint64_t matched;
	asking->err = ask(asking->filter, "bad", &matched);
	return NULL;
}

static void is_behind(const char *deed, bool during, int err)
{
	char selector[80];
	pthread_t thread;
	bool behind = false, over = false;
	host = host_open(NULL, HOSTILE_DIR);
	(void)snprintf(selector, sizeof selector, "{\"on\":\"bad\",\"do\":\"%s\"}", deed);
	struct asking asking = { .filter = compiled(host, "hostile", selector) };
	const pid_t pid = (pid_t)told("hostile").pid;
	cr_expect_eq(sched_getscheduler(pid), SCHED_OTHER);
	cr_assert_eq(pthread_create(&thread, NULL, ask_bad, &asking), 0);
	while (!over) {
		over = pthread_tryjoin_np(thread, NULL) == 0;
		behind = behind || sched_getscheduler(pid) == SCHED_IDLE;
		(void)nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	cr_expect_eq(behind, during, "%s", deed);
	cr_expect_eq(asking.err, err, "%s", deed);
	if (err == NC_OK) /* else it was killed */
		cr_expect_eq(sched_getscheduler(pid), SCHED_OTHER, "%s", deed);
	nc_filter_unref(asking.filter);
	nc_plugin_host_close(host);
}

Test(cell, one_that_does_not_come_to_an_end_is_behind_all_others)
{
	is_behind("loop", true, NC_IO);
}
Test(cell, one_that_works_long_is_behind_all_others_until_it_answers)
{
	if (geteuid() != 0)
		cr_skip("only root may bring a process back");
	is_behind("work", true, NC_OK);
}
Test(cell, one_that_only_waits_is_not_behind)
{
	is_behind("slow", false, NC_OK);
}

Test(cell, a_flooded_log_is_cut)
{
	is_denied("flood");
	cr_expect_lt(strlen(said), 3000u);
	cr_expect_eq(strchr(said, '\033'), NULL);
}

Test(cell, a_negative_answer_is_none_and_costs_no_process)
{
	uint64_t matched;
	host = host_open(NULL, HOSTILE_DIR);
	struct nc_filter *filter =
	        compiled(host, "hostile", "{\"on\":\"bad\",\"do\":\"negative\"}");
	cr_expect_eq(ask(filter, "bad", &matched), NC_IO);
	cr_expect_eq(ask(filter, "good", &matched), NC_OK);
	cr_expect_eq(told("hostile").starts, 1u);
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}

Test(cell, a_selector_that_crashes_it_is_refused_and_pauses_it)
{
	struct nc_filter *filter;
	struct nc_filter_error error;
	host = host_open(NULL, HOSTILE_DIR);
	int err = nc_filter_compile(host, NC_SLICE("hostile"), NC_SLICE("{\"do\":\"segfault\"}"),
	                            &filter, &error);
	cr_expect_eq(err, NC_IO);
	cr_expect(strstr(error.message, "crashed") != NULL, "%s", error.message);
	cr_expect_gt(told("hostile").pause_ms, 0u);
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
	cr_expect(strstr(why, "expected an object") != NULL, "%s", why);
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
	while (ask(filter, "s", &matched) != NC_OK)
		(void)nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	cr_expect_not(nc_filter_hints_come(filter));
	cr_expect_eq(nc_filter_hints(filter).count, 1u);
	nc_filter_unref(filter);
	nc_plugin_host_close(host);
}

Test(cell, what_it_says_ends_no_line)
{
	struct nc_filter *filter;
	struct nc_filter_error error;
	host = host_open(NULL, HOSTILE_DIR);
	cr_assert_eq(nc_filter_compile(host, NC_SLICE("hostile"), NC_SLICE("7"), &filter, &error),
	             NC_INVALID);
	cr_expect_str_eq(error.message, "expected an object??Evil: 1?[2J");
	nc_plugin_host_close(host);
}

Test(cell, is_nobodys_where_the_node_is_root)
{
	char path[64], line[256];
	unsigned long uids[4] = { 0 };
	if (geteuid() != 0)
		cr_skip("only root may become somebody else");
	host = host_open(NULL, HOSTILE_DIR);
	(void)snprintf(path, sizeof path, "/proc/%llu/status",
	               (unsigned long long)told("hostile").pid);
	FILE *file = fopen(path, "re");
	cr_assert_not_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		if (strncmp(line, "Uid:", 4) != 0 && strncmp(line, "Gid:", 4) != 0)
			continue;
		char *next = line + 4;
		for (int i = 0; i < 4; i++) {
			uids[i] = strtoul(next, &next, 10);
			cr_expect_eq(uids[i], 65534u, "%s", line);
		}
	}
	(void)fclose(file);
	cr_expect_eq(uids[0], 65534u, "it has said nothing");
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
	comes_back(filter, "hostile");
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
		comes_back(filter, "hostile");
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

static void found(void *ctx, const struct nc_plugin_info *info)
{
	int *refused = ctx;
	cr_expect_eq(info->state, NC_PLUGIN_REFUSED, "%s: %s", info->path, info->reason);
	cr_expect(strstr(info->reason, "while it was being loaded") != NULL, "%s", info->reason);
	++*refused;
}

Test(cell, what_harms_before_anybody_asks_is_refused)
{
	int refused = 0;
	host = host_open(NULL, HOSTILE_DIR "/at_load");
	nc_plugin_host_list(host, found, &refused);
	cr_expect_eq(refused, 5);
	nc_plugin_host_close(host);
}

/* It ends if it can do it. */
static void loads_without_doing(const char *dir)
{
	host = host_open(NULL, dir);
	cr_expect_eq(told("hostile_at_load").starts, 1u);
	nc_plugin_host_close(host);
}

Test(cell, writes_no_file_while_it_is_loaded)
{
	loads_without_doing(HOSTILE_DIR "/write");
}

Test(cell, reads_no_file_but_libraries_while_it_is_loaded)
{
	/* The ABI of Landlock that the kernel has; without it files are hidden by their owners
	 * alone. */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 0)
		cr_skip("this kernel has no Landlock");
	loads_without_doing(HOSTILE_DIR "/read");
}
