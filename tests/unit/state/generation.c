/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables of a generation, where somebody chooses ids and names so that they would meet in one
 * place of a table that hashes by CRC. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/base/crc32c.h"
#include "storage/state/held_private.h"

#define COUNT 4096u

/* Names of eight bytes, all of the same CRC-32C. The CRC is linear: what a bit of the last four
 * bytes changes does not depend on the others, and any change of it can be put together from such
 * bits. */
static uint32_t change_of[32]; /* with bit i alone to be changed of the CRC: which bits do so */

static uint32_t crc_of(uint32_t begin, uint32_t end)
{
	const uint32_t words[2] = { begin, end };
	return nc_crc32c(0, words, sizeof words);
}

/* Gauss-Jordan elimination over single bits. */
static void solve(void)
{
	uint32_t left[32], right[32];
	for (unsigned i = 0; i < 32; i++) {
		right[i] = UINT32_C(1) << i;
		left[i] = crc_of(0, right[i]) ^ crc_of(0, 0);
	}
	for (unsigned bit = 0; bit < 32; bit++) {
		unsigned row = bit;
		while (row < 32 && (left[row] >> bit & 1) == 0)
			row++;
		cr_assert_lt(row, 32);
		uint32_t swapped[2] = { left[row], right[row] };
		left[row] = left[bit];
		right[row] = right[bit];
		left[bit] = swapped[0];
		right[bit] = swapped[1];
		for (unsigned other = 0; other < 32; other++) {
			if (other != bit && (left[other] >> bit & 1) != 0) {
				left[other] ^= left[bit];
				right[other] ^= right[bit];
			}
		}
	}
	memcpy(change_of, right, sizeof change_of);
}

static void name_make(uint32_t i, uint32_t name_out[2])
{
	uint32_t wrong = crc_of(i, 0);
	name_out[0] = i;
	name_out[1] = 0;
	for (unsigned bit = 0; bit < 32; bit++) {
		if ((wrong >> bit & 1) != 0)
			name_out[1] ^= change_of[bit];
	}
	cr_assert_eq(crc_of(name_out[0], name_out[1]), 0);
}

/* The longest of `count` chains. */
static unsigned longest(const unsigned *lengths, size_t count)
{
	unsigned most = 0;
	for (size_t i = 0; i < count; i++)
		most = lengths[i] > most ? lengths[i] : most;
	return most;
}

/* Of so many that are thrown by chance into as many chains, none has more than a few. */
#define LONGEST_MAX 32u

Test(generation, ids_that_were_chosen_to_meet_do_not)
{
	static unsigned lengths[COUNT * 4];
	struct nc_held *held = nc_held_new(0);
	struct nc_id_row row;
	solve();
	for (uint32_t i = 1; i <= COUNT; i++) {
		uint32_t name[2], at = 0;
		name_make(i, name);
		struct nc_event_keys keys = { .stream_id = 1,
			                      .version = i,
			                      .type_id = 1,
			                      .category_id = 1,
			                      .id = nc_slice(name, sizeof name) };
		cr_assert_eq(nc_held_add(held, i, &keys), NC_OK);
		cr_assert_eq(nc_held_ids(held, keys.id, i, &at, &row, 1), 1);
		cr_assert_eq(row.position, i);
	}
	cr_assert_leq(held->id_head_count, COUNT * 4);
	for (uint32_t i = 0; i < held->id_count; i++)
		lengths[held->ids[i].hash & (held->id_head_count - 1)]++;
	cr_expect_lt(longest(lengths, held->id_head_count), LONGEST_MAX);
	nc_held_free(held);
}

Test(generation, names_that_were_chosen_to_meet_do_not)
{
	static unsigned lengths[COUNT * 4];
	struct nc_held *held = nc_held_new(0);
	solve();
	for (uint32_t i = 1; i <= COUNT; i++) {
		uint32_t name[2];
		name_make(i, name);
		struct nc_slice key = nc_slice(name, sizeof name);
		cr_assert_eq(nc_held_row_put(held, i, key, key, false), NC_OK);
		const struct nc_held_value *value = nc_held_row_get(held, key, i);
		cr_assert_not_null(value);
		cr_assert_eq(value->sequence, i);
	}
	cr_assert_leq(held->row_head_count, COUNT * 4);
	for (uint32_t i = 0; i < held->row_count; i++)
		lengths[held->rows[i].hash & (held->row_head_count - 1)]++;
	cr_expect_lt(longest(lengths, held->row_head_count), LONGEST_MAX);
	nc_held_free(held);
}
