/* SPDX-License-Identifier: GPL-3.0-or-later */
/* formation.h -- how nodes become a cluster, once: what a node promises, and when it starts. Pure:
 * hellos and time in, a record to be made durable out (docs/clustering.md).
 *
 *   FORMING ──(the lowest of `expect` nodes that have no cluster proposes)──► PLEDGED ──► MEMBER
 *      └────────────(a cluster that exists has taken the node up)──────────────────────────┘
 *
 * A proposal is a random cluster id and its founders, `expect` nodes by name and number. Who is
 * named pledges: durably, and to one proposal at a time. When the proposer has heard the pledge of
 * every founder it decides, durably, by becoming a member; the others follow when they hear a
 * member. Until it has decided the proposer, and only it, may give the proposal up (a founder is
 * pledged elsewhere, or gone; a cluster exists): then it can never be decided, and who hears that
 * from it is free again. So two proposals that share a founder are never both decided: that founder
 * would have been pledged to both at the end. Two that share none can only come of twice `expect`
 * empty nodes that do not hear each other.
 *
 * Only a hello that knows the present life of this node moves it (`fresh`): one from before might
 * tell of what has been given up since.
 *
 * Threads: one. Time: milliseconds of a monotonic clock.
 */
#ifndef NC_CORE_NODE_CLUSTER_FORMATION_H
#define NC_CORE_NODE_CLUSTER_FORMATION_H

#include "core/raft/message.h"
#include "transport/peer/hello.h"

#define NC_CLUSTER_NODES_MAX 64u /* remembered by name: members, and who was one */

struct nc_cluster_node {
	uint64_t number;
	char name[NC_PEER_NAME_SIZE];
	bool founder;
};

/* What is durable of it: cluster_file.h. */
struct nc_cluster_record {
	uint8_t phase;                               /* NC_HELLO_FORMING, _PLEDGED, _MEMBER */
	uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE]; /* pledged to, or a member of */
	uint64_t proposer;                           /* its number */
	uint32_t node_count;
	struct nc_cluster_node nodes[NC_CLUSTER_NODES_MAX];
};

const struct nc_cluster_node *nc_cluster_record_find(const struct nc_cluster_record *record,
                                                     uint64_t number);
/* A node's name is known from now on; true if that changed the record. */
bool nc_cluster_record_name(struct nc_cluster_record *record, uint64_t number, const char *name);
/* The founders as consensus wants them; nobody if the node joined later. */
void nc_cluster_record_founders(const struct nc_cluster_record *record, uint64_t self,
                                struct nc_raft_members *founders_out);

/* A node that was heard lately and is no member of anything. */
struct nc_formation_seen {
	char name[NC_PEER_NAME_SIZE];
	uint64_t number, expect, heard_ms;
	uint8_t phase;
	uint8_t founding_id[NC_PEER_CLUSTER_ID_SIZE];
};

#define NC_FORMATION_SAID_SIZE 256
#define NC_FORMATION_NEVER     UINT64_MAX /* `expect` of a node that may join and found nothing */

struct nc_formation {
	char name[NC_PEER_NAME_SIZE];
	uint64_t number, expect;
	struct nc_cluster_record record;
	uint64_t began_ms, pledged_ms;
	uint64_t existing_ms; /* when a member of some cluster was heard last; 0: never */
	uint32_t seen_count;
	struct nc_formation_seen seen[NC_CLUSTER_NODES_MAX];
	char said[NC_FORMATION_SAID_SIZE]; /* what it waits for, for people */
};

/* `record` is what was found on the disk; zeros if nothing was. */
void nc_formation_init(struct nc_formation *formation, const char *name, uint64_t number,
                       uint64_t expect, const struct nc_cluster_record *record, uint64_t now_ms);

/* Who says it, beside the hello. */
struct nc_formation_from {
	const char *name;
	uint64_t number;
	const uint8_t *cluster_id; /* [NC_PEER_CLUSTER_ID_SIZE], of the frame */
	bool fresh;                /* it has heard the present life of this node */
};

/* Both: true if formation->record has changed, and must be durable before anything else is said. */
bool nc_formation_hear(struct nc_formation *formation, const struct nc_formation_from *from,
                       const struct nc_hello *hello, uint64_t now_ms);
/* `random` becomes the cluster's id if the node proposes. */
bool nc_formation_tick(struct nc_formation *formation,
                       const uint8_t random[NC_PEER_CLUSTER_ID_SIZE], uint64_t now_ms);

static inline bool nc_formation_done(const struct nc_formation *formation)
{
	return formation->record.phase == NC_HELLO_MEMBER;
}

#endif
