/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nacre bench read, sub. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/cli/bench.h"
#include "transport/cli/commands.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"

enum { EVENTS = 100000, COUNT_EVERY = 1000, NEXT_MS = 250, STUCK_MS = 10000, NAME_SIZE = 40 };

static void category_of(const struct nc_bench *bench, char *to, size_t size)
{
	(void)snprintf(to, size, "bench-%s", bench->run);
}

/* ---- Read ----------------------------------------------------------------------------------- */

/* Read the whole run once, and count its events as they come. */
static int read_pass(struct nc_bench_thread *thread, const struct nacre_read *read,
                     struct nacre_error *error)
{
	struct nacre_reader *reader;
	const struct nacre_event *event;
	uint64_t events = 0, bytes = 0;
	int status = nacre_read_open(thread->client, read, &reader, error);
	if (status != NACRE_OK)
		return status;
	while (nc_cli_signal() == 0 &&
	       (status = nacre_read_next(reader, &event, error)) == NACRE_OK) {
		events++;
		bytes += event->size;
		if (events == COUNT_EVERY) {
			nc_bench_count(thread->bench, events, bytes);
			events = bytes = 0;
		}
	}
	nacre_read_close(reader);
	nc_bench_count(thread->bench, events, bytes);
	return status == NACRE_END ? NACRE_OK : status;
}

static void *read_thread(void *ctx)
{
	struct nc_bench_thread *thread = ctx;
	struct nc_bench *bench = thread->bench;
	struct nacre_error error = { 0 };
	char category[NAME_SIZE];
	category_of(bench, category, sizeof category);
	const struct nacre_read read = { .source = NACRE_CATEGORY,
		                         .name = category,
		                         .direct = nc_cli_has(&bench->cli->args, "direct") };
	do {
		int status = read_pass(thread, &read, &error);
		if (status != NACRE_OK) {
			nc_bench_read_done(bench, (struct nc_bench_turn){ 0 }, status, &error);
			break;
		}
	} while (nc_cli_signal() == 0 &&
	         nc_cli_now_ns() - bench->begun_ns < bench->duration_ms * 1000000);
	return NULL;
}

/* ---- Subscriptions -------------------------------------------------------------------------- */

/* Take and acknowledge deliveries until all have come, here or at other consumers. What one
 * consumer has asked for ahead, no other one gets. */
static int take_all(struct nc_bench_thread *thread, struct nacre_subscription *sub,
                    struct nacre_error *error)
{
	struct nc_bench *bench = thread->bench;
	const struct nacre_delivery *delivery;
	uint64_t done, seen = 0, moved_ns = nc_cli_now_ns();
	while ((done = nc_bench_so_far(bench)) < bench->count && nc_cli_signal() == 0) {
		int status = nacre_next(sub, NEXT_MS, &delivery, error);
		if (status == NACRE_OK)
			status = nacre_ack(thread->client, delivery->reply, false, error);
		if (status == NACRE_OK) {
			nc_bench_count(bench, 1, delivery->event->size);
		} else if (status != NACRE_END) {
			return status;
		}
		if (done != seen) {
			seen = done;
			moved_ns = nc_cli_now_ns();
		} else if (nc_cli_now_ns() - moved_ns > STUCK_MS * UINT64_C(1000000)) {
			(void)snprintf(error->description, sizeof error->description,
			               "nothing came for %d ms", STUCK_MS);
			return NACRE_UNAVAILABLE;
		}
	}
	return NACRE_OK;
}

static void *sub_thread(void *ctx)
{
	struct nc_bench_thread *thread = ctx;
	struct nc_bench *bench = thread->bench;
	struct nacre_error error = { 0 };
	struct nacre_subscription *sub;
	const struct nacre_consume how = { .batch = (uint32_t)bench->outstanding };
	char name[NAME_SIZE];
	category_of(bench, name, sizeof name);
	int status = nacre_subscribe(thread->client, name, &how, &sub, &error);
	if (status == NACRE_OK) {
		status = take_all(thread, sub, &error);
		nacre_unsubscribe(sub);
	}
	if (status != NACRE_OK)
		nc_bench_read_done(bench, (struct nc_bench_turn){ 0 }, status, &error);
	return NULL;
}

static int sub_create(const struct nc_bench *bench)
{
	struct nacre_error error = { 0 };
	char name[NAME_SIZE], definition[200];
	category_of(bench, name, sizeof name);
	(void)snprintf(definition, sizeof definition,
	               "{\"filter\":{\"plugin\":\"by_pattern\",\"selector\":\"%s.>\"},"
	               "\"max_in_flight\":%u}",
	               name, 65536u);
	int status = nacre_sub_create(bench->handles[0], name, definition, NULL, &error);
	return status == NACRE_OK ? 0 : nc_cli_fail_nacre(bench->cli, status, &error, NULL);
}

/* ---- The commands --------------------------------------------------------------------------- */

static int run_read(struct nc_cli *cli)
{
	struct nc_bench *bench = calloc(1, sizeof *bench);
	if (bench == NULL)
		return nc_cli_fail(cli, NC_EXIT_FAILED, "out of memory");
	int exit_code = nc_bench_begin(bench, cli, 1);
	uint64_t events = nc_cli_number(&cli->args, "events", EVENTS);
	if (exit_code == 0)
		exit_code = nc_bench_fill(bench, events);
	if (exit_code == 0)
		exit_code = nc_bench_run(bench, bench->clients, read_thread);
	if (exit_code == 0 && nc_cli_signal() == 0 && bench->done % events != 0) {
		bench->lost = events - bench->done % events; /* each pass must bring all */
		bench->checked = true;
	}
	if (exit_code == 0)
		exit_code = nc_bench_report(bench);
	nc_bench_release(bench);
	free(bench);
	return exit_code;
}

static int run_sub(struct nc_cli *cli)
{
	struct nc_bench *bench = calloc(1, sizeof *bench);
	char name[NAME_SIZE];
	if (bench == NULL)
		return nc_cli_fail(cli, NC_EXIT_FAILED, "out of memory");
	int exit_code = nc_bench_begin(bench, cli, 1000);
	uint64_t events = nc_cli_number(&cli->args, "events", EVENTS);
	bench->count = events; /* all of them, however long it takes */
	if (exit_code == 0)
		exit_code = nc_bench_fill(bench, events);
	if (exit_code == 0)
		exit_code = sub_create(bench);
	if (exit_code == 0) {
		exit_code = nc_bench_run(bench, bench->clients, sub_thread);
		category_of(bench, name, sizeof name);
		(void)nacre_sub_delete(bench->handles[0], name, NULL);
	}
	if (exit_code == 0)
		exit_code = nc_bench_report(bench);
	nc_bench_release(bench);
	free(bench);
	return exit_code;
}

static const struct nc_cli_option read_options[] = {
	{ "events", 0, "N", "So many are appended first, and then read; 100000.", false },
	{ "duration", 'd', "DURATION", "How long, whole passes; 5s.", false },
	{ "clients", 0, "N", "Connections, each reading all; 1.", false },
	{ "size", 0, "N", "Bytes of an event's data; 256.", false },
	{ "streams", 0, "N", "Over so many streams; 1000.", false },
	{ "direct", 0, NULL, "Any node's answers.", false },
	{ "pid", 0, "N", "Watch this process of this machine: CPU and bytes written an event.",
	  true },
	{ "csv", 0, NULL, "One line of values with commas between, below their names.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example read_examples[] = {
	{ "packed, through the index of a category", "nacre bench read" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_bench_read = {
	.name = "bench read",
	.words = "",
	.summary = "Measure reading, over and over.",
	.options = read_options,
	.examples = read_examples,
	.run = run_read,
};

static const struct nc_cli_option sub_options[] = {
	{ "events", 0, "N", "So many are appended first, and then delivered; 100000.", false },
	{ "outstanding", 'o', "N", "Asked for ahead, for each client; 1000.", false },
	{ "clients", 0, "N", "Consumers, each with a connection; 1.", false },
	{ "size", 0, "N", "Bytes of an event's data; 256.", false },
	{ "streams", 0, "N", "Over so many streams; 1000.", false },
	{ "pid", 0, "N", "Watch this process of this machine: CPU and bytes written an event.",
	  true },
	{ "csv", 0, NULL, "One line of values with commas between, below their names.", false },
	{ NULL, 0, NULL, NULL, false },
};

static const struct nc_cli_example sub_examples[] = {
	{ "pulled and acknowledged", "nacre bench sub" },
	{ "by four that share the work", "nacre bench sub --clients 4" },
	{ NULL, NULL },
};

const struct nc_cli_command nc_cli_bench_sub = {
	.name = "bench sub",
	.words = "",
	.summary = "Measure a subscription, pulled and acknowledged.",
	.options = sub_options,
	.examples = sub_examples,
	.run = run_sub,
};
