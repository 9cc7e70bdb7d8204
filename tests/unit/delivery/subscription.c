/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/delivery/subscription.h: window, acks, attempts, parking, interest. */
#include "tests/unit/delivery/harness.h"

Test(subscription, delivers_in_order_and_the_floor_follows_the_oldest_undone)
{
	struct harness h = harness_delivered(4);
	cr_expect_eq(harness_info(&h).ack_floor, 0);
	cr_expect_eq(ack(&h, 3), NC_OK);
	cr_expect_eq(harness_info(&h).ack_floor, 0);
	cr_expect_eq(ack(&h, 1), NC_OK);
	cr_expect_eq(harness_info(&h).ack_floor, 1);
	cr_expect_eq(ack(&h, 2), NC_OK);
	cr_expect_eq(harness_info(&h).ack_floor, 3);
	cr_expect_eq(harness_info(&h).in_flight, 1);
	cr_expect_eq(ack(&h, 4), NC_OK);
	cr_expect_eq(harness_info(&h).ack_floor, 4);
	nc_sub_free(h.sub);
}

/* With two in flight at most, and offered what its window takes; the first that it did not take. */
static struct harness filled(uint64_t *position_out)
{
	struct harness h = harness_push();
	h.definition.max_in_flight = 2;
	harness_open(&h);
	for (*position_out = 1; harness_offer_key(&h, *position_out, NULL) == NC_OK;)
		++*position_out;
	return h;
}

Test(subscription, gives_no_more_than_max_in_flight_and_holds_no_more_than_its_window)
{
	uint64_t position;
	struct harness h = filled(&position);
	cr_expect_eq(position - 1, 2 + NC_SUB_AHEAD);
	struct nc_sub_want want;
	nc_sub_want(h.sub, &want);
	cr_expect_eq(want.kind, NC_SUB_WANT_NOTHING);
	expect_step(&h, "1/1 2/1");
	ack(&h, 2);
	expect_step(&h, "3/1");
	nc_sub_free(h.sub);
}

Test(subscription, a_replay_finds_room_where_the_window_is_full)
{
	struct harness h = harness_push();
	h.definition.max_in_flight = 1;
	harness_open(&h);
	const struct nc_sub_event parked = { .position = 1 };
	harness_offer(&h, 1, 1);
	expect_step(&h, "1/1");
	term(&h, 1);
	expect_step(&h, "P1");
	uint64_t position = 2;
	while (harness_offer_key(&h, position, NULL) == NC_OK)
		position++;
	expect_step(&h, "2/1");
	cr_expect_eq(harness_info(&h).room, 0);
	cr_expect_eq(harness_info(&h).replay_room, NC_SUB_AHEAD);
	cr_expect_eq(nc_sub_replay(h.sub, &parked), NC_OK);
	ack(&h, 2);
	expect_step(&h, "1/1");
	nc_sub_free(h.sub);
}

Test(subscription, what_is_decided_is_said_without_delivering_what_is_ready)
{
	struct harness h = harness_push();
	struct nc_sub_action action;
	harness_open(&h);
	harness_offer(&h, 1, 1);
	expect_step(&h, "1/1");
	harness_offer(&h, 2, 2);
	term(&h, 1);
	cr_assert(nc_sub_step_leaving(h.sub, &action));
	cr_expect(action.kind == NC_SUB_PARK && action.position == 1 && !action.replay);
	cr_expect_not(nc_sub_step_leaving(h.sub, &action));
	expect_step(&h, "2/1");
	nc_sub_free(h.sub);
}

Test(subscription, searches_for_many_at_once_while_others_wait_for_delivery)
{
	uint64_t position;
	struct harness h = filled(&position);
	struct nc_sub_want want;
	struct nc_sub_action action;
	for (uint64_t acked = 1; acked <= NC_SUB_SEARCH_MIN; acked++) {
		nc_sub_want(h.sub, &want);
		cr_assert_eq(want.kind, NC_SUB_WANT_NOTHING, "for %u", (unsigned)acked - 1);
		while (nc_sub_step(h.sub, h.now, &action))
			;
		ack(&h, acked);
	}
	nc_sub_want(h.sub, &want);
	cr_expect_eq(want.kind, NC_SUB_WANT_SCAN);
	cr_expect_eq(want.position, position);
	cr_expect_eq(want.room, NC_SUB_SEARCH_MIN);
	nc_sub_free(h.sub);
}

Test(subscription, searches_for_one_when_nothing_else_can_be_delivered)
{
	struct harness h = harness_ordered();
	uint64_t position = 1;
	while (harness_offer_key(&h, position, "busy") == NC_OK)
		position++;
	expect_step(&h, "1/1");
	ack(&h, 1);
	struct nc_sub_want want;
	nc_sub_want(h.sub, &want);
	cr_expect_eq(want.kind, NC_SUB_WANT_NOTHING, "2 waits");
	expect_step(&h, "2/1");
	nc_sub_want(h.sub, &want);
	cr_expect_eq(want.kind, NC_SUB_WANT_SCAN);
	cr_expect_eq(want.position, position);
	cr_expect_eq(want.room, 1);
	nc_sub_free(h.sub);
}

Test(subscription, delivers_again_what_is_not_answered_in_time)
{
	struct harness h = harness_push();
	h.definition.ack_wait_ms = 100;
	harness_open(&h);
	harness_offer(&h, 1, 1);
	expect_step(&h, "1/1");
	expect_after(&h, 99, "");
	cr_expect_eq(nc_sub_deadline(h.sub) <= h.now + MS, true);
	expect_after(&h, 1, "1/2");
	cr_expect_eq(nc_sub_wpi(h.sub, 1, 1, 2, h.now + 60 * MS), NC_OK);
	expect_after(&h, 100, "");
	expect_after(&h, 60, "1/3");
	cr_expect_eq(harness_info(&h).redelivered, 2);
	cr_expect_eq(ack(&h, 1), NC_OK, "the ack of any attempt counts");
	expect_after(&h, 1000, "");
	nc_sub_free(h.sub);
}

Test(subscription, a_nak_waits_by_its_own_delay_or_the_backoff)
{
	struct harness h = harness_push();
	h.definition.max_deliver = 0;
	h.definition.backoff_ms[0] = 10;
	h.definition.backoff_ms[1] = 30;
	h.definition.backoff_count = 2;
	harness_open(&h);
	harness_offer(&h, 1, 1);
	expect_step(&h, "1/1");
	nak(&h, 1, 1);
	expect_after(&h, 9, "");
	expect_after(&h, 1, "1/2");
	nak(&h, 1, 2);
	expect_after(&h, 29, "");
	expect_after(&h, 1, "1/3");
	nak(&h, 1, 3);
	expect_after(&h, 30, "1/4");
	cr_expect_eq(nak(&h, 1, 3), NC_OK, "a late NAK of an earlier attempt");
	expect_step(&h, "");
	nc_sub_nak_delay(h.sub, 1, 1, 4, 5 * MS, h.now);
	expect_after(&h, 4, "");
	expect_after(&h, 1, "1/5");
	nc_sub_nak_delay(h.sub, 1, 1, 5, 0, h.now);
	expect_step(&h, "1/6");
	nc_sub_free(h.sub);
}

Test(subscription, what_is_exhausted_is_parked_skipped_or_stops_it_all)
{
	static const char *const want[] = { "P1", "S1", "H1" };
	for (int how = NC_EXHAUSTED_PARK; how <= NC_EXHAUSTED_STOP; how++) {
		struct harness h = harness_push();
		h.definition.max_deliver = 2;
		h.definition.on_exhausted = (enum nc_exhausted)how;
		harness_open(&h);
		harness_offer(&h, 1, 1);
		expect_step(&h, "1/1");
		nak(&h, 1, 1);
		expect_step(&h, "1/2");
		nak(&h, 1, 2);
		expect_step(&h, want[how]);
		harness_offer(&h, 2, 2);
		if (how == NC_EXHAUSTED_STOP) {
			expect_step(&h, "");
			cr_expect_eq(harness_info(&h).ack_floor, 0);
			nc_sub_resume(h.sub);
			expect_step(&h, "1/1 2/1");
		} else {
			expect_step(&h, "2/1");
			cr_expect_eq(harness_info(&h).ack_floor, 1);
		}
		cr_expect_eq(harness_info(&h).parked, how == NC_EXHAUSTED_PARK);
		nc_sub_free(h.sub);
	}
}

Test(subscription, a_term_parks_with_its_reason_whatever_on_exhausted_says)
{
	struct harness h = harness_push();
	h.definition.on_exhausted = NC_EXHAUSTED_SKIP;
	harness_open(&h);
	harness_offer(&h, 1, 2);
	expect_step(&h, "1/1 2/1");
	cr_expect_eq(nc_sub_term(h.sub, 1, 1, NC_SLICE("bad\nhabit"), h.now), NC_OK);
	expect_step(&h, "P1");
	cr_expect_str_eq(h.reason, "bad habit");
	char big[400];
	for (size_t i = 0; i + 1 < sizeof big; i += 2)
		memcpy(big + i, "\xc3\xa9", 2);
	nc_sub_term(h.sub, 1, 2, nc_slice(big + 1, sizeof big - 1), h.now);
	expect_step(&h, "P2");
	cr_expect_eq(strlen(h.reason), NC_SUB_REASON_SIZE_MAX - 1, "cut before half a character");
	cr_expect_eq(harness_info(&h).parked, 2);
	nc_sub_free(h.sub);
}

Test(subscription, acks_of_another_epoch_or_beyond_the_cursor_are_stale)
{
	struct harness h = harness_delivered(2);
	cr_expect_eq(nc_sub_ack(h.sub, 2, 1, h.now), NC_CONFLICT);
	cr_expect_eq(nc_sub_ack(h.sub, 0, 1, h.now), NC_CONFLICT);
	cr_expect_eq(ack(&h, 3), NC_CONFLICT);
	cr_expect_eq(ack(&h, 0), NC_CONFLICT);
	cr_expect_eq(harness_info(&h).in_flight, 2);
	cr_expect_eq(ack(&h, 1), NC_OK);
	cr_expect_eq(ack(&h, 1), NC_OK, "once more is fine");
	nc_sub_free(h.sub);
}

Test(subscription, ack_all_takes_what_was_delivered_before)
{
	struct harness h = harness_push();
	h.definition.ack = NC_ACK_ALL;
	h.definition.max_in_flight = 3;
	harness_open(&h);
	harness_offer(&h, 1, 5);
	expect_step(&h, "1/1 2/1 3/1");
	cr_expect_eq(ack(&h, 2), NC_OK);
	cr_expect_eq(harness_info(&h).ack_floor, 2);
	expect_step(&h, "4/1 5/1");
	cr_expect_eq(ack(&h, 5), NC_OK);
	cr_expect_eq(harness_info(&h).ack_floor, 5);
	nc_sub_free(h.sub);
}

/* An acknowledgement may come twice, as where its answer was lost. */
Test(subscription, ack_all_of_a_replay_takes_nothing_along_however_often_it_comes)
{
	struct harness h = harness_acking(NC_ACK_ALL);
	harness_offer(&h, 1, 3);
	expect_step(&h, "1/1 2/1 3/1");
	cr_expect_eq(nc_sub_term(h.sub, 1, 3, nc_slice(NULL, 0), h.now), NC_OK);
	expect_step(&h, "P3");
	const struct nc_sub_event parked = { .position = 3, .size = 100 };
	cr_expect_eq(nc_sub_replay(h.sub, &parked), NC_OK);
	expect_step(&h, "3/1");
	cr_expect_eq(ack(&h, 3), NC_OK);
	cr_expect_eq(ack(&h, 3), NC_OK);
	expect_step(&h, "U3");
	cr_expect_eq(ack(&h, 3), NC_OK);
	cr_expect_eq(harness_info(&h).in_flight, 2);
	nc_sub_free(h.sub);
}

Test(subscription, ack_none_asks_for_flow_control_and_takes_silence_for_receipt)
{
	struct harness h = harness_push();
	h.definition.ack = NC_ACK_NONE;
	h.definition.max_in_flight = 4;
	harness_open(&h);
	harness_offer(&h, 1, 9);
	expect_step(&h, "1/1 2/1 F2 3/1 4/1");
	nc_sub_flowed(h.sub, 2, h.now);
	cr_expect_eq(harness_info(&h).ack_floor, 2);
	expect_step(&h, "F4 5/1 6/1");
	nc_sub_flowed(h.sub, 3, h.now);
	cr_expect_eq(harness_info(&h).ack_floor, 2, "nobody asked about 3");
	expect_after(&h, 500, "F6 7/1 8/1 9/1");
	cr_expect_eq(harness_info(&h).ack_floor, 6);
	nc_sub_free(h.sub);
}

Test(subscription, nobody_listening_is_no_attempt_and_it_waits_for_interest)
{
	struct harness h = harness_push();
	h.definition.max_deliver = 1;
	harness_open(&h);
	harness_offer(&h, 1, 2);
	expect_step(&h, "1/1 2/1");
	nc_sub_no_responders(h.sub, 1, 1, 1, h.now);
	nc_sub_no_responders(h.sub, 1, 2, 1, h.now);
	expect_step(&h, "stall");
	cr_expect_eq(harness_info(&h).in_flight, 0);
	struct nc_buf progress = { 0 };
	nc_sub_progress_take(h.sub, &progress);
	nc_buf_release(&progress);
	expect_after(&h, 250, "1/1"); /* an event probes, the others wait */
	nc_sub_no_responders(h.sub, 1, 1, 1, h.now);
	cr_expect_eq(harness_info(&h).in_flight, 0);
	cr_expect_not(nc_sub_progress_dirty(h.sub), "silence is not written to the log");
	expect_after(&h, 499, "");
	expect_after(&h, 1, "1/1");
	expect_after(&h, 499, "");
	expect_after(&h, 1, "flows 2/1");
	cr_expect(nc_sub_progress_dirty(h.sub));
	nc_sub_no_responders(h.sub, 1, 1, 1, h.now);
	expect_step(&h, "stall");
	nc_sub_heard(h.sub, h.now);
	expect_step(&h, "flows 1/1");
	nc_sub_free(h.sub);
}

Test(subscription, a_probe_that_was_written_as_an_attempt_is_taken_back)
{
	struct harness h = harness_push();
	struct nc_buf progress = { 0 };
	harness_open(&h);
	harness_offer(&h, 1, 1);
	expect_step(&h, "1/1");
	nc_sub_no_responders(h.sub, 1, 1, 1, h.now);
	expect_after(&h, 250, "stall 1/1");
	nc_sub_progress_take(h.sub, &progress);
	nc_sub_no_responders(h.sub, 1, 1, 1, h.now);
	cr_expect(nc_sub_progress_dirty(h.sub));
	nc_buf_release(&progress);
	nc_sub_free(h.sub);
}

Test(subscription, a_transient_one_goes_when_nobody_has_listened)
{
	struct harness h = harness_push();
	h.definition.durable = false;
	h.definition.inactive_ms = 2000;
	harness_open(&h);
	expect_after(&h, 500, "B");
	expect_after(&h, 500, ""); /* heard */
	expect_after(&h, 500, "B");
	nc_sub_nobody(h.sub, h.now);
	expect_step(&h, "stall");
	expect_after(&h, 250, "B");
	nc_sub_nobody(h.sub, h.now);
	expect_after(&h, 1249, "B");
	nc_sub_nobody(h.sub, h.now);
	expect_after(&h, 1, "gone");
	expect_after(&h, 10, "");
	nc_sub_free(h.sub);
}

Test(subscription, live_and_catch_up_meet_without_gap_or_double)
{
	struct harness h = harness_push();
	h.definition.max_in_flight = 1;
	harness_open(&h);
	struct nc_sub_event live = { .position = 5, .size = 1, .live = true };
	cr_expect_eq(nc_sub_offer(h.sub, &live), NC_BUSY);
	harness_offer(&h, 2, 2);
	nc_sub_scanned_to_head(h.sub, 4);
	cr_expect_eq(nc_sub_offer(h.sub, &live), NC_OK);
	cr_expect_eq(nc_sub_offer(h.sub, &live), NC_OK);
	harness_offer(&h, 2, 5);
	cr_expect_eq(harness_info(&h).pending, 2);
	cr_expect(harness_info(&h).pending_known);
	int err = NC_OK;
	for (live.position = 6; err == NC_OK; live.position++)
		err = nc_sub_offer(h.sub, &live);
	cr_expect_eq(err, NC_FULL);
	struct nc_sub_info info = harness_info(&h);
	cr_expect_not(info.at_head, "it fell behind");
	cr_expect_eq(nc_sub_offer(h.sub, &live), NC_BUSY);
	struct nc_sub_want want;
	for (want.kind = NC_SUB_WANT_NOTHING; want.kind == NC_SUB_WANT_NOTHING;) {
		struct nc_sub_action action;
		cr_assert(nc_sub_step(h.sub, h.now, &action), "it stands still");
		ack(&h, action.position);
		nc_sub_want(h.sub, &want);
	}
	cr_expect_eq(want.kind, NC_SUB_WANT_SCAN);
	cr_expect_eq(want.position, info.cursor + 1);
	nc_sub_free(h.sub);
}

Test(subscription, a_paused_one_delivers_nothing_and_still_takes_acks)
{
	struct harness h = harness_opened();
	harness_offer(&h, 1, 2);
	nc_sub_pause(h.sub);
	expect_step(&h, "");
	nc_sub_resume(h.sub);
	expect_step(&h, "1/1 2/1");
	nc_sub_pause(h.sub);
	cr_expect_eq(ack(&h, 1), NC_OK);
	expect_after(&h, 30000, "");
	nc_sub_resume(h.sub);
	expect_step(&h, "2/2");
	nc_sub_free(h.sub);
}

Test(subscription, seek_moves_it_in_a_new_epoch)
{
	struct harness h = harness_delivered(5);
	nc_sub_seek(h.sub, 2, 2, h.now);
	cr_expect_eq(ack(&h, 3), NC_CONFLICT);
	struct nc_sub_want want;
	nc_sub_want(h.sub, &want);
	cr_expect_eq(want.position, 3);
	harness_offer(&h, 3, 4);
	expect_step(&h, "3/1 4/1");
	cr_expect_eq(nc_sub_ack(h.sub, 2, 3, h.now), NC_OK);
	cr_expect_eq(harness_info(&h).ack_floor, 3);
	nc_sub_free(h.sub);
}

static int offer_of(struct harness *h, uint64_t position, uint64_t version, uint64_t time_ns,
                    bool live)
{
	const struct nc_sub_event event = { .position = position,
		                            .version = version,
		                            .time_ns = time_ns,
		                            .size = 1,
		                            .live = live };
	return nc_sub_offer(h->sub, &event);
}

Test(subscription, gives_nothing_below_its_floor_live_or_found)
{
	struct harness h = harness_opened();
	nc_sub_floor(h.sub, &(struct nc_floor){ .version = 4 });
	cr_expect_eq(offer_of(&h, 1, 1, 0, false), NC_OK);
	cr_expect_eq(offer_of(&h, 3, 2, 0, false), NC_OK);
	nc_sub_scanned_to_head(h.sub, 4);
	cr_expect_eq(offer_of(&h, 5, 3, 0, true), NC_OK);
	expect_step(&h, "");
	cr_expect(harness_info(&h).at_head && harness_info(&h).pending == 0);
	cr_expect_eq(offer_of(&h, 9, 4, 0, true), NC_OK);
	cr_expect_eq(offer_of(&h, 10, 5, 0, true), NC_OK);
	expect_step(&h, "9/1 10/1");
	nc_sub_free(h.sub);
}

Test(subscription, a_floor_by_time_takes_the_moment_itself)
{
	struct harness h = harness_opened();
	nc_sub_floor(h.sub, &(struct nc_floor){ .time_ns = 1000 });
	nc_sub_scanned_to_head(h.sub, 0);
	cr_expect_eq(offer_of(&h, 1, 7, 999, true), NC_OK);
	cr_expect_eq(offer_of(&h, 2, 8, 1000, true), NC_OK);
	cr_expect_eq(offer_of(&h, 3, 1, 1000, true), NC_OK);
	expect_step(&h, "2/1 3/1");
	nc_sub_free(h.sub);
}

Test(subscription, below_its_floor_a_full_window_is_none)
{
	struct harness h = harness_push();
	h.definition.max_in_flight = 1;
	h.definition.order = NC_ORDER_GLOBAL;
	harness_open(&h);
	nc_sub_floor(h.sub, &(struct nc_floor){ .version = 100000 });
	nc_sub_scanned_to_head(h.sub, 0);
	for (uint64_t position = 1; position <= 10000; position++)
		cr_assert_eq(offer_of(&h, position, position, 0, true), NC_OK);
	cr_expect(harness_info(&h).at_head, "nothing was missed that a search has to find");
	nc_sub_free(h.sub);
}

Test(subscription, a_seek_drops_the_floor)
{
	struct harness h = harness_opened();
	nc_sub_floor(h.sub, &(struct nc_floor){ .version = 4 });
	nc_sub_seek(h.sub, 2, 0, h.now);
	cr_expect_eq(offer_of(&h, 1, 1, 0, false), NC_OK);
	expect_step(&h, "1/1");
	nc_sub_floor(h.sub, &(struct nc_floor){ .version = 3 });
	cr_expect_eq(offer_of(&h, 2, 2, 0, false), NC_OK);
	expect_step(&h, "");
	nc_sub_free(h.sub);
}
