/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checking state and log in steps. */
#include "core/node/data/verifier.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define EVENTS_A_STEP  256u
#define ENTRIES_A_STEP 64u
#define BYTES_A_STEP   (1u << 20)

struct nc_verifier {
	struct nc_log *log;
	struct nc_verify *verify;
	struct nc_buf payloads;
	uint64_t next; /* entry of the log */
	pthread_mutex_t lock;
	struct nc_verifier_report report; /* under lock */
};

int nc_verifier_new(struct nc_log *log, struct nc_verifier **verifier_out)
{
	struct nc_verifier *verifier = calloc(1, sizeof *verifier);
	if (verifier == NULL)
		return NC_NOMEM;
	verifier->log = log;
	(void)pthread_mutex_init(&verifier->lock, NULL);
	*verifier_out = verifier;
	return NC_OK;
}

void nc_verifier_free(struct nc_verifier *verifier)
{
	if (verifier == NULL)
		return;
	nc_verify_free(verifier->verify);
	nc_buf_release(&verifier->payloads);
	(void)pthread_mutex_destroy(&verifier->lock);
	free(verifier);
}

bool nc_verifier_over(enum nc_verifier_phase phase)
{
	return phase != NC_VERIFIER_STATE && phase != NC_VERIFIER_LOG;
}

void nc_verifier_report(struct nc_verifier *verifier, struct nc_verifier_report *report_out)
{
	(void)pthread_mutex_lock(&verifier->lock);
	*report_out = verifier->report;
	(void)pthread_mutex_unlock(&verifier->lock);
}

static bool is_verdict(int err)
{
	return err == NC_CORRUPT || err == NC_UNSUPPORTED;
}

void nc_verifier_stop(struct nc_verifier *verifier)
{
	(void)pthread_mutex_lock(&verifier->lock);
	if (!nc_verifier_over(verifier->report.phase)) {
		verifier->report.phase = NC_VERIFIER_FAILED;
		verifier->report.err = NC_CLOSED;
	}
	(void)pthread_mutex_unlock(&verifier->lock);
}

/* ---- The state ------------------------------------------------------------------------------ */

static void log_begin(struct nc_verifier *verifier, struct nc_verifier_report *report)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(verifier->log, &bounds);
	report->phase = NC_VERIFIER_LOG;
	report->entry_first = verifier->next = bounds.first;
	report->entry = bounds.first - 1;
	report->entry_last = bounds.last;
}

static void state_step(struct nc_verifier *verifier, struct nc_state_reader *reader,
                       struct nc_verifier_report *report)
{
	bool done = false;
	int err = verifier->verify == NULL ? nc_verify_new(reader, &verifier->verify) : NC_OK;
	if (err == NC_OK)
		err = nc_verify_step(verifier->verify, reader, EVENTS_A_STEP, &done);
	if (verifier->verify != NULL)
		report->state = *nc_verify_status(verifier->verify);
	report->err = err;
	if (err != NC_OK) {
		report->phase = is_verdict(err) ? NC_VERIFIER_BAD : NC_VERIFIER_FAILED;
	} else if (done) {
		log_begin(verifier, report);
	}
}

/* ---- The log -------------------------------------------------------------------------------- */

static int entries_check(const struct nc_log_entry *entries, size_t count,
                         struct nc_verifier_report *report)
{
	for (size_t i = 0; i < count; i++) {
		int err = entries[i].kind == NC_LOG_COMMAND ? nc_verify_payload(entries[i].payload)
		                                            : NC_OK;
		if (err != NC_OK) {
			report->bad_entry = entries[i].index;
			(void)snprintf(report->why, sizeof report->why,
			               err == NC_UNSUPPORTED
			                       ? "it is of a newer form than this build knows"
			                       : "its commands cannot be read");
			return err;
		}
		report->entry = entries[i].index;
	}
	return NC_OK;
}

/* The entries that were to be read are not there. That is fine for entries that were compacted
 * away, or cut by another leader. False: they ought to be there. */
static bool entries_gone(struct nc_verifier *verifier, struct nc_verifier_report *report)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(verifier->log, &bounds);
	if (bounds.first > verifier->next) {
		report->entry = bounds.first - 1;
		verifier->next = bounds.first;
		return true;
	}
	if (bounds.last < verifier->next)
		report->entry_last = report->entry;
	return bounds.last < verifier->next;
}

/* Read and check some entries. */
static int entries_step(struct nc_verifier *verifier, struct nc_verifier_report *report)
{
	struct nc_log_entry entries[ENTRIES_A_STEP];
	size_t count = 0;
	nc_buf_clear(&verifier->payloads);
	struct nc_log_range range = { .from = verifier->next,
		                      .to = report->entry_last,
		                      .entry_max = ENTRIES_A_STEP,
		                      .size_max = BYTES_A_STEP };
	int err = nc_log_read(verifier->log, range, &verifier->payloads, entries, &count);
	if (err == NC_NOTFOUND && entries_gone(verifier, report))
		return NC_OK;
	if (err == NC_CORRUPT) {
		report->bad_entry = verifier->next;
		(void)snprintf(report->why, sizeof report->why,
		               "a checksum of the log does not hold");
	}
	if (err == NC_OK)
		err = entries_check(entries, count, report);
	verifier->next += count;
	return err;
}

static void log_step(struct nc_verifier *verifier, struct nc_verifier_report *report)
{
	int err = verifier->next > report->entry_last ? NC_OK : entries_step(verifier, report);
	report->err = err;
	if (err != NC_OK) {
		report->phase = is_verdict(err) ? NC_VERIFIER_BAD : NC_VERIFIER_FAILED;
	} else if (verifier->next > report->entry_last) {
		report->phase = NC_VERIFIER_GOOD;
	}
}

bool nc_verifier_step(struct nc_verifier *verifier, struct nc_state_reader *reader)
{
	struct nc_verifier_report report;
	nc_verifier_report(verifier, &report);
	if (report.phase == NC_VERIFIER_STATE) {
		state_step(verifier, reader, &report);
	} else if (report.phase == NC_VERIFIER_LOG) {
		log_step(verifier, &report);
	}
	(void)pthread_mutex_lock(&verifier->lock);
	if (!nc_verifier_over(verifier->report.phase)) /* it may have been stopped meanwhile */
		verifier->report = report;
	bool over = nc_verifier_over(verifier->report.phase);
	(void)pthread_mutex_unlock(&verifier->lock);
	return over;
}
