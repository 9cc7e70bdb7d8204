/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/base/fifo.h */
#include <criterion/criterion.h>

#include "core/base/fifo.h"

struct item {
	struct nc_fifo_link link;
	int number;
};

/* Of 1, 2, 3 one is taken out; then 4 comes, and the rest is taken. */
static void without(int number)
{
	struct nc_fifo fifo = { 0 };
	struct item items[] = {
		{ .number = 1 }, { .number = 2 }, { .number = 3 }, { .number = 4 }
	};
	for (size_t i = 0; i < 3; i++)
		nc_fifo_put(&fifo, &items[i].link);
	nc_fifo_remove(&fifo, &items[number - 1].link);
	cr_expect_eq(fifo.count, 2u);
	nc_fifo_put(&fifo, &items[3].link);
	for (int next = 1; next <= 4; next++) {
		if (next == number)
			continue;
		struct item *item = nc_fifo_take(&fifo);
		cr_assert_not_null(item);
		cr_expect_eq(item->number, next, "without %d", number);
	}
	cr_expect_null(nc_fifo_take(&fifo));
	cr_expect_eq(fifo.count, 0u);
}

Test(fifo, keeps_its_order_whichever_is_taken_out)
{
	without(1);
	without(2);
	without(3);
}

Test(fifo, is_empty_when_its_only_one_is_taken_out)
{
	struct nc_fifo fifo = { 0 };
	struct item item = { .number = 1 };
	nc_fifo_put(&fifo, &item.link);
	nc_fifo_remove(&fifo, &item.link);
	cr_expect_null(nc_fifo_take(&fifo));
	nc_fifo_put(&fifo, &item.link);
	cr_expect_eq(nc_fifo_take(&fifo), &item);
}
