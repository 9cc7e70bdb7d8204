/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waiting for a cell's answer: who works long is held back, has its patience all the same, and runs
 * when the wait is over. The cell is a child of the test. No test here depends on how fast or how
 * busy the machine is: what the child waited for a processor is asked of the kernel. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plugins/host/cell_wait.h"

enum { FOREVER = -1, PATIENCE_MS = 600, LONG_PATIENCE_MS = 60000 };

static pid_t child;
static int line; /* from it */

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now = { 0 };
	cr_assert_eq(clock_gettime(clock, &now), 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the child does: so long asleep, so much work, then an answer, and it waits for its end. */
static void be_child(int out, int sleep_ms, int work_ms)
{
	static volatile unsigned long turns;
	const struct timespec asleep = { .tv_nsec = sleep_ms * 1000000L };
	(void)nanosleep(&asleep, NULL);
	while (work_ms == FOREVER || clock_ms(CLOCK_PROCESS_CPUTIME_ID) < work_ms)
		turns++;
	(void)!write(out, "", 1);
	for (;;)
		(void)pause();
}

static void begin(int sleep_ms, int work_ms)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	child = fork();
	cr_assert_geq(child, 0);
	if (child == 0)
		be_child(ends[1], sleep_ms, work_ms);
	(void)close(ends[1]);
	line = ends[0];
}

static void end(void)
{
	if (child <= 0)
		return;
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	(void)close(line);
}

TestSuite(cell_wait, .fini = end, .timeout = 120);

/* Whether the child was stopped since, and runs. */
static bool was_stopped_and_runs(void)
{
	int status = 0;
	if (waitpid(child, &status, WUNTRACED | WCONTINUED | WNOHANG) == 0)
		return false;
	cr_expect(WIFCONTINUED(status), "it is left stopped, or has ended: %x", (unsigned)status);
	return true;
}

/* Processor time of the child, and how long it waited for a processor that others had: up to when
 * it had one last, since the kernel counts a wait when it is over. */
static void account(int64_t *used_ms_out, int64_t *waited_ms_out)
{
	char path[64], text[128] = "";
	(void)snprintf(path, sizeof path, "/proc/%d/schedstat", (int)child);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		cr_skip("this kernel does not account for waiting");
	char *next = fgets(text, sizeof text, file);
	(void)fclose(file);
	cr_assert_not_null(next);
	*used_ms_out = strtoll(next, &next, 10) / 1000000;
	*waited_ms_out = strtoll(next, &next, 10) / 1000000;
}

/* The same, up to now: a child that works goes on sooner or later, and what it waits for that is
 * counted then. */
static void account_all(int64_t *used_ms_out, int64_t *waited_ms_out)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int64_t used, waited;
	account(&used, &waited);
	do {
		(void)nanosleep(&pause, NULL);
		account(used_ms_out, waited_ms_out);
	} while (*used_ms_out == used && *waited_ms_out == waited);
}

Test(cell_wait, one_that_loops_is_held_back_and_has_its_patience_all_the_same)
{
	int64_t used, waited, from = clock_ms(CLOCK_MONOTONIC);
	begin(0, FOREVER);
	cr_expect_eq(nc_cell_wait(child, line, PATIENCE_MS, true), NC_TIMEOUT);
	account_all(&used, &waited);
	int64_t all = clock_ms(CLOCK_MONOTONIC) - from;
	int64_t stopped = all - used - waited;
	/* What it might have run is what it was promised … */
	cr_expect_geq(used + waited, PATIENCE_MS * 3 / 4, "ran %lld, waited %lld of %lld ms",
	              (long long)used, (long long)waited, (long long)all);
	/* … and once it is greedy it stands still for as long as it runs. */
	cr_expect_geq(stopped, used - 2 * NC_CELL_TURNS_MS, "ran %lld, stood still %lld ms",
	              (long long)used, (long long)stopped);
	cr_expect(used < 2 * NC_CELL_TURNS_MS || was_stopped_and_runs());
}

Test(cell_wait, one_that_works_long_is_stopped_and_runs_when_it_has_answered)
{
	begin(0, 3 * NC_CELL_TURNS_MS);
	cr_expect_eq(nc_cell_wait(child, line, LONG_PATIENCE_MS, true), NC_OK);
	cr_expect(was_stopped_and_runs());
}

Test(cell_wait, one_that_is_being_started_is_not_stopped)
{
	begin(0, 3 * NC_CELL_TURNS_MS);
	cr_expect_eq(nc_cell_wait(child, line, LONG_PATIENCE_MS, false), NC_OK);
	cr_expect_not(was_stopped_and_runs());
}

Test(cell_wait, one_that_works_little_is_not_stopped)
{
	begin(0, NC_CELL_TURNS_MS / 4);
	cr_expect_eq(nc_cell_wait(child, line, LONG_PATIENCE_MS, true), NC_OK);
	cr_expect_not(was_stopped_and_runs());
}

Test(cell_wait, one_that_sleeps_is_not_stopped)
{
	begin(3 * NC_CELL_TURNS_MS, 0);
	cr_expect_eq(nc_cell_wait(child, line, LONG_PATIENCE_MS, true), NC_OK);
	cr_expect_not(was_stopped_and_runs());
}

Test(cell_wait, one_that_has_gone_is_not_waited_for)
{
	begin(0, FOREVER);
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_expect_eq(nc_cell_wait(child, line, LONG_PATIENCE_MS, true), NC_OK,
	             "the end is there to read");
}

static volatile sig_atomic_t heard;

static void on_child(int number)
{
	(void)number;
	heard++;
}

Test(cell_wait, who_listens_for_the_ends_of_children_hears_of_no_stop)
{
	const struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_RESTART };
	cr_assert_eq(sigaction(SIGCHLD, &action, NULL), 0);
	begin(0, 3 * NC_CELL_TURNS_MS);
	cr_expect_eq(nc_cell_wait(child, line, LONG_PATIENCE_MS, true), NC_OK);
	cr_expect(was_stopped_and_runs());
	cr_expect_eq(heard, 0);
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	cr_expect_eq(heard, 1, "of its end it does");
	child = 0;
}
