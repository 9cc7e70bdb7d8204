/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A leader: its own entries, its peers, and what is committed [3.5, 3.6.2]. */
#include "core/raft/raft_private.h"

struct nc_raft_peer *nc_raft_peer(struct nc_raft *raft, uint64_t id)
{
	for (uint32_t i = 0; i < raft->peer_count; i++) {
		if (raft->peers[i].id == id)
			return &raft->peers[i];
	}
	return NULL;
}

/* Make the list of peers follow the members in force; one that stays keeps its progress. */
void nc_raft_peers_rebuild(struct nc_raft *raft)
{
	const struct nc_raft_members *members = nc_raft_members(raft);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < raft->peer_count; i++) {
		if (nc_raft_members_find(members, raft->peers[i].id) != NULL)
			raft->peers[kept++] = raft->peers[i];
	}
	raft->peer_count = kept;
	for (uint32_t i = 0; i < members->count; i++) {
		struct nc_raft_peer *peer = nc_raft_peer(raft, members->at[i].id);
		if (peer == NULL) {
			peer = &raft->peers[raft->peer_count++];
			memset(peer, 0, sizeof *peer);
			peer->id = members->at[i].id;
			peer->next = raft->trail.last + 1;
			peer->active = true; /* for a first election timeout */
		}
		peer->voter = members->at[i].voter;
	}
	nc_raft_own_match(raft);
}

void nc_raft_become_leader(struct nc_raft *raft)
{
	raft->role = NC_RAFT_LEADER;
	raft->leader = raft->options.self;
	raft->doubt = (struct nc_raft_doubt){ 0 }; /* all have voted: nobody has more */
	raft->election_elapsed = raft->heartbeat_elapsed = 0;
	raft->peer_count = 0;
	raft->noop = raft->trail.last + 1;
	raft->noop_told = false;
	raft->uncommitted_bytes = 0;
	for (uint64_t i = raft->commit + 1; i <= raft->trail.last; i++)
		raft->uncommitted_bytes += nc_trail_size(&raft->trail, i);
	nc_raft_peers_rebuild(raft);
	nc_raft_append_own(raft, 0);
	/* The founders' configuration is in no log yet: a node that joins later would read the log
	 * from its beginning and not know them. */
	if (raft->configs[raft->config_count - 1].index == 0) {
		struct nc_raft_members founders = *nc_raft_members(raft);
		nc_raft_config_push(raft, raft->noop, &founders);
	}
	nc_raft_replicate(raft);
}

void nc_raft_append_own(struct nc_raft *raft, uint32_t size)
{
	nc_trail_append(&raft->trail, raft->hard.term, size);
	raft->uncommitted_bytes += size;
	nc_raft_own_match(raft);
}

void nc_raft_own_match(struct nc_raft *raft)
{
	struct nc_raft_peer *self = nc_raft_peer(raft, raft->options.self);
	if (self == NULL)
		return; /* it has removed itself */
	self->match = NC_MUTANT(LEADER_COUNTS_UNSYNCED) ? raft->trail.last : raft->stable;
	self->next = raft->trail.last + 1;
}

int nc_raft_propose(struct nc_raft *raft, size_t size, uint64_t *index_out, uint64_t *term_out)
{
	if (raft->role != NC_RAFT_LEADER)
		return NC_CONFLICT;
	if (size > NC_LOG_PAYLOAD_SIZE_MAX)
		return NC_TOOBIG;
	uint64_t entries = raft->trail.last - raft->commit;
	if (raft->transferee != 0 || entries >= raft->options.uncommitted_entries_max ||
	    (raft->uncommitted_bytes > 0 &&
	     raft->uncommitted_bytes + size > raft->options.uncommitted_bytes_max))
		return NC_BUSY;
	int err = nc_raft_reserve(raft, 1, 0);
	if (err != NC_OK)
		return err;
	nc_raft_append_own(raft, (uint32_t)size);
	*index_out = raft->trail.last;
	*term_out = raft->hard.term;
	nc_raft_replicate(raft);
	return NC_OK;
}

/* ---- Commit ---------------------------------------------------------------------------------- */

uint64_t nc_raft_quorum_value(const struct nc_raft *raft,
                              uint64_t (*value_of)(const struct nc_raft_peer *peer))
{
	uint64_t values[NC_RAFT_MEMBERS_MAX]; /* falling */
	uint32_t count = 0;
	for (uint32_t i = 0; i < raft->peer_count; i++) {
		if (!raft->peers[i].voter && !NC_MUTANT(LEARNERS_COUNT))
			continue;
		uint64_t value = value_of(&raft->peers[i]);
		uint32_t at = count++;
		for (; at > 0 && values[at - 1] < value; at--)
			values[at] = values[at - 1];
		values[at] = value;
	}
	uint32_t quorum = nc_raft_quorum(raft);
	/* a leader is, or was, one of at least one voter */
	nc_assert(quorum > 0 && quorum <= count);
	return values[quorum - 1];
}

static uint64_t match_of(const struct nc_raft_peer *peer)
{
	return peer->match;
}

void nc_raft_maybe_commit(struct nc_raft *raft)
{
	uint64_t index = nc_raft_quorum_value(raft, match_of);
	uint64_t term = 0;
	if (index <= raft->commit || !nc_trail_term(&raft->trail, index, &term))
		return;
	if (term != raft->hard.term && !NC_MUTANT(COMMIT_OLDER_TERM))
		return; /* [3.6.2], Figure 3.7 (the paper's Figure 8) */
	nc_raft_commit_to(raft, index);
	nc_raft_replicate(raft);
	nc_raft_reads_begin(raft);
	/* A leader that is no longer in the configuration leads until that is committed [4.2.2]. */
	if (!nc_raft_config_pending(raft) && !nc_raft_is_voter(raft, raft->options.self) &&
	    !NC_MUTANT(REMOVED_LEADER_STAYS))
		nc_raft_become_follower(raft, raft->hard.term, 0);
}

/* ---- Heartbeats ------------------------------------------------------------------------------ */

void nc_raft_heartbeats(struct nc_raft *raft)
{
	raft->heartbeat_elapsed = 0;
	for (uint32_t i = 0; i < raft->peer_count; i++) {
		const struct nc_raft_peer *peer = &raft->peers[i];
		if (peer->id == raft->options.self)
			continue;
		/* No further than what it is known to share: it cannot check. */
		uint64_t commit = raft->commit;
		if (commit > peer->match && !NC_MUTANT(HEARTBEAT_COMMITS_ALL))
			commit = peer->match;
		nc_raft_send(raft, (struct nc_raft_message){ .type = NC_RAFT_HEARTBEAT,
		                                             .to = peer->id,
		                                             .commit = commit,
		                                             .context = raft->read_round });
	}
}
