/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench.h -- what the commands of `nacre bench` share: how much is to be done and when, what was
 * done, and the result.
 *
 * Events are numbered from 0 over all threads. Number N goes to the stream bench-<run>.<N modulo
 * streams>, and has its number in it. So afterwards it can be checked that every event which was
 * acknowledged is there, and none twice.
 *
 * With --rate each event has a time at which it is due. Its latency counts from then, however late
 * it could be sent: so a store that stalls is charged with everything that should have been sent
 * meanwhile (coordinated omission).
 *
 * Threads: turns are taken and ended on any thread; the other calls are the main thread's.
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
	uint64_t cpu_us, written; /* when the measurement began; at its end, what was used since */
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

	pthread_mutex_t mutex; /* over what follows */
	uint64_t next, done, bytes, errors;
	bool over;
	struct nacre_error first_error;
	struct nc_cli_histogram latency, read_latency; /* of appends; of reads in `mixed` */
	uint8_t *acked;                                /* [acked_room], by the event's number */
	size_t acked_room;
	uint64_t found, lost, doubled; /* counted when the events were read back */
	bool checked;
};

/* Read the options and connect. Returns 0, or an exit code after saying why. */
int nc_bench_begin(struct nc_bench *bench, struct nc_cli *cli, uint64_t outstanding);
void nc_bench_release(struct nc_bench *bench);

/* Run `work` on so many threads, each with one of these, show how far it is, and take the time. */
struct nc_bench_thread {
	struct nc_bench *bench;
	uint64_t index;
	struct nacre_client *client;
};
int nc_bench_run(struct nc_bench *bench, uint64_t threads, void *(*work)(void *thread));

/* The events of one request: `events` of them from `number` on. */
struct nc_bench_turn {
	uint64_t number, events;
	uint64_t start_ns; /* from when their latency counts */
};
/* Take the next `events` events, and wait until they are due. False if the measurement is over. */
bool nc_bench_take(struct nc_bench *bench, uint64_t events, struct nc_bench_turn *turn_out);
/* What became of a turn of appends: their events are to be found again. */
void nc_bench_done(struct nc_bench *bench, struct nc_bench_turn turn, int status,
                   const struct nacre_error *error);
/* What became of a turn of reads, which have a histogram of their own. */
void nc_bench_read_done(struct nc_bench *bench, struct nc_bench_turn turn, int status,
                        const struct nacre_error *error);
/* Count events and bytes that were read. */
void nc_bench_count(struct nc_bench *bench, uint64_t events, uint64_t bytes);

/* How many events are done so far. */
uint64_t nc_bench_so_far(struct nc_bench *bench);

/* Make the data of event `number`, which are bench->size bytes of JSON, and the name of its stream;
 * both with a NUL. */
void nc_bench_data(const struct nc_bench *bench, uint64_t number, struct nc_buf *to);
void nc_bench_stream(const struct nc_bench *bench, uint64_t number, char *to, size_t size);

/* Append `count` events of this run, before the measurement. */
int nc_bench_fill(struct nc_bench *bench, uint64_t count);

/* Read the run's events back, and see that each one which was acknowledged is there once
 * (bench_check.c). */
int nc_bench_check(struct nc_bench *bench);
/* Show the result (bench_report.c). Returns the exit code, which is 1 if anything failed or is
 * missing. */
int nc_bench_report(struct nc_bench *bench);

/* The processor time that another process has used (utime and stime), and the bytes that it has had
 * written to disks. False if it is gone, or if we may not look at it. */
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
