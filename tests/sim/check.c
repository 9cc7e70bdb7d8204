/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold after every event: the five properties of Raft [3.2, Figure 3.2], durability, and
 * that a healed cluster goes on. Each check is incremental: by induction it covers the whole. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

/* ---- Log matching: what is at (index, term) is one thing, and follows one thing -------------- */

static size_t place(const struct sim *sim, uint64_t index, uint64_t term)
{
	size_t at = (size_t)((index * 0x9e3779b97f4a7c15u ^ term * 0xbf58476d1ce4e5b9u) >> 20);
	for (at &= sim->seen_room - 1; sim->seen[at].term != 0;
	     at = (at + 1) & (sim->seen_room - 1)) {
		if (sim->seen[at].index == index && sim->seen[at].term == term)
			break;
	}
	return at;
}

static void seen_grow(struct sim *sim)
{
	struct sim_seen_entry *old = sim->seen;
	size_t old_room = sim->seen_room;
	sim->seen_room = old_room == 0 ? 1024 : old_room * 2;
	sim->seen = calloc(sim->seen_room, sizeof *sim->seen);
	nc_assert(sim->seen != NULL);
	for (size_t i = 0; i < old_room; i++) {
		if (old[i].term != 0)
			sim->seen[place(sim, old[i].index, old[i].term)] = old[i];
	}
	free(old);
}

void sim_check_stored(struct sim *sim, const struct sim_node *node, uint64_t index,
                      const struct sim_entry *entry, uint64_t prev_term)
{
	if (sim->seen_count * 2 >= sim->seen_room)
		seen_grow(sim);
	struct sim_seen_entry *seen = &sim->seen[place(sim, index, entry->term)];
	/* The only member leads before its term is durable: after a crash it may take it again.
	 * What it had then and lost nobody has seen. */
	bool unseen = sim->node_count == 1 && index > node->disk.last;
	if (seen->term == 0 || unseen) {
		sim->seen_count += seen->term == 0;
		*seen = (struct sim_seen_entry){ index, entry->term, entry->payload, prev_term };
	} else if (seen->payload != entry->payload || seen->prev_term != prev_term) {
		sim_violation(sim, "log matching: node %llu has another entry at %llu@%llu",
		              ULL(node->id), ULL(index), ULL(entry->term));
	}
}

/* ---- Commits --------------------------------------------------------------------------------- */

/* The disk of the member `id` has the entry; a wiped or damaged one did what it promised when it
 * did. */
static bool has_durably(const struct sim *sim, uint64_t id, uint64_t index, uint64_t term)
{
	const struct sim_node *node = &sim->nodes[sim_slot_of(id)];
	bool lost = index > node->disk.last && index <= node->lost_last;
	return node->id != id || lost || node->disk.base >= index ||
	       sim_log_term(&node->disk, index) == term;
}

static bool quorum_has(const struct sim *sim, const struct nc_raft_members *members, uint64_t index,
                       uint64_t term)
{
	uint32_t voters = 0, having = 0;
	for (uint32_t i = 0; i < members->count; i++) {
		voters += members->at[i].voter;
		having += members->at[i].voter && has_durably(sim, members->at[i].id, index, term);
	}
	return having > voters / 2;
}

/* In a change of members, either configuration's majority will do. */
static void check_durable(struct sim *sim, uint64_t index, uint64_t term)
{
	if (quorum_has(sim, &sim->committed_members, index, term))
		return;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		if (sim->nodes[i].up &&
		    quorum_has(sim, nc_raft_members(sim->nodes[i].raft), index, term))
			return;
	}
	sim_violation(sim, "durability: committed %llu@%llu is not on a majority's disks",
	              ULL(index), ULL(term));
}

void sim_check_replaced(struct sim *sim, const struct sim_node *node, uint64_t from)
{
	struct sim_node *written = &sim->nodes[node - sim->nodes];
	uint64_t last = written->disk.last;
	written->disk.last = from - 1; /* as it will be */
	for (uint64_t i = from; i <= last && i <= sim->committed.last; i++)
		check_durable(sim, i, sim->committed.at[i].term);
	written->disk.last = last;
}

static void commit_first(struct sim *sim, const struct sim_node *node, uint64_t index)
{
	struct sim_entry entry = node->memory.at[index];
	if (entry.payload != 0) {
		struct sim_op *op = &sim->ops[entry.payload];
		if (op->committed != 0) {
			sim_violation(sim, "operation %llu is committed twice, at %llu and %llu",
			              ULL(entry.payload), ULL(op->committed), ULL(index));
		}
		op->committed = index;
		if (sim->store != NULL)
			store_model_commit(sim, entry.payload);
	}
	if (entry.members != NULL) {
		sim->committed_members = *entry.members;
		sim->counters.config_changes++;
	}
	entry.size = (uint32_t)node->raft->hard.term; /* the term that committed it */
	sim_log_put(&sim->committed, index, &entry);
	check_durable(sim, index, entry.term);
}

void sim_check_sole(struct sim *sim, const struct sim_node *node, uint64_t last)
{
	for (uint64_t i = sim->committed.last + 1; i <= last && sim->violation[0] == '\0'; i++)
		commit_first(sim, node, i);
	uint64_t term = sim_log_term(&node->memory, last);
	if (sim->violation[0] == '\0' && term != 0 && term != sim_log_term(&sim->committed, last))
		sim_violation(sim, "sole: node %llu takes %llu@%llu for committed", ULL(node->id),
		              ULL(last), ULL(term));
}

static void check_commits(struct sim *sim, struct sim_node *node)
{
	uint64_t commit = node->raft->commit;
	if (commit < node->seen_commit)
		sim_violation(sim, "node %llu: commit went back", ULL(node->id));
	if (commit > node->memory.last) {
		sim_violation(sim, "node %llu: commit %llu beyond its log", ULL(node->id),
		              ULL(commit));
		return;
	}
	for (uint64_t i = node->seen_commit + 1; i <= commit && sim->violation[0] == '\0'; i++) {
		uint64_t term = sim_log_term(&node->memory, i);
		if (i > sim->committed.last) {
			if (term == 0 || i != sim->committed.last + 1 || i == node->memory.base) {
				sim_violation(sim, "node %llu: commits %llu unseen", ULL(node->id),
				              ULL(i));
			} else {
				commit_first(sim, node, i);
			}
		} else if (term != 0 && term != sim->committed.at[i].term) {
			sim_violation(sim,
			              "state-machine safety: node %llu commits %llu@%llu, it is "
			              "%llu@%llu",
			              ULL(node->id), ULL(i), ULL(term), ULL(i),
			              ULL(sim->committed.at[i].term));
		}
	}
	node->seen_commit = commit;
}

/* ---- Leaders --------------------------------------------------------------------------------- */

/* Leader completeness: what was committed in an earlier term is in its log. */
static void check_complete(struct sim *sim, const struct sim_node *node, uint64_t term)
{
	uint64_t index = sim->committed.last;
	while (index > 0 && sim->committed.at[index].size >= term)
		index--;
	uint64_t found = sim_log_term(&node->memory, index);
	if (index > node->memory.base && found != sim->committed.at[index].term) {
		sim_violation(sim, "leader completeness: leader %llu of term %llu lacks %llu@%llu",
		              ULL(node->id), ULL(term), ULL(index),
		              ULL(sim->committed.at[index].term));
	}
}

static void check_leader(struct sim *sim, struct sim_node *node)
{
	uint64_t term = node->raft->hard.term;
	while (term >= sim->leader_room) {
		size_t room = sim->leader_room * 2 + 64;
		sim->leaders = realloc(sim->leaders, room * sizeof *sim->leaders);
		nc_assert(sim->leaders != NULL);
		memset(sim->leaders + sim->leader_room, 0,
		       (room - sim->leader_room) * sizeof *sim->leaders);
		sim->leader_room = room;
	}
	if (sim->leaders[term] != 0 && sim->leaders[term] != node->id) {
		sim_violation(sim, "election safety: %llu and %llu lead term %llu",
		              ULL(sim->leaders[term]), ULL(node->id), ULL(term));
	}
	sim->leaders[term] = node->id;
	sim->counters.elections++;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		const struct sim_node *other = &sim->nodes[i];
		if (other == node || !other->up)
			continue;
		sim->counters.two_leaders += other->raft->role == NC_RAFT_LEADER;
		sim->counters.snapshot_during_election += other->raft->install.index != 0;
	}
	sim_trace(sim, "%llu leads term %llu", ULL(node->id), ULL(term));
	check_complete(sim, node, term);
}

/* A leader that a majority cannot reach knows it after two election timeouts of its own [6.2], and
 * one that is not a member, as far as is committed, does not lead. */
static void check_lease(struct sim *sim, const struct sim_node *node)
{
	const struct nc_raft *raft = node->raft;
	if (raft->role != NC_RAFT_LEADER)
		return;
	const struct nc_raft_member *member = nc_raft_members_find(nc_raft_members(raft), node->id);
	if ((member == NULL || !member->voter) && !nc_raft_config_pending(raft))
		sim_violation(sim, "node %llu leads and is no voter", ULL(node->id));
}

void sim_check_node(struct sim *sim, struct sim_node *node)
{
	const struct nc_raft *raft = node->raft;
	if (raft->hard.term < node->seen_term)
		sim_violation(sim, "node %llu: its term went back", ULL(node->id));
	if (raft->role == NC_RAFT_LEADER &&
	    (node->seen_role != NC_RAFT_LEADER || node->seen_term != raft->hard.term))
		check_leader(sim, node);
	node->seen_term = raft->hard.term;
	node->seen_role = raft->role;
	if (raft->commit != node->seen_commit)
		check_commits(sim, node);
	check_lease(sim, node);
	sim->hash = (sim->hash ^ raft->hard.term ^ raft->commit << 20 ^ raft->trail.last << 40) *
	            0x100000001b3u;
}

/* ---- Applied --------------------------------------------------------------------------------- */

void sim_check_applied(struct sim *sim, struct sim_node *node, uint64_t index,
                       const struct sim_entry *entry)
{
	const struct sim_entry *committed = &sim->committed.at[index];
	if (index > sim->committed.last || index != node->applied + 1 ||
	    entry->term != committed->term || entry->payload != committed->payload) {
		sim_violation(sim, "state-machine safety: node %llu applies %llu@%llu",
		              ULL(node->id), ULL(index), ULL(entry->term));
		return;
	}
	/* What is applied can be in a checkpoint; the log must reach that far after any crash. */
	if (sim_log_term(&node->disk, index) != entry->term && node->disk.base < index) {
		sim_violation(sim, "node %llu: applies %llu, which it has not durably",
		              ULL(node->id), ULL(index));
	}
	node->chain = (node->chain ^ entry->payload ^ entry->term << 32) * 0x100000001b3u + index;
	if (index >= sim->chain_room) {
		sim->chain_room = index * 2 + 64;
		sim->chains = realloc(sim->chains, sim->chain_room * sizeof *sim->chains);
		nc_assert(sim->chains != NULL);
	}
	if (index > sim->chain_last) {
		sim->chain_last = index;
		sim->chains[index] = node->chain;
	} else if (sim->chains[index] != node->chain) {
		sim_violation(sim, "node %llu: another state at %llu", ULL(node->id), ULL(index));
	}
}

/* ---- Healed ---------------------------------------------------------------------------------- */

void sim_check_healed(struct sim *sim)
{
	uint64_t timeouts = 20ull * sim->raft_options.election_ticks * 100 * SIM_MS;
	bool progress = sim->progress_op == UINT64_MAX;
	for (uint64_t i = sim->progress_op; !progress && i < sim->op_count; i++)
		progress = sim->ops[i].committed != 0;
	if (progress) {
		sim->progress_op = UINT64_MAX; /* and the clients rest */
	} else if (sim->now > sim->healed_at + timeouts) {
		sim_violation(sim, "no progress within ten election timeouts of healing");
	}
	bool whole = progress;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		const struct sim_node *node = &sim->nodes[i];
		const struct nc_raft_member *member =
		        nc_raft_members_find(&sim->committed_members, node->id);
		whole &= node->up && member != NULL && member->voter &&
		         node->applied == sim->committed.last && !node->raft->halted &&
		         node->raft->doubt.nonce == 0;
	}
	if (whole && sim->store != NULL)
		whole = store_settled(sim);
	if (whole) {
		sim->healed_at = UINT64_MAX; /* the end */
	} else if (sim->now > sim->healed_at + 6 * timeouts) {
		sim_violation(sim, "the cluster does not become whole again after healing");
	}
}
