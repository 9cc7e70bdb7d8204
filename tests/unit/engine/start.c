/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where subscriptions start, at apply: what lies ahead is kept as a floor. */
#include "core/engine/subs.h"
#include "tests/unit/engine/store.h"

static struct store store;
static struct nc_buf scratch;

static void setup(void)
{
	store_open_newest(&store);
	APPEND(&store, .stream = "other");
	for (int i = 0; i < 3; i++) {
		store.time_ns += 1000;
		APPEND(&store, .stream = "in");
	}
}

static void teardown(void)
{
	nc_buf_release(&scratch);
	store_close(&store);
}

TestSuite(start, .init = setup, .fini = teardown);

static struct nc_sub_create of(enum nc_sub_start start, uint64_t value)
{
	return (struct nc_sub_create){ .start = start,
		                       .start_value = value,
		                       .stream = NC_SLICE("in"),
		                       .definition = NC_SLICE("one") };
}

static struct nc_outcome create(struct store *in, const char *name, struct nc_sub_create asked)
{
	struct nc_buf payload = { 0 };
	asked.name = nc_slice_str(name);
	nc_entry_begin(&payload, in->time_ns);
	nc_command_put_sub_create(&payload, &asked);
	struct nc_outcome outcome = store_apply(in, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	cr_expect_eq(outcome.fault.code, 0);
	return outcome;
}

static struct nc_sub_row row(struct store *in, const char *name)
{
	struct nc_sub_row found = { 0 };
	cr_assert_eq(nc_state_reader_begin(in->reader), NC_OK);
	cr_assert_eq(nc_sub_row_get(in->reader, nc_slice_str(name), &scratch, &found), NC_OK);
	nc_state_reader_end(in->reader);
	return found;
}

static void expect_place(const char *name, struct nc_sub_create asked, uint64_t cursor,
                         uint64_t version, uint64_t time_ns)
{
	struct nc_outcome outcome = create(&store, name, asked);
	struct nc_sub_row kept = row(&store, name);
	cr_expect_eq(kept.cursor, cursor, "%s: after %lu", name, (unsigned long)kept.cursor);
	cr_expect_eq(kept.floor.version, version, "%s", name);
	cr_expect_eq(kept.floor.time_ns, time_ns, "%s", name);
	cr_expect_eq(outcome.cursor, cursor);
	cr_expect(outcome.floor.version == version && outcome.floor.time_ns == time_ns);
	cr_expect(nc_slice_is(kept.definition, "one") && kept.backfill.size == 0);
}

Test(start, one_that_is_there_is_a_position_and_leaves_no_floor)
{
	expect_place("first", of(NC_SUB_START_FIRST, 0), 0, 0, 0);
	expect_place("new", of(NC_SUB_START_NEW, 0), 4, 0, 0);
	expect_place("version", of(NC_SUB_START_VERSION, 2), 2, 0, 0);
	expect_place("last", of(NC_SUB_START_VERSION, 3), 3, 0, 0);
	expect_place("time", of(NC_SUB_START_TIME, store.time_ns - 1999), 2, 0, 0);
	expect_place("now", of(NC_SUB_START_TIME, store.time_ns), 3, 0, 0);
	expect_place("position", of(NC_SUB_START_POSITION, 900), 899, 0, 0);
}

Test(start, a_version_ahead_of_its_stream_is_kept)
{
	expect_place("next", of(NC_SUB_START_VERSION, 4), 4, 4, 0);
	expect_place("far", of(NC_SUB_START_VERSION, UINT64_MAX), 4, UINT64_MAX, 0);
	struct nc_sub_create asked = of(NC_SUB_START_VERSION, 3);
	asked.stream = NC_SLICE("none yet");
	expect_place("none", asked, 0, 3, 0);
}

Test(start, a_time_that_has_not_come_is_kept)
{
	uint64_t later = store.time_ns + 1;
	expect_place("later", of(NC_SUB_START_TIME, later), 4, 0, later);
	expect_place("never", of(NC_SUB_START_TIME, UINT64_MAX), 4, 0, UINT64_MAX);
}

Test(start, the_same_once_more_answers_with_the_floor_of_the_first)
{
	(void)create(&store, "s", of(NC_SUB_START_VERSION, 5));
	APPEND(&store, .stream = "in");
	APPEND(&store, .stream = "in");
	struct nc_outcome again = create(&store, "s", of(NC_SUB_START_VERSION, 5));
	cr_expect(again.duplicate && again.cursor == 4 && again.floor.version == 5);
}

Test(start, a_reader_finds_the_same)
{
	struct nc_sub_place place;
	const struct nc_sub_create ahead = of(NC_SUB_START_VERSION, 5);
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	cr_expect_eq(nc_sub_start_resolve(store.reader, &ahead, &place), NC_OK);
	nc_state_reader_end(store.reader);
	cr_expect(place.cursor == 4 && place.floor.version == 5 && place.floor.time_ns == 0);
}

static struct nc_outcome seek(enum nc_sub_start start, uint64_t value, uint64_t epoch)
{
	struct nc_buf payload = { 0 };
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_sub_seek(&payload, &(struct nc_sub_seek){ .change = { .name = NC_SLICE("s"),
	                                                                     .epoch = epoch },
	                                                         .start = start,
	                                                         .start_value = value });
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	return outcome;
}

Test(start, a_seek_drops_the_floor_or_sets_another)
{
	uint64_t later = store.time_ns + 5;
	(void)create(&store, "s", of(NC_SUB_START_VERSION, 5));
	cr_expect_eq(seek(NC_SUB_START_TIME, later, 1).floor.time_ns, later);
	cr_expect_eq(row(&store, "s").floor.version, 0u);
	cr_expect_eq(row(&store, "s").floor.time_ns, later);
	cr_expect_eq(seek(NC_SUB_START_FIRST, 0, 2).fault.code, 0);
	cr_expect(row(&store, "s").floor.time_ns == 0 && row(&store, "s").cursor == 0);
}

static struct nc_outcome update(struct store *in, struct nc_sub_update asked, uint64_t epoch)
{
	struct nc_buf payload = { 0 };
	asked.change = (struct nc_sub_change){ .name = NC_SLICE("s"), .epoch = epoch };
	nc_entry_begin(&payload, in->time_ns);
	nc_command_put_sub_update(&payload, &asked);
	struct nc_outcome outcome = store_apply(in, nc_buf_slice(&payload));
	nc_buf_release(&payload);
	return outcome;
}

Test(start, an_update_keeps_the_floor_unless_it_begins_anew)
{
	(void)create(&store, "s", of(NC_SUB_START_VERSION, 5));
	struct nc_sub_update asked = { .definition = NC_SLICE("two") };
	cr_expect_eq(update(&store, asked, 1).floor.version, 5u);
	cr_expect(nc_slice_is(row(&store, "s").definition, "two"));
	cr_expect_eq(row(&store, "s").floor.version, 5u);
	asked.anew = true;
	asked.cursor = 2;
	asked.backfill = NC_SLICE("past");
	asked.floor = (struct nc_floor){ .time_ns = 77 };
	cr_expect_eq(update(&store, asked, 1).epoch, 2u);
	struct nc_sub_row kept = row(&store, "s");
	cr_expect(kept.floor.version == 0 && kept.floor.time_ns == 77 && kept.cursor == 2);
	cr_expect(nc_slice_is(kept.backfill, "past"), "both have room in a row");
	asked.floor = (struct nc_floor){ 0 };
	cr_expect_eq(update(&store, asked, 2).fault.code, 0);
	cr_expect(row(&store, "s").floor.time_ns == 0);
}

Test(start, below_the_version_that_brought_floors_a_start_ahead_means_what_it_did)
{
	struct store before;
	store_open(&before);
	store_raise(&before, NC_ENGINE_VERSION_FLOOR - 1);
	APPEND(&before, .stream = "in");
	struct nc_outcome outcome = create(&before, "s", of(NC_SUB_START_VERSION, 5));
	cr_expect(outcome.cursor == 1 && outcome.floor.version == 0);
	cr_expect_eq(row(&before, "s").floor.version, 0u, "as older builds have it");
	struct nc_sub_update asked = { .definition = NC_SLICE("two"),
		                       .anew = true,
		                       .floor = { .version = 9 } };
	cr_expect_eq(update(&before, asked, 1).fault.err_code, NC_FAULT_VERSION.err_code);
	cr_expect(nc_slice_is(row(&before, "s").definition, "one"), "nothing was written");
	store_raise(&before, NC_ENGINE_VERSION_FLOOR);
	cr_expect_eq(row(&before, "s").floor.version, 0u, "what is there stays as it is");
	cr_expect_eq(create(&before, "t", of(NC_SUB_START_VERSION, 5)).floor.version, 5u);
	store_close(&before);
}
