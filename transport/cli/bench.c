/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much a bench does and when, and what was done. */
#include "transport/cli/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/digits.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

enum {
	DURATION_MS = 5000,
	SIZE = 256,
	SIZE_MIN = 48,
	DATA_SIZE_MAX = 1 << 20,
	STREAMS = 1000,
	BATCH = 100,
	BATCH_MAX = 1000
};

/* ---- Options -------------------------------------------------------------------------------- */

struct range {
	const char *option;
	uint64_t *to, otherwise, least, most;
};

static int numbers_read(const struct nc_cli *cli, const struct range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		*ranges[i].to = nc_cli_number(&cli->args, ranges[i].option, ranges[i].otherwise);
		if (*ranges[i].to < ranges[i].least || *ranges[i].to > ranges[i].most) {
			return nc_cli_fail(cli, NC_EXIT_USAGE, "--%s: from %llu to %llu",
			                   ranges[i].option, (unsigned long long)ranges[i].least,
			                   (unsigned long long)ranges[i].most);
		}
	}
	return 0;
}

static int processes_find(struct nc_bench *bench)
{
	const char *pid;
	for (size_t at = 0; (pid = nc_cli_each(&bench->cli->args, "pid", &at)) != NULL;) {
		if (bench->process_count == NC_BENCH_PROCESSES_MAX) {
			return nc_cli_fail(bench->cli, NC_EXIT_USAGE, "--pid: more than %d",
			                   NC_BENCH_PROCESSES_MAX);
		}
		struct nc_bench_process *process = &bench->processes[bench->process_count++];
		char path[64];
		(void)nc_cli_number_read(pid, &process->pid);
		(void)snprintf(path, sizeof path, "/proc/%llu/comm",
		               (unsigned long long)process->pid);
		FILE *file = fopen(path, "re");
		bool ok = file != NULL && fscanf(file, "%31s", process->name) == 1 &&
		          nc_bench_process_look(process->pid, &process->cpu_us, &process->written);
		if (file != NULL)
			(void)fclose(file);
		if (!ok) {
			return nc_cli_fail(bench->cli, NC_EXIT_USAGE,
			                   "--pid: process %s cannot be watched", pid);
		}
	}
	return 0;
}

static int options_read(struct nc_bench *bench, uint64_t outstanding)
{
	const struct range ranges[] = {
		{ "clients", &bench->clients, 1, 1, NC_BENCH_CLIENTS_MAX },
		{ "outstanding", &bench->outstanding, outstanding, 1, 1000000 },
		{ "size", &bench->size, SIZE, SIZE_MIN, DATA_SIZE_MAX },
		{ "streams", &bench->streams, STREAMS, 1, UINT32_MAX },
		{ "count", &bench->count, 0, 0, UINT32_MAX },
		{ "rate", &bench->rate, 0, 0, 100000000 },
		{ "batch", &bench->batch, BATCH, 1, BATCH_MAX },
	};
	if (nc_cli_has(&bench->cli->args, "count") && nc_cli_has(&bench->cli->args, "duration")) {
		return nc_cli_fail(bench->cli, NC_EXIT_USAGE,
		                   "--count and --duration: one of these");
	}
	if (nc_cli_number(&bench->cli->args, "count", 1) == 0)
		return nc_cli_fail(bench->cli, NC_EXIT_USAGE, "--count: from 1");
	bench->duration_ms = nc_cli_duration_ms(&bench->cli->args, "duration", DURATION_MS);
	return numbers_read(bench->cli, ranges, sizeof ranges / sizeof *ranges);
}

int nc_bench_begin(struct nc_bench *bench, struct nc_cli *cli, uint64_t outstanding)
{
	uint8_t bytes[(NC_BENCH_RUN_SIZE - 1) / 2];
	bench->cli = cli;
	bench->unit = "events";
	(void)pthread_mutex_init(&bench->mutex, NULL);
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return nc_cli_fail(cli, NC_EXIT_FAILED, "no random bytes");
	nc_digits_hex_text(bench->run, bytes, sizeof bytes);
	int exit_code = options_read(bench, outstanding);
	if (exit_code == 0)
		exit_code = processes_find(bench);
	for (uint64_t i = 0; i < bench->clients && exit_code == 0; i++) {
		exit_code = nc_cli_connect_another(cli, (uint32_t)bench->outstanding,
		                                   &bench->handles[i]);
	}
	return exit_code;
}

void nc_bench_release(struct nc_bench *bench)
{
	for (size_t i = 0; i < NC_BENCH_CLIENTS_MAX; i++)
		nacre_close(bench->handles[i]);
	free(bench->acked);
	(void)pthread_mutex_destroy(&bench->mutex);
}

/* ---- What is sent --------------------------------------------------------------------------- */

void nc_bench_data(const struct nc_bench *bench, uint64_t number, struct nc_buf *to)
{
	nc_buf_clear(to);
	nc_buf_printf(to, "{\"n\":%llu,\"pad\":\"", (unsigned long long)number);
	size_t pad = bench->size > to->size + 2 ? bench->size - to->size - 2 : 0;
	uint8_t *at = nc_buf_extend(to, pad);
	for (size_t i = 0; at != NULL && i < pad; i++)
		at[i] = (uint8_t)('a' + (number + i) % 26);
	nc_buf_put_str(to, "\"}");
	nc_buf_put_u8(to, 0);
	to->size -= nc_buf_status(to) == NC_OK;
}

void nc_bench_stream(const struct nc_bench *bench, uint64_t number, char *to, size_t size)
{
	(void)snprintf(to, size, "bench-%s.%llu", bench->run,
	               (unsigned long long)(number % bench->streams));
}

/* ---- When ----------------------------------------------------------------------------------- */

/* Called with the mutex held. */
static bool room_for(struct nc_bench *bench, uint64_t end)
{
	if (end <= bench->acked_room)
		return true;
	size_t room = bench->acked_room == 0 ? 65536 : bench->acked_room;
	while (room < end)
		room *= 2;
	uint8_t *grown = realloc(bench->acked, room);
	if (grown == NULL)
		return false;
	memset(grown + bench->acked_room, 0, room - bench->acked_room);
	bench->acked = grown;
	bench->acked_room = room;
	return true;
}

static bool is_over(const struct nc_bench *bench, uint64_t now)
{
	if (bench->over || nc_cli_signal() != 0)
		return true;
	if (bench->count > 0)
		return bench->next >= bench->count;
	return now - bench->begun_ns >= bench->duration_ms * 1000000;
}

static void sleep_until(uint64_t ns)
{
	const struct timespec until = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR &&
	       nc_cli_signal() == 0)
		continue;
}

bool nc_bench_take(struct nc_bench *bench, uint64_t events, struct nc_bench_turn *turn_out)
{
	uint64_t now = nc_cli_now_ns();
	(void)pthread_mutex_lock(&bench->mutex);
	bool over = is_over(bench, now) || !room_for(bench, bench->next + events);
	*turn_out = (struct nc_bench_turn){ bench->next, events, now };
	bench->next += over ? 0 : events;
	(void)pthread_mutex_unlock(&bench->mutex);
	if (over || bench->rate == 0)
		return !over;
	uint64_t due = bench->begun_ns + turn_out->number * 1000000000 / bench->rate;
	turn_out->start_ns = due;
	if (due > now)
		sleep_until(due);
	return true;
}

static void turn_end(struct nc_bench *bench, struct nc_bench_turn turn, int status,
                     const struct nacre_error *error, bool reading)
{
	uint64_t now = nc_cli_now_ns(), took = now > turn.start_ns ? now - turn.start_ns : 0;
	(void)pthread_mutex_lock(&bench->mutex);
	if (status != NACRE_OK) {
		if (bench->errors == 0)
			bench->first_error = *error;
		bench->errors++;
	} else {
		nc_cli_histogram_add(reading ? &bench->read_latency : &bench->latency, took);
		bench->done += turn.events;
		bench->bytes += turn.events * bench->size;
		if (!reading)
			memset(bench->acked + turn.number, 1, turn.events);
	}
	(void)pthread_mutex_unlock(&bench->mutex);
}

void nc_bench_done(struct nc_bench *bench, struct nc_bench_turn turn, int status,
                   const struct nacre_error *error)
{
	turn_end(bench, turn, status, error, false);
}

void nc_bench_read_done(struct nc_bench *bench, struct nc_bench_turn turn, int status,
                        const struct nacre_error *error)
{
	turn_end(bench, turn, status, error, true);
}

void nc_bench_count(struct nc_bench *bench, uint64_t events, uint64_t bytes)
{
	(void)pthread_mutex_lock(&bench->mutex);
	bench->done += events;
	bench->bytes += bytes;
	(void)pthread_mutex_unlock(&bench->mutex);
}

uint64_t nc_bench_so_far(struct nc_bench *bench)
{
	(void)pthread_mutex_lock(&bench->mutex);
	uint64_t done = bench->done;
	(void)pthread_mutex_unlock(&bench->mutex);
	return done;
}

/* ---- Running -------------------------------------------------------------------------------- */

/* utime and stime, in ticks: the 14th and 15th field of /proc/PID/stat. */
static bool ticks_read(const char *stat, uint64_t *ticks_out)
{
	const char *at = strrchr(stat, ')'); /* the end of the 2nd: a name may hold anything */
	if (at == NULL)
		return false;
	at++;
	for (int field = 3; field < 14; field++) {
		at += strspn(at, " ");
		at += strcspn(at, " ");
	}
	char *user_end, *end;
	uint64_t user = strtoull(at, &user_end, 10);
	uint64_t kernel = strtoull(user_end, &end, 10);
	*ticks_out = user + kernel;
	return user_end > at && end > user_end;
}

bool nc_bench_process_look(uint64_t pid, uint64_t *cpu_us_out, uint64_t *written_out)
{
	char path[64], text[1024];
	uint64_t ticks, written = 0;
	(void)snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	size_t size = fread(text, 1, sizeof text - 1, file);
	(void)fclose(file);
	text[size] = '\0';
	if (!ticks_read(text, &ticks))
		return false;
	(void)snprintf(path, sizeof path, "/proc/%llu/io", (unsigned long long)pid);
	file = fopen(path, "re");
	while (file != NULL && fgets(text, sizeof text, file) != NULL) {
		if (strncmp(text, "write_bytes: ", 13) == 0)
			(void)nc_cli_number_behind(text, ": ", &written);
	}
	if (file != NULL)
		(void)fclose(file);
	*cpu_us_out = ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	*written_out = written;
	return true;
}

static uint64_t own_cpu_us(void)
{
	struct rusage used;
	(void)getrusage(RUSAGE_SELF, &used);
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void processes_end(struct nc_bench *bench)
{
	uint64_t cpu_us, written;
	bench->own_cpu_us = own_cpu_us() - bench->own_cpu_us;
	for (size_t i = 0; i < bench->process_count; i++) {
		struct nc_bench_process *process = &bench->processes[i];
		bool there = nc_bench_process_look(process->pid, &cpu_us, &written);
		process->cpu_us = there ? cpu_us - process->cpu_us : 0;
		process->written = there ? written - process->written : 0;
	}
}

static void processes_begin(struct nc_bench *bench)
{
	bench->own_cpu_us = own_cpu_us();
	for (size_t i = 0; i < bench->process_count; i++) {
		(void)nc_bench_process_look(bench->processes[i].pid, &bench->processes[i].cpu_us,
		                            &bench->processes[i].written);
	}
}

struct finished {
	struct nc_bench_thread thread;
	void *(*work)(void *thread);
	uint64_t *running;
};

static void *thread_run(void *ctx)
{
	struct finished *finished = ctx;
	(void)finished->work(&finished->thread);
	(void)pthread_mutex_lock(&finished->thread.bench->mutex);
	--*finished->running;
	(void)pthread_mutex_unlock(&finished->thread.bench->mutex);
	return NULL;
}

static void draw_until_done(struct nc_bench *bench, const uint64_t *running)
{
	const struct timespec pause = { 0, 20000000 };
	struct nc_cli_progress progress;
	uint64_t left = 1;
	nc_cli_progress_begin(&progress, bench->cli, bench->unit, bench->count);
	while (left > 0) {
		(void)nanosleep(&pause, NULL);
		(void)pthread_mutex_lock(&bench->mutex);
		left = *running;
		uint64_t done = bench->done;
		(void)pthread_mutex_unlock(&bench->mutex);
		nc_cli_progress(&progress, done);
	}
	nc_cli_progress_clear(&progress);
}

int nc_bench_run(struct nc_bench *bench, uint64_t threads, void *(*work)(void *thread))
{
	pthread_t ids[NC_BENCH_THREADS_MAX];
	uint64_t running = 0, begun = 0;
	struct finished *all = calloc(threads, sizeof *all);
	if (all == NULL || threads > NC_BENCH_THREADS_MAX) {
		free(all);
		return nc_cli_fail(bench->cli, NC_EXIT_USAGE,
		                   "more than %d at a time, or no memory", NC_BENCH_THREADS_MAX);
	}
	nc_cli_signals_catch();
	processes_begin(bench);
	bench->begun_ns = nc_cli_now_ns();
	for (; begun < threads; begun++) {
		all[begun] = (struct finished){
			{ bench, begun, bench->handles[begun % bench->clients] }, work, &running
		};
		(void)pthread_mutex_lock(&bench->mutex);
		running++;
		(void)pthread_mutex_unlock(&bench->mutex);
		if (pthread_create(&ids[begun], NULL, thread_run, &all[begun]) != 0) {
			(void)pthread_mutex_lock(&bench->mutex);
			running--;
			bench->over = true;
			(void)pthread_mutex_unlock(&bench->mutex);
			break;
		}
	}
	draw_until_done(bench, &running);
	bench->ended_ns = nc_cli_now_ns();
	processes_end(bench);
	for (uint64_t i = 0; i < begun; i++)
		(void)pthread_join(ids[i], NULL);
	free(all);
	return begun == threads ? 0 : nc_cli_fail(bench->cli, NC_EXIT_FAILED, "no more threads");
}
