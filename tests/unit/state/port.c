/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/engine/state.h as a contract: compiled against each twin that fills it (twin.h). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/state/twin.h"

static struct nc_state *state;
static struct nc_state_reader *reader;
static uint64_t raft_index;

static void setup(void)
{
	cr_assert_eq(twin_open(&state), NC_OK);
	cr_assert_eq(nc_state_reader_open(state, &reader), NC_OK);
}

static void teardown(void)
{
	nc_state_reader_close(reader);
	nc_state_close(state);
	twin_remove();
}

TestSuite(state, .init = setup, .fini = teardown);

static void begin(void)
{
	cr_assert_eq(nc_state_begin(state), NC_OK);
}

static void commit(void)
{
	struct nc_state_applied applied = { ++raft_index, 7 };
	cr_assert_eq(nc_state_commit(state, applied), NC_OK);
}

static void put(enum nc_space space, const char *key, const char *value)
{
	cr_assert_eq(nc_state_put(state, space, nc_slice_str(key), nc_slice_str(value)), NC_OK);
}

/* Event `position`, of stream 1 + position % 3, with tags 1 and 2 + position % 2, an id "e<n>". */
static void event(uint64_t position, uint64_t version)
{
	char id[32];
	char row[64];
	snprintf(id, sizeof id, "e%llu", (unsigned long long)position);
	snprintf(row, sizeof row, "row %llu", (unsigned long long)position);
	uint64_t tags[2] = { 1, 2 + position % 2 };
	struct nc_event_keys keys = {
		.stream_id = 1 + position % 3,
		.version = version,
		.type_id = 1 + position % 2,
		.category_id = 1,
		.tag_ids = tags,
		.tag_count = 2,
		.id = nc_slice_str(id),
		.digest = { (uint8_t)position },
	};
	cr_assert_eq(nc_state_event_put(state, position, nc_slice_str(row), &keys), NC_OK);
}

/* `count` events after position `last`, `each` a commit. */
static void events_add(uint64_t last, uint64_t count, uint64_t each)
{
	for (uint64_t i = 1; i <= count; i++) {
		if ((i - 1) % each == 0)
			begin();
		event(last + i, 1 + (last + i) / 3);
		if (i % each == 0 || i == count)
			commit();
	}
}

/* What a scan gave, as text: "a=1 b=2 ". */
struct seen {
	char text[4096];
	size_t size;
	size_t stop_after;
	size_t count;
};

static bool see(struct seen *seen, const char *entry)
{
	seen->size += (size_t)snprintf(seen->text + seen->size, sizeof seen->text - seen->size,
	                               "%s ", entry);
	cr_assert_lt(seen->size, sizeof seen->text);
	return ++seen->count != seen->stop_after;
}

static bool see_pair(void *ctx, struct nc_slice key, struct nc_slice value)
{
	char entry[256];
	snprintf(entry, sizeof entry, "%.*s=%.*s", (int)key.size, (const char *)key.data,
	         (int)value.size, (const char *)value.data);
	return see(ctx, entry);
}

static bool see_event(void *ctx, uint64_t position, struct nc_slice row)
{
	char want[64];
	snprintf(want, sizeof want, "row %llu", (unsigned long long)position);
	cr_expect(nc_slice_is(row, want), "position %llu has the row of another",
	          (unsigned long long)position);
	snprintf(want, sizeof want, "%llu", (unsigned long long)position);
	return see(ctx, want);
}

static bool see_index(void *ctx, uint64_t ordinal, uint64_t position)
{
	char entry[64];
	snprintf(entry, sizeof entry, "%llu@%llu", (unsigned long long)ordinal,
	         (unsigned long long)position);
	return see(ctx, entry);
}

static bool see_id(void *ctx, const struct nc_id_row *row)
{
	char entry[96];
	snprintf(entry, sizeof entry, "s%llu:%llu@%llu/%u", (unsigned long long)row->stream_id,
	         (unsigned long long)row->version, (unsigned long long)row->position,
	         row->digest[0]);
	return see(ctx, entry);
}

#define EXPECT_SCAN(r, space, from, backward, stop, want)                                       \
	do {                                                                                    \
		struct seen seen = { .stop_after = (stop) };                                    \
		cr_expect_eq(                                                                   \
		        nc_state_scan(r, space, nc_slice_str(from), backward, see_pair, &seen), \
		        NC_OK);                                                                 \
		cr_expect_str_eq(seen.text, want);                                              \
	} while (0)

#define EXPECT_EVENTS(r, from, backward, stop, want)                                       \
	do {                                                                               \
		struct seen seen = { .stop_after = (stop) };                               \
		cr_expect_eq(nc_state_events(r, from, backward, see_event, &seen), NC_OK); \
		cr_expect_str_eq(seen.text, want);                                         \
	} while (0)

#define EXPECT_INDEX(r, index, id, from, backward, stop, want)                  \
	do {                                                                    \
		struct seen seen = { .stop_after = (stop) };                    \
		struct nc_index_walk walk = { index, id, from, backward };      \
		cr_expect_eq(nc_state_index(r, walk, see_index, &seen), NC_OK); \
		cr_expect_str_eq(seen.text, want);                              \
	} while (0)

#define EXPECT_IDS(r, id, want)                                                           \
	do {                                                                              \
		struct seen seen = { 0 };                                                 \
		cr_expect_eq(nc_state_ids(r, nc_slice_str(id), 0, see_id, &seen), NC_OK); \
		cr_expect_str_eq(seen.text, want);                                        \
	} while (0)

static void read_begin(void)
{
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
}

static void expect_get(struct nc_state_reader *r, enum nc_space space, const char *key,
                       const char *want)
{
	struct nc_buf buf = { 0 };
	int err = nc_state_get(r, space, nc_slice_str(key), &buf);
	if (want == NULL) {
		cr_expect_eq(err, NC_NOTFOUND, "%s is there", key);
	} else {
		cr_expect_eq(err, NC_OK, "%s: %s", key, nc_err_name(err));
		cr_expect(nc_slice_is(nc_buf_slice(&buf), want), "another value of %s", key);
	}
	nc_buf_release(&buf);
}

Test(state, is_empty_at_first)
{
	cr_expect_eq(nc_state_applied(state).index, 0u);
	read_begin();
	EXPECT_SCAN(reader, NC_SPACE_META, "", false, 0, "");
	EXPECT_SCAN(reader, NC_SPACE_META, "", true, 0, "");
	EXPECT_EVENTS(reader, 0, false, 0, "");
	EXPECT_EVENTS(reader, UINT64_MAX, true, 0, "");
	EXPECT_INDEX(reader, NC_INDEX_TYPE, 1, 0, false, 0, "");
	EXPECT_IDS(reader, "e1", "");
	expect_get(reader, NC_SPACE_STREAMS, "a", NULL);
	nc_state_reader_end(reader);
}

Test(state, scans_a_space_both_ways_from_anywhere)
{
	begin();
	put(NC_SPACE_STREAMS, "b", "2");
	put(NC_SPACE_STREAMS, "bb", "3");
	put(NC_SPACE_STREAMS, "a", "1");
	put(NC_SPACE_STREAMS, "d", "");
	put(NC_SPACE_META, "z", "other");
	put(NC_SPACE_NAMES, "a", "other");
	commit();
	read_begin();
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "", false, 0, "a=1 b=2 bb=3 d= ");
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "", true, 0, "d= bb=3 b=2 a=1 ");
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "b", false, 0, "b=2 bb=3 d= ");
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "b", true, 0, "b=2 a=1 ");
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "c", false, 0, "d= ");
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "c", true, 0, "bb=3 b=2 a=1 ");
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "e", false, 0, "");
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "A", true, 0, "");
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "", false, 2, "a=1 b=2 ");
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "", true, 1, "d= ");
	nc_state_reader_end(reader);
}

Test(state, holds_bytes_of_every_kind_in_keys_and_values)
{
	uint8_t key[NC_STATE_KEY_SIZE_MAX];
	uint8_t value[100000];
	memset(key, 0xff, sizeof key);
	for (size_t i = 0; i < sizeof value; i++)
		value[i] = (uint8_t)(i * 7);
	begin();
	cr_assert_eq(nc_state_put(state, NC_SPACE_PARKED, nc_slice(key, sizeof key),
	                          nc_slice(value, sizeof value)),
	             NC_OK);
	cr_assert_eq(nc_state_put(state, NC_SPACE_PARKED, nc_slice("\0\0", 2), nc_slice("\0", 1)),
	             NC_OK);
	commit();
	read_begin();
	struct nc_buf buf = { 0 };
	nc_buf_put_u8(&buf, '!');
	cr_assert_eq(nc_state_get(reader, NC_SPACE_PARKED, nc_slice(key, sizeof key), &buf), NC_OK);
	cr_expect_eq(buf.size, 1 + sizeof value, "a value is appended");
	cr_expect_eq(memcmp(buf.data + 1, value, sizeof value), 0);
	nc_buf_clear(&buf);
	cr_assert_eq(nc_state_get(reader, NC_SPACE_PARKED, nc_slice("\0\0", 2), &buf), NC_OK);
	cr_expect_eq(buf.size, 1u);
	nc_buf_release(&buf);
	nc_state_reader_end(reader);
}

Test(state, replaces_and_deletes)
{
	begin();
	put(NC_SPACE_SUBS, "a", "1");
	put(NC_SPACE_SUBS, "b", "1");
	put(NC_SPACE_SUBS, "a", "2");
	commit();
	begin();
	cr_expect_eq(nc_state_del(state, NC_SPACE_SUBS, nc_slice_str("b")), NC_OK);
	cr_expect_eq(nc_state_del(state, NC_SPACE_SUBS, nc_slice_str("nobody")), NC_OK);
	commit();
	read_begin();
	EXPECT_SCAN(reader, NC_SPACE_SUBS, "", false, 0, "a=2 ");
	expect_get(reader, NC_SPACE_SUBS, "b", NULL);
	nc_state_reader_end(reader);
}

Test(state, applied_goes_with_the_commit)
{
	begin();
	put(NC_SPACE_META, "a", "1");
	nc_state_rollback(state);
	cr_expect_eq(nc_state_applied(state).index, 0u);
	begin();
	cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ 40, 3 }), NC_OK);
	cr_expect_eq(nc_state_applied(state).index, 40u);
	cr_expect_eq(nc_state_applied(state).term, 3u);
}

Test(state, reads_events_both_ways)
{
	events_add(0, 20, 3);
	read_begin();
	EXPECT_EVENTS(reader, 0, false, 3, "1 2 3 ");
	EXPECT_EVENTS(reader, 5, false, 3, "5 6 7 ");
	EXPECT_EVENTS(reader, 19, false, 0, "19 20 ");
	EXPECT_EVENTS(reader, 21, false, 0, "");
	EXPECT_EVENTS(reader, UINT64_MAX, false, 0, "");
	EXPECT_EVENTS(reader, UINT64_MAX, true, 3, "20 19 18 ");
	EXPECT_EVENTS(reader, 3, true, 0, "3 2 1 ");
	EXPECT_EVENTS(reader, 0, true, 0, "");
	struct nc_buf row = { 0 };
	cr_expect_eq(nc_state_event_get(reader, 20, &row), NC_OK);
	cr_expect(nc_slice_is(nc_buf_slice(&row), "row 20"));
	cr_expect_eq(nc_state_event_get(reader, 21, &row), NC_NOTFOUND);
	cr_expect_eq(nc_state_event_get(reader, 0, &row), NC_NOTFOUND);
	nc_buf_release(&row);
	nc_state_reader_end(reader);
}

Test(state, reads_indexes_both_ways_over_memory_and_tables)
{
	events_add(0, 40, 3);
	read_begin();
	EXPECT_INDEX(reader, NC_INDEX_STREAM, 1, 0, false, 0,
	             "2@3 3@6 4@9 5@12 6@15 7@18 8@21 9@24 10@27 11@30 12@33 13@36 14@39 ");
	EXPECT_INDEX(reader, NC_INDEX_STREAM, 1, UINT64_MAX, true, 0,
	             "14@39 13@36 12@33 11@30 10@27 9@24 8@21 7@18 6@15 5@12 4@9 3@6 2@3 ");
	EXPECT_INDEX(reader, NC_INDEX_STREAM, 2, 12, false, 0, "12@34 13@37 14@40 ");
	EXPECT_INDEX(reader, NC_INDEX_STREAM, 2, 3, true, 0, "3@7 2@4 1@1 ");
	EXPECT_INDEX(reader, NC_INDEX_STREAM, 4, 0, false, 0, "");
	EXPECT_INDEX(reader, NC_INDEX_TYPE, 2, 30, false, 0, "31@31 33@33 35@35 37@37 39@39 ");
	EXPECT_INDEX(reader, NC_INDEX_TYPE, 2, 8, true, 0, "7@7 5@5 3@3 1@1 ");
	EXPECT_INDEX(reader, NC_INDEX_CATEGORY, 1, 1, false, 4, "1@1 2@2 3@3 4@4 ");
	EXPECT_INDEX(reader, NC_INDEX_CATEGORY, 1, UINT64_MAX, true, 4, "40@40 39@39 38@38 37@37 ");
	EXPECT_INDEX(reader, NC_INDEX_TAG, 1, 38, false, 0, "38@38 39@39 40@40 ");
	EXPECT_INDEX(reader, NC_INDEX_TAG, 3, 36, false, 0, "37@37 39@39 ");
	EXPECT_INDEX(reader, NC_INDEX_TAG, 4, 0, false, 0, "");
	nc_state_reader_end(reader);
}

static void expect_count(enum nc_index index, uint64_t id, uint64_t want)
{
	uint64_t count = UINT64_MAX;
	cr_expect_eq(nc_state_count(reader, index, id, &count), NC_OK);
	cr_expect_eq(count, want, "index %d, id %llu: %llu", (int)index, (unsigned long long)id,
	             (unsigned long long)count);
}

Test(state, counts_entries_over_memory_and_tables)
{
	events_add(0, 41, 3);
	read_begin();
	events_add(41, 20, 3);
	expect_count(NC_INDEX_TYPE, 1, 20);
	expect_count(NC_INDEX_TYPE, 2, 21);
	expect_count(NC_INDEX_TYPE, 3, 0);
	expect_count(NC_INDEX_CATEGORY, 1, 41);
	nc_state_reader_end(reader);
	read_begin();
	expect_count(NC_INDEX_TYPE, 2, 31);
	expect_count(NC_INDEX_CATEGORY, 1, 61);
	nc_state_reader_end(reader);
}

Test(state, finds_event_ids_wherever_they_are)
{
	events_add(0, 40, 3);
	read_begin();
	EXPECT_IDS(reader, "e1", "s2:1@1/1 ");
	EXPECT_IDS(reader, "e10", "s2:4@10/10 ");
	EXPECT_IDS(reader, "e40", "s2:14@40/40 ");
	EXPECT_IDS(reader, "e", "");
	EXPECT_IDS(reader, "e41", "");
	nc_state_reader_end(reader);
}

Test(state, keeps_one_id_in_several_streams_apart)
{
	for (uint64_t i = 1; i <= 30; i++) {
		struct nc_event_keys keys = { .stream_id = i,
			                      .version = 1,
			                      .type_id = 1,
			                      .category_id = 1,
			                      .id = NC_SLICE("same") };
		begin();
		cr_assert_eq(nc_state_event_put(state, i, NC_SLICE("row"), &keys), NC_OK);
		commit();
	}
	read_begin();
	struct seen seen = { 0 };
	cr_expect_eq(nc_state_ids(reader, NC_SLICE("same"), 0, see_id, &seen), NC_OK);
	cr_expect_eq(seen.count, 30u);
	seen = (struct seen){ .stop_after = 2 };
	cr_expect_eq(nc_state_ids(reader, NC_SLICE("same"), 0, see_id, &seen), NC_OK);
	cr_expect_eq(seen.count, 2u);
	for (uint64_t i = 1; i <= 31; i++) { /* held back or in the tables */
		seen = (struct seen){ 0 };
		cr_expect_eq(nc_state_ids(reader, NC_SLICE("same"), i, see_id, &seen), NC_OK);
		cr_expect_eq(seen.count, i <= 30 ? 1u : 0u, "stream %lu", i);
		cr_expect_eq(nc_state_ids(reader, NC_SLICE("sam"), i, see_id, &seen), NC_OK);
		cr_expect_eq(nc_state_ids(reader, NC_SLICE("same "), i, see_id, &seen), NC_OK);
		cr_expect_leq(seen.count, 1u, "another id's");
	}
	nc_state_reader_end(reader);
}

/* Reads of every kind, while a scan goes on and what it gave is in use. */
static void read_all(void)
{
	struct nc_buf value = { 0 };
	const struct nc_index_walk walk = { .index = NC_INDEX_STREAM, .id = 2, .from = 1 };
	EXPECT_SCAN(reader, NC_SPACE_STREAMS, "", true, 0, "c=3 b=2 a=1 ");
	EXPECT_SCAN(reader, NC_SPACE_SUBS, "y", false, 0, "y=2 z=3 ");
	EXPECT_EVENTS(reader, 18, true, 3, "18 17 16 ");
	struct seen seen = { .stop_after = 2 };
	cr_expect_eq(nc_state_index(reader, walk, see_index, &seen), NC_OK);
	cr_expect_str_eq(seen.text, "1@1 2@4 ");
	seen = (struct seen){ 0 };
	cr_expect_eq(nc_state_ids(reader, NC_SLICE("e19"), 0, see_id, &seen), NC_OK);
	cr_expect_str_eq(seen.text, "s2:7@19/19 ");
	cr_expect_eq(nc_state_get(reader, NC_SPACE_STREAMS, NC_SLICE("c"), &value), NC_OK);
	cr_expect_eq(nc_state_event_get(reader, 12, &value), NC_OK);
	cr_expect(nc_slice_is(nc_buf_slice(&value), "3row 12"));
	nc_buf_release(&value);
}

static bool read_in_pair(void *ctx, struct nc_slice key, struct nc_slice value)
{
	read_all();
	return see_pair(ctx, key, value);
}

static bool read_in_event(void *ctx, uint64_t position, struct nc_slice row)
{
	read_all();
	return see_event(ctx, position, row);
}

static bool read_in_index(void *ctx, uint64_t ordinal, uint64_t position)
{
	read_all();
	return see_index(ctx, ordinal, position);
}

Test(state, is_read_within_a_scan_as_well)
{
	const struct nc_index_walk walk = { .index = NC_INDEX_STREAM, .id = 2, .from = 4 };
	struct seen seen = { 0 };
	events_add(0, 20, 3);
	begin();
	put(NC_SPACE_STREAMS, "a", "1");
	put(NC_SPACE_STREAMS, "b", "2");
	put(NC_SPACE_STREAMS, "c", "3");
	put(NC_SPACE_SUBS, "x", "1");
	put(NC_SPACE_SUBS, "y", "2");
	put(NC_SPACE_SUBS, "z", "3");
	commit();
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	cr_expect_eq(nc_state_scan(reader, NC_SPACE_STREAMS, NC_SLICE(""), NC_FORWARD, read_in_pair,
	                           &seen),
	             NC_OK);
	cr_expect_str_eq(seen.text, "a=1 b=2 c=3 ");
	seen = (struct seen){ 0 };
	cr_expect_eq(
	        nc_state_scan(reader, NC_SPACE_SUBS, NC_SLICE(""), NC_FORWARD, read_in_pair, &seen),
	        NC_OK);
	cr_expect_str_eq(seen.text, "x=1 y=2 z=3 ");
	seen = (struct seen){ .stop_after = 5 };
	cr_expect_eq(nc_state_events(reader, 9, NC_FORWARD, read_in_event, &seen), NC_OK);
	cr_expect_str_eq(seen.text, "9 10 11 12 13 ");
	seen = (struct seen){ 0 };
	cr_expect_eq(nc_state_index(reader, walk, read_in_index, &seen), NC_OK);
	cr_expect_str_eq(seen.text, "4@10 5@13 6@16 7@19 ");
	nc_state_reader_end(reader);
}

Test(state, an_event_without_an_id_has_no_row)
{
	struct nc_event_keys keys = {
		.stream_id = 1, .version = 1, .type_id = 1, .category_id = 1
	};
	begin();
	cr_assert_eq(nc_state_event_put(state, 1, NC_SLICE("row 1"), &keys), NC_OK);
	commit();
	read_begin();
	EXPECT_IDS(reader, "", "");
	EXPECT_INDEX(reader, NC_INDEX_STREAM, 1, 0, false, 0, "1@1 ");
	nc_state_reader_end(reader);
}

Test(state, the_applier_sees_its_own_writes)
{
	events_add(0, 10, 10);
	begin();
	put(NC_SPACE_STREAMS, "a", "1");
	for (uint64_t position = 11; position <= 30; position++)
		event(position, 1 + position / 3);
	struct nc_state_reader *own = nc_state_writer(state);
	expect_get(own, NC_SPACE_STREAMS, "a", "1");
	EXPECT_EVENTS(own, UINT64_MAX, true, 2, "30 29 ");
	EXPECT_INDEX(own, NC_INDEX_STREAM, 1, 8, false, 0, "8@21 9@24 10@27 11@30 ");
	EXPECT_INDEX(own, NC_INDEX_STREAM, 1, 11, true, 3, "11@30 10@27 9@24 ");
	EXPECT_INDEX(own, NC_INDEX_TYPE, 1, 26, false, 0, "26@26 28@28 30@30 ");
	EXPECT_IDS(own, "e30", "s1:11@30/30 ");
	EXPECT_IDS(own, "e5", "s3:2@5/5 ");
	cr_expect_eq(nc_state_del(state, NC_SPACE_STREAMS, nc_slice_str("a")), NC_OK);
	expect_get(own, NC_SPACE_STREAMS, "a", NULL);
	commit();
}

Test(state, a_rollback_leaves_nothing)
{
	events_add(0, 10, 3);
	begin();
	put(NC_SPACE_STREAMS, "a", "1");
	event(11, 4);
	event(12, 5);
	nc_state_rollback(state);
	read_begin();
	expect_get(reader, NC_SPACE_STREAMS, "a", NULL);
	EXPECT_EVENTS(reader, 10, false, 0, "10 ");
	EXPECT_INDEX(reader, NC_INDEX_STREAM, 3, 3, false, 0, "3@8 ");
	EXPECT_INDEX(reader, NC_INDEX_TAG, 1, 10, false, 0, "10@10 ");
	EXPECT_IDS(reader, "e11", "");
	nc_state_reader_end(reader);
	events_add(10, 10, 4);
	read_begin();
	EXPECT_INDEX(reader, NC_INDEX_STREAM, 3, 3, false, 0, "3@8 4@11 5@14 6@17 7@20 ");
	EXPECT_IDS(reader, "e11", "s3:4@11/11 ");
	nc_state_reader_end(reader);
}

Test(state, a_reader_does_not_see_what_is_not_committed)
{
	begin();
	put(NC_SPACE_STREAMS, "a", "1");
	event(1, 1);
	read_begin();
	expect_get(reader, NC_SPACE_STREAMS, "a", NULL);
	EXPECT_EVENTS(reader, 0, false, 0, "");
	EXPECT_INDEX(reader, NC_INDEX_CATEGORY, 1, 0, false, 0, "");
	EXPECT_IDS(reader, "e1", "");
	commit();
	expect_get(reader, NC_SPACE_STREAMS, "a", NULL);
	nc_state_reader_end(reader);
	read_begin();
	expect_get(reader, NC_SPACE_STREAMS, "a", "1");
	EXPECT_IDS(reader, "e1", "s2:1@1/1 ");
	nc_state_reader_end(reader);
}

Test(state, a_readers_view_is_frozen_while_the_applier_goes_on)
{
	events_add(0, 10, 3);
	begin();
	put(NC_SPACE_STREAMS, "a", "1");
	commit();
	read_begin();
	for (uint64_t last = 10; last < 40; last += 3) {
		events_add(last, 3, 2);
		begin();
		put(NC_SPACE_STREAMS, "a", "2");
		commit();
		EXPECT_EVENTS(reader, 9, false, 0, "9 10 ");
		EXPECT_INDEX(reader, NC_INDEX_STREAM, 2, 0, false, 0, "1@1 2@4 3@7 4@10 ");
		EXPECT_INDEX(reader, NC_INDEX_CATEGORY, 1, UINT64_MAX, true, 2, "10@10 9@9 ");
		EXPECT_IDS(reader, "e11", "");
		EXPECT_IDS(reader, "e10", "s2:4@10/10 ");
		expect_get(reader, NC_SPACE_STREAMS, "a", "1");
	}
	nc_state_reader_end(reader);
	read_begin();
	EXPECT_EVENTS(reader, 39, false, 0, "39 40 ");
	EXPECT_INDEX(reader, NC_INDEX_STREAM, 2, 12, false, 0, "12@34 13@37 14@40 ");
	expect_get(reader, NC_SPACE_STREAMS, "a", "2");
	nc_state_reader_end(reader);
}

Test(state, deleted_events_leave_gaps)
{
	events_add(0, 20, 3);
	begin();
	cr_expect_eq(nc_state_event_del(state, 4, 17), NC_OK);
	cr_expect_eq(nc_state_event_del(state, 4, 17), NC_OK, "deleting what is not there is fine");
	EXPECT_EVENTS(nc_state_writer(state), 3, false, 0, "3 18 19 20 ");
	commit();
	begin();
	cr_expect_eq(nc_state_event_del(state, 20, 30), NC_OK);
	commit();
	read_begin();
	EXPECT_EVENTS(reader, 0, false, 0, "1 2 3 18 19 ");
	EXPECT_EVENTS(reader, UINT64_MAX, true, 0, "19 18 3 2 1 ");
	EXPECT_EVENTS(reader, 10, true, 0, "3 2 1 ");
	EXPECT_EVENTS(reader, 10, false, 0, "18 19 ");
	struct nc_buf row = { 0 };
	cr_expect_eq(nc_state_event_get(reader, 10, &row), NC_NOTFOUND);
	nc_buf_release(&row);
	EXPECT_IDS(reader, "e10", "s2:4@10/10 ");
	nc_state_reader_end(reader);
}

Test(state, positions_may_leave_gaps)
{
	begin();
	event(5, 1);
	event(9000, 2);
	commit();
	begin();
	event(1000000000, 3);
	commit();
	read_begin();
	EXPECT_EVENTS(reader, 0, false, 0, "5 9000 1000000000 ");
	EXPECT_EVENTS(reader, 999999999, true, 0, "9000 5 ");
	EXPECT_EVENTS(reader, 6, false, 1, "9000 ");
	EXPECT_EVENTS(reader, 6, true, 0, "5 ");
	nc_state_reader_end(reader);
}

Test(state, a_checkpoint_covers_what_is_applied_once_it_is_indexed)
{
	events_add(0, 20, 3);
	struct nc_state_applied covered = { 99, 99 };
	cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
	cr_expect_leq(covered.index, nc_state_applied(state).index);
	cr_expect_gt(nc_state_size(state), 0u);
}

Test(state, closing_nothing_is_fine)
{
	nc_state_close(NULL);
	nc_state_reader_close(NULL);
}
