/* SPDX-License-Identifier: GPL-3.0-or-later */
/* States in place of logs: checkpoints, compaction, installing a leader's [5]. The bytes go another
 * way. */
#include "core/raft/raft_private.h"

int nc_raft_snapshot_taken(struct nc_raft *raft, uint64_t index)
{
	uint64_t term = 0;
	if (index < raft->snapshot.index || index > raft->applied)
		return NC_INVALID;
	bool known = nc_trail_term(&raft->trail, index, &term);
	nc_assert(known); /* what is applied and not compacted is in the log */
	raft->snapshot.index = index;
	raft->snapshot.term = term;
	raft->snapshot.members = *nc_raft_members_as_of(raft, index);
	return NC_OK;
}

int nc_raft_compact(struct nc_raft *raft, uint64_t through, uint64_t *through_out)
{
	if (through > raft->snapshot.index && !NC_MUTANT(COMPACT_UNCLAMPED))
		through = raft->snapshot.index;
	if (NC_MUTANT(COMPACT_UNCLAMPED) && through > raft->applied)
		through = raft->applied;
	/* A peer that fetches a snapshot needs what follows it. */
	for (uint32_t i = 0; i < raft->peer_count; i++) {
		const struct nc_raft_peer *peer = &raft->peers[i];
		if (peer->state == NC_RAFT_SENDING && through > peer->snapshot_index)
			through = peer->snapshot_index;
	}
	if (raft->install.index != 0 || through < raft->trail.base_index)
		through = raft->trail.base_index;
	if (through > raft->trail.base_index) {
		nc_raft_config_compact(raft, through);
		nc_trail_compact(&raft->trail, through);
	}
	*through_out = through;
	return NC_OK;
}

/* ---- The leader ------------------------------------------------------------------------------ */

void nc_raft_snapshot_offer(struct nc_raft *raft, struct nc_raft_peer *peer)
{
	if (!peer->active)
		return; /* until it is heard of */
	nc_assert(raft->snapshot.index >= raft->trail.base_index);
	nc_raft_peer_turn(peer, NC_RAFT_SENDING);
	peer->snapshot_index = raft->snapshot.index;
	nc_raft_send(raft, (struct nc_raft_message){ .type = NC_RAFT_SNAPSHOT,
	                                             .to = peer->id,
	                                             .index = raft->snapshot.index,
	                                             .log_term = raft->snapshot.term,
	                                             .members = &raft->snapshot.members });
}

/* ---- The follower ---------------------------------------------------------------------------- */

static void acknowledge(struct nc_raft *raft, uint64_t to, uint64_t index)
{
	nc_raft_send_after(raft, (struct nc_raft_message){
	                                 .type = NC_RAFT_APPEND_RESP, .to = to, .index = index });
}

void nc_raft_snapshot_heard(struct nc_raft *raft, const struct nc_raft_message *message)
{
	uint64_t term = 0;
	if (message->index <= raft->commit) {
		acknowledge(raft, message->from, raft->commit);
		return;
	}
	if (raft->install.index != 0)
		return; /* one at a time */
	if (nc_trail_term(&raft->trail, message->index, &term) && term == message->log_term) {
		nc_raft_commit_to(raft, message->index); /* the log has it all */
		acknowledge(raft, message->from, message->index);
		return;
	}
	raft->install = (struct nc_raft_install){ .index = message->index,
		                                  .term = message->log_term,
		                                  .from = message->from,
		                                  .members = *message->members };
	raft->install_told = false;
	if (NC_MUTANT(SNAPSHOT_ACK_EARLY))
		acknowledge(raft, message->from, message->index);
}

int nc_raft_snapshot_restored(struct nc_raft *raft, uint64_t index)
{
	if (raft->halted || raft->install.index == 0 || raft->install.index != index)
		return NC_CONFLICT;
	struct nc_raft_install install = raft->install;
	raft->install.index = 0;
	nc_assert(index > raft->commit);
	nc_trail_reset(&raft->trail, index, install.term);
	struct nc_raft_members before = *nc_raft_members(raft);
	raft->config_count = 0;
	nc_raft_config_push(raft, index,
	                    NC_MUTANT(SNAPSHOT_LOSES_CONFIG) ? &before : &install.members);
	raft->handed = raft->stable = index;
	raft->commit = raft->applying = raft->applied = index;
	raft->void_order = raft->orders; /* orders under way wrote what is gone now */
	raft->void_index = index;
	raft->snapshot.index = index;
	raft->snapshot.term = install.term;
	raft->snapshot.members = install.members;
	nc_raft_doubt_settle(raft);
	if (raft->leader != 0)
		acknowledge(raft, raft->leader, index);
	return NC_OK;
}

void nc_raft_snapshot_failed(struct nc_raft *raft)
{
	raft->install.index = 0; /* the next heartbeat's answer tells the leader */
}
