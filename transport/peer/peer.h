/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer.h -- this node's line to the other nodes of its store: frames over a NATS connection of its
 * own, which keeps nothing for later (a stale message of consensus is worth less than none).
 *
 *   _es.<store>.hello                     hellos, to all
 *   _es.<store>.raft                      consensus, to all: the same append for every follower
 *   _es.<store>.raft.<node>               consensus, to one: a NATS request, its reply subject is
 *   _es.<store>.inbox.<node>.raft.<peer>  where the answer goes, and the server's "no responders"
 *   _es.<store>.call.<node>               requests to services of a node; answers go to
 *   _es.<store>.inbox.<node>.call.<peer>
 *
 * <peer> is the number of the node that was asked.
 *
 * A service (snapshots are one) plugs in with nc_peer_serve(): it has a small number of its own, is
 * given requests, and answers each with nc_peer_reply(), at once or later. Who asks calls
 * nc_peer_request() and gets the answer or NC_TIMEOUT; nothing is sent again by itself. Requests
 * and answers may be up to NC_PEER_BODY_MAX bytes, and go in parts when they are large; keep them
 * below nc_peer_chunk_max() to be one frame each.
 *
 * Threads:   the loop's.
 * Ownership: what callbacks are given is borrowed until they return.
 */
#ifndef NC_TRANSPORT_PEER_PEER_H
#define NC_TRANSPORT_PEER_PEER_H

#include "transport/nats/bus.h"
#include "transport/peer/gate.h"
#include "transport/peer/hello.h"

#define NC_PEER_SERVICES_MAX 8u

struct nc_peer;

struct nc_peer_options {
	/* Loop, servers and credentials; the rest of it is set here. */
	struct nc_bus_options bus;
	const char *store, *name;
	const char *secret, *also; /* `also` empty: one secret */
	uint64_t number, epoch;
	/* From NULL: somebody else with our number. */
	void (*on_hello)(void *ctx, const struct nc_peer_frame *frame, struct nc_peer_node *from,
	                 const struct nc_hello *hello);
	/* A frame of consensus. Errors: NC_INVALID, not understood: it is counted. */
	int (*on_raft)(void *ctx, struct nc_peer_node *from, struct nc_slice body);
	void (*on_turn)(void *ctx); /* all that had come in was given */
	/* The server says that nobody listens there. */
	void (*on_unreachable)(void *ctx, uint64_t number);
	void (*on_state)(void *ctx, bool connected, const char *detail);
	/* An error that does not end the connection. */
	void (*on_error)(void *ctx, const char *detail);
	/* Something was dropped. `claim`: the name that an unsigned frame bears, perhaps a lie; or
	 * the sender's; empty: none. */
	void (*on_drop)(void *ctx, enum nc_peer_drop why, struct nc_slice claim);
	void *ctx;
};

/* Errors: NC_INVALID, said through `fault`; NC_NOMEM. */
int nc_peer_open(const struct nc_peer_options *options, struct nc_peer **peer_out,
                 char fault[NC_BUS_FAULT_SIZE]);
/* NULL is a no-op. Frees when the loop has run once more; requests under way end with NC_CLOSED. */
void nc_peer_close(struct nc_peer *peer);

bool nc_peer_connected(struct nc_peer *peer);
/* The largest body that is one frame. */
size_t nc_peer_chunk_max(struct nc_peer *peer);
/* What it knows of the others, and has counted. */
struct nc_gate *nc_peer_gate(struct nc_peer *peer);

/* Errors of the three: NC_CLOSED, not connected; NC_NOTFOUND, nothing was heard of that node in
 * this life of ours; NC_TOOBIG; NC_NOMEM; NC_IO. What was sent may be lost all the same. */
int nc_peer_hello(struct nc_peer *peer, const struct nc_hello *hello);
/* A frame of consensus; `to` NC_PEER_TO_ALL: to all. */
int nc_peer_raft(struct nc_peer *peer, uint64_t to, bool is_answer, struct nc_slice body);

/* What is asked of a service of another node. */
struct nc_peer_question {
	uint64_t to;
	uint8_t service;
	struct nc_slice body;
	unsigned timeout_ms;
};

/* Ask. `fn` is called once, if NC_OK is returned: with NC_OK and the answer, with the error that
 * the service answered, with NC_TIMEOUT, or with NC_CLOSED: that node is gone from NATS, and what
 * it answered before that would have come; or this one closes. */
int nc_peer_request(struct nc_peer *peer, const struct nc_peer_question *question,
                    void (*fn)(void *ctx, int err, struct nc_slice body), void *ctx);

/* Answer requests to `service`, 1 to NC_PEER_SERVICES_MAX. `call` names the request in the reply.
 */
void nc_peer_serve(struct nc_peer *peer, uint8_t service,
                   void (*fn)(void *ctx, uint64_t from, uint64_t call, struct nc_slice body),
                   void *ctx);
int nc_peer_reply(struct nc_peer *peer, uint64_t to, uint64_t call, int err, struct nc_slice body);

/* The same by another connection of this node's, so that it comes before what follows there. */
struct nc_peer_answer {
	uint64_t to, call;
	int err;
	struct nc_slice body;
};
int nc_peer_reply_by(struct nc_peer *peer, struct nc_bus *by, const struct nc_peer_answer *answer);

/* Let requests run out of time; call each 100 ms or so. */
void nc_peer_tick(struct nc_peer *peer);

#endif
