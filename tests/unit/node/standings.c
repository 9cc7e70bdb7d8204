/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where subscriptions stand, as nodes tell each other: nothing but what was meant is understood.
 * And as people are told it. */
#include "core/node/spread/standings.h"

#include <criterion/criterion.h>

static struct nc_standing billing(const char *name)
{
	return (struct nc_standing){ .name = nc_slice_str(name),
		                     .state = NC_STANDING_CATCHING_UP,
		                     .epoch = UINT64_MAX,
		                     .durable = true,
		                     .push = true,
		                     .plugin = NC_SLICE("by_stream"),
		                     .pending = 1,
		                     .in_flight = 2,
		                     .redelivered = 3,
		                     .parked = 4,
		                     .ack_floor = 5,
		                     .last_delivered = UINT64_C(1) << 40,
		                     .lag_ms = 7 };
}

static void put(struct nc_buf *buf, enum nc_standing_form form, const char *const *names,
                size_t count)
{
	nc_standings_put_count(buf, count);
	for (size_t i = 0; i < count; i++) {
		const struct nc_standing standing = billing(names[i]);
		nc_standing_put(buf, &standing, form);
	}
}

Test(standings, are_read_as_they_were_written)
{
	static const char *const names[] = { "a", "billing", "billing-2" };
	struct nc_buf buf = { 0 };
	struct nc_standings standings;
	struct nc_standing found;
	put(&buf, NC_STANDING_WIDE, names, 3);
	cr_assert_eq(nc_standings_open(nc_buf_slice(&buf), NC_STANDING_WIDE, &standings), NC_OK);
	cr_assert(nc_standings_find(&standings, NC_SLICE("billing"), &found));
	const struct nc_standing want = billing("billing");
	cr_expect(nc_slice_eq(found.name, want.name));
	cr_expect(nc_slice_eq(found.plugin, want.plugin));
	cr_expect_eq(found.state, want.state);
	cr_expect_eq(found.epoch, want.epoch);
	cr_expect(found.durable && found.push && !found.logged);
	cr_expect_eq(found.pending, want.pending);
	cr_expect_eq(found.in_flight, want.in_flight);
	cr_expect_eq(found.redelivered, want.redelivered);
	cr_expect_eq(found.parked, want.parked);
	cr_expect_eq(found.ack_floor, want.ack_floor);
	cr_expect_eq(found.last_delivered, want.last_delivered);
	cr_expect_eq(found.lag_ms, want.lag_ms);
	nc_buf_release(&buf);
}

Test(standings, are_found_by_name_in_one_pass)
{
	static const char *const names[] = { "b", "d", "f" };
	struct nc_buf buf = { 0 };
	struct nc_standings standings;
	struct nc_standing found;
	put(&buf, NC_STANDING_SHORT, names, 3);
	cr_assert_eq(nc_standings_open(nc_buf_slice(&buf), NC_STANDING_SHORT, &standings), NC_OK);
	cr_expect_not(nc_standings_find(&standings, NC_SLICE("a"), &found));
	cr_expect(nc_standings_find(&standings, NC_SLICE("b"), &found));
	cr_expect_not(nc_standings_find(&standings, NC_SLICE("c"), &found));
	cr_expect_not(nc_standings_find(&standings, NC_SLICE("e"), &found));
	cr_expect(nc_standings_find(&standings, NC_SLICE("f"), &found));
	cr_expect(nc_slice_is(found.name, "f"));
	cr_expect_not(nc_standings_find(&standings, NC_SLICE("g"), &found));
	nc_buf_release(&buf);
}

static int opened(enum nc_standing_form written, enum nc_standing_form read,
                  const char *const *names, size_t count)
{
	struct nc_buf buf = { 0 };
	struct nc_standings standings;
	put(&buf, written, names, count);
	int err = nc_standings_open(nc_buf_slice(&buf), read, &standings);
	nc_buf_release(&buf);
	return err;
}

Test(standings, refuse_what_is_out_of_order_twice_of_the_other_form_or_no_name)
{
	static const char *const names[] = { "a", "b" }, *const turned[] = { "b", "a" },
	                         *const twice[] = { "a", "a" }, *const none[] = { "" },
	                         *const odd[] = { "a\"b" };
	for (int is_wide = 0; is_wide < 2; is_wide++) {
		enum nc_standing_form form = is_wide ? NC_STANDING_WIDE : NC_STANDING_SHORT;
		enum nc_standing_form other = is_wide ? NC_STANDING_SHORT : NC_STANDING_WIDE;
		cr_expect_eq(opened(form, form, names, 0), NC_OK);
		cr_expect_eq(opened(form, form, names, 2), NC_OK);
		cr_expect_eq(opened(form, other, names, 2), NC_INVALID);
		cr_expect_eq(opened(form, form, turned, 2), NC_INVALID);
		cr_expect_eq(opened(form, form, twice, 2), NC_INVALID);
		cr_expect_eq(opened(form, form, none, 1), NC_INVALID);
		cr_expect_eq(opened(form, form, odd, 1), NC_INVALID);
	}
}

Test(standings, refuse_a_state_that_no_owner_tells)
{
	for (int state = NC_STANDING_LIVE; state <= NC_STANDING_UNKNOWN + 1; state++) {
		struct nc_standing standing = billing("a");
		struct nc_buf buf = { 0 };
		struct nc_standings standings;
		standing.state = (enum nc_standing_state)state;
		nc_standings_put_count(&buf, 1);
		nc_standing_put(&buf, &standing, NC_STANDING_SHORT);
		int err = nc_standings_open(nc_buf_slice(&buf), NC_STANDING_SHORT, &standings);
		cr_expect_eq(err, state <= NC_STANDING_HALTED ? NC_OK : NC_INVALID);
		nc_buf_release(&buf);
	}
}

Test(standings, refuse_bytes_that_are_cut_or_longer_and_survive_any_changed_byte)
{
	static const char *const names[] = { "a", "b" };
	struct nc_buf buf = { 0 };
	struct nc_standings standings;
	struct nc_standing found;
	put(&buf, NC_STANDING_WIDE, names, 2);
	for (size_t size = 0; size < buf.size; size++) {
		cr_expect_eq(
		        nc_standings_open(nc_slice(buf.data, size), NC_STANDING_WIDE, &standings),
		        NC_INVALID);
	}
	for (size_t i = 0; i < buf.size; i++) {
		uint8_t kept = buf.data[i];
		for (unsigned byte = 0; byte < 256; byte++) {
			buf.data[i] = (uint8_t)byte;
			if (nc_standings_open(nc_buf_slice(&buf), NC_STANDING_WIDE, &standings) ==
			    NC_OK)
				(void)nc_standings_find(&standings, NC_SLICE("zz"), &found);
		}
		buf.data[i] = kept;
	}
	nc_buf_put_u8(&buf, 0);
	cr_expect_eq(nc_standings_open(nc_buf_slice(&buf), NC_STANDING_WIDE, &standings),
	             NC_INVALID);
	nc_buf_release(&buf);
}

static void expect_json(const struct nc_standing *standing, bool wide, const char *want)
{
	struct nc_buf buf = { 0 };
	nc_standing_put_json(&buf, standing, wide);
	cr_expect(nc_slice_is(nc_buf_slice(&buf), want), "%.*s", (int)buf.size,
	          (const char *)buf.data);
	nc_buf_release(&buf);
}

Test(standings, tell_people_what_is_known_and_nothing_else)
{
	struct nc_standing standing = billing("billing");
	standing.node = NC_SLICE("n2");
	standing.epoch = 6;
	expect_json(&standing, false, "\"name\":\"billing\",\"state\":\"catching_up\"");
	expect_json(&standing, true,
	            "\"name\":\"billing\",\"durable\":true,\"push\":true,\"plugin\":\"by_stream\","
	            "\"pending\":1,\"in_flight\":2,\"redelivered\":3,\"parked\":4,\"ack_floor\":5,"
	            "\"last_delivered\":1099511627776,\"lag_ms\":7,\"node\":\"n2\",\"epoch\":6,"
	            "\"state\":\"catching_up\"");
	standing.logged = true;
	standing.state = NC_STANDING_UNKNOWN;
	expect_json(&standing, true,
	            "\"name\":\"billing\",\"durable\":true,\"push\":true,\"plugin\":\"by_stream\","
	            "\"in_flight\":2,\"redelivered\":3,\"ack_floor\":5,"
	            "\"last_delivered\":1099511627776,\"node\":\"n2\",\"epoch\":6,"
	            "\"state\":\"unknown\",\"as_of\":\"log\"");
}
