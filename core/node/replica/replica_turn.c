/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Ready cycle: what consensus wants persisted goes to the log writer, what it wants sent to the
 * peers, what it wants applied to the applier. */
#include "core/base/assert.h"
#include "core/node/common/say.h"
#include "core/node/replica/replica_private.h"

#define AT_ONCE_SIZE_MAX 4096u /* bytes */

/* ---- The entries that consensus made by itself ---------------------------------------------- */

static int own_entry_put(struct nc_replica *replica, uint64_t index)
{
	const struct nc_raft_members *members = nc_raft_config_at(replica->raft, index);
	struct nc_entry *entry = nc_entry_new(members == NULL ? NC_LOG_NOOP : NC_LOG_CONFIG);
	if (entry == NULL)
		return NC_NOMEM;
	entry->index = index;
	int err = nc_raft_term_at(replica->raft, index, &entry->term);
	if (err == NC_OK && members != NULL)
		err = nc_raft_members_encode(members, &entry->payload);
	if (err == NC_OK)
		err = nc_tail_put(&replica->tail, entry);
	if (err != NC_OK)
		nc_entry_free(entry);
	return err;
}

/* Put the entries that consensus made itself into the tail: no-ops and configurations. */
static void own_entries_put(struct nc_replica *replica)
{
	struct nc_raft_status status;
	nc_raft_status(replica->raft, &status);
	while (replica->tail.last < status.last && !replica->fatal) {
		int err = own_entry_put(replica, replica->tail.last + 1);
		if (err != NC_OK)
			nc_replica_fatal(replica, err, "an entry cannot be made");
	}
}

/* ---- To the log writer ---------------------------------------------------------------------- */

/* Whether the log writer may apply the entry itself. On a node alone, what is durable is committed.
 * The entry must be the next to be applied, be kept in the tail until it is told, and be small, so
 * that later ones do not wait for it. */
static bool is_at_once(const struct nc_replica *replica, const struct nc_entry_queue *order)
{
	const struct nc_entry *entry = order->first;
	return order->count == 1 && entry->kind == NC_LOG_COMMAND &&
	       entry->index == replica->applied + 1 && entry->ticket_count > 0 &&
	       entry->payload.size <= AT_ONCE_SIZE_MAX;
}

static void persist(struct nc_replica *replica, const struct nc_raft_ready *ready)
{
	struct nc_entry_queue order = { 0 }, go = { 0 };
	if (ready->mark.order == 0)
		return;
	for (uint64_t index = ready->first; index <= ready->last; index++) {
		struct nc_entry *entry = nc_tail_get(&replica->tail, index);
		nc_assert(entry != NULL && !entry->staged);
		entry->staged = true;
		replica->log_appended += entry->payload.size;
		nc_entry_queue_put(&order, entry);
	}
	if (order.first == NULL) {
		struct nc_entry *hard = nc_entry_new(NC_ENTRY_HARD);
		if (hard == NULL) {
			nc_replica_fatal(replica, NC_NOMEM, "out of memory");
			return;
		}
		nc_entry_queue_put(&order, hard);
	}
	order.first->at_once = ready->sole && is_at_once(replica, &order);
	nc_orders_give(&replica->orders, ready, &order, &go);
	if (go.first != NULL)
		nc_stage_put(nc_log_writer_stage(replica->writer), &go);
}

/* ---- Leading, or not ------------------------------------------------------------------------ */

/* Once it is known, and durable, that nothing of the log is missing, the log may forget its
 * doubt. */
static void doubt_check(struct nc_replica *replica, const struct nc_raft_status *status)
{
	if (!replica->doubtful || status->doubtful)
		return;
	if (!nc_replica_send_writer(replica, NC_ENTRY_TRUST, 0))
		return; /* the next turn tries again */
	replica->doubtful = false;
	nc_say_info("the log is whole again: this node votes and leads like any other");
}

static void role_check(struct nc_replica *replica)
{
	struct nc_raft_status status;
	nc_raft_status(replica->raft, &status);
	doubt_check(replica, &status);
	bool leads = status.role == NC_RAFT_LEADER;
	bool stands = status.role == NC_RAFT_CANDIDATE;
	if (stands && !replica->stands)
		nc_say_info("stands for election, term %llu", (unsigned long long)status.term);
	replica->stands = stands;
	if (leads && replica->settled_at == 0 && status.settled)
		replica->settled_at = status.commit;
	if (!leads)
		replica->settled_at = 0;
	if (replica->leads && !leads) {
		replica->leads = false;
		replica->options.on_step_down(replica->options.ctx);
		nc_replica_reads_fail(replica);
	}
	replica->leads = leads;
}

void nc_replica_turn(struct nc_replica *replica)
{
	if (replica->turning)
		return; /* called from a callback: the cycle goes on when that returns */
	replica->turning = true;
	while (!replica->fatal && nc_raft_has_ready(replica->raft)) {
		struct nc_raft_ready ready;
		role_check(replica);
		own_entries_put(replica);
		if (replica->fatal)
			break;
		nc_raft_ready(replica->raft, &ready);
		nc_replica_send(replica, ready.messages, ready.message_count);
		persist(replica, &ready);
		if (ready.apply_first <= ready.apply_last)
			replica->apply_last = ready.apply_last;
		for (size_t i = 0; i < ready.read_count; i++)
			nc_replica_reads_answer(replica, &ready.reads[i]);
		if (ready.install.index != 0)
			replica->options.on_install(replica->options.ctx, &ready.install);
		nc_replica_apply(replica);
	}
	if (!replica->fatal)
		role_check(replica);
	replica->turning = false;
}
