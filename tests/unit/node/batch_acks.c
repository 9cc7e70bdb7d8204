/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a subscription makes of an acknowledgement that a batch has committed, where its event was
 * just being parked. */
#include "core/node/subs/subs_job.h"
#include "tests/unit/engine/store.h"

#define KEY NC_SLICE("in")

void __wrap_nc_service_advise(struct nc_service *service, const char *area, const char *what,
                              const char *members);
bool __wrap_nc_bus_connected(struct nc_bus *bus);

void __wrap_nc_service_advise(struct nc_service *service, const char *area, const char *what,
                              const char *members)
{
	(void)service, (void)area, (void)what, (void)members;
}

/* So that the subscription delivers only what the test takes. */
bool __wrap_nc_bus_connected(struct nc_bus *bus)
{
	(void)bus;
	return false;
}

static struct store store;
static struct nc_service service;
static struct nc_subs subs;
static struct nc_subscription sub;
static uint64_t due_ns;

/* Of one key, in whose order its events are delivered; nothing is saved but by the test. */
static void setup(void)
{
	store_open_newest(&store);
	for (int i = 0; i < 3; i++)
		APPEND(&store, .stream = "in");
	subs = (struct nc_subs){ .service = &service, .reader = store.reader, .found = &sub };
	subs.due_ns = &due_ns;
	sub = (struct nc_subscription){ .subs = &subs, .name = "w", .epoch = 1 };
	sub.save.under_way = true;
	sub.definition = (struct nc_definition){ .durable = true,
		                                 .push = true,
		                                 .ack_wait_ms = 30000,
		                                 .max_deliver = 5,
		                                 .max_in_flight = 10,
		                                 .order = NC_ORDER_STREAM };
	cr_assert_eq(nc_sub_new(&sub.definition, 1, 0, nc_clock_ns(), &sub.machine), NC_OK);
}

static void teardown(void)
{
	nc_sub_free(sub.machine);
	nc_buf_release(&sub.save.parked);
	nc_buf_release(&sub.save.unparked);
	nc_buf_release(&sub.tidy.unparked);
	nc_buf_release(&sub.replay.unparked);
	nc_buf_release(&subs.scratch);
	nc_subs_keys_release(&subs.keys);
	store_close(&store);
}

TestSuite(batch_acks, .init = setup, .fini = teardown);

static void offer(uint64_t position)
{
	const struct nc_sub_event event = { .position = position, .key = KEY };
	cr_assert_eq(nc_sub_offer(sub.machine, &event), NC_OK);
}

static void expect_delivered(uint64_t position)
{
	struct nc_sub_action action;
	cr_assert(nc_sub_step(sub.machine, nc_clock_ns(), &action));
	cr_assert_eq(action.kind, NC_SUB_DELIVER);
	cr_assert_eq(action.position, position);
}

static void term(uint64_t position)
{
	cr_assert_eq(nc_sub_term(sub.machine, 1, position, nc_slice(NULL, 0), nc_clock_ns()),
	             NC_OK);
}

static void acknowledge(uint64_t position, bool replay)
{
	const struct nc_batch_ack ack = {
		.name = NC_SLICE("w"), .epoch = 1, .position = position, .replay = replay
	};
	nc_subs_batch_acked(&subs, &ack);
}

static uint64_t parked(void)
{
	struct nc_sub_info info;
	nc_sub_info(sub.machine, &info);
	return info.parked;
}

/* Events 1 and 2 are parked, with rows in the log, and 1 is replayed. */
static void replay_first(void)
{
	const struct nc_sub_event first = { .position = 1, .key = KEY };
	offer(1);
	offer(2);
	expect_delivered(1);
	term(1);
	nc_subs_steps_leaving(&subs, &sub);
	nc_subs_rows_saved(&sub, sub.save.parked.size, 0);
	cr_assert_eq(parked(), 2);
	cr_assert_eq(nc_sub_replay(sub.machine, &first), NC_OK);
	expect_delivered(1);
}

/* What a reader has found that began before the batch was applied: the row of event 1. */
static struct nc_sub_job job_of(struct nc_sub_found *found)
{
	struct nc_sub_job job = { .subs = &subs, .sub = &sub, .through = 3, .ended = true };
	*found = (struct nc_sub_found){ .position = 1, .key = { 0, KEY.size } };
	nc_buf_put_slice(&job.keys, KEY);
	job.found = found;
	job.found_count = 1;
	return job;
}

/* ---- Tests ---------------------------------------------------------------------------------- */

Test(batch_acks, free_the_key_of_an_event_that_is_about_to_be_parked)
{
	offer(1);
	expect_delivered(1);
	term(1); /* and its row is not taken yet, as while the subscription is changed */
	acknowledge(1, false);
	cr_expect_eq(parked(), 0);
	cr_expect_not(nc_sub_key_parked(sub.machine, KEY));
	nc_subs_steps_leaving(&subs, &sub);
	cr_expect_eq(sub.save.parked.size, 0);
}

Test(batch_acks, take_one_of_several_that_are_about_to_be_parked)
{
	for (uint64_t one = 1; one <= 3; one++) {
		struct nc_slice list;
		struct nc_parked row;
		uint64_t rows = 0;
		for (uint64_t position = 1; position <= 3; position++)
			offer(position);
		expect_delivered(1);
		term(1); /* the others are parked behind it */
		acknowledge(one, false);
		cr_expect_eq(parked(), 2);
		nc_subs_steps_leaving(&subs, &sub);
		for (list = nc_buf_slice(&sub.save.parked); nc_parked_next(&list, &row); rows++)
			cr_expect_neq(row.position, one);
		cr_expect_eq(rows, 2);
		nc_sub_free(sub.machine);
		nc_buf_clear(&sub.save.parked);
		cr_assert_eq(nc_sub_new(&sub.definition, 1, 0, nc_clock_ns(), &sub.machine), NC_OK);
	}
}

Test(batch_acks, count_a_row_once_that_a_reader_finds_deleted)
{
	struct nc_sub_found found;
	replay_first();
	struct nc_sub_job job = job_of(&found);
	found.gone = true;
	sub.tidy.under_way = true;
	term(1);
	nc_subs_steps_leaving(&subs, &sub);
	acknowledge(1, true);
	cr_assert_eq(parked(), 1);
	nc_subs_tidy_take(&sub, &job);
	nc_buf_release(&job.keys);
	cr_expect_eq(parked(), 1, "event 2 has its row still");
	cr_expect(nc_sub_key_parked(sub.machine, KEY));
}

Test(batch_acks, leave_nothing_to_replay_to_a_reader_that_found_the_row)
{
	uint32_t attempts;
	struct nc_sub_found found;
	replay_first();
	struct nc_sub_job job = job_of(&found);
	sub.replay.under_way = sub.jobs.searching_replay = true;
	term(1);
	nc_subs_steps_leaving(&subs, &sub);
	acknowledge(1, true);
	nc_subs_replay_take(&subs, &sub, &job);
	nc_buf_release(&job.keys);
	cr_expect_eq(nc_sub_find(sub.machine, 1, &attempts), NC_SUB_NOT_HERE);
	cr_expect_eq(parked(), 1);
}

Test(batch_acks, count_a_row_once_that_is_on_its_way_to_the_log_which_drops_it)
{
	replay_first();
	term(1);
	nc_subs_steps_leaving(&subs, &sub);
	sub.save.sent_parked = sub.save.parked.size;
	acknowledge(1, true);
	cr_assert_eq(parked(), 1);
	cr_assert(nc_subs_late_ack(&subs, &sub, 1), "a plain one, right behind the batch");
	cr_expect_eq(parked(), 1, "event 2 has its row still");
	cr_expect(nc_sub_key_parked(sub.machine, KEY));
}
