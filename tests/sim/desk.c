/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nodes on a desk. */
#include "tests/sim/desk.h"

#include <stdio.h>
#include <stdlib.h>

static const struct nc_raft_members *keep(struct desk *desk, const struct nc_raft_members *members)
{
	nc_assert(desk->config_count < 256);
	desk->configs[desk->config_count] = *members;
	return &desk->configs[desk->config_count++];
}

const char *desk_type_name(const struct nc_raft_message *message, struct nc_buf *buf)
{
	nc_buf_clear(buf);
	nc_raft_message_describe(message, buf);
	nc_buf_put_u8(buf, 0);
	return (const char *)buf->data;
}

/* ---- Out ------------------------------------------------------------------------------------- */

static void post(struct desk *desk, const struct nc_raft_message *message)
{
	struct desk_node *from = &desk->nodes[message->from];
	if (desk->cut[message->from][message->to])
		return;
	nc_assert(desk->flight_count < FLIGHT);
	struct letter *letter = &desk->flight[desk->flight_count++];
	*letter = (struct letter){ .message = *message };
	if (message->members != NULL)
		letter->members = *message->members;
	if (message->entry_count == 0)
		return;
	letter->entries = calloc(message->entry_count, sizeof *letter->entries);
	nc_assert(letter->entries != NULL);
	for (uint32_t i = 0; i < message->entry_count; i++) {
		const struct sim_entry *entry = &from->memory.at[message->index + 1 + i];
		letter->entries[i] = (struct nc_raft_entry){ entry->term, entry->size, entry->kind,
			                                     entry->members };
	}
}

/* Entries that the node made itself. */
static void own_entries(struct desk *desk, struct desk_node *node)
{
	while (node->memory.last < node->raft->trail.last) {
		uint64_t index = node->memory.last + 1, term = 0;
		(void)nc_raft_term_at(node->raft, index, &term);
		const struct nc_raft_members *members = nc_raft_config_at(node->raft, index);
		struct sim_entry entry = { .term = term,
			                   .kind = members != NULL ? NC_LOG_CONFIG : NC_LOG_COMMAND,
			                   .members =
			                           members == NULL ? NULL : keep(desk, members) };
		sim_log_put(&node->memory, index, &entry);
	}
}

static void take_order(struct desk_node *node, const struct nc_raft_ready *ready)
{
	nc_assert(node->order_count < ORDERS);
	struct order *order = &node->orders[node->order_count++];
	*order = (struct order){ .ready = *ready };
	if (ready->first > ready->last)
		return;
	size_t count = ready->last - ready->first + 1;
	order->entries = calloc(count, sizeof *order->entries);
	nc_assert(order->entries != NULL);
	memcpy(order->entries, &node->memory.at[ready->first], count * sizeof *order->entries);
}

void desk_pump(struct desk *desk, struct desk_node *node)
{
	unsigned id = (unsigned)(node - desk->nodes);
	while (node->raft != NULL && nc_raft_has_ready(node->raft)) {
		own_entries(desk, node);
		struct nc_raft_ready ready;
		nc_raft_ready(node->raft, &ready);
		if (ready.mark.order != 0)
			take_order(node, &ready);
		for (size_t i = 0; i < ready.message_count; i++)
			post(desk, &ready.messages[i]);
		if (ready.apply_first <= ready.apply_last) {
			nc_buf_printf(&desk->out, "%u applies %llu..%llu\n", id,
			              (unsigned long long)ready.apply_first,
			              (unsigned long long)ready.apply_last);
			nc_raft_applied(node->raft, ready.apply_last);
		}
		for (size_t i = 0; i < ready.read_count; i++) {
			nc_buf_printf(&desk->out, "%u read %llu %s %llu\n", id,
			              (unsigned long long)ready.reads[i].ctx,
			              ready.reads[i].err == NC_OK ? "at" : "failed",
			              (unsigned long long)ready.reads[i].index);
		}
		if (ready.install.index != 0) {
			nc_buf_printf(&desk->out, "%u is to install %llu from %llu\n", id,
			              (unsigned long long)ready.install.index,
			              (unsigned long long)ready.install.from);
		}
	}
}

/* ---- In -------------------------------------------------------------------------------------- */

static bool matches(const struct letter *letter, uint64_t from, uint64_t to, const char *type)
{
	struct nc_buf buf = { 0 };
	char name[40] = "";
	(void)sscanf(desk_type_name(&letter->message, &buf), "%*s %39s", name);
	nc_buf_release(&buf);
	return (from == 0 || letter->message.from == from) &&
	       (to == 0 || letter->message.to == to) && (type == NULL || strcmp(name, type) == 0);
}

void desk_step(struct desk *desk, const struct letter *letter)
{
	struct desk_node *node = &desk->nodes[letter->message.to];
	struct nc_raft_message message = letter->message;
	if (node->raft == NULL)
		return;
	message.entries = letter->entries;
	message.members = message.members == NULL ? NULL : &letter->members;
	int err = nc_raft_step(node->raft, &message);
	if (err != NC_OK)
		nc_buf_printf(&desk->out, "step: %s\n", nc_err_name(err));
	for (uint32_t i = 0; i < message.entry_count; i++) {
		uint64_t index = message.index + 1 + i, term = 0;
		if (nc_raft_term_at(node->raft, index, &term) != NC_OK ||
		    term != letter->entries[i].term || index <= node->memory.base ||
		    index > node->memory.last + 1 || sim_log_term(&node->memory, index) == term)
			continue;
		struct sim_entry entry = { .term = term,
			                   .size = letter->entries[i].size,
			                   .kind = letter->entries[i].kind,
			                   .members = letter->entries[i].members };
		sim_log_put(&node->memory, index, &entry);
	}
	if (node->memory.last > node->raft->trail.last)
		node->memory.last = node->raft->trail.last;
	desk_pump(desk, node);
}

bool desk_carry(struct desk *desk, uint64_t from, uint64_t to, const char *type, enum fate fate,
                bool say)
{
	size_t count = desk->flight_count, kept = 0;
	struct letter *now = calloc(count + 1, sizeof *now);
	nc_assert(now != NULL);
	size_t chosen = 0;
	for (size_t i = 0; i < count; i++) {
		if (matches(&desk->flight[i], from, to, type))
			now[chosen++] = desk->flight[i];
		if (!matches(&desk->flight[i], from, to, type) || fate == REPEAT)
			desk->flight[kept++] = desk->flight[i];
	}
	desk->flight_count = kept;
	for (size_t i = 0; i < chosen; i++) {
		struct nc_buf buf = { 0 };
		if (say)
			nc_buf_printf(&desk->out, "%s\n", desk_type_name(&now[i].message, &buf));
		nc_buf_release(&buf);
		if (fate != DROP)
			desk_step(desk, &now[i]);
		if (fate != REPEAT)
			free(now[i].entries);
	}
	free(now);
	return chosen > 0;
}

bool desk_persist(struct desk *desk, struct desk_node *node, uint64_t count, bool tell)
{
	bool any = false;
	for (; count > 0 && node->order_count > 0; count--) {
		struct order order = node->orders[0];
		node->order_count--;
		memmove(node->orders, node->orders + 1, node->order_count * sizeof *node->orders);
		const struct nc_raft_ready *ready = &order.ready;
		if (ready->hard_changed)
			node->hard = ready->hard;
		if (ready->first <= ready->last && ready->first <= node->disk.last)
			node->disk.last = ready->first - 1;
		for (uint64_t i = ready->first; i <= ready->last; i++)
			sim_log_put(&node->disk, i, &order.entries[i - ready->first]);
		free(order.entries);
		any = true;
		if (tell) {
			nc_assert(nc_raft_appended(node->raft, ready->mark) == NC_OK);
			desk_pump(desk, node);
		}
	}
	return any;
}

void desk_settle(struct desk *desk)
{
	bool any = true;
	for (int rounds = 0; any && rounds < 1000; rounds++) {
		any = false;
		for (unsigned id = 1; id < IDS; id++) {
			any |= desk->nodes[id].raft != NULL &&
			       desk_persist(desk, &desk->nodes[id], UINT64_MAX, true);
		}
		any |= desk_carry(desk, 0, 0, NULL, DELIVER, false);
	}
}

/* ---- Life ------------------------------------------------------------------------------------ */

void desk_start(const struct desk *desk, struct desk_node *node, uint64_t id, bool doubtful)
{
	struct nc_raft_options options = nc_raft_options_default(id, id * 1000 + node->life++);
	struct nc_raft_start start = { .hard = node->hard,
		                       .base_index = node->disk.base,
		                       .base_term = node->disk.base_term,
		                       .members = node->disk.base_members,
		                       .applied = node->checkpoint,
		                       .doubtful = doubtful };
	options.append_entries_max = desk->limit != 0 ? desk->limit : 4;
	nc_assert(nc_raft_new(&options, &start, &node->raft) == NC_OK);
	sim_log_reset(&node->memory, node->disk.base, node->disk.base_term,
	              &node->disk.base_members);
	for (uint64_t i = node->disk.base + 1; i <= node->disk.last; i++) {
		const struct sim_entry *entry = &node->disk.at[i];
		struct nc_raft_entry loaded = { entry->term, entry->size, entry->kind,
			                        entry->members };
		nc_assert(nc_raft_load(node->raft, &loaded) == NC_OK);
		sim_log_put(&node->memory, i, entry);
	}
	if (node->checkpoint > 0)
		nc_assert(nc_raft_snapshot_taken(node->raft, node->checkpoint) == NC_OK);
}

void desk_crash(struct desk *desk, struct desk_node *node, uint64_t kept)
{
	(void)desk_persist(desk, node, kept, false);
	while (node->order_count > 0)
		free(node->orders[--node->order_count].entries);
	nc_raft_free(node->raft);
	node->raft = NULL;
}

void desk_install(struct desk *desk, struct desk_node *node, bool ok)
{
	struct nc_raft_install at = node->raft->install;
	if (!ok || at.index == 0) {
		nc_raft_snapshot_failed(node->raft);
		return;
	}
	(void)desk_persist(desk, node, UINT64_MAX, true);
	sim_log_reset(&node->disk, at.index, at.term, &at.members);
	sim_log_reset(&node->memory, at.index, at.term, &at.members);
	node->checkpoint = at.index;
	nc_assert(nc_raft_snapshot_restored(node->raft, at.index) == NC_OK);
	desk_pump(desk, node);
}
