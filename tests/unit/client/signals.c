/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A signal that the program handles does not break its connections, whichever thread it is sent to.
 * usage: unit_client_signals URL */
#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

/* A thread that is in the middle of a system call would have to begin it again by itself. */
static void handle(int number)
{
	struct sigaction action = { .sa_handler = on_signal };
	(void)sigemptyset(&action.sa_mask);
	if (sigaction(number, &action, NULL) != 0)
		exit(2);
}

/* To each thread but this one: how many. */
static int send_to_others(int number)
{
	int count = 0;
	DIR *threads = opendir("/proc/self/task");
	if (threads == NULL)
		exit(2);
	for (const struct dirent *entry = readdir(threads); entry != NULL;
	     entry = readdir(threads)) {
		long id = strtol(entry->d_name, NULL, 10);
		if (id > 0 && id != syscall(SYS_gettid))
			count += syscall(SYS_tgkill, getpid(), id, number) == 0;
	}
	(void)closedir(threads);
	return count;
}

/* All of it comes over one connection, or it is at an end. */
static void a_backup_goes_on(void)
{
	struct nacre_backup *backup;
	const struct nacre_backup_chunk *chunk;
	struct nacre_error error = { 0 };
	int result;
	expect(nacre_backup_open(client, &backup, &error) == NACRE_OK, "a backup is begun");
	while ((result = nacre_backup_next(backup, &chunk, &error)) == NACRE_OK)
		(void)send_to_others(SIGUSR1);
	expect(result == NACRE_END, "it is not lost by signals");
	if (result != NACRE_END)
		(void)printf("  %s\n", error.description);
	nacre_backup_close(backup);
}

static void this_thread_is_told(void)
{
	caught = 0;
	(void)kill(getpid(), SIGUSR1);
	expect(caught == SIGUSR1, "a signal to the process comes to the program's own thread");
}

static void both_lines_are_there(void)
{
	enum { EVENTS = 2000 };
	const struct nacre_append event = order("s", NACRE_EXPECT_ANY, NULL);
	int bad = 0;
	for (int i = 0; i < EVENTS; i++)
		bad += nacre_append_async(client, &event, NULL, NULL, NULL) != NACRE_OK;
	expect(bad == 0 && nacre_flush(client, -1, NULL) == NACRE_OK, "many appends at a time");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	handle(SIGUSR1);
	client = connect_to(argv[1], "shop", 10000);
	expect(send_to_others(SIGUSR1) > 0, "the library has threads");
	both_lines_are_there();
	a_backup_goes_on();
	this_thread_is_told();
	nacre_close(client);
	return failed != 0;
}
