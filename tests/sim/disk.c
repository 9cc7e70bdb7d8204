/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that takes its time, may have no room, and forgets at a crash what it had not finished.
 * What goes to it, and what becomes of what it refuses, is core/node's own (orders.h,
 * write_batch.h): one write takes all that has come in while the one before it was under way, a
 * crash leaves some of what was ordered, the last in part. */
#include <stdlib.h>

#include "tests/sim/sim_private.h"

static struct sim_write *of(struct nc_entry *entry)
{
	return (struct sim_write *)entry;
}

static void write_free(struct nc_entry *entry)
{
	nc_buf_release(&entry->payload);
	free(entry);
}

static void queue_clear(struct nc_entry_queue *queue)
{
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(queue)) != NULL)
		write_free(entry);
}

/* ---- To the writer --------------------------------------------------------------------------- */

static uint64_t done_at(struct sim *sim, struct sim_node *node)
{
	uint64_t takes = sim->faults.write_us + sim_below(sim, sim->faults.write_jitter_us + 1);
	if (sim->now >= node->busy_until)
		node->busy_until = node->next_until > sim->now ? node->next_until : sim->now;
	if (node->busy_until <= sim->now)
		return node->busy_until = sim->now + takes;
	if (node->next_until <= node->busy_until)
		node->next_until = node->busy_until + takes;
	return node->next_until;
}

/* An event for each order: as many come back. */
static void put(struct sim *sim, struct sim_node *node, struct nc_entry_queue *go)
{
	if (go->first == NULL)
		return;
	uint64_t at = done_at(sim, node);
	for (struct nc_entry *entry = go->first; entry != NULL; entry = entry->next) {
		of(entry)->done_at = at;
		if (entry->has_mark) {
			sim_schedule(sim, at - sim->now, SIM_WRITTEN,
			             (uint32_t)(node - sim->nodes));
		}
	}
	nc_entry_queue_move(&node->to_write, go);
}

static struct nc_entry *write_new(const struct sim_node *node, uint8_t kind, uint64_t index)
{
	struct sim_write *write = calloc(1, sizeof *write);
	nc_assert(write != NULL);
	write->entry.kind = kind;
	if (kind == NC_ENTRY_HARD)
		return &write->entry;
	write->what = node->memory.at[index];
	write->entry.index = index;
	write->entry.term = write->what.term;
	if (node->files != NULL)
		sim_files_payload(&write->what, &write->entry.payload);
	return &write->entry;
}

void sim_disk_order(struct sim *sim, struct sim_node *node, const struct nc_raft_ready *ready)
{
	struct nc_entry_queue order = { 0 }, go = { 0 };
	for (uint64_t index = ready->first; index <= ready->last; index++) {
		nc_entry_queue_put(&order, write_new(node, node->memory.at[index].kind, index));
	}
	if (order.first == NULL)
		nc_entry_queue_put(&order, write_new(node, NC_ENTRY_HARD, 0));
	of(order.last)->sole = ready->sole;
	order.first->at_once = ready->sole && order.count == 1 &&
	                       order.first->kind == NC_LOG_COMMAND &&
	                       order.first->index == node->applied + 1;
	nc_orders_give(&node->orders, ready, &order, &go);
	put(sim, node, &go);
}

/* ---- On the disk ----------------------------------------------------------------------------- */

/* The first `count` entries of what was taken reach the disk, and the hard state. */
static void reach(struct sim *sim, struct sim_node *node, const struct nc_write_batch *batch,
                  size_t count)
{
	if (batch->hard != NULL)
		node->hard = *batch->hard;
	if (batch->count == 0)
		return;
	uint64_t first = batch->entries[0].index, end = first + batch->count;
	if (first <= node->disk.last) { /* what is written once more is not replaced */
		uint64_t from = first;
		while (from < end && from <= node->disk.last &&
		       node->disk.at[from].term == batch->entries[from - first].term)
			from++;
		sim->counters.truncations += from < end;
		sim_check_replaced(sim, node, from);
		node->disk.last = first - 1;
	}
	for (struct nc_entry *entry = batch->taken.first; entry != NULL && count > 0;
	     entry = entry->next) {
		if (entry->kind == NC_ENTRY_HARD)
			continue;
		sim_log_put(&node->disk, entry->index, &of(entry)->what);
		count--;
	}
}

/* Whether this write finds no room. */
static bool is_refused(struct sim *sim, const struct sim_node *node,
                       const struct nc_write_batch *batch)
{
	return sim->now < node->full_until &&
	       sim_chance(sim, batch->count > 0 ? node->full_entries : node->full_hard);
}

/* One write of what is at `from`. Errors as the log's: NC_IO, it has broken. */
static int write_one(struct sim *sim, struct sim_node *node, struct nc_entry_queue *from)
{
	static struct nc_write_batch batch;
	int err = NC_FULL;
	bool in_step = nc_write_batch_take(&batch, from, node->disk.last);
	if (in_step && is_refused(sim, node, &batch)) {
		sim->counters.no_room++;
		if (node->files != NULL)
			err = sim_files_full(sim, node, &batch);
		if (err == NC_OK)
			reach(sim, node, &batch, batch.count);
	} else if (in_step) {
		if (node->files != NULL)
			sim_files_append(sim, node, &batch);
		reach(sim, node, &batch, batch.count);
		err = NC_OK;
	}
	struct nc_entry *first = batch.taken.first;
	if (err == NC_OK && batch.taken.count == 1 && first->at_once) /* it is applied, too */
		sim_check_sole(sim, node, first->index);
	sim_trace(sim, "%llu writes %zu entries from %llu: %s", (unsigned long long)node->id,
	          batch.taken.count, (unsigned long long)first->index, nc_err_name(err));
	nc_write_batch_give(&batch, err, &node->written);
	return err;
}

/* What the disk is done with by `until`; of that which comes in meanwhile nothing goes with it. */
static void group_take(struct sim_node *node, uint64_t until, struct nc_entry_queue *group)
{
	while (node->to_write.first != NULL && of(node->to_write.first)->done_at <= until)
		nc_entry_queue_put(group, nc_entry_queue_take(&node->to_write));
}

/* ---- And back -------------------------------------------------------------------------------- */

static void take_back(struct sim *sim, struct sim_node *node)
{
	bool marked = false;
	while (node->written.first != NULL && !marked && sim->violation[0] == '\0') {
		struct nc_entry *entry = nc_entry_queue_take(&node->written);
		marked = entry->has_mark;
		if (!nc_orders_back(&node->orders, entry)) {
			sim->counters.waited_for_room += entry->err == NC_OK;
			continue;
		}
		if (entry->has_mark && of(entry)->sole)
			sim_check_sole(sim, node, entry->mark.index);
		if (entry->has_mark)
			nc_assert(nc_raft_appended(node->raft, entry->mark) == NC_OK);
		write_free(entry);
	}
}

/* As nc_replica_refused_turn(). */
static void refused_turn(struct sim *sim, struct sim_node *node)
{
	struct nc_entry_queue go = { 0 };
	uint64_t index;
	if (nc_orders_forget(&node->orders, node->raft, &index)) {
		sim->counters.retracted++;
		sim_trace(sim, "%llu forgets from %llu", (unsigned long long)node->id,
		          (unsigned long long)index);
		if (node->memory.last >= index)
			node->memory.last = index - 1;
		nc_orders_clear(&node->orders, write_free);
	}
	nc_orders_retry(&node->orders, &go, write_free);
	put(sim, node, &go);
}

static void fail(struct sim *sim, struct sim_node *node)
{
	static struct nc_write_batch batch;
	node->write_fails = false;
	sim->counters.disk_errors++;
	sim_trace(sim, "%llu disk error", (unsigned long long)node->id);
	if (node->files != NULL) {
		struct nc_entry_queue some = { 0 };
		group_take(node, of(node->to_write.first)->done_at, &some);
		if (nc_write_batch_take(&batch, &some, node->disk.last))
			sim_files_fail(sim, node, &batch);
		/* It stays: its outcome is not known. */
		nc_entry_queue_move(&batch.taken, &some);
		nc_entry_queue_move(&batch.taken, &node->to_write);
		node->to_write = batch.taken;
	}
	nc_raft_disk_failed(node->raft);
}

void sim_disk_written(struct sim *sim, struct sim_node *node)
{
	if (sim_files_failed(node) || node->raft->halted)
		return;
	if (node->write_fails && node->to_write.first != NULL) {
		fail(sim, node);
		return;
	}
	struct nc_entry_queue some = { 0 };
	group_take(node, sim->now, &some);
	while (some.first != NULL && sim->violation[0] == '\0' && !sim_files_failed(node)) {
		if (write_one(sim, node, &some) == NC_IO)
			nc_raft_disk_failed(node->raft);
	}
	queue_clear(&some);
	if (node->raft->halted)
		return;
	if (sim->now < node->full_until && sim_chance(sim, 3000)) { /* it hears of it later */
		sim_schedule(sim, sim_below(sim, 20 * SIM_MS), SIM_WRITTEN,
		             (uint32_t)(node - sim->nodes));
		return;
	}
	take_back(sim, node);
	refused_turn(sim, node);
}

void sim_disk_tick(struct sim *sim, struct sim_node *node)
{
	if (node->orders.full) /* what is measured need not be what a write finds */
		node->orders.full = sim->now < node->full_until && sim_chance(sim, 7000);
	if (!node->raft->halted)
		refused_turn(sim, node);
}

bool sim_disk_idle(const struct sim_node *node)
{
	return nc_orders_done(&node->orders);
}

/* ---- The power goes -------------------------------------------------------------------------- */

static uint64_t orders_in(const struct nc_entry_queue *queue)
{
	uint64_t count = 0;
	for (const struct nc_entry *entry = queue->first; entry != NULL; entry = entry->next)
		count += entry->has_mark;
	return count;
}

/* So many orders more reach the disk, if there is room. */
static void finish_some(struct sim *sim, struct sim_node *node, uint64_t orders)
{
	while (orders > 0 && !sim_files_failed(node)) {
		struct nc_entry_queue some = { 0 };
		uint64_t at = of(node->to_write.first)->done_at;
		while (orders > 0 && node->to_write.first != NULL &&
		       of(node->to_write.first)->done_at == at) {
			struct nc_entry *entry = nc_entry_queue_take(&node->to_write);
			orders -= entry->has_mark;
			nc_entry_queue_put(&some, entry);
		}
		while (some.first != NULL && !sim_files_failed(node))
			(void)write_one(sim, node, &some);
		queue_clear(&some);
	}
}

static void tear(struct sim *sim, struct sim_node *node, const struct nc_write_batch *torn)
{
	sim->counters.lost_writes++;
	if (node->files != NULL || torn->count < 2 || !sim_chance(sim, 3000))
		return;
	reach(sim, node, torn, 1 + sim_below(sim, torn->count - 1));
	sim->counters.torn++;
	/* One in doubt is as much as a cluster can do without, if others are missing. */
	if (sim_whole(sim) || sim->blackout)
		node->doubtful = true;
}

void sim_disk_crash(struct sim *sim, struct sim_node *node)
{
	static struct nc_write_batch batch;
	uint64_t orders = orders_in(&node->to_write);
	finish_some(sim, node, sim_files_failed(node) ? 0 : sim_below(sim, orders + 1));
	struct nc_entry_queue some = { 0 };
	if (node->to_write.first != NULL)
		group_take(node, of(node->to_write.first)->done_at, &some);
	bool torn = some.first != NULL && nc_write_batch_take(&batch, &some, node->disk.last);
	if (node->files != NULL)
		sim_files_crash(sim, node, torn ? &batch : NULL, sim_whole(sim) || sim->blackout);
	if (torn)
		tear(sim, node, &batch);
	queue_clear(&batch.taken);
	queue_clear(&some);
	sim_disk_clear(node);
}

void sim_disk_clear(struct sim_node *node)
{
	queue_clear(&node->to_write);
	queue_clear(&node->written);
	nc_orders_clear(&node->orders, write_free);
	node->orders = (struct nc_orders){ 0 };
}
