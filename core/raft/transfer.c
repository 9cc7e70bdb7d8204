/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Handing leadership over [3.10]: bring the other up to date, then tell it to stand at once. */
#include "core/raft/raft_private.h"

int nc_raft_transfer(struct nc_raft *raft, uint64_t id)
{
	if (raft->role != NC_RAFT_LEADER)
		return NC_CONFLICT;
	struct nc_raft_peer *peer = nc_raft_peer(raft, id);
	if (peer == NULL || !peer->voter || id == raft->options.self)
		return NC_NOTFOUND;
	if (raft->transferee != 0)
		return raft->transferee == id ? NC_OK : NC_BUSY;
	raft->transferee = id;
	raft->election_elapsed = 0; /* that long, then it is given up */
	nc_raft_append_to(raft, peer);
	nc_raft_transfer_go_on(raft, peer);
	return NC_OK;
}

void nc_raft_transfer_go_on(struct nc_raft *raft, const struct nc_raft_peer *peer)
{
	if (raft->transferee != peer->id)
		return;
	if (peer->match == raft->trail.last || NC_MUTANT(TRANSFER_BEFORE_CAUGHT_UP)) {
		nc_raft_send(raft, (struct nc_raft_message){ .type = NC_RAFT_TIMEOUT_NOW,
		                                             .to = peer->id });
	}
}
