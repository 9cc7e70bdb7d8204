/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reads.c -- what reads showed, held against the final state. */
#include <inttypes.h>

#include "tests/e2e/checker/checker_private.h"

/* Position of the `unit`th event of what was read: a version of the stream, or a position. */
static uint64_t place_of(struct nc_checker *checker, const struct nc_read *read, uint64_t unit)
{
	if (read->stream != NC_NONE)
		return nc_truth_version(checker, read->stream, unit);
	return nc_truth_at(checker, unit) == NULL ? 0 : unit;
}

static bool events_match(struct nc_checker *checker, const struct nc_read *read, uint64_t from)
{
	for (size_t i = 0; i < read->count; i++) {
		const struct nc_seen *seen = &checker->seen.at[read->first + i];
		const struct nc_event *event = nc_truth_at(checker, seen->pos);
		if (event != NULL && nc_truth_same(event, seen) &&
		    seen->pos == place_of(checker, read, from + i))
			continue;
		nc_fault(checker, NC_FAULT_READ,
		         "line %" PRIu64 ": event %zu of the answer is not number %" PRIu64
		         " of what was read",
		         read->line, i + 1, from + i);
		return false;
	}
	return true;
}

static void judge(struct nc_checker *checker, const struct nc_read *read)
{
	uint64_t from = read->from == 0 ? 1 : read->from;
	uint64_t shown = from + read->count - 1; /* the last one */
	uint64_t last = place_of(checker, read, read->head);
	if (!events_match(checker, read, from))
		return;
	if ((read->head > 0 && last == 0) || (read->count > 0 && shown > read->head) ||
	    (read->complete && read->head >= from && shown != read->head)) {
		nc_fault(checker, NC_FAULT_READ,
		         "line %" PRIu64 ": %zu events from %" PRIu64 " on, and a head of %" PRIu64,
		         read->line, read->count, from, read->head);
		return;
	}
	if (read->direct && read->stream == NC_NONE && read->head < read->min_pos) {
		nc_fault(checker, NC_FAULT_STALE,
		         "line %" PRIu64 ": head %" PRIu64 " below %" PRIu64, read->line,
		         read->head, read->min_pos);
	}
	/* A direct read may be late, but sees no future. */
	nc_truth_looked(checker, read->direct ? 0 : read->start, read->end, read->line, last,
	                place_of(checker, read, read->head + 1));
}

void nc_judge_reads(struct nc_checker *checker)
{
	for (size_t i = 0; i < checker->reads.count; i++)
		judge(checker, &checker->reads.at[i]);
}
