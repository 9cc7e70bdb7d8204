/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node whose state does not follow its log any more (a disk that hangs) answers nothing, and
 * keeps its heartbeats all the same: people are told, and a leader hands over to who is further
 * (decision 0125). */
#include <inttypes.h>
#include <stdio.h>

#include "core/node/cluster/cluster.h"
#include "core/node/common/say.h"
#include "core/node/service/service_private.h"
#include "transport/nats/reply.h"

static void tell(struct nc_service *service, const struct nc_replica_status *status)
{
	char members[80];
	(void)snprintf(members, sizeof members, "\"applied\":%" PRIu64 ",\"commit\":%" PRIu64,
	               status->applied, status->commit);
	if (service->stall.stalled) {
		nc_say_warning("stalled: entry %" PRIu64 " is due, and for %u ms none was "
		               "applied behind %" PRIu64 "; look at the disk",
		               status->due, NC_STALL_MS, status->applied);
	} else {
		nc_say_info("stalled no more: entries are applied again");
	}
	nc_service_advise(service, "node", service->stall.stalled ? "stalled" : "unstalled",
	                  members);
}

/* The voter that has applied most, by what it has told, and more than this node; 0: none. Where all
 * are at the same entry it is the entry that takes long, and would elsewhere too. */
static uint64_t heir(const struct nc_service *service, const struct nc_replica_status *status)
{
	uint64_t best = 0, applied = status->applied;
	for (uint32_t i = 0; i < status->raft.peer_count; i++) {
		const struct nc_raft_peer_status *peer = &status->raft.peers[i];
		const struct nc_cluster_other *other =
		        nc_cluster_find(service->options.cluster, peer->id);
		if (!peer->voter || !peer->active || other == NULL || other->draining ||
		    !nc_cluster_is_up(service->options.cluster, peer->id) ||
		    other->applied <= applied)
			continue;
		best = peer->id;
		applied = other->applied;
	}
	return best;
}

/* Again when it did not come to be. One that is elected while it is stalled leads as long as its
 * log is needed to bring the others up to date, and then gets here. */
static void hand_over(struct nc_service *service, const struct nc_replica_status *status)
{
	if (status->raft.transferee != 0)
		return;
	uint64_t to = heir(service, status);
	if (to == 0 || nc_replica_transfer(service->replica, to) != NC_OK)
		return;
	if (service->stall.said_term != status->term) {
		nc_say_warning("handing leadership over to %s, which applies what is committed",
		               nc_cluster_name(service->options.cluster, to));
	}
	service->stall.said_term = status->term;
}

const char *nc_service_late_text(const struct nc_service *service)
{
	if (nc_replica_status(service->replica).lacks_room)
		return "not done within the timeout: the disk is full, and what is committed waits "
		       "to be applied; make room, then retry a write with the same id, whose "
		       "outcome is unknown; R.direct reads what is applied";
	if (service->stall.stalled)
		return "not done within the timeout: this node's state does not follow its log, "
		       "look at its disk; retry a write with the same id, whose outcome is unknown";
	return nc_fault_text(NC_FAULT_UNAVAILABLE);
}

void nc_service_stall_tick(struct nc_service *service)
{
	uint64_t now_ms = nc_clock_ms();
	const struct nc_replica_status status = nc_replica_status(service->replica);
	bool stalled = nc_stall_look(&service->stall.look, status.due, status.applied, now_ms) >=
	               NC_STALL_MS;
	if (stalled != service->stall.stalled) {
		service->stall.stalled = stalled;
		tell(service, &status);
	}
	if (!stalled || service->options.cluster == NULL)
		return;
	if (status.raft.role == NC_RAFT_LEADER) {
		hand_over(service, &status);
	} else { /* what was asked of it when it led: who asks again is answered elsewhere */
		nc_service_expire(service, now_ms);
	}
}
