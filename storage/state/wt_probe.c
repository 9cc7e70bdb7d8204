/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wt_probe.c -- open the tables where an abort does no harm: in a child process. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/parent.h"
#include "storage/state/wt_state_private.h"

enum {
	PROBE_CACHE_MB = 32,
	PROBE_BUSY_S = 60,     /* seconds of processor time: damage may make it loop for ever */
	PROBE_PATIENCE_S = 600 /* in all: a disk may hang */
};

/* The child's messages go to the parent through a pipe; only the first is kept there. */
static void message_send(void *ctx, const char *message)
{
	const int *fd = ctx;
	if (write(*fd, message, strlen(message)) < 0)
		_exit(-NC_IO);
}

static int tables_open(const char *directory, struct nc_wt_handler *handler)
{
	WT_CONNECTION *connection;
	WT_SESSION *session;
	int err = nc_wt_connect(directory, handler, PROBE_CACHE_MB, "", &connection);
	if (err != NC_OK)
		return err;
	int wt = connection->open_session(connection, NULL, NULL, &session);
	for (int i = 0; wt == 0 && i < NC_WT_TABLE_COUNT; i++) {
		WT_CURSOR *cursor;
		wt = nc_wt_cursor_open(session, i, &cursor);
		if (wt == 0)
			wt = cursor->next(cursor);
		if (wt == WT_NOTFOUND || (wt == ENOENT && i == NC_WT_HELD))
			wt = 0; /* the table is empty, or the format is older and has none */
	}
	if (wt == 0)
		wt = connection->close(connection, NULL);
	err = nc_wt_err(handler, wt);
	return err == NC_NOTFOUND ? NC_CORRUPT : err;
}

static _Noreturn void child_main(const char *directory, int fd)
{
	const struct nc_wt_state_options options = { .message = message_send, .message_ctx = &fd };
	struct nc_wt_handler handler;
	bool empty = true;
	const struct itimerval busy = { .it_value.tv_sec = PROBE_BUSY_S };
	(void)setitimer(ITIMER_PROF, &busy, NULL);
	(void)alarm(PROBE_PATIENCE_S);
	nc_wt_handler_init(&handler, &options);
	int err = nc_wt_files_check(directory, &handler, &empty);
	if (err == NC_OK && !empty)
		err = tables_open(directory, &handler);
	_exit(-err);
}

/* Receive up to `size` - 1 bytes of the child's message. The rest is read and dropped, so that the
 * child never waits. */
static void message_receive(int fd, char *message, size_t size)
{
	char rest[256];
	size_t used = 0;
	for (;;) {
		bool full = used + 1 >= size;
		ssize_t count = full ? read(fd, rest, sizeof rest)
		                     : read(fd, message + used, size - 1 - used);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		if (!full)
			used += (size_t)count;
	}
	if (size > 0)
		message[used] = '\0';
}

bool nc_wt_signal_is_damage(int signal)
{
	return signal == SIGABRT || signal == SIGSEGV || signal == SIGBUS || signal == SIGILL ||
	       signal == SIGFPE || signal == SIGTRAP || signal == SIGPROF;
}

/* What it says of the state that the child was ended by this signal. */
static int died(int signal, const char *said, char *message, size_t message_size)
{
	const char *between = said[0] == '\0' ? "" : "; ";
	if (nc_wt_signal_is_damage(signal)) {
		(void)snprintf(message, message_size,
		               "%s%sopening the state killed the process that tried: its files are "
		               "damaged",
		               said, between);
		return NC_CORRUPT;
	}
	if (signal == SIGALRM) {
		(void)snprintf(
		        message, message_size,
		        "%s%sopening the state took more than %d s: the disk is too slow, or "
		        "hangs",
		        said, between, PROBE_PATIENCE_S);
	} else {
		(void)snprintf(message, message_size,
		               "%s%sthe process that tried to open the state was ended by signal "
		               "%d: by hand, or for want of memory",
		               said, between, signal);
	}
	return NC_IO;
}

int nc_wt_state_probe(const char *directory, char *message, size_t message_size)
{
	int fds[2];
	if (pipe(fds) != 0)
		return NC_IO;
	pid_t parent = getpid(), child = fork();
	if (child < 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
		return NC_IO;
	}
	if (child == 0) {
		/* End with the parent, if that is killed: this process has inherited its lock on
		 * the directory. */
		(void)nc_parent_follow(parent);
		(void)close(fds[0]);
		child_main(directory, fds[1]);
	}
	(void)close(fds[1]);
	char said[512];
	message_receive(fds[0], said, sizeof said);
	(void)close(fds[0]);

	int status;
	while (waitpid(child, &status, 0) < 0) {
		if (errno != EINTR)
			return NC_IO;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return NC_OK;
	if (WIFSIGNALED(status))
		return died(WTERMSIG(status), said, message, message_size);
	(void)snprintf(message, message_size, "%s%sthe state cannot be opened", said,
	               said[0] == '\0' ? "" : "; ");
	return -WEXITSTATUS(status);
}
