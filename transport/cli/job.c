/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One delivery, given to a command. */
#include "transport/cli/job.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- What it is given ----------------------------------------------------------------------- */

static void variable(struct nc_cli_job *job, const char *name, const char *value)
{
	nc_buf_printf(&job->environment, "%s=%s", name, value);
	nc_buf_put_u8(&job->environment, 0);
	job->variables++;
}

static void variable_number(struct nc_cli_job *job, const char *name, uint64_t value)
{
	char text[24];
	(void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	variable(job, name, text);
}

/* What a name of metadata has in a variable's: A-Z, 0-9, else '_'. */
static uint8_t variable_byte(char byte)
{
	if (byte >= 'a' && byte <= 'z')
		return (uint8_t)(byte - 'a' + 'A');
	bool plain = (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
	return plain ? (uint8_t)byte : '_';
}

static bool came_before(const struct nacre_event *event, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (strcmp(event->meta[i].name, event->meta[at].name) == 0)
			return true;
	}
	return false;
}

/* The first value of a name: a variable has one. */
static void variables_of_meta(struct nc_cli_job *job, const struct nacre_event *event)
{
	for (size_t i = 0; i < event->meta_count; i++) {
		if (came_before(event, i))
			continue;
		nc_buf_put_str(&job->environment, "ES_META_");
		for (const char *name = event->meta[i].name; *name != '\0'; name++)
			nc_buf_put_u8(&job->environment, variable_byte(*name));
		nc_buf_printf(&job->environment, "=%s", event->meta[i].value);
		nc_buf_put_u8(&job->environment, 0);
		job->variables++;
	}
}

bool nc_cli_job_init(struct nc_cli_job *job, const struct nacre_delivery *delivery,
                     const char *subscription)
{
	const struct nacre_event *event = delivery->event;
	*job = (struct nc_cli_job){ .reply = strdup(delivery->reply), .pos = event->pos };
	nc_buf_put(&job->data, event->data, event->size);
	variable(job, "ES_STREAM", event->stream);
	variable(job, "ES_TYPE", event->type);
	variable_number(job, "ES_SEQ", event->seq);
	variable_number(job, "ES_POSITION", event->pos);
	variable(job, "ES_TIME", event->time);
	variable(job, "ES_ID", event->id);
	variable(job, "ES_TAGS", event->tags);
	variable(job, "ES_CONTENT_TYPE", event->content_type);
	variable(job, "ES_SUBSCRIPTION", subscription);
	variable_number(job, "ES_DELIVERY", delivery->attempt);
	if (delivery->pending_known)
		variable_number(job, "ES_PENDING", delivery->pending);
	variables_of_meta(job, event);
	if (job->reply != NULL && nc_buf_status(&job->data) == NC_OK &&
	    nc_buf_status(&job->environment) == NC_OK)
		return true;
	nc_cli_job_release(job);
	return false;
}

void nc_cli_job_release(struct nc_cli_job *job)
{
	free(job->reply);
	nc_buf_release(&job->data);
	nc_buf_release(&job->environment);
	*job = (struct nc_cli_job){ 0 };
}

/* Ours without its ES_ variables, and the job's. The caller frees the list alone. */
static char **environment_make(const struct nc_cli_job *job)
{
	size_t count = 0, at = 0;
	while (environ[count] != NULL)
		count++;
	char **made = calloc(count + job->variables + 1, sizeof *made);
	if (made == NULL)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (strncmp(environ[i], "ES_", 3) != 0)
			made[at++] = environ[i];
	}
	char *text = (char *)job->environment.data;
	for (size_t i = 0; i < job->variables; i++, text += strlen(text) + 1)
		made[at++] = text;
	return made;
}

/* The data as a file without a name: it may be larger than a pipe holds, and the command need not
 * read it. */
static int data_open(const struct nc_cli_job *job)
{
	int fd = memfd_create("event", MFD_CLOEXEC);
	size_t written = 0;
	while (fd >= 0 && written < job->data.size) {
		ssize_t size = write(fd, job->data.data + written, job->data.size - written);
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0) {
			(void)close(fd);
			return -1;
		}
		written += (size_t)size;
	}
	if (fd >= 0)
		(void)lseek(fd, 0, SEEK_SET);
	return fd;
}

/* ---- Running -------------------------------------------------------------------------------- */

static int begin(const struct nc_cli_job *job, char *const *argv, int data, pid_t *pid_out)
{
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	sigset_t defaults, none;
	char **environment = environment_make(job);
	if (environment == NULL)
		return ENOMEM;
	int fault = posix_spawnattr_init(&attributes);
	if (fault != 0)
		goto free_environment;
	fault = posix_spawn_file_actions_init(&actions);
	if (fault != 0)
		goto destroy_attributes;
	(void)sigemptyset(&none);
	(void)sigemptyset(&defaults);
	(void)sigaddset(&defaults, SIGPIPE); /* ignored here by nats.c */
	(void)sigaddset(&defaults, SIGINT);
	(void)sigaddset(&defaults, SIGTERM);
	(void)posix_spawnattr_setsigdefault(&attributes, &defaults);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setpgroup(&attributes, 0);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
	                                                    POSIX_SPAWN_SETPGROUP);
	fault = posix_spawn_file_actions_adddup2(&actions, data, STDIN_FILENO);
	if (fault == 0)
		fault = posix_spawnp(pid_out, argv[0], &actions, &attributes, argv, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
destroy_attributes:
	(void)posix_spawnattr_destroy(&attributes);
free_environment:
	free(environment);
	return fault;
}

static void wait_while_working(pid_t pid, uint64_t every_ms, void (*working)(void *ctx), void *ctx)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return; /* an old kernel: waitpid() waits, only nothing is said meanwhile */
	struct pollfd ended = { .fd = fd, .events = POLLIN };
	int ready;
	do {
		ready = poll(&ended, 1, every_ms > INT32_MAX ? INT32_MAX : (int)every_ms);
		if (ready == 0)
			working(ctx);
	} while (ready == 0 || (ready < 0 && errno == EINTR));
	(void)close(fd);
}

int nc_cli_job_run(const struct nc_cli_job *job, char *const *argv, uint64_t every_ms,
                   void (*working)(void *ctx), void *ctx)
{
	pid_t pid;
	int status = 0, data = data_open(job);
	if (data < 0)
		return -errno;
	int fault = begin(job, argv, data, &pid);
	(void)close(data);
	if (fault != 0)
		return -fault;
	wait_while_working(pid, every_ms, working, ctx);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool nc_cli_job_can_run(const char *command)
{
	char path[PATH_MAX];
	const char *at = getenv("PATH");
	if (strchr(command, '/') != NULL)
		return access(command, X_OK) == 0;
	while (at != NULL && *command != '\0') {
		size_t size = strcspn(at, ":");
		int made = snprintf(path, sizeof path, "%.*s/%s", (int)size, size == 0 ? "." : at,
		                    command);
		if (made > 0 && (size_t)made < sizeof path && access(path, X_OK) == 0)
			return true;
		at = at[size] == ':' ? at + size + 1 : NULL;
	}
	return false;
}
