/* SPDX-License-Identifier: GPL-3.0-or-later */
/* message_codec.h -- messages of consensus as frames, in MessagePack; and memberships, which are
 * also the payload of entries of kind NC_LOG_CONFIG.
 *
 *   frame:   [1, type, flags, from, to, term, index, log_term, commit, hint, context,
 *             members, entries]
 *   flags:   1 reject, 2 force
 *   members: nil, or [id * 2 + voter, ...], rising
 *   entries: [term, kind, payload, ...], three items each; payload is a bin
 *
 * Every field is bounded, for writers and readers alike. A frame is decoded only if it is whole and
 * nothing follows it. Who the sender is, and whether it may send, the transport tells by a
 * signature; what the message means is for nc_raft_step() to say.
 *
 * Threads:   none; no state.
 * Ownership: a decoded frame points into the bytes it was decoded from, and owns its lists:
 *            nc_raft_frame_release().
 */
#ifndef NC_CORE_RAFT_MESSAGE_CODEC_H
#define NC_CORE_RAFT_MESSAGE_CODEC_H

#include "core/raft/message.h"

#define NC_RAFT_FRAME_VERSION 1u

/* Append the frame to `buf`. `payloads[i]` belongs to message->entries[i]; there are
 * message->entry_count of both. Errors: NC_INVALID, an append comes without its entries, or a
 * payload is not of the entry's size; NC_TOOBIG; NC_NOMEM, and `buf` says so too. */
int nc_raft_frame_encode(const struct nc_raft_message *message, const struct nc_slice *payloads,
                         struct nc_buf *buf);

struct nc_raft_frame {
	struct nc_raft_message message; /* its pointers lead into this frame */
	struct nc_raft_entry *entries;
	struct nc_slice *payloads;       /* [message.entry_count], into the bytes */
	struct nc_raft_members *configs; /* of the entries that are configurations */
	struct nc_raft_members members;
};

/* Decode a frame. Errors: NC_INVALID, malformed or out of bounds; NC_UNSUPPORTED, another version;
 * NC_NOMEM. */
int nc_raft_frame_decode(struct nc_slice bytes, struct nc_raft_frame *frame_out);
void nc_raft_frame_release(struct nc_raft_frame *frame);

/* Whether an encoded frame is an answer (of a type …_RESP), without decoding it. */
bool nc_raft_frame_is_answer(struct nc_slice bytes);

/* The payload of a configuration entry. Errors: NC_NOMEM; NC_INVALID. */
int nc_raft_members_encode(const struct nc_raft_members *members, struct nc_buf *buf);
int nc_raft_members_decode(struct nc_slice bytes, struct nc_raft_members *members_out);

#endif
