/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Damaged data are set aside by a process that is killed before each of its calls that change
 * files, in turn: the next start finishes it, and not a file is lost on the way. */
#include "core/node/data/quarantine.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/node/cluster/cluster_file.h"
#include "core/node/common/config.h"
#include "tests/unit/node/killed.h"

static char top[64], data[PATH_MAX];

static void shell(const char *words)
{
	char command[PATH_MAX + 512];
	snprintf(command, sizeof command, "cd %s && %s", data, words);
	cr_assert_eq(system(command), 0, "%s", command); // NOLINT: the test's own words
}

static void setup(void)
{
	snprintf(top, sizeof top, "/tmp/nc_quarantine_XXXXXX");
	cr_assert_not_null(mkdtemp(top));
	snprintf(data, sizeof data, "%s", top);
}

static void teardown(void)
{
	snprintf(data, sizeof data, "%s", top);
	shell("rm -rf \"$PWD\"");
}

TestSuite(quarantine, .init = setup, .fini = teardown);

static void data_make(void)
{
	shell("rm -rf * && mkdir -p log state incoming/files && echo l >log/1.seg && echo s "
	      ">state/events.wt && "
	      "echo i >identity && echo i >identity.copy && echo c >cluster && echo f "
	      ">incoming/files/x && echo u >nats.url");
}

static bool there(const char *name)
{
	char path[PATH_MAX + 64];
	snprintf(path, sizeof path, "%s/%s", data, name);
	return access(path, F_OK) == 0;
}

static bool do_killed_at(unsigned calls)
{
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		killed_at(calls);
		int err = nc_quarantine_do(data);
		killed_at(0);
		_exit(err == NC_OK ? 0 : 1);
	}
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != 1, "it failed at %u", calls);
	return WEXITSTATUS(status) == KILLED_STATUS;
}

Test(quarantine, sets_all_aside_wherever_it_is_interrupted, .timeout = 120)
{
	static const char *const kept[] = { "quarantine/log/1.seg", "quarantine/state/events.wt",
		                            "quarantine/identity",  "quarantine/identity.copy",
		                            "quarantine/cluster",   "nats.url" };
	static const char *const gone[] = { "log",     "state",    "identity", "identity.copy",
		                            "cluster", "incoming", "damaged",  "quarantine.new" };
	char why[64];
	unsigned interrupted = 0;
	for (unsigned calls = 1;; calls++) {
		data_make();
		cr_assert_not(nc_quarantine_due(data, why, sizeof why));
		cr_assert_eq(nc_quarantine_mark(data, "a page does not hold"), NC_OK);
		bool killed = do_killed_at(calls);
		interrupted += killed;
		if (nc_quarantine_due(data, why, sizeof why))
			cr_assert_eq(nc_quarantine_do(data), NC_OK, "call %u", calls);
		cr_expect_not(nc_quarantine_due(data, why, sizeof why), "call %u", calls);
		cr_expect(nc_quarantine_holds(data), "call %u", calls);
		for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
			cr_expect(there(kept[i]), "call %u: %s is lost", calls, kept[i]);
		for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
			cr_expect_not(there(gone[i]), "call %u: %s is still there", calls, gone[i]);
		if (!killed)
			break;
	}
	cr_expect_gt(interrupted, 8u);
}

/* As long as NACRE_DATA_DIR may be. */
Test(quarantine, sets_all_aside_below_a_long_path)
{
	size_t size = strlen(data);
	while (size < NC_DATA_DIR_SIZE_MAX) {
		size_t left = NC_DATA_DIR_SIZE_MAX - size, step = left < 200 ? left : 100;
		data[size] = '/';
		memset(data + size + 1, 'd', step - 1);
		data[size += step] = '\0';
		cr_assert_eq(mkdir(data, 0700), 0);
	}
	data_make();
	cr_assert_eq(nc_quarantine_do(data), NC_OK);
	cr_expect(there("quarantine/log/1.seg"));
	cr_expect(there("quarantine/cluster"));
	cr_expect_not(there("log"));
	cr_assert_eq(nc_quarantine_remove(data), NC_OK);
	cr_expect_not(there("quarantine/log"));
}

Test(quarantine, says_why)
{
	char why[64];
	data_make();
	cr_assert_eq(nc_quarantine_mark(data, "a page does not hold"), NC_OK);
	cr_expect(nc_quarantine_due(data, why, sizeof why));
	cr_expect_str_eq(why, "a page does not hold");
}

Test(quarantine, makes_room_and_stays_known)
{
	char why[64];
	data_make();
	cr_assert_eq(nc_quarantine_do(data), NC_OK);
	cr_assert_eq(nc_quarantine_remove(data), NC_OK);
	cr_expect(nc_quarantine_holds(data));
	cr_expect_not(nc_quarantine_due(data, why, sizeof why));
	cr_expect_not(there("quarantine/log"));
	cr_expect_not(there("quarantine/identity"));
}

static bool helps_with(uint8_t phase, uint32_t nodes)
{
	struct nc_cluster_record record = { .phase = phase, .node_count = nodes };
	for (uint32_t i = 0; i < nodes; i++) {
		record.nodes[i].number = i + 1;
		snprintf(record.nodes[i].name, NC_PEER_NAME_SIZE, "n%u", i + 1);
	}
	cr_assert_eq(nc_cluster_file_write(data, &record), NC_OK);
	return nc_quarantine_helps(data);
}

Test(quarantine, helps_only_who_has_others)
{
	cr_expect_not(nc_quarantine_helps(data), "no cluster");
	cr_expect(helps_with(NC_HELLO_MEMBER, 3));
	cr_expect_not(helps_with(NC_HELLO_MEMBER, 1));
	cr_expect_not(helps_with(NC_HELLO_PLEDGED, 3));
}
