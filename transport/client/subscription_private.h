/* SPDX-License-Identifier: Apache-2.0 */
/* A subscription being consumed: what it listens to, and what it has asked for. */
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

struct nacre_subscription {
	struct nacre_client *client;
	enum nc_client_way way;
	char *subject; /* that is listened to */
	natsSubscription *nats;
	struct nc_client_event held;
	struct nacre_delivery delivery;

	/* Of a pull. */
	char next[NC_CLIENT_WORD_SIZE_MAX + 16]; /* "sub.next.<name>" */
	struct nacre_consume how;
	uint64_t given;    /* deliveries so far */
	uint64_t asked;    /* events that are still to come of what was asked for */
	int64_t lost_ms;   /* what has not come or been closed by then will not */
	int64_t ask_at_ms; /* not before: nobody answered */
	unsigned attempt;  /* of asking nobody */
	bool ended;        /* no_wait: all that was there has been given; an answer: closed */
};

bool nc_client_word_valid(const char *name);

/* pull.c. Ask for events when there is room for them. Errors: of NATS. */
natsStatus nc_client_pull_fill(struct nacre_subscription *sub);
/* A status line, or nobody there (503), in answer to a request. */
void nc_client_pull_status(struct nacre_subscription *sub, natsMsg *msg, unsigned status);
void nc_client_pull_nobody(struct nacre_subscription *sub);

#endif
