/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs_deliver.h -- what is published for a subscription, and who writes the messages: the loop, if
 * every event that is due is in memory, else a reader's job. Both do it with a "teller", which has
 * the parts of a message that are the same for many. */
#ifndef NC_CORE_NODE_SUBS_SUBS_DELIVER_H
#define NC_CORE_NODE_SUBS_SUBS_DELIVER_H

#include "core/delivery/definition.h"
#include "core/engine/event.h"
#include "transport/nats/outbox.h"
#include "transport/nats/packed.h"

struct nc_sub_pull;
struct nc_subs;
struct nc_subscription;

/* Something to publish: an event, by its position, or a status message. */
struct nc_delivery {
	uint64_t position; /* 0: a status */
	uint64_t pending;
	uint64_t flight; /* the delivery's number (nc_sub_action.flight) */
	uint32_t attempt;
	bool gone;                /* the event is left out: it was deleted, has expired, or … */
	bool unsendable;          /* … is larger than the server takes */
	bool alone;               /* not to be packed with others */
	struct nc_sub_pull *pull; /* held; the request it is for; NULL: it is pushed */
	char *subject;            /* owned; of a status: where it is published */
	char *status;             /* owned; of a status: its header block */
	char *reply;              /* owned; of a status: its reply subject, or NULL */
};

/* Writes deliveries as messages into an outbox. Begins as zeros. */
struct nc_sub_teller {
	struct nc_subs *subs;
	struct nc_subscription *sub;
	struct nc_outbox *outbox;
	size_t bytes; /* of messages that have been put so far */
	/* Written once for many deliveries: the subject of a push subscription, the header lines
	 * that name the subscription, and the reply subject, whose first `reply_same` bytes are the
	 * same for all. */
	struct nc_slice push_subject;
	struct nc_buf named, reply;
	size_t reply_same;
	/* The packed message that is being filled: its body, the flights of the events in it, and
	 * the delivery that is its last; NULL: none is being filled. */
	struct nc_packed packed;
	struct nc_buf noted;
	const struct nc_delivery *packed_last;
	struct nc_buf head, lines; /* of the message that is being written */
};

/* ---- subs_deliver.c ------------------------------------------------------------------------- */

/* Put what is due into the loop's outbox, if all of it is in memory. False: it is not, and a reader
 * has to do it. */
bool nc_subs_deliver_now(struct nc_subs *subs, struct nc_subscription *sub);
/* Send what the loop has put for this subscription. Before a reader is given deliveries, which must
 * come after. */
void nc_subs_posted_send(struct nc_subs *subs, const struct nc_subscription *sub);
/* nc_outbox.may_send of deliveries under a lease: whether it still holds. `ctx` is the nc_subs. */
bool nc_subs_lease_holds(void *ctx);
void nc_sub_teller_release(struct nc_sub_teller *teller);
/* Begin with this subscription, as it is now; what follows goes into this outbox. */
void nc_sub_teller_begin(struct nc_sub_teller *teller, struct nc_subs *subs,
                         struct nc_subscription *sub, struct nc_outbox *outbox);
/* Publish a message, of which the subject is filled in here, by the delivery. */
void nc_sub_teller_publish(struct nc_sub_teller *teller, const struct nc_delivery *delivery,
                           struct nc_outbox_message *message);
/* The subject on which an event is answered; valid until the next call. */
struct nc_slice nc_sub_teller_reply(struct nc_sub_teller *teller, uint64_t position,
                                    uint32_t attempt);

/* ---- subs_too_large.c ----------------------------------------------------------------------- */

/* Note an event that is larger than the server takes. Any thread that delivers. */
void nc_sub_too_large_note(struct nc_sub_teller *teller, const struct nc_delivery *delivery);
/* Tell the machine which events were noted; to be called before it is told an answer, or steps. */
void nc_subs_too_large_tell(struct nc_subs *subs, struct nc_subscription *sub);
/* Tell the machine which events of the list were left out, and end the requests that they were for.
 * The list is not the subscription's any more, or not yet. True: there were some. */
bool nc_subs_left_out(struct nc_subscription *sub, const struct nc_delivery *list, size_t count);

/* ---- subs_pack.c ---------------------------------------------------------------------------- */

/* In which form this delivery goes. */
enum nc_form nc_sub_form(const struct nc_subscription *sub, const struct nc_delivery *delivery);
/* Add the event to the packed message that is being filled; if that is full, send it and begin
 * another. False: the event fits into no packed message, and goes by itself. */
bool nc_sub_pack(struct nc_sub_teller *teller, const struct nc_delivery *delivery,
                 const struct nc_event *event);
/* Send the packed message that is being filled, if there is one. */
void nc_sub_pack_end(struct nc_sub_teller *teller);
/* Tell the machine which events left in one message; to be called before it is told an answer. */
void nc_subs_packed_tell(struct nc_subs *subs, struct nc_subscription *sub);

#endif
