/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The leader keeps the membership: one change at a time, each asked for again until it is made. */
#include <stdio.h>

#include "core/node/cluster/cluster_private.h"
#include "core/node/common/say.h"

#define KEEP_MS 500u

void nc_cluster_members_follow(struct nc_cluster *cluster)
{
	if (cluster->replica == NULL)
		return;
	struct nc_replica_status status = nc_replica_status(cluster->replica);
	if (status.commit < status.raft.config_index)
		return;
	cluster->announced = status.raft.members;
	if (cluster->announced_index == status.raft.config_index)
		return;
	cluster->announced_index = status.raft.config_index;
	cluster->hello_soon = true; /* a member that was removed still answers for the store */
}

/* The number of the member with this name; 0 if there is none. */
static uint64_t namesake_of(const struct nc_cluster *cluster, const struct nc_raft_members *members,
                            const char *name)
{
	for (uint32_t i = 0; i < members->count; i++) {
		if (strcmp(nc_cluster_name(cluster, members->at[i].id), name) == 0)
			return members->at[i].id;
	}
	return 0;
}

/* Add a node that was heard and has no cluster. Returns whether a change was proposed. */
static bool take_up(struct nc_cluster *cluster, const struct nc_cluster_other *other,
                    const struct nc_raft_members *members)
{
	uint64_t namesake = namesake_of(cluster, members, other->name);
	if (namesake != 0 && nc_cluster_is_up(cluster, namesake))
		return false; /* the node of the same name refuses the newcomer */
	if (namesake != 0) {
		int err = nc_replica_remove(cluster->replica, namesake);
		if (err == NC_OK) {
			nc_say_info("%s came back with an empty disk: what it was before is "
			            "removed",
			            other->name);
		}
		return err == NC_OK;
	}
	int err = nc_replica_add_learner(cluster->replica, other->number);
	if (err == NC_OK) {
		nc_say_info("%s joins, as a learner", other->name);
		if (nc_cluster_record_name(&cluster->formation.record, other->number, other->name))
			nc_cluster_save_names(cluster);
	} else if (err == NC_FULL) {
		nc_say_warning("%s cannot join: the cluster has %u members", other->name,
		               NC_RAFT_MEMBERS_MAX);
	}
	return err == NC_OK;
}

static bool promote(struct nc_cluster *cluster, const struct nc_raft_member *member)
{
	if (member->voter || !nc_cluster_is_there(cluster, member->id) ||
	    nc_replica_promote(cluster->replica, member->id) != NC_OK)
		return false; /* it has not caught up, or another change is under way */
	nc_say_info("%s has caught up, and votes from now on",
	            nc_cluster_name(cluster, member->id));
	return true;
}

void nc_cluster_keep(struct nc_cluster *cluster, uint64_t now_ms)
{
	if (cluster->replica == NULL || !nc_replica_leading(cluster->replica) ||
	    now_ms - cluster->kept_ms < KEEP_MS)
		return;
	cluster->kept_ms = now_ms;
	struct nc_replica_status status = nc_replica_status(cluster->replica);
	if (status.commit < status.raft.config_index)
		return;
	const struct nc_raft_members *members = &status.raft.members;
	bool promotes = strcmp(cluster->options.config->auto_promote, "on") == 0;
	for (uint32_t i = 0; promotes && i < members->count; i++) {
		if (promote(cluster, &members->at[i]))
			return;
	}
	for (uint32_t i = 0; i < cluster->other_count; i++) {
		const struct nc_cluster_other *other = &cluster->others[i];
		if (other->phase == NC_HELLO_FORMING &&
		    nc_cluster_is_there(cluster, other->number) &&
		    nc_raft_members_find(members, other->number) == NULL &&
		    take_up(cluster, other, members))
			return;
	}
}
