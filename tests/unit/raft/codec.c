/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames: what goes in comes out, and nothing else comes in. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "core/raft/message_codec.h"

static const struct nc_raft_members some = {
	.count = 3, .at = { { 1, true }, { 7, false }, { 1ull << 40, true } }
};

static const struct nc_raft_message heartbeat = { .type = NC_RAFT_HEARTBEAT,
	                                          .from = 1,
	                                          .to = 2,
	                                          .term = 300,
	                                          .commit = 70000,
	                                          .context = 1ull << 50 };

static struct nc_buf encoded(const struct nc_raft_message *message, const struct nc_slice *payloads)
{
	struct nc_buf buf = { 0 };
	cr_assert_eq(nc_raft_frame_encode(message, payloads, &buf), NC_OK);
	return buf;
}

/* An append with a command and a configuration. */
static struct nc_buf append(void)
{
	struct nc_buf config = { 0 };
	cr_assert_eq(nc_raft_members_encode(&some, &config), NC_OK);
	const struct nc_slice payloads[] = { NC_SLICE("hello"), nc_buf_slice(&config) };
	const struct nc_raft_entry entries[] = { { .term = 4, .size = 5, .kind = NC_LOG_COMMAND },
		                                 { .term = 5,
		                                   .size = (uint32_t)config.size,
		                                   .kind = NC_LOG_CONFIG,
		                                   .members = &some } };
	struct nc_buf buf = encoded(&(struct nc_raft_message){ .type = NC_RAFT_APPEND,
	                                                       .from = 1,
	                                                       .to = 2,
	                                                       .term = 5,
	                                                       .index = 9,
	                                                       .log_term = 4,
	                                                       .entry_count = 2,
	                                                       .entries = entries },
	                            payloads);
	nc_buf_release(&config);
	return buf;
}

Test(codec, a_message_comes_out_as_it_went_in)
{
	struct nc_raft_message message = heartbeat;
	message.type = NC_RAFT_SNAPSHOT;
	message.reject = message.force = true;
	message.index = 1;
	message.log_term = 2;
	message.hint = 3;
	message.members = &some;
	struct nc_buf buf = encoded(&message, NULL);
	struct nc_raft_frame frame;
	cr_assert_eq(nc_raft_frame_decode(nc_buf_slice(&buf), &frame), NC_OK);
	cr_expect_eq(frame.message.type, NC_RAFT_SNAPSHOT);
	cr_expect(frame.message.reject && frame.message.force);
	cr_expect_eq(frame.message.from, 1);
	cr_expect_eq(frame.message.to, 2);
	cr_expect_eq(frame.message.term, 300);
	cr_expect_eq(frame.message.index, 1);
	cr_expect_eq(frame.message.log_term, 2);
	cr_expect_eq(frame.message.commit, 70000);
	cr_expect_eq(frame.message.hint, 3);
	cr_expect_eq(frame.message.context, 1ull << 50);
	cr_assert_eq(frame.message.members, &frame.members);
	cr_expect_eq(frame.members.count, 3);
	cr_expect_not(frame.members.at[1].voter);
	cr_expect_eq(frame.members.at[2].id, 1ull << 40);
	nc_raft_frame_release(&frame);
	nc_buf_release(&buf);
}

Test(codec, entries_come_with_their_payloads_and_members)
{
	struct nc_buf buf = append();
	struct nc_raft_frame frame;
	cr_assert_eq(nc_raft_frame_decode(nc_buf_slice(&buf), &frame), NC_OK);
	cr_assert_eq(frame.message.entry_count, 2);
	cr_expect_eq(frame.entries[0].term, 4);
	cr_expect_eq(frame.entries[0].size, 5);
	cr_expect_null(frame.entries[0].members);
	cr_expect(nc_slice_is(frame.payloads[0], "hello"));
	cr_assert_not_null(frame.entries[1].members);
	cr_expect_eq(frame.entries[1].members->count, 3);
	nc_raft_frame_release(&frame);
	nc_buf_release(&buf);
}

Test(codec, no_part_of_a_frame_is_a_frame_and_nothing_follows_one)
{
	struct nc_buf buf = append();
	struct nc_raft_frame frame;
	for (size_t size = 0; size < buf.size; size++)
		cr_expect_eq(nc_raft_frame_decode(nc_slice(buf.data, size), &frame), NC_INVALID);
	nc_buf_put_u8(&buf, 0);
	cr_expect_eq(nc_raft_frame_decode(nc_buf_slice(&buf), &frame), NC_INVALID);
	nc_buf_release(&buf);
}

Test(codec, another_version_is_said_to_be_one)
{
	struct nc_buf buf = encoded(&heartbeat, NULL);
	struct nc_raft_frame frame;
	buf.data[1] = 2;
	cr_expect_eq(nc_raft_frame_decode(nc_buf_slice(&buf), &frame), NC_UNSUPPORTED);
	nc_buf_release(&buf);
}

Test(codec, flipped_bytes_are_refused_or_are_another_lawful_frame)
{
	struct nc_buf buf = append();
	uint64_t random = 1;
	for (int round = 0; round < 200000; round++) {
		uint8_t *bytes = malloc(buf.size); /* exact, for the sanitizer */
		memcpy(bytes, buf.data, buf.size);
		for (int flips = 0; flips < 3; flips++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			bytes[(random >> 33) % buf.size] = (uint8_t)(random >> 20);
		}
		struct nc_raft_frame frame;
		if (nc_raft_frame_decode(nc_slice(bytes, buf.size), &frame) == NC_OK) {
			cr_assert_leq(frame.message.entry_count, NC_RAFT_ENTRIES_MAX);
			nc_raft_frame_release(&frame);
		}
		free(bytes);
	}
	nc_buf_release(&buf);
}

Test(codec, declared_sizes_beyond_the_frame_are_refused_before_they_are_allocated)
{
	/* ... members nil, an array of four billion entries */
	struct nc_buf buf = encoded(&heartbeat, NULL);
	buf.size--;
	static const uint8_t many[] = { 0xdd, 0xff, 0xff, 0xff, 0xff };
	nc_buf_put(&buf, many, sizeof many);
	struct nc_raft_frame frame;
	cr_expect_eq(nc_raft_frame_decode(nc_buf_slice(&buf), &frame), NC_INVALID);
	nc_buf_release(&buf);
}

Test(codec, refuses_to_encode_what_nobody_could_decode)
{
	struct nc_buf buf = { 0 };
	struct nc_raft_message message = heartbeat;
	message.type = 0;
	cr_expect_eq(nc_raft_frame_encode(&message, NULL, &buf), NC_INVALID);
	message.type = NC_RAFT_APPEND;
	message.entry_count = 1;
	cr_expect_eq(nc_raft_frame_encode(&message, NULL, &buf), NC_INVALID);
	const struct nc_raft_entry entry = { .term = 1, .size = 4, .kind = NC_LOG_COMMAND };
	const struct nc_slice payload = NC_SLICE("hello");
	message.entries = &entry;
	cr_expect_eq(nc_raft_frame_encode(&message, &payload, &buf), NC_INVALID);
	struct nc_slice huge = nc_slice(payload.data, NC_LOG_PAYLOAD_SIZE_MAX + 1ul);
	cr_expect_eq(nc_raft_frame_encode(&message, &huge, &buf), NC_TOOBIG);
	message.entry_count = NC_RAFT_ENTRIES_MAX + 1;
	cr_expect_eq(nc_raft_frame_encode(&message, &payload, &buf), NC_TOOBIG);
	struct nc_raft_members bad = { .count = 1, .at = { { UINT64_MAX, true } } };
	cr_expect_eq(nc_raft_members_encode(&bad, &buf), NC_INVALID);
	cr_expect_eq(buf.size, 0);
}

Test(codec, refuses_memberships_that_cannot_be)
{
	struct nc_raft_members members;
	cr_expect_eq(nc_raft_members_decode(NC_SLICE("\x92\x05\x03"), &members), NC_INVALID);
	cr_expect_eq(nc_raft_members_decode(NC_SLICE("\x91\x01"), &members), NC_INVALID);
	cr_expect_eq(nc_raft_members_decode(NC_SLICE("\x91\x03\x00"), &members), NC_INVALID);
	cr_expect_eq(nc_raft_members_decode(NC_SLICE("\x90"), &members), NC_OK);
	uint8_t seventeen[20] = { 0xdc, 0, 17 };
	for (uint8_t i = 0; i < 17; i++)
		seventeen[3 + i] = (uint8_t)(i * 2 + 2);
	cr_expect_eq(nc_raft_members_decode(nc_slice(seventeen, 20), &members), NC_INVALID);
}
