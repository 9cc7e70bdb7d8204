/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries to followers: probing for where their logs match, then a pipeline with limits
 * [3.5, 10.2.1]. */
#include "core/raft/raft_private.h"

/* ---- A peer's progress ----------------------------------------------------------------------- */

static void flight_clear(struct nc_raft_peer *peer)
{
	peer->flight_first = peer->flight_count = 0;
	peer->flight_bytes = 0;
}

void nc_raft_peer_turn(struct nc_raft_peer *peer, enum nc_raft_peer_state state)
{
	peer->state = (uint8_t)state;
	peer->paused = peer->reading = false;
	peer->snapshot_index = 0;
	flight_clear(peer);
}

static void to_probe(struct nc_raft_peer *peer)
{
	peer->next = peer->match + 1;
	nc_raft_peer_turn(peer, NC_RAFT_PROBE);
}

static void flight_add(struct nc_raft_peer *peer, uint64_t last, uint64_t bytes)
{
	nc_assert(peer->flight_count < NC_RAFT_INFLIGHT_MAX);
	uint32_t at = (peer->flight_first + peer->flight_count++) % NC_RAFT_INFLIGHT_MAX;
	peer->flight[at] = (struct nc_raft_flight){ last, bytes };
	peer->flight_bytes += bytes;
}

static void flight_free_first(struct nc_raft_peer *peer)
{
	peer->flight_bytes -= peer->flight[peer->flight_first].bytes;
	peer->flight_first = (peer->flight_first + 1) % NC_RAFT_INFLIGHT_MAX;
	peer->flight_count--;
}

static void flight_free_through(struct nc_raft_peer *peer, uint64_t index)
{
	if (NC_MUTANT(INFLIGHT_NEVER_FREED))
		return;
	while (peer->flight_count > 0 && peer->flight[peer->flight_first].last <= index)
		flight_free_first(peer);
}

/* Nobody waits for entries that are committed already, and there may be gigabytes of them. They
 * must not hold up heartbeats, and entries that others wait for. */
static uint64_t flight_bytes_max(const struct nc_raft *raft, const struct nc_raft_peer *peer)
{
	return peer->next <= raft->commit ? raft->options.inflight_bytes_behind_max
	                                  : raft->options.inflight_bytes_max;
}

static bool flight_full(const struct nc_raft *raft, const struct nc_raft_peer *peer)
{
	return peer->state == NC_RAFT_REPLICATE &&
	       (peer->flight_count >= raft->options.inflight_max ||
	        peer->flight_bytes >= flight_bytes_max(raft, peer));
}

static bool may_send(const struct nc_raft_peer *peer)
{
	return !peer->reading && peer->state != NC_RAFT_SENDING &&
	       (peer->state != NC_RAFT_PROBE || !peer->paused);
}

/* ---- Sending --------------------------------------------------------------------------------- */

struct portion {
	uint32_t count;
	uint64_t bytes;
	bool partial; /* bytes are not known */
};

static struct portion next_portion(const struct nc_raft *raft, const struct nc_raft_peer *peer)
{
	struct portion portion = { 0 };
	uint64_t left = raft->trail.last + 1 - peer->next;
	uint32_t max = raft->options.append_entries_max;
	if (left < max)
		max = (uint32_t)left;
	if (left > 0 && peer->next < raft->trail.sized_first) {
		portion.count = max;
		portion.partial = true;
		return portion;
	}
	for (; portion.count < max; portion.count++) {
		uint32_t size = nc_trail_size(&raft->trail, peer->next + portion.count);
		if (portion.count > 0 && portion.bytes + size > raft->options.append_bytes_max)
			break;
		portion.bytes += size;
	}
	return portion;
}

/* The peer was sent `count` entries. */
static void went_out(struct nc_raft_peer *peer, uint64_t count, uint64_t bytes)
{
	if (peer->state == NC_RAFT_PROBE) {
		peer->paused = true;
	} else if (count > 0) {
		peer->next += count;
		flight_add(peer, peer->next - 1, bytes);
	}
}

enum send {
	SEND_NEWS,  /* an append without entries only if it says something new */
	SEND_ALWAYS /* even if no more may be in flight: its answer shows whether any was lost */
};

/* Send what comes next, if it may leave. True: more may follow. */
static bool send_next(struct nc_raft *raft, struct nc_raft_peer *peer, enum send how)
{
	bool full = flight_full(raft, peer);
	if (!may_send(peer) || (full && how == SEND_NEWS))
		return false;
	uint64_t prev = peer->next - 1, prev_term = 0;
	if (!nc_trail_term(&raft->trail, prev, &prev_term)) {
		nc_raft_snapshot_offer(raft, peer);
		return false;
	}
	struct portion portion = { 0 };
	if (!full)
		portion = next_portion(raft, peer);
	if (portion.count == 0 && how == SEND_NEWS && peer->commit_sent >= raft->commit)
		return false;
	nc_raft_send(raft, (struct nc_raft_message){
	                           .type = NC_RAFT_APPEND,
	                           .to = peer->id,
	                           .index = prev,
	                           .log_term = prev_term,
	                           .commit = raft->commit,
	                           .entry_count = portion.count,
	                           .partial = portion.partial,
	                           .size_max = portion.partial ? raft->options.append_bytes_max : 0,
	                   });
	peer->commit_sent = raft->commit;
	if (portion.partial) {
		peer->reading = true;
		peer->reading_prev = prev;
		peer->reading_last = prev + portion.count;
		return false;
	}
	went_out(peer, portion.count, portion.bytes);
	return portion.count > 0;
}

void nc_raft_append_to(struct nc_raft *raft, struct nc_raft_peer *peer)
{
	if (send_next(raft, peer, SEND_ALWAYS))
		nc_raft_replicate_to(raft, peer);
}

void nc_raft_replicate_to(struct nc_raft *raft, struct nc_raft_peer *peer)
{
	while (send_next(raft, peer, SEND_NEWS))
		;
}

void nc_raft_replicate(struct nc_raft *raft)
{
	for (uint32_t i = 0; i < raft->peer_count; i++) {
		if (raft->peers[i].id != raft->options.self)
			nc_raft_replicate_to(raft, &raft->peers[i]);
	}
}

int nc_raft_sent(struct nc_raft *raft, uint64_t id, uint64_t prev, uint64_t last, uint64_t bytes)
{
	struct nc_raft_peer *peer = nc_raft_peer(raft, id);
	if (peer == NULL || !peer->reading || peer->reading_prev != prev)
		return NC_OK; /* things have changed meanwhile */
	if (last < prev || last > peer->reading_last)
		return NC_INVALID;
	peer->reading = false;
	if (last == prev)
		return NC_OK;
	if (peer->next - 1 == prev) /* it has not told us meanwhile that it has them */
		went_out(peer, last - prev, bytes);
	nc_raft_replicate_to(raft, peer);
	return NC_OK;
}

void nc_raft_unreachable(struct nc_raft *raft, uint64_t id)
{
	struct nc_raft_peer *peer = nc_raft_peer(raft, id);
	if (id != 0 && id == raft->leader)
		nc_raft_leader_gone(raft);
	if (peer != NULL && id != raft->options.self && peer->state == NC_RAFT_REPLICATE)
		to_probe(peer);
}

void nc_raft_snapshot_status(struct nc_raft *raft, uint64_t id)
{
	struct nc_raft_peer *peer = nc_raft_peer(raft, id);
	if (peer != NULL && peer->state == NC_RAFT_SENDING) {
		to_probe(peer);
		peer->paused = true; /* until it is heard of again */
	}
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* The follower does not have the entry before. Its hint is its last entry with a term not above the
 * one asked about. The next to try is this log's last entry with a term not above the hint's: so
 * each round rules out a term. */
static void refused(struct nc_raft *raft, struct nc_raft_peer *peer,
                    const struct nc_raft_message *message)
{
	if (message->index <= peer->match)
		return; /* stale */
	if (peer->state == NC_RAFT_REPLICATE) {
		to_probe(peer);
	} else {
		if (peer->state != NC_RAFT_PROBE || peer->next - 1 != message->index)
			return; /* stale */
		uint64_t term = 0;
		uint64_t try =
		        nc_trail_may_match(&raft->trail, message->hint, message->log_term, &term);
		if (try >= message->index)
			try = message->index - 1;
		peer->next = try < peer->match ? peer->match + 1 : try + 1;
		nc_raft_peer_turn(peer, NC_RAFT_PROBE);
	}
	nc_raft_append_to(raft, peer);
}

static void matched(struct nc_raft *raft, struct nc_raft_peer *peer, uint64_t index)
{
	bool was_full = peer->state != NC_RAFT_REPLICATE || flight_full(raft, peer);
	bool grew = index > peer->match;
	if (grew)
		peer->match = index;
	if (peer->next <= index)
		peer->next = index + 1;
	uint64_t term = 0;
	if (peer->state == NC_RAFT_REPLICATE) {
		flight_free_through(peer, index);
	} else if (peer->state == NC_RAFT_PROBE ||
	           nc_trail_term(&raft->trail, peer->match, &term)) {
		peer->next = peer->match + 1;
		nc_raft_peer_turn(peer, NC_RAFT_REPLICATE);
	} else if (peer->match >= peer->snapshot_index) {
		to_probe(peer); /* what follows the snapshot is gone too: another one */
	}
	if (grew)
		nc_raft_maybe_commit(raft);
	if (raft->role != NC_RAFT_LEADER)
		return;
	if (was_full || grew)
		nc_raft_replicate_to(raft, peer);
	nc_raft_transfer_go_on(raft, peer);
}

void nc_raft_append_answered(struct nc_raft *raft, const struct nc_raft_message *message)
{
	struct nc_raft_peer *peer = nc_raft_peer(raft, message->from);
	if (peer == NULL)
		return;
	peer->active = true;
	if (message->reject && !NC_MUTANT(REJECT_IS_ACK)) {
		if (message->index > 0)
			refused(raft, peer, message);
	} else if (message->index <= raft->trail.last) {
		matched(raft, peer, message->index);
	}
}

/* A peer that was offered a snapshot is not installing it: the offer was lost, the installation
 * failed, or it is done and the peer has started again with it. Assume the last first: a refusal
 * costs one message, a second snapshot all its bytes, and what follows the first one may be gone by
 * then. */
static void snapshot_over(struct nc_raft_peer *peer)
{
	uint64_t behind = peer->snapshot_index + 1;
	to_probe(peer);
	if (peer->next < behind)
		peer->next = behind;
}

void nc_raft_heartbeat_answered(struct nc_raft *raft, const struct nc_raft_message *message)
{
	struct nc_raft_peer *peer = nc_raft_peer(raft, message->from);
	if (peer == NULL)
		return;
	peer->active = true;
	peer->paused = false;
	if (peer->state == NC_RAFT_SENDING && message->index == 0)
		snapshot_over(peer);
	if (peer->match < raft->trail.last || peer->state == NC_RAFT_PROBE ||
	    peer->commit_sent < raft->commit)
		nc_raft_append_to(raft, peer);
	uint64_t *ack = message->force && !NC_MUTANT(DOUBT_COUNTS) ? &peer->read_ack_doubt
	                                                           : &peer->read_ack;
	if (message->context > *ack && message->context <= raft->read_round)
		*ack = message->context;
	if (NC_MUTANT(READ_ANY_ACK))
		peer->read_ack = raft->read_round;
	nc_raft_reads_confirm(raft);
}
