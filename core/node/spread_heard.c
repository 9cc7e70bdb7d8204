/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who else may have heard an acknowledgement that the leader keeps, and answered it: who runs the
 * subscription, who ran it a while ago and may not have known yet that it does not, and who led a
 * while ago. */
#include <stdlib.h>

#include "core/node/spread_private.h"

#define PASTS_MAX 1024u

/* A subscription that somebody had. */
struct nc_spread_past {
	uint64_t name; /* its hash */
	struct nc_sub_owner owner;
	uint64_t until_ns;
};

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
			spread->led = life.who;
	}
}

void nc_spread_note_past(struct nc_spread *spread, const struct nc_spread_row *row)
{
	uint64_t now_ns = nc_subs_now_ns();
	if (row->owner.number == 0 || row->owner.number == spread->self)
		return;
	if (spread->pasts == NULL)
		spread->pasts = calloc(PASTS_MAX, sizeof *spread->pasts);
	if (spread->pasts == NULL) {
		spread->past_lost_ns = now_ns;
		return;
	}
	struct nc_spread_past *past = &spread->pasts[spread->past_count++ % PASTS_MAX];
	if (past->until_ns > 0 && now_ns - past->until_ns <= NC_PLACEMENT_GONE_NS)
		spread->past_lost_ns = now_ns;
	*past = (struct nc_spread_past){ nc_hash_bytes(nc_slice_str(row->name)), row->owner,
		                         now_ns };
}

void nc_spread_pasts_free(struct nc_spread *spread)
{
	free(spread->pasts);
	spread->pasts = NULL;
}

/* Nobody answers for what was taken from him longer ago than that. */
static bool is_late(uint64_t until_ns, uint64_t arrived_ns)
{
	return until_ns == 0 || until_ns + NC_PLACEMENT_GONE_NS < arrived_ns;
}

bool nc_spread_hearers(const struct nc_spread *spread, struct nc_slice name, uint64_t arrived_ns,
                       struct nc_sub_owner hearers[NC_SPREAD_HEARERS_MAX], size_t *count)
{
	uint64_t hash = nc_hash_bytes(name);
	if (!is_late(spread->past_lost_ns, arrived_ns))
		return false;
	if (spread->led.number != 0 && !is_late(spread->lead_ns, arrived_ns))
		hearers[(*count)++] = spread->led;
	for (size_t i = 0; spread->pasts != NULL && i < PASTS_MAX; i++) {
		const struct nc_spread_past *past = &spread->pasts[i];
		if (past->name != hash || is_late(past->until_ns, arrived_ns))
			continue;
		if (*count == NC_SPREAD_HEARERS_MAX)
			return false;
		hearers[(*count)++] = past->owner;
	}
	return true;
}

/* What of it this node has answered. */
void nc_spread_take_answered(struct nc_spread *spread, uint64_t from, uint64_t call,
                             const struct nc_spread_call *asked)
{
	struct nc_slice hashes = asked->body;
	nc_buf_clear(&spread->body);
	for (size_t i = 0; i + 8 <= hashes.size; i += 8) {
		uint64_t hash = nc_get_u64(hashes.data + i);
		nc_buf_put_u8(&spread->body,
		              nc_subs_has_answered(spread->service->subs, hash) ? 1 : 0);
	}
	int err = nc_buf_status(&spread->body);
	struct nc_slice body = err == NC_OK ? nc_buf_slice(&spread->body) : nc_slice(NULL, 0);
	if (err == NC_OK && spread->applied < asked->applied && !nc_spread_is_given_up(spread))
		err = NC_NOTFOUND; /* who is behind may still take some, unless it takes none */
	(void)nc_peer_reply(spread->peer, from, call, err, body);
}
