/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Appending, the contract of PROTOCOL.md section 3 as far as it is decided at apply. */
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

TestSuite(append, .init = setup, .fini = teardown);

static void expect_fault(struct nc_outcome outcome, struct nc_fault fault)
{
	cr_expect_eq(outcome.fault.code, fault.code);
	cr_expect_eq(outcome.fault.err_code, fault.err_code);
}

Test(append, numbers_streams_and_the_store_from_one)
{
	struct nc_outcome a1 = APPEND(&store, .stream = "a");
	struct nc_outcome b1 = APPEND(&store, .stream = "b");
	struct nc_outcome a2 = APPEND(&store, .stream = "a");
	cr_expect_eq(a1.version, 1u);
	cr_expect_eq(a1.position, 1u);
	cr_expect_eq(b1.version, 1u);
	cr_expect_eq(b1.position, 2u);
	cr_expect_eq(a2.version, 2u);
	cr_expect_eq(a2.position, 3u);
	cr_expect_eq(nc_engine_head(store.engine).position, 3u);
}

Test(append, holds_expectations_against_the_stream)
{
	expect_fault(APPEND(&store, .stream = "s", .expect = { .kind = NC_EXPECT_EXISTS }),
	             NC_FAULT_EXPECTATION);
	expect_fault(APPEND(&store, .stream = "s", .expect = VERSION(1)), NC_FAULT_EXPECTATION);
	expect_fault(APPEND(&store, .stream = "s", .expect = VERSION(0)), NC_FAULT_NONE);
	struct nc_outcome none = APPEND(&store, .stream = "s", .expect = { NC_EXPECT_NONE, 0 });
	expect_fault(none, NC_FAULT_EXPECTATION);
	cr_expect_eq(none.version, 1u, "the actual version is told");
	expect_fault(APPEND(&store, .stream = "s", .expect = VERSION(1)), NC_FAULT_NONE);
	expect_fault(APPEND(&store, .stream = "s", .expect = { .kind = NC_EXPECT_EXISTS }),
	             NC_FAULT_NONE);
	expect_fault(APPEND(&store, .stream = "s", .expect = VERSION(2)), NC_FAULT_EXPECTATION);
	cr_expect_eq(nc_engine_head(store.engine).position, 3u);
}

Test(append, answers_a_retry_with_the_first_result_whatever_it_expects)
{
	APPEND(&store, .stream = "s");
	struct nc_outcome first = APPEND(&store, .stream = "s", .id = "e", .expect = VERSION(1));
	APPEND(&store, .stream = "s");
	struct nc_outcome again = APPEND(&store, .stream = "s", .id = "e", .expect = VERSION(1));
	cr_expect(again.duplicate);
	cr_expect_not(first.duplicate);
	cr_expect_eq(again.version, first.version);
	cr_expect_eq(again.position, first.position);
	expect_fault(again, NC_FAULT_NONE);
	cr_expect_eq(nc_engine_head(store.engine).position, 3u);
}

Test(append, refuses_an_id_with_other_content)
{
	APPEND(&store, .stream = "s", .id = "e", .type = "A", .data = "1");
	expect_fault(APPEND(&store, .stream = "s", .id = "e", .type = "A", .data = "2"),
	             NC_FAULT_ID_REUSED);
	expect_fault(APPEND(&store, .stream = "s", .id = "e", .type = "B", .data = "1"),
	             NC_FAULT_ID_REUSED);
	struct nc_outcome other =
	        APPEND(&store, .stream = "t", .id = "e", .type = "A", .data = "2");
	expect_fault(other, NC_FAULT_NONE);
	cr_expect_eq(other.version, 1u, "an id is the stream's own");
}

Test(append, uses_up_no_id_when_it_refuses)
{
	expect_fault(APPEND(&store, .stream = "s", .id = "e", .expect = VERSION(7)),
	             NC_FAULT_EXPECTATION);
	struct nc_outcome retry = APPEND(&store, .stream = "s", .id = "e");
	expect_fault(retry, NC_FAULT_NONE);
	cr_expect_not(retry.duplicate);
	cr_expect_eq(retry.version, 1u);
}

static void keep_id(void *ctx, const struct nc_event *event)
{
	char *id = ctx;
	cr_assert_eq(event->id.size, (size_t)NC_EVENT_ID_MADE_SIZE);
	memcpy(id, event->id.data, event->id.size);
	id[event->id.size] = '\0';
}

Test(append, recognises_a_made_id_without_a_row)
{
	APPEND(&store, .stream = "x");
	APPEND(&store, .stream = "s", .data = "1");
	char id[NC_EVENT_ID_MADE_SIZE + 1] = "";
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = 2 };
	cr_assert_eq(nc_query_get(store.reader, &spec, keep_id, id), NC_OK);
	struct nc_outcome again = APPEND(&store, .stream = "s", .id = id, .data = "1");
	cr_expect(again.duplicate);
	cr_expect_eq(again.position, 2u);
	expect_fault(APPEND(&store, .stream = "s", .id = id, .data = "2"), NC_FAULT_ID_REUSED);
	cr_expect_not(APPEND(&store, .stream = "x", .id = id, .data = "1").duplicate,
	              "another stream's");
}

static void keep_time(void *ctx, const struct nc_event *event)
{
	*(uint64_t *)ctx = event->time_ns;
}

Test(append, never_lets_time_go_back)
{
	store.time_ns = 5000;
	APPEND(&store, .stream = "s");
	store.time_ns = 4000;
	APPEND(&store, .stream = "s");
	uint64_t time_ns = 0;
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = 2 };
	cr_assert_eq(nc_query_get(store.reader, &spec, keep_time, &time_ns), NC_OK);
	cr_expect_eq(time_ns, 5000u);
}

Test(append, refuses_a_spoilt_record_and_goes_on)
{
	struct nc_buf record = store_record("T");
	record.data[record.size - 1] ^= 1;
	struct nc_buf payload = store_entry(&record);
	struct nc_outcome outcome = { 0 };
	cr_assert_eq(nc_engine_begin(store.engine), NC_OK);
	cr_assert_eq(nc_engine_apply(store.engine, nc_buf_slice(&payload), store_keep, &outcome),
	             NC_OK);
	cr_assert_eq(nc_engine_commit(store.engine, (struct nc_state_applied){ 1, 1 }), NC_OK);
	expect_fault(outcome, NC_FAULT_REQUEST);
	cr_expect_eq(nc_engine_head(store.engine).position, 0u);
	nc_buf_release(&payload);
	nc_buf_release(&record);
}

Test(append, says_corrupt_for_every_truncation_of_an_entry)
{
	struct nc_buf record = store_record("T");
	struct nc_buf payload = store_entry(&record);
	for (size_t size = 0; size < payload.size; size++) {
		if (size == NC_ENTRY_HEADER_SIZE)
			continue; /* an entry without commands is one */
		cr_assert_eq(nc_engine_begin(store.engine), NC_OK);
		struct nc_outcome outcome = { 0 };
		int err = nc_engine_apply(store.engine, nc_slice(payload.data, size), store_keep,
		                          &outcome);
		cr_expect_eq(err, NC_CORRUPT, "cut at %zu: %d", size, err);
		nc_engine_rollback(store.engine);
	}
	cr_expect_eq(nc_engine_head(store.engine).position, 0u);
	nc_buf_release(&payload);
	nc_buf_release(&record);
}

Test(append, forgets_what_was_rolled_back)
{
	APPEND(&store, .stream = "s", .type = "A");
	struct nc_buf record = store_record("B");
	struct nc_buf payload = store_entry(&record);
	struct nc_outcome outcome = { 0 };
	cr_assert_eq(nc_engine_begin(store.engine), NC_OK);
	cr_assert_eq(nc_engine_apply(store.engine, nc_buf_slice(&payload), store_keep, &outcome),
	             NC_OK);
	nc_engine_rollback(store.engine);
	cr_expect_eq(nc_engine_head(store.engine).position, 1u);
	struct nc_outcome next = APPEND(&store, .stream = "s", .type = "C");
	cr_expect_eq(next.version, 2u);
	cr_expect_eq(next.position, 2u);
	nc_buf_release(&payload);
	nc_buf_release(&record);
}
