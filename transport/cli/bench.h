/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench.h -- what the commands of `nacre bench` share: how much to do and when, what was done, and
 * what it came to.
 *
 * Events are numbered from 0 over all threads; number N goes to the stream bench-<run>.<N modulo
 * streams> and holds its number, so that afterwards every one that was acknowledged can be found
 * once, and none twice.
 *
 * With a --rate each has a time at which it is due, and its latency counts from then, however late
 * it could be sent: a store that stalls is charged with all that should have been sent meanwhile
 * (coordinated omission).
 *
 * Threads: nc_bench_take() and nc_bench_done() from any; the rest from the main one.
 */
#ifndef NC_TRANSPORT_CLI_BENCH_H
#define NC_TRANSPORT_CLI_BENCH_H

#include <pthread.h>

#include "core/base/buf.h"
#include "transport/cli/cli.h"
#include "transport/cli/histogram.h"

enum {
	NC_BENCH_CLIENTS_MAX = 64,
	NC_BENCH_THREADS_MAX = 1024,
	NC_BENCH_RUN_SIZE = 17,
	NC_BENCH_PROCESSES_MAX = 8
};

/* Another process that is watched, by --pid. */
struct nc_bench_process {
	uint64_t pid;
	char name[32];
	uint64_t cpu_us, written; /* when it began; then what it came to */
};

struct nc_bench {
	struct nc_cli *cli;
	const char *unit; /* what is counted: "events" */
	char run[NC_BENCH_RUN_SIZE];
	uint64_t clients, outstanding, size, streams, count, duration_ms, rate, batch;
	struct nacre_client *handles[NC_BENCH_CLIENTS_MAX];
	struct nc_bench_process processes[NC_BENCH_PROCESSES_MAX];
	size_t process_count;
	uint64_t own_cpu_us, begun_ns, ended_ns;

	pthread_mutex_t mutex; /* of all below */
	uint64_t next, done, bytes, errors;
	bool over;
	struct nacre_error first_error;
	struct nc_cli_histogram latency, read_latency; /* the second: of `mixed` */
	uint8_t *acked;                                /* [acked_room], by number */
	size_t acked_room;
	uint64_t found, lost, doubled; /* when they were read back */
	bool checked;
};

/* Read the options and connect. 0, or an exit code after saying why. */
int nc_bench_begin(struct nc_bench *bench, struct nc_cli *cli, uint64_t outstanding);
void nc_bench_release(struct nc_bench *bench);

/* Run `work` on so many threads, with (bench, i), draw how far it is, and take the time. */
struct nc_bench_thread {
	struct nc_bench *bench;
	uint64_t index;
	struct nacre_client *client;
};
int nc_bench_run(struct nc_bench *bench, uint64_t threads, void *(*work)(void *thread));

/* So many events from `number` on, and from when their latency counts. */
struct nc_bench_turn {
	uint64_t number, events, start_ns;
};
/* The next `events` of them; waits until they are due. False: it is over. */
bool nc_bench_take(struct nc_bench *bench, uint64_t events, struct nc_bench_turn *turn_out);
/* What became of a turn of appends: their events are to be found again. */
void nc_bench_done(struct nc_bench *bench, struct nc_bench_turn turn, int status,
                   const struct nacre_error *error);
/* What became of a turn of reads, which have a histogram of their own. */
void nc_bench_read_done(struct nc_bench *bench, struct nc_bench_turn turn, int status,
                        const struct nacre_error *error);
/* So many events and bytes were read. */
void nc_bench_count(struct nc_bench *bench, uint64_t events, uint64_t bytes);

/* How many are done. */
uint64_t nc_bench_so_far(struct nc_bench *bench);

/* The data of event `number`, options.size bytes of JSON, and its stream; both hold a NUL. */
void nc_bench_data(const struct nc_bench *bench, uint64_t number, struct nc_buf *to);
void nc_bench_stream(const struct nc_bench *bench, uint64_t number, char *to, size_t size);

/* Append so many events of this run, before what is measured. */
int nc_bench_fill(struct nc_bench *bench, uint64_t count);

/* Read the run's events back and see that each that was acknowledged is there once (bench_check.c).
 */
int nc_bench_check(struct nc_bench *bench);
/* Show what it came to, and give the exit code: 1 if anything failed or is missing
 * (bench_report.c). */
int nc_bench_report(struct nc_bench *bench);

/* Time of another process (utime and stime) and bytes it has had written to disks; false: it is
 * gone, or is not ours to look at. */
bool nc_bench_process_look(uint64_t pid, uint64_t *cpu_us_out, uint64_t *written_out);

#define NC_BENCH_OPTIONS                                                                         \
	{ "duration", 'd', "DURATION", "How long; 5s.", false },                                 \
	        { "count", 'n', "N", "So many in all, instead of a duration.", false },          \
	        { "clients", 0, "N", "Connections; 1.", false },                                 \
	        { "size", 0, "N", "Bytes of an event's data; 256.", false },                     \
	        { "streams", 0, "N", "Over so many streams; 1000.", false },                     \
	        { "rate", 0, "N",                                                                \
		  "So many a second at most; latency counts from when each is due.", false },    \
	        { "no-check", 0, NULL, "Do not read the events back afterwards.", false },       \
	        { "pid", 0, "N",                                                                 \
		  "Watch this process of this machine: CPU and bytes written an event.", true }, \
	{                                                                                        \
		"csv", 0, NULL, "One line of values with commas between, below their names.",    \
		        false                                                                    \
	}

#endif
