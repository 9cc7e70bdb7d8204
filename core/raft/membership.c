/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who counts: the history of configurations, and changing it by one member at a time [4.1 to 4.3].
 */
#include "core/raft/raft_private.h"

bool nc_raft_members_valid(const struct nc_raft_members *members)
{
	if (members->count > NC_RAFT_MEMBERS_MAX)
		return false;
	for (uint32_t i = 0; i < members->count; i++) {
		if (members->at[i].id <= (i == 0 ? 0 : members->at[i - 1].id))
			return false;
	}
	return true;
}

const struct nc_raft_member *nc_raft_members_find(const struct nc_raft_members *members,
                                                  uint64_t id)
{
	for (uint32_t i = 0; i < members->count; i++) {
		if (members->at[i].id == id)
			return &members->at[i];
	}
	return NULL;
}

/* ---- The history ----------------------------------------------------------------------------- */

const struct nc_raft_members *nc_raft_members(const struct nc_raft *raft)
{
	return &raft->configs[raft->config_count - 1].members;
}

const struct nc_raft_members *nc_raft_members_as_of(const struct nc_raft *raft, uint64_t index)
{
	size_t i = raft->config_count - 1;
	while (i > 0 && raft->configs[i].index > index)
		i--;
	return &raft->configs[i].members;
}

const struct nc_raft_members *nc_raft_config_at(const struct nc_raft *raft, uint64_t index)
{
	for (size_t i = raft->config_count; i > 0; i--) {
		if (raft->configs[i - 1].index == index && index > raft->trail.base_index)
			return &raft->configs[i - 1].members;
	}
	return NULL;
}

bool nc_raft_is_voter(const struct nc_raft *raft, uint64_t id)
{
	const struct nc_raft_member *member = nc_raft_members_find(nc_raft_members(raft), id);
	return member != NULL && (member->voter || NC_MUTANT(LEARNERS_COUNT));
}

bool nc_raft_alone(const struct nc_raft *raft)
{
	const struct nc_raft_members *members = nc_raft_members(raft);
	return members->count == 1 && members->at[0].id == raft->options.self &&
	       members->at[0].voter;
}

uint32_t nc_raft_quorum(const struct nc_raft *raft)
{
	const struct nc_raft_members *members = nc_raft_members(raft);
	uint32_t voters = 0;
	for (uint32_t i = 0; i < members->count; i++)
		voters += members->at[i].voter;
	if (NC_MUTANT(QUORUM_HALF) && voters > 1)
		return voters / 2;
	return voters / 2 + 1;
}

void nc_raft_config_push(struct nc_raft *raft, uint64_t index,
                         const struct nc_raft_members *members)
{
	nc_assert(raft->config_count < raft->config_room);
	raft->configs[raft->config_count++] = (struct nc_raft_config){ index, *members };
	if (raft->role == NC_RAFT_LEADER)
		nc_raft_peers_rebuild(raft);
}

void nc_raft_config_truncate(struct nc_raft *raft, uint64_t from)
{
	if (NC_MUTANT(CONFIG_NOT_ROLLED_BACK))
		return;
	while (raft->config_count > 1 && raft->configs[raft->config_count - 1].index >= from)
		raft->config_count--;
}

void nc_raft_config_compact(struct nc_raft *raft, uint64_t through)
{
	size_t gone = 0;
	while (gone + 1 < raft->config_count && raft->configs[gone + 1].index <= through)
		gone++;
	raft->config_count -= gone;
	memmove(raft->configs, raft->configs + gone, raft->config_count * sizeof *raft->configs);
}

bool nc_raft_config_pending(const struct nc_raft *raft)
{
	return raft->configs[raft->config_count - 1].index > raft->commit;
}

/* ---- Changes --------------------------------------------------------------------------------- */

static int change_allowed(const struct nc_raft *raft)
{
	if (raft->role != NC_RAFT_LEADER)
		return NC_CONFLICT;
	if (!nc_raft_settled(raft) && !NC_MUTANT(CONFIG_BEFORE_OWN_COMMIT))
		return NC_BUSY; /* Ongaro's correction of 2015: or two majorities that do not meet
		                 */
	if (nc_raft_config_pending(raft) && !NC_MUTANT(TWO_CONFIGS))
		return NC_BUSY;
	if (raft->transferee != 0 ||
	    raft->trail.last - raft->commit >= raft->options.uncommitted_entries_max)
		return NC_BUSY;
	return NC_OK;
}

static int change(struct nc_raft *raft, const struct nc_raft_members *members, uint64_t *index_out)
{
	int err = nc_raft_reserve(raft, 1, 1);
	if (err != NC_OK)
		return err;
	nc_raft_append_own(raft, 0);
	uint64_t index = raft->trail.last;
	nc_raft_config_push(raft, index, members);
	nc_raft_replicate(raft);
	*index_out = index;
	return NC_OK;
}

int nc_raft_add_learner(struct nc_raft *raft, uint64_t id, uint64_t *index_out)
{
	int err = change_allowed(raft);
	if (err != NC_OK)
		return err;
	if (id == 0)
		return NC_INVALID;
	struct nc_raft_members members = *nc_raft_members(raft);
	if (nc_raft_members_find(&members, id) != NULL)
		return NC_EXISTS;
	if (members.count == NC_RAFT_MEMBERS_MAX)
		return NC_FULL;
	uint32_t at = members.count++;
	for (; at > 0 && members.at[at - 1].id > id; at--)
		members.at[at] = members.at[at - 1];
	members.at[at] = (struct nc_raft_member){ .id = id, .voter = false };
	return change(raft, &members, index_out);
}

static bool caught_up(const struct nc_raft *raft, const struct nc_raft_peer *peer)
{
	return peer->active && peer->state == NC_RAFT_REPLICATE &&
	       peer->match + raft->options.promote_lag_max >= raft->trail.last;
}

int nc_raft_promote(struct nc_raft *raft, uint64_t id, uint64_t *index_out)
{
	int err = change_allowed(raft);
	if (err != NC_OK)
		return err;
	struct nc_raft_members members = *nc_raft_members(raft);
	for (uint32_t i = 0; i < members.count; i++) {
		if (members.at[i].id != id)
			continue;
		if (members.at[i].voter)
			return NC_EXISTS;
		if (!caught_up(raft, nc_raft_peer(raft, id)))
			return NC_BUSY;
		members.at[i].voter = true;
		return change(raft, &members, index_out);
	}
	return NC_NOTFOUND;
}

int nc_raft_remove(struct nc_raft *raft, uint64_t id, uint64_t *index_out)
{
	int err = change_allowed(raft);
	if (err != NC_OK)
		return err;
	struct nc_raft_members members = { 0 };
	bool found = false, voters = false;
	for (uint32_t i = 0; i < nc_raft_members(raft)->count; i++) {
		struct nc_raft_member member = nc_raft_members(raft)->at[i];
		found |= member.id == id;
		if (member.id == id)
			continue;
		voters |= member.voter;
		members.at[members.count++] = member;
	}
	if (!found)
		return NC_NOTFOUND;
	return voters ? change(raft, &members, index_out) : NC_INVALID;
}
