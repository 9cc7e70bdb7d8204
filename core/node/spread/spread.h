/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread.h -- subscriptions of placement "spread" are shared by the nodes (decision 0083).
 *
 * The leader decides: it hears which voters live, picks an owner for each such subscription
 * (core/delivery/placement.h), and puts that into the log, which begins a new epoch of it. Whose it
 * is then takes it up from its own state and runs it like the leader runs the others (subs.h), with
 * three differences: it runs while it holds a lease of the leader's, what it has for the log goes
 * through the leader, and requests come to it by way of the leader. Acknowledgements come straight:
 * it has the subjects of its deliveries.
 *
 *   tick ─► renew ──► leader: heard ─► ReadIndex ──► lease            spread_renew.c
 *   leader's tick ─► who lives? ─► NC_COMMAND_SUB_OWN                 spread_table.c
 *   progress, seek, update, delete ──► leader ─► log ─► applied here  spread_forward.c
 *   R.sub.next, info, … at the leader ──► owner                       spread_relay.c
 *   leader, before it moves what runs ──► owner: acks ─► log          spread_yield.c
 *   R.ack.… as a request ──► owner; leader: has he heard it? ──► all  spread_acks.c, spread_asked.c
 *   all: who lives, who had what before, what was answered here       spread_heard.c
 *   R.sub.list at the leader ──► owners: where theirs stand           spread_survey.c
 *   leader ──► all: transient ones, lest they go without a word       spread_transient.c
 *
 * A node without a cluster has none of this: NULL, which every call takes; then the placement
 * "spread" means the node itself.
 *
 * Threads: the loop's, but for nc_spread_lease_holds().
 */
#ifndef NC_CORE_NODE_SPREAD_SPREAD_H
#define NC_CORE_NODE_SPREAD_SPREAD_H

#include "core/engine/engine.h"
#include "transport/nats/request.h"

struct nc_service;
struct nc_spread;
struct nc_standing;
struct nc_survey;
struct nc_spread_taken;
struct nc_sub_row;
struct nc_ticket;

/* Errors: NC_NOMEM; those of the state. */
int nc_spread_start(struct nc_service *service, struct nc_spread **spread_out);
/* The replica must have ended; frees at once. */
void nc_spread_stop(struct nc_spread *spread);

/* This node leads from now on: before its subscriptions are taken up. Errors: those of the state;
 * NC_CORRUPT. */
int nc_spread_lead(struct nc_spread *spread);
void nc_spread_step_down(struct nc_spread *spread);

/* Something that was told of a subscription was applied; on every node, in order. */
void nc_spread_told(struct nc_spread *spread, const struct nc_outcome *outcome);
/* All that was applied up to here has been told. */
void nc_spread_applied(struct nc_spread *spread, uint64_t applied);
void nc_spread_tick(struct nc_spread *spread);

/* On the leader: the durable subscription of this name is one that nodes share, so that the leader
 * runs it only if it is its own. */
bool nc_spread_has(const struct nc_spread *spread, struct nc_slice name);
/* On the leader: whether a batch's acknowledgement covers all before it. */
bool nc_spread_acks_all(const struct nc_spread *spread, struct nc_slice name);

/* The node that leads, as far as is known here; 0: none. */
uint64_t nc_spread_leader(const struct nc_spread *spread, uint64_t *term_out);
/* Entry up to which the log has been told here; this node, as an owner. */
uint64_t nc_spread_told_to(const struct nc_spread *spread);
bool nc_spread_is_self(const struct nc_spread *spread, struct nc_sub_owner owner);
/* What was given to this node by entry `since` may run now. */
bool nc_spread_holds(const struct nc_spread *spread, uint64_t since);
/* The leader takes this node for gone, its last lease being over for that long, or was told. */
bool nc_spread_is_given_up(const struct nc_spread *spread);
/* The node ends in order, and what it ran it has let go. */
bool nc_spread_has_left(const struct nc_spread *spread);
/* Any thread: what runs by a lease may still deliver. */
bool nc_spread_lease_holds(const struct nc_spread *spread);

/* Send a request on to who runs the subscription, which answers it. False: it is this node's. */
bool nc_spread_relay(struct nc_spread *spread, const struct nc_request *request,
                     struct nc_slice reply, int endpoint);
/* Whether there are such that nobody has said yet that he answers them. */
bool nc_spread_relays_any(const struct nc_spread *spread);

/* On the leader: an acknowledgement that came. False: it is this node's to judge. True: another
 * node's, who has it, too; or it is answered when it is sure that nobody else does. */
struct nc_spread_heard {
	struct nc_slice name, rest; /* what follows R.ack.; the name therein */
	struct nc_slice reply, body;
	bool asks; /* its body is one that is answered */
	int endpoint;
};
bool nc_spread_keep_ack(struct nc_spread *spread, const struct nc_spread_heard *heard);

/* A command of an owner's, through the leader into the log: its outcome comes back to
 * nc_subs_outcome() when it is applied here, or nc_subs_refused() with NC_TIMEOUT where it is not
 * known what became of it; never during the call. `ticket` NULL: nobody waits. Errors: NC_CONFLICT,
 * there is no leader; those of nc_replica_command() and nc_peer_request(). */
int nc_spread_forward(struct nc_spread *spread, struct nc_slice name, struct nc_slice command,
                      struct nc_ticket *ticket);

/* On the leader: a transient subscription came, or went and people were told. */
void nc_spread_transient_say(struct nc_spread *spread, struct nc_slice name, bool held);

/* Ask for a new epoch of what this node has. Errors: likewise; NC_NOTFOUND. */
int nc_spread_reown(struct nc_spread *spread, struct nc_slice name);

/* A ticket of ours came back. */
void nc_spread_outcome(struct nc_spread *spread, struct nc_ticket *ticket,
                       const struct nc_outcome *outcome);
void nc_spread_refused(struct nc_spread *spread, struct nc_ticket *ticket, int err);

/* Those that other nodes run, or nobody yet: for what people ask the leader about all. */
struct nc_spread_elsewhere {
	const char *name, *plugin;
	const char *node; /* its name, for people; "": not known */
	uint64_t owner;   /* its number; 0: none */
	uint64_t epoch;   /* of the row */
};
size_t nc_spread_count(const struct nc_spread *spread);
typedef void nc_spread_each_fn(void *ctx, const struct nc_spread_elsewhere *elsewhere);
void nc_spread_each_elsewhere(const struct nc_spread *spread, nc_spread_each_fn *fn, void *ctx);

/* On the leader: ask other nodes where those of their subscriptions stand whose names come behind
 * `after`, up to and with `through`; `wide` as in standings.h. `fn` is called once, perhaps before
 * this returns: when all have answered, or NC_SPREAD_SURVEY_MS later with what was heard by then;
 * with NULL when this node does not lead any more. Errors, without a call: NC_NOMEM; NC_BUSY, too
 * many are under way. */
#define NC_SPREAD_SURVEY_MS 500u
struct nc_survey_ask {
	const char *after, *through; /* of at most 64 bytes */
	bool wide;
	const uint64_t *nodes; /* [count], each once: at most NC_RAFT_MEMBERS_MAX */
	size_t count;
};
typedef void nc_survey_fn(void *ctx, struct nc_survey *survey);
int nc_spread_survey(struct nc_spread *spread, const struct nc_survey_ask *ask, nc_survey_fn *fn,
                     void *ctx);
/* What `node` told of this one; names are asked for in ascending order. Errors: NC_TIMEOUT, that
 * node did not answer, or was not asked; NC_NOTFOUND, it does not run it. */
int nc_survey_find(struct nc_survey *survey, uint64_t node, struct nc_slice name,
                   struct nc_standing *standing_out);

#endif
