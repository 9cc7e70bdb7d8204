/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checking what was measured: every event that was acknowledged must be read back, and once. */
#include <stdio.h>
#include <stdlib.h>

#include "transport/cli/bench.h"
#include "transport/cli/json.h"
#include "transport/cli/progress.h"
#include "transport/cli/say.h"

enum { SEEN = 2, FILL_BATCH = 500 };

static void see(struct nc_bench *bench, const struct nacre_event *event)
{
	uint64_t number = nc_cli_member_number(nc_slice(event->data, event->size), "n", UINT64_MAX);
	if (number >= bench->acked_room)
		return;
	bench->found++;
	bench->doubled += (bench->acked[number] & SEEN) != 0;
	bench->acked[number] |= SEEN;
}

int nc_bench_check(struct nc_bench *bench)
{
	char category[NC_BENCH_RUN_SIZE + 8];
	struct nacre_error error = { 0 };
	struct nacre_reader *reader;
	const struct nacre_event *event;
	struct nc_cli_progress progress;
	if (nc_cli_has(&bench->cli->args, "no-check"))
		return 0;
	(void)snprintf(category, sizeof category, "bench-%s", bench->run);
	const struct nacre_read read = { .source = NACRE_CATEGORY, .name = category };
	nc_cli_progress_begin(&progress, bench->cli, "events read back", bench->done);
	int status = nacre_read_open(bench->handles[0], &read, &reader, &error);
	if (status != NACRE_OK)
		return nc_cli_fail_nacre(bench->cli, status, &error, "read back");
	while ((status = nacre_read_next(reader, &event, &error)) == NACRE_OK) {
		see(bench, event);
		nc_cli_progress(&progress, bench->found);
	}
	nacre_read_close(reader);
	nc_cli_progress_clear(&progress);
	if (status != NACRE_END)
		return nc_cli_fail_nacre(bench->cli, status, &error, "read back");
	for (uint64_t i = 0; i < bench->next && i < bench->acked_room; i++)
		bench->lost += bench->acked[i] == 1; /* acknowledged, not seen */
	bench->checked = true;
	return 0;
}

/* Append one batch of the run's next events. */
static int fill_some(struct nc_bench *bench, uint64_t first, uint64_t count)
{
	struct nacre_error error = { 0 };
	struct nacre_batch *batch;
	struct nc_buf data = { 0 };
	char stream[64];
	int status = nacre_batch_new(&batch);
	for (uint64_t i = 0; status == NACRE_OK && i < count; i++) {
		nc_bench_data(bench, first + i, &data);
		nc_bench_stream(bench, first + i, stream, sizeof stream);
		const struct nacre_append event = { .stream = stream,
			                            .type = "Benched",
			                            .data = data.data,
			                            .size = data.size,
			                            .expect = NACRE_EXPECT_ANY };
		status = nacre_batch_add(batch, &event, &error);
	}
	if (status == NACRE_OK)
		status = nacre_batch_send(bench->handles[0], batch, NULL, &error);
	nacre_batch_free(batch);
	nc_buf_release(&data);
	return status == NACRE_OK ? 0
	                          : nc_cli_fail_nacre(bench->cli, status, &error, "fill the store");
}

int nc_bench_fill(struct nc_bench *bench, uint64_t count)
{
	struct nc_cli_progress progress;
	int exit_code = 0;
	uint64_t most = bench->size > 1024 ? 500000 / bench->size + 1 : FILL_BATCH;
	nc_cli_progress_begin(&progress, bench->cli, "events appended first", count);
	for (uint64_t done = 0; done < count && exit_code == 0; done += most) {
		exit_code = fill_some(bench, done, count - done < most ? count - done : most);
		nc_cli_progress(&progress, done);
	}
	nc_cli_progress_clear(&progress);
	return exit_code;
}
