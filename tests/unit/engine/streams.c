/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at streams: one, and many in the order of their names. */
#include <stdio.h>

#include "core/engine/streams.h"
#include "tests/unit/engine/store.h"

static struct store store;

static void setup(void)
{
	store_open(&store);
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(streams, .init = setup, .fini = teardown);

/* Rows as deletions and the system will write them. */
static void put(const char *name, enum nc_stream_state state)
{
	struct nc_buf scratch = { 0 };
	const struct nc_stream stream = { .state = state,
		                          .id = 1000,
		                          .category_id = 1,
		                          .head = 7,
		                          .first = 3,
		                          .created_ns = 1,
		                          .last_ns = 2,
		                          .events = 5,
		                          .bytes = 50 };
	cr_assert_eq(nc_state_begin(store.state), NC_OK);
	cr_assert_eq(nc_stream_put(store.state, nc_slice_str(name), &scratch, &stream), NC_OK);
	cr_assert_eq(nc_state_commit(store.state, (struct nc_state_applied){ ++store.index, 1 }),
	             NC_OK);
	nc_buf_release(&scratch);
}

Test(streams, one_is_shown_as_its_events_made_it)
{
	struct nc_stream stream;
	store.time_ns = 5000000000;
	APPEND(&store, .stream = "orders.1", .data = "12345");
	store.time_ns = 7000000000;
	APPEND(&store, .stream = "orders.1", .data = "678");
	cr_assert_eq(nc_streams_get(store.reader, NC_SLICE("orders.1"), &stream), NC_OK);
	cr_expect_eq(stream.state, NC_STREAM_LIVE);
	cr_expect_eq(stream.head, 2u);
	cr_expect_eq(stream.first, 1u);
	cr_expect_eq(stream.created_ns, 5000000000u);
	cr_expect_eq(stream.last_ns, 7000000000u);
	cr_expect_eq(stream.events, 2u);
	cr_expect_eq(stream.bytes, 8u);
	cr_expect_eq(nc_streams_get(store.reader, NC_SLICE("orders"), &stream), NC_NOTFOUND);
}

Test(streams, of_one_that_is_deleted_no_event_is_seen)
{
	struct nc_stream stream;
	const enum nc_stream_state states[] = { NC_STREAM_DELETED, NC_STREAM_TOMBSTONED };
	for (size_t i = 0; i < 2; i++) {
		put("gone", states[i]);
		cr_assert_eq(nc_streams_get(store.reader, NC_SLICE("gone"), &stream), NC_OK);
		cr_expect_eq(stream.state, states[i]);
		cr_expect_eq(stream.head, 7u);
		cr_expect_eq(stream.first, 8u);
		cr_expect_eq(stream.events, 0u);
		cr_expect_eq(stream.bytes, 0u);
	}
}

struct seen {
	char text[4096];
	unsigned room; /* of the page; 0: without end */
	unsigned count;
};

static bool see(void *ctx, struct nc_slice name, const struct nc_stream *stream)
{
	struct seen *seen = ctx;
	cr_expect_eq(stream->state, NC_STREAM_LIVE);
	if (seen->room != 0 && seen->count == seen->room)
		return false;
	size_t used = strlen(seen->text);
	(void)snprintf(seen->text + used, sizeof seen->text - used, "%.*s ", (int)name.size,
	               (const char *)name.data);
	seen->count++;
	return true;
}

static void expect_page(struct nc_streams_spec spec, unsigned room, const char *want,
                        const char *want_next)
{
	struct nc_buf next = { 0 };
	struct seen seen = { .room = room };
	if (spec.limit == 0)
		spec.limit = NC_STREAMS_LIMIT_DEFAULT;
	cr_assert_eq(nc_streams_list(store.reader, &spec, see, &seen, &next), NC_OK);
	cr_expect_str_eq(seen.text, want, "'%s', not '%s'", seen.text, want);
	cr_expect(nc_slice_is(nc_buf_slice(&next), want_next), "next '%.*s', not '%s'",
	          (int)next.size, (const char *)next.data, want_next);
	nc_buf_release(&next);
}

#define PAGE(...) ((struct nc_streams_spec){ __VA_ARGS__ })

static void some_streams(void)
{
	const char *names[] = { "b", "a.2", "a", "a.10", "B", "a\xc3\xa9", "a.1", "!x" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		APPEND(&store, .stream = names[i]);
	put("$system.1", NC_STREAM_LIVE);
	put("a.11", NC_STREAM_DELETED);
	put("c", NC_STREAM_TOMBSTONED);
}

Test(streams, are_listed_in_bytewise_order_of_their_names)
{
	expect_page(PAGE(0), 0, "", "");
	some_streams();
	expect_page(PAGE(0), 0, "!x B a a.1 a.10 a.2 a\xc3\xa9 b ", "");
	expect_page(PAGE(.prefix = NC_SLICE("a")), 0, "a a.1 a.10 a.2 a\xc3\xa9 ", "");
	expect_page(PAGE(.prefix = NC_SLICE("a.")), 0, "a.1 a.10 a.2 ", "");
	expect_page(PAGE(.prefix = NC_SLICE("a.1")), 0, "a.1 a.10 ", "");
	expect_page(PAGE(.prefix = NC_SLICE("a.3")), 0, "", "");
	expect_page(PAGE(.prefix = NC_SLICE("c")), 0, "", "");
	expect_page(PAGE(.prefix = NC_SLICE("zz")), 0, "", "");
	expect_page(PAGE(.prefix = NC_SLICE("$")), 0, "$system.1 ", "");
}

Test(streams, are_listed_from_behind_any_name)
{
	some_streams();
	expect_page(PAGE(.after = NC_SLICE("a.2")), 0, "a\xc3\xa9 b ", "");
	expect_page(PAGE(.after = NC_SLICE("a.11")), 0, "a.2 a\xc3\xa9 b ", "");
	expect_page(PAGE(.after = NC_SLICE("a.15"), .prefix = NC_SLICE("a.")), 0, "a.2 ", "");
	expect_page(PAGE(.after = NC_SLICE("B"), .prefix = NC_SLICE("a.")), 0, "a.1 a.10 a.2 ", "");
	expect_page(PAGE(.after = NC_SLICE("b"), .prefix = NC_SLICE("a.")), 0, "", "");
	expect_page(PAGE(.after = NC_SLICE("b")), 0, "", "");
}

Test(streams, a_page_says_where_the_next_one_begins)
{
	some_streams();
	expect_page(PAGE(.limit = 3), 0, "!x B a ", "a");
	expect_page(PAGE(.limit = 3, .after = NC_SLICE("a")), 0, "a.1 a.10 a.2 ", "a.2");
	expect_page(PAGE(.limit = 3, .after = NC_SLICE("a.2")), 0, "a\xc3\xa9 b ", "");
	expect_page(PAGE(.limit = 2, .after = NC_SLICE("a.2")), 0, "a\xc3\xa9 b ", "");
	expect_page(PAGE(.limit = 3, .prefix = NC_SLICE("a.")), 0, "a.1 a.10 a.2 ", "");
	expect_page(PAGE(.limit = 2, .prefix = NC_SLICE("a.")), 0, "a.1 a.10 ", "a.11");
	expect_page(PAGE(0), 5, "!x B a a.1 a.10 ", "a.11");
}

Test(streams, a_page_looks_at_so_many_rows_and_no_more)
{
	struct nc_buf scratch = { 0 };
	const struct nc_stream gone = { .state = NC_STREAM_TOMBSTONED, .id = 1, .head = 1 };
	cr_assert_eq(nc_state_begin(store.state), NC_OK);
	for (unsigned i = 0; i <= NC_STREAMS_LOOK_MAX; i++) {
		char name[16];
		(void)snprintf(name, sizeof name, "gone.%05u", i);
		cr_assert_eq(nc_stream_put(store.state, nc_slice_str(name), &scratch, &gone),
		             NC_OK);
	}
	cr_assert_eq(nc_state_commit(store.state, (struct nc_state_applied){ ++store.index, 1 }),
	             NC_OK);
	nc_buf_release(&scratch);
	APPEND(&store, .stream = "h");
	expect_page(PAGE(0), 0, "", "gone.19999");
	expect_page(PAGE(.after = NC_SLICE("gone.19999")), 0, "h ", "");
}

Test(streams, a_row_that_cannot_be_read_is_an_error)
{
	struct nc_stream stream;
	struct nc_buf next = { 0 };
	struct seen seen = { 0 };
	const struct nc_streams_spec spec = { .limit = 10 };
	cr_assert_eq(nc_state_begin(store.state), NC_OK);
	cr_assert_eq(nc_state_put(store.state, NC_SPACE_STREAMS, NC_SLICE("x"), NC_SLICE("\x01?")),
	             NC_OK);
	cr_assert_eq(nc_state_commit(store.state, (struct nc_state_applied){ 1, 1 }), NC_OK);
	cr_expect_eq(nc_streams_get(store.reader, NC_SLICE("x"), &stream), NC_CORRUPT);
	cr_expect_eq(nc_streams_list(store.reader, &spec, see, &seen, &next), NC_CORRUPT);
	nc_buf_release(&next);
}
