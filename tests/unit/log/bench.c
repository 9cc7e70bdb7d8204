/* SPDX-License-Identifier: GPL-3.0-or-later */
/* By hand: bench_log DIRECTORY. Batches of 100 entries of 300 bytes, appended durably; beside them
 * the same bytes written and synced to a plain file that is filled with zeros too. Turn by turn, so
 * that both meet the same disk.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "storage/log/segment_log.h"
#include "tests/unit/log/entries.h"

enum { BATCHES = 1500, BATCH = 100, SIZE = 300, RECORD = 344, RAW_SIZE = 64 << 20 };

static double now_ms(void)
{
	struct timespec at;
	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void say(const char *name, double *took)
{
	qsort(took, BATCHES, sizeof took[0], by_value);
	printf("%-8s p50 %.3f  p99 %.3f  max %.3f ms\n", name, took[BATCHES / 2],
	       took[BATCHES * 99 / 100], took[BATCHES - 1]);
}

int main(int argc, char **argv)
{
	static double log_took[BATCHES], raw_took[BATCHES];
	static uint8_t bytes[BATCH * RECORD];
	char fault[NC_LOG_FAULT_SIZE] = "", path[4096];
	struct nc_log *log;
	struct nc_log_recovery recovery;
	const struct nc_segment_log_options options = { 0 };
	if (argc != 2 || nc_segment_log_open(argv[1], &options, &recovery, &log, fault) != NC_OK) {
		(void)fprintf(stderr, "usage: bench_log DIRECTORY   %s\n", fault);
		return 1;
	}
	(void)snprintf(path, sizeof path, "%s/raw", argv[1]);
	int raw = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (raw < 0 || nc_files_system.zero(NULL, raw, RAW_SIZE) != 0)
		return 1;
	memset(bytes, 0x5a, sizeof bytes);
	struct nc_log_bounds bounds;
	nc_log_bounds(log, &bounds);
	for (int i = 0; i < BATCHES; i++) {
		double start = now_ms();
		if (entries_append(log, NULL, bounds.last + 1 + (uint64_t)i * BATCH, BATCH, 1,
		                   SIZE) != NC_OK)
			return 1;
		log_took[i] = now_ms() - start;
		start = now_ms();
		/* 1,500 of 34,400 bytes stay within the file. */
		if (pwrite(raw, bytes, sizeof bytes, (off_t)i * (off_t)sizeof bytes) < 0 ||
		    fdatasync(raw) != 0)
			return 1;
		raw_took[i] = now_ms() - start;
	}
	say("log", log_took);
	say("raw", raw_took);
	nc_log_close(log);
	(void)close(raw);
	return 0;
}
