/* SPDX-License-Identifier: GPL-3.0-or-later */
/* interest.h -- whether anybody listens to what the node publishes below a subject, so that it can
 * leave out what nobody would hear. The server tells it through a second connection, made as a leaf
 * node (leaf.h).
 *
 * A client may subscribe, wait until its server knows of that (a flush), and then send a request;
 * it must be given the event that comes of it. So it is not enough to look at what is known when
 * the event is there: it must have been asked for after the request had come. Each request
 * therefore gets a mark from nc_interest_expect(). nc_interest_ask() sends the server a PING, one
 * for many requests, and what the server knew when it read that is told before its PONG. Nobody
 * listens to an event only if no subscription matches its subject, and if the PONG to a PING sent
 * after its request has come.
 *
 *   requests ─► expect() = mark ... ask() ─► PING        the log, the state
 *                                    PONG ◄─ server            │
 *              any(mark), absent(mark, subject)? ◄─────────────┘
 *
 * If the PONG is not there yet, the event can wait for it: the owner keeps it, and is told by
 * on_silence() that nobody listened to it, or by on_listener() that somebody may. So it is with
 * nc_interest_any(), which knows AWAITED.
 *
 * Where few events are expected no PING is sent, for it costs about as much as publishing ten
 * events, and all are published.
 *
 * Whenever it is not certain that nobody listens, somebody is taken to listen: without a
 * connection, with one to another server or account, as a user to whom the server does not show
 * all subscriptions, with very many subscriptions.
 *
 * Threads: the loop's.
 */
#ifndef NC_TRANSPORT_NATS_INTEREST_H
#define NC_TRANSPORT_NATS_INTEREST_H

#include <uv.h>

#include "core/base/slice.h"

struct nc_interest;

struct nc_interest_options {
	uv_loop_t *loop;
	const char *subjects; /* what is published: "<root>.event.>" */
	/* A subject that the bus subscribes to, and no other process: when the server tells of it,
	 * the account is the bus's. */
	const char *own;
	const char *name; /* of this leaf node: a server ends the connection of an earlier
	                     one of the same name */
	unsigned port;    /* of the servers, for leaf nodes */
	const char *user, *password; /* for it; "": none */
	/* From now on it is known, or not any more; `detail` is for people. */
	void (*on_state)(void *ctx, bool known, const char *detail);
	/* Nobody listened to what was awaited with this mark or a lower one. */
	void (*on_silence)(void *ctx, uint64_t mark);
	/* Somebody may listen to what is awaited, and nothing more will be told of it: publish it
	 * now, before all that comes later. */
	void (*on_listener)(void *ctx);
	void *ctx;
};

/* Borrows the strings. Errors: NC_NOMEM. */
int nc_interest_open(const struct nc_interest_options *options, struct nc_interest **interest_out);

/* The bus is connected to the server of this id, at `host`; or, with NULL, not any more. */
void nc_interest_follow(struct nc_interest *interest, const char *host, const char *server_id);

/* The mark of a request that has come, and from which so many events are expected; 0 if `interest`
 * is NULL. */
uint64_t nc_interest_expect(struct nc_interest *interest, size_t events);
/* To be called at the end of each turn of the loop: asks the server if many events are expected.
 * NULL is a no-op. */
void nc_interest_ask(struct nc_interest *interest);
/* Who listens to any events at all, as far as an event is concerned that came of a request with
 * this mark. */
enum nc_listening {
	NC_LISTENING_MAYBE,   /* somebody may. So it is if `interest` is NULL, or the mark is 0 */
	NC_LISTENING_AWAITED, /* nobody is known to; the server was asked, or will be in a moment */
	NC_LISTENING_NOBODY   /* that is certain */
};
enum nc_listening nc_interest_any(const struct nc_interest *interest, uint64_t mark);
/* Whether it is certain that nobody listens to what is published on `subject`. */
bool nc_interest_absent(const struct nc_interest *interest, uint64_t mark, struct nc_slice subject);

/* Freed when the loop has run. NULL is a no-op. */
void nc_interest_close(struct nc_interest *interest);

#endif
