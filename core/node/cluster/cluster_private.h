/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cluster_private.h -- what the files of the cluster share. */
#ifndef NC_CORE_NODE_CLUSTER_CLUSTER_PRIVATE_H
#define NC_CORE_NODE_CLUSTER_CLUSTER_PRIVATE_H

#include "core/node/cluster/cluster.h"
#include "core/node/cluster/heard.h"
#include "core/node/common/clock.h"

#define NC_CLUSTER_UP_MS 4000u /* heard of so lately: it is up */

struct nc_cluster {
	struct nc_cluster_options options;
	struct nc_peer *peer;
	struct nc_formation formation;
	uint64_t self;
	uint64_t run;  /* random, of this process */
	uint64_t echo; /* the run of the last namesake heard */
	bool twin;     /* one had our number as well: of a copy of our directory */
	uv_timer_t timer;
	bool started; /* nobody else runs under our name; what follows is formation, or membership
	               */
	bool formed_told;
	int refused; /* an error: the next tick tells it */
	char refused_why[NC_FORMATION_SAID_SIZE];
	uint64_t connected_ms; /* 0: not connected since the start */
	uint64_t hello_ms;     /* when the last one was sent */
	bool hello_soon;
	uint64_t said_ms; /* when was last said what it waits for */
	char said[NC_FORMATION_SAID_SIZE];
	uint64_t drop_said_ms[NC_PEER_DROP_COUNT];
	uint64_t namesake_said_ms, foreign_said_ms, skew_said_ms, older_said_ms;
	bool foreign_leads; /* while starting: another cluster with our store's name is at work */
	bool ours_heard;    /* a member of our own cluster was heard */
	char forgot[NC_FORMATION_SAID_SIZE]; /* while starting: who has heard more of us, and what
	                                      */
	bool removed;                        /* a leader of ours does not count us any more */
	bool draining;                       /* to be told of */

	struct nc_replica *replica; /* NULL: not yet */
	nc_cluster_advise *advise;
	void *advise_ctx;
	struct nc_heard heard;
	struct nc_raft_members announced; /* the last that were committed */
	uint64_t announced_index;         /* of their entry */
	bool asking;                      /* whether the leader is there */
	uint64_t missed_ms;               /* when who is missed was asked last */
	uint64_t kept_ms;                 /* when the membership was looked at last */
	uint32_t other_count;
	struct nc_cluster_other others[NC_PEER_NODES_MAX];
};

/* Stop, as soon as nothing else is on the stack. */
__attribute__((format(printf, 3, 4))) void nc_cluster_refuse(struct nc_cluster *cluster, int err,
                                                             const char *format, ...);
/* Make the record durable; a failure ends the node. */
void nc_cluster_save(struct nc_cluster *cluster);
/* A name was learnt: it can be learnt again, so that a failure is only said. */
void nc_cluster_save_names(struct nc_cluster *cluster);

/* cluster_hear.c */
void nc_cluster_on_hello(void *ctx, const struct nc_peer_frame *frame, struct nc_peer_node *from,
                         const struct nc_hello *hello);
void nc_cluster_on_drop(void *ctx, enum nc_peer_drop why, struct nc_slice claim);
/* It is a member: frames of its cluster are let in, and what was heard of its members before counts
 * (a node that comes back as another one remembers it too). */
void nc_cluster_begin(struct nc_cluster *cluster);
/* Nothing that was heard of others and by them is against it; else it has been refused. */
bool nc_cluster_may_start(struct nc_cluster *cluster);

/* cluster_presence.c */
void nc_cluster_presence_serve(struct nc_cluster *cluster);
/* Ask the members that are missed, if it is time. */
void nc_cluster_missed_ask(struct nc_cluster *cluster, uint64_t now_ms);
void nc_cluster_on_unreachable(void *ctx, uint64_t number);

/* cluster_hello.c: tell of ourselves, if it is time. */
void nc_cluster_hello(struct nc_cluster *cluster, uint64_t now_ms);

/* cluster_members.c: the leader takes up who is new, promotes who has caught up, replaces who came
 * back with an empty disk. */
void nc_cluster_keep(struct nc_cluster *cluster, uint64_t now_ms);
/* Let `announced` follow what is committed. */
void nc_cluster_members_follow(struct nc_cluster *cluster);

#endif
