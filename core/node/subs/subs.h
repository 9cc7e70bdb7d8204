/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs.h -- the subscriptions of this node: the table of them, their filters, and whatever their
 * state machines (core/delivery) ask for (PROTOCOL.md sections 8 and 9).
 *
 * The loop routes live events to subscriptions when they are applied, and publishes deliveries of
 * events that are in memory. Readers search history, and read and publish deliveries of older
 * events; a subscription has at most one job of each kind at a time, so that its events stay in
 * order. Durable subscriptions change through entries of the log.
 *
 * Threads: the loop's, except for the jobs.
 */
#ifndef NC_CORE_NODE_SUBS_SUBS_H
#define NC_CORE_NODE_SUBS_SUBS_H

#include "core/delivery/ack.h"
#include "core/engine/engine.h"
#include "core/node/common/ticket.h"
#include "core/node/spread/standings.h"
#include "transport/nats/bus.h"
#include "transport/nats/request.h"

struct nc_plugin_host;
struct nc_reader_pool;
struct nc_service;
struct nc_subs;

/* Start without subscriptions, and load the plugins. Errors: NC_NOMEM; NC_IO; NC_INVALID, the
 * private directory for plugins is not safe (said on stderr); those of nc_state_reader_open(). */
int nc_subs_start(struct nc_service *service, struct nc_subs **subs_out);

/* This node leads now: run the durable subscriptions that the state has. Errors: those of the
 * state; NC_CORRUPT. */
int nc_subs_load(struct nc_subs *subs);

/* This node leads no more: remove all subscriptions. Jobs that readers still have end by
 * themselves. */
void nc_subs_unload(struct nc_subs *subs);

/* A request on R.sub.… or R.filter.…; `name` is what follows the verb. */
void nc_subs_request(struct nc_subs *subs, enum nc_operation op, struct nc_slice name,
                     struct nc_slice body, struct nc_slice reply, int endpoint);

/* A message on R.ack.>: `rest` is what follows `R.ack.` in its subject. */
void nc_subs_answer(struct nc_subs *subs, struct nc_slice rest, const struct nc_bus_msg *msg,
                    int endpoint);

/* Understand an acknowledgement that a batch is to commit, and say what is known of it here. `rest`
 * is what follows `R.ack.` in the reply subject of the delivery; the name in `ack_out` points into
 * it. The second call says it anew of one that has been understood, and the third what another node
 * knows. Errors: NC_INVALID, not such a subject; NC_UNSUPPORTED, the subscription is transient, so
 *  * that its acknowledgements are not in the log; NC_BUSY, the log has to be told something first,
 * which is on its way. */
int nc_subs_batch_ack(struct nc_subs *subs, struct nc_slice rest, struct nc_batch_ack *ack_out);
int nc_subs_batch_judge(struct nc_subs *subs, struct nc_batch_ack *ack);
void nc_subs_batch_say(const struct nc_subs *subs, enum nc_sub_word word, struct nc_batch_ack *ack);
/* A batch was applied that committed this acknowledgement. */
void nc_subs_batch_acked(struct nc_subs *subs, const struct nc_batch_ack *ack);

/* An event was applied; `record` is what it was decoded from. */
void nc_subs_event(struct nc_subs *subs, const struct nc_event *event, struct nc_slice record);

/* Events were deleted, or have expired: nothing that is kept in memory is delivered without being
 * read again. */
void nc_subs_sweep(struct nc_subs *subs);

/* The body of a message that the node had sent to itself for its pace (pace.h). And: there is a new
 * connection, which starts the pace again. */
void nc_subs_pace_heard(struct nc_subs *subs, struct nc_slice body);
void nc_subs_connected(struct nc_subs *subs);

/* A command of a subscription was applied, or was not taken; ticket->pending says which command. */
void nc_subs_outcome(struct nc_subs *subs, struct nc_ticket *ticket,
                     const struct nc_outcome *outcome);
void nc_subs_refused(struct nc_subs *subs, struct nc_ticket *ticket, int err);

/* Let subscriptions act that have something to do: at the end of a turn of the loop, and from the
 * timer. */
void nc_subs_turn(struct nc_subs *subs);
void nc_subs_tick(struct nc_subs *subs);
/* Send the deliveries that the loop has written for subscriptions under a lease. */
void nc_subs_turn_end(struct nc_subs *subs);

/* The readers that ask filters of this plugin: the node's, or the plugin's own if it runs in a
 * process of its own, where asking may take long. */
struct nc_reader_pool *nc_subs_pool(struct nc_subs *subs, struct nc_slice plugin);

/* The node's plugins. Any thread, until nc_subs_stop(). */
struct nc_plugin_host *nc_subs_plugins(struct nc_subs *subs);

/* ---- Subscriptions under a lease (subs_own.c, spread.h) ------------------------------------- */

extern char nc_subs_own_tag; /* tag of this node's NATS subscriptions to R.ack.<name>.> */
/* Whether the subscription is here at all; its epoch, 0 if it is not; whether it has a lease. */
bool nc_subs_has(struct nc_subs *subs, struct nc_slice name);
uint64_t nc_subs_epoch(struct nc_subs *subs, struct nc_slice name);
bool nc_subs_own_has(struct nc_subs *subs, struct nc_slice name);
/* Listen to R.ack.<name>.> of each, or stop it, since a leader listens to R.ack.>. Called when this
 * node begins to lead, before it subscribes to that, and when it leads no more, after it has
 * unsubscribed. Errors: NC_NOMEM. */
int nc_subs_own_listen(struct nc_subs *subs);
/* A change of a subscription was applied, on whichever node that runs. */
void nc_subs_own_told(struct nc_subs *subs, const struct nc_outcome *outcome);
/* The lease may hold now, or hold for longer: let those run that were asleep. */
void nc_subs_own_wake(struct nc_subs *subs);
/* Stop delivering until `until_ns`, and put what was acknowledged into the log, since the
 * subscription is about to move to another node. False: this node does not own it in this epoch.
 * The second call does it for all that this node owns. */
bool nc_subs_own_yield(struct nc_subs *subs, struct nc_slice name, uint64_t epoch,
                       uint64_t until_ns);
void nc_subs_own_yield_all(struct nc_subs *subs, uint64_t until_ns);
/* This node has left the cluster's work: whoever waits for something to get into the log is
 * refused. */
void nc_subs_own_left(struct nc_subs *subs);
/* Whether all that was acknowledged is in the log, or cannot get there any more, since there is no
 * lease or another node owns the subscription by now. For one, and for all. */
bool nc_subs_own_has_yielded(struct nc_subs *subs, struct nc_slice name, uint64_t epoch);
bool nc_subs_own_have_yielded(struct nc_subs *subs);
/* subs_batch.c: what this node knows of a delivery, and the log has been told. Errors: NC_NOTFOUND,
 * it does not own the subscription in this epoch, not yet or not any more. */
int nc_subs_own_word(struct nc_subs *subs, struct nc_slice name, uint64_t epoch, uint64_t position,
                     enum nc_sub_word *word_out);
/* Whether a subscription that was let go still has a job that delivers; and whether any under a
 * lease has, those let go among them. */
bool nc_subs_own_is_leaving(const struct nc_subs *subs);
bool nc_subs_own_is_delivering(const struct nc_subs *subs);
/* The newest entry of the log that gave this node one; 0: it has none. */
uint64_t nc_subs_own_since(const struct nc_subs *subs);

/* subs_list.c: append where this node's subscriptions under a lease stand, as standings.h encodes
 * it: those whose names come after `after`, up to and including `through`. Errors: NC_NOMEM; those
 * of the state, which are said. */
int nc_subs_put_standings(struct nc_subs *subs, const char *after, const char *through,
                          enum nc_standing_form form, struct nc_buf *buf);

/* subs_answer.c: note that this node has answered an acknowledgement, or will answer it
 * (answered.h); and whether it did. */
void nc_subs_note_answered(struct nc_subs *subs, uint64_t hash, uint64_t now_ns);
bool nc_subs_has_answered(const struct nc_subs *subs, uint64_t hash, uint64_t now_ns);

/* ---- All of them ---------------------------------------------------------------------------- */

/* Append the names of the transient subscriptions, as spread_call.h encodes them. */
void nc_subs_put_transient(const struct nc_subs *subs, struct nc_buf *names);

size_t nc_subs_count(const struct nc_subs *subs);

/* Append members of the node's counters in JSON, each with a comma before it: answers to deliveries
 * that were not understood; acknowledgements without a reply subject that were of another epoch or
 * of no subscription; and how often an event's data could not be read by filters of payload. */
void nc_subs_put_counters(const struct nc_subs *subs, struct nc_buf *out);

/* Free everything. The readers must have ended. NULL is a no-op. */
void nc_subs_stop(struct nc_subs *subs);

#endif
