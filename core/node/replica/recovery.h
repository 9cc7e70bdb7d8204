/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recovery.h -- consensus as it was before the stop: from the log, and from what the state says of
 * the members. */
#ifndef NC_CORE_NODE_REPLICA_RECOVERY_H
#define NC_CORE_NODE_REPLICA_RECOVERY_H

#include "core/node/replica/replica.h"

/* The key in NC_SPACE_META of the members that are in force where the state is. */
#define NC_MEMBERS_KEY NC_SLICE("members")

/* A new nc_raft that has loaded everything in the log. Entries that the state has not applied yet
 * come out of it once they are known to be committed. Errors: NC_CORRUPT, log and state do not fit
 * together (said on stderr); those of log and state; NC_NOMEM. */
int nc_recovery_load(const struct nc_replica_options *options, struct nc_raft **raft_out);

#endif
