/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events that wait until it is certain whether anybody listens. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/node/service/awaited.h"

#define RECORD_MAX 1000u

static uint8_t bytes[RECORD_MAX];

static void fill(uint64_t position, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(position + i);
}

static int put(struct nc_awaited *awaited, uint64_t position, size_t size)
{
	fill(position, size);
	return nc_awaited_put(awaited,
	                      &(struct nc_awaited_event){ .mark = position / 2,
	                                                  .position = position,
	                                                  .version = position + 1,
	                                                  .time_ns = position + 2,
	                                                  .record = nc_slice(bytes, size) });
}

static void expect_first(struct nc_awaited *awaited, uint64_t position, size_t size)
{
	struct nc_awaited_event first;
	cr_assert(nc_awaited_first(awaited, &first));
	cr_assert_eq(first.position, position);
	cr_expect_eq(first.mark, position / 2);
	cr_expect_eq(first.version, position + 1);
	cr_expect_eq(first.time_ns, position + 2);
	fill(position, size);
	cr_expect(nc_slice_eq(first.record, nc_slice(bytes, size)));
}

Test(awaited, of_none_there_is_no_first)
{
	struct nc_awaited awaited = { 0 };
	struct nc_awaited_event first;
	cr_expect(!nc_awaited_first(&awaited, &first));
	nc_awaited_drop(&awaited);
	cr_expect(!nc_awaited_first(&awaited, &first));
	nc_awaited_release(&awaited);
}

static size_t size_of(uint64_t position)
{
	return position * 37 % RECORD_MAX;
}

/* Many come and go, while a few or many wait. */
Test(awaited, they_wait_in_order)
{
	struct nc_awaited awaited = { 0 };
	uint64_t last = 0, first = 1;
	for (uint64_t round = 0; round < 40; round++) {
		for (uint64_t i = 0; i < 100 + round % 7 * 50; i++) {
			last++;
			cr_assert_eq(put(&awaited, last, size_of(last)), NC_OK);
		}
		while (first + round % 5 * 20 <= last) {
			expect_first(&awaited, first, size_of(first));
			nc_awaited_drop(&awaited);
			first++;
		}
	}
	for (; first <= last; first++) {
		expect_first(&awaited, first, size_of(first));
		nc_awaited_drop(&awaited);
	}
	cr_expect_eq(awaited.bytes.size, 0);
	nc_awaited_release(&awaited);
}

Test(awaited, their_memory_has_a_bound_and_those_that_wait_stay)
{
	struct nc_awaited awaited = { 0 };
	struct nc_awaited_event first;
	uint64_t last = 0;
	int err;
	while ((err = put(&awaited, last + 1, RECORD_MAX)) == NC_OK)
		last++;
	cr_expect_eq(err, NC_FULL);
	cr_expect_leq(awaited.bytes.capacity, NC_AWAITED_SIZE_MAX);
	cr_expect_geq(last, NC_AWAITED_SIZE_MAX / (RECORD_MAX + sizeof first) - 1);
	for (uint64_t i = 1; i <= last; i++) {
		expect_first(&awaited, i, RECORD_MAX);
		nc_awaited_drop(&awaited);
	}
	cr_expect(!nc_awaited_first(&awaited, &first));
	cr_expect_eq(put(&awaited, last + 1, RECORD_MAX), NC_OK, "there is room again");
	nc_awaited_release(&awaited);
}
