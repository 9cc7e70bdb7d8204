/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A nats-server of the node's own. */
#include "transport/nats/child.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/unconst.h"

#define START_WAIT_MS 5000
#define RESTART_MS    200
#define SAY_EACH_MS   10000u
#define POLL_MS       10

struct nc_child {
	struct nc_child_options options;
	char config_path[PATH_MAX], pid_path[PATH_MAX], log_path[PATH_MAX];
	char url[NC_CHILD_URL_SIZE];
	char **environment; /* the array; the strings are the process's */
	unsigned port, leaf_port;
	uv_process_t process;
	uv_timer_t restart;
	bool running, stopping, started;
	bool open;        /* `process` is a handle of the loop */
	unsigned closed;  /* of the two handles, at the end */
	uint64_t said_ms; /* when its end was last told; 0: never */
	unsigned unsaid;  /* ends since then */
};

static void child_free(struct nc_child *child)
{
	free(child->environment);
	free(child);
}

static void nap(void)
{
	const struct timespec ms = { 0, POLL_MS * 1000000L };
	(void)nanosleep(&ms, NULL);
}

/* ---- Ports ---------------------------------------------------------------------------------- */

static struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		                     .sin_port = htons((uint16_t)port),
		                     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

/* Whether `port` can be bound just now; 0 finds a free one. */
static bool port_free(unsigned port, unsigned *port_out)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	struct sockaddr_in at = loopback(port);
	socklen_t size = sizeof at;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
	          getsockname(fd, (struct sockaddr *)&at, &size) == 0;
	if (fd >= 0)
		(void)close(fd);
	if (ok)
		*port_out = ntohs(at.sin_port);
	return ok;
}

/* A server that answers begins with INFO. */
static bool answers(unsigned port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = loopback(port);
	char greeting[5] = "";
	bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0;
	if (ok) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		ok = poll(&ready, 1, 1000) == 1 && recv(fd, greeting, 5, MSG_WAITALL) == 5 &&
		     memcmp(greeting, "INFO ", 5) == 0;
	}
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

/* ---- One that outlived us ------------------------------------------------------------------- */

static bool is_ours(const struct nc_child *child, long pid)
{
	char path[64], line[PATH_MAX * 2];
	(void)snprintf(path, sizeof path, "/proc/%ld/cmdline", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
	if (fd >= 0)
		(void)close(fd);
	if (size <= 0)
		return false;
	return memmem(line, (size_t)size, child->config_path, strlen(child->config_path)) != NULL;
}

/* End a server that an earlier process has left. True: there was one. */
static bool orphan_end(const struct nc_child *child)
{
	FILE *file = fopen(child->pid_path, "re");
	long pid = 0;
	if (file == NULL)
		return false;
	char text[32] = "";
	if (fgets(text, sizeof text, file) != NULL)
		pid = strtol(text, NULL, 10);
	(void)fclose(file);
	if (pid <= 1 || !is_ours(child, pid) || kill((pid_t)pid, SIGKILL) != 0)
		return false;
	for (int waited = 0; waited < START_WAIT_MS && is_ours(child, pid); waited += POLL_MS)
		nap();
	return true;
}

/* Find the port to use. A process that ends loses its command line before its sockets, so the port
 * of a server that was `ended` may be bound a little longer. */
static bool port_find(struct nc_child *child, bool ended)
{
	for (int waited = 0; !port_free(child->options.port, &child->port); waited += POLL_MS) {
		if (!ended || waited >= START_WAIT_MS)
			return false;
		nap();
	}
	return true;
}

/* The other is not bound yet, so the system may give it twice. */
static bool leaf_port_find(struct nc_child *child)
{
	while (port_free(0, &child->leaf_port)) {
		if (child->leaf_port != child->port)
			return true;
	}
	return false;
}

/* ---- Starting ------------------------------------------------------------------------------- */

/* Most subjects, of streams, inboxes and acknowledgements, come only once. Caching who listens to
 * each costs more than looking it up (decision 0152). */
static int config_write(const struct nc_child *child)
{
	FILE *file = fopen(child->config_path, "we");
	if (file == NULL)
		return NC_IO;
	(void)fprintf(file,
	              "# Written by nacred at each start.\nhost: 127.0.0.1\nport: %u\n"
	              "pid_file: \"%s\"\nlog_file: \"%s\"\nmax_pending: 256MB\n"
	              "disable_sublist_cache: true\n"
	              "leafnodes { host: 127.0.0.1, port: %u }\n",
	              child->port, child->pid_path, child->log_path, child->leaf_port);
	return fclose(file) == 0 ? NC_OK : NC_IO;
}

/* The environment of the server: this process's, with GOGC set so that its garbage is collected
 * less often, unless it is set already. With a heap of a few MB that would happen many times a
 * second (decision 0134). NULL: no memory. */
static char **environment_make(void)
{
	size_t count = 0;
	while (environ[count] != NULL)
		count++;
	char **made = calloc(count + 2, sizeof *made);
	if (made == NULL)
		return NULL;
	memcpy(made, environ, count * sizeof *made);
	if (getenv("GOGC") == NULL)
		made[count] = nc_unconst("GOGC=400");
	return made;
}

static void on_exited(uv_process_t *process, int64_t status, int signal);

/* It gets a session of its own: who ends the node from a terminal does not end the server under it.
 * The node does, when it has answered what it has taken up. */
static int spawn(struct nc_child *child)
{
	char *args[] = { nc_unconst(child->options.program), "-c", child->config_path, NULL };
	uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE },
		                          { .flags = UV_IGNORE },
		                          { .flags = UV_IGNORE } };
	uv_process_options_t options = { .file = child->options.program,
		                         .args = args,
		                         .env = child->environment,
		                         .exit_cb = on_exited,
		                         .flags = UV_PROCESS_DETACHED,
		                         .stdio = stdio,
		                         .stdio_count = 3 };
	child->process.data = child;
	int failed = uv_spawn(child->options.loop, &child->process, &options);
	child->open = true; /* the loop has the handle, even if the program did not start */
	child->running = failed == 0;
	if (failed == UV_ENOENT)
		return NC_NOTFOUND;
	return failed == 0 ? NC_OK : NC_IO;
}

static void on_process_closed(uv_handle_t *handle)
{
	struct nc_child *child = handle->data;
	child->open = false;
	if (child->stopping && ++child->closed == 2) {
		child_free(child);
	} else if (!child->stopping) {
		(void)uv_timer_start(&child->restart, child->restart.timer_cb, RESTART_MS, 0);
	}
}

static void on_restart(uv_timer_t *timer)
{
	struct nc_child *child = timer->data;
	if (child->stopping || child->running)
		return;
	if (spawn(child) != NC_OK)
		uv_close((uv_handle_t *)&child->process, on_process_closed); /* try again later */
}

/* At once, and then once in SAY_EACH_MS: where another has taken its port it ends five times a
 * second. */
static void say_ended(struct nc_child *child, int64_t status, int signal)
{
	char text[PATH_MAX + 160], more[48] = "";
	uint64_t now_ms = uv_now(child->options.loop);
	if (child->said_ms != 0 && now_ms - child->said_ms < SAY_EACH_MS) {
		child->unsaid++;
		return;
	}
	if (child->unsaid > 0)
		(void)snprintf(more, sizeof more, ", and %u times before", child->unsaid);
	(void)snprintf(text, sizeof text,
	               "nats-server ended (status %lld, signal %d%s); starting it again; %s says "
	               "why",
	               (long long)status, signal, more, child->log_path);
	child->options.on_say(child->options.ctx, text);
	child->said_ms = now_ms;
	child->unsaid = 0;
}

static void on_exited(uv_process_t *process, int64_t status, int signal)
{
	struct nc_child *child = process->data;
	child->running = false;
	if (!child->stopping && child->started)
		say_ended(child, status, signal);
	uv_close((uv_handle_t *)process, on_process_closed);
}

static int refuse(char *fault, int err, const char *format, const char *what)
{
	(void)snprintf(fault, NC_CHILD_FAULT_SIZE, format, what);
	return err;
}

static int wait_answers(const struct nc_child *child, char *fault)
{
	for (int waited = 0; waited < START_WAIT_MS; waited += POLL_MS) {
		if (answers(child->port))
			return NC_OK;
		if (kill(child->process.pid, 0) != 0)
			break;
		nap();
	}
	return refuse(fault, NC_IO, "nats-server does not start; see %s", child->log_path);
}

static int start(struct nc_child *child, char *fault)
{
	if (!port_find(child, orphan_end(child))) {
		char port[16];
		(void)snprintf(port, sizeof port, "%u", child->options.port);
		return refuse(
		        fault, NC_BUSY,
		        "port %s on 127.0.0.1 is in use; choose another NACRE_NATS_PORT, or name "
		        "the server that is there by NACRE_NATS_URL",
		        port);
	}
	if (!leaf_port_find(child))
		return refuse(fault, NC_IO, "%s", "there is no free port on 127.0.0.1");
	int err = config_write(child);
	if (err != NC_OK)
		return refuse(fault, err, "%s cannot be written", child->config_path);
	err = spawn(child);
	if (err == NC_NOTFOUND) {
		return refuse(
		        fault, err,
		        "%s is not installed; install nats-server, or name a server that runs "
		        "by NACRE_NATS_URL",
		        child->options.program);
	}
	if (err != NC_OK)
		return refuse(fault, err, "%s cannot be started", child->options.program);
	return wait_answers(child, fault);
}

int nc_child_start(const struct nc_child_options *options, struct nc_child **child_out,
                   char fault[NC_CHILD_FAULT_SIZE])
{
	char real[PATH_MAX];
	struct nc_child *child = calloc(1, sizeof *child);
	if (child == NULL)
		return refuse(fault, NC_NOMEM, "%s", "out of memory");
	child->options = *options;
	child->environment = environment_make();
	if (child->environment == NULL) {
		child_free(child);
		return refuse(fault, NC_NOMEM, "%s", "out of memory");
	}
	if (realpath(options->directory, real) == NULL || strlen(real) > PATH_MAX - 64) {
		child_free(child);
		return refuse(fault, NC_IO, "%s: no such directory", options->directory);
	}
	(void)snprintf(child->config_path, PATH_MAX, "%s/nats-server.conf", real);
	(void)snprintf(child->pid_path, PATH_MAX, "%s/nats-server.pid", real);
	(void)snprintf(child->log_path, PATH_MAX, "%s/nats-server.log", real);
	child->restart.data = child;
	child->process.data = child;
	(void)uv_timer_init(options->loop, &child->restart);
	child->restart.timer_cb = on_restart;
	int err = start(child, fault);
	if (err != NC_OK) {
		nc_child_stop(child);
		return err;
	}
	child->started = true;
	(void)snprintf(child->url, sizeof child->url, "nats://127.0.0.1:%u", child->port);
	*child_out = child;
	return NC_OK;
}

const char *nc_child_url(const struct nc_child *child)
{
	return child->url;
}

unsigned nc_child_leaf_port(const struct nc_child *child)
{
	return child->leaf_port;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct nc_child *child = handle->data;
	if (++child->closed == 2)
		child_free(child);
}

void nc_child_stop(struct nc_child *child)
{
	if (child == NULL || child->stopping)
		return;
	child->stopping = true;
	if (child->running) {
		(void)uv_process_kill(&child->process, SIGTERM); /* on_exited() closes it */
	} else if (!child->open) {
		child->closed++;
	} else if (!uv_is_closing((uv_handle_t *)&child->process)) {
		uv_close((uv_handle_t *)&child->process, on_process_closed);
	}
	uv_close((uv_handle_t *)&child->restart, on_timer_closed);
}
