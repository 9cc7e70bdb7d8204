/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cluster_private.h -- what the files of the cluster share: what this node has heard of the others,
 * what it has told people of that, and what it has promised on disk.
 *
 * Threads:   the loop's.
 * Ownership: the cluster owns all that it points to, but for the replica and what its options
 *            borrow.
 */
#ifndef NC_CORE_NODE_CLUSTER_CLUSTER_PRIVATE_H
#define NC_CORE_NODE_CLUSTER_CLUSTER_PRIVATE_H

#include "core/node/cluster/cluster.h"
#include "core/node/cluster/heard.h"
#include "core/node/common/clock.h"
#include "core/node/common/complaints.h"
#include "core/node/common/link_log.h"

#define NC_CLUSTER_UP_MS 4000u /* a node that was heard within this time is up */

struct nc_cluster {
	struct nc_cluster_options options;
	struct nc_peer *peer;
	struct nc_formation formation;
	uint64_t self;
	uint64_t run;  /* names this process, at random */
	uint64_t echo; /* the run of the last node heard that has our name */
	bool twin;     /* such a node had our number too: it runs on a copy of our directory */
	uv_timer_t timer;
	bool started; /* nobody else runs under our name: we form a cluster, or are a member */
	bool formed_told;
	int refused; /* an error, which the next tick tells */
	char refused_why[NC_FORMATION_SAID_SIZE];
	uint64_t connected_ms; /* 0: not connected since the start */
	uint64_t hello_ms;     /* when the last hello was sent */
	bool hello_soon;       /* send one with the next tick */
	struct nc_complaints complaints;
	struct nc_link_log link_log;
	uint64_t said_ms; /* when people were last told what we wait for */
	char said[NC_FORMATION_SAID_SIZE];
	/* When each of these troubles was last told of. */
	uint64_t drop_said_ms[NC_PEER_DROP_COUNT];
	uint64_t namesake_said_ms, foreign_said_ms, skew_said_ms, older_said_ms;
	bool foreign_leads; /* while starting: another cluster with our store's name is at work */
	bool ours_heard;    /* a member of our own cluster was heard */
	/* While starting: who has heard more of us than we know of, and what. */
	char forgot[NC_FORMATION_SAID_SIZE];
	bool removed;  /* our leader does not count us any more */
	bool draining; /* as our hellos tell */

	struct nc_replica *replica; /* NULL before nc_cluster_attach() */
	nc_cluster_advise *advise;
	void *advise_ctx;
	struct nc_heard heard;
	struct nc_raft_members announced; /* the last members that were committed */
	uint64_t announced_index;         /* of their entry */
	bool asking;                      /* a question whether the leader is there is under way */
	uint64_t missed_ms;               /* when those who are missed were last asked for */
	uint64_t kept_ms;                 /* when the membership was last looked at */
	uint32_t other_count;
	struct nc_cluster_other others[NC_PEER_NODES_MAX];
};

/* Refuse to run. The owner is told with the next tick, when nothing else is on the stack. */
__attribute__((format(printf, 3, 4))) void nc_cluster_refuse(struct nc_cluster *cluster, int err,
                                                             const char *format, ...);
/* Make the record durable. If that fails, the node ends. */
void nc_cluster_save(struct nc_cluster *cluster);
/* Make names durable that were learnt. If that fails, it is only said: they can be learnt again. */
void nc_cluster_save_names(struct nc_cluster *cluster);

/* ---- cluster_hear.c */

void nc_cluster_on_hello(void *ctx, const struct nc_peer_frame *frame, struct nc_peer_node *from,
                         const struct nc_hello *hello);
void nc_cluster_on_drop(void *ctx, enum nc_peer_drop why, struct nc_slice claim);
/* The node is a member from now on: frames of its cluster are let in. What it had heard of its
 * members before counts too, even if it has come back under another number. */
void nc_cluster_begin(struct nc_cluster *cluster);
/* Whether the node may start, by what was heard of others and what they have heard of it. If not,
 * it has been refused. */
bool nc_cluster_may_start(struct nc_cluster *cluster);

/* ---- cluster_presence.c */

void nc_cluster_presence_serve(struct nc_cluster *cluster);
/* Ask NATS for the members that are missed, if it is time. */
void nc_cluster_missed_ask(struct nc_cluster *cluster, uint64_t now_ms);
void nc_cluster_on_unreachable(void *ctx, uint64_t number);

/* ---- cluster_hello.c */

/* Tell the others of this node, if it is time. */
void nc_cluster_hello(struct nc_cluster *cluster, uint64_t now_ms);

/* ---- cluster_members.c */

/* On the leader: add nodes that are new, promote those that have caught up, and replace those that
 * came back with an empty disk. */
void nc_cluster_keep(struct nc_cluster *cluster, uint64_t now_ms);
/* Let `announced` follow what is committed. */
void nc_cluster_members_follow(struct nc_cluster *cluster);

#endif
