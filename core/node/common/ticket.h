/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ticket.h -- a request that has been taken up and not yet answered: where the answer goes, and
 * until when. All have the same time-out, so that the oldest is always the first to run out.
 *
 * Threads: the loop's.
 */
#ifndef NC_CORE_NODE_COMMON_TICKET_H
#define NC_CORE_NODE_COMMON_TICKET_H

#include "core/base/slice.h"

struct nc_spread_taken;
struct nc_sub_pending;

/* What it asks for, and so who is told what became of it; from NC_TICKET_VERSION on it may be the
 * node itself that asks. */
enum nc_ticket_of {
	NC_TICKET_APPEND,
	NC_TICKET_BATCH,
	NC_TICKET_SNAP_PUT,
	NC_TICKET_SNAP_DELETE,
	NC_TICKET_SNAP_DELETE_ONE, /* which must be there */
	NC_TICKET_STREAM_DELETE,
	NC_TICKET_STREAM_META,
	NC_TICKET_VERSION, /* the leader's own: raises the engine's version */
	NC_TICKET_DIGEST,  /* the leader's own: to be compared; nobody waits */
	NC_TICKET_SUB,     /* of a subscription: `pending` says what */
	NC_TICKET_SPREAD   /* of what subscriptions share: `taken`, spread.h */
};

struct nc_ticket {
	struct nc_ticket *prev, *next; /* the list's */
	uint64_t taken_ms;             /* monotonic */
	enum nc_ticket_of of;
	struct nc_sub_pending *pending;
	struct nc_spread_taken *taken;
	uint64_t mark;     /* of events: nc_interest_expect() */
	uint64_t removed;  /* snapshots, so far */
	bool answered;     /* ran out: what comes later is not told */
	int endpoint;      /* for the statistics */
	size_t reply_size; /* bytes; 0: nobody waits for an answer */
	char reply[];      /* NUL-terminated subject */
};

/* The node's own, of which nobody is told anything: what becomes of it is no request's end. */
static inline bool nc_ticket_is_own(const struct nc_ticket *ticket)
{
	return ticket->reply_size == 0 && ticket->of >= NC_TICKET_VERSION;
}

static inline struct nc_slice nc_ticket_reply(const struct nc_ticket *ticket)
{
	return nc_slice(ticket->reply, ticket->reply_size);
}

struct nc_ticket_list {
	struct nc_ticket *first, *last;
	size_t count;
};

/* A ticket at the end of the list; NULL: out of memory. */
struct nc_ticket *nc_ticket_new(struct nc_ticket_list *list, struct nc_slice reply,
                                uint64_t taken_ms);
/* Take it off the list and free it. */
void nc_ticket_free(struct nc_ticket_list *list, struct nc_ticket *ticket);

/* The first unanswered ticket that was taken up at `before_ms` or earlier, off the list but not
 * freed: its owner still holds it. It is marked as answered. NULL: none. */
struct nc_ticket *nc_ticket_expire(struct nc_ticket_list *list, uint64_t before_ms);

#endif
