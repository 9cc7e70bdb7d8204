/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers: alone as in a batch, today as tomorrow, on one thread as on four, and as hinted. */
#include <pthread.h>
#include <stdlib.h>

#include "plugins/check/check_private.h"

#define THREADS       4
#define THREAD_ROUNDS 20

void check_singles(struct check *check)
{
	for (size_t i = 0; i < check->filter_count; i++) {
		struct check_filter *filter = &check->filters[i];
		for (size_t k = 0; k < check->event_count; k++) {
			uint64_t one = 0;
			CHECK(check->plugin->match(filter->compiled, &check->events[k], 1, &one) >=
			              0,
			      "match %s: no answer for event %zu", filter->source, k);
			CHECK(one <= 1, "match %s: bits behind the last event", filter->source);
			filter->matched[k / 64] |= one << k % 64;
		}
	}
}

/* What an event is in a batch of so many, it is alone. */
static void check_same(const struct check_filter *filter, size_t event, bool together, size_t count)
{
	bool alone = check_bit(filter->matched, event);
	CHECK(alone == together, "match %s: event %zu is %s alone and %s in a batch of %zu",
	      filter->source, event, alone ? "matched" : "not matched",
	      together ? "matched" : "not matched", count);
}

enum order { IN_ORDER, BACKWARDS };

/* A batch that begins at `from`. */
static void check_batch(const struct check *check, const struct check_filter *filter, size_t from,
                        size_t count, enum order order)
{
	const nacre_filter_event *events[EVENTS_MAX] = { NULL };
	uint64_t matched[WORDS + 1] = { 0 };
	for (size_t i = 0; i < count; i++)
		events[i] = check->events[order == BACKWARDS ? from + count - 1 - i : from + i];
	CHECK(check->plugin->match(filter->compiled, events, count, matched) >= 0,
	      "match %s: no answer for a batch of %zu", filter->source, count);
	for (size_t i = 0; i < count; i++) {
		size_t event = order == BACKWARDS ? from + count - 1 - i : from + i;
		check_same(filter, event, check_bit(matched, i), count);
	}
	for (size_t i = count; i < EVENTS_MAX + 64; i++) {
		CHECK(!check_bit(matched, i), "match %s: a bit behind the %zu events",
		      filter->source, count);
	}
}

void check_batches(struct check *check)
{
	static const size_t sizes[] = { 0, 1, 2, 63, 64, 65, 127, 128, 300 };
	for (size_t i = 0; i < check->filter_count; i++) {
		const struct check_filter *filter = &check->filters[i];
		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
			check_batch(check, filter, check->event_count - sizes[k], sizes[k],
			            IN_ORDER);
			check_batch(check, filter, 0, sizes[k], BACKWARDS);
		}
		check_batch(check, filter, 0, check->event_count, IN_ORDER);
		check_batch(check, filter, 0, check->event_count, BACKWARDS);
	}
}

static void *thread_main(void *ctx)
{
	const struct check *check = ctx;
	for (int i = 0; i < THREAD_ROUNDS; i++) {
		for (size_t k = 0; k < check->filter_count; k++)
			check_batch(check, &check->filters[k], 0, check->event_count, IN_ORDER);
	}
	return NULL;
}

void check_threads(struct check *check)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, thread_main, check) == 0, "no threads");
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
}

/* ---- Hints ---------------------------------------------------------------------------------- */

/* What hints() emitted, applied at once: one bit an event that is covered. */
struct hint_work {
	const struct check *check;
	const char *source;
	size_t count;
	uint64_t covered[WORDS];
};

static bool part_holds(unsigned kind, nacre_filter_slice want, nacre_filter_slice have)
{
	if (kind == NACRE_FILTER_ANY)
		return true;
	bool fits = kind == NACRE_FILTER_EXACT ? want.size == have.size : want.size <= have.size;
	return fits && (want.size == 0 || memcmp(want.data, have.data, want.size) == 0);
}

static bool tag_holds(unsigned kind, nacre_filter_slice want, const nacre_filter_event *event)
{
	if (kind == NACRE_FILTER_ANY)
		return true;
	for (uint64_t i = 0; i < event->tag_count; i++) {
		if (part_holds(kind, want, event->tags[i]))
			return true;
	}
	return false;
}

static void hint_take(void *emit_ctx, const nacre_filter_hint *hint)
{
	struct hint_work *work = emit_ctx;
	work->count++;
	CHECK(hint->struct_size >= sizeof *hint, "hints %s: struct_size %u is below that of 1.0",
	      work->source, hint->struct_size);
	CHECK(hint->stream_kind <= NACRE_FILTER_PREFIX && hint->type_kind <= NACRE_FILTER_PREFIX &&
	              hint->tag_kind <= NACRE_FILTER_PREFIX,
	      "hints %s: a kind that 1.%u does not know", work->source, NACRE_FILTER_ABI_MINOR);
	CHECK(hint->flags == 0, "hints %s: flags are not 0", work->source);
	for (size_t i = 0; i < work->check->event_count; i++) {
		const nacre_filter_event *event = work->check->events[i];
		if (part_holds(hint->stream_kind, hint->stream, event->stream) &&
		    part_holds(hint->type_kind, hint->type, event->type) &&
		    tag_holds(hint->tag_kind, hint->tag, event))
			work->covered[i / 64] |= 1ull << i % 64;
	}
}

static void check_covered(const struct check_filter *filter, const struct hint_work *work,
                          bool full)
{
	for (size_t k = 0; k < work->check->event_count; k++) {
		bool matched = check_bit(filter->matched, k);
		bool covered = check_bit(work->covered, k);
		CHECK(covered || !matched, "hints %s: event %zu matches and is not hinted at",
		      filter->source, k);
		CHECK(!full || covered == matched,
		      "hints %s: FULL, and event %zu is hinted at and does not match",
		      filter->source, k);
	}
}

void check_hints(struct check *check)
{
	if (check->plugin->hints == NULL)
		return;
	for (size_t i = 0; i < check->filter_count; i++) {
		const struct check_filter *filter = &check->filters[i];
		struct hint_work work = { .check = check, .source = filter->source };
		int answer = check->plugin->hints(filter->compiled, hint_take, &work);
		CHECK(answer >= 0, "hints %s: %d", filter->source, answer);
		bool full = answer == NACRE_FILTER_HINTS_FULL;
		/* A filter that hints at nothing is to be asked about every event. */
		if (work.count > 0 || full)
			check_covered(filter, &work, full);
	}
}
