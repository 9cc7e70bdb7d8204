/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What nodes ask each other for when one needs a state: nothing but what was meant is understood.
 */
#include "core/node/data/state_call.h"

#include <criterion/criterion.h>

static void expect_again(struct nc_state_call call)
{
	struct nc_buf buf = { 0 };
	struct nc_state_call again;
	nc_state_call_put(&buf, &call);
	cr_assert_eq(nc_state_call_get(nc_buf_slice(&buf), &again), NC_OK);
	cr_expect_eq(again.verb, call.verb);
	cr_expect_eq(again.index, call.index);
	cr_expect_eq(again.file, call.file);
	cr_expect_eq(again.offset, call.offset);
	cr_expect_eq(again.size, call.size);
	cr_expect_arr_eq(again.id, call.id, NC_SNAPSHOT_ID_SIZE);
	for (size_t size = 0; size < buf.size; size++)
		cr_expect_eq(nc_state_call_get(nc_slice(buf.data, size), &again), NC_INVALID);
	nc_buf_put_u8(&buf, 0);
	cr_expect_eq(nc_state_call_get(nc_buf_slice(&buf), &again), NC_INVALID,
	             "something follows");
	nc_buf_release(&buf);
}

Test(state_call, is_read_as_it_was_written_and_not_otherwise)
{
	expect_again((struct nc_state_call){ .verb = NC_STATE_OPEN, .index = UINT64_MAX });
	expect_again((struct nc_state_call){ .verb = NC_STATE_READ,
	                                     .id = { 1, 2, 3 },
	                                     .file = 7,
	                                     .offset = UINT64_C(1) << 40,
	                                     .size = 512u << 10 });
	expect_again((struct nc_state_call){ .verb = NC_STATE_CLOSE, .id = { 9 } });
}

Test(state_call, survives_any_single_changed_byte)
{
	struct nc_buf buf = { 0 };
	struct nc_state_call again;
	nc_state_call_put(&buf, &(struct nc_state_call){ .verb = NC_STATE_READ, .size = 4096 });
	for (size_t at = 0; at < buf.size; at++) {
		for (unsigned value = 0; value < 256; value++) {
			uint8_t was = buf.data[at];
			buf.data[at] = (uint8_t)value;
			if (nc_state_call_get(nc_buf_slice(&buf), &again) == NC_OK) {
				cr_expect(again.verb >= NC_STATE_OPEN &&
				          again.verb <= NC_STATE_CLOSE);
			}
			buf.data[at] = was;
		}
	}
	nc_buf_release(&buf);
}

Test(state_call, chunk_bears_the_hash_of_its_bytes)
{
	struct nc_buf buf = { 0 };
	const uint8_t *sha256;
	uint8_t want[NC_SHA256_SIZE];
	struct nc_slice bytes, sent = NC_SLICE("some bytes of a table");
	nc_state_chunk_put(&buf, sent);
	cr_assert_eq(nc_state_chunk_get(nc_buf_slice(&buf), &sha256, &bytes), NC_OK);
	nc_sha256(&sent, 1, want);
	cr_expect_arr_eq(sha256, want, NC_SHA256_SIZE);
	cr_expect(nc_slice_eq(bytes, sent));
	for (size_t size = 0; size < buf.size; size++) {
		cr_expect_eq(nc_state_chunk_get(nc_slice(buf.data, size), &sha256, &bytes),
		             NC_INVALID);
	}
	nc_buf_release(&buf);
}
