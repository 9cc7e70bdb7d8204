/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cluster.h -- this node among the others: finding them, forming a cluster with them or joining
 * one, carrying the frames of consensus, and, on the leader, keeping the membership
 * (docs/clustering.md).
 *
 *   nc_cluster_start() ─► finds out that no other node runs under its name ─► if it has no cluster,
 *   forms or joins one ─► on_formed ─► the service starts its replica and calls nc_cluster_attach()
 *
 * Other services between nodes, as the transfer of snapshots, take nc_cluster_peer() and use
 * nc_peer_serve() and nc_peer_request() (transport/peer/peer.h).
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
	bool log_empty; /* this disk has never promised anything */
	bool joins;     /* the node may join a cluster, and must not found one (quarantine.h) */
	/* Called once, when the node is a member: its replica may start. */
	void (*on_formed)(void *ctx);
	/* Called once, if the node must not run; `why` is for people. */
	void (*on_refused)(void *ctx, int err, const char *why);
	void *ctx;
};

/* Errors: NC_CORRUPT, NC_UNSUPPORTED, NC_IO, NC_FULL, about the file of promises (cluster_file.h);
 * NC_INVALID, the settings for NATS are wrong, which is said on stderr; NC_NOMEM. */
int nc_cluster_start(const struct nc_cluster_options *options, struct nc_cluster **cluster_out);
/* The replica must have been stopped or detached. NULL is a no-op. */
void nc_cluster_stop(struct nc_cluster *cluster);

uint64_t nc_cluster_self(const struct nc_cluster *cluster);
/* The founders, if this node is one of them; empty if it joined later. */
struct nc_raft_members nc_cluster_founders(const struct nc_cluster *cluster);

/* Takes an advisory, which tells people what the log does not: `members` is JSON, the members of an
 * object without its braces. */
typedef void nc_cluster_advise(void *ctx, const char *what, const char *members);

/* Give the frames of consensus to `replica` from now on; NULL: to nobody. */
void nc_cluster_attach(struct nc_cluster *cluster, struct nc_replica *replica,
                       nc_cluster_advise *advise, void *ctx);

/* Send a frame of consensus: this is nc_replica_options.send, with `cluster` as its ctx. */
void nc_cluster_send(struct nc_cluster *cluster, uint64_t to, struct nc_slice frame);

/* Let the others know that this node was asked to answer no application. */
void nc_cluster_tell_draining(struct nc_cluster *cluster);
/* Let the others know at once that this node leads now, and how far it is. */
void nc_cluster_tell_leading(struct nc_cluster *cluster);

/* Ask NATS whether a node is there. If it is not, the replica is told at once. */
void nc_cluster_ask(struct nc_cluster *cluster, uint64_t number);

struct nc_peer *nc_cluster_peer(struct nc_cluster *cluster);

/* ---- Looking -------------------------------------------------------------------------------- */

/* What another node told last. */
struct nc_cluster_other {
	uint64_t number;
	char name[NC_PEER_NAME_SIZE];
	uint8_t phase; /* enum nc_hello_phase */
	bool foreign;  /* of another cluster */
	bool draining; /* it was asked to answer no application */
	uint64_t heard_ms, epoch, term, leader, commit, applied, engine_version;
	int64_t skew_ms; /* how far its wall clock is ahead of ours */
	struct nc_stall stall;
	bool stalled; /* by what it tells, its state does not follow its log (stall.h) */
	char version[NC_HELLO_VERSION_SIZE];
};

/* What a node told last; NULL if it was not heard since the start. */
const struct nc_cluster_other *nc_cluster_find(const struct nc_cluster *cluster, uint64_t number);
/* The name of a node; "" if it is not known. */
const char *nc_cluster_name(const struct nc_cluster *cluster, uint64_t number);
/* The number of the member with this name; 0 if there is none. */
uint64_t nc_cluster_number(const struct nc_cluster *cluster, const char *name);
/* The cluster's id, [NC_PEER_CLUSTER_ID_SIZE]; zeros if the node is in none yet. */
const uint8_t *nc_cluster_id(const struct nc_cluster *cluster);
/* Whether the leader has stopped counting this node among the members. */
bool nc_cluster_is_removed(const struct nc_cluster *cluster);
/* Whether a node was heard within NC_CLUSTER_UP_MS. */
bool nc_cluster_is_up(const struct nc_cluster *cluster, uint64_t number);
/* Whether a node is up, and NATS has not said since that it is gone. For showing people, and for
 * deciding who may join. A node that only makes its connection anew is back at once, so it loses no
 * place by this. */
bool nc_cluster_is_there(const struct nc_cluster *cluster, uint64_t number);
/* The newest engine version that every member knows; 0 if not all of them were heard. */
uint32_t nc_cluster_engine_version(const struct nc_cluster *cluster);

#endif
