/* SPDX-License-Identifier: Apache-2.0 */
/* subscription_private.h -- a subscription: what it listens to, and what it has asked for. */
#ifndef NC_TRANSPORT_CLIENT_SUBSCRIPTION_PRIVATE_H
#define NC_TRANSPORT_CLIENT_SUBSCRIPTION_PRIVATE_H

#include "transport/client/client_private.h"

#define NC_CLIENT_WORD_SIZE_MAX  64   /* bytes of a subscription's name */
#define NC_CLIENT_PULL_BATCH     100u /* events asked for ahead, unless the program says */
#define NC_CLIENT_PULL_BATCH_MAX 65536u
#define NC_CLIENT_PULL_EXPIRY_MS 1500 /* of a request; a lost one is noticed soon after */
#define NC_CLIENT_PULL_GRACE_MS  500

enum nc_client_way {
	NC_CLIENT_PUSHED, /* deliveries, with status lines between them */
	NC_CLIENT_PULLED, /* deliveries, as many as were asked for */
	NC_CLIENT_PLAIN,  /* messages, whatever they are: the live feed, advisories */
	NC_CLIENT_ANSWER  /* messages until a status line */
};

/* A message of many deliveries, which are given one by one. If `msg` is NULL, there is none. Begins
 * as zeros. */
struct nc_client_packed {
	natsMsg *msg; /* owned */
	struct nc_buf headers;
	struct nc_buf reply;    /* of the event last given */
	size_t prefix_size;     /* bytes of the message's reply subject before its two numbers */
	uint64_t last_position; /* those numbers: the position of its last event, … */
	uint64_t last_attempt;  /* … and the attempt of that */
	uint64_t pending;       /* how many events come after the last one */
	bool pending_known;
	bool json; /* the events are JSON; if not, MessagePack */
	struct nc_json objects;
	struct nc_unpack maps;
	uint32_t left; /* how many are still to be given */
};

struct nacre_subscription {
	struct nacre_client *client;
	enum nc_client_way way;
	char *subject; /* to which it listens */
	natsSubscription *nats;
	uint64_t connection; /* of an answer: nc_client_connections() when it was asked for */
	struct nc_client_event held;
	struct nc_client_packed packed;
	struct nacre_delivery delivery;
	bool end_told; /* by the last nacre_next(): there are no more */

	/* Of a pull. */
	char next[NC_CLIENT_WORD_SIZE_MAX + 16]; /* "sub.next.<name>" */
	struct nacre_consume how;
	uint64_t given;    /* deliveries given so far */
	uint64_t asked;    /* how many of those that were asked for are still to come */
	int64_t lost_ms;   /* those that have not come by then, nor been declined, are lost */
	int64_t ask_at_ms; /* do not ask before then, as nobody answered */
	unsigned attempt;  /* how often nobody answered */
	bool ended; /* with no_wait: all that was there is given; an answer: it is complete */
};

bool nc_client_word_valid(const char *name);

/* ---- packed.c */

/* Whether a message is a delivery of many events. */
bool nc_client_packed_is(const natsMsg *msg);
/* Take over `msg`, even if this fails; then take its events one by one. After an error nothing more
 * of it is given. Errors: NACRE_PROTOCOL, NACRE_NOMEM. */
int nc_client_packed_begin(struct nc_client_packed *packed, natsMsg *msg);
int nc_client_packed_next(struct nc_client_packed *packed, struct nc_client_event *holder,
                          struct nacre_delivery *delivery_out);
void nc_client_packed_end(struct nc_client_packed *packed);
void nc_client_packed_release(struct nc_client_packed *packed);

/* ---- pull.c */

/* Ask for events, if there is room for them. */
natsStatus nc_client_pull_fill(struct nacre_subscription *sub);
/* A request was answered by a status line, or nobody was there to answer it (503). */
void nc_client_pull_status(struct nacre_subscription *sub, natsMsg *msg, unsigned status);
void nc_client_pull_nobody(struct nacre_subscription *sub);

#endif
