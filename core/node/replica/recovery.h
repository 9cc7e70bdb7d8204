/* SPDX-License-Identifier: GPL-3.0-or-later */
/* recovery.h -- consensus as it was before the stop: from the log, and from what the state says of
 * the members. */
#ifndef NC_CORE_NODE_REPLICA_RECOVERY_H
#define NC_CORE_NODE_REPLICA_RECOVERY_H

#include "core/node/replica/replica.h"

/* Where the applier keeps the members that were in force where the state is: in NC_SPACE_META. */
#define NC_MEMBERS_KEY NC_SLICE("members")

/* A new nc_raft with everything that the log holds loaded; what the state has not applied yet comes
 * out of it as soon as it is known to be committed. Errors: NC_CORRUPT, log and state do not fit
 * together (said on stderr); those of log and state; NC_NOMEM. */
int nc_recovery_load(const struct nc_replica_options *options, struct nc_raft **raft_out);

#endif
