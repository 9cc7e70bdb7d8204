/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Committed entries to the state, and their outcomes back. After a start, and of who catches up,
 * the log holds more than the tail: it is read a chunk at a time, as fast as the state takes it. */
#include "core/base/assert.h"
#include "core/node/replica/replica_private.h"

#define APPLY_BYTES_MAX (16u << 20) /* bytes that the applier may have at a time */
#define CHUNK_ENTRIES   256
#define CHUNK_SIZE      (1u << 20)

/* Read entries that are not in the tail, for the applier alone. */
static int chunk_read(struct nc_replica *replica, struct nc_entry_queue *queue)
{
	struct nc_log_entry entries[CHUNK_ENTRIES];
	struct nc_buf buf = { 0 };
	size_t count = 0;
	uint64_t last = replica->apply_last;
	if (replica->tail.first <= replica->tail.last && last >= replica->tail.first)
		last = replica->tail.first - 1;
	struct nc_log_range range = { .from = replica->apply_next,
		                      .to = last,
		                      .entry_max = CHUNK_ENTRIES,
		                      .size_max = CHUNK_SIZE };
	int err = nc_log_read(replica->options.log, range, &buf, entries, &count);
	for (size_t i = 0; i < count && err == NC_OK; i++) {
		struct nc_entry *entry = nc_entry_new(entries[i].kind);
		if (entry == NULL) {
			err = NC_NOMEM;
			break;
		}
		entry->index = entries[i].index;
		entry->term = entries[i].term;
		nc_buf_put_slice(&entry->payload, entries[i].payload);
		err = nc_buf_status(&entry->payload);
		nc_entry_queue_put(queue, entry);
	}
	nc_buf_release(&buf);
	return err;
}

static int next_take(struct nc_replica *replica, struct nc_entry_queue *queue)
{
	struct nc_entry *entry = nc_tail_get(&replica->tail, replica->apply_next);
	if (entry == NULL)
		return chunk_read(replica, queue);
	nc_assert(!entry->staged);
	nc_entry_queue_put(queue, entry);
	return NC_OK;
}

void nc_replica_apply(struct nc_replica *replica)
{
	struct nc_entry_queue queue = { 0 };
	while (replica->apply_next <= replica->apply_last &&
	       replica->apply_bytes < APPLY_BYTES_MAX && !replica->fatal) {
		struct nc_entry_queue next = { 0 };
		int err = next_take(replica, &next);
		for (struct nc_entry *entry = next.first; entry != NULL; entry = entry->next) {
			entry->staged = true;
			replica->apply_bytes += entry->payload.size + sizeof *entry;
			replica->apply_next++;
		}
		bool ahead = next.first != NULL && next.first->applied;
		nc_entry_queue_move(ahead ? &replica->applied_ahead : &queue, &next);
		if (err != NC_OK)
			nc_replica_fatal(replica, err, "the log cannot be read");
	}
	if (queue.first != NULL)
		nc_stage_put(nc_applier_stage(replica->applier), &queue);
}

static void tell(struct nc_replica *replica, const struct nc_entry *entry)
{
	nc_assert(entry->ticket_count == 0 || entry->outcome_count == entry->ticket_count);
	for (size_t i = 0; i < entry->outcome_count; i++) {
		replica->options.on_outcome(replica->options.ctx,
		                            entry->ticket_count == 0 ? NULL : entry->tickets[i],
		                            &entry->outcomes[i]);
	}
	if (entry->ticket_count > 0) {
		replica->pending_commands -= entry->ticket_count;
		replica->pending_bytes -= entry->payload.size - NC_ENTRY_HEADER_SIZE;
	}
}

void nc_replica_take_applied(struct nc_replica *replica)
{
	struct nc_entry_queue done = { 0 };
	nc_entry_queue_move(&done, &replica->applied_ahead); /* the applier had nothing before it */
	nc_stage_take(nc_applier_stage(replica->applier), &done);
	if (done.first == NULL)
		return;
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(&done)) != NULL) {
		entry->staged = false;
		replica->apply_bytes -= entry->payload.size + sizeof *entry;
		if (entry->err != NC_OK) {
			nc_replica_fatal(replica, entry->err, "the state cannot follow the log");
		} else {
			replica->applied = entry->index;
			replica->room.behind += entry->payload.size;
			tell(replica, entry);
		}
		if (entry->kept) {
			nc_entry_settle(entry);
		} else {
			nc_entry_free(entry);
		}
	}
	if (replica->fatal)
		return;
	nc_raft_applied(replica->raft, replica->applied);
	nc_tail_evict(&replica->tail, replica->applied,
	              replica->log_reader == NULL ? 0 : replica->options.tail_bytes_max);
	nc_replica_reads_wake(replica);
	replica->options.on_applied(replica->options.ctx, replica->applied);
}
