/* SPDX-License-Identifier: GPL-3.0-or-later */
/* appends.c -- what was answered to appends, held against the final state. */
#include <inttypes.h>

#include "tests/e2e/checker/checker_private.h"

/* A try that may have made the event: it was not committed before the first of them began. */
static void made_by(struct nc_event *event, const struct nc_append *append)
{
	event->appended = true;
	if (append->start < event->first_start) {
		event->first_start = append->start;
		event->first_line = append->line;
	}
}

static bool expectation_met(const struct nc_try *try, uint64_t version)
{
	switch (try->expect) {
	case NC_EXPECT_NONE:
		return version == 0;
	case NC_EXPECT_EXISTS:
		return version > 0;
	case NC_EXPECT_AT:
		return version == try->expect_at;
	default:
		return true;
	}
}

static void answered(struct nc_checker *checker, const struct nc_append *append,
                     const struct nc_try *try)
{
	struct nc_event *event = nc_truth_at(checker, try->seen.pos);
	if (event == NULL || !nc_truth_same(event, &try->seen)) {
		bool elsewhere = nc_truth_find(checker, try->seen.stream, try->seen.id) != 0;
		nc_fault(checker, elsewhere ? NC_FAULT_MOVED : NC_FAULT_LOST,
		         "line %" PRIu64 ": answered with position %" PRIu64 ", which holds %s",
		         append->line, try->seen.pos, event == NULL ? "nothing" : "another event");
		return;
	}
	made_by(event, append);
	nc_truth_looked(checker, append->start, append->end, append->line, try->seen.pos, 0);
	if (!expectation_met(try, event->seq - 1)) {
		nc_fault(checker, NC_FAULT_CONFLICT,
		         "line %" PRIu64 ": accepted at version %" PRIu64
		         " against its expectation",
		         append->line, event->seq);
	}
}

/* All or nothing, and in one piece. */
static void batch_whole(struct nc_checker *checker, const struct nc_append *append)
{
	size_t there = 0;
	uint32_t first = 0;
	bool piece = true;
	for (size_t i = 0; i < append->count; i++) {
		const struct nc_seen *seen = &checker->tries.at[append->first + i].seen;
		uint32_t pos = nc_truth_find(checker, seen->stream, seen->id);
		there += pos != 0;
		if (i == 0)
			first = pos;
		piece = piece && pos == first + i;
	}
	if (there != 0 && (there != append->count || !piece)) {
		nc_fault(checker, NC_FAULT_TORN, "line %" PRIu64 ": %zu of %zu events are there%s",
		         append->line, there, append->count,
		         there == append->count ? ", not side by side" : "");
	}
}

static void unknown(struct nc_checker *checker, const struct nc_append *append,
                    const struct nc_try *try)
{
	struct nc_event *event =
	        nc_truth_at(checker, nc_truth_find(checker, try->seen.stream, try->seen.id));
	if (event != NULL && event->data == try->seen.data)
		made_by(event, append);
}

#define WRONG_LAST_SEQUENCE 10071

static void conflict(struct nc_checker *checker, const struct nc_append *append)
{
	uint32_t stream = append->actual_stream;
	if (stream == NC_NONE)
		stream = checker->tries.at[append->first].seen.stream;
	bool justified = false;
	for (size_t i = 0; i < append->count; i++) {
		const struct nc_try *try = &checker->tries.at[append->first + i];
		justified = justified ||
		            (try->seen.stream == stream && !expectation_met(try, append->actual));
	}
	uint32_t last = nc_truth_version(checker, stream, append->actual);
	if (!justified || (append->actual > 0 && last == 0)) {
		nc_fault(checker, NC_FAULT_CONFLICT,
		         "line %" PRIu64 ": refused with version %" PRIu64 ", which %s",
		         append->line, append->actual,
		         justified ? "the stream never had" : "meets the expectation");
		return;
	}
	nc_truth_looked(checker, append->start, append->end, append->line, last,
	                nc_truth_version(checker, stream, append->actual + 1));
}

static void refused(struct nc_checker *checker, const struct nc_append *append)
{
	if (append->err_code == WRONG_LAST_SEQUENCE)
		conflict(checker, append);
	for (size_t i = 0; i < append->count; i++) {
		const struct nc_seen *seen = &checker->tries.at[append->first + i].seen;
		struct nc_event *event =
		        nc_truth_at(checker, nc_truth_find(checker, seen->stream, seen->id));
		if (event == NULL || event->appended)
			continue;
		nc_fault(checker, NC_FAULT_REFUSED, "line %" PRIu64 ": and it has version %" PRIu64,
		         append->line, event->seq);
		made_by(event, append);
	}
}

/* Their tries' starts are known now. */
static void events_bound(struct nc_checker *checker)
{
	for (size_t pos = 1; pos < checker->events.count; pos++) {
		struct nc_event *event = &checker->events.at[pos];
		if (!event->there)
			continue;
		if (event->appended) {
			nc_truth_looked(checker, event->first_start, NC_NEVER, event->first_line, 0,
			                pos);
		} else {
			nc_fault(checker, NC_FAULT_FOREIGN, "position %zu", pos);
		}
	}
}

void nc_judge_appends(struct nc_checker *checker)
{
	for (size_t i = 0; i < checker->appends.count; i++) {
		const struct nc_append *append = &checker->appends.at[i];
		for (size_t j = 0; j < append->count; j++) {
			const struct nc_try *try = &checker->tries.at[append->first + j];
			if (append->outcome == NC_OUTCOME_OK) {
				answered(checker, append, try);
			} else if (append->outcome == NC_OUTCOME_UNKNOWN) {
				unknown(checker, append, try);
			}
		}
		if (append->outcome != NC_OUTCOME_REFUSED && append->count > 1)
			batch_whole(checker, append);
	}
	for (size_t i = 0; i < checker->appends.count; i++) {
		if (checker->appends.at[i].outcome == NC_OUTCOME_REFUSED)
			refused(checker, &checker->appends.at[i]);
	}
	events_bound(checker);
}
