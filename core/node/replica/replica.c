/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver's life, and what comes into it: frames, ticks, wakes. */
#include "core/node/replica/replica.h"

#include <stdlib.h>

#include "core/node/replica/recovery.h"
#include "core/node/replica/replica_private.h"

#define TICK_MS 50u

void nc_replica_fatal(struct nc_replica *replica, int err, const char *what)
{
	if (replica->fatal)
		return;
	replica->fatal = true;
	nc_raft_disk_failed(replica->raft);
	replica->options.on_fatal(replica->options.ctx, err, what);
}

/* ---- In: frames ----------------------------------------------------------------------------- */

/* Whether the log already has this very entry, because it was sent before. An entry that has just
 * replaced another is not durable yet, wherever the old one is: in memory, or, after a restart, in
 * the log alone. */
static bool has_payload(const struct nc_replica *replica, uint64_t index, uint64_t term,
                        uint64_t stable)
{
	const struct nc_entry *there = nc_tail_get(&replica->tail, index);
	return there != NULL ? there->term == term : index < replica->tail.first && index <= stable;
}

/* Keep the payloads of the entries that consensus took from an append. */
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
		return err == NC_NOMEM ? NC_OK : NC_INVALID; /* it is lost, as any message may be */
	struct nc_raft_message *message = &frame.message;
	if (message->to == 0 && message->type == NC_RAFT_APPEND)
		message->to = replica->options.self; /* to all */
	if (message->to != replica->options.self || message->from == replica->options.self) {
		nc_raft_frame_release(&frame);
		return NC_OK; /* it is for an earlier node of this place */
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
	nc_hold_set(&replica->hold, index, nc_clock_ms());
}

void nc_replica_install_failed(struct nc_replica *replica)
{
	nc_raft_snapshot_failed(replica->raft);
}

void nc_replica_unreachable(struct nc_replica *replica, uint64_t id)
{
	nc_raft_unreachable(replica->raft, id);
}

/* ---- Ticks, and what the stages are done with ----------------------------------------------- */

static void on_wake(struct nc_wake *wake)
{
	struct nc_replica *replica = wake->poll.data;
	nc_replica_take_written(replica);
	nc_replica_take_read(replica);
	nc_replica_turn(replica);
	nc_replica_take_applied(replica);
	nc_replica_apply(replica);
	nc_replica_take_checkpoint(replica);
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
	nc_replica_refused_turn(replica);
	nc_replica_flush(replica);
}

/* ---- Membership ----------------------------------------------------------------------------- */

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

/* ---- Status --------------------------------------------------------------------------------- */

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
		.full = replica->orders.full,
		.lacks_room = replica->applier != NULL && nc_applier_lacks_room(replica->applier),
		.log_bytes = nc_log_size(replica->options.log),
		.checkpoints = replica->checkpoints,
	};
	nc_raft_status(replica->raft, &status.raft);
	status.term = status.raft.term;
	status.last = status.raft.last;
	status.commit = status.raft.commit;
	bool alone = status.leading && status.raft.members.count == 1;
	status.due = alone ? status.last : status.commit;
	return status;
}

uint64_t nc_replica_state_bytes(const struct nc_replica *replica)
{
	return nc_state_size(replica->options.state);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static int stages_start(struct nc_replica *replica)
{
	const struct nc_replica_options *options = &replica->options;
	int err = nc_applier_start(options->engine, options->state, wake, &replica->wake,
	                           &replica->applier);
	if (err == NC_OK) {
		err = nc_log_writer_start(options->log, replica->applier, wake, &replica->wake,
		                          &replica->writer);
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
	nc_replica_room_start(replica);
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
	replica->doubtful = options->doubtful;
	replica->checkpoint_at_ms = nc_clock_ms();
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

static void stages_drop(struct nc_replica *replica)
{
	nc_orders_clear(&replica->orders, nc_entry_drop);
	nc_log_writer_stop(replica->writer);
	nc_applier_stop(replica->applier);
	replica->applier = NULL; /* who is told below that it ends may ask how it is */
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
	replica->fatal = true; /* who hears of it below gets nothing more taken up */
	stages_drop(replica);
	nc_replica_give_up(replica);
	nc_replica_reads_fail(replica);
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
