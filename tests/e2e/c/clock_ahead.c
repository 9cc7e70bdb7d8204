/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded: the wall clock is so many seconds ahead as the environment's CLOCK_AHEAD_S says, and
 * time passes as it does. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *time)
{
	const char *ahead = getenv("CLOCK_AHEAD_S");
	long failed = syscall(SYS_clock_gettime, clock, time);
	if (failed == 0 && clock == CLOCK_REALTIME && ahead != NULL)
		time->tv_sec += strtol(ahead, NULL, 10);
	return failed == 0 ? 0 : -1;
}
