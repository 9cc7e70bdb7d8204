/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far long work is, and signals that ask it to end. */
#include "transport/cli/progress.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

enum { DRAW_EVERY_NS = 100000000 };

static volatile sig_atomic_t caught;

uint64_t nc_cli_now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void nc_cli_progress_begin(struct nc_cli_progress *progress, const struct nc_cli *cli,
                           const char *unit, uint64_t total)
{
	*progress = (struct nc_cli_progress){ cli, unit, total, nc_cli_now_ns(), 0 };
}

double nc_cli_progress_seconds(const struct nc_cli_progress *progress)
{
	return (double)(nc_cli_now_ns() - progress->begun_ns) / 1e9;
}

/* Whether it is time to draw, and somebody looks. */
static bool draws(struct nc_cli_progress *progress)
{
	uint64_t now = nc_cli_now_ns();
	if (!progress->cli->people_err || now - progress->drawn_ns < DRAW_EVERY_NS)
		return false;
	progress->drawn_ns = now;
	return true;
}

void nc_cli_progress(struct nc_cli_progress *progress, uint64_t done)
{
	if (!draws(progress))
		return;
	double seconds = nc_cli_progress_seconds(progress);
	(void)fprintf(stderr, "\r\033[K%llu", (unsigned long long)done);
	if (progress->total > 0) {
		(void)fprintf(stderr, " of %llu (%d %%)", (unsigned long long)progress->total,
		              (int)(100 * done / progress->total));
	}
	(void)fprintf(stderr, " %s, %.0f/s", progress->unit,
	              seconds > 0 ? (double)done / seconds : 0.0);
	(void)fflush(stderr);
}

void nc_cli_progress_say(struct nc_cli_progress *progress, const char *format, ...)
{
	va_list values;
	if (!draws(progress))
		return;
	(void)fputs("\r\033[K", stderr);
	va_start(values, format);
	(void)vfprintf(stderr, format, values);
	va_end(values);
	(void)fflush(stderr);
}

void nc_cli_progress_clear(const struct nc_cli_progress *progress)
{
	if (progress->drawn_ns > 0)
		(void)fputs("\r\033[K", stderr);
}

static void on_signal(int number)
{
	caught = number;
}

void nc_cli_signals_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

int nc_cli_signal(void)
{
	return caught;
}
