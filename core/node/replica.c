/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The driver: a Ready cycle between the loop and the stages. */
#include "core/node/replica.h"

#include <stdlib.h>
#include <time.h>

#include "core/base/assert.h"
#include "core/node/applier.h"
#include "core/node/checkpointer.h"
#include "core/node/log_writer.h"
#include "core/node/recovery.h"
#include "core/node/say.h"
#include "core/node/solo.h"

#define ENTRY_SIZE_MAX     (1u << 20) /* bytes gathered into one entry, about */
#define ENTRY_COMMANDS_MAX 4096u

struct nc_replica {
	struct nc_replica_options options;
	struct nc_solo solo;
	struct nc_log_writer *writer;
	struct nc_applier *applier;
	struct nc_checkpointer *checkpointer;
	uv_async_t wake;
	struct nc_entry *gathered;      /* NULL: nothing */
	struct nc_entry_queue proposed; /* given an index, not yet handed to the writer */
	struct nc_entry_queue stored;   /* durable, not yet committed */
	struct nc_entry_queue refused;  /* not written for lack of room; waiting for the rest */
	size_t writing;                 /* entries at the writer */
	uint64_t applied;
	uint64_t pending_commands, pending_bytes;
	struct nc_replica_wait *wait_first, *wait_last;
	bool full, draining, fatal;
	uint64_t log_bytes_at_checkpoint, checkpoint_applied, checkpoint_at_ms, checkpoints;
	uint64_t log_appended; /* bytes, since the start */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;
	(void)clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void fatal(struct nc_replica *replica, int err, const char *what)
{
	if (replica->fatal)
		return;
	replica->fatal = true;
	replica->options.on_fatal(replica->options.ctx, err, what);
}

/* ---- In: gather and propose ----------------------------------------------------------------- */

static void propose_gathered(struct nc_replica *replica)
{
	struct nc_entry *entry = replica->gathered;
	if (entry == NULL)
		return;
	replica->gathered = NULL;
	entry->index = nc_solo_propose(&replica->solo);
	entry->term = replica->solo.hard.term;
	nc_entry_queue_put(&replica->proposed, entry);
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
	if (replica->full)
		return NC_FULL;
	if (replica->pending_bytes + size > replica->options.pending_bytes_max)
		return NC_BUSY;
	return gather_begin(replica);
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
	if (entry->payload.size >= ENTRY_SIZE_MAX || entry->ticket_count >= ENTRY_COMMANDS_MAX)
		propose_gathered(replica);
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

/* Hand to the writer what the Ready names. One batch waits at most, behind the one in work: what
 * comes later is gathered, so that entries are as large as the disk is slow. */
void nc_replica_flush(struct nc_replica *replica)
{
	if (replica->fatal || replica->refused.first != NULL ||
	    nc_stage_waiting(nc_log_writer_stage(replica->writer)) > 0)
		return;
	propose_gathered(replica);
	struct nc_solo_ready ready = nc_solo_ready(&replica->solo);
	if (ready.first > ready.last) {
		nc_assert(!ready.hard_changed); /* comes with the own-term entry */
		return;
	}
	nc_assert(replica->proposed.first->index == ready.first &&
	          replica->proposed.last->index == ready.last);
	replica->proposed.first->has_hard = ready.hard_changed;
	replica->proposed.first->hard = ready.hard;
	replica->writing += replica->proposed.count;
	for (struct nc_entry *entry = replica->proposed.first; entry != NULL; entry = entry->next)
		replica->log_appended += entry->payload.size;
	nc_stage_put(nc_log_writer_stage(replica->writer), &replica->proposed);
}

/* ---- Out: stored, committed, applied -------------------------------------------------------- */

static void commands_done(struct nc_replica *replica, const struct nc_entry *entry)
{
	replica->pending_commands -= entry->ticket_count;
	if (entry->kind == NC_LOG_COMMAND)
		replica->pending_bytes -= entry->payload.size - NC_ENTRY_HEADER_SIZE;
}

/* The disk had no room: when the writer has given everything back, and not before (an older entry
 * that comes back late must not take a newer one of the same index with it), forget those entries.
 */
static void retract_refused(struct nc_replica *replica)
{
	if (replica->refused.first == NULL || replica->writing > 0)
		return;
	nc_entry_queue_move(&replica->refused, &replica->proposed);
	nc_solo_retract(&replica->solo, replica->refused.first->index);
	replica->full = true; /* until measured again */
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(&replica->refused)) != NULL) {
		if (entry->has_hard)
			replica->solo.hard_changed = true;
		if (entry->index == replica->solo.first_own) {
			fatal(replica, NC_FULL, "no room on the disk to start");
		}
		for (size_t i = 0; i < entry->ticket_count; i++)
			replica->options.on_refused(replica->options.ctx, entry->tickets[i],
			                            NC_FULL);
		commands_done(replica, entry);
		nc_entry_free(entry);
	}
}

static void take_written(struct nc_replica *replica)
{
	struct nc_entry_queue written = { 0 };
	nc_stage_take(nc_log_writer_stage(replica->writer), &written);
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(&written)) != NULL) {
		if (entry->kind == NC_ENTRY_COMPACT) {
			nc_entry_free(entry); /* a failure has been said, and is tried again */
			continue;
		}
		replica->writing--;
		if (entry->err == NC_FULL) {
			nc_entry_queue_put(&replica->refused, entry);
			continue;
		}
		if (entry->err != NC_OK) {
			fatal(replica, entry->err, "the log cannot be written");
			nc_entry_free(entry);
			continue;
		}
		nc_solo_appended(&replica->solo, entry->index, entry->term);
		nc_entry_queue_put(&replica->stored, entry);
	}
	retract_refused(replica);
}

static void apply_committed(struct nc_replica *replica)
{
	struct nc_entry_queue committed = { 0 };
	while (replica->stored.first != NULL &&
	       replica->stored.first->index <= replica->solo.durable)
		nc_entry_queue_put(&committed, nc_entry_queue_take(&replica->stored));
	if (committed.first != NULL)
		nc_stage_put(nc_applier_stage(replica->applier), &committed);
}

static void tell(struct nc_replica *replica, const struct nc_entry *entry)
{
	nc_assert(entry->outcome_count == entry->ticket_count);
	for (size_t i = 0; i < entry->ticket_count; i++)
		replica->options.on_outcome(replica->options.ctx, entry->tickets[i],
		                            &entry->outcomes[i]);
}

static void take_applied(struct nc_replica *replica)
{
	struct nc_entry_queue done = { 0 };
	nc_stage_take(nc_applier_stage(replica->applier), &done);
	if (done.first == NULL)
		return;
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(&done)) != NULL) {
		if (entry->err != NC_OK) {
			fatal(replica, entry->err, "the state cannot follow the log");
		} else {
			replica->applied = entry->index;
			tell(replica, entry);
			commands_done(replica, entry);
		}
		nc_entry_free(entry);
	}
	while (replica->wait_first != NULL && replica->wait_first->index <= replica->applied) {
		struct nc_replica_wait *wait = replica->wait_first;
		replica->wait_first = wait->next;
		if (replica->wait_first == NULL)
			replica->wait_last = NULL;
		wait->fn(wait);
	}
	replica->options.on_applied(replica->options.ctx, replica->applied);
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
		fatal(replica, err, "the state cannot be checkpointed");
		return;
	}
	replica->checkpoints++;
	struct nc_entry *compact = nc_entry_new(NC_ENTRY_COMPACT);
	if (compact == NULL)
		return; /* the next checkpoint asks again */
	compact->index = covered.index;
	struct nc_entry_queue queue = { 0 };
	nc_entry_queue_put(&queue, compact);
	nc_stage_put(nc_log_writer_stage(replica->writer), &queue);
}

static void on_wake(uv_async_t *async)
{
	struct nc_replica *replica = async->data;
	take_written(replica);
	apply_committed(replica);
	take_applied(replica);
	take_checkpoint(replica);
	nc_replica_flush(replica);
}

static void wake(void *wake_ctx)
{
	(void)uv_async_send(wake_ctx);
}

/* ---- Reads, status, timers ------------------------------------------------------------------ */

uint64_t nc_replica_read_index(const struct nc_replica *replica)
{
	return replica->solo.last + (replica->gathered != NULL);
}

void nc_replica_wait(struct nc_replica *replica, struct nc_replica_wait *wait)
{
	if (wait->index <= replica->applied) {
		wait->fn(wait);
		return;
	}
	wait->next = NULL;
	if (replica->wait_last == NULL)
		replica->wait_first = wait;
	else
		replica->wait_last->next = wait;
	replica->wait_last = wait;
}

void nc_replica_set_full(struct nc_replica *replica, bool full)
{
	replica->full = full;
}

struct nc_replica_status nc_replica_status(const struct nc_replica *replica)
{
	return (struct nc_replica_status){
		.term = replica->solo.hard.term,
		.last = replica->solo.last,
		.commit = replica->solo.durable,
		.applied = replica->applied,
		.pending_commands = replica->pending_commands,
		.pending_bytes = replica->pending_bytes,
		.leading = replica->applied >= replica->solo.first_own,
		.full = replica->full,
		.log_bytes = nc_log_size(replica->options.log),
		.state_bytes = nc_state_size(replica->options.state),
		.checkpoints = replica->checkpoints,
	};
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
	int err = nc_log_writer_start(replica->options.log, wake, &replica->wake, &replica->writer);
	if (err == NC_OK)
		err = nc_applier_start(replica->options.engine, wake, &replica->wake,
		                       &replica->applier);
	if (err == NC_OK)
		err = nc_checkpointer_start(replica->options.state, wake, &replica->wake,
		                            &replica->checkpointer);
	return err;
}

static int lead(struct nc_replica *replica, const struct nc_log_hard *hard)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(replica->options.log, &bounds);
	nc_solo_start(&replica->solo, &bounds, hard, replica->options.self);
	struct nc_entry *noop = nc_entry_new(NC_LOG_NOOP);
	if (noop == NULL)
		return NC_NOMEM;
	noop->index = replica->solo.first_own;
	noop->term = replica->solo.hard.term;
	nc_entry_queue_put(&replica->proposed, noop);
	nc_replica_flush(replica);
	return NC_OK;
}

int nc_replica_start(const struct nc_replica_options *options, struct nc_replica **replica_out)
{
	struct nc_replica *replica = calloc(1, sizeof *replica);
	if (replica == NULL)
		return NC_NOMEM;
	replica->options = *options;
	replica->wake.data = replica;
	if (uv_async_init(options->loop, &replica->wake, on_wake) != 0) {
		free(replica);
		return NC_IO;
	}
	int err = nc_recovery_run(options->log, options->state, options->engine);
	if (err == NC_OK)
		err = stages_start(replica);
	if (err == NC_OK) {
		replica->applied = nc_state_applied(options->state).index;
		replica->checkpoint_at_ms = clock_ns(CLOCK_MONOTONIC) / 1000000;
		err = lead(replica, &options->hard);
	}
	if (err != NC_OK) {
		nc_replica_stop(replica);
		return err;
	}
	*replica_out = replica;
	return NC_OK;
}

void nc_replica_drain(struct nc_replica *replica)
{
	replica->draining = true;
	nc_replica_flush(replica);
}

bool nc_replica_idle(const struct nc_replica *replica)
{
	return replica->pending_commands == 0;
}

static void queue_free(struct nc_entry_queue *queue)
{
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(queue)) != NULL)
		nc_entry_free(entry);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void nc_replica_stop(struct nc_replica *replica)
{
	if (replica == NULL)
		return;
	nc_log_writer_stop(replica->writer);
	nc_applier_stop(replica->applier);
	nc_checkpointer_stop(replica->checkpointer);
	nc_entry_free(replica->gathered);
	queue_free(&replica->proposed);
	queue_free(&replica->stored);
	queue_free(&replica->refused);
	uv_close((uv_handle_t *)&replica->wake, on_closed);
}
