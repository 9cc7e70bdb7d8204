/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every node knows of who else may have heard an acknowledgement that the leader keeps, and
 * answered it; and what it says of those that it has answered itself. */
#include "core/node/spread/spread_private.h"

void nc_spread_note_lives(struct nc_spread *spread, uint64_t now_ns)
{
	const struct nc_replica_status status = nc_replica_status(spread->service->replica);
	const struct nc_raft_members *members = &status.raft.members;
	for (uint32_t i = 0; i < members->count; i++) {
		uint64_t number = members->at[i].id;
		const struct nc_peer_node *node = nc_gate_node(nc_peer_gate(spread->peer), number);
		if (number == spread->self || node == NULL)
			continue;
		bool left = spread->leads && nc_placement_leaves(&spread->placement, number);
		const struct nc_life life = { .who = { number, node->epoch },
			                      .heard_ns = node->heard_ms * UINT64_C(1000000),
			                      .closed_ns = node->closed_ms * UINT64_C(1000000),
			                      .left_ns = left ? now_ns : 0 };
		nc_lives_note(&spread->lives, &life);
		if (status.raft.leader == number)
			nc_pasts_led(&spread->pasts, life.who, status.term, now_ns);
	}
}

void nc_spread_await_lives(struct nc_spread *spread, uint64_t now_ns)
{
	const struct nc_replica_status status = nc_replica_status(spread->service->replica);
	nc_spread_note_lives(spread, now_ns);
	for (uint32_t i = 0; i < status.raft.members.count; i++) {
		uint64_t number = status.raft.members.at[i].id;
		if (number != spread->self)
			nc_lives_await(&spread->lives, number, now_ns);
	}
}

void nc_spread_note_past(struct nc_spread *spread, const struct nc_spread_row *row)
{
	if (row->owner.number != 0 && row->owner.number != spread->self)
		nc_pasts_note(&spread->pasts, nc_slice_str(row->name), row->owner, nc_clock_ns());
}

void nc_spread_take_answered(struct nc_spread *spread, uint64_t from, uint64_t call,
                             const struct nc_spread_call *asked)
{
	struct nc_slice hashes = asked->body;
	uint64_t now_ns = nc_clock_ns();
	nc_buf_clear(&spread->body);
	for (size_t i = 0; i + 8 <= hashes.size; i += 8) {
		uint64_t hash = nc_get_u64(hashes.data + i);
		nc_buf_put_u8(&spread->body,
		              nc_subs_has_answered(spread->service->subs, hash, now_ns) ? 1 : 0);
	}
	int err = nc_buf_status(&spread->body);
	struct nc_slice body = err == NC_OK ? nc_buf_slice(&spread->body) : nc_slice(NULL, 0);
	if (err == NC_OK && spread->applied < asked->applied && !nc_spread_is_given_up(spread))
		/* a node that is behind may still accept some, unless it is leaving */
		err = NC_NOTFOUND;
	(void)nc_peer_reply(spread->peer, from, call, err, body);
}
