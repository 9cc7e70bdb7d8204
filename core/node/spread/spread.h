/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread.h -- subscriptions of placement "spread" are shared by the nodes (decision 0083).
 *
 * The leader decides. It hears which voters live, picks an owner for each such subscription
 * (core/delivery/placement.h), and puts that into the log, which begins a new epoch of the
 * subscription. The owner then takes it up from its own state and runs it as the leader runs the
 * others (subs.h), with three differences: it runs only while it holds a lease from the leader;
 * what it has for the log goes through the leader; and requests reach it by way of the leader.
 * Acknowledgements reach it directly, since it listens to the reply subjects of its deliveries.
 *
 *   tick ─► renew ──► leader: heard ─► ReadIndex ──► lease            spread_renew.c
 *   leader's tick ─► who lives? ─► NC_COMMAND_SUB_OWN                 spread_table.c
 *   progress, seek, update, delete ──► leader ─► log ─► applied here  spread_forward.c
 *   R.sub.next, info, … at the leader ──► owner                       spread_relay.c
 *   R.batch with ack ─► owner: does it fly? ─► leader ─► log         spread_flight.c, _word.c
 *   leader, before it moves what runs ──► owner: acks ─► log          spread_yield.c
 *   R.ack.… as a request ──► owner; leader: was it heard? ──► all     spread_acks.c, spread_asked.c
 *   all: who lives, who had what before, what was answered here       spread_heard.c
 *   R.sub.list at the leader ──► owners: where theirs stand           spread_survey.c
 *   leader ──► all: transient ones, lest they go without a word       spread_transient.c
 *
 * A node without a cluster has none of this: its nc_spread is NULL, which every call accepts, and
 * the placement "spread" means the node itself.
 *
 * Threads: the loop's, but for nc_spread_lease_holds().
 */
#ifndef NC_CORE_NODE_SPREAD_SPREAD_H
#define NC_CORE_NODE_SPREAD_SPREAD_H

#include "core/engine/engine.h"
#include "core/node/spread/standings.h"
#include "transport/nats/request.h"

struct nc_service;
struct nc_spread;
struct nc_survey;
struct nc_spread_taken;
struct nc_sub_row;
struct nc_ticket;

/* Errors: NC_NOMEM; those of the state. */
int nc_spread_start(struct nc_service *service, struct nc_spread **spread_out);
/* Frees at once. The replica must have ended. */
void nc_spread_stop(struct nc_spread *spread);

/* ---- What happens to this node -------------------------------------------------------------- */

/* This node leads from now on. Call it before the leader's subscriptions are loaded. Errors: those
 * of the state; NC_CORRUPT. */
int nc_spread_lead(struct nc_spread *spread);
void nc_spread_step_down(struct nc_spread *spread);

/* The outcome of a command about a subscription: on every node, in the log's order. */
void nc_spread_told(struct nc_spread *spread, const struct nc_outcome *outcome);
/* All outcomes of entries up to `applied` have been told. */
void nc_spread_applied(struct nc_spread *spread, uint64_t applied);
void nc_spread_tick(struct nc_spread *spread);

/* A command that this node proposed was applied, or was not taken: ticket->taken says which. */
void nc_spread_outcome(struct nc_spread *spread, struct nc_ticket *ticket,
                       const struct nc_outcome *outcome);
void nc_spread_refused(struct nc_spread *spread, struct nc_ticket *ticket, int err);

/* ---- As an owner ---------------------------------------------------------------------------- */

/* The entry up to which outcomes have been told here. */
uint64_t nc_spread_told_to(const struct nc_spread *spread);
/* Whether `owner` is this node in this life. */
bool nc_spread_is_self(const struct nc_spread *spread, struct nc_sub_owner owner);
/* Whether a subscription that entry `since` gave to this node may run now. */
bool nc_spread_holds(const struct nc_spread *spread, uint64_t since);
/* Any thread: whether subscriptions under a lease may still deliver. */
bool nc_spread_lease_holds(const struct nc_spread *spread);
/* Whether the leader takes this node for gone: it was told so, or the last lease ended that long
 * ago. */
bool nc_spread_is_given_up(const struct nc_spread *spread);
/* Whether this node, which ends in order, has let go of all that it ran. */
bool nc_spread_has_left(const struct nc_spread *spread);

/* Send a command about an owned subscription through the leader into the log. When it is applied
 * here its outcome goes to nc_subs_outcome(); if its fate is not known, NC_TIMEOUT goes to
 * nc_subs_refused(). Neither is called before this returns. `ticket` NULL: nobody waits.
 * Errors: NC_CONFLICT, there is no leader; those of nc_replica_command() and nc_peer_request(). */
int nc_spread_forward(struct nc_spread *spread, struct nc_slice name, struct nc_slice command,
                      struct nc_ticket *ticket);

/* Ask for a new epoch of a subscription that this node owns. Errors: likewise; NC_NOTFOUND. */
int nc_spread_reown(struct nc_spread *spread, struct nc_slice name);

/* ---- As the leader -------------------------------------------------------------------------- */

/* The number of the leader, as far as this node knows; 0: there is none. */
uint64_t nc_spread_leader(const struct nc_spread *spread, uint64_t *term_out);

/* Whether the durable subscription of this name is shared. If so, the leader runs it only if it is
 * the owner. */
bool nc_spread_has(const struct nc_spread *spread, struct nc_slice name);

/* Send a request on to the owner of the subscription, which answers it. False: this node is to
 * answer it. */
bool nc_spread_relay(struct nc_spread *spread, const struct nc_request *request,
                     struct nc_slice reply, int endpoint);
/* Whether there are such that nobody has said yet that he answers them. */
bool nc_spread_relays_any(const struct nc_spread *spread);

/* A batch that acknowledges a delivery. True: it waits for what the node knows that runs the
 * subscription, and is proposed then; or it was refused. False: it is to be proposed at once. */
struct nc_batch;
bool nc_spread_flight(struct nc_spread *spread, const struct nc_batch *batch, struct nc_slice reply,
                      int endpoint);
/* Whether there are such that wait. */
bool nc_spread_flights_any(const struct nc_spread *spread);
/* A message that this node has sent to itself came back. */
void nc_spread_echo_heard(struct nc_spread *spread, struct nc_slice body);

/* An acknowledgement that the leader has heard. False: it is about a subscription of this node,
 * which is to judge it. True: the owner has heard it too and answers it; or, if it is a request,
 * the leader does so once it is sure that no other node does. */
struct nc_spread_heard {
	struct nc_slice name, rest; /* `rest` follows R.ack. in the subject; `name` is in it */
	struct nc_slice reply, body;
	bool asks; /* its body is one that is answered */
	int endpoint;
};
bool nc_spread_keep_ack(struct nc_spread *spread, const struct nc_spread_heard *heard);

/* A transient subscription was made here; or is one no more, since it was deleted, with an
 * advisory, or became durable. */
void nc_spread_transient_made(struct nc_spread *spread, struct nc_slice name);
void nc_spread_transient_gone(struct nc_spread *spread, struct nc_slice name);

/* The shared subscriptions that run on other nodes, or nowhere yet. */
struct nc_spread_elsewhere {
	const char *name, *plugin;
	const char *node; /* the owner's name, for people; "": not known */
	uint64_t owner;   /* the owner's number; 0: there is none */
	uint64_t epoch;   /* of the row */
};
size_t nc_spread_count(const struct nc_spread *spread);
typedef void nc_spread_each_fn(void *ctx, const struct nc_spread_elsewhere *elsewhere);
void nc_spread_each_elsewhere(const struct nc_spread *spread, nc_spread_each_fn *fn, void *ctx);

/* Ask other nodes where their subscriptions stand, of the names after `after`, up to and including
 * `through`. `fn` is called once, perhaps before this returns: when all have answered, or
 * NC_SPREAD_SURVEY_MS later with the answers that came; or with NULL if this node leads no more.
 * Errors, and then `fn` is not called: NC_NOMEM; NC_BUSY, too many are under way. */
#define NC_SPREAD_SURVEY_MS 500u
struct nc_survey_ask {
	const char *after, *through; /* of at most 64 bytes */
	enum nc_standing_form form;
	const uint64_t *nodes; /* [count], each once: at most NC_RAFT_MEMBERS_MAX */
	size_t count;
};
typedef void nc_survey_fn(void *ctx, struct nc_survey *survey);
int nc_spread_survey(struct nc_spread *spread, const struct nc_survey_ask *ask, nc_survey_fn *fn,
                     void *ctx);
/* What `node` told of the subscription `name`; ask in ascending order of names. Errors: NC_TIMEOUT,
 * that node did not answer, or was not asked; NC_NOTFOUND, it does not run that subscription. */
int nc_survey_find(struct nc_survey *survey, uint64_t node, struct nc_slice name,
                   struct nc_standing *standing_out);

#endif
