/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Index entries, many to a row: as bytes, and walked from every place in both directions. */
#include <criterion/criterion.h>

#include "storage/state/memory_state.h"
#include "storage/state/postings_private.h"
#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/rows.h"

enum { EVENTS = 1000, STREAMS = 3, HELD = 400 };

static void round_trip(enum nc_index index, const struct nc_held_entry *entries, size_t count)
{
	struct nc_buf value = { 0 };
	struct nc_held_entry back[NC_POSTINGS_MAX];
	size_t back_count = 0;
	nc_postings_put(&value, index, entries, count);
	cr_assert_eq(nc_buf_status(&value), NC_OK);
	cr_assert_eq(
	        nc_postings_get(nc_buf_slice(&value), index, entries[0].ordinal, back, &back_count),
	        NC_OK);
	cr_assert_eq(back_count, count);
	for (size_t i = 0; i < count; i++) {
		cr_expect_eq(back[i].ordinal, entries[i].ordinal);
		cr_expect_eq(back[i].position, entries[i].position);
	}
	nc_buf_release(&value);
}

Test(postings, come_back_as_they_were)
{
	struct nc_held_entry entries[NC_POSTINGS_MAX];
	for (uint64_t i = 0; i < NC_POSTINGS_MAX; i++)
		entries[i] = (struct nc_held_entry){ 5 + i * i, 5 + i * i };
	round_trip(NC_INDEX_TYPE, entries, 1);
	round_trip(NC_INDEX_TAG, entries, NC_POSTINGS_MAX);
	for (uint64_t i = 0; i < NC_POSTINGS_MAX; i++)
		entries[i].position = 1000000 + i * 77777;
	round_trip(NC_INDEX_STREAM, entries, 1);
	round_trip(NC_INDEX_STREAM, entries, NC_POSTINGS_MAX);
}

static int get(const char *bytes, size_t size, enum nc_index index)
{
	struct nc_held_entry entries[NC_POSTINGS_MAX];
	size_t count = 0;
	return nc_postings_get(nc_slice(bytes, size), index, 7, entries, &count);
}

Test(postings, that_are_spoilt_are_corrupt)
{
	char many[2 * NC_POSTINGS_MAX + 2];
	memset(many, 1, sizeof many);
	cr_expect_eq(get("", 0, NC_INDEX_TYPE), NC_OK, "one entry, in the key");
	cr_expect_eq(get("", 0, NC_INDEX_STREAM), NC_CORRUPT, "no position");
	cr_expect_eq(get("\x05\x01", 2, NC_INDEX_STREAM), NC_CORRUPT, "half an entry");
	cr_expect_eq(get("\x80", 1, NC_INDEX_TYPE), NC_CORRUPT, "half a number");
	cr_expect_eq(get("\x00", 1, NC_INDEX_TYPE), NC_CORRUPT, "the same entry twice");
	cr_expect_eq(get("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, NC_INDEX_TYPE), NC_CORRUPT,
	             "round the end");
	cr_expect_eq(get(many, NC_POSTINGS_MAX - 1, NC_INDEX_TYPE), NC_OK);
	cr_expect_eq(get(many, NC_POSTINGS_MAX, NC_INDEX_TYPE), NC_CORRUPT, "one too many");
	cr_expect_eq(get(many, 2 * NC_POSTINGS_MAX - 1, NC_INDEX_STREAM), NC_OK);
	cr_expect_eq(get(many, 2 * NC_POSTINGS_MAX + 1, NC_INDEX_STREAM), NC_CORRUPT);
}

/* Stream 1 gets most of the events, so that its entries take many rows. */
static void fill(struct nc_state *state)
{
	struct nc_buf row = { 0 };
	uint64_t versions[STREAMS + 1] = { 0 };
	for (uint64_t position = 1; position <= EVENTS; position++) {
		uint64_t stream = position % 10 == 0 ? 2 : position % 97 == 0 ? 3 : 1;
		struct nc_event_keys keys = { .stream_id = stream,
			                      .version = ++versions[stream],
			                      .type_id = 1,
			                      .category_id = 1 + position % 2 };
		nc_buf_clear(&row);
		row_write(&row, &keys, 0);
		cr_assert_eq(nc_state_begin(state), NC_OK);
		cr_assert_eq(nc_state_event_put(state, position, nc_buf_slice(&row), &keys), NC_OK);
		cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ position, 1 }),
		             NC_OK);
	}
	nc_buf_release(&row);
}

struct walk {
	uint64_t count, sum;
};

static bool on_entry(void *ctx, uint64_t ordinal, uint64_t position)
{
	struct walk *walk = ctx;
	walk->count++;
	walk->sum = walk->sum * 31 + ordinal * 7 + position;
	return walk->count < 200; /* over more than one row */
}

static struct walk walk(struct nc_state_reader *reader, enum nc_index index, uint64_t id,
                        uint64_t from, bool backward)
{
	struct walk walk = { 0 };
	cr_assert_eq(nc_state_index(reader, (struct nc_index_walk){ index, id, from, backward },
	                            on_entry, &walk),
	             NC_OK);
	return walk;
}

static void compare(struct nc_state_reader *a, struct nc_state_reader *b, enum nc_index index,
                    uint64_t id)
{
	for (uint64_t from = 0; from <= EVENTS + 2; from++) {
		for (int backward = 0; backward < 2; backward++) {
			struct walk want = walk(a, index, id, from, backward != 0);
			struct walk have = walk(b, index, id, from, backward != 0);
			cr_assert(
			        want.count == have.count && want.sum == have.sum,
			        "index %d, id %llu, from %llu, backward %d: %llu entries, not %llu",
			        (int)index, (unsigned long long)id, (unsigned long long)from,
			        backward, (unsigned long long)have.count,
			        (unsigned long long)want.count);
		}
	}
}

Test(postings, are_walked_from_every_place_both_ways, .timeout = 60)
{
	static const struct {
		enum nc_index index;
		uint64_t id;
	} all[] = { { NC_INDEX_STREAM, 1 },   { NC_INDEX_STREAM, 2 },   { NC_INDEX_STREAM, 3 },
		    { NC_INDEX_STREAM, 4 },   { NC_INDEX_TYPE, 1 },     { NC_INDEX_TYPE, 2 },
		    { NC_INDEX_CATEGORY, 1 }, { NC_INDEX_CATEGORY, 2 }, { NC_INDEX_TAG, 1 } };
	const struct nc_wt_state_options options = { .cache_mb = 32,
		                                     .held_events = HELD,
		                                     .keys = row_keys };
	struct nc_state *memory, *tables;
	struct nc_state_reader *want, *have;
	const char *directory = directory_make();
	cr_assert_not_null(directory);
	cr_assert_eq(nc_memory_state_open(&memory), NC_OK);
	cr_assert_eq(nc_wt_state_open(directory, &options, &tables), NC_OK);
	fill(memory);
	fill(tables);
	cr_assert_eq(nc_state_reader_open(memory, &want), NC_OK);
	cr_assert_eq(nc_state_reader_open(tables, &have), NC_OK);
	cr_assert_eq(nc_state_reader_begin(want), NC_OK);
	cr_assert_eq(nc_state_reader_begin(have), NC_OK);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		compare(want, have, all[i].index, all[i].id);
	nc_state_reader_end(have);
	nc_state_reader_end(want);
	nc_state_reader_close(have);
	nc_state_reader_close(want);
	nc_state_close(tables);
	nc_state_close(memory);
	directory_remove();
}
