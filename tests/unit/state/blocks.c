/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events, many to a row: as bytes; and read, scanned and deleted wherever a row may end. */
#include <criterion/criterion.h>

#include "storage/state/event_block_private.h"
#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/rows.h"
#include "tests/unit/state/support.h"

static uint8_t many[1u << 17]; /* 1, 2, 3, … */

static struct nc_slice some(size_t size, size_t from)
{
	for (size_t i = 0; many[1] == 0 && i < sizeof many; i++)
		many[i] = (uint8_t)(i % 251 + 1);
	return nc_slice(many + from, size);
}

/* ---- As bytes ------------------------------------------------------------------------------- */

static void round_trip(const size_t *sizes, size_t count, uint64_t first)
{
	struct nc_block_maker maker = { 0 };
	struct nc_buf value = { 0 };
	struct nc_block block;
	for (size_t i = 0; i < count; i++) {
		cr_assert(nc_block_takes(&maker, first + i, some(sizes[i], i)));
		nc_block_add(&maker, first + i, some(sizes[i], i));
	}
	cr_assert_eq(nc_block_put(&maker, &value), NC_OK);
	uint64_t last = first + count - 1;
	cr_assert_eq(nc_block_last(&maker), last);
	cr_assert_eq(nc_block_get(nc_buf_slice(&value), last, &block), NC_OK);
	cr_expect_eq(block.first, first);
	cr_expect_eq(block.last, last);
	for (size_t i = 0; i < count; i++)
		cr_expect(nc_slice_eq(nc_block_row(&block, first + i), some(sizes[i], i)));
	nc_buf_release(&value);
	nc_buf_release(&maker.rows);
}

Test(blocks, come_back_as_they_were)
{
	static const size_t mixed[] = { 100, 0, 1, 4000, 0, 0, 4091 };
	size_t ones[NC_BLOCK_EVENTS_MAX];
	for (size_t i = 0; i < NC_BLOCK_EVENTS_MAX; i++)
		ones[i] = 1;
	round_trip((size_t[]){ 1 }, 1, 1);
	round_trip((size_t[]){ 100000 }, 1, 77);
	round_trip(mixed, sizeof mixed / sizeof *mixed, UINT64_C(1) << 40);
	round_trip(ones, NC_BLOCK_EVENTS_MAX, 1);
}

Test(blocks, take_what_follows_while_there_is_room)
{
	struct nc_block_maker maker = { 0 };
	cr_expect(nc_block_takes(&maker, 5, some(100000, 0)), "the first, whatever its size");
	nc_block_add(&maker, 5, some(100000, 0));
	cr_expect_not(nc_block_takes(&maker, 6, some(1, 0)), "none beside a large one");
	nc_block_clear(&maker);
	nc_block_add(&maker, 5, some(8000, 0));
	cr_expect_not(nc_block_takes(&maker, 7, some(1, 0)), "behind a gap");
	cr_expect(nc_block_takes(&maker, 6, some(192, 0)));
	cr_expect_not(nc_block_takes(&maker, 6, some(193, 0)));
	nc_block_clear(&maker);
	for (uint64_t i = 0; i < NC_BLOCK_EVENTS_MAX; i++)
		nc_block_add(&maker, 1 + i, some(1, 0));
	cr_expect_not(nc_block_takes(&maker, 1 + NC_BLOCK_EVENTS_MAX, some(1, 0)));
	nc_buf_release(&maker.rows);
}

static int get(const char *bytes, size_t size, uint64_t last)
{
	struct nc_block block;
	return nc_block_get(nc_slice(bytes, size), last, &block);
}

Test(blocks, that_are_spoilt_are_corrupt)
{
	cr_expect_eq(get("\x01x", 2, 1), NC_OK);
	cr_expect_eq(get("\x02\x01\0\x02\0xy", 7, 9), NC_OK);
	cr_expect_eq(get("", 0, 9), NC_CORRUPT, "nothing");
	cr_expect_eq(get("\x01", 1, 9), NC_CORRUPT, "no row");
	cr_expect_eq(get("\0x", 2, 9), NC_CORRUPT, "of no event");
	cr_expect_eq(get("\x02\x01\0\x02\0xy", 7, 1), NC_CORRUPT, "from a position below 1");
	cr_expect_eq(get("\x02\x01\0\x02", 4, 9), NC_CORRUPT, "half an end");
	cr_expect_eq(get("\x02\x01\0\x02\0x", 6, 9), NC_CORRUPT, "half the rows");
	cr_expect_eq(get("\x02\x01\0\x02\0xyz", 8, 9), NC_CORRUPT, "more than the rows");
	cr_expect_eq(get("\x02\x03\0\x02\0xy", 7, 9), NC_CORRUPT, "an end before its row");
	char long_one[1 + 2 * 129 + 1] = { (char)129 };
	cr_expect_eq(get(long_one, sizeof long_one, 200), NC_CORRUPT, "one too many");
}

/* ---- In the table --------------------------------------------------------------------------- */

enum { LAST = 700 };

static struct nc_state *state;
static struct nc_state_reader *reader;
static size_t have[LAST + 1]; /* bytes of each position's row; 0: none */

static void open_it(void)
{
	const struct nc_wt_state_options options = {
		.cache_mb = 32, .held_events = 100, .keys = row_keys, .message = message
	};
	cr_assert_eq(nc_wt_state_open(directory, &options, &state), NC_OK);
	cr_assert_eq(nc_state_reader_open(state, &reader), NC_OK);
}

static void close_it(void)
{
	nc_state_reader_close(reader);
	nc_state_close(state);
}

static void put(uint64_t position, size_t size)
{
	struct nc_buf row = { 0 };
	struct nc_event_keys keys = {
		.stream_id = 1, .version = position, .type_id = 1, .category_id = 1
	};
	row_write(&row, &keys, size);
	cr_assert_eq(nc_state_event_put(state, position, nc_buf_slice(&row), &keys), NC_OK);
	have[position] = row.size;
	nc_buf_release(&row);
}

/* Transactions of one event and of many, small rows and large ones, and positions left out. */
static void fill(uint64_t from, uint64_t to)
{
	static const size_t sizes[] = { 0, 0, 300,  0,     8192, 0,    8193,
		                        0, 0, 2000, 70000, 0,    4000, 4100 };
	uint64_t position = from;
	while (position <= to) {
		uint64_t count = position % 7 == 0 ? 1 : position % 5 == 0 ? 150 : 13;
		cr_assert_eq(nc_state_begin(state), NC_OK);
		for (uint64_t i = 0; i < count && position <= to; i++, position++) {
			if (position % 31 != 0)
				put(position, sizes[position % (sizeof sizes / sizeof *sizes)]);
		}
		cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ position, 1 }),
		             NC_OK);
	}
}

static void del(uint64_t from, uint64_t to)
{
	cr_assert_eq(nc_state_event_del(state, from, to), NC_OK);
	for (uint64_t position = from; position <= to && position <= LAST; position++)
		have[position] = 0;
}

struct seen {
	uint64_t next; /* position that comes next, if it is there */
	bool backward;
	uint64_t left;
};

static void expect_row(uint64_t position, struct nc_slice row)
{
	uint64_t tags[NC_STATE_TAG_COUNT_MAX];
	struct nc_event_keys keys;
	cr_assert_eq(row.size, have[position]);
	cr_assert_eq(row_keys(row, tags, &keys), NC_OK);
	cr_assert_eq(keys.version, position, "the row of another event");
}

static void skip(struct seen *seen)
{
	while (seen->next >= 1 && seen->next <= LAST && have[seen->next] == 0)
		seen->next += seen->backward ? UINT64_MAX : 1;
}

static bool on_event(void *ctx, uint64_t position, struct nc_slice row)
{
	struct seen *seen = ctx;
	skip(seen);
	cr_assert_eq(position, seen->next);
	expect_row(position, row);
	seen->next += seen->backward ? UINT64_MAX : 1;
	return --seen->left > 0;
}

static void scan(struct nc_state_reader *by, uint64_t from, bool backward, uint64_t limit)
{
	struct seen seen = { .next = from, .backward = backward, .left = limit };
	cr_assert_eq(nc_state_events(by, from, backward, on_event, &seen), NC_OK);
	skip(&seen);
	cr_assert(seen.left == 0 || seen.next == 0 || seen.next == LAST + 1, "ended at %llu",
	          (unsigned long long)seen.next);
}

/* All that is asked for is there, and nothing else. */
static void look(struct nc_state_reader *by)
{
	struct nc_buf row = { 0 };
	for (uint64_t i = 0; i <= 2 * (LAST + 1); i++) { /* in order, then to and fro */
		uint64_t position = i <= LAST ? i : i * 353 % (LAST + 1);
		nc_buf_clear(&row);
		int err = nc_state_event_get(by, position, &row);
		cr_assert_eq(err, have[position] == 0 ? NC_NOTFOUND : NC_OK, "%llu",
		             (unsigned long long)position);
		if (err == NC_OK)
			expect_row(position, nc_buf_slice(&row));
	}
	for (uint64_t from = 1; from <= LAST; from++) {
		scan(by, from, false, from % 50 == 0 ? LAST + 1 : 40);
		scan(by, from, true, from % 50 == 0 ? LAST + 1 : 40);
	}
	nc_buf_release(&row);
}

static void look_now(void)
{
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	look(reader);
	nc_state_reader_end(reader);
}

TestSuite(blocks_of_events, .init = directory_begin, .fini = directory_remove, .timeout = 120);

Test(blocks_of_events, are_read_from_every_place_both_ways)
{
	open_it();
	fill(1, 500);
	look_now();
	close_it();
	open_it();
	look_now();
	fill(501, LAST);
	look_now();
	close_it();
}

Test(blocks_of_events, the_applier_sees_what_it_has_just_put)
{
	open_it();
	fill(1, 600);
	cr_assert_eq(nc_state_begin(state), NC_OK);
	for (uint64_t position = 601; position <= 640; position++)
		put(position, 0);
	look(nc_state_writer(state));
	for (uint64_t position = 641; position <= LAST; position++)
		put(position, 0);
	look(nc_state_writer(state));
	nc_state_rollback(state);
	memset(have + 601, 0, (LAST - 600) * sizeof *have);
	look_now();
	fill(601, LAST);
	look_now();
	close_it();
}

Test(blocks_of_events, lose_what_is_deleted_and_nothing_else)
{
	open_it();
	fill(1, LAST);
	cr_assert_eq(nc_state_begin(state), NC_OK);
	del(1, 1);
	del(20, 20);   /* within one */
	del(100, 260); /* over many */
	del(250, 275); /* of which some are gone already */
	del(400, 400);
	del(401, 401);
	del(LAST, LAST + 5);
	look(nc_state_writer(state));
	cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ 10000, 1 }), NC_OK);
	look_now();
	close_it();
	open_it();
	look_now();
	cr_assert_eq(nc_state_begin(state), NC_OK);
	del(2, 600);
	cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ 10001, 1 }), NC_OK);
	look_now();
	cr_expect_str_eq(messages, "");
	close_it();
}
