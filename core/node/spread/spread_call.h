/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_call.h -- what nodes ask each other about shared subscriptions, as bytes in the requests
 * and replies of transport/peer. MessagePack:
 *
 *   renew      [1, boot, released, leaving]
 *              to the leader; it replies with a grant, [applied, clear]
 *   command    [2, term, boot, number, command]
 *              to the leader, which proposes it; it replies [index, code, err_code]
 *   request    [3, applied, endpoint, name, reply, body]
 *              to the owner, which answers it; the reply is empty
 *   yield      [4, name, epoch]
 *              to the owner; the empty reply comes when what was acknowledged to it is in the log
 *   survey     [5, applied, form, after, through]
 *              to an owner; it replies where its subscriptions stand (standings.h)
 *   transient  [6, anew, names]
 *              from the leader to all: transient subscriptions that it holds, or holds no more;
 *              `anew`: it holds no others. The reply is empty
 *   answered   [7, applied, hashes]
 *              from the leader to all: which of these acknowledgements (answered.h) do you answer?
 *              The reply has a byte for each, 1 or 0. A node that has not applied so much, and may
 *              still accept some, sends the same with NC_NOTFOUND
 *   flight     [8, name, epoch, position]
 *              to the owner, of a delivery that a batch acknowledges; it replies [word], an enum
 *              nc_sub_word, or NC_BUSY: ask again
 *
 * A node of an earlier build answers NC_INVALID to what it does not know; the caller then goes on
 * without an answer.
 *
 * Errors in replies: NC_CONFLICT, this node does not lead, or not in that term; NC_NOTFOUND, the
 * subscription does not run here, not yet or not any more; those of nc_replica_command().
 */
#ifndef NC_CORE_NODE_SPREAD_SPREAD_CALL_H
#define NC_CORE_NODE_SPREAD_SPREAD_CALL_H

#include "core/delivery/ack.h"
#include "core/delivery/placement.h"
#include "core/node/spread/standings.h"

#define NC_SPREAD_SERVICE 2u /* its number at transport/peer */

enum nc_spread_verb {
	NC_SPREAD_RENEW = 1,
	NC_SPREAD_COMMAND,
	NC_SPREAD_REQUEST,
	NC_SPREAD_YIELD,
	NC_SPREAD_SURVEY,
	NC_SPREAD_TRANSIENT,
	NC_SPREAD_ANSWERED,
	NC_SPREAD_FLIGHT
};

struct nc_spread_call {
	enum nc_spread_verb verb;
	struct nc_placement_renewal renewal;
	/* command */
	uint64_t term;           /* in which the receiver leads, as far as the sender knows */
	uint64_t boot;           /* the sender's life */
	uint64_t number;         /* of the command in that life (core/delivery/sequence.h) */
	struct nc_slice command; /* core/engine/command.h */
	/* request, survey, answered */
	uint64_t applied; /* where the leader was: the receiver must have applied that first */
	/* request; yield and flight have `name` too, transient and answered have `body` */
	struct nc_slice endpoint, name, reply, body;
	uint64_t epoch;    /* yield, flight */
	uint64_t position; /* flight */
	/* survey: names after `after`, up to and including `through`, of at most 64 bytes each,
	 * which need not be names of subscriptions */
	struct nc_slice after, through;
	enum nc_standing_form form;
	bool anew; /* transient */
};

void nc_spread_call_put(struct nc_buf *buf, const struct nc_spread_call *call);
/* Slices into `body`. Errors: NC_INVALID. */
int nc_spread_call_get(struct nc_slice body, struct nc_spread_call *call_out);

/* What is told of a transient subscription. The numbers are those on the wire. */
enum nc_transient {
	NC_TRANSIENT_GONE,
	NC_TRANSIENT_HELD, /* by the node that tells it */
};

/* Append a name; read the next one. False: there are no more, or the rest, which stays in `names`,
 * is not understood. */
void nc_spread_transient_put(struct nc_buf *names, struct nc_slice name, enum nc_transient is);
bool nc_spread_transient_next(struct nc_slice *names, struct nc_slice *name_out,
                              enum nc_transient *is_out);

struct nc_spread_grant {
	uint64_t applied; /* the lease counts once the node has applied this entry */
	uint64_t clear;   /* nc_placement_clear() */
};
void nc_spread_grant_put(struct nc_buf *buf, const struct nc_spread_grant *grant);
int nc_spread_grant_get(struct nc_slice body, struct nc_spread_grant *grant_out);

/* What became of a command: the entry that it was in, and the fault with which it was refused. */
struct nc_spread_result {
	uint64_t index;
	uint16_t code, err_code; /* 0: none */
};
void nc_spread_result_put(struct nc_buf *buf, const struct nc_spread_result *result);
int nc_spread_result_get(struct nc_slice body, struct nc_spread_result *result_out);

/* What an owner says of a delivery. */
void nc_spread_word_put(struct nc_buf *buf, enum nc_sub_word word);
int nc_spread_word_get(struct nc_slice body, enum nc_sub_word *word_out);

#endif
