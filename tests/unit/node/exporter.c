/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One checkpoint, held for peers and for a backup. */
#include "core/node/data/exporter.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "storage/log/memory_log.h"
#include "storage/state/wt_state.h"
#include "tests/unit/node/run_until.h"
#include "tests/unit/state/rows.h"

enum { PEER = 7, OTHER_PEER = 8, IDLE_S = 1 };
static const uint64_t backup = NC_EXPORTER_OTHERS + 1, other_backup = NC_EXPORTER_OTHERS + 2;

static char top[64], path[96];
static uv_loop_t loop;
static struct nc_state *state;
static struct nc_log *journal;
static struct nc_exporter *exporter;
static uint64_t held;

static void on_hold(void *ctx, uint64_t index)
{
	(void)ctx;
	held = index;
}

/* Apply an empty entry. */
static void apply(uint64_t index)
{
	const struct nc_log_hard hard = { .term = 1 };
	const struct nc_log_entry entry = { index, 1, NC_LOG_COMMAND, NC_SLICE("payload") };
	cr_assert_eq(nc_log_append(journal, &hard, &entry, 1), NC_OK);
	cr_assert_eq(nc_state_begin(state), NC_OK);
	cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ index, 1 }), NC_OK);
}

static void setup(void)
{
	const struct nc_wt_state_options options = { .cache_mb = 32, .keys = row_keys };
	snprintf(top, sizeof top, "/tmp/nc_exporter_XXXXXX");
	cr_assert_not_null(mkdtemp(top));
	snprintf(path, sizeof path, "%s/state", top);
	cr_assert_eq(nc_wt_state_open(path, &options, &state), NC_OK);
	cr_assert_eq(nc_memory_log_open(&journal), NC_OK);
	cr_assert_eq(uv_loop_init(&loop), 0);
	const struct nc_exporter_options exporting = {
		.loop = &loop, .state = state, .log = journal, .on_hold = on_hold, .idle_s = IDLE_S
	};
	cr_assert_eq(nc_exporter_start(&exporting, &exporter), NC_OK);
	held = 0;
	for (uint64_t index = 1; index <= 10; index++)
		apply(index);
}

static void teardown(void)
{
	char command[96];
	nc_exporter_stop(exporter);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&loop), 0);
	nc_log_close(journal);
	nc_state_close(state);
	snprintf(command, sizeof command, "rm -rf %s", top);
	cr_expect_eq(system(command), 0); // NOLINT: the test's own words
}

TestSuite(exporter, .init = setup, .fini = teardown, .timeout = 60);

struct task {
	struct nc_exporter_job job; /* first */
	struct nc_snapshot_manifest manifest;
	bool done;
};

static void on_done(struct nc_exporter_job *job)
{
	((struct task *)job)->done = true;
}

static int run(struct task *task)
{
	task->done = false;
	task->job.done = on_done;
	cr_assert_eq(nc_exporter_put(exporter, &task->job), NC_OK);
	RUN_UNTIL(&loop, task->done);
	return task->job.err;
}

/* As `reader`, no older than `index`. */
static int open_as(struct task *task, uint64_t reader, uint64_t index)
{
	task->job.reader = reader;
	task->job.exact = reader >= NC_EXPORTER_OTHERS;
	task->job.what.verb = NC_STATE_OPEN;
	task->job.what.index = index;
	int err = run(task);
	if (err == NC_OK) {
		cr_assert_eq(
		        nc_snapshot_manifest_get(nc_buf_slice(&task->job.answer), &task->manifest),
		        NC_OK);
		memcpy(task->job.what.id, task->manifest.id, NC_SNAPSHOT_ID_SIZE);
	}
	return err;
}

static int read_some(struct task *task)
{
	task->job.what.verb = NC_STATE_READ;
	task->job.what.file = 0;
	task->job.what.offset = 0;
	task->job.what.size = 100;
	return run(task);
}

static void leave(struct task *task)
{
	task->job.what.verb = NC_STATE_CLOSE;
	cr_expect_eq(run(task), NC_OK);
	nc_buf_release(&task->job.answer);
}

Test(exporter, gives_a_backup_what_is_applied_and_its_position)
{
	struct task task = { 0 };
	cr_assert_eq(open_as(&task, backup, 10), NC_OK);
	cr_expect_eq(task.manifest.applied.index, 10u);
	cr_expect_eq(task.job.head.position, 0u, "there was no event");
	cr_expect_eq(read_some(&task), NC_OK);
	leave(&task);
	cr_expect_eq(read_some(&task), NC_NOTFOUND, "it is let go");
	nc_buf_release(&task.job.answer);
}

Test(exporter, keeps_the_log_for_peers_and_not_for_backups)
{
	struct task first = { 0 }, second = { 0 };
	cr_assert_eq(open_as(&first, backup, 10), NC_OK);
	(void)uv_run(&loop, UV_RUN_NOWAIT);
	cr_expect_eq(held, 0u);
	cr_assert_eq(open_as(&second, PEER, 10), NC_OK);
	RUN_UNTIL(&loop, held == 10);
	cr_expect_eq(memcmp(first.manifest.id, second.manifest.id, NC_SNAPSHOT_ID_SIZE), 0,
	             "one checkpoint serves both");
	leave(&second);
	RUN_UNTIL(&loop, held == 0);
	cr_expect_eq(read_some(&first), NC_OK, "it is still read");
	leave(&first);
}

/* The backup reads on, so that the checkpoint stays. */
Test(exporter, keeps_the_log_for_no_peer_that_is_gone)
{
	struct task first = { 0 }, peer = { 0 };
	cr_assert_eq(open_as(&first, backup, 10), NC_OK);
	cr_assert_eq(open_as(&peer, PEER, 10), NC_OK);
	RUN_UNTIL(&loop, held == 10);
	for (int i = 0; i < 1000 && held != 0; i++) {
		cr_assert_eq(read_some(&first), NC_OK);
		(void)usleep(10000);
		(void)uv_run(&loop, UV_RUN_NOWAIT);
	}
	cr_expect_eq(held, 0u);
	cr_expect_eq(read_some(&peer), NC_OK, "it is still there, if it comes back");
	RUN_UNTIL(&loop, held == 10);
	leave(&peer);
	leave(&first);
}

Test(exporter, takes_a_checkpoint_away_for_no_backup)
{
	struct task first = { 0 }, peer = { 0 }, second = { 0 };
	cr_assert_eq(open_as(&first, backup, 10), NC_OK);
	cr_assert_eq(open_as(&peer, PEER, 5), NC_OK);
	apply(11);
	cr_expect_eq(open_as(&second, other_backup, 11), NC_BUSY);
	cr_expect_eq(read_some(&first), NC_OK);
	cr_expect_eq(read_some(&peer), NC_OK);
	leave(&peer);
	leave(&first);
	cr_assert_eq(open_as(&second, other_backup, 11), NC_OK);
	cr_expect_eq(second.manifest.applied.index, 11u);
	leave(&second);
}

Test(exporter, takes_it_from_a_backup_for_a_peer_that_needs_a_newer_one)
{
	struct task first = { 0 }, peer = { 0 };
	cr_assert_eq(open_as(&first, backup, 10), NC_OK);
	for (uint64_t index = 11; index <= 20; index++)
		apply(index);
	cr_assert_eq(nc_log_compact(journal, 15), NC_OK);
	cr_assert_eq(open_as(&peer, OTHER_PEER, 20), NC_OK);
	cr_expect_eq(peer.manifest.applied.index, 20u);
	cr_expect_eq(read_some(&first), NC_NOTFOUND);
	leave(&peer);
	nc_buf_release(&first.job.answer);
}

Test(exporter, gives_all_jobs_back_when_it_stops)
{
	struct task tasks[3] = { 0 };
	for (size_t i = 0; i < 3; i++) {
		tasks[i].job.done = on_done;
		tasks[i].job.reader = backup + i;
		tasks[i].job.what.verb = NC_STATE_OPEN;
		cr_assert_eq(nc_exporter_put(exporter, &tasks[i].job), NC_OK);
	}
	nc_exporter_stop(exporter);
	exporter = NULL;
	for (size_t i = 0; i < 3; i++) {
		cr_expect(tasks[i].done);
		cr_expect_eq(tasks[i].job.err, NC_CLOSED);
		nc_buf_release(&tasks[i].job.answer);
	}
}
