/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Patience with a cell, and restraint of one that is greedy. */
#include "plugins/host/cell_wait.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#define MS_NS       INT64_C(1000000)
#define STOP_NS_MAX (20 * MS_NS) /* the longest stop, in case the node was late to look */

/* How much processor time a call takes. */
struct greed {
	pid_t pid;
	int64_t begun_ns; /* processor time it had used when it was asked */
	int64_t seen_ns;  /* and when it was looked at last */
	bool turns;       /* it may be stopped */
	bool behind;      /* all others go before it */
};

static int64_t ns_of(struct timespec time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return ns_of(now);
}

/* Processor time that it has used; 0 where that cannot be known. */
static int64_t used_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec used;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return 0;
	return ns_of(used);
}

/* ---- Restraint ------------------------------------------------------------------------------ */

/* Put a process behind all others, or back (SCHED_IDLE). A low priority alone does not keep a
 * process that never sleeps out of the way: the kernel counts its processor as busy, and puts
 * whatever wakes up onto the others. Coming back takes CAP_SYS_NICE; without it a process stays
 * behind until it ends. */
static void behind_set(pid_t pid, bool behind)
{
	const struct sched_param none = { 0 };
	(void)sched_setscheduler(pid, behind ? SCHED_IDLE : SCHED_OTHER, &none);
}

/* Do not let the kernel tell of each stop of a child. libuv waits for children to end if the node
 * has started a NATS server, and a thread of the node would be interrupted a thousand times a
 * second. */
static void stops_hush(void)
{
	struct sigaction action;
	if (sigaction(SIGCHLD, NULL, &action) != 0 || (action.sa_flags & SA_NOCLDSTOP) != 0 ||
	    action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN)
		return;
	action.sa_flags |= SA_NOCLDSTOP;
	(void)sigaction(SIGCHLD, &action, NULL);
}

/* Stop the process for a while. Returns for how long. */
static int64_t stop_a_while(pid_t pid, int64_t while_ns)
{
	const int64_t from = now_ns();
	struct timespec left = { .tv_sec = 0, .tv_nsec = while_ns };
	stops_hush();
	(void)kill(pid, SIGSTOP);
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
	(void)kill(pid, SIGCONT);
	return now_ns() - from;
}

/* See how much processor time it has used since, and hold it back accordingly. Returns for how long
 * it was stopped. */
static int64_t restrain(struct greed *greed)
{
	const int64_t used = used_ns(greed->pid), turn = used - greed->seen_ns;
	greed->seen_ns = used;
	if (!greed->behind && used - greed->begun_ns >= NC_CELL_GREEDY_MS * MS_NS) {
		behind_set(greed->pid, true);
		greed->behind = true;
	}
	if (!greed->turns || used - greed->begun_ns < NC_CELL_TURNS_MS * MS_NS || turn <= 0)
		return 0;
	return stop_a_while(greed->pid, turn < STOP_NS_MAX ? turn : STOP_NS_MAX);
}

/* ---- Waiting -------------------------------------------------------------------------------- */

/* As poll(). */
static int readable(int socket, int64_t within_ns)
{
	struct pollfd wait = { .fd = socket, .events = POLLIN };
	const struct timespec within = { .tv_sec = (time_t)(within_ns / 1000000000),
		                         .tv_nsec = (long)(within_ns % 1000000000) };
	return ppoll(&wait, 1, &within, NULL);
}

/* How long to wait until the next look. */
static int64_t look_ns(const struct greed *greed)
{
	bool long_since = greed->seen_ns - greed->begun_ns >= NC_CELL_TURNS_MS * MS_NS;
	return greed->turns && long_since ? NC_CELL_TURN_US * INT64_C(1000)
	                                  : NC_CELL_GREEDY_MS * MS_NS;
}

int nc_cell_wait(pid_t pid, int socket, unsigned patience_ms, bool turns)
{
	const int64_t used = used_ns(pid);
	struct greed greed = { .pid = pid, .begun_ns = used, .seen_ns = used, .turns = turns };
	int64_t deadline_ns = now_ns() + patience_ms * MS_NS;
	for (;;) {
		const int64_t left = deadline_ns - now_ns(), look = look_ns(&greed);
		if (left <= 0)
			return NC_TIMEOUT;
		int ready = readable(socket, left < look ? left : look);
		if (ready > 0) {
			if (greed.behind)
				behind_set(pid, false);
			return NC_OK;
		}
		if (ready < 0 && errno != EINTR)
			return NC_IO;
		deadline_ns += restrain(&greed);
	}
}
