/* SPDX-License-Identifier: GPL-3.0-or-later */
/* standings.h -- where a subscription stands, as R.sub.list tells it, whichever node runs it. A
 * node knows this of its own subscriptions from their machines. Of others it has what their nodes
 * told, or, where they did not answer, what the log has.
 *
 * Nodes tell each other (spread_call.h) in MessagePack, ascending by name, all in the same form,
 * short or wide (enum nc_standing_form):
 *
 *   [[name, epoch, state], …]
 *   [[name, epoch, state, push, plugin, pending, in_flight, redelivered, parked, ack_floor,
 *     last_delivered, lag_ms], …]
 *
 * Threads: any. Ownership: slices are of whoever made them, or of the bytes that are read.
 */
#ifndef NC_CORE_NODE_SPREAD_STANDINGS_H
#define NC_CORE_NODE_SPREAD_STANDINGS_H

#include "core/base/pack.h"

/* The numbers are those on the wire: add new ones at the end. */
enum nc_standing_state {
	NC_STANDING_LIVE,
	NC_STANDING_CATCHING_UP,
	NC_STANDING_WAITING, /* a push subscription to which nobody listens */
	NC_STANDING_PAUSED,
	NC_STANDING_HALTED,
	NC_STANDING_MOVING,  /* no node runs it at present; never on the wire */
	NC_STANDING_UNKNOWN, /* the node that runs it did not answer; never on the wire */
};
const char *nc_standing_state_name(enum nc_standing_state state);

/* How much is told of each: its state alone, or all. The numbers are those on the wire. */
enum nc_standing_form { NC_STANDING_SHORT, NC_STANDING_WIDE };

struct nc_standing {
	struct nc_slice name;
	enum nc_standing_state state;
	uint64_t epoch;
	/* All below: only of the wide form. */
	bool durable, push;
	struct nc_slice plugin, node;
	uint64_t in_flight, redelivered, ack_floor, last_delivered;
	bool logged; /* as the log has it, up to 100 ms old; it does not know what follows */
	uint64_t pending, parked, lag_ms;
};

/* Append the members of an entry of the list as JSON, without the braces. */
void nc_standing_put_json(struct nc_buf *out, const struct nc_standing *standing,
                          enum nc_standing_form form);
/* The members from `pending` to `state` only, each with a comma before it. */
void nc_standing_put_numbers(struct nc_buf *out, const struct nc_standing *standing);

/* Append how many standings follow, then each of them. */
void nc_standings_put_count(struct nc_buf *buf, size_t count);
void nc_standing_put(struct nc_buf *buf, const struct nc_standing *standing,
                     enum nc_standing_form form);

/* Standings that are read, in one pass; the bytes have been checked. */
struct nc_standings {
	struct nc_reader rest;
	size_t left;
	enum nc_standing_form form;
	bool has; /* `next` has been read, and was not asked for yet */
	struct nc_standing next;
};
/* Errors: NC_INVALID, the bytes are not standings in this form. */
int nc_standings_open(struct nc_slice bytes, enum nc_standing_form form,
                      struct nc_standings *standings_out);
/* What they say of the durable subscription `name`; `node` is left empty. Ask in ascending order.
 * False: nothing. */
bool nc_standings_find(struct nc_standings *standings, struct nc_slice name,
                       struct nc_standing *standing_out);

#endif
