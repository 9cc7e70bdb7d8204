/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A frame of consensus from a peer: refused, or what comes of it goes out and comes in again as the
 * same, and a node that hears it stays sound. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/raft/message_codec.h"
#include "core/raft/raft.h"
#include "tests/fuzz/fuzz.h"

#define SELF 2u

/* A node that knows nothing yet hears it. */
static void hear(struct nc_raft_message *message)
{
	const struct nc_raft_options options = nc_raft_options_default(SELF, 1);
	const struct nc_raft_start start = {
		.members = { .count = 3, .at = { { 1, true }, { SELF, true }, { 3, true } } }
	};
	struct nc_raft *raft;
	nc_assert(nc_raft_new(&options, &start, &raft) == NC_OK);
	message->to = SELF;
	int err = nc_raft_step(raft, message);
	nc_assert(err == NC_OK || err == NC_INVALID);
	struct nc_raft_ready ready; /* asserts that it is sound */
	nc_raft_ready(raft, &ready);
	nc_assert(err == NC_OK || (ready.mark.order == 0 && ready.message_count == 0));
	nc_raft_free(raft);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nc_raft_frame frame, again;
	struct nc_buf first = { 0 }, second = { 0 };
	bool answer = nc_raft_frame_is_answer(nc_slice(data, size));
	int err = nc_raft_frame_decode(nc_slice(data, size), &frame);
	nc_assert(err == NC_OK || err == NC_INVALID || err == NC_UNSUPPORTED);
	if (err != NC_OK)
		return 0;
	const struct nc_raft_message *message = &frame.message;
	nc_assert(message->entry_count <= NC_RAFT_ENTRIES_MAX);
	nc_assert(answer ==
	          (message->type == NC_RAFT_PREVOTE_RESP || message->type == NC_RAFT_VOTE_RESP ||
	           message->type == NC_RAFT_APPEND_RESP ||
	           message->type == NC_RAFT_HEARTBEAT_RESP || message->type == NC_RAFT_READ_RESP));
	nc_assert(nc_raft_frame_encode(message, frame.payloads, &first) == NC_OK);
	nc_assert(nc_raft_frame_decode(nc_buf_slice(&first), &again) == NC_OK);
	nc_assert(nc_raft_frame_encode(&again.message, again.payloads, &second) == NC_OK);
	nc_assert(nc_slice_eq(nc_buf_slice(&first), nc_buf_slice(&second)));
	hear(&again.message);
	nc_raft_frame_release(&frame);
	nc_raft_frame_release(&again);
	nc_buf_release(&first);
	nc_buf_release(&second);
	return 0;
}
