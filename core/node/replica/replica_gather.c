/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands in: gathered into an entry, and proposed as one. */
#include "core/base/assert.h"
#include "core/node/replica/replica_private.h"

#define ENTRY_SIZE_MAX     (1u << 20) /* bytes gathered into one entry, about */
#define ENTRY_COMMANDS_MAX 4096u
#define COMMAND_SIZE_MORE  64u /* bytes that a command takes at most beside a record */

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
	/* A retracted entry was certainly not written. Any other was replaced by another leader:
	 * what became of it is not known. */
	struct nc_replica *replica = ctx;
	refuse(replica, entry, replica->retracting ? NC_FULL : NC_CLOSED);
}

void nc_replica_give_up(struct nc_replica *replica)
{
	struct nc_tail *tail = &replica->tail;
	for (uint64_t index = tail->first; tail->ring != NULL && index <= tail->last; index++)
		refuse(replica, nc_tail_get(tail, index), NC_CLOSED);
	if (replica->gathered != NULL)
		refuse(replica, replica->gathered, NC_CLOSED);
}

static void gathered_refuse(struct nc_replica *replica, struct nc_entry *entry, int err)
{
	replica->gathered = NULL;
	if (err == NC_NOMEM)
		nc_replica_fatal(replica, err, "out of memory");
	refuse(replica, entry, NC_CLOSED);
	nc_entry_free(entry);
}

/* Errors: those of nc_raft_propose(): then it is still gathered. */
static int propose_gathered(struct nc_replica *replica)
{
	struct nc_entry *entry = replica->gathered;
	if (entry == NULL)
		return NC_OK;
	int err = nc_raft_propose(replica->raft, entry->payload.size, &entry->index, &entry->term);
	if (err != NC_OK)
		return err;
	if (entry->index > replica->tail.last + 1)
		nc_assert(!"the entries before were not taken");
	err = nc_tail_put(&replica->tail, entry);
	if (err == NC_OK) {
		replica->gathered = NULL;
	} else {
		gathered_refuse(replica, entry, err);
	}
	return NC_OK;
}

static int gather_begin(struct nc_replica *replica)
{
	if (replica->gathered != NULL)
		return NC_OK;
	struct nc_entry *entry = nc_entry_new(NC_LOG_COMMAND);
	if (entry == NULL)
		return NC_NOMEM;
	nc_entry_begin(&entry->payload, nc_clock_wall_ns());
	replica->gathered = entry;
	return NC_OK;
}

/* Make room for a command of about `size` bytes. */
static int gather_room(struct nc_replica *replica, size_t size)
{
	if (replica->draining || replica->fatal)
		return NC_CLOSED;
	if (!replica->leads)
		return NC_CONFLICT;
	if (!nc_replica_room_has(replica, size))
		return NC_FULL;
	if (replica->pending_bytes + size > replica->options.pending_bytes_max)
		return NC_BUSY;
	/* While consensus is busy, what is gathered grows; it must stay one that the log takes. */
	size_t before =
	        replica->gathered == NULL ? NC_ENTRY_HEADER_SIZE : replica->gathered->payload.size;
	if (before + size + COMMAND_SIZE_MORE > NC_LOG_PAYLOAD_SIZE_MAX)
		return NC_BUSY;
	return gather_begin(replica);
}

static bool is_whole(const struct nc_entry *entry)
{
	return entry->payload.size >= ENTRY_SIZE_MAX || entry->ticket_count >= ENTRY_COMMANDS_MAX;
}

/* Keep the command that was put after `before`, if it is whole; if not, take it back. */
static int gather_end(struct nc_replica *replica, size_t before, void *ticket)
{
	struct nc_entry *entry = replica->gathered;
	int err = nc_buf_status(&entry->payload);
	if (err == NC_OK)
		err = nc_entry_ticket_add(entry, ticket);
	if (err != NC_OK) { /* as if it had not been asked for */
		entry->payload.size = before;
		entry->payload.failed = false;
		return err;
	}
	replica->pending_commands++;
	replica->pending_bytes += entry->payload.size - before;
	nc_replica_room_use(replica, entry->payload.size - before);
	if (is_whole(entry)) {
		/* first the entries of consensus itself, such as a no-op */
		nc_replica_turn(replica);
		/* what is refused is so at the next flush: the caller is not done with the ticket
		 */
		(void)propose_gathered(replica);
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

/* At most one batch waits for the writer, behind the one in work. What comes later is gathered, so
 * that entries grow as the disk slows down. */
void nc_replica_flush(struct nc_replica *replica)
{
	if (replica->fatal)
		return;
	nc_replica_reads_ask(replica);
	nc_replica_turn(replica);
	if (replica->orders.refused.first == NULL &&
	    nc_stage_waiting(nc_log_writer_stage(replica->writer)) == 0) {
		int err = propose_gathered(replica);
		if (err != NC_OK && err != NC_BUSY) /* busy: go on gathering */
			gathered_refuse(replica, replica->gathered, err);
	}
	nc_replica_turn(replica);
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
