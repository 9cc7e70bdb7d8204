/* SPDX-License-Identifier: GPL-3.0-or-later */
/* subs.h -- subscriptions on this node: the table of them, their filters, and what their state
 * machines (core/delivery) ask to be done (PROTOCOL.md sections 8 and 9).
 *
 * Live events are routed on the loop as they are told, and what of the latest is due is published
 * there; history is searched, and older deliveries are read and published, by the readers, one job
 * a subscription at a time, so that its events stay in order. Durable ones change by entries of the
 * log.
 *
 * Threads: the loop's, except for the jobs.
 */
#ifndef NC_CORE_NODE_SUBS_SUBS_H
#define NC_CORE_NODE_SUBS_SUBS_H

#include "core/engine/engine.h"
#include "core/node/common/ticket.h"
#include "transport/nats/bus.h"
#include "transport/nats/request.h"

struct nc_plugin_host;
struct nc_reader_pool;
struct nc_service;
struct nc_subs;

/* Open the plugins. Errors: NC_NOMEM; NC_IO; NC_INVALID, the private directory is not safe (said on
 * stderr). */
int nc_subs_start(struct nc_service *service, struct nc_subs **subs_out);

/* Take up the durable ones from the state: when leading. Errors: those of the state; NC_CORRUPT. */
int nc_subs_load(struct nc_subs *subs);

/* Forget all of it: when not leading any more. What is under way among the readers ends by itself.
 */
void nc_subs_unload(struct nc_subs *subs);

/* A request on R.sub.… or R.filter.…; `name` is what follows the verb. */
void nc_subs_request(struct nc_subs *subs, enum nc_operation op, struct nc_slice name,
                     struct nc_slice body, struct nc_slice reply, int endpoint);

/* A message on R.ack.>: `rest` is what follows. */
void nc_subs_answer(struct nc_subs *subs, struct nc_slice rest, const struct nc_bus_msg *msg,
                    int endpoint);

/* The acknowledgement that a batch is to commit; `rest` is what follows `R.ack.` in the reply
 * subject of the delivery, and the name points into it. Errors: NC_INVALID, not such a subject;
 * NC_UNSUPPORTED, a transient subscription, whose acknowledgements are not in the log. */
int nc_subs_batch_ack(struct nc_subs *subs, struct nc_slice rest, struct nc_batch_ack *ack_out);
/* A batch committed it. */
void nc_subs_batch_acked(struct nc_subs *subs, const struct nc_batch_ack *ack);

/* An event was applied; `record` is what it was decoded from. */
void nc_subs_event(struct nc_subs *subs, const struct nc_event *event, struct nc_slice record);

/* Events have gone out of sight: nothing is delivered from memory that may be of them. */
void nc_subs_sweep(struct nc_subs *subs);

/* What a message to ourselves brought back; and that the connection is another. */
void nc_subs_pace_heard(struct nc_subs *subs, struct nc_slice body);
void nc_subs_connected(struct nc_subs *subs);

/* What became of a command of ours; `ticket` bears it. */
void nc_subs_outcome(struct nc_subs *subs, struct nc_ticket *ticket,
                     const struct nc_outcome *outcome);
void nc_subs_refused(struct nc_subs *subs, struct nc_ticket *ticket, int err);

/* At the end of a turn, and from a timer: let those that have something to do do it. */
void nc_subs_turn(struct nc_subs *subs);
void nc_subs_tick(struct nc_subs *subs);
/* What the loop has put for those that it runs by a lease leaves now. */
void nc_subs_turn_end(struct nc_subs *subs);

/* The readers that ask filters of this plugin: the node's, or one of its own where asking may take
 * long. The loop's. */
struct nc_reader_pool *nc_subs_pool(struct nc_subs *subs, struct nc_slice plugin);

/* The node's plugins; any thread, as long as the subscriptions live. */
struct nc_plugin_host *nc_subs_plugins(struct nc_subs *subs);

/* subs_own.c: those that this node runs for the cluster (spread.h). */
extern char nc_subs_own_tag; /* of the subscriptions to their R.ack.<name>.> */
uint64_t nc_subs_now_ns(void);
bool nc_subs_has(struct nc_subs *subs, struct nc_slice name);
uint64_t nc_subs_epoch(struct nc_subs *subs, struct nc_slice name); /* 0: it is not here */
bool nc_subs_own_has(struct nc_subs *subs, struct nc_slice name);
/* This node leads from now on, or does not any more: after its R.ack.> went, before it comes.
 * Errors: NC_NOMEM. */
int nc_subs_own_listen(struct nc_subs *subs);
/* A change of one was applied, on whichever node it runs. */
void nc_subs_own_told(struct nc_subs *subs, const struct nc_outcome *outcome);
/* There may be a lease, or a longer one. */
void nc_subs_own_wake(struct nc_subs *subs);
/* It delivers nothing any more until `until_ns`, and what was acknowledged goes into the log.
 * False: there is no such one, in this epoch, by a lease. All: those that run by a lease. */
bool nc_subs_own_yield(struct nc_subs *subs, struct nc_slice name, uint64_t epoch,
                       uint64_t until_ns);
void nc_subs_own_yield_all(struct nc_subs *subs, uint64_t until_ns);
/* This node has left: what is not in the log by now does not come there from here. */
void nc_subs_own_left(struct nc_subs *subs);
/* It is in the log, or cannot be: there is no lease, or it is another's by now. */
bool nc_subs_own_has_yielded(struct nc_subs *subs, struct nc_slice name, uint64_t epoch);
bool nc_subs_own_have_yielded(struct nc_subs *subs);
/* Something that was let go is still being delivered; or anything of them is. */
bool nc_subs_own_is_leaving(const struct nc_subs *subs);
bool nc_subs_own_is_delivering(const struct nc_subs *subs);
/* The newest entry that gave us one; 0: we have none. */
uint64_t nc_subs_own_since(const struct nc_subs *subs);

/* subs_list.c: where those that this node runs by a lease stand, of the names behind `after` up to
 * and with `through`: bytes of standings.h. Errors: NC_NOMEM; those of the state, which are
 * said. */
int nc_subs_put_standings(struct nc_subs *subs, const char *after, const char *through, bool wide,
                          struct nc_buf *buf);

/* subs_answer.c: this node has answered that acknowledgement or is going to (answered.h); whether
 * it is so. */
void nc_subs_note_answered(struct nc_subs *subs, uint64_t hash, uint64_t now_ns);
bool nc_subs_has_answered(const struct nc_subs *subs, uint64_t hash, uint64_t now_ns);

/* subs.c: the names of the transient ones, for spread_call.h. */
void nc_subs_put_transient(const struct nc_subs *subs, struct nc_buf *names);

size_t nc_subs_count(const struct nc_subs *subs);

/* Members for a node's counters, each behind a comma: answers to deliveries that say nothing, acks
 * of other epochs or nobody's that expected no answer, and data in which no filter by payload finds
 * anything, as often as it was looked at. */
void nc_subs_put_counters(const struct nc_subs *subs, struct nc_buf *out);

/* The readers must have ended. NULL is a no-op. */
void nc_subs_stop(struct nc_subs *subs);

#endif
