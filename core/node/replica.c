/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver's life, and what comes into it: commands, frames, ticks, and what the stages are done
 * with. */
#include "core/node/replica.h"

#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "core/node/recovery.h"
#include "core/node/replica_private.h"
#include "core/node/say.h"

#define ENTRY_SIZE_MAX     (1u << 20) /* bytes gathered into one entry, about */
#define ENTRY_COMMANDS_MAX 4096u
#define TICK_MS            50u

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void nc_replica_fatal(struct nc_replica *replica, int err, const char *what)
{
	if (replica->fatal)
		return;
	replica->fatal = true;
	nc_raft_disk_failed(replica->raft);
	replica->options.on_fatal(replica->options.ctx, err, what);
}

/* ---- In: gather and propose ----------------------------------------------------------------- */

static void refuse(struct nc_replica *replica, struct nc_entry *entry, int err)
{
	for (size_t i = 0; i < entry->ticket_count; i++)
		replica->options.on_refused(replica->options.ctx, entry->tickets[i], err);
	if (entry->ticket_count > 0) {
		replica->pending_commands -= entry->ticket_count;
		replica->pending_bytes -= entry->payload.size - NC_ENTRY_HEADER_SIZE;
	}
	nc_entry_settle(entry);
}

void nc_replica_lost(void *ctx, struct nc_entry *entry)
{
	/* Retracted: certainly not written. Else another leader has replaced it: not known. */
	struct nc_replica *replica = ctx;
	refuse(replica, entry, replica->retracting ? NC_FULL : NC_CLOSED);
}

static void propose_gathered(struct nc_replica *replica)
{
	struct nc_entry *entry = replica->gathered;
	if (entry == NULL)
		return;
	int err = nc_raft_propose(replica->raft, entry->payload.size, &entry->index, &entry->term);
	if (err == NC_BUSY)
		return; /* gathers on, up to pending_bytes_max */
	replica->gathered = NULL;
	if (err == NC_OK && entry->index > replica->tail.last + 1)
		nc_assert(!"the entries before were not taken");
	if (err == NC_OK)
		err = nc_tail_put(&replica->tail, entry);
	if (err == NC_NOMEM)
		nc_replica_fatal(replica, err, "out of memory");
	if (err != NC_OK) {
		refuse(replica, entry, NC_CLOSED);
		nc_entry_free(entry);
	}
}

static int gather_begin(struct nc_replica *replica)
{
	if (replica->gathered != NULL)
		return NC_OK;
	struct nc_entry *entry = nc_entry_new(NC_LOG_COMMAND);
	if (entry == NULL)
		return NC_NOMEM;
	nc_entry_begin(&entry->payload, clock_ns(CLOCK_REALTIME));
	replica->gathered = entry;
	return NC_OK;
}

/* Room for a command of about `size` bytes. */
static int gather_room(struct nc_replica *replica, size_t size)
{
	if (replica->draining || replica->fatal)
		return NC_CLOSED;
	if (!replica->leads)
		return NC_CONFLICT;
	if (replica->full)
		return NC_FULL;
	if (replica->pending_bytes + size > replica->options.pending_bytes_max)
		return NC_BUSY;
	return gather_begin(replica);
}

static bool is_whole(const struct nc_entry *entry)
{
	return entry->payload.size >= ENTRY_SIZE_MAX || entry->ticket_count >= ENTRY_COMMANDS_MAX;
}

/* The command that was put behind `before` is whole; or it is taken back. */
static int gather_end(struct nc_replica *replica, size_t before, void *ticket)
{
	struct nc_entry *entry = replica->gathered;
	int err = nc_buf_status(&entry->payload);
	if (err == NC_OK)
		err = nc_entry_ticket_add(entry, ticket);
	if (err != NC_OK) { /* as if it had not been asked */
		entry->payload.size = before;
		entry->payload.failed = false;
		return err;
	}
	replica->pending_commands++;
	replica->pending_bytes += entry->payload.size - before;
	if (is_whole(entry)) {
		nc_replica_turn(replica); /* first what consensus has by itself: a no-op */
		propose_gathered(replica);
	}
	return NC_OK;
}

int nc_replica_append(struct nc_replica *replica, struct nc_expect expect, struct nc_slice record,
                      void *ticket)
{
	int err = gather_room(replica, record.size);
	if (err != NC_OK)
		return err;
	size_t before = replica->gathered->payload.size;
	nc_command_put_append(&replica->gathered->payload, expect, record);
	return gather_end(replica, before, ticket);
}

int nc_replica_command(struct nc_replica *replica, struct nc_slice command, void *ticket)
{
	int err = gather_room(replica, command.size);
	if (err != NC_OK)
		return err;
	size_t before = replica->gathered->payload.size;
	nc_buf_put_slice(&replica->gathered->payload, command);
	return gather_end(replica, before, ticket);
}

/* One batch waits at most for the writer, behind the one in work: what comes later is gathered, so
 * that entries are as large as the disk is slow. */
void nc_replica_flush(struct nc_replica *replica)
{
	if (replica->fatal)
		return;
	nc_replica_reads_ask(replica);
	nc_replica_turn(replica);
	if (replica->refused.first == NULL &&
	    nc_stage_waiting(nc_log_writer_stage(replica->writer)) == 0)
		propose_gathered(replica);
	nc_replica_turn(replica);
}

/* ---- In: frames ----------------------------------------------------------------------------- */

/* The log has the entry as it is to be: the same was sent before. What consensus has just put in
 * the place of another is not durable yet, be the other one in memory or, after a restart, in the
 * log alone. */
static bool has_payload(const struct nc_replica *replica, uint64_t index, uint64_t term,
                        uint64_t stable)
{
	const struct nc_entry *there = nc_tail_get(&replica->tail, index);
	return there != NULL ? there->term == term : index < replica->tail.first && index <= stable;
}

/* Payloads of what consensus took of an append. */
static int payloads_take(struct nc_replica *replica, const struct nc_raft_frame *frame)
{
	const struct nc_raft_message *message = &frame->message;
	struct nc_raft_status status;
	nc_raft_status(replica->raft, &status);
	for (uint32_t i = 0; i < message->entry_count; i++) {
		uint64_t index = message->index + 1 + i, term = 0;
		const struct nc_raft_entry *from = &message->entries[i];
		if (nc_raft_term_at(replica->raft, index, &term) != NC_OK || term != from->term ||
		    has_payload(replica, index, term, status.stable))
			continue;
		nc_tail_cut(&replica->tail, index, nc_replica_lost, replica);
		struct nc_entry *entry = nc_entry_new(from->kind);
		if (entry == NULL)
			return NC_NOMEM;
		entry->index = index;
		entry->term = term;
		nc_buf_put_slice(&entry->payload, frame->payloads[i]);
		int err = nc_buf_status(&entry->payload);
		if (err == NC_OK)
			err = nc_tail_put(&replica->tail, entry);
		if (err != NC_OK) {
			nc_entry_free(entry);
			return err;
		}
	}
	return NC_OK;
}

int nc_replica_step(struct nc_replica *replica, struct nc_slice bytes)
{
	struct nc_raft_frame frame;
	if (replica->fatal)
		return NC_OK;
	int err = nc_raft_frame_decode(bytes, &frame);
	if (err != NC_OK)
		return err == NC_NOMEM ? NC_OK : NC_INVALID; /* lost, as any may be */
	struct nc_raft_message *message = &frame.message;
	if (message->to == 0 && message->type == NC_RAFT_APPEND)
		message->to = replica->options.self; /* to all */
	if (message->to != replica->options.self || message->from == replica->options.self) {
		nc_raft_frame_release(&frame);
		return NC_OK; /* to who was here before */
	}
	nc_replica_turn(replica);
	err = nc_raft_step(replica->raft, message);
	if (err == NC_OK)
		err = payloads_take(replica, &frame);
	nc_raft_frame_release(&frame);
	if (err == NC_CORRUPT || err == NC_NOMEM)
		nc_replica_fatal(replica, err, "consensus contradicts itself");
	nc_replica_turn(replica);
	return err == NC_INVALID ? NC_INVALID : NC_OK;
}

void nc_replica_hold_log(struct nc_replica *replica, uint64_t index)
{
	nc_hold_set(&replica->hold, index, clock_ns(CLOCK_MONOTONIC) / 1000000);
}

void nc_replica_install_failed(struct nc_replica *replica)
{
	nc_raft_snapshot_failed(replica->raft);
}

void nc_replica_unreachable(struct nc_replica *replica, uint64_t id)
{
	nc_raft_unreachable(replica->raft, id);
}

/* ---- Back from the stages ---------------------------------------------------------------------
 */

/* The disk had no room. Alone: when the writer has given everything back, and not before (an older
 * entry that comes back late must not take a newer one of the same index with it), forget those
 * entries. With others: they may have been replicated; they wait for room. */
static void refused_turn(struct nc_replica *replica)
{
	if (replica->refused.first == NULL || replica->writing > 0)
		return;
	struct nc_entry *first = replica->refused.first;
	while (first != NULL && first->kind == NC_ENTRY_HARD)
		first = first->next;
	if (first != NULL && nc_raft_retract(replica->raft, first->index) == NC_OK) {
		replica->full = true; /* until measured again */
		replica->retracting = true;
		nc_tail_cut(&replica->tail, first->index, nc_replica_lost, replica);
		replica->retracting = false;
		struct nc_entry *entry;
		while ((entry = nc_entry_queue_take(&replica->refused)) != NULL)
			nc_entry_free(entry);
		return;
	}
	if (replica->full)
		return;
	replica->writing += replica->refused.count;
	nc_stage_put(nc_log_writer_stage(replica->writer), &replica->refused);
}

static void written(struct nc_replica *replica, struct nc_entry *entry)
{
	if (entry->kind == NC_ENTRY_COMPACT) {
		nc_entry_free(entry); /* a failure has been said, and is tried again */
		return;
	}
	replica->writing--;
	if (entry->err == NC_FULL) {
		replica->full = true;
		nc_entry_queue_put(&replica->refused, entry);
		return;
	}
	entry->staged = false;
	if (entry->err != NC_OK) {
		nc_replica_fatal(replica, entry->err, "the log cannot be written");
	} else if (entry->has_mark) {
		(void)nc_raft_appended(replica->raft, entry->mark);
	}
	entry->has_mark = entry->has_hard = false;
	if (entry->kind == NC_ENTRY_HARD || entry->orphan)
		nc_entry_free(entry);
}

static void take_written(struct nc_replica *replica)
{
	struct nc_entry_queue done = { 0 };
	nc_stage_take(nc_log_writer_stage(replica->writer), &done);
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(&done)) != NULL)
		written(replica, entry);
	refused_turn(replica);
}

/* Segments that followers still need are kept, up to a limit in bytes and in time. */
static uint64_t compact_through(struct nc_replica *replica, uint64_t checkpoint)
{
	struct nc_raft_status status;
	nc_raft_status(replica->raft, &status);
	uint64_t through = checkpoint;
	bool roomy = nc_log_size(replica->options.log) < replica->options.log_keep_bytes;
	for (uint32_t i = 0; roomy && i < status.peer_count; i++) {
		if (status.peers[i].match < through)
			through = status.peers[i].match;
	}
	if (roomy && status.role != NC_RAFT_LEADER && status.members.count > 1)
		through = 0; /* it may lead tomorrow */
	uint64_t now_ms = clock_ns(CLOCK_MONOTONIC) / 1000000;
	nc_ages_put(&replica->ages, checkpoint, replica->options.log_keep_ms, now_ms);
	uint64_t aged = nc_ages_through(&replica->ages, replica->options.log_keep_ms, now_ms);
	if (aged > through)
		through = aged;
	return nc_hold_limit(&replica->hold, through, &status, now_ms);
}

static void take_checkpoint(struct nc_replica *replica)
{
	int err;
	struct nc_state_applied covered;
	if (!nc_checkpointer_take(replica->checkpointer, &err, &covered))
		return;
	if (err == NC_FULL) {
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
	struct nc_entry *compact =
	        err == NC_OK && through > 0 ? nc_entry_new(NC_ENTRY_COMPACT) : NULL;
	if (compact == NULL)
		return; /* the next checkpoint asks again */
	compact->index = through;
	struct nc_entry_queue queue = { 0 };
	nc_entry_queue_put(&queue, compact);
	nc_stage_put(nc_log_writer_stage(replica->writer), &queue);
}

static void on_wake(struct nc_wake *wake)
{
	struct nc_replica *replica = wake->poll.data;
	take_written(replica);
	nc_replica_take_read(replica);
	nc_replica_turn(replica);
	nc_replica_take_applied(replica);
	nc_replica_apply(replica);
	take_checkpoint(replica);
	nc_replica_flush(replica);
}

static void wake(void *wake_ctx)
{
	nc_wake_send(wake_ctx);
}

static void leader_miss(struct nc_replica *replica)
{
	struct nc_raft_status status;
	nc_raft_status(replica->raft, &status);
	if (status.silent && replica->options.on_silent != NULL)
		replica->options.on_silent(replica->options.ctx, status.leader);
}

static void on_tick(uv_timer_t *timer)
{
	struct nc_replica *replica = timer->data;
	if (replica->fatal)
		return;
	if (nc_raft_tick(replica->raft) != NC_OK)
		nc_replica_fatal(replica, NC_NOMEM, "out of memory");
	leader_miss(replica);
	refused_turn(replica);
	nc_replica_flush(replica);
}

/* ---- Membership -------------------------------------------------------------------------------
 */

int nc_replica_transfer(struct nc_replica *replica, uint64_t id)
{
	int err = nc_raft_transfer(replica->raft, id);
	nc_replica_turn(replica);
	return err;
}

int nc_replica_add_learner(struct nc_replica *replica, uint64_t id)
{
	uint64_t index;
	nc_replica_turn(replica);
	int err = nc_raft_add_learner(replica->raft, id, &index);
	nc_replica_turn(replica);
	return err;
}

int nc_replica_promote(struct nc_replica *replica, uint64_t id)
{
	uint64_t index;
	nc_replica_turn(replica);
	int err = nc_raft_promote(replica->raft, id, &index);
	nc_replica_turn(replica);
	return err;
}

int nc_replica_remove(struct nc_replica *replica, uint64_t id)
{
	uint64_t index;
	nc_replica_turn(replica);
	int err = nc_raft_remove(replica->raft, id, &index);
	nc_replica_turn(replica);
	return err;
}

/* ---- Status, timers ---------------------------------------------------------------------------
 */

void nc_replica_set_full(struct nc_replica *replica, bool full)
{
	replica->full = full;
}

bool nc_replica_leading(const struct nc_replica *replica)
{
	return replica->leads && replica->settled_at > 0 && replica->applied >= replica->settled_at;
}

struct nc_replica_status nc_replica_status(const struct nc_replica *replica)
{
	struct nc_replica_status status = {
		.applied = replica->applied,
		.pending_commands = replica->pending_commands,
		.pending_bytes = replica->pending_bytes,
		.leading = nc_replica_leading(replica),
		.full = replica->full,
		.log_bytes = nc_log_size(replica->options.log),
		.state_bytes = nc_state_size(replica->options.state),
		.checkpoints = replica->checkpoints,
	};
	nc_raft_status(replica->raft, &status.raft);
	status.term = status.raft.term;
	status.last = status.raft.last;
	status.commit = status.raft.commit;
	return status;
}

void nc_replica_tick(struct nc_replica *replica)
{
	uint64_t now_ms = clock_ns(CLOCK_MONOTONIC) / 1000000;
	bool by_size = replica->log_appended - replica->log_bytes_at_checkpoint >=
	               replica->options.checkpoint_log_bytes;
	bool by_time = replica->applied > replica->checkpoint_applied &&
	               now_ms - replica->checkpoint_at_ms >= replica->options.checkpoint_ms;
	if (replica->fatal || replica->full || !(by_size || by_time) ||
	    nc_checkpointer_busy(replica->checkpointer))
		return;
	replica->log_bytes_at_checkpoint = replica->log_appended;
	replica->checkpoint_applied = replica->applied;
	replica->checkpoint_at_ms = now_ms;
	nc_checkpointer_ask(replica->checkpointer);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static int stages_start(struct nc_replica *replica)
{
	const struct nc_replica_options *options = &replica->options;
	int err = nc_log_writer_start(options->log, wake, &replica->wake, &replica->writer);
	if (err == NC_OK) {
		err = nc_applier_start(options->engine, options->state, wake, &replica->wake,
		                       &replica->applier);
	}
	if (err == NC_OK) {
		err = nc_checkpointer_start(options->state, wake, &replica->wake,
		                            &replica->checkpointer);
	}
	if (err == NC_OK && options->send != NULL)
		err = nc_log_reader_start(options->log, wake, &replica->wake, &replica->log_reader);
	return err;
}

static int consensus_start(struct nc_replica *replica)
{
	const struct nc_replica_options *options = &replica->options;
	struct nc_log_bounds bounds;
	int err = nc_recovery_load(options, &replica->raft);
	if (err != NC_OK)
		return err;
	nc_log_bounds(options->log, &bounds);
	nc_tail_init(&replica->tail, bounds.last);
	replica->applied = nc_state_applied(options->state).index;
	replica->apply_next = replica->applied + 1;
	replica->apply_last = replica->applied;
	return NC_OK;
}

static int handles_open(struct nc_replica *replica)
{
	replica->wake.poll.data = replica->ticker.data = replica;
	if (nc_wake_open(&replica->wake, replica->options.loop, on_wake) != NC_OK)
		return NC_IO;
	replica->handles++;
	if (uv_timer_init(replica->options.loop, &replica->ticker) != 0)
		return NC_IO;
	replica->handles++;
	return NC_OK;
}

int nc_replica_start(const struct nc_replica_options *options, struct nc_replica **replica_out)
{
	struct nc_replica *replica = calloc(1, sizeof *replica);
	if (replica == NULL)
		return NC_NOMEM;
	replica->options = *options;
	replica->checkpoint_at_ms = clock_ns(CLOCK_MONOTONIC) / 1000000;
	unsigned tick_ms = options->tick_ms == 0 ? TICK_MS : options->tick_ms;
	int err = handles_open(replica);
	if (err == NC_OK)
		err = consensus_start(replica);
	if (err == NC_OK)
		err = stages_start(replica);
	if (err == NC_OK && uv_timer_start(&replica->ticker, on_tick, tick_ms, tick_ms) != 0)
		err = NC_IO;
	if (err != NC_OK) {
		nc_replica_stop(replica);
		return err;
	}
	*replica_out = replica;
	struct nc_raft_status status;
	nc_raft_status(replica->raft, &status);
	if (status.members.count == 1 && status.members.at[0].id == options->self)
		err = nc_raft_campaign(replica->raft);
	if (err == NC_NOMEM)
		nc_replica_fatal(replica, err, "out of memory");
	nc_replica_flush(replica);
	return NC_OK;
}

void nc_replica_drain(struct nc_replica *replica)
{
	nc_replica_flush(replica);
	replica->draining = true;
}

bool nc_replica_idle(const struct nc_replica *replica)
{
	return replica->pending_commands == 0;
}

static void stages_drop(struct nc_replica *replica)
{
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(&replica->refused)) != NULL)
		nc_entry_drop(entry);
	nc_log_writer_stop(replica->writer);
	nc_applier_stop(replica->applier);
	nc_checkpointer_stop(replica->checkpointer);
	nc_log_reader_stop(replica->log_reader);
}

static void on_closed(uv_handle_t *handle)
{
	struct nc_replica *replica = handle->data;
	if (--replica->handles == 0)
		free(replica);
}

void nc_replica_stop(struct nc_replica *replica)
{
	if (replica == NULL)
		return;
	nc_replica_reads_fail(replica);
	stages_drop(replica);
	nc_entry_free(replica->gathered);
	nc_tail_release(&replica->tail);
	nc_raft_free(replica->raft);
	nc_buf_release(&replica->frame);
	if (replica->handles == 0) {
		free(replica);
		return;
	}
	bool both = replica->handles == 2;
	nc_wake_close(&replica->wake, on_closed);
	if (both)
		uv_close((uv_handle_t *)&replica->ticker, on_closed);
}
