/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cell: its life, its calls, what became of it. */
#include "plugins/host/cell_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "plugins/host/host_private.h"

/* lines that one process may log: the operator's log must not be flooded */
#define LOG_LINES_MAX 100u
#define LOG_LINE_SIZE 300 /* bytes shown of a line */
/* after a process has lived so long, the pause before the next is short again */
#define GOOD_AFTER_MS 10000u

uint64_t nc_cell_now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- What is said --------------------------------------------------------------------------- */

static void say(const struct nc_cell *cell, const char *text)
{
	if (cell->log != NULL)
		cell->log(cell->log_ctx, false, text);
}

static void complain(const struct nc_cell *cell, const char *text)
{
	if (cell->log != NULL)
		cell->log(cell->log_ctx, true, text);
}

/* Pass on what the plugin has logged, line by line, without anything that a terminal would obey. */
static void log_pass(struct nc_cell *cell)
{
	struct nc_slice rest = nc_buf_slice(&cell->reply.log);
	while (rest.size > 0 && cell->log_lines < LOG_LINES_MAX) {
		char line[LOG_LINE_SIZE + 2 * NC_PLUGIN_NAME_SIZE_MAX];
		const uint8_t *end = memchr(rest.data, '\n', rest.size);
		size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);
		int at = snprintf(line, sizeof line, "plugin %s says: ", cell->name);
		for (size_t i = 0; i < size && i < LOG_LINE_SIZE && rest.data[i] != '\0'; i++)
			line[at++] = (char)rest.data[i];
		line[at] = '\0';
		nc_plugin_clean(line);
		say(cell, line);
		cell->log_lines++;
		rest = nc_slice_from(rest, end == NULL ? size : size + 1);
	}
	nc_buf_clear(&cell->reply.log);
}

/* How a process ended, for a person. */
static void end_describe(int err, int status, char *text, size_t size)
{
	const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (err == NC_TIMEOUT) {
		(void)snprintf(text, size, "gave no answer within the time, and was killed");
	} else if (err == NC_CORRUPT) {
		(void)snprintf(text, size, "answered nonsense, and was killed");
	} else if (signal == SIGSYS) {
		(void)snprintf(text, size,
		               "made a system call that plugins may not make, and was killed");
	} else if (signal == SIGXCPU) {
		(void)snprintf(text, size, "used up its CPU time, and was killed");
	} else if (signal == SIGKILL) {
		(void)snprintf(text, size, "was killed from outside, perhaps for want of memory");
	} else if (signal != 0) {
		(void)snprintf(text, size, "crashed: %s", strsignal(signal));
	} else {
		(void)snprintf(text, size, "ended by itself with status %d", WEXITSTATUS(status));
	}
}

void nc_cell_status(struct nc_cell *cell, struct nc_cell_status *status_out)
{
	(void)pthread_mutex_lock(&cell->status_lock);
	*status_out = cell->status;
	uint64_t now = nc_cell_now_ms();
	status_out->pause_ms = cell->start_at_ms > now ? cell->start_at_ms - now : 0;
	(void)pthread_mutex_unlock(&cell->status_lock);
}

void nc_cell_refuses(struct nc_cell *cell, const char *why)
{
	(void)pthread_mutex_lock(&cell->status_lock);
	(void)snprintf(cell->status.trouble, sizeof cell->status.trouble,
	               "plugin %.64s refuses a selector that it took before: %.120s", cell->name,
	               why);
	nc_plugin_clean(cell->status.trouble); /* `why` may be the plugin's own words */
	(void)pthread_mutex_unlock(&cell->status_lock);
}

static void running_set(struct nc_cell *cell, bool running)
{
	(void)pthread_mutex_lock(&cell->status_lock);
	cell->status.running = running;
	cell->status.pid = running ? (uint64_t)cell->process.pid : 0;
	cell->status.starts += running;
	(void)pthread_mutex_unlock(&cell->status_lock);
}

/* The process is gone, or has to be ended: say why, and wait a while before another is started. */
static void failed(struct nc_cell *cell, int err, const char *during)
{
	char how[NC_CELL_TROUBLE_SIZE / 2], text[2 * NC_CELL_TROUBLE_SIZE];
	uint64_t now = nc_cell_now_ms();
	end_describe(err, nc_cell_process_end(&cell->process), how, sizeof how);
	running_set(cell, false);
	if (now - cell->started_ms >= GOOD_AFTER_MS || cell->pause_ms == 0) {
		cell->pause_ms = NC_CELL_PAUSE_MIN_MS;
	} else if (cell->pause_ms < NC_CELL_PAUSE_MAX_MS) {
		cell->pause_ms *= 2;
	}
	if (cell->pause_ms > NC_CELL_PAUSE_MAX_MS)
		cell->pause_ms = NC_CELL_PAUSE_MAX_MS;
	(void)pthread_mutex_lock(&cell->status_lock);
	cell->start_at_ms = now + cell->pause_ms;
	(void)snprintf(cell->status.trouble, sizeof cell->status.trouble, "plugin %s %s, %s",
	               cell->name, how, during);
	(void)snprintf(text, sizeof text, "%s; it is started anew after %llu ms",
	               cell->status.trouble, (unsigned long long)cell->pause_ms);
	(void)pthread_mutex_unlock(&cell->status_lock);
	complain(cell, text);
}

/* ---- Calls; the lock is held ---------------------------------------------------------------- */

static int ask(struct nc_cell *cell, struct nc_cell_call *call, struct nc_slice in,
               unsigned patience_ms, int *answer_out)
{
	int err = nc_cell_process_call(&cell->process, call, in, patience_ms, &cell->reply);
	if (err == NC_OK)
		*answer_out = cell->reply.answer;
	log_pass(cell);
	return err;
}

static int start(struct nc_cell *cell, int *answer_out)
{
	struct nc_cell_call call = { .op = NC_CELL_HELLO };
	int err = nc_cell_process_start(&cell->process, cell->program, cell->file);
	if (err != NC_OK)
		return err;
	cell->started_ms = nc_cell_now_ms();
	cell->generation++;
	cell->log_lines = 0;
	running_set(cell, true);
	return ask(cell, &call, nc_slice(NULL, 0), NC_CELL_START_MS, answer_out);
}

bool nc_cell_ready(struct nc_cell *cell)
{
	int answer = 0;
	if (cell->process.pid != 0)
		return true;
	if (nc_cell_now_ms() < cell->start_at_ms)
		return false;
	int err = start(cell, &answer);
	if (err == NC_OK && answer >= 0)
		return true;
	failed(cell, err == NC_OK ? NC_CORRUPT : err, "while it was being started");
	return false;
}

int nc_cell_ask(struct nc_cell *cell, struct nc_cell_call *call, struct nc_slice in,
                int *answer_out)
{
	static const char *const during[] = { [NC_CELL_HELLO] = "while it was being started",
		                              [NC_CELL_COMPILE] = "while it compiled a selector",
		                              [NC_CELL_MATCH] = "while it matched events" };
	int err = ask(cell, call, in, NC_CELL_CALL_MS, answer_out);
	if (err != NC_OK && err != NC_TOOBIG && err != NC_NOMEM)
		failed(cell, err, during[call->op]);
	return err;
}

/* ---- Life ----------------------------------------------------------------------------------- */

static bool text_take(struct nc_reader *reader, char *text, size_t size)
{
	nacre_filter_slice from = nc_cell_get_text(reader);
	if (reader->failed || from.size >= size)
		return false;
	if (from.size > 0)
		memcpy(text, from.data, (size_t)from.size);
	text[from.size] = '\0';
	nc_plugin_clean(text);
	return strlen(text) == from.size;
}

/* Take what the plugin says of itself. */
static bool hello_take(struct nc_cell *cell, int answer, char *why)
{
	struct nc_reader reader = nc_reader(nc_buf_slice(&cell->reply.out));
	if (answer < 0) {
		if (!text_take(&reader, why, NC_CELL_TROUBLE_SIZE)) {
			(void)snprintf(why, NC_CELL_TROUBLE_SIZE,
			               "it refuses, and does not say why");
		}
		return false;
	}
	uint32_t minor = nc_reader_u32(&reader);
	if (text_take(&reader, cell->name, sizeof cell->name) &&
	    text_take(&reader, cell->build, sizeof cell->build) &&
	    text_take(&reader, cell->summary, sizeof cell->summary)) {
		nc_cell_table_fill(cell, minor);
		return true;
	}
	(void)snprintf(why, NC_CELL_TROUBLE_SIZE, "its name, build or summary is too long");
	return false;
}

static bool shake_hands(struct nc_cell *cell, char *why)
{
	int answer = 0;
	int err = start(cell, &answer);
	if (err == NC_OK)
		return hello_take(cell, answer, why);
	if (cell->process.pid == 0) {
		(void)snprintf(why, NC_CELL_TROUBLE_SIZE, "no process for it: %s", strerror(errno));
		return false;
	}
	char how[NC_CELL_TROUBLE_SIZE / 2];
	end_describe(err, nc_cell_process_end(&cell->process), how, sizeof how);
	(void)snprintf(why, NC_CELL_TROUBLE_SIZE, "it %s, while it was being loaded", how);
	return false;
}

int nc_cell_open(const struct nc_cell_options *options, struct nc_cell **cell_out,
                 char why[NC_CELL_TROUBLE_SIZE])
{
	struct nc_cell *cell = calloc(1, sizeof *cell);
	(void)snprintf(why, NC_CELL_TROUBLE_SIZE, "out of memory");
	if (cell == NULL)
		return NC_NOMEM;
	(void)pthread_mutex_init(&cell->lock, NULL);
	(void)pthread_mutex_init(&cell->status_lock, NULL);
	nc_cell_process_init(&cell->process);
	cell->log = options->log;
	cell->log_ctx = options->log_ctx;
	(void)snprintf(cell->name, sizeof cell->name, "%s", options->shown);
	cell->program = strdup(options->program);
	cell->file = strdup(options->file);
	bool memory = cell->program != NULL && cell->file != NULL;
	if (memory && shake_hands(cell, why)) {
		*cell_out = cell;
		return NC_OK;
	}
	nc_cell_close(cell);
	return memory ? NC_INVALID : NC_NOMEM;
}

void nc_cell_rest(struct nc_cell *cell)
{
	if (pthread_mutex_trylock(&cell->lock) != 0)
		return;
	(void)nc_cell_process_end(&cell->process);
	running_set(cell, false);
	(void)pthread_mutex_unlock(&cell->lock);
}

void nc_cell_close(struct nc_cell *cell)
{
	if (cell == NULL)
		return;
	nc_cell_process_release(&cell->process);
	nc_buf_release(&cell->reply.out);
	nc_buf_release(&cell->reply.log);
	nc_buf_release(&cell->question);
	free(cell->numbers);
	free(cell->program);
	free(cell->file);
	(void)pthread_mutex_destroy(&cell->lock);
	(void)pthread_mutex_destroy(&cell->status_lock);
	free(cell);
}

const nacre_filter_plugin *nc_cell_table(const struct nc_cell *cell)
{
	return &cell->table;
}

const nacre_filter_host *nc_cell_host(const struct nc_cell *cell)
{
	return &cell->host;
}
