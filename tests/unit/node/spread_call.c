/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What nodes ask each other about the subscriptions that they share: nothing but what was meant is
 * understood. */
#include "core/node/spread/spread_call.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_again(struct nc_spread_call call)
{
	struct nc_buf buf = { 0 };
	struct nc_spread_call again;
	nc_spread_call_put(&buf, &call);
	cr_assert_eq(nc_spread_call_get(nc_buf_slice(&buf), &again), NC_OK);
	cr_expect_eq(again.verb, call.verb);
	cr_expect_eq(again.renewal.boot, call.renewal.boot);
	cr_expect_eq(again.renewal.released, call.renewal.released);
	cr_expect_eq(again.renewal.leaving, call.renewal.leaving);
	cr_expect_eq(again.term, call.term);
	cr_expect_eq(again.boot, call.boot);
	cr_expect_eq(again.number, call.number);
	cr_expect_eq(again.applied, call.applied);
	cr_expect_eq(again.epoch, call.epoch);
	cr_expect(nc_slice_eq(again.command, call.command));
	cr_expect(nc_slice_eq(again.endpoint, call.endpoint));
	cr_expect(nc_slice_eq(again.name, call.name));
	cr_expect(nc_slice_eq(again.reply, call.reply));
	cr_expect(nc_slice_eq(again.body, call.body));
	cr_expect(nc_slice_eq(again.after, call.after));
	cr_expect(nc_slice_eq(again.through, call.through));
	cr_expect_eq(again.form, call.form);
	cr_expect_eq(again.anew, call.anew);
	for (size_t size = 0; size < buf.size; size++)
		cr_expect_eq(nc_spread_call_get(nc_slice(buf.data, size), &again), NC_INVALID);
	nc_buf_put_u8(&buf, 0);
	cr_expect_eq(nc_spread_call_get(nc_buf_slice(&buf), &again), NC_INVALID,
	             "something follows");
	nc_buf_release(&buf);
}

Test(spread_call, is_read_as_it_was_written_and_not_otherwise)
{
	expect_again((struct nc_spread_call){ .verb = NC_SPREAD_RENEW,
	                                      .renewal = { UINT64_MAX, 77, true } });
	expect_again((struct nc_spread_call){ .verb = NC_SPREAD_COMMAND,
	                                      .term = 3,
	                                      .boot = 9,
	                                      .number = UINT64_C(1) << 40,
	                                      .command = NC_SLICE("\x01\x00\x02") });
	expect_again((struct nc_spread_call){ .verb = NC_SPREAD_REQUEST,
	                                      .applied = 123456,
	                                      .endpoint = NC_SLICE("sub-next"),
	                                      .name = NC_SLICE("billing"),
	                                      .reply = NC_SLICE("_INBOX.x.1"),
	                                      .body = NC_SLICE("{\"batch\":10}") });
	expect_again((struct nc_spread_call){
	        .verb = NC_SPREAD_YIELD, .name = NC_SLICE("billing"), .epoch = UINT64_MAX });
	expect_again((struct nc_spread_call){ .verb = NC_SPREAD_SURVEY,
	                                      .applied = 123456,
	                                      .form = NC_STANDING_WIDE,
	                                      .after = NC_SLICE("a"),
	                                      .through = NC_SLICE("billing") });
	expect_again((struct nc_spread_call){ .verb = NC_SPREAD_SURVEY,
	                                      .through = NC_SLICE("billing") });
	expect_again((struct nc_spread_call){ .verb = NC_SPREAD_TRANSIENT, .anew = true });
	expect_again((struct nc_spread_call){ .verb = NC_SPREAD_TRANSIENT,
	                                      .body = NC_SLICE("\x01\xa1"
	                                                       "a\x00\xa2"
	                                                       "bc") });
	expect_again((struct nc_spread_call){ .verb = NC_SPREAD_ANSWERED,
	                                      .applied = 123456,
	                                      .body = NC_SLICE("12345678abcdefgh") });
	expect_again((struct nc_spread_call){ .verb = NC_SPREAD_FLIGHT,
	                                      .name = NC_SLICE("billing"),
	                                      .epoch = 3,
	                                      .position = UINT64_MAX });
}

Test(spread_call, a_word_on_a_delivery_is_read_as_it_was_written_and_not_otherwise)
{
	struct nc_buf buf = { 0 };
	enum nc_sub_word word;
	for (int says = NC_SUB_WORD_STALE; says < NC_SUB_WORD_LATER; says++) {
		nc_buf_clear(&buf);
		nc_spread_word_put(&buf, (enum nc_sub_word)says);
		cr_assert_eq(nc_spread_word_get(nc_buf_slice(&buf), &word), NC_OK);
		cr_expect_eq(word, says);
		cr_expect_eq(nc_spread_word_get(nc_slice(buf.data, buf.size - 1), &word),
		             NC_INVALID);
	}
	nc_buf_clear(&buf);
	nc_spread_word_put(&buf, NC_SUB_WORD_LATER);
	cr_expect_eq(nc_spread_word_get(nc_buf_slice(&buf), &word), NC_INVALID, "no word at all");
	nc_buf_put_u8(&buf, 0);
	cr_expect_eq(nc_spread_word_get(nc_buf_slice(&buf), &word), NC_INVALID);
	nc_buf_release(&buf);
}

/* What an earlier build does with a call of a later one: who asked goes on without. */
Test(spread_call, does_not_understand_a_verb_that_came_later)
{
	struct nc_buf buf = { 0 };
	struct nc_spread_call again;
	nc_spread_call_put(&buf, &(struct nc_spread_call){ .verb = NC_SPREAD_FLIGHT });
	cr_assert_eq(buf.data[1], NC_SPREAD_FLIGHT);
	for (unsigned verb = NC_SPREAD_FLIGHT + 1; verb < 128; verb++) {
		buf.data[1] = (uint8_t)verb;
		cr_expect_eq(nc_spread_call_get(nc_buf_slice(&buf), &again), NC_INVALID);
	}
	nc_buf_release(&buf);
}

static int held_as(struct nc_slice names)
{
	struct nc_buf buf = { 0 };
	struct nc_spread_call again;
	nc_spread_call_put(&buf,
	                   &(struct nc_spread_call){ .verb = NC_SPREAD_TRANSIENT, .body = names });
	int err = nc_spread_call_get(nc_buf_slice(&buf), &again);
	nc_buf_release(&buf);
	return err;
}

Test(spread_call, takes_no_list_of_transient_ones_that_holds_something_else)
{
	cr_expect_eq(held_as(NC_SLICE("\x01\xa1"
	                              "a")),
	             NC_OK);
	cr_expect_eq(held_as(NC_SLICE("\x02\xa1"
	                              "a")),
	             NC_INVALID, "neither held nor gone");
	cr_expect_eq(held_as(NC_SLICE("\x01\xa1.")), NC_INVALID, "not a name");
	cr_expect_eq(held_as(NC_SLICE("\x01\xa0")), NC_INVALID, "an empty one");
	cr_expect_eq(held_as(NC_SLICE("\x01\xa2"
	                              "a")),
	             NC_INVALID, "cut short");
}

static int asked_behind(struct nc_slice after)
{
	struct nc_buf buf = { 0 };
	struct nc_spread_call again;
	nc_spread_call_put(&buf,
	                   &(struct nc_spread_call){ .verb = NC_SPREAD_SURVEY, .after = after });
	int err = nc_spread_call_get(nc_buf_slice(&buf), &again);
	nc_buf_release(&buf);
	return err;
}

Test(spread_call, takes_no_place_among_names_that_no_string_holds)
{
	char longest[65];
	memset(longest, 'z', sizeof longest);
	cr_expect_eq(asked_behind(nc_slice(longest, 64)), NC_OK);
	cr_expect_eq(asked_behind(nc_slice(longest, 65)), NC_INVALID);
	cr_expect_eq(asked_behind(nc_slice("a\0b", 3)), NC_INVALID);
}

static void expect_survives(struct nc_spread_call call)
{
	struct nc_buf buf = { 0 };
	struct nc_spread_call again;
	nc_spread_call_put(&buf, &call);
	for (size_t i = 0; i < buf.size; i++) {
		uint8_t kept = buf.data[i];
		for (unsigned byte = 0; byte < 256; byte++) {
			buf.data[i] = (uint8_t)byte;
			int err = nc_spread_call_get(nc_buf_slice(&buf), &again);
			cr_expect(err == NC_OK || err == NC_INVALID);
		}
		buf.data[i] = kept;
	}
	nc_buf_release(&buf);
}

Test(spread_call, survives_any_single_changed_byte)
{
	expect_survives((struct nc_spread_call){ .verb = NC_SPREAD_REQUEST,
	                                         .endpoint = NC_SLICE("sub-info"),
	                                         .name = NC_SLICE("w"),
	                                         .reply = NC_SLICE("r"),
	                                         .body = NC_SLICE("{}") });
	expect_survives((struct nc_spread_call){ .verb = NC_SPREAD_SURVEY,
	                                         .form = NC_STANDING_WIDE,
	                                         .after = NC_SLICE("a"),
	                                         .through = NC_SLICE("w") });
}

Test(spread_call, answers_are_read_as_they_were_written)
{
	struct nc_buf grant_bytes = { 0 }, result_bytes = { 0 };
	struct nc_spread_grant grant;
	struct nc_spread_result result;
	nc_spread_grant_put(&grant_bytes, &(struct nc_spread_grant){ UINT64_MAX, 4 });
	cr_assert_eq(nc_spread_grant_get(nc_buf_slice(&grant_bytes), &grant), NC_OK);
	cr_expect_eq(grant.applied, UINT64_MAX);
	cr_expect_eq(grant.clear, 4u);
	nc_spread_result_put(&result_bytes, &(struct nc_spread_result){ 12, 404, 10014 });
	cr_assert_eq(nc_spread_result_get(nc_buf_slice(&result_bytes), &result), NC_OK);
	cr_expect_eq(result.index, 12u);
	cr_expect_eq(result.code, 404);
	cr_expect_eq(result.err_code, 10014);
	cr_expect_eq(nc_spread_grant_get(nc_buf_slice(&result_bytes), &grant), NC_INVALID);
	cr_expect_eq(nc_spread_result_get(nc_buf_slice(&grant_bytes), &result), NC_INVALID);
	nc_buf_release(&grant_bytes);
	nc_buf_release(&result_bytes);
}
