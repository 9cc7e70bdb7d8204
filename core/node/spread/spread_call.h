/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_call.h -- what nodes ask each other about subscriptions that they share, as bytes in
 * transport/peer's requests and replies. MessagePack:
 *
 *   renew:    [1, boot, released, leaving]            to the leader; reply: [applied, clear]
 *   command:  [2, term, boot, number, command]        to the leader; reply: [index, code, err_code]
 *   yield:    [4, name, epoch]                        to an owner; reply: nothing, when what was
 *             acknowledged to it is in the log
 *   request:  [3, applied, endpoint, name, reply, body] to who runs the subscription; reply:
 * nothing
 *   survey:   [5, applied, wide, after, through]      to an owner; reply: where its subscriptions
 *             stand (standings.h)
 *   transient: [6, anew, names]                       to all, by the leader: transient
 * subscriptions that it holds, or holds no more; reply: nothing. `anew`: it holds no others
 *   answered: [7, applied, hashes]                    to all, by the leader: which of these
 * requests (answered.h) they answer; reply: a byte for each, 1 or 0; with NC_NOTFOUND the same, by
 * a node that has not applied so much and may still take some
 *
 * A node of an earlier build does not know all of them, and answers NC_INVALID: who asks goes on
 * without.
 *
 * Errors in replies: NC_CONFLICT, this node does not lead, or not in that term; NC_NOTFOUND, the
 * subscription does not run here (yet, or any more); those of nc_replica_command().
 */
#ifndef NC_CORE_NODE_SPREAD_SPREAD_CALL_H
#define NC_CORE_NODE_SPREAD_SPREAD_CALL_H

#include "core/delivery/placement.h"

#define NC_SPREAD_SERVICE 2u /* its number at transport/peer */

enum nc_spread_verb {
	NC_SPREAD_RENEW = 1,
	NC_SPREAD_COMMAND,
	NC_SPREAD_REQUEST,
	NC_SPREAD_YIELD,
	NC_SPREAD_SURVEY,
	NC_SPREAD_TRANSIENT,
	NC_SPREAD_ANSWERED
};

struct nc_spread_call {
	enum nc_spread_verb verb;
	struct nc_placement_renewal renewal;
	/* command */
	uint64_t term;           /* in which the receiver leads, as the sender knows */
	uint64_t boot;           /* of the sender */
	uint64_t number;         /* counts the sender's commands: one that comes late is refused */
	struct nc_slice command; /* core/engine/command.h */
	/* request, survey, answered */
	uint64_t
	        applied; /* by the leader, when it took the request up: so much it must have seen */
	struct nc_slice endpoint, name, reply,
	        body;   /* of yield: `name`; of transient, answered: `body` */
	uint64_t epoch; /* yield */
	/* survey: of the names behind `after`, up to and with `through`; at most 64 bytes each, as
	 * who asks was given them. `wide`: all, else the state alone */
	struct nc_slice after, through;
	bool wide;
	bool anew; /* transient */
};

void nc_spread_call_put(struct nc_buf *buf, const struct nc_spread_call *call);
/* Slices into `body`. Errors: NC_INVALID. */
int nc_spread_call_get(struct nc_slice body, struct nc_spread_call *call_out);

/* One name after the other; false: there are no more, or the rest is not understood and stays. */
void nc_spread_transient_put(struct nc_buf *names, struct nc_slice name, bool held);
bool nc_spread_transient_next(struct nc_slice *names, struct nc_slice *name_out, bool *held_out);

struct nc_spread_grant {
	uint64_t applied; /* the lease counts when the node has applied this */
	uint64_t clear;   /* nc_placement_clear() */
};
void nc_spread_grant_put(struct nc_buf *buf, const struct nc_spread_grant *grant);
int nc_spread_grant_get(struct nc_slice body, struct nc_spread_grant *grant_out);

/* What became of a command: of which entry it was, and the fault that apply found. */
struct nc_spread_result {
	uint64_t index;
	uint16_t code, err_code; /* 0: none */
};
void nc_spread_result_put(struct nc_buf *buf, const struct nc_spread_result *result);
int nc_spread_result_get(struct nc_slice body, struct nc_spread_result *result_out);

#endif
