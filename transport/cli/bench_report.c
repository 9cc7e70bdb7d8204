/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The result of a bench: for people, as JSON, as CSV. */
#include <stdio.h>
#include <string.h>

#include "transport/cli/bench.h"
#include "transport/cli/json.h"
#include "transport/cli/say.h"
#include "transport/cli/text.h"

static const struct {
	const char *name;
	double percent;
} percentiles[] = {
	{ "p50", 50 }, { "p90", 90 }, { "p99", 99 }, { "p99_9", 99.9 }, { "p99_99", 99.99 }
};

enum { PERCENTILES = sizeof percentiles / sizeof *percentiles };

static double per_event(const struct nc_bench *bench, uint64_t value)
{
	return bench->done == 0 ? 0 : (double)value / (double)bench->done;
}

static double seconds_of(const struct nc_bench *bench)
{
	return (double)(bench->ended_ns - bench->begun_ns) / 1e9;
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static double mean_ms(const struct nc_cli_histogram *histogram)
{
	return histogram->count == 0 ? 0 : histogram->sum_ns / (double)histogram->count / 1e6;
}

/* ---- For people ----------------------------------------------------------------------------- */

static void people_latency(const struct nc_cli *cli, const char *what,
                           const struct nc_cli_histogram *histogram)
{
	if (histogram->count == 0)
		return;
	(void)printf("%s%-10s%s mean %.2f", nc_cli_colour(cli, NC_DIM), what,
	             nc_cli_colour(cli, NC_PLAIN), mean_ms(histogram));
	for (size_t i = 0; i < PERCENTILES; i++) {
		(void)printf("  %.3s%s %.2f", percentiles[i].name, /* p99_9 is p99.9 */
		             percentiles[i].name[3] == '\0'
		                     ? ""
		                     : (char[]){ '.', percentiles[i].name[4],
		                                 percentiles[i].name[5], '\0' },
		             ms(nc_cli_histogram_percentile(histogram, percentiles[i].percent)));
	}
	(void)printf("  max %.2f ms\n", ms(histogram->max_ns));
}

static void people_cost(const struct nc_bench *bench)
{
	const struct nc_cli *cli = bench->cli;
	(void)printf("%sCPU       %s nacre %.1f µs an event", nc_cli_colour(cli, NC_DIM),
	             nc_cli_colour(cli, NC_PLAIN), per_event(bench, bench->own_cpu_us));
	for (size_t i = 0; i < bench->process_count; i++) {
		(void)printf(", %s %.1f µs and %.0f bytes written", bench->processes[i].name,
		             per_event(bench, bench->processes[i].cpu_us),
		             per_event(bench, bench->processes[i].written));
	}
	(void)putchar('\n');
}

static void people(const struct nc_bench *bench)
{
	const struct nc_cli *cli = bench->cli;
	double seconds = seconds_of(bench);
	(void)printf("%s%.0f %s/s%s, %.1f MB/s: %llu in %.2f s\n", nc_cli_colour(cli, NC_BOLD),
	             (double)bench->done / seconds, bench->unit, nc_cli_colour(cli, NC_PLAIN),
	             (double)bench->bytes / seconds / 1e6, (unsigned long long)bench->done,
	             seconds);
	people_latency(cli, "latency", &bench->latency);
	people_latency(cli, "reads", &bench->read_latency);
	people_cost(bench);
	if (bench->checked) {
		(void)printf("%sread back %s %llu events: %llu lost, %llu twice\n",
		             nc_cli_colour(cli, NC_DIM), nc_cli_colour(cli, NC_PLAIN),
		             (unsigned long long)bench->found, (unsigned long long)bench->lost,
		             (unsigned long long)bench->doubled);
	}
}

/* ---- For programs --------------------------------------------------------------------------- */

/* Put the names and numbers of the result in their order; `put` says how. */
struct writer {
	void (*put)(struct writer *writer, const char *name, double value);
	struct nc_buf names, values; /* of CSV; JSON has the second alone */
};

static void put_json(struct writer *writer, const char *name, double value)
{
	nc_buf_printf(&writer->values, "%s\"%s\":%.*f", writer->values.size > 1 ? "," : "", name,
	              value == (double)(uint64_t)value ? 0 : 4, value);
}

static void put_csv(struct writer *writer, const char *name, double value)
{
	const char *comma = writer->names.size > 0 ? "," : "";
	nc_buf_printf(&writer->names, "%s%s", comma, name);
	nc_buf_printf(&writer->values, "%s%.*f", comma, value == (double)(uint64_t)value ? 0 : 4,
	              value);
}

static void put_latency(struct writer *writer, const char *prefix,
                        const struct nc_cli_histogram *histogram)
{
	char name[64];
	for (size_t i = 0; i < PERCENTILES; i++) {
		(void)snprintf(name, sizeof name, "%s%s_ms", prefix, percentiles[i].name);
		writer->put(writer, name,
		            ms(nc_cli_histogram_percentile(histogram, percentiles[i].percent)));
	}
	(void)snprintf(name, sizeof name, "%smean_ms", prefix);
	writer->put(writer, name, mean_ms(histogram));
	(void)snprintf(name, sizeof name, "%smax_ms", prefix);
	writer->put(writer, name, ms(histogram->max_ns));
}

static void put_all(struct writer *writer, const struct nc_bench *bench)
{
	char name[80];
	writer->put(writer, "clients", (double)bench->clients);
	writer->put(writer, "outstanding", (double)bench->outstanding);
	writer->put(writer, "size", (double)bench->size);
	writer->put(writer, "streams", (double)bench->streams);
	writer->put(writer, "rate", (double)bench->rate);
	writer->put(writer, "events", (double)bench->done);
	writer->put(writer, "seconds", seconds_of(bench));
	writer->put(writer, "events_per_s", (double)bench->done / seconds_of(bench));
	writer->put(writer, "bytes_per_s", (double)bench->bytes / seconds_of(bench));
	put_latency(writer, "", &bench->latency);
	if (bench->read_latency.count > 0)
		put_latency(writer, "read_", &bench->read_latency);
	writer->put(writer, "cpu_us_per_event", per_event(bench, bench->own_cpu_us));
	for (size_t i = 0; i < bench->process_count; i++) {
		const struct nc_bench_process *process = &bench->processes[i];
		(void)snprintf(name, sizeof name, "%s_cpu_us_per_event", process->name);
		writer->put(writer, name, per_event(bench, process->cpu_us));
		(void)snprintf(name, sizeof name, "%s_written_per_event", process->name);
		writer->put(writer, name, per_event(bench, process->written));
	}
	writer->put(writer, "errors", (double)bench->errors);
	if (bench->checked) {
		writer->put(writer, "read_back", (double)bench->found);
		writer->put(writer, "lost", (double)bench->lost);
		writer->put(writer, "doubled", (double)bench->doubled);
	}
}

static void programs(const struct nc_bench *bench)
{
	struct writer writer = { .put = bench->cli->json ? put_json : put_csv };
	if (bench->cli->json)
		nc_buf_put_u8(&writer.values, '{');
	put_all(&writer, bench);
	if (writer.names.size > 0)
		(void)printf("%.*s\n", (int)writer.names.size, (const char *)writer.names.data);
	(void)printf("%.*s%s\n", (int)writer.values.size, (const char *)writer.values.data,
	             bench->cli->json ? "}" : "");
	nc_buf_release(&writer.names);
	nc_buf_release(&writer.values);
}

int nc_bench_report(struct nc_bench *bench)
{
	struct nc_cli *cli = bench->cli;
	if (cli->json || nc_cli_has(&cli->args, "csv")) {
		programs(bench);
	} else {
		people(bench);
	}
	if (bench->errors > 0) {
		return nc_cli_fail(cli, NC_EXIT_FAILED, "%llu failed, the first: %s",
		                   (unsigned long long)bench->errors,
		                   bench->first_error.description);
	}
	if (bench->lost > 0 || bench->doubled > 0) {
		return nc_cli_fail(cli, NC_EXIT_FAILED,
		                   "what was acknowledged is not there once: %llu lost, %llu twice",
		                   (unsigned long long)bench->lost,
		                   (unsigned long long)bench->doubled);
	}
	return 0;
}
