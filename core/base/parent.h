/* SPDX-License-Identifier: Apache-2.0 */
/* parent.h -- a child process that does not outlive who started it, also where that ended before
 * the child could ask to be told: the kernel tells of a death only from then on.
 */
#ifndef NC_CORE_BASE_PARENT_H
#define NC_CORE_BASE_PARENT_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NC_PARENT_SIZE 24 /* bytes: a process id in decimal, with its NUL */

/* By the parent, for a child that is another program: its own id, as a word of the command line. */
static inline void nc_parent_put(char word[NC_PARENT_SIZE])
{
	(void)snprintf(word, NC_PARENT_SIZE, "%ld", (long)getpid());
}

/* What such a word says; what is none is nobody. */
static inline pid_t nc_parent_get(const char *word)
{
	return (pid_t)strtol(word, NULL, 10);
}

/* By the child, of the process that it is a child of: get SIGKILL when the thread that started us
 * ends, now if it has. False, errno says why: the kernel refuses. */
static inline bool nc_parent_follow(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return false;
	if (getppid() != parent)
		(void)raise(SIGKILL);
	return true;
}

#endif
