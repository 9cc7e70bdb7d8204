/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre bench append, latency, batch, mixed. */
#include <stdlib.h>
#include <string.h>

#include "transport/cli/bench.h"
#include "transport/cli/commands.h"
#include "transport/cli/say.h"

enum { STREAM_SIZE = 64 };

/* ---- Append, asynchronously ----------------------------------------------------------------- */

struct slot {
	struct lane *lane;
	struct slot *next;
	struct nc_bench_turn turn;
};

/* The appends of one thread that are under way. */
struct lane {
	struct nc_bench *bench;
	pthread_mutex_t mutex; /* of the list */
	pthread_cond_t changed;
	struct slot *free_slots;
};

static void slot_give(struct slot *slot)
{
	struct lane *lane = slot->lane;
	(void)pthread_mutex_lock(&lane->mutex);
	slot->next = lane->free_slots;
	lane->free_slots = slot;
	(void)pthread_cond_signal(&lane->changed);
	(void)pthread_mutex_unlock(&lane->mutex);
}

static struct slot *slot_take(struct lane *lane)
{
	(void)pthread_mutex_lock(&lane->mutex);
	while (lane->free_slots == NULL)
		(void)pthread_cond_wait(&lane->changed, &lane->mutex);
	struct slot *slot = lane->free_slots;
	lane->free_slots = slot->next;
	(void)pthread_mutex_unlock(&lane->mutex);
	return slot;
}

static void on_appended(void *ctx, int result, const struct nacre_appended *appended,
                        const struct nacre_error *error)
{
	struct slot *slot = ctx;
	(void)appended;
	nc_bench_done(slot->lane->bench, slot->turn, result, error);
	slot_give(slot);
}

static void append_some(struct lane *lane, struct nacre_client *client)
{
	struct nc_bench *bench = lane->bench;
	struct nacre_error error = { 0 };
	struct nc_buf data = { 0 };
	char stream[STREAM_SIZE];
	for (;;) {
		struct slot *slot = slot_take(lane);
		if (!nc_bench_take(bench, 1, &slot->turn)) {
			slot_give(slot);
			break;
		}
		nc_bench_data(bench, slot->turn.number, &data);
		nc_bench_stream(bench, slot->turn.number, stream, sizeof stream);
		const struct nacre_append event = { .stream = stream,
			                            .type = "Benched",
			                            .data = data.data,
			                            .size = data.size,
			                            .expect = NACRE_EXPECT_ANY };
		int status = nacre_append_async(client, &event, on_appended, slot, &error);
		if (status != NACRE_OK) {
			nc_bench_done(bench, slot->turn, status, &error);
			slot_give(slot);
		}
	}
	(void)nacre_flush(client, -1, &error);
	nc_buf_release(&data);
}

static void *append_thread(void *ctx)
{
	struct nc_bench_thread *thread = ctx;
	struct lane lane = { .bench = thread->bench };
	uint64_t count = thread->bench->outstanding;
	struct slot *slots = calloc(count, sizeof *slots);
	(void)pthread_mutex_init(&lane.mutex, NULL);
	(void)pthread_cond_init(&lane.changed, NULL);
	for (uint64_t i = 0; slots != NULL && i < count; i++) {
		slots[i].lane = &lane;
		slot_give(&slots[i]);
	}
	if (slots != NULL)
		append_some(&lane, thread->client);
	(void)pthread_cond_destroy(&lane.changed);
	(void)pthread_mutex_destroy(&lane.mutex);
	free(slots);
	return NULL;
}

/* ---- Batches, and appends beside reads: each thread waits for its answer --------------------- */

static int batch_send(struct nc_bench_thread *thread, uint64_t first, struct nc_buf *data,
                      struct nacre_error *error)
{
	struct nc_bench *bench = thread->bench;
	struct nacre_batch *batch;
	char stream[STREAM_SIZE];
	int status = nacre_batch_new(&batch);
	for (uint64_t i = 0; status == NACRE_OK && i < bench->batch; i++) {
		nc_bench_data(bench, first + i, data);
		nc_bench_stream(bench, first + i, stream, sizeof stream);
		const struct nacre_append event = { .stream = stream,
			                            .type = "Benched",
			                            .data = data->data,
			                            .size = data->size,
			                            .expect = NACRE_EXPECT_ANY };
		status = nacre_batch_add(batch, &event, error);
	}
	if (status == NACRE_OK)
		status = nacre_batch_send(thread->client, batch, NULL, error);
	nacre_batch_free(batch);
	return status;
}

static void *batch_thread(void *ctx)
{
	struct nc_bench_thread *thread = ctx;
	struct nc_bench *bench = thread->bench;
	struct nc_buf data = { 0 };
	struct nacre_error error = { 0 };
	struct nc_bench_turn turn;
	while (nc_bench_take(bench, bench->batch, &turn)) {
		int status = batch_send(thread, turn.number, &data, &error);
		nc_bench_done(bench, turn, status, &error);
	}
	nc_buf_release(&data);
	return NULL;
}

/* Read a stream that the run has written, from its newest event back. */
static int read_one(struct nc_bench_thread *thread, uint64_t number, struct nacre_error *error)
{
	char stream[STREAM_SIZE];
	struct nacre_reader *reader;
	const struct nacre_event *event;
	nc_bench_stream(thread->bench, number * 2654435761u, stream, sizeof stream);
	const struct nacre_read read = { .name = stream, .limit = 1, .backward = true };
	int status = nacre_read_open(thread->client, &read, &reader, error);
	if (status != NACRE_OK)
		return status;
	while ((status = nacre_read_next(reader, &event, error)) == NACRE_OK)
		continue;
	nacre_read_close(reader);
	return status == NACRE_END ? NACRE_OK : status;
}

static int append_one(struct nc_bench_thread *thread, uint64_t number, struct nc_buf *data,
                      struct nacre_error *error)
{
	char stream[STREAM_SIZE];
	struct nacre_appended appended;
	nc_bench_data(thread->bench, number, data);
	nc_bench_stream(thread->bench, number, stream, sizeof stream);
	const struct nacre_append event = { .stream = stream,
		                            .type = "Benched",
		                            .data = data->data,
		                            .size = data->size,
		                            .expect = NACRE_EXPECT_ANY };
	return nacre_append(thread->client, &event, &appended, error);
}

static void *mixed_thread(void *ctx)
{
	struct nc_bench_thread *thread = ctx;
	struct nc_bench *bench = thread->bench;
	struct nc_buf data = { 0 };
	struct nacre_error error = { 0 };
	struct nc_bench_turn turn;
	uint64_t reads = nc_cli_number(&bench->cli->args, "reads", 50);
	while (nc_bench_take(bench, 1, &turn)) {
		bool reading = turn.number * 2654435761u % 100 < reads;
		if (reading) {
			int status = read_one(thread, turn.number, &error);
			nc_bench_read_done(bench, turn, status, &error);
		} else {
			int status = append_one(thread, turn.number, &data, &error);
			nc_bench_done(bench, turn, status, &error);
		}
	}
	nc_buf_release(&data);
	return NULL;
}

/* ---- The commands --------------------------------------------------------------------------- */

/* How many threads work: one that sends a client's appends without waiting, or one for each request
 * that may be under way, which waits for its answer. */
enum threads { ONE_A_CLIENT, ONE_A_REQUEST };

static int bench_run(struct nc_cli *cli, uint64_t outstanding, enum threads threads,
                     void *(*work)(void *thread))
{
	struct nc_bench *bench = calloc(1, sizeof *bench);
	if (bench == NULL)
		return nc_cli_fail(cli, NC_EXIT_FAILED, "out of memory");
	int exit_code = nc_bench_begin(bench, cli, outstanding);
	if (exit_code == 0 && work == mixed_thread && nc_cli_number(&cli->args, "reads", 50) > 100)
		exit_code = nc_cli_fail(cli, NC_EXIT_USAGE, "--reads: from 0 to 100");
	if (exit_code == 0) {
		uint64_t requests = threads == ONE_A_REQUEST ? bench->outstanding : 1;
		exit_code = nc_bench_run(bench, bench->clients * requests, work);
	}
	if (exit_code == 0)
		exit_code = nc_bench_check(bench);
	if (exit_code == 0)
		exit_code = nc_bench_report(bench);
	nc_bench_release(bench);
	free(bench);
	return exit_code;
}

static int run_append(struct nc_cli *cli)
{
	return bench_run(cli, 1000, ONE_A_CLIENT, append_thread);
}

static int run_latency(struct nc_cli *cli)
{
	return bench_run(cli, 1, ONE_A_CLIENT, append_thread);
}

static int run_batch(struct nc_cli *cli)
{
	return bench_run(cli, 8, ONE_A_REQUEST, batch_thread);
}

static int run_mixed(struct nc_cli *cli)
{
	return bench_run(cli, 32, ONE_A_REQUEST, mixed_thread);
}

#define DETAILS                                                                                \
	"It writes to the store: the events stay, in streams of their own (bench-<run>.<n>). " \
	"Afterwards every one that was acknowledged is read back once; exit code 1 says that " \
	"something failed, was lost or is there twice."

static const struct nc_cli_option append_options[] = {
	{ "outstanding", 'o', "N", "Appends under way at most, for each client; 1000.", false },
	NC_BENCH_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example append_examples[] = {
	{ "how many a second", "nacre bench append" },
	{ "what a node pays for it", "nacre bench append --pid 4242 --duration 10s" },
	{ "latencies at a rate, stalls charged", "nacre bench append --rate 10000 --csv" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_bench_append = {
	.name = "bench append",
	.words = "",
	.summary = "Measure appends, many under way.",
	.details = DETAILS,
	.options = append_options,
	.examples = append_examples,
	.run = run_append,
};

static const struct nc_cli_option latency_options[] = {
	{ "outstanding", 'o', "N", "Appends under way at most, for each client; 1.", false },
	NC_BENCH_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example latency_examples[] = {
	{ "one after the other", "nacre bench latency" },
	{ "a thousand a second, for a minute", "nacre bench latency --rate 1000 --duration 1m" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_bench_latency = {
	.name = "bench latency",
	.words = "",
	.summary = "Measure how long an append takes, one at a time.",
	.details = DETAILS,
	.options = latency_options,
	.examples = latency_examples,
	.run = run_latency,
};

static const struct nc_cli_option batch_options[] = {
	{ "batch", 0, "N", "Events a batch; 100.", false },
	{ "outstanding", 'o', "N", "Batches under way at most, for each client; 8.", false },
	NC_BENCH_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example batch_examples[] = {
	{ "events a second by hundreds", "nacre bench batch" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_bench_batch = {
	.name = "bench batch",
	.words = "",
	.summary = "Measure batches.",
	.details = DETAILS "\n\nLatency is a batch's; all else is an event's.",
	.options = batch_options,
	.examples = batch_examples,
	.run = run_batch,
};

static const struct nc_cli_option mixed_options[] = {
	{ "reads", 0, "N", "So many of a hundred read a stream's newest event; 50.", false },
	{ "outstanding", 'o', "N", "Requests under way at most, for each client; 32.", false },
	NC_BENCH_OPTIONS,
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example mixed_examples[] = {
	{ "nine reads for each append", "nacre bench mixed --reads 90" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_bench_mixed = {
	.name = "bench mixed",
	.words = "",
	.summary = "Measure appends and reads beside each other.",
	.details = DETAILS,
	.options = mixed_options,
	.examples = mixed_examples,
	.run = run_mixed,
};
