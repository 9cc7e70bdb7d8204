/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cluster.h -- this node among the others: finding them, forming a cluster with them or being taken
 * up by one, carrying frames of consensus to and fro, and, on the leader, keeping the membership
 * (docs/clustering.md).
 *
 *   nc_cluster_start() ─► finds out that no other runs under its name ─► forms or joins, if it has
 *   no cluster ─► on_formed ─► the service starts its replica and says nc_cluster_attach()
 *
 * Another service between nodes (the transfer of snapshots) takes nc_cluster_peer() and plugs into
 * that: see transport/peer/peer.h, nc_peer_serve() and nc_peer_request().
 *
 * Threads: the loop's. Ownership: settings, identity and replica are borrowed.
 */
#ifndef NC_CORE_NODE_CLUSTER_CLUSTER_H
#define NC_CORE_NODE_CLUSTER_CLUSTER_H

#include <uv.h>

#include "core/node/cluster/formation.h"
#include "core/node/common/config.h"
#include "core/node/replica/replica.h"
#include "core/node/replica/stall.h"
#include "storage/log/identity.h"
#include "transport/peer/peer.h"

struct nc_cluster;

struct nc_cluster_options {
	uv_loop_t *loop;
	const struct nc_config *config;
	const char *nats_url;
	struct nc_identity_file *identity;
	bool log_empty; /* nothing was ever promised by this disk */
	bool joins;     /* it may be taken up by a cluster and must not found one: quarantine.h */
	/* The node is a member: its replica may start. Once. */
	void (*on_formed)(void *ctx);
	/* The node must not run; `why` is for people. Once. */
	void (*on_refused)(void *ctx, int err, const char *why);
	void *ctx;
};

/* Errors: NC_CORRUPT, NC_UNSUPPORTED, NC_IO, NC_FULL of the file of promises; NC_INVALID, settings
 * for NATS: said on stderr; NC_NOMEM. */
int nc_cluster_start(const struct nc_cluster_options *options, struct nc_cluster **cluster_out);
/* The replica must have been stopped or detached. NULL is a no-op. */
void nc_cluster_stop(struct nc_cluster *cluster);

uint64_t nc_cluster_self(const struct nc_cluster *cluster);
/* Of a new cluster; empty for who joined. */
struct nc_raft_members nc_cluster_founders(const struct nc_cluster *cluster);

/* What the cluster has to tell people beyond the log: an advisory, its members in JSON without the
 * braces. */
typedef void nc_cluster_advise(void *ctx, const char *what, const char *members);

/* Frames go to `replica` from now on; NULL: to nobody. */
void nc_cluster_attach(struct nc_cluster *cluster, struct nc_replica *replica,
                       nc_cluster_advise *advise, void *ctx);

/* Send a frame of consensus: nc_replica_options.send, with `cluster` as its ctx. */
void nc_cluster_send(struct nc_cluster *cluster, uint64_t to, struct nc_slice frame);

/* This node was asked to answer no application: let the others know. */
void nc_cluster_tell_draining(struct nc_cluster *cluster);
/* This node has taken up its office: the others wait to hear how far it is. */
void nc_cluster_tell_leading(struct nc_cluster *cluster);

/* Is this node there at all? If NATS knows that it is not, the replica hears of it at once. */
void nc_cluster_ask(struct nc_cluster *cluster, uint64_t number);

struct nc_peer *nc_cluster_peer(struct nc_cluster *cluster);

/* ---- Looking -------------------------------------------------------------------------------- */

/* What another node told last. */
struct nc_cluster_other {
	uint64_t number;
	char name[NC_PEER_NAME_SIZE];
	uint8_t phase; /* enum nc_hello_phase */
	bool foreign;  /* of another cluster */
	bool draining; /* asked to answer no application */
	uint64_t heard_ms, epoch, term, leader, commit, applied, engine_version;
	int64_t skew_ms; /* its wall clock before ours */
	struct nc_stall stall;
	bool stalled; /* by what it says, its state does not follow its log: stall.h */
	char version[NC_HELLO_VERSION_SIZE];
};

/* NULL: not heard of since the start. */
const struct nc_cluster_other *nc_cluster_find(const struct nc_cluster *cluster, uint64_t number);
/* "": not known. */
const char *nc_cluster_name(const struct nc_cluster *cluster, uint64_t number);
/* The number of the member with this name; 0: there is none. */
uint64_t nc_cluster_number(const struct nc_cluster *cluster, const char *name);
/* [NC_PEER_CLUSTER_ID_SIZE]; zeros: in none yet. */
const uint8_t *nc_cluster_id(const struct nc_cluster *cluster);
/* The leader does not count this node among the members any more. */
bool nc_cluster_is_removed(const struct nc_cluster *cluster);
/* The same, and NATS has not said since that it is gone: for people, and for who is to be taken up.
 * Who is only being connected anew is back at once: nobody loses a place by it. */
bool nc_cluster_is_there(const struct nc_cluster *cluster, uint64_t number);
/* Heard of within the time that a node is given. */
bool nc_cluster_is_up(const struct nc_cluster *cluster, uint64_t number);
/* The newest engine version that every member can; 0: not all are heard. */
uint32_t nc_cluster_engine_version(const struct nc_cluster *cluster);

#endif
