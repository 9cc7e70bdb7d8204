/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking at a node: its status, its soundness, a hash of all it knows. */
#include "core/raft/raft_private.h"

static void peers_status(const struct nc_raft *raft, struct nc_raft_status *status)
{
	status->peer_count = raft->peer_count;
	for (uint32_t i = 0; i < raft->peer_count; i++) {
		const struct nc_raft_peer *peer = &raft->peers[i];
		status->peers[i] = (struct nc_raft_peer_status){
			.id = peer->id,
			.voter = peer->voter,
			.active = peer->active || peer->id == raft->options.self,
			.state = peer->state,
			.match = peer->match,
			.next = peer->next,
			.inflight = peer->flight_count,
		};
	}
}

void nc_raft_status(const struct nc_raft *raft, struct nc_raft_status *status_out)
{
	*status_out = (struct nc_raft_status){
		.self = raft->options.self,
		.term = raft->hard.term,
		.vote = raft->hard.vote,
		.leader = raft->leader,
		.silent = nc_raft_leader_silent(raft),
		.role = raft->role,
		.halted = raft->halted,
		.doubtful = raft->doubt.nonce != 0,
		.settled = nc_raft_settled(raft),
		.base = raft->trail.base_index,
		.last = raft->trail.last,
		.stable = raft->stable,
		.last_term = nc_trail_last_term(&raft->trail),
		.commit = raft->commit,
		.applied = raft->applied,
		.snapshot = raft->snapshot.index,
		.installing = raft->install.index,
		.transferee = raft->transferee,
		.config_index = raft->configs[raft->config_count - 1].index,
		.members = *nc_raft_members(raft),
		.dropped = raft->dropped,
	};
	peers_status(raft, status_out);
}

int nc_raft_term_at(const struct nc_raft *raft, uint64_t index, uint64_t *term_out)
{
	return nc_trail_term(&raft->trail, index, term_out) ? NC_OK : NC_NOTFOUND;
}

/* ---- Soundness ------------------------------------------------------------------------------- */

struct claim {
	bool holds;
	const char *text;
};

#define CLAIM(claim)            \
	{                       \
		(claim), #claim \
	}

/* The first claim that does not hold; NULL if all do. */
static const char *first_false(const struct claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!claims[i].holds)
			return claims[i].text;
	}
	return NULL;
}

static const char *check_log(const struct nc_raft *raft)
{
	const struct nc_trail *trail = &raft->trail;
	const struct claim claims[] = {
		CLAIM(raft->commit <= trail->last),
		CLAIM(raft->applied <= raft->applying),
		CLAIM(raft->applying <= raft->commit),
		CLAIM(raft->stable <= raft->handed),
		CLAIM(raft->handed <= trail->last),
		CLAIM(raft->durable <= raft->orders),
		CLAIM(trail->base_index <= raft->applied),
		CLAIM(trail->base_index <= raft->snapshot.index),
		CLAIM(nc_trail_last_term(trail) <= raft->hard.term),
		CLAIM(raft->install.index == 0 || raft->install.index > raft->commit),
	};
	return first_false(claims, sizeof claims / sizeof *claims);
}

static const char *check_config(const struct nc_raft *raft)
{
	const struct nc_raft_config *last =
	        raft->config_count == 0 ? NULL : &raft->configs[raft->config_count - 1];
	const struct claim claims[] = {
		CLAIM(raft->config_count >= 1),
		CLAIM(last == NULL || last->index <= raft->trail.last),
	};
	return first_false(claims, sizeof claims / sizeof *claims);
}

static const char *check_leader(const struct nc_raft *raft)
{
	const struct claim claims[] = {
		CLAIM(raft->leader == raft->options.self),
		CLAIM(raft->hard.vote == raft->options.self),
		CLAIM(!raft->halted),
	};
	return first_false(claims, sizeof claims / sizeof *claims);
}

static const char *check_peer(const struct nc_raft *raft, const struct nc_raft_peer *peer)
{
	const struct claim claims[] = {
		CLAIM(peer->match < peer->next),
		CLAIM(peer->match <= raft->trail.last),
		CLAIM(peer->next <= raft->trail.last + 1),
		CLAIM(peer->read_ack <= raft->read_round),
		CLAIM(peer->read_ack_doubt <= raft->read_round),
		CLAIM(peer->flight_count <= NC_RAFT_INFLIGHT_MAX),
		CLAIM(peer->flight_count == 0 || peer->state == NC_RAFT_REPLICATE),
	};
	return first_false(claims, sizeof claims / sizeof *claims);
}

const char *nc_raft_check(const struct nc_raft *raft)
{
	const char *failed_claim = check_log(raft);
	if (failed_claim == NULL)
		failed_claim = check_config(raft);
	if (failed_claim == NULL && raft->role == NC_RAFT_LEADER)
		failed_claim = check_leader(raft);
	for (uint32_t i = 0; failed_claim == NULL && i < raft->peer_count; i++)
		failed_claim = check_peer(raft, &raft->peers[i]);
	return failed_claim;
}

/* ---- Hash ------------------------------------------------------------------------------------ */

static void mix(uint64_t *hash, uint64_t value)
{
	*hash = (*hash ^ value) * 0x9e3779b97f4a7c15u;
	*hash ^= *hash >> 29;
}

static void mix_members(uint64_t *hash, const struct nc_raft_members *members)
{
	mix(hash, members->count);
	for (uint32_t i = 0; i < members->count; i++)
		mix(hash, members->at[i].id * 2 + members->at[i].voter);
}

static void mix_log(uint64_t *hash, const struct nc_raft *raft)
{
	const struct nc_trail *trail = &raft->trail;
	const uint64_t values[] = { raft->hard.term,     raft->hard.vote,
		                    raft->hard_dirty,    trail->base_index,
		                    trail->base_term,    trail->last,
		                    raft->handed,        raft->stable,
		                    raft->commit,        raft->applying,
		                    raft->applied,       raft->orders - raft->durable,
		                    raft->snapshot.index };
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		mix(hash, values[i]);
	for (size_t i = 0; i < trail->run_count; i++) {
		mix(hash, trail->runs[i].first);
		mix(hash, trail->runs[i].term);
	}
	for (size_t i = 0; i < raft->config_count; i++) {
		mix(hash, raft->configs[i].index);
		mix_members(hash, &raft->configs[i].members);
	}
	if (raft->void_order > raft->durable) {
		mix(hash, raft->orders - raft->void_order);
		mix(hash, raft->void_index);
	}
	mix(hash, raft->hard_order > raft->durable ? raft->orders - raft->hard_order + 1 : 0);
}

static void mix_role(uint64_t *hash, const struct nc_raft *raft)
{
	const uint64_t values[] = { raft->role,
		                    raft->halted,
		                    raft->doubt.nonce != 0,
		                    raft->doubt.index,
		                    raft->doubt.nonce != 0 ? raft->doubt.shown : 0,
		                    raft->leader,
		                    raft->transferee,
		                    raft->noop,
		                    raft->election_elapsed,
		                    raft->heartbeat_elapsed,
		                    raft->election_timeout,
		                    raft->install.index,
		                    raft->install_told,
		                    raft->read_count,
		                    raft->read_count == 0 ? 0 : raft->read_round };
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		mix(hash, values[i]);
	for (uint32_t i = 0; i < raft->granted_count; i++)
		mix(hash, raft->granted[i]);
	for (uint32_t i = 0; i < raft->refused_count; i++)
		mix(hash, ~raft->refused[i]);
	for (uint32_t i = 0; i < raft->doubting_count; i++)
		mix(hash, raft->doubting[i] << 32);
	for (uint32_t i = 0; i < raft->peer_count; i++) {
		const struct nc_raft_peer *peer = &raft->peers[i];
		const uint64_t progress[] = {
			peer->id,          peer->match,        peer->next,    peer->state,
			peer->paused,      peer->active,       peer->reading, peer->snapshot_index,
			peer->commit_sent, peer->flight_count, peer->doubt
		};
		for (size_t j = 0; j < sizeof progress / sizeof *progress; j++)
			mix(hash, progress[j]);
	}
}

static void mix_message(uint64_t *hash, const struct nc_raft_message *message)
{
	mix(hash, message->type | (uint64_t)message->reject << 8 | (uint64_t)message->force << 9);
	mix(hash, message->to);
	mix(hash, message->term);
	mix(hash, message->index);
	mix(hash, message->log_term);
	mix(hash, message->commit);
	mix(hash, message->hint);
	mix(hash, message->entry_count);
}

uint64_t nc_raft_hash(const struct nc_raft *raft)
{
	uint64_t hash = raft->options.self;
	mix_log(&hash, raft);
	mix_role(&hash, raft);
	for (size_t i = 0; i < raft->out.count; i++)
		mix_message(&hash, &raft->out.at[i]);
	for (size_t i = 0; i < raft->held.count; i++) {
		mix(&hash, raft->held.at[i].order - raft->durable);
		mix_message(&hash, &raft->held.at[i].message);
	}
	return hash;
}
