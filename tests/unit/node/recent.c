/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/node/subs/recent.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct nc_recent recent;
static struct nc_buf data;

static void teardown(void)
{
	nc_recent_release(&recent);
	nc_buf_release(&data);
}

TestSuite(recent, .fini = teardown);

/* An event that says in its data where it stands, padded to `size` bytes. */
static void put(uint64_t position, size_t size)
{
	struct nc_buf record = { 0 };
	nc_buf_clear(&data);
	nc_buf_printf(&data, "%llu ", (unsigned long long)position);
	while (data.size < size)
		nc_buf_put_u8(&data, 'x');
	const struct nc_event event = { .stream = NC_SLICE("s"),
		                        .type = NC_SLICE("T"),
		                        .data = nc_buf_slice(&data) };
	nc_event_record_put(&record, &event);
	nc_recent_put(&recent, nc_buf_slice(&record), position, position * 2, position * 3);
	nc_buf_release(&record);
}

static void expect(uint64_t position)
{
	struct nc_event event;
	char begins[32];
	int size = snprintf(begins, sizeof begins, "%llu ", (unsigned long long)position);
	cr_assert(nc_recent_has(&recent, position));
	cr_assert(nc_recent_get(&recent, position, &event));
	cr_expect_eq(event.position, position);
	cr_expect_eq(event.version, position * 2);
	cr_expect_eq(event.time_ns, position * 3);
	cr_expect(nc_slice_starts(event.data, nc_slice(begins, (size_t)size)));
	cr_expect_eq(event.id.size, NC_EVENT_ID_MADE_SIZE, "as its row would name it");
}

Test(recent, has_nothing_before_something_is_put)
{
	struct nc_event event;
	cr_expect_not(nc_recent_has(&recent, 0));
	cr_expect_not(nc_recent_has(&recent, 1));
	cr_expect_not(nc_recent_get(&recent, 1, &event));
}

Test(recent, keeps_at_least_a_half_of_small_events_and_never_more_than_two)
{
	for (uint64_t position = 1; position <= 5 * NC_RECENT_HALF_EVENTS; position++) {
		put(position, 10);
		uint64_t oldest =
		        position > NC_RECENT_HALF_EVENTS ? position - NC_RECENT_HALF_EVENTS : 1;
		if (position % 97 == 0) {
			expect(position);
			expect(oldest);
		}
		if (position > 2 * NC_RECENT_HALF_EVENTS) {
			cr_assert_not(nc_recent_has(&recent, position - 2 * NC_RECENT_HALF_EVENTS));
		}
	}
}

Test(recent, is_bounded_by_bytes_too)
{
	for (uint64_t position = 1; position <= 1000; position++)
		put(position, 15000);
	expect(1000);
	expect(1000 - NC_RECENT_HALF_SIZE / 16000);
	cr_expect_not(nc_recent_has(&recent, 1000 - 2 * NC_RECENT_HALF_SIZE / 15000 - 2));
	for (int i = 0; i < 2; i++) {
		cr_expect_lt(recent.halves[i].bytes.size, NC_RECENT_HALF_SIZE + NC_RECENT_SIZE_MAX);
	}
}

Test(recent, finds_its_way_where_positions_are_left_out)
{
	for (uint64_t position = 3; position <= 3000; position += 7)
		put(position, 20);
	for (uint64_t position = 1; position <= 3010; position++) {
		if (position >= 3 && position <= 3000 && (position - 3) % 7 == 0) {
			expect(position);
		} else {
			cr_assert_not(nc_recent_has(&recent, position));
		}
	}
}

Test(recent, leaves_out_what_is_large_and_what_does_not_follow)
{
	put(1, 10);
	put(2, NC_RECENT_SIZE_MAX);
	put(3, 10);
	expect(1);
	cr_expect_not(nc_recent_has(&recent, 2));
	expect(3);
	put(3, 10);
	put(2, 10);
	cr_expect_not(nc_recent_has(&recent, 2));
	expect(3);
}

Test(recent, keeps_nothing_longer_than_from_one_call_to_the_next_but_one)
{
	put(1, 10);
	put(2, 10);
	nc_recent_age(&recent);
	expect(2);
	put(2, 10);
	put(1, 10);
	put(3, 10);
	nc_recent_age(&recent);
	cr_expect_not(nc_recent_has(&recent, 1));
	cr_expect_not(nc_recent_has(&recent, 2), "what does not follow is left out here, too");
	expect(3);
	nc_recent_age(&recent);
	cr_expect_not(nc_recent_has(&recent, 3));
	put(3, 10);
	expect(3);
	for (uint64_t position = 4; position <= 3 * NC_RECENT_HALF_EVENTS; position++)
		put(position, 10);
	for (int i = 0; i < 2; i++)
		nc_recent_age(&recent);
	cr_expect_not(nc_recent_has(&recent, 3 * NC_RECENT_HALF_EVENTS));
}

Test(recent, forgets_all_when_told_to)
{
	put(1, 10);
	put(2, 10);
	nc_recent_clear(&recent);
	cr_expect_not(nc_recent_has(&recent, 1));
	cr_expect_not(nc_recent_has(&recent, 2));
	put(1, 10);
	expect(1);
}
