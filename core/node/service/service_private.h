/* SPDX-License-Identifier: GPL-3.0-or-later */
/* service_private.h -- the service as its files share it, and what each file does for the others,
 * in the order in which a request meets them: messages that come in, commands, reads; then what the
 * node looks after by itself, and what it says of itself.
 *
 * Where a call "refuses" a request, it has answered it with an error, and nothing is left to do.
 *
 * Threads:   the loop's. Readers use the read that they were given, the bus, what never changes
 *            (options, root) and the members that are atomic.
 * Ownership: the service owns what it points to, but for what its options borrow. Slices and
 *            messages given to a call are borrowed until it returns.
 * Errors:    where a call returns an int, NC_OK or a negative enum nc_err.
 */
#ifndef NC_CORE_NODE_SERVICE_SERVICE_PRIVATE_H
#define NC_CORE_NODE_SERVICE_SERVICE_PRIVATE_H

#include "core/node/common/clock.h"
#include "core/node/common/complaints.h"
#include "core/node/common/link_log.h"
#include "core/node/common/ticket.h"
#include "core/node/service/service.h"
#include "core/node/service/service_parts_private.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs.h"
#include "transport/nats/bus.h"
#include "transport/nats/request.h"
#include "transport/nats/srv.h"

/* What the node listens to: one NATS subscription, one kind of request. */
struct nc_endpoint {
	const char *name;    /* in $SRV */
	const char *subject; /* after the root; %s is the node's id */
	enum nc_operation op;
	bool direct; /* answered from this node's own state */
	bool leader; /* the leader alone listens to it */
};

struct nc_service {
	struct nc_service_options options;
	struct nc_sole sole;
	char root[NC_ROOT_SIZE]; /* <prefix>.<store> */
	size_t root_size;
	/* Below _es.<store>: one that nobody listens to, and two on which the node hears itself. */
	char void_subject[NC_ROOT_SIZE], probe_subject[NC_ROOT_SIZE], pace_subject[NC_ROOT_SIZE];
	struct nc_bus *bus;
	struct nc_replica *replica;
	struct nc_reader_pool *readers;
	struct nc_subs *subs;
	struct nc_spread *spread; /* NULL: a single node */
	struct nc_decoder decoder;
	struct nc_ticket_list tickets;
	struct nc_buf out;       /* an answer being written, the loop's */
	struct nc_outbox outbox; /* the loop's: sent at the end of each turn */
	struct nc_feed feed;
	uint64_t
	        turns; /* of the loop that have ended; at its end all that the outbox has is sent */
	struct read *position_waits;   /* reads that wait for a position */
	atomic_uint_fast64_t position; /* of the last event that the loop knows to be applied */
	atomic_size_t reads;           /* how many are under way */
	atomic_size_t kept_size;       /* bytes of requests that are kept: nc_service_keep() */
	struct nc_srv srv;
	struct nc_service_counters counters;
	uv_timer_t tick;
	unsigned ticks;
	uint32_t engine_version;   /* as far as the loop has been told */
	uint32_t raising;          /* a higher version that is on its way; 0: none */
	struct nc_change *changes; /* of the membership, that people have asked for */
	struct nc_backup *backup;  /* under way; NULL: none is */
	struct nc_service_clock clock;
	struct nc_service_disk disk;
	struct nc_complaints complaints;
	struct nc_link_log link_log;
	struct nc_service_digest digest;
	struct nc_service_check check;
	struct nc_service_stall stall;
	struct nc_service_leaderless leaderless;
	struct nc_service_direct direct;
	struct nc_drain drain;
	bool serving, ready_told, stopping;
	bool retired; /* removed from the cluster: it no longer answers for the store */
};

/* The reply subject of a message as a string; "" if it has none. nats.c has put a NUL behind it. */
static inline const char *nc_service_reply_str(struct nc_slice reply)
{
	return reply.size == 0 ? "" : (const char *)reply.data;
}

/* Send `message` to `reply`; if that is empty, nothing is sent. What NATS does not take is counted.
 */
void nc_service_send(struct nc_service *service, const char *reply, struct nc_slice message,
                     size_t header_size);

/* Why a request is refused. `extra` are further lines of the answer's header, `more` are members
 * that stand beside `error` (reply.h); both may be empty. */
struct nc_service_refusal {
	struct nc_fault fault;
	const char *text;
	struct nc_slice extra, more;
};
void nc_service_error(struct nc_service *service, struct nc_buf *out, const char *reply,
                      struct nc_srv_stats *stats, const struct nc_service_refusal *refusal);

/* Like nc_service_send(), but put into the loop's outbox, which is sent at the end of the turn. */
void nc_service_post(struct nc_service *service, struct nc_slice subject, struct nc_slice message,
                     size_t header_size);

/* Both of what was written into a buffer. What it had no memory for is not sent by halves: it is
 * not sent, and counted. */
void nc_service_send_buf(struct nc_service *service, const char *reply,
                         const struct nc_buf *message, size_t header_size);
void nc_service_post_buf(struct nc_service *service, struct nc_slice subject,
                         const struct nc_buf *message, size_t header_size);

/* The header lines that an answer of this endpoint has: R.direct.… says which node answers, and up
 * to which position it has applied. Empty for other endpoints. */
#define NC_DIRECT_SIZE 160 /* bytes */
struct nc_slice nc_service_direct(struct nc_service *service, int endpoint,
                                  char room[NC_DIRECT_SIZE]);

/* ---- service.c ------------------------------------------------------------------------------ */

/* Answer requests that were taken up at `before_ms` or earlier: they have run out of time. */
void nc_service_expire(struct nc_service *service, uint64_t before_ms);
/* Subscribe to everything that this node listens to at all times. Errors: NC_NOMEM. */
int nc_service_subjects_open(struct nc_service *service);

/* ---- What the node listens to (service_endpoints.c) ----------------------------------------- */

extern const struct nc_endpoint nc_service_endpoints[]; /* by number; the tags of subscriptions */
/* Errors, here and below: NC_NOMEM. */
int nc_service_srv_make(struct nc_service *service);
/* The endpoints that every node has at all times. */
int nc_service_subscribe_own(struct nc_service *service);
/* The endpoints that the leader has. */
int nc_service_subscribe_leader(struct nc_service *service);
void nc_service_unsubscribe_leader(struct nc_service *service);
/* R.cluster.status, in a queue group of all nodes. */
int nc_service_subscribe_shared(struct nc_service *service);
void nc_service_unsubscribe_shared(struct nc_service *service);
/* R.direct.… and backups, in a queue group of the nodes that are fit for it (fit.h). */
int nc_service_subscribe_direct(struct nc_service *service);
void nc_service_unsubscribe_direct(struct nc_service *service);
/* Everything but the endpoints that tell how the node is. */
void nc_service_unsubscribe_endpoints(struct nc_service *service);
/* Whether such requests are about one existing subscription: then the node that runs it answers. */
bool nc_service_is_about_one(enum nc_operation op);
/* The endpoint of this name, if its requests are about one subscription; -1: it is not found. */
int nc_service_endpoint_find(struct nc_slice name, enum nc_operation *op_out);
/* The first endpoint with this operation. */
int nc_service_endpoint_of(enum nc_operation op);

/* ---- Messages that come in ------------------------------------------------------------------ */

/* service_route.c: every message of the bus. */
extern char nc_service_pace_tag;  /* tag of the subscription to the pace subject */
extern char nc_service_probe_tag; /* tag of the subscription to the probe subject */
void nc_service_on_message(void *ctx, struct nc_bus_msg *msg);

/* service_srv.c: the verbs of $SRV. False: the message is none of these. */
int nc_service_subscribe_srv(struct nc_service *service);
bool nc_service_srv_take(struct nc_service *service, const struct nc_bus_msg *msg);

/* service_sole.c: a single node makes sure that nobody else serves the store, and then subscribes
 * to its subjects; a node of a cluster does so at once. */
int nc_sole_start(struct nc_service *service);
void nc_sole_connected(struct nc_service *service); /* there is a new connection */
void nc_sole_tick(struct nc_service *service);      /* time has passed */
/* False: the message has nothing to do with this. */
bool nc_sole_take(struct nc_service *service, const struct nc_bus_msg *msg);
void nc_sole_end(struct nc_service *service); /* the node no longer serves the store */

/* ---- Leading, and leaving ------------------------------------------------------------------- */

/* service_lead.c: begin to serve as the leader, if this node leads and does not serve yet. */
void nc_service_lead(struct nc_service *service);
void nc_service_on_step_down(void *ctx);
/* Until the node is ready: send it a message of its own, if it leads or follows. When that comes
 * back, the server has all its subscriptions, and on_ready is called. */
void nc_service_probe(struct nc_service *service);
/* Stop answering for the store if this node was removed from the cluster; begin again if it is
 * back. */
void nc_service_retire(struct nc_service *service);
/* Publish an advisory, R.advisory.<area>.<what>. `members` is JSON without the braces; may be "".
 */
void nc_service_advise(struct nc_service *service, const char *area, const char *what,
                       const char *members);
/* Connect replica and cluster: what the one needs of the other. */
void nc_service_replica_options(struct nc_service *service, struct nc_replica_options *options);
void nc_service_attach(struct nc_service *service);

/* service_drain.c: a request for a drain; its next step, from the timer; the node stops. */
void nc_service_drain_asked(struct nc_service *service, struct nc_slice reply, int endpoint);
void nc_service_drain_step(struct nc_service *service);
void nc_service_drain_end(struct nc_service *service);

/* service_cluster.c: append what is known of the cluster as JSON; take a request that changes it.
 */
void nc_service_cluster_status(struct nc_service *service, struct nc_buf *out);
void nc_service_put_dropped(struct nc_service *service, struct nc_buf *out);
void nc_service_cluster_change(struct nc_service *service, const struct nc_request *request,
                               struct nc_slice reply, int endpoint);
/* From the timer: try changes again, answer those that are done, refuse those out of time. And when
 * the node stops: refuse all. */
void nc_service_changes_step(struct nc_service *service);
void nc_service_changes_end(struct nc_service *service);

/* ---- Commands ------------------------------------------------------------------------------- */

/* service_command.c */
void nc_service_refuse(struct nc_service *service, struct nc_slice reply, int endpoint,
                       struct nc_fault fault, const char *text);
/* Whether all nodes can read a command that needs this version of the engine. False: refuses. */
bool nc_service_knows(struct nc_service *service, uint32_t version, struct nc_slice reply,
                      int endpoint);
/* Give the command in service->out to the replica. If it is not taken, the request is refused and
 * its ticket freed. */
void nc_service_propose(struct nc_service *service, struct nc_ticket *ticket);
/* The text of a refused command's fault, with the version that did not meet the expectation. */
#define NC_SERVICE_FAULT_SIZE 64 /* bytes */
const char *nc_service_fault_text(const struct nc_outcome *outcome,
                                  char room[NC_SERVICE_FAULT_SIZE]);

/* service_append.c: a ticket for a request that is answered later. NULL: no memory, which is
 * counted; the client runs into its timeout. */
struct nc_ticket *nc_service_ticket(struct nc_service *service, struct nc_slice reply,
                                    int endpoint);
void nc_service_append(struct nc_service *service, const struct nc_request *request,
                       struct nc_slice reply, int endpoint);
void nc_service_append_answer(struct nc_service *service, const struct nc_ticket *ticket,
                              const struct nc_outcome *outcome);

/* service_feed.c */
/* Errors: NC_NOMEM. */
int nc_service_feed_open(struct nc_service *service);
void nc_service_feed_connected(struct nc_service *service);
void nc_service_feed_disconnected(struct nc_service *service);
void nc_service_feed_tick(struct nc_service *service);
void nc_service_feed_close(struct nc_service *service);   /* before the bus */
void nc_service_feed_release(struct nc_service *service); /* at the end */
/* Give the new events of a command to the live feed and to the subscriptions. `mark` is that of the
 * command's ticket. */
void nc_service_tell(struct nc_service *service, uint64_t mark, const struct nc_outcome *outcome);

/* service_batch.c */
void nc_service_batch(struct nc_service *service, const struct nc_request *request,
                      struct nc_slice reply, int endpoint);
/* Propose one that is understood. */
void nc_service_batch_propose(struct nc_service *service, const struct nc_batch *batch,
                              struct nc_slice reply, int endpoint);
void nc_service_batch_answer(struct nc_service *service, const struct nc_ticket *ticket,
                             const struct nc_outcome *outcome);

/* service_stream.c: delete and meta. */
void nc_service_stream(struct nc_service *service, const struct nc_request *request,
                       struct nc_slice reply, int endpoint);
void nc_service_stream_answer(struct nc_service *service, const struct nc_ticket *ticket,
                              const struct nc_outcome *outcome);

/* service_snap.c: put and delete. A delete may take several commands: after each, the second call
 * says whether another was proposed. */
void nc_service_snap(struct nc_service *service, const struct nc_request *request,
                     struct nc_slice reply, int endpoint);
bool nc_service_snap_goes_on(struct nc_service *service, struct nc_ticket *ticket,
                             const struct nc_outcome *outcome);
void nc_service_snap_answer(struct nc_service *service, const struct nc_ticket *ticket,
                            const struct nc_outcome *outcome);

/* service_version.c: propose to raise the engine's version to this build's, if all nodes can: when
 * this node begins to serve, and again from the timer. */
void nc_service_raise(struct nc_service *service);
void nc_service_raised(struct nc_service *service); /* that proposal has been decided */
void nc_service_version_is(struct nc_service *service, uint32_t version); /* by the log */

/* service_outcome.c: a command was applied; or it was not taken, and never will be. The ticket is
 * freed; NULL: the command was another node's. */
void nc_service_on_outcome(void *ctx, void *ticket, const struct nc_outcome *outcome);
void nc_service_on_refused(void *ctx, void *ticket, int err);

/* ---- Reads ---------------------------------------------------------------------------------- */

/* service_read_wait.c: take a read, which begins when it may. */
void nc_service_read(struct nc_service *service, const struct nc_request *request,
                     struct nc_slice reply, int endpoint);
/* Account for the bytes of a request that is kept until a reader has done with it. False: with
 * those of other requests they would be more than 64 MiB; answer 429. nc_service_let_go(): any
 * thread. */
bool nc_service_keep(struct nc_service *service, size_t size);
void nc_service_let_go(struct nc_service *service, size_t size);
/* Begin the reads that waited for a position which is applied now; refuse those out of time. */
void nc_service_reads_wake(struct nc_service *service);
void nc_service_reads_end(struct nc_service *service); /* the node stops: refuse them */

/* ---- What the node looks after -------------------------------------------------------------- */

/* service_verify.c: R.node.verify, and checks that nobody asked for, from the timer. */
void nc_service_verify(struct nc_service *service, struct nc_slice body, struct nc_slice reply,
                       int endpoint);
void nc_service_verify_tick(struct nc_service *service);
void nc_service_verify_free(struct nc_service *service); /* the readers must have ended */

/* service_stall.c: from the timer; whether the state follows the log. Why somebody has waited in
 * vain. */
void nc_service_stall_tick(struct nc_service *service);
const char *nc_service_late_text(const struct nc_service *service);

/* service_leaderless.c: from the timer; log that there is no leader. */
void nc_service_leaderless_tick(struct nc_service *service);

/* service_clock.c: from the timer; whether the times of events are ahead of the clock. By how much
 * they are, by this node's clock. */
void nc_service_clock_tick(struct nc_service *service);
uint64_t nc_service_time_ahead_ms(const struct nc_service *service);

/* service_disk.c: from the timer; whether the disk has room. */
void nc_service_disk_tick(struct nc_service *service);
void nc_service_disk_check(void *ctx); /* the service: look now */

/* service_fit.c: from the timer; join the nodes that answer R.direct, or leave them. */
void nc_service_fit_tick(struct nc_service *service);

/* service_digest.c: from the timer; have the replicas' digests compared. This node's differs. */
void nc_service_digest_tick(struct nc_service *service);
void nc_service_digest_differs(struct nc_service *service, uint64_t position);

/* service_backup.c: a request for a backup; an answer to one of its chunks. */
extern char nc_backup_tag; /* tag of the subscriptions to these answers */
void nc_service_backup(struct nc_service *service, const struct nc_request *request,
                       struct nc_slice reply, int endpoint);
void nc_service_backup_answer(struct nc_service *service, const struct nc_bus_msg *msg);
void nc_service_backup_tick(struct nc_service *service);
void nc_service_backup_end(struct nc_service *service); /* the node no longer serves */
void nc_service_backup_put(const struct nc_service *service, struct nc_buf *out); /* JSON */

/* ---- What the node says of itself (service_info.c): append JSON ----------------------------- */

void nc_service_put_status(struct nc_service *service, struct nc_buf *out);
void nc_service_put_health(const struct nc_service *service, struct nc_buf *out);
void nc_service_put_info(struct nc_service *service, const struct nc_engine_head *head,
                         struct nc_buf *out);
/* The part of it that R.store.stats says too; the brace is left open. */
void nc_service_put_head(const struct nc_service *service, const struct nc_engine_head *head,
                         struct nc_buf *out);
const char *nc_service_role(struct nc_service *service);
/* How many entries this node knows to be committed and has not applied. */
uint64_t nc_service_lag(struct nc_service *service);

#endif
