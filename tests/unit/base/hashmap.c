/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/base/hashmap.h: against an array, with hashes that collide on purpose. */
#include <criterion/criterion.h>

#include "core/base/hashmap.h"

#define IDS 300u

static bool has(const struct nc_hashmap *map, uint64_t hash, uint32_t want)
{
	struct nc_hashmap_probe probe;
	unsigned times = 0;
	for (uint32_t id = nc_hashmap_first(map, hash, &probe); id != NC_HASHMAP_NONE;
	     id = nc_hashmap_next(map, &probe))
		times += id == want;
	cr_assert_leq(times, 1);
	return times == 1;
}

Test(hashmap, an_empty_one_holds_nothing)
{
	struct nc_hashmap map = { 0 };
	cr_expect_not(has(&map, 1, 1));
	cr_expect_not(nc_hashmap_remove(&map, 1, 1));
	nc_hashmap_release(&map);
}

Test(hashmap, keeps_many_under_one_hash)
{
	struct nc_hashmap map = { 0 };
	for (uint32_t id = 0; id < IDS; id++)
		cr_assert_eq(nc_hashmap_put(&map, 42, id), NC_OK);
	cr_expect_not(nc_hashmap_remove(&map, 43, 7), "under another hash");
	for (uint32_t id = 0; id < IDS; id += 2)
		cr_assert(nc_hashmap_remove(&map, 42, id));
	for (uint32_t id = 0; id < IDS; id++)
		cr_assert_eq(has(&map, 42, id), id % 2 == 1);
	cr_expect_eq(map.count, IDS / 2);
	nc_hashmap_release(&map);
}

/* Hashes of few bits stand close together, and at the end of the table wrap around. */
static void against_an_array(uint64_t hash_count, bool high)
{
	struct nc_hashmap map = { 0 };
	uint64_t hash_of[IDS], seed = 11;
	bool in[IDS] = { false };
	for (int round = 0; round < 20000; round++) {
		seed = seed * UINT64_C(6364136223846793005) + 1;
		uint32_t id = (uint32_t)(seed >> 33) % IDS;
		if (in[id]) {
			cr_assert(nc_hashmap_remove(&map, hash_of[id], id));
		} else {
			hash_of[id] = (seed >> 20) % hash_count;
			if (high)
				hash_of[id] = UINT32_MAX - hash_of[id];
			cr_assert_eq(nc_hashmap_put(&map, hash_of[id], id), NC_OK);
		}
		in[id] = !in[id];
		for (uint32_t other = round % 7; other < IDS; other += 7) {
			if (in[other])
				cr_assert(has(&map, hash_of[other], other), "round %d", round);
		}
		cr_assert_eq(has(&map, hash_of[id], id), in[id]);
	}
	nc_hashmap_release(&map);
}

Test(hashmap, agrees_with_an_array_when_hashes_collide)
{
	against_an_array(8, false);
	against_an_array(40, true);
	against_an_array(UINT32_MAX, false);
}

Test(hashmap, hashes_of_bytes_depend_on_all_of_them)
{
	uint8_t bytes[40] = { 0 };
	for (size_t size = 0; size <= sizeof bytes; size++) {
		uint64_t zeros = nc_hash_bytes(nc_slice(bytes, size));
		if (size > 0)
			cr_expect_neq(zeros, nc_hash_bytes(nc_slice(bytes, size - 1)));
		for (size_t at = 0; at < size; at++) {
			bytes[at] = 1;
			cr_expect_neq(nc_hash_bytes(nc_slice(bytes, size)), zeros);
			bytes[at] = 0;
		}
	}
	cr_expect_neq(nc_hash_u64(1), nc_hash_u64(2));
}
