/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cluster of one, out of what one node has. */
#include "core/node/data/recover.h"

#include <stdio.h>
#include <sys/random.h>

#include "core/node/cluster/cluster_file.h"
#include "core/node/common/say.h"
#include "core/node/data/store.h"
#include "core/node/replica/recovery.h"

struct found {
	struct nc_cluster_record record;
	struct nc_raft_status raft;
	struct nc_engine_head head;
	uint64_t self;
};

static void no_messages(void *ctx, const struct nc_raft_install *install)
{
	(void)ctx;
	(void)install;
}

/* Load consensus as this node would start with it. */
static int raft_read(const struct nc_store *store, struct found *found)
{
	struct nc_replica_options options = { .log = store->log,
		                              .state = store->state,
		                              .engine = store->engine,
		                              .hard = store->recovery.hard,
		                              .doubtful = store->recovery.doubtful,
		                              .self = found->self,
		                              .seed = 1,
		                              .on_install = no_messages };
	struct nc_raft *raft;
	nc_cluster_record_founders(&found->record, found->self, &options.founders);
	int err = nc_recovery_load(&options, &raft);
	if (err != NC_OK)
		return err;
	nc_raft_status(raft, &found->raft);
	nc_raft_free(raft);
	return NC_OK;
}

static int find(const struct nc_config *config, const struct nc_store *store, struct found *found)
{
	int err = nc_cluster_file_read(config->data_dir, &found->record);
	if (err == NC_NOTFOUND || (err == NC_OK && found->record.phase != NC_HELLO_MEMBER)) {
		nc_say_error("%s is no member of a cluster: there is nothing to recover from",
		             config->data_dir);
		return NC_CONFLICT;
	}
	found->self = nc_identity_get(store->identity)->number;
	if (err == NC_OK)
		err = raft_read(store, found);
	if (err == NC_OK)
		err = nc_store_head(store, &found->head);
	return err;
}

static void members_tell(const struct found *found)
{
	const struct nc_raft_members *members = &found->raft.members;
	(void)printf("  members:");
	for (uint32_t i = 0; i < members->count; i++) {
		const struct nc_raft_member *member = &members->at[i];
		const struct nc_cluster_node *node =
		        nc_cluster_record_find(&found->record, member->id);
		(void)printf(" %s%s", node == NULL ? "?" : node->name,
		             member->id == found->self ? " (this one)"
		             : member->voter           ? ""
		                                       : " (learner)");
	}
	(void)printf("\n\n");
}

static void tell(const struct nc_config *config, const struct found *found)
{
	const struct nc_raft_status *raft = &found->raft;
	(void)printf("%s: store %s, node %s\n", config->data_dir, config->store_id,
	             config->node_id);
	(void)printf("  its log ends at entry %llu of term %llu\n", (unsigned long long)raft->last,
	             (unsigned long long)raft->last_term);
	(void)printf("  its last checkpoint has applied entry %llu, events through position %llu; "
	             "the log "
	             "comes on top of it\n",
	             (unsigned long long)raft->applied, (unsigned long long)found->head.position);
	members_tell(found);
	(void)printf(
	        "Recovering makes a new cluster of this node alone.\n"
	        "  Lost is what the others acknowledged and this node does not have: entries after "
	        "%llu.\n"
	        "  Which those are, and whether there are any, cannot be seen from here: use the "
	        "node\n"
	        "  whose log ends last.\n"
	        "  Kept is all that it has, also what was perhaps never acknowledged at the log's "
	        "end.\n"
	        "  The other nodes must not come back with the data they have: they would be "
	        "another\n"
	        "  store under the same name. Empty their data directories; they join this one.\n",
	        (unsigned long long)raft->last);
}

/* First the new cluster's id, so that none of the old one is heard any more; then the membership,
 * behind all that the log has. Interrupted between the two, the node waits for voters that cannot
 * reach it, and recovering again completes it. */
static int make(const struct nc_config *config, struct nc_store *store, const struct found *found)
{
	struct nc_cluster_record record = { .phase = NC_HELLO_MEMBER,
		                            .proposer = found->self,
		                            .node_count = 1 };
	record.nodes[0] = (struct nc_cluster_node){ .number = found->self, .founder = true };
	(void)snprintf(record.nodes[0].name, sizeof record.nodes[0].name, "%s", config->node_id);
	if (getrandom(record.cluster_id, sizeof record.cluster_id, 0) !=
	    (ssize_t)sizeof record.cluster_id)
		return NC_IO;
	int err = nc_cluster_file_write(config->data_dir, &record);
	return err != NC_OK ? err : nc_store_be_alone(store, found->self, found->raft.term);
}

int nc_recover(const struct nc_config *config, bool yes)
{
	struct nc_store store;
	struct found found = { 0 };
	bool holds = false;
	/* Opening a store makes one where there is none: a mistyped path must not come to look like
	 * a node. */
	if (nc_store_directory_holds(config->data_dir, &holds) != NC_OK || !holds) {
		nc_say_error("%s is not there, is empty, or cannot be read: there is nothing to "
		             "recover from",
		             config->data_dir);
		return NC_NOTFOUND;
	}
	int err = nc_store_open(config, &store);
	if (err != NC_OK)
		return err;
	err = find(config, &store, &found);
	if (err == NC_OK)
		tell(config, &found);
	if (err == NC_OK && yes)
		err = make(config, &store, &found);
	nc_store_close(&store);
	if (err != NC_OK) {
		nc_say_error("%s: not recovered: %s", config->data_dir, nc_err_name(err));
	} else if (yes) {
		(void)printf("\nDone. Start it as before; it leads the new cluster.\n");
	} else {
		(void)printf("\nNothing was changed. To do it: once more, with --yes.\n");
	}
	return err;
}
