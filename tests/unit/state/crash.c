/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kill -9 at any moment: what is there afterwards is a prefix of what was applied, not shorter than
 * the last checkpoint, and its indexes agree with its events. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/state/memory_state.h"
#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/model.h"
#include "tests/unit/state/rows.h"
#include "tests/unit/state/support.h"

enum { ROUNDS = 40, ENTRIES_MAX = 1000000 };

/* What the child says: an entry is applied, or a checkpoint is complete. */
struct news {
	uint64_t applied;
	uint64_t covered;
	uint64_t checkpoint; /* applied when it was asked for; 0: news of an entry */
};

/* The child's. */
static struct nc_state *child_state;
static int child_fd;

static int open_state(unsigned held_events, struct nc_state **state_out)
{
	const struct nc_wt_state_options options = {
		.cache_mb = 32, .held_events = held_events, .chunk_rows = 3, .keys = row_keys
	};
	return nc_wt_state_open(directory, &options, state_out);
}

static void tell(struct news news)
{
	if (write(child_fd, &news, sizeof news) != sizeof news)
		_exit(4);
}

/* Beside the applier, so that checkpoints find index entries still held back. */
static void *checkpoints(void *arg)
{
	(void)arg;
	for (uint64_t done = 0;;) {
		struct news news = { .checkpoint = nc_state_applied(child_state).index };
		struct nc_state_applied covered;
		if (news.checkpoint == done)
			continue;
		if (nc_state_checkpoint(child_state, &covered) != NC_OK)
			_exit(3);
		news.covered = covered.index;
		done = news.checkpoint;
		tell(news);
	}
	return NULL;
}

static _Noreturn void child(int fd, unsigned held_events, bool with_checkpoints)
{
	pthread_t thread;
	child_fd = fd;
	if (open_state(held_events, &child_state) != NC_OK)
		_exit(1);
	uint64_t index = nc_state_applied(child_state).index;
	if (with_checkpoints && pthread_create(&thread, NULL, checkpoints, NULL) != 0)
		_exit(6);
	while (++index < ENTRIES_MAX) {
		if (model_apply(child_state, index) != NC_OK)
			_exit(2);
		tell((struct news){ .applied = index });
	}
	_exit(5);
}

static void hear(struct news *last, struct news news)
{
	if (news.checkpoint == 0) {
		last->applied = news.applied;
	} else {
		last->checkpoint = news.checkpoint;
		last->covered = news.covered;
	}
}

/* Run a child until it has told `steps` news, the first one until it has told of a checkpoint too,
 * then kill it. Returns the last of each kind. */
static struct news run_and_kill(int round, uint64_t steps)
{
	int fds[2];
	cr_assert_eq(pipe(fds), 0);
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		close(fds[0]);
		child(fds[1], round % 3 == 0 ? 7 : 60, round % 4 != 3);
	}
	close(fds[1]);
	struct news last = { 0 };
	for (uint64_t i = 0; i < steps || (round == 0 && last.checkpoint == 0); i++) {
		struct news news;
		cr_assert_eq(read(fds[0], &news, sizeof news), (ssize_t)sizeof news,
		             "round %d: the child failed at step %llu", round,
		             (unsigned long long)i);
		hear(&last, news);
	}
	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	/* What it did between the last news read and its end. */
	struct news news;
	while (read(fds[0], &news, sizeof news) == (ssize_t)sizeof news)
		hear(&last, news);
	close(fds[0]);
	return last;
}

Test(crash, leaves_a_prefix_not_shorter_than_the_last_checkpoint, .timeout = 300)
{
	struct nc_state *model;
	struct nc_buf want = { 0 };
	struct nc_buf have = { 0 };
	uint64_t at = 0;
	uint64_t random = 7;
	directory_begin();
	cr_assert_eq(nc_memory_state_open(&model), NC_OK);
	for (int round = 0; round < ROUNDS; round++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		struct news last = run_and_kill(round, 1 + (random >> 33) % 400);
		struct nc_state *state;
		cr_assert_eq(open_state(7, &state), NC_OK);
		uint64_t applied = nc_state_applied(state).index;
		cr_expect_geq(applied, last.checkpoint, "round %d: a checkpoint is lost", round);
		cr_expect_geq(applied, at, "round %d: it went back", round);
		cr_expect_leq(applied, last.applied + 1, "round %d: it ran ahead", round);
		cr_expect_leq(last.covered, applied);
		while (at < applied)
			cr_assert_eq(model_apply(model, ++at), NC_OK);
		dump_now(model, &want);
		dump_now(state, &have);
		cr_assert_str_eq((char *)have.data, (char *)want.data, "round %d, applied %llu",
		                 round, (unsigned long long)applied);
		nc_state_close(state);
	}
	cr_expect_gt(at, 0u, "no round got anywhere");
	nc_state_close(model);
	directory_remove();
	nc_buf_release(&want);
	nc_buf_release(&have);
}
