/* SPDX-License-Identifier: GPL-3.0-or-later */
/* standings.h -- where a subscription stands, as R.sub.list tells it, whoever runs it: of its own
 * from its machine, of others' as their nodes told it, or as far as the log knows it where they did
 * not. And a node's own as bytes, for the one that answers (spread_call.h). MessagePack, ascending
 * by name, all of one form:
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

/* Their numbers are those on the wire: a new one comes behind. */
enum nc_standing_state {
	NC_STANDING_LIVE,
	NC_STANDING_CATCHING_UP,
	NC_STANDING_WAITING, /* pushed, and nobody listens */
	NC_STANDING_PAUSED,
	NC_STANDING_HALTED,
	NC_STANDING_MOVING,  /* nobody runs it just now; never on the wire */
	NC_STANDING_UNKNOWN, /* who runs it did not say; never on the wire */
};
const char *nc_standing_state_name(enum nc_standing_state state);

struct nc_standing {
	struct nc_slice name;
	enum nc_standing_state state;
	uint64_t epoch;
	/* All below: only of the wide form. */
	bool durable, push;
	struct nc_slice plugin, node;
	uint64_t in_flight, redelivered, ack_floor, last_delivered;
	bool logged; /* from the log, up to 100 ms behind, which does not know the rest */
	uint64_t pending, parked, lag_ms;
};

/* Members, the first without a comma before it; of an entry of the list. */
void nc_standing_put_json(struct nc_buf *out, const struct nc_standing *standing, bool wide);
/* Likewise from pending to state, each behind a comma. */
void nc_standing_put_numbers(struct nc_buf *out, const struct nc_standing *standing);

void nc_standings_put_count(struct nc_buf *buf, size_t count); /* so many follow */
void nc_standing_put(struct nc_buf *buf, const struct nc_standing *standing, bool wide);

/* Bytes that have been found to be good, read in one pass. */
struct nc_standings {
	struct nc_reader rest;
	size_t left;
	bool wide, has; /* has: `next` has been read, and not been asked for */
	struct nc_standing next;
};
/* Errors: NC_INVALID, anything but what is said above, in this form. */
int nc_standings_open(struct nc_slice bytes, bool wide, struct nc_standings *standings_out);
/* What they say of this one, without `node`; durable. Names are to be asked for in ascending order.
 * False: nothing. */
bool nc_standings_find(struct nc_standings *standings, struct nc_slice name,
                       struct nc_standing *standing_out);

#endif
