/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer_private.h -- what the files of the line to the others share. */
#ifndef NC_TRANSPORT_PEER_PEER_PRIVATE_H
#define NC_TRANSPORT_PEER_PEER_PRIVATE_H

#include "transport/peer/peer.h"

/* A request whose answer has not come. */
struct nc_peer_asked {
	struct nc_peer_asked *next;
	uint64_t call, to, until_ms;
	int err; /* as which it ends then */
	void (*fn)(void *ctx, int err, struct nc_slice body);
	void *ctx;
};

struct nc_peer {
	struct nc_peer_options options;
	struct nc_peer_keys *keys;
	struct nc_gate gate;
	struct nc_bus *bus;
	char void_subject[96];
	struct nc_hello hello; /* room for one that comes in */
	struct nc_buf body;
	uint64_t calls; /* given out */
	struct nc_peer_asked *asked;
	struct {
		void (*fn)(void *ctx, uint64_t from, uint64_t call, struct nc_slice body);
		void *ctx;
	} services[NC_PEER_SERVICES_MAX + 1];
};

uint64_t nc_peer_now_ms(void);

/* Seal and publish; `to_subject` in the way of printf with the store's name and the receiver's
 * before is made by the caller. `reply` NULL: none. */
int nc_peer_send(struct nc_peer *peer, uint64_t to, enum nc_peer_kind kind, struct nc_slice body,
                 const char *subject, const char *reply);

/* Likewise, by a connection that need not be the peer's own. */
struct nc_peer_letter {
	struct nc_bus *by;
	uint64_t to;
	enum nc_peer_kind kind;
	struct nc_slice body;
	const char *subject, *reply;
};
int nc_peer_send_letter(struct nc_peer *peer, struct nc_peer_letter *letter);

/* call.c: a request or an answer came in. Errors: NC_INVALID, not understood. */
int nc_peer_take_request(struct nc_peer *peer, uint64_t from, struct nc_slice body);
int nc_peer_take_reply(struct nc_peer *peer, uint64_t from, struct nc_slice body);
/* All requests come to nothing. */
void nc_peer_calls_fail(struct nc_peer *peer, int err);
/* Node `to` is gone from NATS: what it answered before that is here soon, or will not come. */
void nc_peer_calls_gone(struct nc_peer *peer, uint64_t to);

#endif
