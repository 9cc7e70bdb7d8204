/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lives of a stream that is deleted and appended to again: told apart whatever the leader's clock
 * does. */
#include "core/engine/snap.h"
#include "core/engine/streams.h"
#include "tests/unit/engine/store.h"

static struct store store;

static void setup(void)
{
	store_open_newest(&store);
}

static void teardown(void)
{
	store_close(&store);
}

TestSuite(lives, .init = setup, .fini = teardown);

static void delete_in(struct store *in)
{
	struct nc_buf payload = { 0 };
	const struct nc_stream_change change = { .stream = NC_SLICE("s") };
	nc_entry_begin(&payload, in->time_ns);
	nc_command_put_stream(&payload, NC_COMMAND_STREAM_DELETE, &change);
	cr_assert_eq(store_apply(in, nc_buf_slice(&payload)).fault.code, 0);
	nc_buf_release(&payload);
}

static struct nc_stream info(const char *name)
{
	struct nc_stream stream;
	cr_assert_eq(nc_streams_get(store.reader, nc_slice_str(name), &stream), NC_OK);
	return stream;
}

static struct nc_outcome put_snapshot(uint64_t version)
{
	struct nc_buf record = { 0 }, payload = { 0 };
	const struct nc_snap snap = { .version = version,
		                      .stream = NC_SLICE("s"),
		                      .data = NC_SLICE("of a life") };
	nc_snap_record_put(&record, &snap);
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_snap(&payload, 0, nc_buf_slice(&record));
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	nc_buf_release(&record);
	nc_buf_release(&payload);
	return outcome;
}

static int newest_snapshot(void)
{
	struct nc_buf scratch = { 0 };
	struct nc_snap snap = { 0 };
	const struct nc_snap_spec spec = { .stream = NC_SLICE("s"), .which = NC_SNAP_NEWEST };
	cr_assert_eq(nc_state_reader_begin(store.reader), NC_OK);
	int err = nc_snap_find(store.reader, &spec, &scratch, &snap);
	nc_state_reader_end(store.reader);
	nc_buf_release(&scratch);
	return err == NC_OK ? (int)snap.version : err;
}

Test(lives, are_told_apart_where_the_clock_stands_still_or_goes_back)
{
	for (uint64_t life = 1; life <= 4; life++) {
		cr_assert_eq(APPEND(&store, .stream = "s").version, life);
		cr_expect_eq(newest_snapshot(), NC_NOTFOUND, "life %d sees one of before",
		             (int)life);
		cr_assert_eq(put_snapshot(life).fault.code, 0);
		cr_expect_eq(newest_snapshot(), (int)life);
		delete_in(&store);
		store.time_ns -= life > 2;
	}
}

Test(lives, the_first_event_of_a_next_life_is_later_and_a_batch_of_one_time)
{
	struct nc_buf record = { 0 }, events = { 0 }, payload = { 0 };
	uint64_t before_ns = APPEND(&store, .stream = "s").time_ns;
	delete_in(&store);
	const char *names[] = { "t", "s", "u" };
	for (size_t i = 0; i < 3; i++) {
		const struct nc_event event = { .stream = nc_slice_str(names[i]),
			                        .type = NC_SLICE("T"),
			                        .data = NC_SLICE("{}") };
		nc_buf_clear(&record);
		nc_event_record_put(&record, &event);
		nc_batch_event_put(&events,
		                   &(struct nc_batch_event){ .record = nc_buf_slice(&record) });
	}
	const struct nc_batch batch = { .event_count = 3, .events = nc_buf_slice(&events) };
	nc_entry_begin(&payload, store.time_ns);
	nc_command_put_batch(&payload, &batch);
	struct nc_outcome outcome = store_apply(&store, nc_buf_slice(&payload));
	cr_expect_eq(outcome.time_ns, before_ns + 1);
	for (size_t i = 0; i < 3; i++) {
		cr_expect_eq(info(names[i]).created_ns, outcome.time_ns, "%s", names[i]);
		cr_expect_eq(info(names[i]).last_ns, outcome.time_ns, "%s", names[i]);
	}
	nc_buf_release(&record);
	nc_buf_release(&events);
	nc_buf_release(&payload);
}

Test(lives, before_its_version_a_next_life_has_the_time_of_the_one_before)
{
	struct store old;
	store_open(&old);
	store_raise(&old, NC_ENGINE_VERSION_LIVES - 1);
	uint64_t before_ns = APPEND(&old, .stream = "s").time_ns;
	delete_in(&old);
	cr_expect_eq(APPEND(&old, .stream = "s").time_ns, before_ns, "replicas of then mean that");
	store_close(&old);
}
