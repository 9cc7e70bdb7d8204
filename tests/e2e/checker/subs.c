/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs.c -- what subscriptions delivered: nothing left out, in order per key, nothing after its
 * ack. */
#include <inttypes.h>
#include <stdlib.h>

#include "tests/e2e/checker/checker_private.h"

/* One subscription's way through the positions. */
struct way {
	struct nc_checker *checker;
	const struct nc_sub *sub;
	bool *delivered;    /* [positions] */
	int64_t *acked;     /* [positions]: when; NC_NEVER: not */
	uint32_t *expected; /* [streams]: the first not delivered, as an index of nc_stream.at */
	uint64_t position;  /* of order global: the first not delivered */
};

static bool matches(const struct way *way, const struct nc_event *event)
{
	const struct nc_names *strings = &way->checker->strings;
	if (way->sub->match == NC_NONE)
		return true;
	if (!way->sub->prefix)
		return event->stream == way->sub->match;
	return nc_slice_starts(nc_names_get(strings, event->stream),
	                       nc_names_get(strings, way->sub->match));
}

static bool due(const struct way *way, uint64_t pos)
{
	const struct nc_event *event = nc_truth_at(way->checker, pos);
	return event != NULL && pos >= way->sub->from && matches(way, event) &&
	       !way->delivered[pos];
}

/* The first of the event's key that was not delivered; 0: the event has no key. */
static uint64_t first_due(struct way *way, const struct nc_event *event)
{
	struct nc_checker *checker = way->checker;
	if (way->sub->global) {
		while (way->position < checker->events.count && !due(way, way->position))
			way->position++;
		return way->position;
	}
	if (!way->sub->by_stream)
		return 0;
	const struct nc_stream *stream = &checker->streams.at[event->stream];
	uint32_t *at = &way->expected[event->stream];
	while (*at < stream->at.count && !due(way, stream->at.at[*at]))
		++*at;
	return *at < stream->at.count ? stream->at.at[*at] : 0;
}

static void deliver(struct way *way, const struct nc_delivery *delivery)
{
	struct nc_checker *checker = way->checker;
	uint64_t pos = delivery->seen.pos;
	const struct nc_event *event = nc_truth_at(checker, pos);
	if (event == NULL || !nc_truth_same(event, &delivery->seen) || !matches(way, event)) {
		nc_fault(checker, NC_FAULT_SUB_EVENT, "line %" PRIu64 ": position %" PRIu64,
		         delivery->line, pos);
		return;
	}
	nc_truth_looked(checker, 0, delivery->at, delivery->line, pos, 0);
	if (delivery->at > way->acked[pos]) {
		nc_fault(checker, NC_FAULT_SUB_ACKED, "line %" PRIu64 ": position %" PRIu64,
		         delivery->line, pos);
	}
	if (way->delivered[pos])
		return;
	uint64_t first = first_due(way, event);
	if (first != 0 && first < pos && pos >= way->sub->from) {
		nc_fault(checker, NC_FAULT_SUB_ORDER,
		         "line %" PRIu64 ": position %" PRIu64 " before %" PRIu64, delivery->line,
		         pos, first);
	}
	way->delivered[pos] = true;
}

static void gaps_find(const struct way *way)
{
	for (uint64_t pos = way->sub->from;
	     pos <= way->sub->until && pos < way->checker->events.count; pos++) {
		if (due(way, pos)) {
			nc_fault(way->checker, NC_FAULT_SUB_GAP,
			         "position %" PRIu64 " (line %" PRIu64 ")", pos, way->sub->line);
		}
	}
}

static void walk(struct way *way)
{
	struct nc_checker *checker = way->checker;
	for (size_t i = 0; i < checker->events.count; i++)
		way->acked[i] = NC_NEVER;
	for (size_t i = 0; i < checker->deliveries.count; i++) {
		const struct nc_delivery *delivery = &checker->deliveries.at[i];
		if (delivery->sub != way->sub->name)
			continue;
		if (!delivery->ack) {
			deliver(way, delivery);
		} else if (nc_truth_at(checker, delivery->seen.pos) != NULL) {
			way->acked[delivery->seen.pos] = delivery->at;
		}
	}
	gaps_find(way);
}

int nc_judge_subs(struct nc_checker *checker)
{
	size_t positions = checker->events.count + 1, streams = checker->streams.count + 1;
	for (size_t i = 0; i < checker->subs.count; i++) {
		struct way way = { .checker = checker,
			           .sub = &checker->subs.at[i],
			           .delivered = calloc(positions, sizeof(bool)),
			           .acked = calloc(positions, sizeof(int64_t)),
			           .expected = calloc(streams, sizeof(uint32_t)),
			           .position = 1 };
		bool fine = way.delivered != NULL && way.acked != NULL && way.expected != NULL;
		if (fine)
			walk(&way);
		free(way.delivered);
		free(way.acked);
		free(way.expected);
		if (!fine)
			return NC_NOMEM;
	}
	return NC_OK;
}
