/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this node tells of itself. */
#include <stdio.h>

#include "core/engine/engine.h"
#include "core/node/cluster/cluster_private.h"
#include "core/node/common/version.h"

#define HELLO_FORMING_MS 250u
#define HELLO_MEMBER_MS  1000u
#define HELLO_GAP_MS     50u /* between two hellos that are sent because a node is new */

/* The latest life of a node that was heard, since this start or before it. */
static struct nc_heard_life life_of(const struct nc_cluster *cluster, uint64_t number)
{
	const struct nc_peer_node *node = nc_gate_node(nc_peer_gate(cluster->peer), number);
	const struct nc_heard_life *heard = nc_heard_find(&cluster->heard, number);
	uint64_t epoch = node == NULL ? 0 : node->epoch;
	return heard != NULL && heard->epoch >= epoch ? *heard
	                                              : (struct nc_heard_life){ .epoch = epoch };
}

static void node_put(const struct nc_cluster *cluster, struct nc_hello *hello, uint64_t number,
                     const char *name, uint8_t flags)
{
	if (hello->node_count == NC_HELLO_NODES_MAX)
		return;
	const struct nc_heard_life life = life_of(cluster, number);
	struct nc_hello_node *node = &hello->nodes[hello->node_count++];
	*node = (struct nc_hello_node){
		.number = number, .flags = flags, .epoch = life.epoch, .run = life.run
	};
	(void)snprintf(node->name, sizeof node->name, "%s", name);
}

/* List members or founders first, then the other nodes that are heard: each learns that it was
 * heard. */
static void nodes_put(const struct nc_cluster *cluster, struct nc_hello *hello)
{
	const struct nc_cluster_record *record = &cluster->formation.record;
	for (uint32_t i = 0; i < cluster->announced.count; i++) {
		const struct nc_raft_member *member = &cluster->announced.at[i];
		node_put(cluster, hello, member->id, nc_cluster_name(cluster, member->id),
		         member->voter ? NC_HELLO_VOTER : NC_HELLO_LEARNER);
	}
	for (uint32_t i = 0; hello->phase == NC_HELLO_PLEDGED && i < record->node_count; i++) {
		node_put(cluster, hello, record->nodes[i].number, record->nodes[i].name,
		         NC_HELLO_FOUNDER);
	}
	const struct nc_gate *gate = nc_peer_gate(cluster->peer);
	for (uint32_t i = 0; i < NC_PEER_NODES_MAX; i++) {
		const struct nc_peer_node *node = &gate->nodes[i];
		if (node->number != 0 && nc_hello_find(hello, node->number) == NULL &&
		    nc_cluster_is_up(cluster, node->number))
			node_put(cluster, hello, node->number, node->name, 0);
	}
}

static void consensus_put(const struct nc_cluster *cluster, struct nc_hello *hello)
{
	if (cluster->replica == NULL)
		return;
	struct nc_replica_status status = nc_replica_status(cluster->replica);
	hello->term = status.term;
	hello->leader = status.raft.leader;
	hello->commit = status.commit;
	hello->applied = status.applied;
}

static void hello_send(struct nc_cluster *cluster)
{
	static struct nc_hello hello; /* the loop's; it is large */
	const struct nc_cluster_record *record = &cluster->formation.record;
	hello = (struct nc_hello){
		.phase = cluster->started ? record->phase : (uint8_t)NC_HELLO_STARTING,
		.run = cluster->run,
		.echo = cluster->echo,
		.expect = cluster->formation.expect,
		.proposer = record->proposer,
		.clock_ns = nc_clock_wall_ns(),
		.engine_version = nc_engine_version_can(),
		.version = NC_VERSION,
		.draining = cluster->draining,
	};
	if (hello.phase == NC_HELLO_PLEDGED)
		memcpy(hello.founding_id, record->cluster_id, sizeof hello.founding_id);
	consensus_put(cluster, &hello);
	nodes_put(cluster, &hello);
	(void)nc_peer_hello(cluster->peer, &hello); /* if it is lost, another follows */
}

void nc_cluster_hello(struct nc_cluster *cluster, uint64_t now_ms)
{
	bool member = cluster->started && nc_formation_done(&cluster->formation);
	uint64_t due = cluster->hello_soon ? HELLO_GAP_MS
	               : member            ? HELLO_MEMBER_MS
	                                   : HELLO_FORMING_MS;
	if (now_ms - cluster->hello_ms < due || !nc_peer_connected(cluster->peer))
		return;
	cluster->hello_ms = now_ms;
	cluster->hello_soon = false;
	hello_send(cluster);
}
