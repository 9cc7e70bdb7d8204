/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading, the contract of PROTOCOL.md section 6 as far as it is the engine's. */
#include <stdio.h>

#include "tests/unit/engine/store.h"

static struct store store;
enum { EVENTS = 60 };

/* Streams s0, s1, s2 in turn; types T0..T3; category is the whole name; time i seconds. */
static void setup(void)
{
	store_open(&store);
	for (unsigned i = 0; i < EVENTS; i++) {
		char stream[8], type[8];
		(void)snprintf(stream, sizeof stream, "s%u", i % 3);
		(void)snprintf(type, sizeof type, "T%u", i % 4);
		store.time_ns = (i + 1) * UINT64_C(1000000000);
		APPEND(&store, .stream = stream, .type = type,
		       .tags = { i % 5 == 0 ? "five" : NULL });
	}
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(query, .init = setup, .fini = teardown);

struct seen {
	uint64_t positions[EVENTS + 1], versions[EVENTS + 1];
	size_t count;
	struct nc_query_end end;
};

static void keep(void *ctx, const struct nc_event *event)
{
	struct seen *seen = ctx;
	cr_assert_lt(seen->count, (size_t)EVENTS + 1);
	seen->positions[seen->count] = event->position;
	seen->versions[seen->count++] = event->version;
}

static struct seen ask(struct nc_query_spec spec, size_t step)
{
	if (spec.limit == 0)
		spec.limit = NC_QUERY_LIMIT_DEFAULT;
	if (spec.size_max == 0)
		spec.size_max = NC_QUERY_BYTES_DEFAULT;
	struct seen seen = { 0 };
	struct nc_query *query = NULL;
	cr_assert_eq(nc_query_start(store.reader, &spec, &query), NC_OK);
	bool done = false;
	for (int i = 0; !done; i++) {
		cr_assert_lt(i, 1000);
		cr_assert_eq(nc_query_step(query, store.reader,
		                           (struct nc_query_portion){ step, 1 << 20 }, keep, &seen,
		                           &done),
		             NC_OK);
	}
	seen.end = nc_query_end(query);
	nc_query_free(query);
	return seen;
}

#define ASK(step, ...) ask((struct nc_query_spec){ __VA_ARGS__ }, (step))

Test(query, gives_a_stream_whole_in_order_whatever_the_step)
{
	for (size_t step = 1; step < 30; step++) {
		struct seen seen = ASK(step, .kind = NC_QUERY_STREAM, .key = NC_SLICE("s1"));
		cr_assert_eq(seen.count, 20u);
		for (size_t i = 0; i < seen.count; i++) {
			cr_expect_eq(seen.versions[i], i + 1);
			cr_expect_eq(seen.positions[i], i * 3 + 2);
		}
		cr_expect_eq(seen.end.head, 20u);
		cr_expect_eq(seen.end.next, 0u);
		cr_expect_eq(seen.end.pending, 0u);
	}
}

Test(query, pages_forward_and_backward_without_gap_or_double)
{
	for (int backward = 0; backward < 2; backward++) {
		for (unsigned kind = NC_QUERY_ALL; kind <= NC_QUERY_TAG; kind++) {
			static const struct nc_slice keys[] = { { 0 },
				                                NC_SLICE("s2"),
				                                NC_SLICE("T1"),
				                                NC_SLICE("s0"),
				                                NC_SLICE("five") };
			static const size_t sizes[] = { 60, 20, 15, 20, 12 };
			struct nc_query_spec spec = { .kind = (enum nc_query_kind)kind,
				                      .key = keys[kind],
				                      .backward = backward,
				                      .limit = 7 };
			size_t count = 0;
			uint64_t last = backward ? UINT64_MAX : 0;
			for (;;) {
				struct seen seen = ask(spec, 3);
				for (size_t i = 0; i < seen.count; i++, count++) {
					cr_assert(backward ? seen.positions[i] < last
					                   : seen.positions[i] > last);
					last = seen.positions[i];
				}
				if (seen.end.next == 0)
					break;
				cr_assert_eq(seen.count, 7u);
				spec.from_kind = NC_FROM_NUMBER;
				spec.from = seen.end.next;
			}
			cr_expect_eq(count, sizes[kind], "kind %u: %zu", kind, count);
		}
	}
}

Test(query, keeps_to_from_and_to)
{
	struct seen seen =
	        ASK(5, .kind = NC_QUERY_ALL, .from_kind = NC_FROM_NUMBER, .from = 10, .to = 14);
	cr_assert_eq(seen.count, 5u);
	cr_expect_eq(seen.positions[0], 10u);
	cr_expect_eq(seen.positions[4], 14u);
	seen = ASK(2, .kind = NC_QUERY_ALL, .from_kind = NC_FROM_NUMBER, .from = 14, .to = 10,
	           .backward = true);
	cr_assert_eq(seen.count, 5u);
	cr_expect_eq(seen.positions[0], 14u);
	cr_expect_eq(seen.positions[4], 10u);
	cr_expect_eq(seen.end.next, 0u);
}

Test(query, closes_at_once_when_there_is_nothing)
{
	struct seen seen = ASK(5, .kind = NC_QUERY_STREAM, .key = NC_SLICE("never"));
	cr_expect_eq(seen.count, 0u);
	cr_expect_eq(seen.end.head, 0u);
	seen = ASK(5, .kind = NC_QUERY_STREAM, .key = NC_SLICE("s0"), .from_kind = NC_FROM_NUMBER,
	           .from = 21);
	cr_expect_eq(seen.count, 0u);
	cr_expect_eq(seen.end.head, 20u);
	seen = ASK(5, .kind = NC_QUERY_TYPE, .key = NC_SLICE("never"));
	cr_expect_eq(seen.count, 0u);
	cr_expect_eq(seen.end.head, 60u);
	seen = ASK(5, .kind = NC_QUERY_ALL, .from_kind = NC_FROM_END);
	cr_expect_eq(seen.count, 0u);
}

Test(query, begins_at_a_time)
{
	struct seen seen = ASK(5, .kind = NC_QUERY_ALL, .from_kind = NC_FROM_TIME,
	                       .from = UINT64_C(58000000000));
	cr_assert_eq(seen.count, 3u);
	cr_expect_eq(seen.positions[0], 58u);
	seen = ASK(5, .kind = NC_QUERY_ALL, .from_kind = NC_FROM_TIME,
	           .from = UINT64_C(58000000001));
	cr_assert_eq(seen.count, 2u);
	seen = ASK(5, .kind = NC_QUERY_ALL, .from_kind = NC_FROM_TIME, .from = UINT64_C(3000000000),
	           .backward = true);
	cr_assert_eq(seen.count, 3u);
	cr_expect_eq(seen.positions[0], 3u);
	seen = ASK(5, .kind = NC_QUERY_STREAM, .key = NC_SLICE("s1"), .from_kind = NC_FROM_TIME,
	           .from = UINT64_C(54000000000));
	cr_assert_eq(seen.count, 2u); /* positions 56 and 59 */
	cr_expect_eq(seen.positions[0], 56u);
	seen = ASK(5, .kind = NC_QUERY_ALL, .from_kind = NC_FROM_TIME,
	           .from = UINT64_C(61000000000));
	cr_expect_eq(seen.count, 0u);
	seen = ASK(5, .kind = NC_QUERY_ALL, .from_kind = NC_FROM_TIME, .from = 1, .backward = true);
	cr_expect_eq(seen.count, 0u);
}

Test(query, gives_one_event_even_if_it_is_larger_than_asked)
{
	struct seen seen = ASK(50, .kind = NC_QUERY_ALL, .size_max = 1);
	cr_assert_eq(seen.count, 1u);
	cr_expect_eq(seen.end.next, 2u);
	cr_expect_eq(seen.end.pending, 59u);
	seen = ASK(50, .kind = NC_QUERY_TYPE, .key = NC_SLICE("T0"), .size_max = 1);
	cr_assert_eq(seen.count, 1u);
	cr_expect_eq(seen.end.next, 5u);
}

Test(query, does_not_run_after_a_store_that_grows)
{
	const struct nc_query_spec spec = { .kind = NC_QUERY_ALL,
		                            .limit = NC_QUERY_LIMIT_MAX,
		                            .size_max = NC_QUERY_BYTES_MAX };
	struct nc_query *query = NULL;
	cr_assert_eq(nc_query_start(store.reader, &spec, &query), NC_OK);
	APPEND(&store, .stream = "late");
	struct seen seen = { 0 };
	bool done = false;
	while (!done) {
		cr_assert_eq(nc_query_step(query, store.reader,
		                           (struct nc_query_portion){ 16, 1 << 20 }, keep, &seen,
		                           &done),
		             NC_OK);
	}
	cr_expect_eq(seen.count, 60u);
	nc_query_free(query);
}

static uint64_t get(struct nc_get_spec spec)
{
	struct seen seen = { 0 };
	int err = nc_query_get(store.reader, &spec, keep, &seen);
	cr_assert(err == NC_OK || err == NC_NOTFOUND);
	return err == NC_OK ? seen.positions[0] : 0;
}

#define GET(...) get((struct nc_get_spec){ .kind = __VA_ARGS__ })

Test(query, gets_one_event_by_each_of_its_names)
{
	APPEND(&store, .stream = "s0", .id = "twice");
	APPEND(&store, .stream = "s1", .id = "twice");
	cr_expect_eq(GET(NC_GET_POSITION, .number = 61), 61u);
	cr_expect_eq(GET(NC_GET_POSITION, .number = 63), 0u);
	cr_expect_eq(GET(NC_GET_VERSION, .stream = NC_SLICE("s1"), .number = 2), 5u);
	cr_expect_eq(GET(NC_GET_VERSION, .stream = NC_SLICE("s1"), .number = 99), 0u);
	cr_expect_eq(GET(NC_GET_STREAM_ID, .stream = NC_SLICE("s1"), .id = NC_SLICE("twice")), 62u);
	cr_expect_eq(GET(NC_GET_STREAM_ID, .stream = NC_SLICE("s2"), .id = NC_SLICE("twice")), 0u);
	cr_expect_eq(GET(NC_GET_ID, .id = NC_SLICE("twice")), 61u);
	cr_expect_eq(GET(NC_GET_ID, .id = NC_SLICE("never")), 0u);
	char made[NC_EVENT_ID_MADE_SIZE + 1];
	nc_event_id_make(UINT64_C(7000000000), 7, made);
	cr_expect_eq(GET(NC_GET_ID, .id = nc_slice_str(made)), 7u);
	nc_event_id_make(UINT64_C(7000000001), 7, made);
	cr_expect_eq(GET(NC_GET_ID, .id = nc_slice_str(made)), 0u,
	             "claims a position, is not its id");
}

/* ---- Where not all are wanted --------------------------------------------------------------- */

/* Wants positions that a number divides. */
static int divided(void *ctx, const struct nc_event *events, size_t count, uint64_t *wanted_out)
{
	const uint64_t *by = ctx;
	for (size_t i = 0; i < count; i++) {
		if (events[i].position % *by == 0)
			wanted_out[i / 64] |= UINT64_C(1) << i % 64;
	}
	return NC_OK;
}

/* Page through with a limit of two, by `next`; gives how many came. */
static size_t count_wanted(struct nc_query_spec spec, size_t step)
{
	size_t got = 0;
	spec.limit = 2;
	for (int pages = 0;; pages++) {
		cr_assert_lt(pages, 60);
		struct seen seen = ask(spec, step);
		cr_assert_leq(seen.count, 2u);
		cr_assert_eq(seen.end.pending_known, seen.end.next == 0);
		for (size_t i = 0; i < seen.count; i++)
			cr_assert_eq(seen.positions[i] % 7, 0u);
		got += seen.count;
		if (seen.end.next == 0)
			return got;
		spec.from = seen.end.next;
		spec.from_kind = NC_FROM_NUMBER;
	}
}

Test(query, gives_only_what_is_wanted_and_counts_only_that)
{
	uint64_t by = 7;
	struct nc_query_spec spec = { .key = NC_SLICE("s1"), .wanted = divided, .wanted_ctx = &by };
	for (size_t step = 1; step < 70; step += 17) {
		for (int backward = 0; backward < 2; backward++) {
			spec.backward = backward;
			spec.kind = NC_QUERY_ALL; /* 7, 14 ... 56 */
			cr_assert_eq(count_wanted(spec, step), 8u);
			spec.kind = NC_QUERY_STREAM; /* 2, 5, 8 ...: 14, 35 and 56 */
			cr_assert_eq(count_wanted(spec, step), 3u);
		}
	}
}

static int no_answer(void *ctx, const struct nc_event *events, size_t count, uint64_t *wanted_out)
{
	(void)ctx, (void)events, (void)count, (void)wanted_out;
	return NC_IO;
}

Test(query, ends_with_the_error_of_who_says_what_is_wanted)
{
	const struct nc_query_spec spec = {
		.kind = NC_QUERY_ALL, .limit = 10, .size_max = 1 << 20, .wanted = no_answer
	};
	struct nc_query *query = NULL;
	struct seen seen = { 0 };
	bool done;
	cr_assert_eq(nc_query_start(store.reader, &spec, &query), NC_OK);
	cr_assert_eq(nc_query_step(query, store.reader, (struct nc_query_portion){ 10, 1 << 20 },
	                           keep, &seen, &done),
	             NC_IO);
	cr_assert_eq(seen.count, 0u);
	nc_query_free(query);
}

Test(query, cut_says_where_to_go_on)
{
	uint64_t by = 1000;
	const struct nc_query_spec spec = { .kind = NC_QUERY_ALL,
		                            .limit = 10,
		                            .size_max = 1 << 20,
		                            .wanted = divided,
		                            .wanted_ctx = &by };
	struct nc_query *query = NULL;
	struct seen seen = { 0 };
	bool done;
	cr_assert_eq(nc_query_start(store.reader, &spec, &query), NC_OK);
	cr_assert_eq(nc_query_step(query, store.reader, (struct nc_query_portion){ 13, 1 << 20 },
	                           keep, &seen, &done),
	             NC_OK);
	cr_assert_not(done);
	cr_assert_eq(nc_query_looked(query), 13u);
	nc_query_cut(query);
	cr_assert_eq(nc_query_end(query).next, 14u);
	nc_query_free(query);
}
