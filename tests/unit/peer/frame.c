/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames: signed with one of two secrets, or nothing. */
#include "transport/peer/frame.h"

#include <criterion/criterion.h>

static struct nc_peer_keys *keys(const char *store, const char *secret, const char *also)
{
	struct nc_peer_keys *made;
	cr_assert_eq(nc_peer_keys_new(store, secret, also, &made), NC_OK);
	return made;
}

static struct nc_peer_frame sample(void)
{
	return (struct nc_peer_frame){ .cluster_id = "0123456789abcdef",
		                       .sender = NC_SLICE("n1"),
		                       .receiver = NC_SLICE("n2"),
		                       .number = 77,
		                       .epoch = 5,
		                       .message = 300,
		                       .receiver_epoch = 9,
		                       .kind = NC_PEER_RAFT,
		                       .body = NC_SLICE("the body") };
}

static void seal(const struct nc_peer_frame *frame, struct nc_peer_keys *with, struct nc_buf *buf)
{
	nc_buf_clear(buf);
	cr_assert_eq(nc_peer_frame_seal(frame, with, buf), NC_OK);
}

Test(frame, comes_back_as_it_was)
{
	struct nc_peer_keys *k = keys("shop", "a secret", NULL);
	struct nc_peer_frame frame = sample(), got;
	struct nc_buf buf = { 0 };
	seal(&frame, k, &buf);
	cr_assert_eq(nc_peer_frame_open(nc_buf_slice(&buf), k, &got), NC_OK);
	cr_expect(nc_slice_is(got.sender, "n1") && nc_slice_is(got.receiver, "n2"));
	cr_expect(got.number == 77 && got.epoch == 5 && got.message == 300);
	cr_expect(got.receiver_epoch == 9 && got.kind == NC_PEER_RAFT);
	cr_expect(nc_slice_is(got.body, "the body"));
	cr_expect_arr_eq(got.cluster_id, frame.cluster_id, NC_PEER_CLUSTER_ID_SIZE);
	cr_expect(nc_slice_is(nc_peer_frame_claim(nc_buf_slice(&buf)), "n1"));
	nc_buf_release(&buf);
	nc_peer_keys_free(k);
}

Test(frame, is_nothing_once_a_bit_is_flipped_anywhere)
{
	struct nc_peer_keys *k = keys("shop", "a secret", NULL);
	struct nc_peer_frame frame = sample(), got;
	struct nc_buf buf = { 0 };
	seal(&frame, k, &buf);
	for (size_t bit = 0; bit < buf.size * 8; bit++) {
		buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		cr_expect_eq(nc_peer_frame_open(nc_buf_slice(&buf), k, &got), NC_CONFLICT);
		buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t size = 0; size < buf.size; size++)
		cr_expect_eq(nc_peer_frame_open(nc_slice(buf.data, size), k, &got), NC_CONFLICT);
	nc_buf_put_u8(&buf, 0);
	cr_expect_eq(nc_peer_frame_open(nc_buf_slice(&buf), k, &got), NC_CONFLICT);
	nc_buf_release(&buf);
	nc_peer_keys_free(k);
}

Test(frame, of_another_secret_or_store_is_refused)
{
	struct nc_peer_keys *ours = keys("shop", "a secret", NULL);
	struct nc_peer_keys *other = keys("shop", "another", NULL);
	struct nc_peer_keys *store = keys("shop2", "a secret", NULL);
	struct nc_peer_frame frame = sample(), got;
	struct nc_buf buf = { 0 };
	seal(&frame, other, &buf);
	cr_expect_eq(nc_peer_frame_open(nc_buf_slice(&buf), ours, &got), NC_CONFLICT);
	seal(&frame, store, &buf);
	cr_expect_eq(nc_peer_frame_open(nc_buf_slice(&buf), ours, &got), NC_CONFLICT);
	nc_buf_release(&buf);
	nc_peer_keys_free(ours);
	nc_peer_keys_free(other);
	nc_peer_keys_free(store);
}

/* Each step of a rotation: a node that has taken it and one that has not understand each other. */
Test(frame, secrets_rotate_without_a_gap)
{
	struct nc_peer_keys *steps[] = { keys("shop", "old", NULL), keys("shop", "old", "new"),
		                         keys("shop", "new", "old"), keys("shop", "new", NULL) };
	struct nc_peer_frame frame = sample(), got;
	struct nc_buf buf = { 0 };
	for (int i = 0; i < 3; i++) {
		seal(&frame, steps[i], &buf);
		cr_expect_eq(nc_peer_frame_open(nc_buf_slice(&buf), steps[i + 1], &got), NC_OK);
		seal(&frame, steps[i + 1], &buf);
		cr_expect_eq(nc_peer_frame_open(nc_buf_slice(&buf), steps[i], &got), NC_OK);
	}
	seal(&frame, steps[0], &buf);
	cr_expect_eq(nc_peer_frame_open(nc_buf_slice(&buf), steps[3], &got), NC_CONFLICT);
	nc_buf_release(&buf);
	for (int i = 0; i < 4; i++)
		nc_peer_keys_free(steps[i]);
}

Test(frame, without_a_secret_there_are_no_keys)
{
	struct nc_peer_keys *k;
	cr_expect_eq(nc_peer_keys_new("shop", "", NULL, &k), NC_INVALID);
	cr_expect_eq(nc_peer_keys_new("shop", NULL, "also", &k), NC_INVALID);
}

/* Signed, and still not a frame. */
Test(frame, fields_out_of_range_are_malformed)
{
	struct nc_peer_keys *k = keys("shop", "a secret", NULL);
	struct nc_peer_frame got;
	struct nc_buf buf = { 0 };
	struct nc_peer_frame bad[7];
	for (int i = 0; i < 7; i++)
		bad[i] = sample();
	bad[0].sender = NC_SLICE("");
	bad[1].sender = NC_SLICE("n.1");
	bad[2].receiver = NC_SLICE(">");
	bad[3].number = 0;
	bad[4].epoch = 0;
	bad[5].message = 0;
	bad[6].receiver_epoch = 0; /* and a name */
	for (int i = 0; i < 7; i++) {
		seal(&bad[i], k, &buf);
		cr_expect_eq(nc_peer_frame_open(nc_buf_slice(&buf), k, &got), NC_INVALID, "%d", i);
	}
	nc_buf_release(&buf);
	nc_peer_keys_free(k);
}
