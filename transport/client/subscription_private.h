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

/* A message of many deliveries that is being given; `msg` NULL: none is. Begins as zeros. */
struct nc_client_packed {
	natsMsg *msg; /* owned */
	struct nc_buf headers;
	struct nc_buf reply;    /* of the event last given */
	size_t prefix_size;     /* of the message's reply subject, before the two numbers */
	uint64_t last_position; /* they are of its last event */
	uint64_t last_attempt;
	uint64_t pending; /* behind the last event */
	bool pending_known;
	bool json; /* else MessagePack */
	struct nc_json objects;
	struct nc_unpack maps;
	uint32_t left; /* to be given */
};

struct nacre_subscription {
	struct nacre_client *client;
	enum nc_client_way way;
	char *subject; /* that is listened to */
	natsSubscription *nats;
	uint64_t connection; /* an answer: over which it comes, nc_client_connections() */
	struct nc_client_event held;
	struct nc_client_packed packed;
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

/* packed.c. Whether a delivery is one of many events. */
bool nc_client_packed_is(const natsMsg *msg);
/* Take over `msg`, whatever becomes of it; then give its events while there are some left. On an
 * error it is ended, with what was left of it. Errors: NACRE_PROTOCOL, NACRE_NOMEM. */
int nc_client_packed_begin(struct nc_client_packed *packed, natsMsg *msg);
int nc_client_packed_next(struct nc_client_packed *packed, struct nc_client_event *holder,
                          struct nacre_delivery *delivery_out);
void nc_client_packed_end(struct nc_client_packed *packed);
void nc_client_packed_release(struct nc_client_packed *packed);

/* pull.c. Ask for events when there is room for them. Errors: of NATS. */
natsStatus nc_client_pull_fill(struct nacre_subscription *sub);
/* A status line, or nobody there (503), in answer to a request. */
void nc_client_pull_status(struct nacre_subscription *sub, natsMsg *msg, unsigned status);
void nc_client_pull_nobody(struct nacre_subscription *sub);

#endif
