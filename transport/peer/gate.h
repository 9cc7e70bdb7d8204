/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gate.h -- what lets a message between nodes in or keeps it out, and seals what goes out. It knows
 * the other nodes by what they signed: their names, numbers, epochs, and which of their messages
 * have been here.
 *
 * In: a frame must be signed, of our version, of our cluster (a hello may be of any), to us or to
 * all, in our present epoch if to us, and new. It must be of the sender's present epoch, or of a
 * later one, which begins with it; the hello of a sender that is only starting begins none, since
 * it may still be refused. To all, from a sender that is not known to live, only a hello is let in:
 * a copy of an old broadcast means nothing to a node that has just started. A sender is known to
 * live ("met") when it has sent something with our present epoch in it.
 *
 * What is dropped is counted by its reason, and never answered.
 *
 * Threads:   one. No I/O and no clock: the time is given. Pure, so that it can be fuzzed.
 * Ownership: the keys are borrowed. What nc_gate_admit() gives is valid until the next call.
 */
#ifndef NC_TRANSPORT_PEER_GATE_H
#define NC_TRANSPORT_PEER_GATE_H

#include "transport/peer/frame.h"
#include "transport/peer/parts.h"

#define NC_PEER_NODES_MAX 64u         /* known at once; the one not heard longest makes room */
#define NC_PEER_WINDOW    1024u       /* messages of a sender may come so much out of order */
#define NC_PEER_BODY_MAX  (72u << 20) /* bytes, in parts */
#define NC_PEER_TO_ALL    0u          /* "to all", as a receiver's number */

enum nc_peer_drop {
	NC_PEER_DROP_UNSIGNED,  /* or signed with another secret */
	NC_PEER_DROP_VERSION,   /* of the frame */
	NC_PEER_DROP_MALFORMED, /* signed, and not understood */
	NC_PEER_DROP_CLUSTER,   /* of another one */
	NC_PEER_DROP_RECEIVER,  /* to another node */
	NC_PEER_DROP_EPOCH,     /* to an earlier life of ours, or from an earlier one of theirs */
	NC_PEER_DROP_REPLAYED,  /* has been here, or is too old to tell */
	NC_PEER_DROP_UNMET,     /* to all, from a sender that may be long gone */
	NC_PEER_DROP_IMPOSTOR,  /* from somebody with our own number */
	NC_PEER_DROP_PARTS,     /* of a message whose other parts did not come */
	NC_PEER_DROP_COUNT
};

/* A word for each, for the status: "unsigned", "replayed", … */
const char *nc_peer_drop_name(enum nc_peer_drop drop);

/* Another node, as it told of itself. */
struct nc_peer_node {
	char name[NC_PEER_NAME_SIZE];
	uint64_t number; /* in consensus; 0: the place is free */
	uint64_t epoch;
	uint64_t heard_ms;  /* when something of it was let in last */
	uint64_t closed_ms; /* when NATS last said that it is not there; 0: it has not */
	bool met;
	uint64_t newest, newest_hello; /* message numbers of this epoch */
	uint64_t seen[NC_PEER_WINDOW / 64];
	struct nc_parts parts;
};

struct nc_gate {
	struct nc_peer_keys *keys;
	uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE]; /* zeros: in none yet */
	char name[NC_PEER_NAME_SIZE];
	uint64_t number, epoch; /* ours */
	uint64_t message;       /* the last we sealed */
	uint64_t part_id;
	uint64_t dropped[NC_PEER_DROP_COUNT];
	struct nc_peer_node nodes[NC_PEER_NODES_MAX];
	struct nc_buf sealed, part;
};

/* `gate` needs no init before, and is released at the end. */
void nc_gate_init(struct nc_gate *gate, struct nc_peer_keys *keys, const char *name,
                  uint64_t number, uint64_t epoch);
void nc_gate_release(struct nc_gate *gate);

/* From now on of this cluster. */
void nc_gate_cluster(struct nc_gate *gate, const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE]);

/* What came in at `now_ms`. Errors: NC_CONFLICT, dropped, and counted, for the reason in drop_out;
 * NC_BUSY, a part: the rest is still to come; NC_NOMEM. A hello of somebody with our own number
 * comes with from_out NULL. */
int nc_gate_admit(struct nc_gate *gate, struct nc_slice bytes, uint64_t now_ms,
                  struct nc_peer_frame *frame_out, struct nc_peer_node **from_out,
                  enum nc_peer_drop *drop_out);

/* Something was let in that only who lives now could have sent: it held our epoch. */
void nc_gate_meet(struct nc_peer_node *node);

/* NULL: never heard of. */
struct nc_peer_node *nc_gate_node(struct nc_gate *gate, uint64_t number);

/* How frames leave. */
struct nc_gate_exit {
	size_t frame_size_max;
	int (*emit)(void *ctx, struct nc_slice frame);
	void *ctx;
};

/* Seal `body` for the node `to` (NC_PEER_TO_ALL: for all): one frame, or, if it is larger than
 * `frame_size_max`, several, each given to `emit`. Errors: NC_NOTFOUND, a node that has not been
 * heard of; NC_TOOBIG; NC_NOMEM; what emit returns. */
int nc_gate_seal(struct nc_gate *gate, uint64_t to, enum nc_peer_kind kind, struct nc_slice body,
                 const struct nc_gate_exit *through);

#endif
