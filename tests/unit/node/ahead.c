/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/node/subs/ahead.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct nc_ahead_stock stock;
static struct nc_ahead ahead;

static void teardown(void)
{
	nc_ahead_clear(&ahead, &stock);
	cr_expect_eq(stock.taken, 0, "all portions came back");
	nc_ahead_stock_release(&stock);
}

TestSuite(ahead, .fini = teardown);

/* An event that says in its data where it stands. */
static void put(struct nc_ahead_portion *portion, uint64_t position, bool bare)
{
	char data[32], id[] = "an-id";
	int size = snprintf(data, sizeof data, "at %llu", (unsigned long long)position);
	const struct nc_event event = { .position = position,
		                        .version = 1,
		                        .stream = NC_SLICE("s"),
		                        .type = NC_SLICE("T"),
		                        .id = nc_slice_str(id),
		                        .data = nc_slice(data, (size_t)size) };
	nc_ahead_put(portion, "es.shop", &event, bare);
}

/* Every `step`th position from `first` on. */
static struct nc_ahead_portion *portion(uint64_t first, uint32_t count, uint64_t step)
{
	struct nc_ahead_portion *made = nc_ahead_take(&stock, count);
	cr_assert_not_null(made);
	for (uint32_t i = 0; i < count; i++)
		put(made, first + i * step, false);
	return made;
}

static bool has(uint64_t position)
{
	struct nc_ahead_message message;
	if (!nc_ahead_find(&ahead, position, &message))
		return false;
	char data[32], line[48];
	(void)snprintf(data, sizeof data, "at %llu", (unsigned long long)position);
	int size = snprintf(line, sizeof line, "\r\nEs-Position: %llu\r\n",
	                    (unsigned long long)position);
	cr_expect(nc_slice_is(message.data, data));
	cr_expect_eq(message.data_size, strlen(data));
	cr_expect(nc_slice_starts(message.head, NC_SLICE("NATS/1.0\r\nEs-Stream: s\r\n")));
	cr_expect_not_null(memmem(message.head.data, message.head.size, line, (size_t)size));
	return true;
}

Test(ahead, finds_what_was_added_and_nothing_else)
{
	cr_expect_not(has(1));
	nc_ahead_add(&ahead, &stock, portion(10, 5, 1), 100);
	nc_ahead_add(&ahead, &stock, portion(20, 4, 7), 100);
	for (uint64_t position = 1; position < 60; position++) {
		bool is = (position >= 10 && position < 15) ||
		          (position >= 20 && position <= 41 && (position - 20) % 7 == 0);
		cr_expect_eq(has(position), is, "%llu", (unsigned long long)position);
	}
}

Test(ahead, keeps_no_more_of_a_portion_than_was_taken_of_what_it_found)
{
	nc_ahead_add(&ahead, &stock, portion(1, 10, 1), 4);
	cr_expect(has(4));
	cr_expect_not(has(5));
	nc_ahead_add(&ahead, &stock, portion(5, 10, 1), 4);
	cr_expect_not(has(5));
	cr_expect_eq(stock.taken, 1, "one of which nothing was taken goes back");
}

Test(ahead, lets_go_of_a_portion_when_all_of_it_has_been_delivered)
{
	nc_ahead_add(&ahead, &stock, portion(1, 10, 1), 10);
	nc_ahead_add(&ahead, &stock, portion(11, 10, 1), 20);
	nc_ahead_pass(&ahead, &stock, 9);
	cr_expect(has(1));
	nc_ahead_pass(&ahead, &stock, 10);
	cr_expect_not(has(10));
	cr_expect(has(11));
	nc_ahead_pass(&ahead, &stock, 20);
	cr_expect_not(has(20));
	cr_expect_eq(stock.taken, 0);
}

Test(ahead, keeps_nothing_longer_than_from_one_call_to_the_next_but_one)
{
	nc_ahead_age(&ahead, &stock);
	nc_ahead_add(&ahead, &stock, portion(1, 10, 1), 10);
	nc_ahead_age(&ahead, &stock);
	nc_ahead_add(&ahead, &stock, portion(11, 10, 1), 20);
	struct nc_ahead_portion *begun_before = portion(21, 10, 1);
	begun_before->old = true;
	nc_ahead_add(&ahead, &stock, begun_before, 30);
	cr_expect(has(1) && has(11) && has(21));
	nc_ahead_age(&ahead, &stock);
	cr_expect_not(has(1));
	cr_expect(has(11));
	nc_ahead_age(&ahead, &stock);
	cr_expect_not(has(11) || has(21));
	nc_ahead_add(&ahead, &stock, portion(31, 1, 1), 31);
	nc_ahead_age(&ahead, &stock);
	cr_expect(has(31), "in memory that was old it is new");
}

Test(ahead, begins_anew_when_a_search_does)
{
	nc_ahead_add(&ahead, &stock, portion(50, 10, 1), 100);
	nc_ahead_add(&ahead, &stock, portion(5, 10, 1), 100);
	cr_expect(has(5));
	cr_expect_not(has(50));
}

Test(ahead, takes_no_more_than_its_stock_has)
{
	struct nc_ahead_portion *taken[NC_AHEAD_PORTIONS_MAX];
	for (uint32_t i = 0; i < NC_AHEAD_PORTIONS_MAX; i++) {
		taken[i] = nc_ahead_take(&stock, 1);
		cr_assert_not_null(taken[i]);
	}
	cr_expect_null(nc_ahead_take(&stock, 1));
	nc_ahead_give_back(&stock, taken[0]);
	taken[0] = nc_ahead_take(&stock, 100);
	cr_assert_not_null(taken[0]);
	for (uint32_t i = 0; i < NC_AHEAD_PORTIONS_MAX; i++)
		nc_ahead_give_back(&stock, taken[i]);
}

Test(ahead, is_full_by_events_or_by_bytes)
{
	static char large[NC_AHEAD_PORTION_SIZE];
	struct nc_ahead_portion *few = portion(1, 3, 1);
	cr_expect(nc_ahead_full(few));
	nc_ahead_give_back(&stock, few);
	struct nc_ahead_portion *many = nc_ahead_take(&stock, 1000);
	cr_assert_not_null(many);
	cr_expect_not(nc_ahead_full(many), "with the memory of one that was full");
	const struct nc_event event = { .position = 1, .data = nc_slice(large, sizeof large) };
	nc_ahead_put(many, "es.shop", &event, false);
	cr_expect(nc_ahead_full(many));
	nc_ahead_give_back(&stock, many);
}

Test(ahead, without_data_tells_its_size)
{
	struct nc_ahead_message message;
	struct nc_ahead_portion *bare = nc_ahead_take(&stock, 1);
	cr_assert_not_null(bare);
	put(bare, 7, true);
	nc_ahead_add(&ahead, &stock, bare, 7);
	cr_assert(nc_ahead_find(&ahead, 7, &message));
	cr_expect_eq(message.data.size, 0);
	cr_expect_eq(message.data_size, strlen("at 7"));
}
