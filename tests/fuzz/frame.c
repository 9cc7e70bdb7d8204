/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames between nodes: the input is a series of bodies and of mutations of signed frames, so that
 * what is behind the signature is reached; whatever comes, the gate lets a message number in once.
 *
 *   input: [what, size, bytes…] …    what: even, a frame as it is; odd, a body that is signed
 */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/raft/message_codec.h"
#include "tests/fuzz/fuzz.h"
#include "transport/peer/gate.h"
#include "transport/peer/hello.h"

static const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE] = "fuzzed cluster.";

static struct nc_gate *ours, *theirs;

static void gates_make(struct nc_peer_keys *keys)
{
	ours = ours == NULL ? malloc(sizeof *ours) : ours;
	theirs = theirs == NULL ? malloc(sizeof *theirs) : theirs;
	nc_assert(ours != NULL && theirs != NULL);
	nc_gate_init(ours, keys, "n1", 1, 1);
	nc_gate_init(theirs, keys, "n2", 2, 1);
	nc_gate_cluster(ours, cluster_id);
	nc_gate_cluster(theirs, cluster_id);
}

static void take(struct nc_slice bytes)
{
	static struct nc_hello hello;
	struct nc_peer_frame frame, again;
	struct nc_peer_node *from;
	enum nc_peer_drop why;
	struct nc_raft_frame raft;
	int err = nc_gate_admit(ours, bytes, 1, &frame, &from, &why);
	if (err == NC_OK && frame.kind == NC_PEER_HELLO)
		(void)nc_hello_get(frame.body, &hello);
	if (err == NC_OK && frame.kind == NC_PEER_RAFT &&
	    nc_raft_frame_decode(frame.body, &raft) == NC_OK) {
		(void)nc_raft_frame_is_answer(frame.body);
		nc_raft_frame_release(&raft);
	}
	if (err == NC_OK && from != NULL) {
		nc_assert(nc_gate_admit(ours, bytes, 1, &again, &from, &why) == NC_CONFLICT &&
		          why == NC_PEER_DROP_REPLAYED);
	}
}

static int take_sealed(void *ctx, struct nc_slice frame)
{
	(void)ctx;
	take(frame);
	return NC_OK;
}

/* A frame of n2's with this kind and body, to us or to all. */
static void take_signed(uint8_t what, struct nc_slice body)
{
	static struct nc_peer_frame frame;
	struct nc_buf buf = { 0 };
	if ((what & 0x80) != 0) {
		const struct nc_gate_exit through = { 1u << 16, take_sealed, NULL };
		(void)nc_gate_seal(theirs, NC_PEER_TO_ALL, NC_PEER_HELLO, body, &through);
		return;
	}
	frame = (struct nc_peer_frame){ .sender = NC_SLICE("n2"),
		                        .receiver = NC_SLICE("n1"),
		                        .number = 2,
		                        .epoch = 1 + (what >> 6),
		                        .message = ++theirs->message,
		                        .receiver_epoch = 1,
		                        .kind = (what >> 1) & 7,
		                        .body = body };
	memcpy(frame.cluster_id, cluster_id, sizeof cluster_id);
	if (nc_peer_frame_seal(&frame, theirs->keys, &buf) == NC_OK)
		take(nc_buf_slice(&buf));
	nc_buf_release(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static struct nc_peer_keys *keys;
	struct nc_reader reader = nc_reader(nc_slice(input, size));
	if (keys == NULL)
		nc_assert(nc_peer_keys_new("shop", "fuzz", NULL, &keys) == NC_OK);
	gates_make(keys);
	while (nc_reader_left(&reader) >= 3) {
		uint8_t what = nc_reader_u8(&reader);
		size_t want = nc_reader_u16(&reader), left = nc_reader_left(&reader);
		struct nc_slice bytes = nc_reader_take(&reader, want < left ? want : left);
		if ((what & 1) != 0) {
			take_signed(what, bytes);
		} else {
			take(bytes);
		}
	}
	nc_gate_release(ours);
	nc_gate_release(theirs);
	return 0;
}
