/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking whether a node is still there. A follower that misses its leader asks for it; and every
 * node asks for members whose hellos it misses, so that it can tell how the cluster is. If a
 * process has ended or has lost its connection, NATS itself answers that nobody listens. It does so
 * at once, long before an election timeout has passed. A leader that is cut off, or only slow,
 * gives no answer, and is waited for. */
#include "core/node/cluster/cluster_private.h"
#include "core/node/common/say.h"

#define PRESENCE_SERVICE 3u    /* its number at transport/peer */
#define PRESENCE_MS      200u  /* then it is asked once more */
#define MISSED_MS        1500u /* no word for so long, hellos being a second apart: missed */
#define MISSED_EACH_MS   500u

static void on_asked(void *ctx, uint64_t from, uint64_t call, struct nc_slice body)
{
	struct nc_cluster *cluster = ctx;
	(void)body;
	(void)nc_peer_reply(cluster->peer, from, call, NC_OK, nc_slice(NULL, 0));
}

/* The answer is of no interest: the next heartbeat tells as much. That the node is not there is
 * told through nc_cluster_on_unreachable(). */
static void on_answered(void *ctx, int err, struct nc_slice body)
{
	struct nc_cluster *cluster = ctx;
	(void)err;
	(void)body;
	cluster->asking = false;
}

void nc_cluster_presence_serve(struct nc_cluster *cluster)
{
	nc_peer_serve(cluster->peer, PRESENCE_SERVICE, on_asked, cluster);
}

void nc_cluster_ask(struct nc_cluster *cluster, uint64_t number)
{
	if (!cluster->asking) {
		const struct nc_peer_question question = { .to = number,
			                                   .service = PRESENCE_SERVICE,
			                                   .timeout_ms = PRESENCE_MS };
		cluster->asking =
		        nc_peer_request(cluster->peer, &question, on_answered, cluster) == NC_OK;
	}
}

/* Whether NATS has said that a node is not there, and it has not been heard since. */
static bool is_closed(const struct nc_peer_node *node)
{
	return node->closed_ms > node->heard_ms;
}

bool nc_cluster_is_there(const struct nc_cluster *cluster, uint64_t number)
{
	const struct nc_peer_node *node = nc_gate_node(nc_peer_gate(cluster->peer), number);
	return nc_cluster_is_up(cluster, number) && (node == NULL || !is_closed(node));
}

/* Nothing is left to do: an answer was heard as every message, and its absence has been noted. */
static void on_missed(void *ctx, int err, struct nc_slice body)
{
	(void)ctx;
	(void)err;
	(void)body;
}

void nc_cluster_missed_ask(struct nc_cluster *cluster, uint64_t now_ms)
{
	if (now_ms - cluster->missed_ms < MISSED_EACH_MS)
		return;
	cluster->missed_ms = now_ms;
	for (uint32_t i = 0; i < cluster->announced.count; i++) {
		const struct nc_peer_question question = { .to = cluster->announced.at[i].id,
			                                   .service = PRESENCE_SERVICE,
			                                   .timeout_ms = PRESENCE_MS };
		const struct nc_peer_node *node =
		        nc_gate_node(nc_peer_gate(cluster->peer), question.to);
		bool missed = node != NULL && now_ms - node->heard_ms > MISSED_MS;
		if (missed && question.to != cluster->self &&
		    nc_cluster_is_there(cluster, question.to))
			(void)nc_peer_request(cluster->peer, &question, on_missed, cluster);
	}
}

void nc_cluster_on_unreachable(void *ctx, uint64_t number)
{
	struct nc_cluster *cluster = ctx;
	if (cluster->replica == NULL)
		return;
	bool led = nc_replica_status(cluster->replica).raft.leader == number;
	nc_replica_unreachable(cluster->replica, number);
	if (led && nc_replica_status(cluster->replica).raft.leader != number)
		nc_say_info("%s, which led, is gone from NATS", nc_cluster_name(cluster, number));
}
