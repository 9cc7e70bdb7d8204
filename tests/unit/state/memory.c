/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What only the state in memory does: crash on demand. */
#include <criterion/criterion.h>

#include "storage/state/memory_state.h"

static void put(struct nc_state *state, const char *key, uint64_t index)
{
	cr_assert_eq(nc_state_begin(state), NC_OK);
	cr_assert_eq(nc_state_put(state, NC_SPACE_META, nc_slice_str(key), NC_SLICE("1")), NC_OK);
	cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ index, 1 }), NC_OK);
}

Test(memory_state, a_crash_leaves_the_last_checkpoint)
{
	struct nc_state *state;
	struct nc_state_applied covered;
	cr_assert_eq(nc_memory_state_open(&state), NC_OK);
	put(state, "kept", 1);
	cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
	cr_expect_eq(covered.index, 1u);
	put(state, "lost", 2);
	cr_assert_eq(nc_state_begin(state), NC_OK);
	nc_memory_state_crash(state);

	cr_expect_eq(nc_state_applied(state).index, 1u);
	struct nc_state_reader *reader;
	struct nc_buf value = { 0 };
	cr_assert_eq(nc_state_reader_open(state, &reader), NC_OK);
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	cr_expect_eq(nc_state_get(reader, NC_SPACE_META, NC_SLICE("kept"), &value), NC_OK);
	cr_expect_eq(nc_state_get(reader, NC_SPACE_META, NC_SLICE("lost"), &value), NC_NOTFOUND);
	nc_state_reader_end(reader);
	nc_state_reader_close(reader);
	nc_buf_release(&value);
	put(state, "again", 2);
	nc_state_close(state);
}

/* Against an array of flags: random puts and removals, with a kept version that must not change. */
Test(memory_state, holds_what_was_put_and_not_removed)
{
	enum { KEYS = 500, STEPS = 20000 };
	static bool there[KEYS];
	struct nc_state *state;
	struct nc_state_reader *reader;
	uint32_t random = 1;
	cr_assert_eq(nc_memory_state_open(&state), NC_OK);
	cr_assert_eq(nc_state_begin(state), NC_OK);
	for (int step = 0; step < STEPS; step++) {
		random = random * 1664525u + 1013904223u;
		uint8_t key[2] = { (uint8_t)((random >> 16) % KEYS >> 8),
			           (uint8_t)((random >> 16) % KEYS) };
		bool add = (random >> 15 & 1) != 0;
		there[(random >> 16) % KEYS] = add;
		struct nc_slice name = nc_slice(key, 2);
		cr_assert_eq(add ? nc_state_put(state, NC_SPACE_META, name, name)
		                 : nc_state_del(state, NC_SPACE_META, name),
		             NC_OK);
	}
	cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ 1, 1 }), NC_OK);
	cr_assert_eq(nc_state_reader_open(state, &reader), NC_OK);
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	for (int round = 0; round < 2; round++) {
		struct nc_buf value = { 0 };
		for (int i = 0; i < KEYS; i++) {
			uint8_t key[2] = { (uint8_t)(i >> 8), (uint8_t)i };
			cr_expect_eq(nc_state_get(reader, NC_SPACE_META, nc_slice(key, 2), &value),
			             there[i] ? NC_OK : NC_NOTFOUND, "round %d, key %d", round, i);
		}
		nc_buf_release(&value);
		cr_assert_eq(nc_state_begin(state), NC_OK);
		for (int i = 0; i < KEYS; i++) {
			uint8_t key[2] = { (uint8_t)(i >> 8), (uint8_t)i };
			cr_assert_eq(nc_state_del(state, NC_SPACE_META, nc_slice(key, 2)), NC_OK);
		}
		cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ 2, 1 }), NC_OK);
	}
	nc_state_reader_end(reader);
	nc_state_reader_close(reader);
	cr_expect_eq(nc_state_size(state), 0u);
	nc_state_close(state);
}
