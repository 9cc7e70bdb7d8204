/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/delivery/subscription.h: progress, taken and gone on from elsewhere. */
#include "tests/unit/delivery/harness.h"

static void move(struct harness *h)
{
	struct nc_buf bytes = { 0 };
	nc_sub_progress_take(h->sub, &bytes);
	cr_assert_eq(nc_buf_status(&bytes), NC_OK);
	nc_sub_free(h->sub);
	cr_assert_eq(nc_sub_restore(&h->definition, nc_buf_slice(&bytes), h->now, &h->sub), NC_OK);
	nc_buf_release(&bytes);
}

Test(progress, is_due_after_a_while_or_many_acks)
{
	struct harness h = harness_push();
	h.definition.max_in_flight = 5000;
	harness_open(&h);
	cr_expect_not(nc_sub_progress_due(h.sub, h.now + 1000 * MS), "nothing happened");
	harness_offer(&h, 1, 1000);
	struct nc_sub_action action;
	while (nc_sub_step(h.sub, h.now, &action))
		continue;
	cr_expect_not(nc_sub_progress_due(h.sub, h.now + 99 * MS));
	cr_expect(nc_sub_progress_due(h.sub, h.now + 100 * MS));
	cr_expect_eq(nc_sub_deadline(h.sub), h.now + 100 * MS);
	for (uint64_t position = 1; position < 1000; position++)
		ack(&h, position);
	cr_expect_not(nc_sub_progress_due(h.sub, h.now));
	ack(&h, 1000);
	cr_expect(nc_sub_progress_due(h.sub, h.now));
	struct nc_buf bytes = { 0 };
	cr_expect_eq(nc_sub_progress_next(h.sub), 1);
	cr_expect_eq(nc_sub_progress_take(h.sub, &bytes), 1);
	cr_expect_not(nc_sub_progress_due(h.sub, h.now + 1000 * MS));
	cr_expect_lt(bytes.size, 32);
	nc_buf_release(&bytes);
	nc_sub_free(h.sub);
}

Test(progress, one_that_was_halted_goes_on_with_attempts_anew_also_elsewhere)
{
	for (int known = 0; known < 2; known++) { /* the event, when it is resumed */
		struct harness h = harness_push();
		h.definition.max_deliver = 1;
		h.definition.on_exhausted = NC_EXHAUSTED_STOP;
		harness_open(&h);
		harness_offer(&h, 1, 1);
		expect_step(&h, "1/1");
		nak(&h, 1, 1);
		expect_step(&h, "H1");
		move(&h);
		if (known)
			harness_offer(&h, 1, 1);
		nc_sub_resume(h.sub);
		if (!known)
			harness_offer(&h, 1, 1);
		expect_step(&h, "1/1");
		nc_sub_free(h.sub);
	}
}

Test(progress, goes_on_in_another_epoch_with_what_was_undone)
{
	struct harness h = harness_delivered(3);
	ack(&h, 2);
	move(&h);
	nc_sub_epoch(h.sub, 7);
	cr_expect_eq(ack(&h, 1), NC_CONFLICT, "of the epoch before");
	harness_offer(&h, 1, 1);
	harness_offer(&h, 3, 4);
	expect_step(&h, "1/2 3/2 4/1");
	cr_expect_eq(nc_sub_ack(h.sub, 7, 3, h.now), NC_OK);
	cr_expect_eq(harness_info(&h).epoch, 7);
	cr_expect_eq(harness_info(&h).in_flight, 2);
	nc_sub_free(h.sub);
}

Test(progress, a_replay_that_is_done_before_a_backfill_comes_to_it_is_not_found_once_more)
{
	struct harness h = harness_opened();
	const struct nc_sub_event rows[] = { { .position = 9 }, { .position = 5 } };
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(nc_sub_restore_parked(h.sub, rows[i].position, rows[i].key), NC_OK);
		cr_assert_eq(nc_sub_replay(h.sub, &rows[i]), NC_OK);
	}
	expect_step(&h, "5/1 9/1");
	cr_expect_eq(ack(&h, 9), NC_OK);
	cr_expect_eq(ack(&h, 5), NC_OK);
	expect_step(&h, "U9 U5");
	harness_offer(&h, 4, 10);
	expect_step(&h, "4/1 6/1 7/1 8/1 10/1");
	nc_sub_free(h.sub);
}

/* A subscription whose acknowledgements take all before along. */
static struct harness harness_all(void)
{
	struct harness h = harness_acking(NC_ACK_ALL);
	return h;
}

Test(progress, with_ack_all_a_replay_acknowledged_beside_it_takes_none_of_a_backfill_with_it)
{
	struct harness h = harness_all();
	const struct nc_sub_event parked = { .position = 9 };
	cr_assert_eq(nc_sub_restore_parked(h.sub, 9, parked.key), NC_OK);
	cr_assert_eq(nc_sub_replay(h.sub, &parked), NC_OK);
	expect_step(&h, "9/1");
	move(&h);
	cr_assert_eq(nc_sub_restore_acked(h.sub, 9, true), NC_OK);
	harness_offer(&h, 4, 6);
	expect_step(&h, "4/1 5/1 6/1");
	nc_sub_free(h.sub);
}

/* They were in the window, and not delivered yet, when the progress was taken. */
Test(progress, with_ack_all_what_was_delivered_since_goes_with_what_was_acknowledged_beside_it)
{
	struct harness h = harness_all();
	harness_offer(&h, 1, 5);
	move(&h);
	cr_assert_eq(nc_sub_restore_acked(h.sub, 3, true), NC_OK);
	harness_offer(&h, 4, 6);
	expect_step(&h, "4/1 5/1 6/1");
	cr_expect_eq(harness_info(&h).ack_floor, 3);
	nc_sub_free(h.sub);
}

/* It was delivered before what stands before it, which met nobody: that is not done. */
Test(progress, with_ack_all_what_met_nobody_does_not_go_with_what_was_acknowledged_beside_it)
{
	struct harness h = harness_all();
	harness_offer(&h, 1, 3);
	expect_step(&h, "1/1 2/1 3/1");
	nc_sub_no_responders(h.sub, 1, 2, 1, h.now);
	move(&h);
	cr_assert_eq(nc_sub_restore_acked(h.sub, 3, true), NC_OK);
	harness_offer(&h, 2, 2);
	expect_step(&h, "2/1");
	nc_sub_free(h.sub);
}

Test(progress, with_ack_all_what_was_acknowledged_alone_before_takes_none_with_it)
{
	struct harness h = harness_all();
	cr_assert_eq(nc_sub_restore_acked(h.sub, 3, false), NC_OK);
	harness_offer(&h, 1, 4);
	expect_step(&h, "1/1 2/1 4/1");
	cr_expect_eq(harness_info(&h).ack_floor, 0);
	nc_sub_free(h.sub);
}

Test(progress, goes_on_with_no_more_in_flight_than_may_be)
{
	struct harness h = harness_push();
	h.definition.order = NC_ORDER_STREAM;
	h.definition.max_in_flight = 2;
	harness_open(&h);
	harness_offer_keys(&h, 1, "ab");
	expect_step(&h, "1/1 2/1");
	move(&h); /* another order: both are of one key, and of a third event's place is left */
	harness_offer_keys(&h, 1, "xxc");
	expect_step(&h, "1/2 3/1");
	h.definition.order = NC_ORDER_NONE;
	move(&h);
	harness_offer(&h, 1, 3);
	expect_step(&h, "1/3 2/2");
	cr_expect_eq(harness_info(&h).in_flight, 2);
	ack(&h, 2);
	expect_step(&h, "3/2");
	nc_sub_free(h.sub);
}

Test(progress, what_waits_behind_its_new_key_takes_no_place_in_flight)
{
	struct harness h = harness_push(); /* an update: another order, fewer in flight */
	h.definition.order = NC_ORDER_STREAM;
	harness_open(&h);
	harness_offer_keys(&h, 1, "aab");
	expect_step(&h, "1/1 3/1");
	h.definition.order = NC_ORDER_GLOBAL;
	h.definition.max_in_flight = 1;
	move(&h);
	harness_offer(&h, 1, 3);
	expect_step(&h, "1/2");
	cr_expect_eq(harness_info(&h).in_flight, 1);
	ack(&h, 1);
	expect_step(&h, "2/1");
	ack(&h, 2);
	expect_step(&h, "3/2");
	nc_sub_free(h.sub);
}

Test(progress, a_replay_goes_before_what_was_in_flight_by_another_order)
{
	struct harness h = harness_push();
	h.definition.order = NC_ORDER_STREAM;
	h.definition.max_in_flight = 2;
	harness_open(&h);
	const struct nc_sub_event parked = { .position = 1, .key = NC_SLICE("a") };
	nc_sub_scanned(h.sub, 1);
	cr_assert_eq(nc_sub_restore_parked(h.sub, 1, parked.key), NC_OK);
	harness_offer_keys(&h, 2, "bc");
	expect_step(&h, "2/1 3/1");
	cr_assert_eq(nc_sub_replay(h.sub, &parked), NC_OK);
	h.definition.order = NC_ORDER_GLOBAL;
	move(&h);
	cr_assert_eq(nc_sub_restore_parked(h.sub, 1, parked.key), NC_OK);
	harness_offer(&h, 1, 3);
	expect_step(&h, "1/1");
	ack(&h, 1);
	expect_step(&h, "U1 2/2");
	nc_sub_free(h.sub);
}

/* An update of the order, found by random programs: what was on its way back, replayed, stands in
 * its new key where its position says, not before what is older and undone. */
Test(progress, a_replay_waits_for_what_is_older_of_its_new_key)
{
	struct harness h = harness_delivered(4);
	term(&h, 2);
	term(&h, 3);
	expect_step(&h, "P2 P3");
	const struct nc_sub_event second = { .position = 2, .key = NC_SLICE("a") };
	const struct nc_sub_event third = { .position = 3, .key = NC_SLICE("a") };
	cr_assert_eq(nc_sub_replay(h.sub, &third),
	             NC_OK); /* one after the other, the later first */
	cr_assert_eq(nc_sub_replay(h.sub, &second), NC_OK);
	expect_step(&h, "2/1 3/1");
	h.definition.order = NC_ORDER_STREAM;
	move(&h);
	cr_assert_eq(nc_sub_restore_parked(h.sub, 2, second.key), NC_OK);
	cr_assert_eq(nc_sub_restore_parked(h.sub, 3, third.key), NC_OK);
	for (uint64_t position = 1; position <= 4; position++) {
		struct nc_sub_want want;
		nc_sub_want(h.sub, &want);
		cr_expect_eq(want.kind, NC_SUB_WANT_EVENT);
		cr_expect_eq(want.position, position);
		cr_expect_eq(harness_offer_key(&h, position, "a"), NC_OK);
		expect_step(&h, position == 1 ? "1/2" : "");
	}
	ack(&h, 1);
	expect_step(&h, "2/2");
	ack(&h, 2);
	expect_step(&h, "U2 3/2");
	ack(&h, 3);
	expect_step(&h, "U3 4/2");
	nc_sub_free(h.sub);
}

/* Of a row that nobody replays only what is younger waits. */
Test(progress, what_is_older_than_a_parked_event_of_its_new_key_goes_on)
{
	struct harness h = harness_delivered(4);
	term(&h, 2);
	term(&h, 4);
	expect_step(&h, "P2 P4");
	const struct nc_sub_event fourth = { .position = 4, .key = NC_SLICE("a") };
	cr_assert_eq(nc_sub_replay(h.sub, &fourth), NC_OK);
	expect_step(&h, "4/1");
	h.definition.order = NC_ORDER_STREAM;
	move(&h);
	cr_assert_eq(nc_sub_restore_parked(h.sub, 2, fourth.key), NC_OK);
	cr_assert_eq(nc_sub_restore_parked(h.sub, 4, fourth.key), NC_OK);
	harness_offer_key(&h, 1, "a");
	harness_offer_key(&h, 3, "a");
	cr_expect_eq(nc_sub_offer(h.sub, &fourth), NC_OK, "its row stays, behind the others");
	expect_step(&h, "P3 1/2");
	cr_expect_eq(harness_info(&h).parked, 3);
	ack(&h, 1);
	expect_step(&h, "");
	nc_sub_free(h.sub);
}

/* What is older is parked before its replays are known: they stay behind it. */
Test(progress, a_replay_stays_parked_behind_what_is_parked_meanwhile)
{
	struct harness h = harness_delivered(2);
	term(&h, 2);
	expect_step(&h, "P2");
	const struct nc_sub_event second = { .position = 2, .key = NC_SLICE("a") };
	cr_assert_eq(nc_sub_replay(h.sub, &second), NC_OK);
	expect_step(&h, "2/1");
	h.definition.order = NC_ORDER_STREAM;
	move(&h);
	cr_assert_eq(nc_sub_restore_parked(h.sub, 2, second.key), NC_OK);
	harness_offer_key(&h, 1, "a");
	expect_step(&h, "1/2");
	term(&h, 1);
	expect_step(&h, "P1");
	cr_assert_eq(nc_sub_offer(h.sub, &second), NC_OK);
	expect_step(&h, "");
	cr_expect_eq(harness_info(&h).parked, 2);
	nc_sub_free(h.sub);
}

Test(progress, one_that_was_halted_goes_on_with_attempts_anew_of_what_waits_behind_its_key)
{
	struct harness h = harness_push();
	h.definition.order = NC_ORDER_STREAM;
	h.definition.max_deliver = 1;
	h.definition.on_exhausted = NC_EXHAUSTED_STOP;
	harness_open(&h);
	harness_offer_keys(&h, 1, "ab");
	expect_step(&h, "1/1 2/1");
	nak(&h, 1, 1);
	nak(&h, 2, 1);
	expect_step(&h, "H1");
	h.definition.order = NC_ORDER_GLOBAL;
	move(&h);
	harness_offer(&h, 1, 2);
	nc_sub_resume(h.sub);
	expect_step(&h, "1/1");
	ack(&h, 1);
	expect_step(&h, "2/1");
	nc_sub_free(h.sub);
}

Test(progress, goes_on_elsewhere_with_a_replay_of_what_is_parked_beyond_its_cursor)
{
	struct harness h = harness_push(); /* as where a backfill has begun */
	harness_open(&h);
	const struct nc_sub_event parked = { .position = 9 };
	cr_assert_eq(nc_sub_restore_parked(h.sub, 9, parked.key), NC_OK);
	cr_assert_eq(nc_sub_replay(h.sub, &parked), NC_OK);
	expect_step(&h, "9/1");
	move(&h);
	cr_assert_eq(nc_sub_restore_parked(h.sub, 9, parked.key), NC_OK);
	cr_expect_eq(nc_sub_offer(h.sub, &parked), NC_OK);
	expect_step(&h, "9/2");
	cr_expect_eq(ack(&h, 9), NC_OK);
	expect_step(&h, "U9");
	nc_sub_free(h.sub);
}

Test(progress, goes_on_elsewhere_with_what_was_undone_and_its_attempts)
{
	struct harness h = harness_delivered(5);
	nak(&h, 4, 1);
	expect_step(&h, "4/2");
	ack(&h, 1);
	ack(&h, 3);
	move(&h);
	cr_expect_eq(harness_info(&h).ack_floor, 1);
	cr_expect_eq(harness_info(&h).in_flight, 3);
	expect_step(&h, "");
	cr_expect_eq(ack(&h, 5), NC_OK, "an ack of the owner before counts");
	cr_expect_eq(harness_offer_key(&h, 6, NULL), NC_CONFLICT, "older ones first");
	struct nc_sub_want want;
	nc_sub_want(h.sub, &want);
	cr_expect_eq(want.kind, NC_SUB_WANT_EVENT);
	cr_expect_eq(want.position, 2);
	harness_offer(&h, 2, 2);
	nc_sub_want(h.sub, &want);
	cr_expect_eq(want.position, 4);
	harness_offer(&h, 4, 4);
	nc_sub_want(h.sub, &want);
	cr_expect_eq(want.kind, NC_SUB_WANT_SCAN);
	cr_expect_eq(want.position, 6);
	expect_step(&h, "2/2 4/3");
	nc_sub_free(h.sub);
}

Test(progress, a_wanted_event_may_be_gone_and_a_term_waits_for_its_key)
{
	struct harness h = harness_ordered();
	harness_offer_keys(&h, 1, "aba");
	expect_step(&h, "1/1 2/1");
	move(&h);
	cr_expect_eq(term(&h, 1), NC_OK);
	expect_step(&h, "");
	harness_offer_key(&h, 1, "a");
	cr_expect_eq(nc_sub_gone(h.sub, 2), NC_OK);
	cr_expect_eq(nc_sub_gone(h.sub, 2), NC_NOTFOUND);
	harness_offer_key(&h, 3, "a");
	expect_step(&h, "P1 P3");
	cr_expect_eq(harness_info(&h).ack_floor, 3);
	nc_sub_free(h.sub);
}

Test(progress, a_replay_goes_on_elsewhere_too)
{
	struct harness h = harness_ordered();
	harness_offer_key(&h, 1, "a");
	expect_step(&h, "1/1");
	term(&h, 1);
	expect_step(&h, "P1");
	struct nc_sub_event event = { .position = 1, .key = NC_SLICE("a"), .size = 1 };
	cr_assert_eq(nc_sub_replay(h.sub, &event), NC_OK);
	expect_step(&h, "1/1");
	move(&h);
	cr_assert_eq(nc_sub_restore_parked(h.sub, 1, NC_SLICE("a")), NC_OK);
	cr_expect_eq(harness_info(&h).ack_floor, 1);
	struct nc_sub_event other = { .position = 2, .key = NC_SLICE("a"), .size = 1 };
	cr_expect_eq(nc_sub_replay(h.sub, &other), NC_BUSY);
	cr_assert_eq(nc_sub_offer(h.sub, &event), NC_OK);
	expect_step(&h, "1/2");
	ack(&h, 1);
	expect_step(&h, "U1");
	cr_expect_eq(harness_info(&h).parked, 0);
	nc_sub_free(h.sub);
}

Test(progress, what_was_acknowledged_beside_it_is_done_when_it_goes_on)
{
	struct harness h = harness_delivered(3);
	move(&h);
	cr_assert_eq(nc_sub_restore_acked(h.sub, 2, false), NC_OK);
	cr_assert_eq(nc_sub_restore_acked(h.sub, 5, false), NC_OK, "beyond the cursor");
	cr_assert_eq(nc_sub_restore_acked(h.sub, 7, false), NC_OK);
	harness_offer(&h, 1, 1);
	harness_offer(&h, 3, 6);
	expect_step(&h, "1/2 3/2 4/1 6/1");
	ack(&h, 1);
	ack(&h, 3);
	ack(&h, 4);
	cr_expect_eq(harness_info(&h).ack_floor, 5);
	nc_sub_scanned_to_head(h.sub, 8);
	harness_offer(&h, 9, 9);
	expect_step(&h, "9/1");
	nc_sub_free(h.sub);
}

Test(progress, with_ack_all_what_was_acknowledged_beside_it_takes_those_before_with_it)
{
	struct harness h = harness_all();
	harness_offer(&h, 1, 2);
	expect_step(&h, "1/1 2/1");
	move(&h);
	cr_assert_eq(nc_sub_restore_acked(h.sub, 4, true), NC_OK);
	harness_offer(&h, 3, 5);
	expect_step(&h, "5/1");
	cr_expect_eq(harness_info(&h).ack_floor, 4);
	nc_sub_seek(h.sub, 2, 0, h.now);
	harness_offer(&h, 1, 1);
	expect_step(&h, "1/1");
	nc_sub_free(h.sub);
}

static int batch_acked(struct harness *h, uint64_t epoch, uint64_t position)
{
	return nc_sub_batch_acked(h->sub, &(struct nc_sub_batch_ack){ epoch, position, false },
	                          h->now);
}

/* Found by the simulator: who ran it before had delivered further than its progress said, and a
 * batch that acknowledged was applied when the machine stood here already. */
Test(progress, what_a_batch_acknowledged_beyond_the_cursor_is_not_delivered)
{
	struct harness h = harness_delivered(2);
	uint64_t epoch = harness_info(&h).epoch;
	cr_expect_eq(nc_sub_ack(h.sub, epoch, 5, h.now), NC_CONFLICT);
	cr_expect_eq(batch_acked(&h, epoch + 1, 5), NC_CONFLICT);
	cr_expect_eq(batch_acked(&h, epoch, 7), NC_OK);
	cr_expect_eq(batch_acked(&h, epoch, 4), NC_OK, "in any order");
	cr_expect_eq(batch_acked(&h, epoch, 5), NC_OK);
	cr_expect_eq(batch_acked(&h, epoch, 5), NC_OK, "and twice");
	cr_expect_eq(batch_acked(&h, epoch, 1), NC_OK);
	harness_offer(&h, 3, 8);
	expect_step(&h, "3/1 6/1 8/1");
	ack(&h, 2);
	ack(&h, 3);
	cr_expect_eq(harness_info(&h).ack_floor, 5);
	nc_sub_free(h.sub);
}

/* ---- With all before it --------------------------------------------------------------------- */

#define expect_reach(h, position, reach) \
	cr_expect_eq(nc_sub_batch_begins((h)->sub, position, (h)->now), reach)

static struct harness all_in_flight(uint64_t count)
{
	struct harness h = harness_all();
	harness_offer(&h, 1, count);
	(void)harness_step(&h);
	return h;
}

Test(progress, while_a_batch_is_on_its_way_nothing_that_it_acknowledges_runs_out)
{
	struct harness h = all_in_flight(4);
	expect_after(&h, 29000, "");
	expect_reach(&h, 3, NC_SUB_REACH_THROUGH);
	expect_after(&h, 2000, "4/2");
	cr_expect_eq(nc_sub_batch_acked(h.sub, &(struct nc_sub_batch_ack){ 1, 3, true }, h.now),
	             NC_OK);
	cr_expect_eq(harness_info(&h).ack_floor, 3);
	nc_sub_free(h.sub);
}

Test(progress, a_batch_that_acknowledges_one_alone_holds_that_one_alone)
{
	struct harness h = harness_delivered(2);
	expect_after(&h, 29000, "");
	expect_reach(&h, 2, NC_SUB_REACH_ALONE);
	expect_reach(&h, 7, NC_SUB_REACH_ALONE);
	expect_after(&h, 2000, "1/2");
	nc_sub_free(h.sub);
}

/* Have the progress in the log that is taken now. */
static struct nc_buf save(struct harness *h)
{
	struct nc_buf bytes = { 0 };
	uint64_t number = nc_sub_progress_take(h->sub, &bytes);
	cr_assert_eq(nc_buf_status(&bytes), NC_OK);
	expect_reach(h, 5, NC_SUB_REACH_BEHIND);
	nc_sub_progress_saved(h->sub, number - 1);
	expect_reach(h, 5, NC_SUB_REACH_BEHIND);
	nc_sub_progress_saved(h->sub, number);
	expect_reach(h, 5, NC_SUB_REACH_THROUGH);
	return bytes;
}

Test(progress, the_log_is_told_of_all_before_once_it_knows_what_met_nobody)
{
	struct harness h = all_in_flight(5);
	expect_reach(&h, 5, NC_SUB_REACH_THROUGH);
	nc_sub_no_responders(h.sub, 1, 4, 1, h.now);
	expect_reach(&h, 5, NC_SUB_REACH_UNSAID);
	cr_expect(nc_sub_progress_dirty(h.sub));
	struct nc_buf bytes = save(&h);
	cr_assert_eq(nc_sub_batch_acked(h.sub, &(struct nc_sub_batch_ack){ 1, 5, true }, h.now),
	             NC_OK);
	expect_step(&h, "4/1");
	/* Who takes it up finds that progress, and the row. */
	nc_sub_free(h.sub);
	cr_assert_eq(nc_sub_restore(&h.definition, nc_buf_slice(&bytes), h.now, &h.sub), NC_OK);
	cr_assert_eq(nc_sub_restore_acked(h.sub, 5, true), NC_OK);
	harness_offer(&h, 4, 4);
	expect_step(&h, "4/1");
	cr_expect_eq(harness_info(&h).in_flight, 1, "the others were taken along");
	nc_buf_release(&bytes);
	nc_sub_free(h.sub);
}

/* Otherwise who takes it up holds for delivered what only waited. */
Test(progress, the_log_is_told_that_one_is_delivered_behind_later_ones)
{
	struct harness h = all_in_flight(5);
	nc_sub_no_responders(h.sub, 1, 2, 1, h.now);
	struct nc_buf bytes = save(&h);
	nc_sub_heard(h.sub, h.now);
	(void)harness_step(&h);
	expect_reach(&h, 5, NC_SUB_REACH_UNSAID);
	nc_buf_release(&bytes);
	bytes = save(&h);
	expect_after(&h, 31000, "1/2 2/2 3/2 4/2 5/2");
	expect_reach(&h, 5, NC_SUB_REACH_THROUGH);
	nc_buf_release(&bytes);
	nc_sub_free(h.sub);
}

Test(progress, the_log_is_not_told_of_all_before_while_one_is_being_parked)
{
	struct harness h = all_in_flight(5);
	cr_expect_eq(nc_sub_term(h.sub, 1, 2, nc_slice(NULL, 0), h.now), NC_OK);
	expect_reach(&h, 5, NC_SUB_REACH_UNSAID);
	expect_reach(&h, 1, NC_SUB_REACH_THROUGH);
	expect_step(&h, "P2");
	expect_reach(&h, 5, NC_SUB_REACH_THROUGH);
	nc_sub_free(h.sub);
}

Test(progress, a_machine_that_goes_on_from_another_progress_says_so_first)
{
	struct harness h = all_in_flight(5);
	nc_sub_progress_unknown(h.sub);
	expect_reach(&h, 5, NC_SUB_REACH_UNSAID);
	struct nc_buf bytes = save(&h);
	nc_buf_release(&bytes);
	nc_sub_free(h.sub);
}

Test(progress, the_log_is_told_of_a_replay_alone)
{
	struct harness h = all_in_flight(3);
	cr_expect_eq(nc_sub_term(h.sub, 1, 3, nc_slice(NULL, 0), h.now), NC_OK);
	expect_step(&h, "P3");
	const struct nc_sub_event parked = { .position = 3, .size = 100 };
	cr_expect_eq(nc_sub_replay(h.sub, &parked), NC_OK);
	expect_step(&h, "3/1");
	expect_reach(&h, 3, NC_SUB_REACH_REPLAY);
	cr_expect_eq(nc_sub_batch_acked(h.sub, &(struct nc_sub_batch_ack){ 1, 3, false }, h.now),
	             NC_OK);
	cr_expect_eq(harness_info(&h).in_flight, 2);
	nc_sub_free(h.sub);
}

/* As where the definition was changed, or a consumer gave it up, while the batch was on its way. */
Test(progress, a_batch_takes_along_what_the_log_says_whatever_became_of_it_meanwhile)
{
	struct harness h = all_in_flight(4);
	expect_reach(&h, 3, NC_SUB_REACH_THROUGH);
	h.definition.ack = NC_ACK_EXPLICIT;
	nc_sub_redefine(h.sub, &h.definition, h.now);
	cr_expect_eq(nc_sub_term(h.sub, 1, 3, nc_slice(NULL, 0), h.now), NC_OK);
	cr_expect_eq(nc_sub_batch_acked(h.sub, &(struct nc_sub_batch_ack){ 1, 3, true }, h.now),
	             NC_OK);
	cr_expect_eq(harness_info(&h).in_flight, 1, "the last one");
	nc_sub_free(h.sub);
}

/* A leader has just taken the subscription up, and the batch acknowledges what the one before had
 * delivered: whether that was all before it nobody knows. */
Test(progress,
     what_was_delivered_elsewhere_since_the_progress_takes_nothing_along_unless_the_log_says_so)
{
	struct harness h = harness_all();
	harness_offer(&h, 1, 4);
	move(&h);
	expect_reach(&h, 3, NC_SUB_REACH_UNKNOWN);
	cr_expect_eq(nc_sub_batch_acked(h.sub, &(struct nc_sub_batch_ack){ 1, 3, true }, h.now),
	             NC_OK);
	harness_offer(&h, 4, 4);
	expect_step(&h, "4/1");
	nc_sub_free(h.sub);
}

/* ---- Replays that are on their way ---------------------------------------------------------- */

/* Two events of one key that were parked are being replayed: the first is on its way. */
static const struct nc_sub_event first = { .position = 1,
	                                   .key = { (const uint8_t *)"a", 1 },
	                                   .size = 1 };
static const struct nc_sub_event second = { .position = 2,
	                                    .key = { (const uint8_t *)"a", 1 },
	                                    .size = 1 };

static struct harness replayed(void)
{
	struct harness h = harness_ordered();
	harness_offer_keys(&h, 1, "aa");
	expect_step(&h, "1/1");
	term(&h, 1);
	expect_step(&h, "P1 P2");
	cr_assert_eq(nc_sub_replay(h.sub, &first), NC_OK);
	cr_assert_eq(nc_sub_replay(h.sub, &second), NC_OK);
	expect_step(&h, "1/1");
	return h;
}

/* To where their rows still stand. */
static void move_with_both_parked(struct harness *h)
{
	move(h);
	cr_assert_eq(nc_sub_restore_parked(h->sub, 1, NC_SLICE("a")), NC_OK);
	cr_assert_eq(nc_sub_restore_parked(h->sub, 2, NC_SLICE("a")), NC_OK);
}

/* Found by the simulator: the younger one was delivered although an older one of its key had been
 * parked again while its own event was still being fetched. */
Test(progress, a_replay_parked_again_keeps_those_that_are_not_yet_recalled)
{
	struct harness h = replayed();
	move_with_both_parked(&h);
	cr_assert_eq(nc_sub_offer(h.sub, &first), NC_OK);
	expect_step(&h, "1/2");
	nc_sub_term(h.sub, 1, 1, NC_SLICE("again"), h.now);
	expect_step(&h, "P1");
	cr_assert_eq(nc_sub_offer(h.sub, &second), NC_OK);
	expect_step(&h, "");
	cr_expect_eq(harness_info(&h).parked, 2);
	cr_expect_eq(nc_sub_replay(h.sub, &first), NC_OK);
	cr_expect_eq(nc_sub_replay(h.sub, &second), NC_OK);
	expect_step(&h, "1/1");
	ack(&h, 1);
	expect_step(&h, "U1 2/1");
	nc_sub_free(h.sub);
}

/* Found by the model: the row stayed, so that the younger one passed an older one of its key that
 * was replayed once more. */
Test(progress, an_ack_of_a_replay_that_is_not_yet_recalled_counts)
{
	struct harness h = replayed();
	move_with_both_parked(&h);
	cr_expect_eq(ack(&h, 1), NC_OK);
	struct nc_sub_want want;
	nc_sub_want(h.sub, &want);
	cr_expect_eq(want.kind, NC_SUB_WANT_EVENT, "its key is still to be found");
	cr_expect_eq(want.position, 1);
	cr_assert_eq(nc_sub_offer(h.sub, &first), NC_OK);
	cr_assert_eq(nc_sub_offer(h.sub, &second), NC_OK);
	expect_step(&h, "U1 2/1");
	cr_expect_eq(harness_info(&h).parked, 1);
	ack(&h, 2);
	expect_step(&h, "U2");
	cr_expect_eq(harness_info(&h).parked, 0);
	nc_sub_free(h.sub);
}

/* The same across one more move, which finds the younger one alone among the replays. */
Test(progress, a_replay_behind_a_row_that_stands_is_none_any_more)
{
	struct harness h = replayed();
	for (int moves = 0; moves < 2; moves++) {
		move_with_both_parked(&h);
		if (moves > 0)
			break;
		cr_assert_eq(nc_sub_offer(h.sub, &first), NC_OK);
		expect_step(&h, "1/2");
		nc_sub_term(h.sub, 1, 1, NC_SLICE("again"), h.now);
		expect_step(&h, "P1");
	}
	cr_assert_eq(nc_sub_offer(h.sub, &second), NC_OK);
	expect_step(&h, "");
	cr_expect_eq(harness_info(&h).parked, 2);
	nc_sub_free(h.sub);
}

Test(progress, says_what_is_undone)
{
	struct harness h = harness_delivered(3);
	ack(&h, 2);
	struct nc_buf bytes = { 0 };
	nc_sub_progress_take(h.sub, &bytes);
	struct nc_slice slice = nc_buf_slice(&bytes);
	cr_expect(nc_sub_progress_undone(slice, 1));
	cr_expect_not(nc_sub_progress_undone(slice, 2));
	cr_expect(nc_sub_progress_undone(slice, 3));
	cr_expect(nc_sub_progress_undone(slice, 4));
	nc_buf_release(&bytes);
	nc_sub_free(h.sub);
}

Test(progress, tells_what_is_in_flight_from_what_only_waits)
{
	struct harness h = harness_opened();
	harness_offer(&h, 1, 3);
	struct nc_buf bytes = { 0 };
	struct nc_sub_progress head;
	nc_sub_progress_take(h.sub, &bytes);
	cr_assert_eq(nc_sub_progress_read(nc_buf_slice(&bytes), &head), NC_OK);
	cr_expect_eq(head.outstanding, 3u);
	cr_expect_eq(head.in_flight, 0u);
	expect_step(&h, "1/1 2/1 3/1");
	ack(&h, 2);
	nc_buf_clear(&bytes);
	nc_sub_progress_take(h.sub, &bytes);
	cr_assert_eq(nc_sub_progress_read(nc_buf_slice(&bytes), &head), NC_OK);
	cr_expect_eq(head.outstanding, 2u);
	cr_expect_eq(head.in_flight, 2u);
	nc_buf_release(&bytes);
	nc_sub_free(h.sub);
}

Test(progress, refuses_bytes_that_are_cut_longer_or_newer)
{
	struct harness h = harness_delivered(3);
	struct nc_buf bytes = { 0 };
	nc_sub_progress_take(h.sub, &bytes);
	nc_sub_free(h.sub);
	struct nc_sub_progress head;
	cr_expect_eq(nc_sub_progress_read(nc_buf_slice(&bytes), &head), NC_OK);
	cr_expect_eq(head.floor, 0);
	cr_expect_eq(head.cursor, 3);
	for (size_t size = 0; size < bytes.size; size++)
		cr_expect_eq(nc_sub_progress_read(nc_slice(bytes.data, size), &head), NC_CORRUPT);
	/* Whatever the bytes are, nothing is read beyond them and nothing breaks. */
	for (size_t at = 1; at < bytes.size; at++) {
		for (unsigned value = 0; value < 256; value++) {
			uint8_t was = bytes.data[at];
			bytes.data[at] = (uint8_t)value;
			if (nc_sub_restore(&h.definition, nc_buf_slice(&bytes), h.now, &h.sub) ==
			    NC_OK)
				nc_sub_free(h.sub);
			bytes.data[at] = was;
		}
	}
	nc_buf_put_u8(&bytes, 0);
	cr_expect_eq(nc_sub_progress_read(nc_buf_slice(&bytes), &head), NC_CORRUPT);
	bytes.data[0] = 2;
	cr_expect_eq(nc_sub_progress_read(nc_buf_slice(&bytes), &head), NC_UNSUPPORTED);
	nc_buf_release(&bytes);
}
