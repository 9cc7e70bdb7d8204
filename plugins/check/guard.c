/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The checks in a process of their own, watched: a plugin that crashes, ends the process or does
 * not come to an end fails the check, with what it was doing. The child tells where it stands on a
 * pipe, a byte at a time; what it has not told by its end it has not done, whatever its status. Nor
 * may anything that it has started live on. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/parent.h"
#include "plugins/check/check_private.h"

/* A sanitizer's helper ends when it sees that who asked it is gone. */
#define STRAYS_MS 1000

static int line = -1; /* the child's end; none without a guard */

static const char *const doing[] = {
	[CHECK_LOADS] = "while it was being loaded",
	[CHECK_COMPILES] = "while it compiled selectors",
	[CHECK_MATCHES] = "while it matched events one by one",
	[CHECK_BATCHES] = "while it matched events in batches",
	[CHECK_THREADS] = "while four threads asked it",
	[CHECK_HINTS] = "while it was asked for hints",
	[CHECK_SETS] = "while it was asked as a set",
	[CHECK_LEAKS] = "while selectors were compiled and destroyed over and over",
	[CHECK_PASSED] = "when all was done",
};

void check_stage(enum check_stage stage)
{
	const unsigned char byte = (unsigned char)stage;
	if (line >= 0)
		(void)!write(line, &byte, 1);
}

/* What the child told last; `failed`: that it has found something, and said so. */
struct guarded {
	pid_t pid;
	enum check_stage stage;
	bool failed, late;
};

/* False: nothing more comes. */
static bool told_take(struct guarded *guarded, int from)
{
	unsigned char byte;
	if (read(from, &byte, 1) != 1)
		return false;
	if (byte == CHECK_FAILED) {
		guarded->failed = true;
	} else if (byte < sizeof doing / sizeof *doing) {
		guarded->stage = (enum check_stage)byte;
	}
	return true;
}

/* Until it has ended, which `process` says and not the end of the pipe: a plugin may close that, or
 * hand it on. One that tells nothing new for so long is killed. */
static void watch(struct guarded *guarded, int from, int process, int patience_s)
{
	struct pollfd wait[] = { { .fd = from, .events = POLLIN },
		                 { .fd = process, .events = POLLIN } };
	for (;;) {
		int ready = poll(wait, 2, patience_s * 1000);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready == 0) {
			guarded->late = true;
			(void)kill(guarded->pid, SIGKILL);
			return;
		}
		if (wait[0].revents == 0)
			return; /* it has ended, and all that it told is taken */
		if (!told_take(guarded, from))
			wait[0].fd = -1;
	}
}

/* What the check exits with. A sanitizer that has spoken at the very end has the last word. */
static int verdict(const struct guarded *guarded, int status, int patience_s)
{
	const char *when = doing[guarded->stage];
	if (guarded->late) {
		(void)fprintf(stderr, "nacre-plugin-check: no answer within %d s, %s\n", patience_s,
		              when);
		return 1;
	}
	if (WIFSIGNALED(status)) {
		(void)fprintf(stderr, "nacre-plugin-check: crashed: %s, %s\n",
		              strsignal(WTERMSIG(status)), when);
		return 1;
	}
	if (guarded->failed)
		return 1;
	if (guarded->stage != CHECK_PASSED) {
		(void)fprintf(stderr,
		              "nacre-plugin-check: the process was ended, with status %d, %s\n",
		              WEXITSTATUS(status), when);
		return 1;
	}
	return WEXITSTATUS(status);
}

/* The verdict on what is left: it counts only where all else was well. */
static int strays_end(void)
{
	enum check_strays strays = check_strays_end(STRAYS_MS);
	if (strays == CHECK_STRAYS_NONE)
		return 0;
	(void)fprintf(stderr,
	              "nacre-plugin-check: processes that it had started lived on when it had "
	              "ended, and %s\n",
	              strays == CHECK_STRAYS_KILLED ? "were killed" : "cannot be killed");
	return 1;
}

int check_guarded(void (*checks)(struct check *), struct check *check, int patience_s)
{
	struct guarded guarded = { .stage = CHECK_LOADS };
	int ends[2], status = 0;
	pid_t parent = getpid();
	CHECK(check_strays_adopt(), "strays cannot be adopted");
	CHECK(pipe(ends) == 0, "no pipe");
	guarded.pid = fork();
	CHECK(guarded.pid >= 0, "no process");
	if (guarded.pid == 0) {
		(void)nc_parent_follow(parent);
		(void)close(ends[0]);
		line = ends[1];
		checks(check);
		exit(0); /* not _exit(): sanitizers look for leaks then */
	}
	(void)close(ends[1]);
	int process = pidfd_open(guarded.pid, 0);
	CHECK(process >= 0, "the process cannot be watched");
	watch(&guarded, ends[0], process, patience_s);
	while (waitpid(guarded.pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)close(ends[0]);
	(void)close(process);
	int ended = verdict(&guarded, status, patience_s), left = strays_end();
	return ended != 0 ? ended : left;
}
