/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders to the log writer, and those that wait for room. */
#include "core/node/replica/orders.h"

#include "core/base/assert.h"
#include "core/node/replica/mutants_private.h"

#ifdef NC_REPLICA_MUTANTS
enum nc_replica_mutant nc_replica_mutant;
#endif

void nc_orders_give(struct nc_orders *orders, const struct nc_raft_ready *ready,
                    struct nc_entry_queue *order, struct nc_entry_queue *go)
{
	nc_assert(order->first != NULL && ready->mark.order != 0);
	order->first->has_hard = ready->hard_changed;
	order->first->hard = ready->hard;
	order->last->has_mark = true;
	order->last->mark = ready->mark;
	if (orders->refused.first != NULL) {
		for (struct nc_entry *entry = order->first; entry != NULL; entry = entry->next) {
			entry->err = NC_FULL; /* as if it had been tried and found no room */
			entry->at_once = false;
		}
		/* Not while the writer still has entries, which will have to wait too. */
		bool more = orders->writing > 0 && !NC_REPLICA_MUTANT(REFUSED_OUT_OF_TURN);
		nc_entry_queue_move(more ? &orders->behind : &orders->refused, order);
		return;
	}
	orders->writing += order->count;
	nc_entry_queue_move(go, order);
}

static bool waits_for_room(const struct nc_orders *orders, const struct nc_entry *entry)
{
	bool behind = orders->refused.first != NULL && !NC_REPLICA_MUTANT(REFUSED_VOUCHED_FOR);
	return entry->err == NC_FULL || (entry->err == NC_OK && behind);
}

bool nc_orders_back(struct nc_orders *orders, struct nc_entry *entry)
{
	nc_assert(orders->writing > 0);
	orders->writing--;
	orders->full = orders->full || entry->err == NC_FULL;
	bool waits = waits_for_room(orders, entry);
	if (waits) {
		entry->at_once = false; /* it may be applied already */
		entry->written = entry->written || entry->err == NC_OK;
		nc_entry_queue_put(&orders->refused, entry);
	}
	if (orders->writing == 0)
		nc_entry_queue_move(&orders->refused, &orders->behind);
	return !waits;
}

bool nc_orders_done(const struct nc_orders *orders)
{
	return orders->writing == 0 && orders->refused.first == NULL;
}

/* The index from which on the waiting entries may be forgotten; 0: there is none, or one of them
 * was written. It need not be that of the first, since a later one may replace it. */
static uint64_t first_to_forget(const struct nc_entry_queue *refused)
{
	uint64_t first = 0;
	for (const struct nc_entry *entry = refused->first; entry != NULL; entry = entry->next) {
		if (entry->kind == NC_ENTRY_HARD)
			continue;
		if (entry->written)
			return 0;
		if (first == 0 || entry->index < first)
			first = entry->index;
	}
	return first;
}

bool nc_orders_forget(struct nc_orders *orders, struct nc_raft *raft, uint64_t *index_out)
{
	if (orders->refused.first == NULL || orders->writing > 0)
		return false;
	uint64_t first = first_to_forget(&orders->refused);
	if (first == 0 || nc_raft_retract(raft, first) != NC_OK)
		return false;
	orders->full = true; /* until the disk is measured again */
	*index_out = first;
	return true;
}

/* Give the term and vote that were to be written with `from` to `to`, unless that has later
 * ones. */
static void hard_pass_on(const struct nc_entry *from, struct nc_entry *to)
{
	if (!from->has_hard || to->has_hard)
		return;
	to->has_hard = true;
	to->hard = from->hard;
}

void nc_orders_clear(struct nc_orders *orders, void (*free_one)(struct nc_entry *entry))
{
	struct nc_entry *entry;
	nc_entry_queue_move(&orders->refused, &orders->behind);
	while ((entry = nc_entry_queue_take(&orders->refused)) != NULL)
		free_one(entry);
}

void nc_orders_retry(struct nc_orders *orders, struct nc_entry_queue *go,
                     void (*free_one)(struct nc_entry *entry))
{
	struct nc_entry_queue queue = { 0 }, kept = { 0 };
	struct nc_entry *entry;
	if (orders->refused.first == NULL || orders->writing > 0 || orders->full)
		return;
	while ((entry = nc_entry_queue_take(&orders->refused)) != NULL)
		nc_entry_queue_put_first(&queue, entry);
	/* going backwards: entries from this index on are replaced by later ones */
	uint64_t end = UINT64_MAX;
	while ((entry = nc_entry_queue_take(&queue)) != NULL) {
		if (entry->kind != NC_ENTRY_HARD && entry->index >= end &&
		    !NC_REPLICA_MUTANT(REPLACED_WRITTEN)) {
			hard_pass_on(entry, kept.first); /* its mark vouches for this entry too */
			free_one(entry);
			continue;
		}
		if (entry->kind != NC_ENTRY_HARD)
			end = entry->index;
		nc_entry_queue_put_first(&kept, entry);
	}
	orders->writing += kept.count;
	nc_entry_queue_move(go, &kept);
}
