/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Back from the log's writer and the checkpointer: what is durable, what had no room, and what of
 * the log is needed no more. */
#include "core/base/assert.h"
#include "core/node/common/say.h"
#include "core/node/replica/replica_private.h"

/* ---- Written -------------------------------------------------------------------------------- */

/* The disk had no room. A node alone forgets these entries and refuses their requests. With other
 * nodes they may have been replicated, and wait for room. */
void nc_replica_refused_turn(struct nc_replica *replica)
{
	uint64_t index;
	struct nc_entry_queue go = { 0 };
	if (nc_orders_forget(&replica->orders, replica->raft, &index)) {
		replica->retracting = true;
		nc_tail_cut(&replica->tail, index, nc_replica_lost, replica);
		replica->retracting = false;
		nc_orders_clear(&replica->orders, nc_entry_free);
	}
	nc_orders_retry(&replica->orders, &go, nc_entry_drop);
	if (go.first != NULL)
		nc_stage_put(nc_log_writer_stage(replica->writer), &go);
}

bool nc_replica_send_writer(struct nc_replica *replica, uint8_t kind, uint64_t index)
{
	struct nc_entry_queue queue = { 0 };
	struct nc_entry *errand = nc_entry_new(kind);
	if (errand == NULL)
		return false;
	errand->index = index;
	nc_entry_queue_put(&queue, errand);
	nc_stage_put(nc_log_writer_stage(replica->writer), &queue);
	return true;
}

static void written(struct nc_replica *replica, struct nc_entry *entry)
{
	if (entry->kind == NC_ENTRY_COMPACT || entry->kind == NC_ENTRY_TRUST) {
		nc_entry_free(entry); /* a failure was logged; compaction will be tried again */
		return;
	}
	if (entry->err == NC_FULL)
		replica->room.checkpoint_fits = false; /* until it is measured anew */
	if (!nc_orders_back(&replica->orders, entry))
		return;
	nc_assert(!entry->applied || !entry->orphan);
	entry->staged = entry->at_once = false;
	if (entry->err != NC_OK) {
		nc_replica_fatal(replica, entry->err, "the log cannot be written");
	} else if (entry->has_mark) {
		(void)nc_raft_appended(replica->raft, entry->mark);
	}
	entry->has_mark = entry->has_hard = false;
	if (entry->kind == NC_ENTRY_HARD || entry->orphan)
		nc_entry_free(entry);
}

/* A follower that catches up writes its log faster than it applies it. What is durable need not
 * wait in memory for that: it is read again when its turn comes. */
static void tail_shorten(struct nc_replica *replica)
{
	struct nc_raft_status status;
	if (replica->tail.size <= replica->options.tail_bytes_max)
		return;
	nc_raft_status(replica->raft, &status);
	nc_tail_evict(&replica->tail, status.stable, replica->options.tail_bytes_max);
}

void nc_replica_take_written(struct nc_replica *replica)
{
	struct nc_entry_queue done = { 0 };
	nc_stage_take(nc_log_writer_stage(replica->writer), &done);
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(&done)) != NULL)
		written(replica, entry);
	tail_shorten(replica);
	nc_replica_refused_turn(replica);
}

/* ---- Checkpointed --------------------------------------------------------------------------- */

/* How far the log may be compacted: segments that followers still need are kept, up to a limit in
 * bytes and in time, and while there is room. They can have the state instead. */
static uint64_t compact_through(struct nc_replica *replica, uint64_t checkpoint)
{
	struct nc_raft_status status;
	nc_raft_status(replica->raft, &status);
	uint64_t through = checkpoint;
	bool roomy = !replica->orders.full &&
	             nc_log_size(replica->options.log) < replica->options.log_keep_bytes;
	for (uint32_t i = 0; roomy && i < status.peer_count; i++) {
		if (status.peers[i].match < through)
			through = status.peers[i].match;
	}
	if (roomy && status.role != NC_RAFT_LEADER && status.members.count > 1)
		through = 0; /* a follower keeps them too, for it may come to lead */
	uint64_t now_ms = nc_clock_ms();
	nc_ages_put(&replica->ages, checkpoint, replica->options.log_keep_ms, now_ms);
	uint64_t aged = nc_ages_through(&replica->ages, replica->options.log_keep_ms, now_ms);
	if (aged > through)
		through = aged;
	return nc_hold_limit(&replica->hold, through, &status, now_ms);
}

void nc_replica_take_checkpoint(struct nc_replica *replica)
{
	int err;
	struct nc_state_applied covered;
	if (!nc_checkpointer_take(replica->checkpointer, &err, &covered))
		return;
	nc_replica_room_checkpoint_ends(replica, err == NC_OK);
	if (err == NC_FULL && nc_state_waits(replica->options.state)) {
		nc_say_warning("checkpoint: no room on the disk; tried again later");
		return;
	}
	if (err != NC_OK) {
		nc_replica_fatal(replica, err, "the state cannot be checkpointed");
		return;
	}
	replica->checkpoints++;
	uint64_t through = 0;
	err = nc_raft_snapshot_taken(replica->raft, covered.index);
	if (err == NC_OK) {
		err = nc_raft_compact(replica->raft, compact_through(replica, covered.index),
		                      &through);
	}
	if (err == NC_OK && through > 0) /* without memory the next checkpoint asks again */
		(void)nc_replica_send_writer(replica, NC_ENTRY_COMPACT, through);
}

void nc_replica_tick(struct nc_replica *replica)
{
	uint64_t now_ms = nc_clock_ms();
	bool by_size = replica->log_appended - replica->log_bytes_at_checkpoint >=
	               replica->options.checkpoint_log_bytes;
	bool by_time = replica->applied > replica->checkpoint_applied &&
	               now_ms - replica->checkpoint_at_ms >= replica->options.checkpoint_ms;
	bool due = by_size || by_time || nc_replica_room_is_needed(replica);
	if (replica->fatal || !due || !replica->room.checkpoint_fits ||
	    nc_checkpointer_busy(replica->checkpointer))
		return;
	nc_replica_room_checkpoint_begins(replica);
	replica->log_bytes_at_checkpoint = replica->log_appended;
	replica->checkpoint_applied = replica->applied;
	replica->checkpoint_at_ms = now_ms;
	nc_checkpointer_ask(replica->checkpointer);
}
