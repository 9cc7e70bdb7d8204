/* SPDX-License-Identifier: GPL-3.0-or-later */
/* service.h -- requests in, answers out: between the bus, the replica and the readers.
 *
 * Threads: the loop's; reads are carried out on the readers' threads and answer from there.
 */
#ifndef NC_CORE_NODE_SERVICE_SERVICE_H
#define NC_CORE_NODE_SERVICE_SERVICE_H

#include <uv.h>

#include "core/node/common/config.h"
#include "core/node/replica/reader_pool.h"
#include "core/node/replica/replica.h"

struct nc_cluster;
struct nc_exporter;
struct nc_service;

struct nc_service_options {
	uv_loop_t *loop;
	const struct nc_config *config; /* borrowed */
	const char *nats_url;
	unsigned leaf_port; /* of those servers, for leaf nodes; 0: not used */
	struct nc_state *state;
	struct nc_log *log;
	const struct nc_identity_file *identity;
	struct nc_engine *engine;
	struct nc_exporter *exporter; /* borrowed; must be stopped before the service */
	struct nc_log_hard hard;      /* as recovered */
	bool doubtful;                /* replica.h */
	struct nc_cluster *cluster;   /* borrowed; the other nodes. NULL: a single node */
	const uint8_t *cluster_id;    /* 16 bytes, borrowed */
	uint64_t self;
	struct nc_raft_members founders;
	uint64_t disk_reserve; /* bytes */
	/* From now on requests are answered. Called once. */
	void (*on_ready)(void *ctx);
	/* The node cannot go on; `what` says why, for people. */
	void (*on_fatal)(void *ctx, int err, const char *what);
	/* The leader's log begins after what this node has: it needs a state from a peer. */
	void (*on_install)(void *ctx, const struct nc_raft_install *install);
	/* A drain has ended: everything that was taken up is answered. */
	void (*on_drained)(void *ctx);
	void *ctx;
};

/* Recover, then connect and serve. Errors: NC_INVALID, settings for NATS, said on stderr; those of
 * nc_replica_start() and nc_reader_pool_start(). */
int nc_service_start(const struct nc_service_options *options, struct nc_service **service_out);

/* The state that on_install named could not be fetched. */
void nc_service_install_failed(struct nc_service *service);

/* Keep everything after entry `index` in the log, for a peer that fetches a state; 0: no longer. */
void nc_service_hold_log(struct nc_service *service, uint64_t index);

/* Publish an advisory: data were damaged, for the reason `why`, and have been set aside. */
void nc_service_corruption(struct nc_service *service, const char *why);

/* End in order: hand the leadership over, take no more requests, answer those that were taken up;
 * then on_drained. */
void nc_service_drain(struct nc_service *service);
/* The same of a node that leads nothing and takes up no changes, since its state is about to be
 * another: only what is on its way to it is answered. */
void nc_service_leave(struct nc_service *service);

/* Stop at once. Freed when the loop has closed its handles, so let it run. NULL is a no-op. */
void nc_service_stop(struct nc_service *service);

#endif
