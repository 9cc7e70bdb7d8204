/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_deliver.h -- what is published for a subscription, and who writes it: the loop, where all of
 * it is in memory, or a reader. */
#ifndef NC_CORE_NODE_SUBS_SUBS_DELIVER_H
#define NC_CORE_NODE_SUBS_SUBS_DELIVER_H

#include "core/delivery/definition.h"
#include "core/engine/event.h"
#include "transport/nats/outbox.h"
#include "transport/nats/packed.h"

struct nc_sub_pull;
struct nc_subs;
struct nc_subscription;

/* Something to publish, in its order: an event by its position, or a status message. */
struct nc_delivery {
	uint64_t position; /* 0: a status */
	uint64_t pending;
	uint64_t flight; /* its number, for what left together */
	uint32_t attempt;
	bool gone;  /* there is no such event any more */
	bool alone; /* not to be packed with others */
	struct nc_sub_pull
	        *pull; /* held; who is given the event; NULL: where the subscription says */
	char *subject; /* owned; of a status: where it is published */
	char *status;  /* owned; of a status: its header block */
	char *reply;   /* owned; of a status: NULL, or where to answer */
};

/* Who writes and puts deliveries: a reader's job, or the loop. Begins as zeros. */
struct nc_sub_teller {
	struct nc_subs *subs;
	struct nc_subscription *sub;
	struct nc_outbox *outbox; /* where they go */
	size_t bytes;             /* of messages that have been put */
	/* Written once for many: where a pushed one goes, the lines that name the subscription, and
	 * the subject to answer on, of which what is behind `reply_same` bytes is one delivery's.
	 */
	struct nc_slice push_subject;
	struct nc_buf named, reply;
	size_t reply_same;
	/* Packed: the message that is being filled, which events are in it, by their
	 * flights, and who is last in it; NULL: none is. */
	struct nc_packed packed;
	struct nc_buf noted;
	const struct nc_delivery *packed_last;
	struct nc_buf head, lines;
};

/* subs_deliver.c: put what is due into the loop's outbox, if all of it is in memory. False: it is
 * for a reader. Before a reader is given some, let what the loop has put leave. */
bool nc_subs_deliver_now(struct nc_subs *subs, struct nc_subscription *sub);
void nc_subs_posted_send(struct nc_subs *subs, const struct nc_subscription *sub);
/* Whether deliveries that go by a lease may leave: of an outbox. */
bool nc_subs_lease_holds(void *ctx);
void nc_sub_teller_release(struct nc_sub_teller *teller);
/* What follows is of this subscription, as it is now, and goes into this outbox. */
void nc_sub_teller_begin(struct nc_sub_teller *teller, struct nc_subs *subs,
                         struct nc_subscription *sub, struct nc_outbox *outbox);
/* Publish pieces where the delivery goes; and the subject to answer an event of it on, valid until
 * the next. */
void nc_sub_teller_publish(struct nc_sub_teller *teller, const struct nc_delivery *delivery,
                           struct nc_outbox_message *message);
struct nc_slice nc_sub_teller_reply(struct nc_sub_teller *teller, uint64_t position,
                                    uint32_t attempt);

/* subs_pack.c: how a delivery goes. */
enum nc_form nc_sub_form(const struct nc_subscription *sub, const struct nc_delivery *delivery);
/* Put the event into the message that is being filled, or into the next. False: it fits into none,
 * and goes by itself. */
bool nc_sub_pack(struct nc_sub_teller *teller, const struct nc_delivery *delivery,
                 const struct nc_event *event);
/* The message is full, or something else stands behind it. */
void nc_sub_pack_end(struct nc_sub_teller *teller);
/* Tell the machine what left together, before an answer. */
void nc_subs_packed_tell(struct nc_subs *subs, struct nc_subscription *sub);

#endif
