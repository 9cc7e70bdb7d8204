/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node: what core/node does with a Ready, on simulated disks and networks. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

uint32_t sim_slot_of(uint64_t id)
{
	return (uint32_t)((id - 1) % 16);
}

static uint32_t slot_of(const struct sim *sim, const struct sim_node *node)
{
	return (uint32_t)(node - sim->nodes);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void load(struct sim *sim, struct sim_node *node)
{
	sim_log_reset(&node->memory, node->disk.base, node->disk.base_term,
	              &node->disk.base_members);
	for (uint64_t i = node->disk.base + 1; i <= node->disk.last; i++) {
		const struct sim_entry *entry = &node->disk.at[i];
		sim_log_put(&node->memory, i, entry);
		struct nc_raft_entry loaded = { entry->term, entry->size, entry->kind,
			                        entry->members };
		nc_assert(nc_raft_load(node->raft, &loaded) == NC_OK);
	}
	if (node->checkpoint > 0 && nc_raft_snapshot_taken(node->raft, node->checkpoint) != NC_OK) {
		sim_violation(sim, "node %llu: its checkpoint at %llu is not within its log ..%llu",
		              (unsigned long long)node->id, (unsigned long long)node->checkpoint,
		              (unsigned long long)node->disk.last);
	}
}

void sim_node_start(struct sim *sim, struct sim_node *node)
{
	if (node->files != NULL && !sim_files_start(sim, node)) {
		sim_node_wipe(sim, node); /* it comes back as somebody else */
		sim_schedule(sim, 100 * SIM_MS, SIM_RESTART, slot_of(sim, node));
		return;
	}
	if (sim->violation[0] != '\0')
		return;
	struct nc_raft_options options = sim->raft_options;
	options.self = node->id;
	options.seed = sim_random(sim);
	struct nc_raft_start start = { .hard = node->hard,
		                       .base_index = node->disk.base,
		                       .base_term = node->disk.base_term,
		                       .members = node->disk.base_members,
		                       .applied = node->checkpoint,
		                       .doubtful = node->doubtful };
	if (node->checkpoint < node->disk.base || node->checkpoint > node->disk.last) {
		sim_violation(sim, "node %llu: checkpoint %llu, log %llu..%llu",
		              (unsigned long long)node->id, (unsigned long long)node->checkpoint,
		              (unsigned long long)node->disk.base + 1,
		              (unsigned long long)node->disk.last);
		return;
	}
	nc_assert(nc_raft_new(&options, &start, &node->raft) == NC_OK);
	sim->counters.doubtful_starts += node->doubtful;
	node->life++;
	memset(node->heard, 0, sizeof node->heard);
	node->up = true;
	node->applied = node->applying = node->checkpoint;
	node->chain = node->checkpoint_chain;
	node->write_fails = false;
	node->paused_until = node->slow_until = 0;
	node->busy_until = node->next_until = 0;
	node->seen_term = node->hard.term;
	node->seen_commit = node->seen_applied = node->checkpoint;
	node->seen_role = NC_RAFT_FOLLOWER;
	sim_trace(sim, "%llu starts", (unsigned long long)node->id);
	if (sim->store != NULL)
		store_start(sim, node);
	load(sim, node);
	uint64_t drift = sim->faults.drift;
	node->tick_us = 100 * SIM_MS * (100 - drift + sim_below(sim, 2 * drift + 1)) / 100;
	sim_schedule(sim, sim_below(sim, node->tick_us), SIM_TICK, slot_of(sim, node));
}

void sim_node_crash(struct sim *sim, struct sim_node *node)
{
	if (!node->up)
		return;
	sim->counters.crashes++;
	sim_trace(sim, "%llu crashes", (unsigned long long)node->id);
	sim_disk_crash(sim, node);
	if (sim->store != NULL)
		store_crash(sim, node);
	nc_raft_free(node->raft);
	node->raft = NULL;
	node->up = false;
	node->life++;
}

/* The disk is lost: the node comes back as somebody else. */
void sim_node_wipe(struct sim *sim, struct sim_node *node)
{
	sim_node_crash(sim, node);
	sim_trace(sim, "%llu is wiped", (unsigned long long)node->id);
	sim_disk_clear(node);
	if (sim->store != NULL)
		store_wipe(sim, node);
	if (node->files != NULL)
		sim_files_wipe(sim, node);
	sim_log_reset(&node->disk, 0, 0, &(struct nc_raft_members){ 0 });
	node->hard = (struct nc_log_hard){ 0 };
	node->checkpoint = node->checkpoint_chain = 0;
	node->doubtful = node->leaving = false;
	node->lost_last = 0;
	node->durable_term = node->durable_commit = 0;
	node->id += 16;
}

/* ---- Out ------------------------------------------------------------------------------------- */

/* The leader's own entries get what stands for their payloads when they are made (client.c); the
 * no-op and the configurations it makes by itself are found here. */
static void own_entries(struct sim *sim, struct sim_node *node)
{
	struct nc_raft *raft = node->raft;
	while (node->memory.last < raft->trail.last) {
		uint64_t index = node->memory.last + 1, term = 0;
		nc_assert(nc_raft_term_at(raft, index, &term) == NC_OK);
		const struct nc_raft_members *members = nc_raft_config_at(raft, index);
		struct sim_entry entry = { .term = term,
			                   .kind = members != NULL ? NC_LOG_CONFIG : NC_LOG_NOOP,
			                   .members = members == NULL
			                                      ? NULL
			                                      : sim_keep_members(sim, members) };
		sim_check_stored(sim, node, index, &entry, sim_log_term(&node->memory, index - 1));
		sim_log_put(&node->memory, index, &entry);
	}
}

static void send(struct sim *sim, struct sim_node *node, const struct nc_raft_message *message)
{
	if (message->type != NC_RAFT_APPEND || message->entry_count == 0) {
		sim_network_send(sim, node, message, NULL);
		return;
	}
	if (message->partial) {
		sim->counters.partial_reads++;
		struct sim_event *event = sim_event_new(&sim->heap);
		event->at = sim->now + 200 + sim_below(sim, 2000);
		event->type = SIM_LOG_READ;
		event->slot = (uint8_t)slot_of(sim, node);
		event->life = node->life;
		event->message = *message;
		event->message.entry_count = 0; /* it owns no entries */
		event->index = message->entry_count;
		sim_event_put(&sim->heap, event);
		return;
	}
	if (message->index + message->entry_count > node->memory.last ||
	    message->index < node->memory.base)
		return; /* the log has changed since */
	sim_network_send(sim, node, message, &node->memory.at[message->index + 1]);
}

static void log_read(struct sim *sim, struct sim_node *node, const struct sim_event *event)
{
	struct nc_raft_message message = event->message;
	uint64_t count = 0, bytes = 0, prev = message.index;
	bool current = node->raft->role == NC_RAFT_LEADER &&
	               node->raft->hard.term == message.term && prev >= node->memory.base;
	while (current && count < event->index && prev + count < node->memory.last) {
		uint32_t size = node->memory.at[prev + count + 1].size;
		if (count > 0 && bytes + size > message.size_max)
			break;
		bytes += size;
		count++;
	}
	/* The node reads them from its log: a leader's has none that was replaced. */
	for (uint64_t i = prev + 1; i <= prev + count && i <= node->disk.last; i++) {
		if (i > node->disk.base && sim_log_term(&node->disk, i) != node->memory.at[i].term)
			sim_violation(sim, "node %llu: sends %llu, which its log has of term %llu",
			              (unsigned long long)node->id, (unsigned long long)i,
			              (unsigned long long)sim_log_term(&node->disk, i));
	}
	if (count > 0 && node->files != NULL && sim_files_damaged(node) && prev < node->disk.last &&
	    sim_files_read(node, prev + 1) == NC_CORRUPT) {
		sim->counters.corrupt++;
		nc_raft_disk_failed(node->raft);
		return;
	}
	if (count > 0) {
		message.entry_count = (uint32_t)count;
		sim_network_send(sim, node, &message, &node->memory.at[prev + 1]);
	}
	nc_assert(nc_raft_sent(node->raft, message.to, prev, prev + count, bytes) == NC_OK);
}

static void install_begin(struct sim *sim, struct sim_node *node,
                          const struct nc_raft_install *install)
{
	sim->counters.snapshots++;
	struct sim_event *event = sim_event_new(&sim->heap);
	event->at = sim->now + 20 * SIM_MS + sim_below(sim, 1500 * SIM_MS);
	event->type = SIM_INSTALLED;
	event->slot = (uint8_t)slot_of(sim, node);
	event->life = node->life;
	event->index = install->index;
	event->message = (struct nc_raft_message){ .term = install->term };
	event->members = install->members;
	sim_event_put(&sim->heap, event);
}

void sim_node_pump(struct sim *sim, struct sim_node *node)
{
	while (node->up && sim->violation[0] == '\0' && nc_raft_has_ready(node->raft)) {
		own_entries(sim, node);
		struct nc_raft_ready ready;
		nc_raft_ready(node->raft, &ready);
		if (ready.mark.order != 0)
			sim_disk_order(sim, node, &ready);
		if (node->doubtful && node->raft->doubt.nonce == 0) {
			node->doubtful = false;
			sim_files_trust(node);
		}
		for (size_t i = 0; i < ready.message_count; i++)
			send(sim, node, &ready.messages[i]);
		if (ready.apply_first <= ready.apply_last) {
			node->applying = ready.apply_last;
			uint64_t in = 100 + sim_below(sim, 1000);
			if (node->slow_until > sim->now)
				in += node->slow_until - sim->now;
			sim_schedule(sim, in, SIM_APPLIED, slot_of(sim, node));
		}
		for (size_t i = 0; i < ready.read_count; i++) {
			if (sim->store != NULL) {
				store_read_index(sim, node, &ready.reads[i]);
			} else {
				sim_client_read(sim, &ready.reads[i]);
			}
		}
		if (ready.install.index != 0)
			install_begin(sim, node, &ready.install);
	}
	if (node->up && sim->violation[0] == '\0')
		sim_check_node(sim, node);
	if (node->up && sim->violation[0] == '\0' && sim->store != NULL)
		store_pumped(sim, node);
}

/* ---- In -------------------------------------------------------------------------------------- */

static void receive(struct sim *sim, struct sim_node *node, const struct sim_event *event)
{
	struct nc_raft_entry entries[NC_RAFT_ENTRIES_MAX];
	struct nc_raft_message message = event->message;
	if (message.to != node->id)
		return; /* to who was here before */
	uint32_t *heard = &node->heard[sim_slot_of(message.from)];
	if (event->sent_in < *heard)
		return; /* as the transport does it: of an earlier life than was heard of (raft.h)
		         */
	*heard = event->sent_in;
	if (event->session != node->session && event->session != SIM_NO_SESSION)
		return; /* its connection broke meanwhile */
	for (uint32_t i = 0; i < message.entry_count; i++) {
		entries[i] =
		        (struct nc_raft_entry){ event->entries[i].term, event->entries[i].size,
			                        event->entries[i].kind, event->entries[i].members };
	}
	message.entries = entries;
	int err = nc_raft_step(node->raft, &message);
	if (err == NC_INVALID || err == NC_CORRUPT) {
		sim_violation(sim, "node %llu: step said %s", (unsigned long long)node->id,
		              nc_err_name(err));
	}
	/* Payloads of what was taken. */
	for (uint32_t i = 0; i < message.entry_count; i++) {
		uint64_t index = message.index + 1 + i, term = 0;
		const struct sim_entry *entry = &event->entries[i];
		if (nc_raft_term_at(node->raft, index, &term) != NC_OK || term != entry->term ||
		    index <= node->memory.base || index > node->memory.last + 1 ||
		    sim_log_term(&node->memory, index) == term)
			continue;
		for (uint64_t j = index; j <= node->memory.last; j++)
			sim->counters.config_rollbacks += node->memory.at[j].members != NULL;
		sim_check_stored(sim, node, index, entry, sim_log_term(&node->memory, index - 1));
		sim_log_put(&node->memory, index, entry);
	}
	if (node->memory.last > node->raft->trail.last)
		node->memory.last = node->raft->trail.last;
}

static void take_checkpoint(struct sim *sim, struct sim_node *node)
{
	if (node->raft->halted || node->orders.full ||
	    node->applied < node->checkpoint + sim->checkpoint_entries)
		return;
	uint64_t applied = node->applied, through = 0;
	if (nc_raft_snapshot_taken(node->raft, applied) != NC_OK)
		return; /* an install has replaced it */
	if (sim->store != NULL)
		store_checkpoint(sim, node);
	node->checkpoint = applied;
	node->checkpoint_chain = node->chain;
	/* The core is asked for more than it may give. */
	uint64_t wish = applied > sim->tail_entries ? applied - sim->tail_entries : 0;
	if (sim_chance(sim, 2000))
		wish = applied + 1000;
	nc_assert(nc_raft_compact(node->raft, wish, &through) == NC_OK);
	if (through > node->checkpoint || through > node->disk.last) {
		sim_violation(sim, "node %llu: compacted through %llu, checkpoint at %llu",
		              (unsigned long long)node->id, (unsigned long long)through,
		              (unsigned long long)node->checkpoint);
		return;
	}
	if (through > node->disk.base)
		sim->counters.compactions++;
	if (node->files != NULL)
		sim_files_compact(node, through);
	sim_log_base(&node->disk, through);
	sim_log_base(&node->memory, through);
}

static void apply(struct sim *sim, struct sim_node *node)
{
	if (node->raft->halted)
		return;
	while (node->applied < node->applying && sim->violation[0] == '\0') {
		if (sim->store != NULL) {
			store_apply(sim, node, node->applying);
			continue;
		}
		uint64_t index = node->applied + 1;
		sim_check_applied(sim, node, index, &node->memory.at[index]);
		node->applied = index;
		sim_client_applied(sim, node, index, &node->memory.at[index]);
	}
	nc_raft_applied(node->raft, node->applied);
	if (sim->violation[0] == '\0')
		take_checkpoint(sim, node);
	/* Between checkpoints, too, somebody may ask for compaction. */
	uint64_t through = 0;
	if (sim_chance(sim, 100) && sim->violation[0] == '\0') {
		nc_assert(nc_raft_compact(node->raft, node->applied, &through) == NC_OK);
		if (through > node->checkpoint) {
			sim_violation(sim, "node %llu: compacted beyond its checkpoint",
			              (unsigned long long)node->id);
			return;
		}
		if (node->files != NULL)
			sim_files_compact(node, through);
		sim_log_base(&node->disk, through);
		sim_log_base(&node->memory, through);
	}
}

static void installed(struct sim *sim, struct sim_node *node, const struct sim_event *event)
{
	if (node->raft->halted)
		return;
	if (!sim_disk_idle(node)) { /* the log writer first does what it was told before */
		struct sim_event *again = sim_event_new(&sim->heap);
		*again = *event;
		again->at = sim->now + SIM_MS;
		sim_event_put(&sim->heap, again);
		return;
	}
	if (sim_chance(sim, sim->faults.install_fails)) {
		sim->counters.snapshots_failed++;
		sim_trace(sim, "%llu could not install", (unsigned long long)node->id);
		nc_raft_snapshot_failed(node->raft);
		return;
	}
	if (event->index > sim->chain_last) {
		sim_violation(sim, "node %llu: a snapshot at %llu, which nobody has applied",
		              (unsigned long long)node->id, (unsigned long long)event->index);
		return;
	}
	if (node->files != NULL)
		sim_files_reset(node, event->index, event->message.term);
	sim_log_reset(&node->disk, event->index, event->message.term, &event->members);
	sim_log_reset(&node->memory, event->index, event->message.term, &event->members);
	node->checkpoint = node->applied = node->applying = event->index;
	node->checkpoint_chain = node->chain = sim->chains[event->index];
	if (sim->store != NULL)
		store_install(sim, node, event->index);
	sim_trace(sim, "%llu has installed %llu", (unsigned long long)node->id,
	          (unsigned long long)event->index);
	nc_assert(nc_raft_snapshot_restored(node->raft, event->index) == NC_OK);
}

/* A follower that misses its leader asks whether anybody is there, and may be told that nobody is:
 * of one that is down, and now and then wrongly of another. */
static void leader_miss(struct sim *sim, struct sim_node *node)
{
	struct nc_raft_status status;
	nc_raft_status(node->raft, &status);
	uint32_t slot = sim_slot_of(status.leader);
	if (!status.silent || slot >= sim->node_count)
		return;
	if (sim_chance(sim, sim->nodes[slot].up ? 500 : 5000)) {
		sim->counters.unreachable++;
		nc_raft_unreachable(node->raft, status.leader);
	}
}

static void tick(struct sim *sim, struct sim_node *node)
{
	nc_assert(nc_raft_tick(node->raft) == NC_OK);
	leader_miss(sim, node);
	sim_disk_tick(sim, node);
	sim_schedule(sim, node->tick_us, SIM_TICK, slot_of(sim, node));
}

void sim_node_event(struct sim *sim, struct sim_node *node, struct sim_event *event)
{
	if (event->type == SIM_RESTART) {
		if (!node->up)
			sim_node_start(sim, node);
	} else if (!node->up || (event->type != SIM_DELIVER && event->life != node->life)) {
		return;
	} else if (event->type == SIM_DELIVER) {
		receive(sim, node, event);
	} else if (event->type == SIM_TICK) {
		tick(sim, node);
	} else if (event->type == SIM_WRITTEN) {
		sim_disk_written(sim, node);
	} else if (event->type == SIM_APPLIED) {
		apply(sim, node);
	} else if (event->type == SIM_LOG_READ) {
		log_read(sim, node, event);
	} else if (event->type == SIM_INSTALLED) {
		installed(sim, node, event);
	}
	sim_node_pump(sim, node);
}
