/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plugins in processes of their own that do harm: whatever it is, the node goes on, says why there
 * is no answer, and has one again later. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/plugins/cell_harness.h"

TestSuite(cell_harm, .init = cell_setup, .fini = home_remove, .timeout = 120);

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
	comes_back(filter, "hostile", "good");
	comes_back(other, "hostile", "good");
	cr_expect_eq(told("hostile").starts, 2u);
	nc_filter_unref(filter);
	nc_filter_unref(other);
	nc_plugin_host_close(host);
}

Test(cell_harm, survives_a_crash)
{
	survives("segfault", "crashed: Segmentation fault");
}
Test(cell_harm, survives_an_endless_loop)
{
	survives("loop", "no answer within the time");
}
Test(cell_harm, survives_an_exit)
{
	survives("exit", "ended by itself");
}
Test(cell_harm, survives_an_abort)
{
	survives("abort", "crashed: Aborted");
}
Test(cell_harm, survives_a_fork_bomb)
{
	survives("fork", "system call that plugins may not make");
}
Test(cell_harm, survives_a_forged_answer)
{
	survives("forge", "answered nonsense");
}
Test(cell_harm, forbids_a_network)
{
	survives("network", "system call that plugins may not make");
}
Test(cell_harm, forbids_programs)
{
	survives("execute", "system call that plugins may not make");
}
Test(cell_harm, forbids_threads)
{
	survives("thread", "system call that plugins may not make");
}
Test(cell_harm, forbids_to_kill)
{
	survives("kill", "system call that plugins may not make");
}
#ifndef __SANITIZE_ADDRESS__
Test(cell_harm, survives_ten_gigabytes)
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

Test(cell_harm, denies_to_write_files)
{
	is_denied("write");
}
Test(cell_harm, denies_to_read_files)
{
	is_denied("read");
}
Test(cell_harm, ignores_bits_behind_the_last_event)
{
	is_denied("bits");
}
Test(cell_harm, waits_for_a_slow_one)
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

Test(cell_harm, one_that_does_not_come_to_an_end_is_behind_all_others)
{
	is_behind("loop", true, NC_IO);
}
Test(cell_harm, one_that_works_long_is_behind_all_others_until_it_answers)
{
	if (geteuid() != 0)
		cr_skip("only root may bring a process back");
	is_behind("work", true, NC_OK);
}
Test(cell_harm, one_that_only_waits_is_not_behind)
{
	is_behind("slow", false, NC_OK);
}

Test(cell_harm, a_flooded_log_is_cut)
{
	is_denied("flood");
	cr_expect_lt(strlen(said), 3000u);
	cr_expect_eq(strchr(said, '\033'), NULL);
}

Test(cell_harm, a_negative_answer_is_none_and_costs_no_process)
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

Test(cell_harm, a_selector_that_crashes_it_is_refused_and_pauses_it)
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

Test(cell_harm, what_it_says_ends_no_line)
{
	struct nc_filter *filter;
	struct nc_filter_error error;
	host = host_open(NULL, HOSTILE_DIR);
	cr_assert_eq(nc_filter_compile(host, NC_SLICE("hostile"), NC_SLICE("7"), &filter, &error),
	             NC_INVALID);
	cr_expect_str_eq(error.message, "expected an object??Evil: 1?[2J???");
	nc_plugin_host_close(host);
}

Test(cell_harm, is_nobodys_where_the_node_is_root)
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

static void found(void *ctx, const struct nc_plugin_info *info)
{
	int *refused = ctx;
	cr_expect_eq(info->state, NC_PLUGIN_REFUSED, "%s: %s", info->path, info->reason);
	cr_expect(strstr(info->reason, "while it was being loaded") != NULL, "%s", info->reason);
	++*refused;
}

Test(cell_harm, what_harms_before_anybody_asks_is_refused)
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

Test(cell_harm, writes_no_file_while_it_is_loaded)
{
	loads_without_doing(HOSTILE_DIR "/write");
}

Test(cell_harm, reads_no_file_but_libraries_while_it_is_loaded)
{
	/* The ABI of Landlock that the kernel has; without it files are hidden by their owners
	 * alone. */
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 0)
		cr_skip("this kernel has no Landlock");
	loads_without_doing(HOSTILE_DIR "/read");
}
