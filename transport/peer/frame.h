/* SPDX-License-Identifier: GPL-3.0-or-later */
/* frame.h -- what every message between nodes is wrapped in (PROTOCOL.md section 13): who sends it,
 * to whom, in which life and in which order, signed.
 *
 *   frame: [version, cluster id, sender, its number, receiver or "*", sender's boot epoch,
 *           message number, receiver's boot epoch or 0, kind, body, HMAC-SHA256]
 *
 * a MessagePack array; the HMAC is over all bytes before it, and is looked at before anything else
 * is. The key is made of the cluster secret and the store's name, so that a frame of one store is
 * none of another, although both have the same secret.
 *
 * Threads:   none; keys are used by one thread at a time.
 * Ownership: an opened frame points into the bytes it was opened from.
 */
#ifndef NC_TRANSPORT_PEER_FRAME_H
#define NC_TRANSPORT_PEER_FRAME_H

#include "core/base/buf.h"

#define NC_PEER_VERSION         1u
#define NC_PEER_CLUSTER_ID_SIZE 16u
#define NC_PEER_NAME_SIZE       65u  /* bytes with the NUL */
#define NC_PEER_OVERHEAD        512u /* bytes that a frame takes beside its body, at most */

/* What the body is. */
enum nc_peer_kind {
	NC_PEER_HELLO = 1, /* hello.h; to all, also by and to who is in no cluster yet */
	NC_PEER_RAFT,      /* a frame of core/raft/message_codec.h */
	NC_PEER_PART,      /* of a frame that is too large: parts.h */
	NC_PEER_REQUEST,   /* call.h: to a service of a node's, such as the one for snapshots */
	NC_PEER_REPLY,     /* its answer */
	NC_PEER_GOSSIP,    /* gossip.h; by UDP, never by NATS */
	NC_PEER_KIND_END
};

struct nc_peer_frame {
	uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE]; /* zeros: in none yet */
	struct nc_slice sender, receiver;            /* names of nodes; "*": to all */
	uint64_t number;                             /* of the sender in consensus */
	uint64_t epoch;                              /* of the sender: its starts so far */
	uint64_t message;                            /* counts in that epoch, from 1 */
	uint64_t receiver_epoch;                     /* 0 if to all */
	uint8_t kind;                                /* enum nc_peer_kind */
	struct nc_slice body;
};

/* The secrets: the first signs, either opens (for rotation). */
struct nc_peer_keys;

/* `also` NULL or empty: there is one. Errors: NC_INVALID, no secret; NC_NOMEM. */
int nc_peer_keys_new(const char *store, const char *secret, const char *also,
                     struct nc_peer_keys **keys_out);
/* Wipes them. NULL is a no-op. */
void nc_peer_keys_free(struct nc_peer_keys *keys);

/* Append the frame to `buf`. Errors: NC_NOMEM. */
int nc_peer_frame_seal(const struct nc_peer_frame *frame, struct nc_peer_keys *keys,
                       struct nc_buf *buf);

/* Errors: NC_CONFLICT, not signed with one of our secrets; NC_UNSUPPORTED, another version;
 * NC_INVALID, signed, and not a frame. */
int nc_peer_frame_open(struct nc_slice bytes, struct nc_peer_keys *keys,
                       struct nc_peer_frame *frame_out);

/* The name that a frame gives for its sender, without looking at the signature: for people, to find
 * out who has the wrong secret. Empty: not a name. */
struct nc_slice nc_peer_frame_claim(struct nc_slice bytes);

#endif
