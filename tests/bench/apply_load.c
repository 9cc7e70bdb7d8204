/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the applier costs: the engine and its tables in one thread, without consensus or NATS.
 * usage: apply_load DIRECTORY EVENTS STREAMS SIZE BATCH COMMANDS
 * Applies EVENTS events of SIZE bytes of data to STREAMS streams, in turn of a fixed pseudo-random
 * order; BATCH 0: as single appends, else as batches of so many; COMMANDS in one entry and one
 * transaction. DIRECTORY must not exist. Prints processor time an event as one line of JSON: of
 * the applying thread, and of the state's others (the indexer, WiredTiger's). Made to be counted
 * too: valgrind --tool=callgrind --separate-threads=yes. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/engine/engine.h"
#include "storage/state/wt_state.h"

struct load {
	uint64_t next, streams, batch, commands;
	char *data;
	size_t size;
	struct nc_buf record, members, payload;
};

static void must(int err, const char *what)
{
	if (err == NC_OK)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, nc_err_name(err));
	exit(1);
}

static double cpu_s(clockid_t clock)
{
	struct timespec time;
	(void)clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void record_make(struct load *load)
{
	char stream[32];
	(void)snprintf(stream, sizeof stream, "s.%llu",
	               (unsigned long long)(load->next++ * 2654435761u % load->streams));
	const struct nc_event event = { .stream = nc_slice_str(stream),
		                        .type = NC_SLICE("Taken"),
		                        .data = nc_slice(load->data, load->size) };
	nc_buf_clear(&load->record);
	nc_event_record_put(&load->record, &event);
	must(nc_buf_status(&load->record), "record");
}

static void command_make(struct load *load)
{
	if (load->batch == 0) {
		record_make(load);
		nc_command_put_append(&load->payload, (struct nc_expect){ NC_EXPECT_ANY, 0 },
		                      nc_buf_slice(&load->record));
		return;
	}
	nc_buf_clear(&load->members);
	for (uint64_t i = 0; i < load->batch; i++) {
		record_make(load);
		nc_batch_event_put(&load->members, &(struct nc_batch_event){
		                                           .record = nc_buf_slice(&load->record) });
	}
	nc_command_put_batch(&load->payload,
	                     &(struct nc_batch){ .event_count = load->batch,
	                                         .events = nc_buf_slice(&load->members) });
}

static void on_outcome(void *ctx, const struct nc_outcome *outcome)
{
	uint64_t *position = ctx;
	if (outcome->fault.code != 0) {
		(void)fprintf(stderr, "refused: %u\n", outcome->fault.err_code);
		exit(1);
	}
	*position = outcome->position;
}

/* Not inlined, so that what is counted can be told from what makes the load. */
__attribute__((noinline)) static void apply(struct nc_engine *engine, struct nc_slice payload,
                                            uint64_t index, uint64_t *position)
{
	must(nc_engine_begin(engine), "begin");
	must(nc_engine_apply(engine, payload, on_outcome, position), "apply");
	must(nc_engine_commit(engine, (struct nc_state_applied){ index, 1 }), "commit");
}

static void version_raise(struct nc_engine *engine)
{
	uint64_t position = 0;
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, 1);
	nc_command_put_engine_version(&payload, nc_engine_version_can());
	apply(engine, nc_buf_slice(&payload), 1, &position);
	nc_buf_release(&payload);
}

static void run(struct nc_engine *engine, struct load *load, uint64_t events)
{
	uint64_t position = 0, index = 1;
	double applying = 0, making = 0, began = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
	while (position < events) {
		double at = cpu_s(CLOCK_THREAD_CPUTIME_ID);
		nc_buf_clear(&load->payload);
		nc_entry_begin(&load->payload, ++index);
		for (uint64_t i = 0; i < load->commands; i++)
			command_make(load);
		must(nc_buf_status(&load->payload), "payload");
		double made = cpu_s(CLOCK_THREAD_CPUTIME_ID);
		apply(engine, nc_buf_slice(&load->payload), index, &position);
		making += made - at;
		applying += cpu_s(CLOCK_THREAD_CPUTIME_ID) - made;
	}
	double all = cpu_s(CLOCK_PROCESS_CPUTIME_ID) - began;
	(void)printf("{\"events\":%llu,\"applier_us\":%.3f,\"others_us\":%.3f}\n",
	             (unsigned long long)position, applying / (double)position * 1e6,
	             (all - making - applying) / (double)position * 1e6);
}

int main(int argc, char **argv)
{
	if (argc != 7)
		return 2;
	struct load load = { .streams = strtoull(argv[3], NULL, 10),
		             .size = strtoull(argv[4], NULL, 10),
		             .batch = strtoull(argv[5], NULL, 10),
		             .commands = strtoull(argv[6], NULL, 10) };
	const struct nc_wt_state_options options = { .keys = nc_event_row_keys };
	struct nc_state *state;
	struct nc_engine *engine;
	if (load.streams == 0 || load.size == 0 || load.commands == 0 ||
	    load.batch > NC_BATCH_EVENTS_MAX)
		return 2;
	load.data = malloc(load.size);
	if (load.data == NULL)
		return 1;
	memset(load.data, 'x', load.size);
	must(nc_wt_state_open(argv[1], &options, &state), "open");
	must(nc_engine_open(state, &engine), "engine");
	version_raise(engine);
	run(engine, &load, strtoull(argv[2], NULL, 10));
	nc_engine_close(engine);
	nc_state_close(state);
	free(load.data);
	nc_buf_release(&load.record);
	nc_buf_release(&load.members);
	nc_buf_release(&load.payload);
	return 0;
}
