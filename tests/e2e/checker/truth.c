/* SPDX-License-Identifier: GPL-3.0-or-later */
/* truth.c -- the store as it was at the end, and when each event can have been committed.
 *
 * The store is one log: position p is committed at some moment t(p), and t never falls with p. Each
 * answer bounds it: an append asked at s and answered at e says s <= t(p) <= e; who looked between
 * s and e and saw everything through p, and p' not yet, says t(p) <= e and t(p') >= s. There are
 * moments that fit all answers exactly when no lower bound of an event is above an upper bound of
 * itself or a later one. */
#include <inttypes.h>

#include "tests/e2e/checker/checker_private.h"

static uint64_t id_hash(uint32_t stream, uint32_t id)
{
	return nc_hash_u64((uint64_t)stream << 32 | id);
}

struct nc_event *nc_truth_at(struct nc_checker *checker, uint64_t pos)
{
	if (pos == 0 || pos >= checker->events.count || !checker->events.at[pos].there)
		return NULL;
	return &checker->events.at[pos];
}

uint32_t nc_truth_find(const struct nc_checker *checker, uint32_t stream, uint32_t id)
{
	struct nc_hashmap_probe probe;
	uint64_t hash = id_hash(stream, id);
	for (uint32_t pos = nc_hashmap_first(&checker->by_id, hash, &probe); pos != NC_HASHMAP_NONE;
	     pos = nc_hashmap_next(&checker->by_id, &probe)) {
		if (checker->events.at[pos].stream == stream && checker->events.at[pos].id == id)
			return pos;
	}
	return 0;
}

uint32_t nc_truth_version(const struct nc_checker *checker, uint32_t stream, uint64_t seq)
{
	if (stream >= checker->streams.count || seq == 0 ||
	    seq > checker->streams.at[stream].at.count)
		return 0;
	return checker->streams.at[stream].at.at[seq - 1];
}

bool nc_truth_same(const struct nc_event *event, const struct nc_seen *seen)
{
	return event->stream == seen->stream && event->id == seen->id && event->seq == seen->seq &&
	       event->data == seen->data;
}

/* ---- Building ------------------------------------------------------------------------------- */

static uint64_t node_events(const struct nc_checker *checker, uint32_t node)
{
	uint64_t count = 0;
	for (size_t i = 0; i < checker->finals.count; i++) {
		if (checker->finals.at[i].node == node)
			count += checker->finals.at[i].count;
	}
	return count;
}

static int event_place(struct nc_checker *checker, const struct nc_seen *seen, uint64_t line)
{
	if (seen->pos == 0 || seen->pos >= checker->events.count) {
		nc_fault(checker, NC_FAULT_GAP,
		         "final of line %" PRIu64 ": position %" PRIu64 " of %zu events", line,
		         seen->pos, checker->events.count - 1);
		return NC_OK;
	}
	struct nc_event *event = &checker->events.at[seen->pos];
	if (event->there) {
		nc_fault(checker, NC_FAULT_GAP, "two events at position %" PRIu64, seen->pos);
		return NC_OK;
	}
	*event = (struct nc_event){ .stream = seen->stream,
		                    .id = seen->id,
		                    .data = seen->data,
		                    .seq = seen->seq,
		                    .there = true,
		                    .not_after = NC_NEVER,
		                    .first_start = NC_NEVER };
	uint32_t before = nc_truth_find(checker, seen->stream, seen->id);
	if (before != 0) {
		nc_fault(checker, NC_FAULT_DOUBLED, "one id at positions %" PRIu32 " and %" PRIu64,
		         before, seen->pos);
	}
	return nc_hashmap_put(&checker->by_id, id_hash(seen->stream, seen->id),
	                      (uint32_t)seen->pos);
}

static int events_place(struct nc_checker *checker, uint32_t node)
{
	uint64_t count = node_events(checker, node);
	for (uint64_t i = 0; i <= count; i++) {
		struct nc_event *event = nc_array_add(&checker->events);
		if (event == NULL)
			return NC_NOMEM;
		*event = (struct nc_event){ .there = false };
	}
	int err = NC_OK;
	for (size_t i = 0; i < checker->finals.count && err == NC_OK; i++) {
		const struct nc_final *final = &checker->finals.at[i];
		for (size_t j = 0; j < final->count && final->node == node && err == NC_OK; j++) {
			err = event_place(checker, &checker->seen.at[final->first + j],
			                  final->line);
		}
	}
	return err;
}

static int streams_make(struct nc_checker *checker)
{
	for (size_t i = 0; i < checker->strings.names.count; i++) {
		struct nc_stream *stream = nc_array_add(&checker->streams);
		if (stream == NULL)
			return NC_NOMEM;
		*stream = (struct nc_stream){ { NULL, 0, 0 } };
	}
	for (uint32_t pos = 1; pos < checker->events.count; pos++) {
		const struct nc_event *event = &checker->events.at[pos];
		if (!event->there || event->stream == NC_NONE) {
			nc_fault(checker, NC_FAULT_GAP, "nothing at position %" PRIu32, pos);
			continue;
		}
		struct nc_stream *stream = &checker->streams.at[event->stream];
		uint32_t *at = nc_array_add(&stream->at);
		if (at == NULL)
			return NC_NOMEM;
		*at = pos;
		if (event->seq != stream->at.count) {
			nc_fault(checker, NC_FAULT_GAP,
			         "position %" PRIu32 " is version %" PRIu64
			         " of its stream, not %zu",
			         pos, event->seq, stream->at.count);
		}
	}
	return NC_OK;
}

static void nodes_compare(struct nc_checker *checker, uint32_t first)
{
	for (size_t i = 0; i < checker->finals.count; i++) {
		const struct nc_final *final = &checker->finals.at[i];
		if (final->node == first)
			continue;
		if (node_events(checker, final->node) != checker->events.count - 1) {
			nc_fault(checker, NC_FAULT_DIFFER,
			         "line %" PRIu64 ": another number of events", final->line);
		}
		for (size_t j = 0; j < final->count; j++) {
			const struct nc_seen *seen = &checker->seen.at[final->first + j];
			const struct nc_event *event = nc_truth_at(checker, seen->pos);
			if (event == NULL || !nc_truth_same(event, seen)) {
				nc_fault(checker, NC_FAULT_DIFFER,
				         "line %" PRIu64 ": another event at position %" PRIu64,
				         final->line, seen->pos);
			}
		}
	}
}

int nc_truth_build(struct nc_checker *checker)
{
	if (checker->finals.count == 0)
		return NC_OK;
	uint32_t first = checker->finals.at[0].node;
	int err = events_place(checker, first);
	if (err == NC_OK)
		err = streams_make(checker);
	if (err == NC_OK)
		nodes_compare(checker, first);
	return err;
}

/* ---- Time ----------------------------------------------------------------------------------- */

void nc_truth_looked(struct nc_checker *checker, int64_t start, int64_t end, uint64_t line,
                     uint64_t last, uint64_t next)
{
	struct nc_event *event = nc_truth_at(checker, last);
	if (event != NULL && end < event->not_after) {
		event->not_after = end;
		event->after_line = line;
	}
	event = nc_truth_at(checker, next);
	if (event != NULL && start > event->not_before) {
		event->not_before = start;
		event->before_line = line;
	}
}

void nc_truth_timeline(struct nc_checker *checker)
{
	int64_t before = 0;
	uint64_t line = 0;
	for (size_t pos = 1; pos < checker->events.count; pos++) { /* lower bounds go up */
		struct nc_event *event = &checker->events.at[pos];
		if (event->not_before >= before) {
			before = event->not_before;
			line = event->before_line;
		}
		if (before > event->not_after) {
			nc_fault(checker, NC_FAULT_ORDER,
			         "position %zu was there at %" PRId64 " (line %" PRIu64
			         ") and not yet, or one before it, at %" PRId64 " (line %" PRIu64
			         ")",
			         pos, event->not_after, event->after_line, before, line);
		}
	}
}
