/* SPDX-License-Identifier: GPL-3.0-or-later */
/* service_private.h -- what the files of the service share. */
#ifndef NC_CORE_NODE_SERVICE_SERVICE_PRIVATE_H
#define NC_CORE_NODE_SERVICE_SERVICE_PRIVATE_H

#include <stdatomic.h>

#include "core/node/common/clock.h"
#include "core/node/common/ticket.h"
#include "core/node/replica/stall.h"
#include "core/node/service/fit.h"
#include "core/node/service/service.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs.h"
#include "transport/nats/bus.h"
#include "transport/nats/outbox.h"
#include "transport/nats/request.h"
#include "transport/nats/srv.h"

#define NC_ROOT_SIZE 160 /* bytes: <prefix>.<store> */

/* What a subscription stands for. */
struct nc_endpoint {
	const char *name;    /* in $SRV */
	const char *subject; /* after the root; %s is the node's id */
	enum nc_operation op;
	bool direct;
	bool leader; /* taken up by the leader only */
};

/* Of everything that is dropped or refused; the status shows them. */
struct nc_service_counters {
	atomic_uint_fast64_t refused;       /* answered with an error of the client's making */
	atomic_uint_fast64_t refused_reply; /* reply subject reserved: not executed, not answered */
	atomic_uint_fast64_t shed;          /* 429 */
	atomic_uint_fast64_t disk_full;     /* 507 */
	atomic_uint_fast64_t timed_out;     /* 503 */
	atomic_uint_fast64_t unsent;        /* answers and feed messages that NATS did not take */
	atomic_uint_fast64_t reads_given_up; /* nobody took the answer in time */
	atomic_uint_fast64_t nats_errors;
	atomic_uint_fast64_t nats_disconnects;
};

/* Whether this node alone serves the store: service_sole.c. */
struct nc_sole {
	bool sure;
	uint64_t run; /* random, of this process */
	uint64_t sure_ms, asked_ms, said_ms;
	unsigned asks;
};

/* The live feed: service_append.c. The loop's. */
struct nc_feed {
	bool on;
	struct nc_buf subject, message; /* of the event that is being told */
	struct nc_outbox
	        outbox; /* sent behind the answers: who asked waits, who listens does not */
};

/* How far the node is with taking up nothing any more: service_drain.c. Each follows the one
 * before. */
struct nc_drain {
	bool begun;
	bool closed; /* no requests are taken up any more */
	bool done;   /* all that were are answered */
	bool told;   /* that it is done, where the process is to end with it: `leaving` */
	bool leaving;
	uint64_t handing_until_ms;   /* so long the leadership may take to go over */
	struct nc_drain_wait *waits; /* who asked for it, and is not answered yet */
};

struct nc_service {
	struct nc_service_options options;
	struct nc_sole sole;
	char root[NC_ROOT_SIZE]; /* <prefix>.<store> */
	size_t root_size;
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
	uint64_t turns; /* that have ended: what was put into the outbox before has left */
	struct read *position_waits;   /* reads that wait for a position */
	atomic_uint_fast64_t position; /* applied, as far as has been told */
	atomic_size_t reads;           /* under way */
	atomic_size_t kept_size;       /* bytes of requests: nc_service_keep() */
	struct nc_srv srv;
	struct nc_service_counters counters;
	uv_timer_t tick;
	unsigned ticks;
	uint64_t disk_free;
	bool disk_untold;          /* whether it is full, or not any more, has not been told */
	uint32_t engine_version;   /* as far as the loop has been told */
	uint32_t raising;          /* a higher one that is on its way; 0: none */
	struct nc_change *changes; /* of the membership, asked for by people */
	uint64_t digest_position;  /* of the last mark that was given to be compared */
	uint64_t differs_at;       /* position at which the leader's digest was another, 0: none */
	struct nc_backup *backup;  /* under way; NULL: none is */
	struct nc_service_verify *verify; /* NULL: there was none yet */
	uint64_t verify_ms; /* when one was begun without being asked for, or the start */
	struct nc_stall stall;
	uint64_t stall_said_term; /* that it hands over has been said in this one */
	struct nc_drain drain;
	bool serving, ready_told, stopping;
	bool stalled; /* the state does not follow the log: service_stall.c */
	struct nc_fit fit;
	bool answers_direct; /* in the queue group of R.direct: service_fit.c */
	bool retired;        /* removed from the cluster: it answers for the store no more */
};

/* The reply subject of a message as a string: "" where it has none, else nats.c ends it with a NUL.
 */
static inline const char *nc_service_reply_str(struct nc_slice reply)
{
	return reply.size == 0 ? "" : (const char *)reply.data;
}

/* Send what is in `message`; what NATS does not take is counted. An empty `reply` is not answered.
 */
void nc_service_send(struct nc_service *service, const char *reply, struct nc_slice message,
                     size_t header_size);

/* Why a request is refused: `extra` are lines of the reply's header, `more` members beside `error`
 * (reply.h); both may be empty. */
struct nc_service_refusal {
	struct nc_fault fault;
	const char *text;
	struct nc_slice extra, more;
};
void nc_service_error(struct nc_service *service, struct nc_buf *out, const char *reply,
                      struct nc_srv_stats *stats, const struct nc_service_refusal *refusal);

/* The same for the hot paths of the loop's thread: leaves at the end of the turn. */
void nc_service_post(struct nc_service *service, struct nc_slice subject, struct nc_slice message,
                     size_t header_size);

/* The header lines of an answer of this endpoint: R.direct.… says which node answers and how far it
 * is. */
#define NC_DIRECT_SIZE 160 /* bytes */
struct nc_slice nc_service_direct(struct nc_service *service, int endpoint,
                                  char room[NC_DIRECT_SIZE]);

/* service_endpoints.c */
extern const struct nc_endpoint nc_service_endpoints[]; /* by number; each a subscription's tag */
int nc_service_srv_make(struct nc_service *service);
/* The leader's endpoints, or those that every node has at all times. */
int nc_service_subscribe_endpoints(struct nc_service *service, bool leader);
/* R.cluster.status, which one of the nodes answers, whichever. */
int nc_service_subscribe_shared(struct nc_service *service);
void nc_service_unsubscribe_shared(struct nc_service *service);
/* Reads of a node's own state, and backups, which one of those answers that are fit for it. */
int nc_service_subscribe_direct(struct nc_service *service);
void nc_service_unsubscribe_direct(struct nc_service *service);
void nc_service_unsubscribe_leader(struct nc_service *service);
/* All but those that tell how the node is. */
void nc_service_unsubscribe_endpoints(struct nc_service *service);
/* A request about a subscription that is there: who runs it answers. */
bool nc_service_is_about_one(enum nc_operation op);
/* The endpoint of this name that is such a request's; -1: there is none. The first one of `op`. */
int nc_service_endpoint_find(struct nc_slice name, enum nc_operation *op_out);
int nc_service_endpoint_of(enum nc_operation op);

/* service_route.c */
extern char nc_service_pace_tag;  /* of the subscription to the pace subject */
extern char nc_service_probe_tag; /* of the subscription to the probe subject */
void nc_service_on_message(void *ctx, struct nc_bus_msg *msg);

/* service_srv.c */
int nc_service_subscribe_srv(struct nc_service *service);
/* False: the message is none of this. */
bool nc_service_srv_take(struct nc_service *service, const struct nc_bus_msg *msg);

/* service_sole.c: find out that nobody else serves the store, and then take up its subjects; a node
 * of a cluster takes them up at once. `anew`: the connection was just made. */
int nc_sole_start(struct nc_service *service);
void nc_sole_step(struct nc_service *service, bool anew);
/* False: the message is none of this. */
bool nc_sole_take(struct nc_service *service, const struct nc_bus_msg *msg);
void nc_sole_end(struct nc_service *service); /* it does not serve any more */
/* service.c: requests taken up at `before_ms` or earlier have run out of time. */
void nc_service_expire(struct nc_service *service, uint64_t before_ms);
/* service.c: all that it listens to but the leader's. */
int nc_service_subjects_open(struct nc_service *service);

/* service_lead.c */
void nc_service_lead(struct nc_service *service); /* if it is time */
void nc_service_on_step_down(void *ctx);
void nc_service_probe(struct nc_service *service);
void nc_service_retire(struct nc_service *service); /* if it was removed */
/* Tell people: R.advisory.<area>.<what>; `members` in JSON, without the braces. */
void nc_service_advise(struct nc_service *service, const char *area, const char *what,
                       const char *members);
/* What the replica has of the cluster, and the cluster of the replica. */
void nc_service_replica_options(struct nc_service *service, struct nc_replica_options *options);
void nc_service_attach(struct nc_service *service);

/* service_drain.c: a request for it; how far it is, from the timer; the node stops. */
void nc_service_drain_asked(struct nc_service *service, struct nc_slice reply);
void nc_service_drain_step(struct nc_service *service);
void nc_service_drain_end(struct nc_service *service);

/* service_cluster.c: append JSON; take up a request. */
void nc_service_cluster_status(struct nc_service *service, struct nc_buf *out);
void nc_service_put_dropped(struct nc_service *service, struct nc_buf *out);
void nc_service_cluster_change(struct nc_service *service, const struct nc_request *request,
                               struct nc_slice reply, int endpoint);
/* Ask again, answer what is done, refuse what ran out of time; the node stops: refuse all. */
void nc_service_changes_step(struct nc_service *service);
void nc_service_changes_end(struct nc_service *service);

/* service_command.c */
void nc_service_refuse(struct nc_service *service, struct nc_slice reply, int endpoint,
                       struct nc_fault fault, const char *text);
/* Whether all nodes can read a command that came with this version of the engine; if not, it is
 * refused. */
bool nc_service_knows(struct nc_service *service, uint32_t version, struct nc_slice reply,
                      int endpoint);
/* Give the command in service->out to the replica; if it is not taken, the ticket is answered. */
void nc_service_propose(struct nc_service *service, struct nc_ticket *ticket);
/* What a refused command's fault says, with the version that an expectation met. */
#define NC_SERVICE_FAULT_SIZE 64 /* bytes */
const char *nc_service_fault_text(const struct nc_outcome *outcome,
                                  char room[NC_SERVICE_FAULT_SIZE]);

/* service_append.c */
/* For a request that is answered later. NULL: no memory for an answer, which is counted; a time-out
 * to who asked. */
struct nc_ticket *nc_service_ticket(struct nc_service *service, struct nc_slice reply,
                                    int endpoint);
void nc_service_append(struct nc_service *service, const struct nc_request *request,
                       struct nc_slice reply, int endpoint);
void nc_service_append_answer(struct nc_service *service, const struct nc_ticket *ticket,
                              const struct nc_outcome *outcome);
/* A new event, to who listens: the feed, and subscriptions. */
void nc_service_tell(struct nc_service *service, struct nc_slice record, uint64_t position,
                     uint64_t version, uint64_t time_ns);

/* service_batch.c */
void nc_service_batch(struct nc_service *service, const struct nc_request *request,
                      struct nc_slice reply, int endpoint);
void nc_service_batch_answer(struct nc_service *service, const struct nc_ticket *ticket,
                             const struct nc_outcome *outcome);
void nc_service_batch_tell(struct nc_service *service, const struct nc_outcome *outcome);

/* service_version.c */
/* Ask for the engine's version to be raised to this build's, where it is lower: when serving, and
 * again from the timer. */
void nc_service_raise(struct nc_service *service);
void nc_service_raised(struct nc_service *service); /* or it was not done */
/* The log has raised it. */
void nc_service_version_is(struct nc_service *service, uint32_t version);

/* service_outcome.c: what the replica was given has been applied, or was not taken and will not be.
 * The ticket is freed; `ticket` NULL: another node's. */
void nc_service_on_outcome(void *ctx, void *ticket, const struct nc_outcome *outcome);
void nc_service_on_refused(void *ctx, void *ticket, int err);

/* service_stream.c: delete and meta. */
void nc_service_stream(struct nc_service *service, const struct nc_request *request,
                       struct nc_slice reply, int endpoint);
void nc_service_stream_answer(struct nc_service *service, const struct nc_ticket *ticket,
                              const struct nc_outcome *outcome);

/* service_snap.c: put, and delete, which may take several commands: then it goes on. */
void nc_service_snap(struct nc_service *service, const struct nc_request *request,
                     struct nc_slice reply, int endpoint);
bool nc_service_snap_goes_on(struct nc_service *service, struct nc_ticket *ticket,
                             const struct nc_outcome *outcome);
void nc_service_snap_answer(struct nc_service *service, const struct nc_ticket *ticket,
                            const struct nc_outcome *outcome);

/* service_read.c */
void nc_service_read(struct nc_service *service, const struct nc_request *request,
                     struct nc_slice reply, int endpoint);
/* Bytes of a request that is kept until a reader has done with it, whatever it waits for. False:
 * with those of others they would be more than 64 MiB; 429. To let go, any thread. */
bool nc_service_keep(struct nc_service *service, size_t size);
void nc_service_let_go(struct nc_service *service, size_t size);
/* Let go the reads that waited for a position which is applied now, or have waited too long. */
void nc_service_reads_wake(struct nc_service *service);
void nc_service_reads_end(struct nc_service *service); /* the node stops: they are refused */

/* service_verify.c */
void nc_service_verify(struct nc_service *service, struct nc_slice body, struct nc_slice reply,
                       int endpoint);
void nc_service_verify_tick(struct nc_service *service);
/* The readers must have ended. */
void nc_service_verify_free(struct nc_service *service);

/* service_stall.c: does the state follow the log? From the timer. */
void nc_service_stall_tick(struct nc_service *service);

/* service_disk.c: is there room? From the timer. */
void nc_service_disk_tick(struct nc_service *service);

/* service_fit.c: join who answers R.direct, or leave. From the timer. */
void nc_service_fit_tick(struct nc_service *service);

/* service_backup.c: a request for one; an answer to a chunk; how it goes on, from the timer; the
 * node serves no more; append JSON. */
extern char nc_backup_tag; /* of the subscriptions to answers */
void nc_service_backup(struct nc_service *service, const struct nc_request *request,
                       struct nc_slice reply, int endpoint);
void nc_service_backup_answer(struct nc_service *service, const struct nc_bus_msg *msg);
void nc_service_backup_tick(struct nc_service *service);
void nc_service_backup_end(struct nc_service *service);
void nc_service_backup_put(const struct nc_service *service, struct nc_buf *out);

/* service_digest.c: have the replicas compared, from the timer; this one differs. */
void nc_service_digest_tick(struct nc_service *service);
void nc_service_digest_differs(struct nc_service *service, uint64_t position);

/* service_info.c: append JSON. */
void nc_service_put_status(struct nc_service *service, struct nc_buf *out);
void nc_service_put_health(const struct nc_service *service, struct nc_buf *out);
void nc_service_put_info(struct nc_service *service, const struct nc_engine_head *head,
                         struct nc_buf *out);
/* What of it R.store.stats says too: without the brace that closes. */
void nc_service_put_head(const struct nc_service *service, const struct nc_engine_head *head,
                         struct nc_buf *out);
const char *nc_service_role(struct nc_service *service);
/* Entries that are committed, as far as this node knows, and not applied here. */
uint64_t nc_service_lag(struct nc_service *service);

#endif
