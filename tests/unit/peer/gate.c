/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is let in, what is dropped and why. */
#include "transport/peer/gate.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "transport/peer/hello.h"

static const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE] = "0123456789abcde";

struct pair {
	struct nc_peer_keys *keys;
	struct nc_gate *a, *b;
	struct nc_buf sent[64]; /* frames that a sealed */
	size_t count;
};

static int keep(void *ctx, struct nc_slice frame)
{
	struct pair *pair = ctx;
	cr_assert(pair->count < 64);
	struct nc_buf *buf = &pair->sent[pair->count++];
	nc_buf_clear(buf);
	nc_buf_put_slice(buf, frame);
	return NC_OK;
}

static struct nc_gate *gate_new(struct nc_peer_keys *keys, const char *name, uint64_t number,
                                uint64_t epoch)
{
	struct nc_gate *gate = malloc(sizeof *gate);
	cr_assert_not_null(gate);
	nc_gate_init(gate, keys, name, number, epoch);
	nc_gate_cluster(gate, cluster_id);
	return gate;
}

static void pair_open(struct pair *pair)
{
	*pair = (struct pair){ 0 };
	cr_assert_eq(nc_peer_keys_new("shop", "a secret", NULL, &pair->keys), NC_OK);
	pair->a = gate_new(pair->keys, "na", 10, 1);
	pair->b = gate_new(pair->keys, "nb", 20, 1);
}

static void gate_free(struct nc_gate *gate)
{
	nc_gate_release(gate);
	free(gate);
}

static void pair_close(struct pair *pair)
{
	for (size_t i = 0; i < 64; i++)
		nc_buf_release(&pair->sent[i]);
	gate_free(pair->a);
	gate_free(pair->b);
	nc_peer_keys_free(pair->keys);
}

/* What `gate` says to frame `i`: NC_PEER_DROP_COUNT: it is let in. */
static enum nc_peer_drop admit(struct pair *pair, struct nc_gate *gate, size_t i,
                               struct nc_peer_frame *frame_out, struct nc_peer_node **from_out)
{
	struct nc_peer_frame frame;
	struct nc_peer_node *from;
	enum nc_peer_drop why = NC_PEER_DROP_COUNT;
	int err = nc_gate_admit(gate, nc_buf_slice(&pair->sent[i]), 1000, &frame, &from, &why);
	cr_assert_eq(err, why == NC_PEER_DROP_COUNT ? NC_OK : NC_CONFLICT);
	if (err == NC_OK && frame_out != NULL)
		*frame_out = frame;
	if (err == NC_OK && from_out != NULL)
		*from_out = from;
	return why;
}

static int seal(struct pair *pair, struct nc_gate *from, uint64_t to, enum nc_peer_kind kind,
                struct nc_slice body, size_t frame_size_max)
{
	const struct nc_gate_exit through = { frame_size_max, keep, pair };
	return nc_gate_seal(from, to, kind, body, &through);
}

static void hello(struct pair *pair, struct nc_gate *from)
{
	cr_assert_eq(seal(pair, from, NC_PEER_TO_ALL, NC_PEER_HELLO, NC_SLICE("hello"), 65536),
	             NC_OK);
}

/* Both have heard a hello of the other's. */
static void acquaint(struct pair *pair)
{
	pair->count = 0;
	hello(pair, pair->a);
	hello(pair, pair->b);
	cr_assert_eq(admit(pair, pair->b, 0, NULL, NULL), NC_PEER_DROP_COUNT);
	cr_assert_eq(admit(pair, pair->a, 1, NULL, NULL), NC_PEER_DROP_COUNT);
	pair->count = 0;
}

static void send(struct pair *pair, struct nc_gate *from, uint64_t to, struct nc_slice body)
{
	cr_assert_eq(seal(pair, from, to, NC_PEER_RAFT, body, 65536), NC_OK);
}

Test(gate, lets_in_what_is_new_once)
{
	struct pair pair;
	struct nc_peer_frame frame;
	struct nc_peer_node *from;
	pair_open(&pair);
	acquaint(&pair);
	send(&pair, pair.a, 20, NC_SLICE("one"));
	send(&pair, pair.a, 20, NC_SLICE("two"));
	cr_expect_eq(admit(&pair, pair.b, 1, &frame, &from), NC_PEER_DROP_COUNT);
	cr_expect(nc_slice_is(frame.body, "two") && from->number == 10);
	cr_expect_eq(admit(&pair, pair.b, 0, &frame, NULL), NC_PEER_DROP_COUNT); /* late: fine */
	cr_expect_eq(admit(&pair, pair.b, 0, NULL, NULL), NC_PEER_DROP_REPLAYED);
	cr_expect_eq(admit(&pair, pair.b, 1, NULL, NULL), NC_PEER_DROP_REPLAYED);
	cr_expect_eq(pair.b->dropped[NC_PEER_DROP_REPLAYED], 2);
	pair_close(&pair);
}

Test(gate, forgets_nothing_within_its_window_and_trusts_nothing_beyond)
{
	struct pair pair;
	pair_open(&pair);
	acquaint(&pair);
	send(&pair, pair.a, 20, NC_SLICE("first"));
	pair.a->message += NC_PEER_WINDOW - 2;
	send(&pair, pair.a, 20, NC_SLICE("last that leaves the first in"));
	cr_expect_eq(admit(&pair, pair.b, 1, NULL, NULL), NC_PEER_DROP_COUNT);
	cr_expect_eq(admit(&pair, pair.b, 0, NULL, NULL), NC_PEER_DROP_COUNT);
	pair.count = 0;
	send(&pair, pair.a, 20, NC_SLICE("first"));
	pair.a->message += NC_PEER_WINDOW - 1;
	send(&pair, pair.a, 20, NC_SLICE("one further"));
	cr_expect_eq(admit(&pair, pair.b, 1, NULL, NULL), NC_PEER_DROP_COUNT);
	cr_expect_eq(admit(&pair, pair.b, 0, NULL, NULL), NC_PEER_DROP_REPLAYED);
	pair_close(&pair);
}

/* The same numbers in any order, each three times: each is let in once. */
Test(gate, lets_each_number_in_once_in_any_order)
{
	struct pair pair;
	size_t let_in = 0;
	pair_open(&pair);
	acquaint(&pair);
	srand(4);
	for (int i = 0; i < 64; i++)
		send(&pair, pair.a, 20, NC_SLICE("x"));
	for (int i = 0; i < 64 * 40; i++) {
		let_in +=
		        admit(&pair, pair.b, (size_t)rand() % 64, NULL, NULL) == NC_PEER_DROP_COUNT;
	}
	cr_expect_eq(let_in, 64);
	pair_close(&pair);
}

Test(gate, drops_what_was_meant_for_an_earlier_life)
{
	struct pair pair;
	pair_open(&pair);
	acquaint(&pair);
	send(&pair, pair.a, 20, NC_SLICE("x"));
	gate_free(pair.b);
	pair.b = gate_new(pair.keys, "nb", 20, 2);
	cr_expect_eq(admit(&pair, pair.b, 0, NULL, NULL), NC_PEER_DROP_EPOCH);
	pair_close(&pair);
}

Test(gate, drops_what_an_earlier_life_of_the_sender_says)
{
	struct pair pair;
	pair_open(&pair);
	acquaint(&pair);
	send(&pair, pair.a, 20, NC_SLICE("old"));
	gate_free(pair.a);
	pair.a = gate_new(pair.keys, "na", 10, 2);
	hello(&pair, pair.a);
	cr_expect_eq(admit(&pair, pair.b, 1, NULL, NULL), NC_PEER_DROP_COUNT);
	cr_expect_eq(admit(&pair, pair.b, 0, NULL, NULL), NC_PEER_DROP_EPOCH);
	pair_close(&pair);
}

/* It may be a copy of the sender's directory, which the sender is about to refuse. */
Test(gate, takes_no_one_who_is_only_starting_for_a_later_life)
{
	struct pair pair;
	struct nc_buf body = { 0 };
	struct nc_hello starting = { .phase = NC_HELLO_STARTING };
	pair_open(&pair);
	acquaint(&pair);
	send(&pair, pair.a, 20, NC_SLICE("first"));
	gate_free(pair.a);
	pair.a = gate_new(pair.keys, "na", 10, 2);
	nc_hello_put(&body, &starting);
	cr_assert_eq(seal(&pair, pair.a, NC_PEER_TO_ALL, NC_PEER_HELLO, nc_buf_slice(&body), 65536),
	             NC_OK);
	cr_expect_eq(admit(&pair, pair.b, 1, NULL, NULL), NC_PEER_DROP_EPOCH);
	cr_expect_eq(admit(&pair, pair.b, 0, NULL, NULL), NC_PEER_DROP_COUNT);
	starting.phase = NC_HELLO_MEMBER;
	nc_buf_clear(&body);
	nc_hello_put(&body, &starting);
	cr_assert_eq(seal(&pair, pair.a, NC_PEER_TO_ALL, NC_PEER_HELLO, nc_buf_slice(&body), 65536),
	             NC_OK);
	cr_expect_eq(admit(&pair, pair.b, 2, NULL, NULL), NC_PEER_DROP_COUNT);
	cr_expect_eq(admit(&pair, pair.b, 0, NULL, NULL), NC_PEER_DROP_EPOCH);
	nc_buf_release(&body);
	pair_close(&pair);
}

/* A node that has just started cannot tell an old broadcast from a new one. */
Test(gate, drops_a_broadcast_of_who_has_not_shown_to_live)
{
	struct pair pair;
	struct nc_peer_node *from;
	pair_open(&pair);
	acquaint(&pair);
	send(&pair, pair.a, NC_PEER_TO_ALL, NC_SLICE("append"));
	cr_expect_eq(admit(&pair, pair.b, 0, NULL, NULL), NC_PEER_DROP_UNMET);
	send(&pair, pair.a, 20, NC_SLICE("to you"));
	cr_expect_eq(admit(&pair, pair.b, 1, NULL, &from), NC_PEER_DROP_COUNT);
	cr_expect(from->met);
	send(&pair, pair.a, NC_PEER_TO_ALL, NC_SLICE("append"));
	cr_expect_eq(admit(&pair, pair.b, 2, NULL, NULL), NC_PEER_DROP_COUNT);
	pair_close(&pair);
}

Test(gate, drops_what_is_for_others_or_of_others)
{
	struct pair pair;
	pair_open(&pair);
	acquaint(&pair);
	struct nc_gate *c = gate_new(pair.keys, "nc", 30, 1);
	send(&pair, pair.a, 20, NC_SLICE("x"));
	cr_expect_eq(admit(&pair, c, 0, NULL, NULL), NC_PEER_DROP_RECEIVER);
	static const uint8_t other[NC_PEER_CLUSTER_ID_SIZE] = "another cluster";
	nc_gate_cluster(pair.a, other);
	send(&pair, pair.a, 20, NC_SLICE("x"));
	cr_expect_eq(admit(&pair, pair.b, 1, NULL, NULL), NC_PEER_DROP_CLUSTER);
	hello(&pair, pair.a); /* a hello may be of any: who refuses it says so to people */
	cr_expect_eq(admit(&pair, pair.b, 2, NULL, NULL), NC_PEER_DROP_COUNT);
	gate_free(c);
	pair_close(&pair);
}

Test(gate, drops_frames_with_our_own_number)
{
	struct pair pair;
	struct nc_peer_node *from = (void *)&pair;
	pair_open(&pair);
	acquaint(&pair);
	struct nc_gate *twin = gate_new(pair.keys, "nb", 20, 1);
	send(&pair, twin, NC_PEER_TO_ALL, NC_SLICE("x"));
	hello(&pair, twin);
	cr_expect_eq(admit(&pair, pair.b, 0, NULL, NULL), NC_PEER_DROP_IMPOSTOR);
	cr_expect_eq(admit(&pair, pair.b, 1, NULL, &from), NC_PEER_DROP_COUNT);
	cr_expect_null(from);
	gate_free(twin);
	pair_close(&pair);
}

Test(gate, an_older_hello_does_not_follow_a_newer_one)
{
	struct pair pair;
	pair_open(&pair);
	hello(&pair, pair.a);
	hello(&pair, pair.a);
	cr_expect_eq(admit(&pair, pair.b, 1, NULL, NULL), NC_PEER_DROP_COUNT);
	cr_expect_eq(admit(&pair, pair.b, 0, NULL, NULL), NC_PEER_DROP_REPLAYED);
	pair_close(&pair);
}

/* ---- Parts ---------------------------------------------------------------------------------- */

#define BIG 30000u

static void send_big(struct pair *pair, const uint8_t *bytes)
{
	cr_assert_eq(seal(pair, pair->a, 20, NC_PEER_RAFT, nc_slice(bytes, BIG), 4096), NC_OK);
}

static void fill(uint8_t *bytes)
{
	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (uint8_t)(i * 31 >> 3);
}

Test(gate, puts_a_large_message_together_again)
{
	static uint8_t bytes[BIG];
	struct pair pair;
	struct nc_peer_frame frame;
	struct nc_peer_node *from;
	enum nc_peer_drop why;
	fill(bytes);
	pair_open(&pair);
	acquaint(&pair);
	send_big(&pair, bytes);
	cr_assert(pair.count > 7);
	for (size_t i = 0; i < pair.count; i++) {
		cr_assert(pair.sent[i].size <= 4096);
		cr_expect_eq(
		        nc_gate_admit(pair.b, nc_buf_slice(&pair.sent[i]), 1, &frame, &from, &why),
		        i + 1 == pair.count ? NC_OK : NC_BUSY);
	}
	cr_expect_eq(frame.kind, NC_PEER_RAFT);
	cr_expect_eq(frame.body.size, BIG);
	cr_expect_arr_eq(frame.body.data, bytes, BIG);
	pair_close(&pair);
}

Test(gate, a_large_message_of_which_a_part_is_lost_is_lost)
{
	static uint8_t bytes[BIG];
	struct pair pair;
	struct nc_peer_frame frame;
	struct nc_peer_node *from;
	enum nc_peer_drop why;
	fill(bytes);
	pair_open(&pair);
	acquaint(&pair);
	send_big(&pair, bytes);
	for (size_t i = 0; i < pair.count; i++) {
		if (i != 3) {
			cr_expect_eq(nc_gate_admit(pair.b, nc_buf_slice(&pair.sent[i]), 1, &frame,
			                           &from, &why),
			             i < 3 ? NC_BUSY : NC_CONFLICT);
		}
	}
	cr_expect_eq(why, NC_PEER_DROP_PARTS);
	pair.count = 0;
	send_big(&pair, bytes); /* the next one comes through */
	int err = NC_BUSY;
	for (size_t i = 0; i < pair.count; i++)
		err = nc_gate_admit(pair.b, nc_buf_slice(&pair.sent[i]), 1, &frame, &from, &why);
	cr_expect_eq(err, NC_OK);
	cr_expect_eq(frame.body.size, BIG);
	pair_close(&pair);
}

Test(gate, knows_more_nodes_than_it_has_room_for_by_forgetting_the_oldest)
{
	struct pair pair;
	struct nc_peer_frame frame;
	struct nc_peer_node *from;
	enum nc_peer_drop why;
	pair_open(&pair);
	for (uint64_t i = 0; i < NC_PEER_NODES_MAX + 10; i++) {
		struct nc_gate *other = gate_new(pair.keys, "other", 1000 + i, 1);
		pair.count = 0;
		hello(&pair, other);
		cr_expect_eq(nc_gate_admit(pair.b, nc_buf_slice(&pair.sent[0]), 100 + i, &frame,
		                           &from, &why),
		             NC_OK);
		gate_free(other);
	}
	cr_expect_null(nc_gate_node(pair.b, 1000));
	cr_expect_not_null(nc_gate_node(pair.b, 1000 + NC_PEER_NODES_MAX + 9));
	pair_close(&pair);
}

Test(gate, sends_nothing_to_a_node_it_has_not_heard)
{
	struct pair pair;
	pair_open(&pair);
	cr_expect_eq(seal(&pair, pair.a, 20, NC_PEER_RAFT, NC_SLICE("x"), 65536), NC_NOTFOUND);
	cr_expect_eq(pair.count, 0);
	pair_close(&pair);
}
