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

/* What of snapshots it asks for. */
enum nc_ticket_snap {
	NC_TICKET_SNAP_NOTHING,
	NC_TICKET_SNAP_PUT,
	NC_TICKET_SNAP_DELETE,
	NC_TICKET_SNAP_DELETE_ONE /* which must be there */
};

/* What it asks to become of a stream. */
enum nc_ticket_stream { NC_TICKET_STREAM_NOTHING, NC_TICKET_STREAM_DELETE, NC_TICKET_STREAM_META };

struct nc_ticket {
	struct nc_ticket *prev, *next;     /* the list's */
	uint64_t taken_ms;                 /* monotonic */
	struct nc_sub_pending *of_subs;    /* NULL, or what command of a subscription's it is */
	bool of_batch;                     /* of R.batch: answered as such */
	bool of_version;                   /* the leader's own: raises the engine's version */
	bool of_digest;                    /* the leader's own: to be compared; nobody waits */
	struct nc_spread_taken *of_spread; /* NULL, or of what subscriptions share: spread.h */
	enum nc_ticket_snap of_snap;
	enum nc_ticket_stream of_stream;
	uint64_t removed;  /* snapshots, so far */
	bool answered;     /* ran out: what comes later is not told */
	int endpoint;      /* for the statistics */
	size_t reply_size; /* bytes; 0: nobody waits for an answer */
	char reply[];      /* NUL-terminated subject */
};

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
