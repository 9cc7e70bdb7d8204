/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting, asking and ending a cell's process. */
#include "plugins/host/cell_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/parent.h"
#include "core/base/unconst.h"
#include "plugins/host/cell_wait.h"

#define LOG_AT (NC_CELL_OUT_SIZE - NC_CELL_LOG_SIZE) /* in the cell's part */

void nc_cell_process_init(struct nc_cell_process *process)
{
	*process = (struct nc_cell_process){ .socket = -1, .memory = -1 };
}

/* ---- Starting ------------------------------------------------------------------------------- */

/* The memory is sealed: a process that could make it smaller would take pages away from the
 * node. */
static bool memory_make(struct nc_cell_process *process)
{
	if (process->memory >= 0)
		return true;
	int memory = memfd_create("nacre-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memory < 0)
		return false;
	void *in = MAP_FAILED, *out = MAP_FAILED;
	if (ftruncate(memory, NC_CELL_IN_SIZE + NC_CELL_OUT_SIZE) == 0 &&
	    fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
		in = mmap(NULL, NC_CELL_IN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
		out = mmap(NULL, NC_CELL_OUT_SIZE, PROT_READ, MAP_SHARED, memory, NC_CELL_IN_SIZE);
	}
	if (in == MAP_FAILED || out == MAP_FAILED) {
		int why = errno;
		if (in != MAP_FAILED)
			(void)munmap(in, NC_CELL_IN_SIZE);
		if (out != MAP_FAILED)
			(void)munmap(out, NC_CELL_OUT_SIZE);
		(void)close(memory);
		errno = why;
		return false;
	}
	process->memory = memory;
	process->in = in;
	process->out = out;
	return true;
}

/* Move a descriptor to where dup2() in the child cannot overwrite it. */
static int aside(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	int why = errno;
	(void)close(fd);
	errno = why;
	return moved;
}

/* Give it default signals, and a process group of its own, so that Ctrl-C goes to the node
 * alone. */
static int attributes_make(posix_spawnattr_t *attributes)
{
	sigset_t all, none;
	(void)sigfillset(&all);
	(void)sigdelset(&all, SIGKILL);
	(void)sigdelset(&all, SIGSTOP);
	(void)sigemptyset(&none);
	int err = posix_spawnattr_init(attributes);
	if (err == 0) {
		err = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
		                                                   POSIX_SPAWN_SETSIGMASK |
		                                                   POSIX_SPAWN_SETPGROUP);
	}
	if (err == 0)
		err = posix_spawnattr_setsigdefault(attributes, &all);
	if (err == 0)
		err = posix_spawnattr_setsigmask(attributes, &none);
	return err;
}

static int actions_make(posix_spawn_file_actions_t *actions, int socket, int memory, int file)
{
	int err = posix_spawn_file_actions_init(actions);
	for (int fd = 0; err == 0 && fd < 3; fd++)
		err = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(actions, socket, NC_CELL_SOCKET_FD);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(actions, memory, NC_CELL_MEMORY_FD);
	if (err == 0)
		err = posix_spawn_file_actions_adddup2(actions, file, NC_CELL_FILE_FD);
	return err;
}

/* In a sanitized build a crash has to look like one, and nothing may be reported at the end. */
#if defined(__SANITIZE_ADDRESS__)
static char sanitizer_options[] = "ASAN_OPTIONS=detect_leaks=0:handle_segv=0:handle_abort=0:"
                                  "handle_sigbus=0:handle_sigill=0:handle_sigfpe=0";
#define ENVIRONMENT sanitizer_options, NULL
#else
#define ENVIRONMENT NULL
#endif

/* An empty environment: the node's holds secrets. */
static int spawn(const char *program, int socket, int memory, int file, pid_t *pid_out)
{
	char name[] = "nacred", as_host[] = "--plugin-host", node[NC_PARENT_SIZE];
	char *const argv[] = { name, as_host, node, NULL };
	char *const environment[] = { ENVIRONMENT };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int err = actions_make(&actions, socket, memory, file);
	nc_parent_put(node);
	if (err == 0) {
		err = attributes_make(&attributes);
		if (err == 0) {
			err = posix_spawn(pid_out, program, &actions, &attributes, argv,
			                  environment);
		}
		(void)posix_spawnattr_destroy(&attributes);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return err;
}

int nc_cell_process_start(struct nc_cell_process *process, const char *program, const char *file)
{
	nc_assert(process->pid == 0);
	int pair[2] = { -1, -1 }, memory = -1, plugin = -1, err = -1;
	pid_t pid = 0;
	if (!memory_make(process) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return NC_IO;
	pair[1] = aside(pair[1]);
	memory = fcntl(process->memory, F_DUPFD_CLOEXEC, 10);
	plugin = open(file, O_RDONLY | O_CLOEXEC);
	if (plugin >= 0)
		plugin = aside(plugin);
	if (pair[1] >= 0 && memory >= 0 && plugin >= 0) {
		err = spawn(program, pair[1], memory, plugin, &pid);
		errno = err;
	}
	int why = errno;
	const int ours[] = { pair[1], memory, plugin };
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
		if (ours[i] >= 0)
			(void)close(ours[i]);
	}
	if (err != 0) {
		(void)close(pair[0]);
		errno = why;
		return NC_IO;
	}
	process->pid = pid;
	process->socket = pair[0];
	process->calls = 0;
	return NC_OK;
}

int nc_cell_process_end(struct nc_cell_process *process)
{
	int status = 0;
	if (process->pid == 0)
		return 0;
	(void)kill(process->pid, SIGKILL); /* one that has ended already keeps its own end */
	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
		;
	(void)close(process->socket);
	process->pid = 0;
	process->socket = -1;
	return status;
}

void nc_cell_process_release(struct nc_cell_process *process)
{
	(void)nc_cell_process_end(process);
	if (process->memory < 0)
		return;
	(void)munmap(process->in, NC_CELL_IN_SIZE);
	(void)munmap(nc_unconst(process->out), NC_CELL_OUT_SIZE);
	(void)close(process->memory);
	process->memory = -1;
}

/* ---- Asking --------------------------------------------------------------------------------- */

static int answer_read(const struct nc_cell_process *process, uint64_t number,
                       struct nc_cell_answer *answer_out)
{
	ssize_t got =
	        recv(process->socket, answer_out, sizeof *answer_out, MSG_DONTWAIT | MSG_TRUNC);
	if (got <= 0)
		return NC_IO;
	bool whole = got == (ssize_t)sizeof *answer_out && answer_out->number == number &&
	             answer_out->out_size <= LOG_AT && answer_out->log_size <= NC_CELL_LOG_SIZE;
	return whole ? NC_OK : NC_CORRUPT;
}

int nc_cell_process_call(struct nc_cell_process *process, struct nc_cell_call *call,
                         struct nc_slice in, unsigned patience_ms, struct nc_cell_reply *reply)
{
	struct nc_cell_answer answer;
	if (in.size > NC_CELL_IN_SIZE)
		return NC_TOOBIG;
	if (in.size > 0)
		memcpy(process->in, in.data, in.size);
	call->number = ++process->calls;
	call->in_size = in.size;
	if (send(process->socket, call, sizeof *call, MSG_NOSIGNAL) != (ssize_t)sizeof *call)
		return NC_IO;
	int err =
	        nc_cell_wait(process->pid, process->socket, patience_ms, call->op != NC_CELL_HELLO);
	if (err == NC_OK)
		err = answer_read(process, call->number, &answer);
	if (err != NC_OK)
		return err;
	nc_buf_clear(&reply->out);
	nc_buf_put(&reply->out, process->out, answer.out_size);
	nc_buf_put(&reply->log, process->out + LOG_AT, answer.log_size);
	if (nc_buf_status(&reply->out) != NC_OK)
		return NC_NOMEM;
	reply->answer = answer.answer;
	return NC_OK;
}
