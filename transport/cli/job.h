/* SPDX-License-Identifier: GPL-3.0-or-later */
/* job.h -- one delivery, given to a command: its data on the standard input, its headers in the
 * environment.
 *
 * Ownership: a job copies what it needs of the delivery.
 * Threads:   a job belongs to one at a time.
 */
#ifndef NC_TRANSPORT_CLI_JOB_H
#define NC_TRANSPORT_CLI_JOB_H

#include "core/base/buf.h"
#include "transport/cli/cli.h"

struct nc_cli_job {
	char *reply; /* where it is answered */
	uint64_t pos;
	struct nc_buf data;
	struct nc_buf environment; /* "NAME=value" and a NUL, one after the other */
	size_t variables;
};

/* ES_STREAM, ES_TYPE, ES_SEQ, ES_POSITION, ES_TIME, ES_ID, ES_TAGS, ES_CONTENT_TYPE,
 * ES_SUBSCRIPTION, ES_DELIVERY (the attempt, from 1), ES_PENDING (where known), and ES_META_<NAME>
 * for the metadata, in capitals and with _ for what else is not a letter or digit. False: out of
 * memory; the job is empty. */
bool nc_cli_job_init(struct nc_cli_job *job, const struct nacre_delivery *delivery,
                     const char *subscription);
void nc_cli_job_release(struct nc_cli_job *job);

/* Run `argv` for the job, in a process group of its own, so that a ^C for us does not end it. Until
 * it has ended, `working` is called every `every_ms`. Returns the exit code of the command; 128 + N
 * if signal N ended it; or a negative errno if it could not be started. */
int nc_cli_job_run(const struct nc_cli_job *job, char *const *argv, uint64_t every_ms,
                   void (*working)(void *ctx), void *ctx);

/* Whether a command of this name can be run: a path, or in PATH. */
bool nc_cli_job_can_run(const char *command);

#endif
