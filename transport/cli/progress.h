/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress.h -- long work: how far it is, on a terminal; and signals that ask it to end.
 *
 * The line is drawn on stderr, at most ten times a second, only if that is a terminal and neither
 * --quiet nor --json is given. Anything said in between begins with nc_cli_progress_clear().
 */
#ifndef NC_TRANSPORT_CLI_PROGRESS_H
#define NC_TRANSPORT_CLI_PROGRESS_H

#include <stdint.h>

#include "transport/cli/cli.h"

struct nc_cli_progress {
	const struct nc_cli *cli;
	const char *unit; /* "events" */
	uint64_t total;   /* 0: not known */
	uint64_t begun_ns, drawn_ns;
};

void nc_cli_progress_begin(struct nc_cli_progress *progress, const struct nc_cli *cli,
                           const char *unit, uint64_t total);
void nc_cli_progress(struct nc_cli_progress *progress, uint64_t done);
/* The same with words of one's own, for what has no number. */
__attribute__((format(printf, 2, 3))) void nc_cli_progress_say(struct nc_cli_progress *progress,
                                                               const char *format, ...);
void nc_cli_progress_clear(const struct nc_cli_progress *progress);
double nc_cli_progress_seconds(const struct nc_cli_progress *progress);

uint64_t nc_cli_now_ns(void); /* a clock that only goes forward */

/* From now on SIGINT and SIGTERM are remembered; only a second one ends the process. */
void nc_cli_signals_catch(void);
/* The signal that came; 0 if none did. */
int nc_cli_signal(void);

#endif
