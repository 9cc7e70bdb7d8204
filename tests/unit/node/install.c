/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A fetched state is swapped in by a process that is killed before each of its calls that change
 * files, in turn: the next start finds the old state and the old log, or the new state and a log
 * that fits. */
#include "core/node/data/install.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/log/segment_log.h"
#include "storage/state/wt_state.h"
#include "tests/unit/node/killed.h"
#include "tests/unit/state/model.h"
#include "tests/unit/state/rows.h"

enum { OLD = 20, NEW = 60, LOG_TERM = 2, STATE_TERM = 4 };

static char top[64], data[128], made[128];
static char fault[NC_LOG_FAULT_SIZE];
static const struct nc_log_hard hard = { .term = 9, .vote = 3 };

static void shell(const char *format, ...)
{
	char command[512];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof command, format, args);
	va_end(args);
	cr_assert_eq(system(command), 0, "%s", command); // NOLINT: the test's own words
}

static const char *path_of(const char *directory, const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static void state_make(const char *path, uint64_t applied)
{
	const struct nc_wt_state_options options = { .cache_mb = 32, .keys = row_keys };
	struct nc_state *state;
	struct nc_state_applied at;
	cr_assert_eq(nc_wt_state_open(path, &options, &state), NC_OK);
	for (uint64_t index = 1; index < applied; index++)
		cr_assert_eq(model_apply(state, index), NC_OK);
	cr_assert_eq(nc_state_begin(state), NC_OK);
	at = (struct nc_state_applied){ applied, STATE_TERM };
	cr_assert_eq(nc_state_commit(state, at), NC_OK);
	nc_state_close(state);
}

static void log_open(const char *directory, struct nc_log **log_out,
                     struct nc_log_recovery *recovery_out)
{
	const struct nc_segment_log_options options = { .segment_size = NC_SEGMENT_SIZE_MIN };
	int err = nc_segment_log_open(path_of(directory, "log"), &options, recovery_out, log_out,
	                              fault);
	cr_assert_eq(err, NC_OK, "%s", fault);
}

/* Entries 1 to `last` of `term`, and the hard state. */
static void log_make(const char *directory, uint64_t last, uint64_t term)
{
	struct nc_log *log;
	struct nc_log_recovery recovery;
	cr_assert_eq(mkdir(path_of(directory, "log"), 0700), 0);
	log_open(directory, &log, &recovery);
	for (uint64_t index = 1; index <= last; index++) {
		const struct nc_log_entry entry = { index, term, NC_LOG_COMMAND,
			                            NC_SLICE("payload") };
		cr_assert_eq(nc_log_append(log, &hard, &entry, 1), NC_OK);
	}
	nc_log_close(log);
}

static void stage_fill(struct nc_state *state, const char *path)
{
	struct nc_snapshot_export *snapshot;
	struct nc_snapshot_stage *stage;
	struct nc_snapshot_manifest manifest;
	struct nc_buf buf = { 0 };
	uint32_t file;
	uint64_t offset;
	uint8_t digest[NC_SHA256_SIZE];
	cr_assert_eq(nc_snapshot_export_open(state, &snapshot), NC_OK);
	cr_assert_eq(nc_snapshot_stage_open(path, nc_snapshot_export_manifest(snapshot), &stage),
	             NC_OK);
	while (nc_snapshot_stage_next(stage, &file, &offset)) {
		nc_buf_clear(&buf);
		cr_assert_eq(nc_snapshot_export_read(snapshot, file, offset, NC_SNAPSHOT_CHUNK_MAX,
		                                     &buf),
		             NC_OK);
		struct nc_slice bytes = nc_buf_slice(&buf);
		nc_sha256(&bytes, 1, digest);
		cr_assert_eq(nc_snapshot_stage_put(stage, file, offset, bytes, digest), NC_OK);
	}
	nc_buf_release(&buf);
	nc_snapshot_stage_close(stage);
	nc_snapshot_export_close(snapshot);
	cr_assert_eq(nc_snapshot_adopt(path, &manifest, fault), NC_OK, "%s", fault);
	cr_assert_eq(manifest.applied.index, (uint64_t)NEW);
}

/* A data directory with a log of 1..log_last, a state at OLD, and one at NEW that has come in. */
static void setup_with(uint64_t log_last, uint64_t log_term)
{
	const struct nc_wt_state_options options = { .cache_mb = 32, .keys = row_keys };
	struct nc_identity_file *identity;
	struct nc_state *state;
	snprintf(top, sizeof top, "/tmp/nc_install_XXXXXX");
	cr_assert_not_null(mkdtemp(top));
	snprintf(data, sizeof data, "%s/data", top);
	snprintf(made, sizeof made, "%s/made", top);
	cr_assert_eq(mkdir(made, 0700), 0);
	cr_assert_eq(nc_identity_open(made, "shop", "n1", &identity, fault), NC_OK, "%s", fault);
	log_make(made, log_last, log_term);
	cr_assert_eq(nc_identity_high_water(identity, log_last), NC_OK);
	nc_identity_close(identity);
	state_make(path_of(made, "state"), OLD);
	state_make(path_of(top, "peer"), NEW);
	cr_assert_eq(nc_wt_state_open(path_of(top, "peer"), &options, &state), NC_OK);
	stage_fill(state, path_of(made, NC_INSTALL_INCOMING));
	nc_state_close(state);
	cr_expect_not(nc_install_pending(made));
}

static void teardown(void)
{
	shell("rm -rf %s", top);
}

TestSuite(install, .fini = teardown);

static void data_copy(void)
{
	shell("rm -rf %s && cp -r %s %s", data, made, data);
}

/* What a start does. */
static int start(struct nc_state_applied *applied_out, struct nc_log_bounds *bounds_out,
                 struct nc_log_recovery *recovery_out, uint64_t *high_water_out)
{
	struct nc_identity_file *identity;
	struct nc_log *log;
	int err = nc_identity_open(data, "shop", "n1", &identity, fault);
	if (err != NC_OK)
		return err;
	log_open(data, &log, recovery_out);
	err = nc_install_finish(data, identity, log, applied_out);
	nc_log_bounds(log, bounds_out);
	*high_water_out = nc_identity_get(identity)->high_water;
	nc_log_close(log);
	nc_identity_close(identity);
	return err;
}

static uint64_t state_applied(void)
{
	const struct nc_wt_state_options options = { .cache_mb = 32, .keys = row_keys };
	struct nc_state *state;
	cr_assert_eq(nc_wt_state_open(path_of(data, "state"), &options, &state), NC_OK);
	uint64_t applied = nc_state_applied(state).index;
	nc_state_close(state);
	return applied;
}

/* A process that commits and starts, and is killed before its `calls`th change. True: it was. */
static bool swap_killed_at(unsigned calls)
{
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct nc_state_applied applied;
		struct nc_log_bounds bounds;
		struct nc_log_recovery recovery;
		uint64_t high_water;
		killed_at(calls);
		int err = nc_install_commit(data);
		if (err == NC_OK)
			err = start(&applied, &bounds, &recovery, &high_water);
		killed_at(0);
		_exit(err == NC_OK ? 0 : 1);
	}
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != 1, "it failed at %u", calls);
	return WEXITSTATUS(status) == KILLED_STATUS;
}

/* At each call. `kept`: the log holds the new state's entry and stays. */
static void swap_at_each_call(uint64_t log_last, bool kept)
{
	unsigned calls = 1, old = 0, fresh = 0;
	for (bool killed = true; killed; calls++) {
		data_copy();
		killed = swap_killed_at(calls);
		bool committed = access(path_of(data, NC_INSTALL_INCOMING), F_OK) != 0;
		struct nc_state_applied applied;
		struct nc_log_bounds bounds;
		struct nc_log_recovery recovery;
		uint64_t high_water;
		cr_assert_eq(start(&applied, &bounds, &recovery, &high_water), NC_OK, "call %u",
		             calls);
		cr_expect_eq(state_applied(), committed ? (uint64_t)NEW : (uint64_t)OLD, "call %u",
		             calls);
		bool reset = committed && !kept;
		cr_expect_eq(bounds.last, reset ? (uint64_t)NEW : log_last, "call %u", calls);
		cr_expect_eq(bounds.first, reset ? NEW + 1u : 1u, "call %u", calls);
		cr_expect_leq(high_water, bounds.last, "call %u", calls);
		if (reset)
			cr_expect_eq(bounds.base_term, (uint64_t)STATE_TERM, "call %u", calls);
		cr_expect_eq(recovery.hard.term, hard.term, "call %u", calls);
		cr_expect_eq(recovery.hard.vote, hard.vote, "call %u", calls);
		cr_expect_neq(access(path_of(data, "state.old"), F_OK), 0, "call %u", calls);
		cr_expect_neq(access(path_of(data, NC_INSTALL_READY), F_OK), 0, "call %u", calls);
		old += !committed;
		fresh += committed && killed;
	}
	cr_expect_gt(old, 0u);
	cr_expect_gt(fresh, 10u, "killed behind the moment only %u times", fresh);
}

Test(install, behind_the_log_leaves_the_old_or_the_new, .timeout = 240)
{
	setup_with(30, LOG_TERM);
	swap_at_each_call(30, false);
}

Test(install, over_a_diverged_log_leaves_the_old_or_the_new, .timeout = 240)
{
	setup_with(NEW + 40, LOG_TERM);
	swap_at_each_call(NEW + 40, false);
}

Test(install, keeps_a_log_that_holds_the_states_entry, .timeout = 240)
{
	setup_with(NEW + 40, STATE_TERM);
	swap_at_each_call(NEW + 40, true);
}

Test(install, throws_a_state_away_that_the_log_no_longer_reaches, .timeout = 120)
{
	setup_with(30, LOG_TERM);
	data_copy();
	struct nc_log *log;
	struct nc_log_recovery recovery;
	log_open(data, &log, &recovery);
	cr_assert_eq(nc_log_reset(log, NEW + 5, STATE_TERM), NC_OK);
	nc_log_close(log);
	cr_assert_eq(nc_install_commit(data), NC_OK);
	cr_expect(nc_install_pending(data));
	struct nc_state_applied applied;
	struct nc_log_bounds bounds;
	uint64_t high_water;
	cr_assert_eq(start(&applied, &bounds, &recovery, &high_water), NC_OK);
	cr_expect_eq(applied.index, 0u);
	cr_expect_eq(bounds.last, NEW + 5u);
	cr_expect_eq(state_applied(), (uint64_t)OLD);
	cr_expect_not(nc_install_pending(data));
}

Test(install, takes_nothing_that_was_not_verified, .timeout = 120)
{
	setup_with(30, LOG_TERM);
	data_copy();
	shell("rm %s/%s/manifest.adopted", data, NC_INSTALL_INCOMING);
	cr_expect_eq(nc_install_commit(data), NC_NOTFOUND);
	cr_expect_not(nc_install_pending(data));
}
