/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Processes that a plugin has started, and that live on when the one it ran in has ended. The check
 * is their reaper: whoever is left without a parent becomes its child, also one that has made
 * itself a session, closed all it had, and let go of whoever started it. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plugins/check/check_private.h"

#define STEP_MS    10
#define PATIENCE_S 10 /* of one that is killed, and may have started others meanwhile */

bool check_strays_adopt(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

/* Whether none is left, after `patience_ms` at most. */
static bool have_ended(int patience_ms)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	for (int waited_ms = 0;;) {
		pid_t ended = waitpid(-1, NULL, WNOHANG);
		if (ended < 0 && errno == ECHILD)
			return true;
		if (ended != 0)
			continue; /* reaped, or interrupted */
		if (waited_ms >= patience_ms)
			return false;
		(void)nanosleep(&step, NULL);
		waited_ms += STEP_MS;
	}
}

/* 0: it has ended meanwhile. */
static pid_t parent_of(const char *pid)
{
	char path[64], line[512];
	int parent = 0;
	(void)snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	/* "pid (name) state parent": the name may hold anything, also a parenthesis. */
	size_t size = fread(line, 1, sizeof line - 1, file);
	(void)fclose(file);
	line[size] = '\0';
	const char *behind = strrchr(line, ')');
	if (behind == NULL || sscanf(behind + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

/* A child that is not waited for keeps its number: no other can be meant. */
static void children_kill(void)
{
	DIR *all = opendir("/proc");
	if (all == NULL)
		return; /* said by who finds that they live on */
	for (struct dirent *entry; (entry = readdir(all)) != NULL;) {
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    parent_of(entry->d_name) == getpid())
			(void)kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL);
	}
	(void)closedir(all);
}

enum check_strays check_strays_end(int patience_ms)
{
	if (have_ended(patience_ms))
		return CHECK_STRAYS_NONE;
	for (int tries = 0; tries < PATIENCE_S * 1000 / STEP_MS; tries++) {
		children_kill();
		if (have_ended(STEP_MS))
			return CHECK_STRAYS_KILLED;
	}
	return CHECK_STRAYS_LIVE;
}
