/* SPDX-License-Identifier: GPL-3.0-or-later */
/* formation.h -- how nodes become a cluster, once: what a node promises, and when it starts. Hellos
 * and time go in, and a record that must be made durable comes out (docs/clustering.md).
 *
 *   FORMING ──(the lowest of `expect` nodes that have no cluster proposes)──► PLEDGED ──► MEMBER
 *      └────────────(a cluster that exists has taken the node up)──────────────────────────┘
 *
 * A proposal is a random cluster id and its founders: `expect` nodes, by name and number. A node
 * that is named pledges itself, durably, and to one proposal at a time. When the proposer has heard
 * the pledge of every founder, it decides, durably, by becoming a member. The others follow when
 * they hear a member.
 *
 * Until it has decided, the proposer, and nobody else, may give its proposal up: because a founder
 * is pledged elsewhere or is gone, or because a cluster exists. Such a proposal can never be
 * decided any more, and a founder that hears so from the proposer is free again. So of two
 * proposals that share a founder only one can be decided, since that founder would have to be
 * pledged to both. Two that share none need twice `expect` empty nodes that do not hear one
 * another.
 *
 * A hello counts only if its sender knows the present life of this node (`fresh`): an older one
 * might tell of a proposal that was given up since.
 *
 * Threads: one. Time: milliseconds of a monotonic clock.
 */
#ifndef NC_CORE_NODE_CLUSTER_FORMATION_H
#define NC_CORE_NODE_CLUSTER_FORMATION_H

#include "core/raft/message.h"
#include "transport/peer/hello.h"

#define NC_CLUSTER_NODES_MAX 64u /* nodes remembered by name: members, and former ones */

struct nc_cluster_node {
	uint64_t number;
	char name[NC_PEER_NAME_SIZE];
	bool founder;
};

/* What is durable of it (cluster_file.h). */
struct nc_cluster_record {
	uint8_t phase; /* NC_HELLO_FORMING, NC_HELLO_PLEDGED or NC_HELLO_MEMBER */
	uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE]; /* that the node is pledged to or a member of
	                                              */
	uint64_t proposer;                           /* the proposer's number */
	uint32_t node_count;
	struct nc_cluster_node nodes[NC_CLUSTER_NODES_MAX];
};

const struct nc_cluster_node *nc_cluster_record_find(const struct nc_cluster_record *record,
                                                     uint64_t number);
/* Remember a node's name. Returns whether that changed the record. */
bool nc_cluster_record_name(struct nc_cluster_record *record, uint64_t number, const char *name);
/* The founders, as consensus wants them; nobody if the node joined later. */
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
#define NC_FORMATION_NEVER     UINT64_MAX /* `expect` of a node that may join, and not found */

struct nc_formation {
	char name[NC_PEER_NAME_SIZE];
	uint64_t number;
	uint64_t expect; /* how many nodes found the cluster, or NC_FORMATION_NEVER */
	struct nc_cluster_record record;
	uint64_t began_ms, pledged_ms;
	uint64_t existing_ms; /* when a member of some cluster was heard last; 0: never */
	uint32_t seen_count;
	struct nc_formation_seen seen[NC_CLUSTER_NODES_MAX];
	char said[NC_FORMATION_SAID_SIZE]; /* what the node is waiting for, as people are told */
};

/* `record` is what was found on the disk; zeros if there was nothing. */
void nc_formation_init(struct nc_formation *formation, const char *name, uint64_t number,
                       uint64_t expect, const struct nc_cluster_record *record, uint64_t now_ms);

/* Whose hello it is. */
struct nc_formation_from {
	const char *name;
	uint64_t number;
	const uint8_t *cluster_id; /* [NC_PEER_CLUSTER_ID_SIZE], as the frame has it */
	bool fresh;                /* it has heard the present life of this node */
};

/* A hello was heard; time has passed. Both return true if formation->record has changed: it must be
 * durable before this node says anything else. */
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
