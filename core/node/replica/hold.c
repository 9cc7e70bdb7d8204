/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Holding the log for who fetches a state. */
#include "core/node/replica/hold.h"

void nc_hold_set(struct nc_hold *hold, uint64_t index, uint64_t now_ms)
{
	if (index > 0) {
		*hold = (struct nc_hold){ .index = index };
	} else if (hold->index > 0 && hold->until_ms == 0) {
		hold->until_ms = now_ms + NC_HOLD_MS;
	}
}

/* The smallest match of any peer that is at or after the state. While a peer starts again with the
 * state, the leader still has its old match. */
static uint64_t least_match(const struct nc_hold *hold, const struct nc_raft_status *status)
{
	uint64_t least = UINT64_MAX;
	for (uint32_t i = 0; i < status->peer_count; i++) {
		const struct nc_raft_peer_status *peer = &status->peers[i];
		uint64_t match = peer->match > hold->index ? peer->match : hold->index;
		if (peer->id != status->self && match < least)
			least = match;
	}
	return least;
}

uint64_t nc_hold_limit(struct nc_hold *hold, uint64_t through, const struct nc_raft_status *status,
                       uint64_t now_ms)
{
	if (hold->index == 0)
		return through;
	uint64_t limit = hold->until_ms == 0 ? hold->index : least_match(hold, status);
	if (hold->until_ms > 0 && (limit >= through || now_ms >= hold->until_ms)) {
		*hold = (struct nc_hold){ 0 };
		return through;
	}
	return limit < through ? limit : through;
}
