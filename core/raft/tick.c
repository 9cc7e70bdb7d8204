/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time passes: elections, heartbeats, check-quorum [6.2]. */
#include "core/raft/raft_private.h"

static bool quorum_active(const struct nc_raft *raft)
{
	uint32_t active = 0;
	for (uint32_t i = 0; i < raft->peer_count; i++) {
		const struct nc_raft_peer *peer = &raft->peers[i];
		active += peer->voter && (peer->active || peer->id == raft->options.self);
	}
	return active >= nc_raft_quorum(raft) || NC_MUTANT(NO_CHECK_QUORUM);
}

/* An election timeout has passed. Who was offered a snapshot and has not been heard of for long is
 * offered another one if it comes back: the log must not grow for it until then. */
static void peer_age(struct nc_raft *raft, struct nc_raft_peer *peer)
{
	peer->silent = peer->active ? 0 : peer->silent + 1;
	peer->active = false;
	if (peer->silent >= raft->options.offer_elections)
		nc_raft_snapshot_status(raft, peer->id);
}

static void leader_tick(struct nc_raft *raft)
{
	raft->heartbeat_elapsed++;
	if (raft->election_elapsed >= raft->options.election_ticks) {
		raft->election_elapsed = 0;
		raft->transferee = 0; /* it did not come to be [3.10] */
		if (!quorum_active(raft)) {
			nc_raft_become_follower(raft, raft->hard.term, 0);
			return;
		}
		for (uint32_t i = 0; i < raft->peer_count; i++)
			peer_age(raft, &raft->peers[i]);
	}
	if (raft->heartbeat_elapsed >= raft->options.heartbeat_ticks) {
		nc_raft_reads_begin_another(raft);
		nc_raft_heartbeats(raft);
	}
}

int nc_raft_tick(struct nc_raft *raft)
{
	if (raft->halted)
		return NC_OK;
	int err = nc_raft_reserve(raft, 1, 1);
	if (err != NC_OK)
		return err;
	raft->election_elapsed++;
	nc_raft_reads_age(raft);
	if (raft->role == NC_RAFT_LEADER) {
		leader_tick(raft);
	} else if (raft->election_elapsed >= raft->election_timeout) {
		if (nc_raft_may_lead(raft)) {
			nc_raft_stand(raft, NC_RAFT_ASK_FIRST);
		} else { /* its leader is gone all the same */
			nc_raft_become_follower(raft, raft->hard.term, 0);
		}
	}
	return NC_OK;
}

int nc_raft_campaign(struct nc_raft *raft)
{
	int err = nc_raft_reserve(raft, 1, 1);
	if (err != NC_OK)
		return err;
	if (raft->role != NC_RAFT_LEADER && nc_raft_may_lead(raft))
		nc_raft_stand(raft, NC_RAFT_ASK_FIRST);
	return NC_OK;
}
