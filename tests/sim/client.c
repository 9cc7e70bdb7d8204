/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Those who use the cluster: clients who append and read, and an operator who mends the membership.
 */
#include <stdlib.h>

#include "tests/sim/store_private.h"

struct sim_node *sim_someone(struct sim *sim)
{
	struct sim_node *chosen = NULL;
	uint32_t from = (uint32_t)sim_below(sim, sim->node_count);
	bool leader = !sim_chance(sim, 500);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[(from + i) % sim->node_count];
		if (!node->up || sim->now < node->paused_until)
			continue;
		if (!leader || node->raft->role == NC_RAFT_LEADER)
			return node;
		chosen = node;
	}
	return chosen;
}

int sim_propose(struct sim *sim, struct sim_node *node, uint32_t size, uint64_t *payload_out)
{
	uint64_t index, term;
	int err = NC_FULL;
	if (!node->orders.full && node->orders.refused.first == NULL)
		err = nc_raft_propose(node->raft, size, &index, &term);
	if (err != NC_OK) {
		sim->counters.refused++;
		return err;
	}
	sim->counters.proposals++;
	if (sim->op_count == sim->op_room) {
		sim->op_room = sim->op_room * 2 + 256;
		sim->ops = realloc(sim->ops, sim->op_room * sizeof *sim->ops);
		nc_assert(sim->ops != NULL);
	}
	uint64_t payload = sim->op_count++;
	sim->ops[payload] = (struct sim_op){ .index = index,
		                             .term = term,
		                             .slot = (uint8_t)(node - sim->nodes),
		                             .life = node->life };
	struct sim_entry entry = {
		.term = term, .payload = payload, .size = size, .kind = NC_LOG_COMMAND
	};
	sim_check_stored(sim, node, index, &entry, sim_log_term(&node->memory, index - 1));
	sim_log_put(&node->memory, index, &entry);
	*payload_out = payload;
	return NC_OK;
}

static void ask(struct sim *sim, struct sim_node *node)
{
	if (sim->read_count == sim->read_room) {
		sim->read_room = sim->read_room * 2 + 256;
		sim->reads = realloc(sim->reads, sim->read_room * sizeof *sim->reads);
		nc_assert(sim->reads != NULL);
	}
	sim->reads[sim->read_count] = (struct sim_read){ sim->acked_max };
	sim->counters.reads++;
	if (nc_raft_read_index(node->raft, sim->read_count++) != NC_OK)
		sim->counters.reads_failed++;
}

void sim_client(struct sim *sim)
{
	struct sim_node *node = sim_someone(sim);
	uint64_t payload;
	sim_schedule(sim, sim->client_us / 2 + sim_below(sim, sim->client_us), SIM_CLIENT, 0);
	if (sim->store != NULL)
		store_client_turn(sim);
	if (node == NULL || (sim->healed && sim->progress_op == UINT64_MAX))
		return;
	if (sim_chance(sim, (uint32_t)sim->read_permyriad)) {
		if (sim_chance(sim, 5000))
			node = &sim->nodes[sim_below(sim, sim->node_count)];
		if (node->up && sim->now >= node->paused_until && sim->store != NULL) {
			store_read_ask(sim, node);
		} else if (node->up && sim->now >= node->paused_until) {
			ask(sim, node);
		}
	} else if (sim->store == NULL) {
		(void)sim_propose(sim, node, (uint32_t)sim_below(sim, 600), &payload);
	}
	sim_node_pump(sim, node);
}

void sim_client_applied(struct sim *sim, struct sim_node *node, uint64_t index,
                        const struct sim_entry *entry)
{
	if (entry->payload == 0)
		return;
	struct sim_op *op = &sim->ops[entry->payload];
	if (op->index != index || op->term != entry->term) {
		sim_violation(sim, "operation %llu was put at %llu and is applied at %llu",
		              (unsigned long long)entry->payload, (unsigned long long)op->index,
		              (unsigned long long)index);
		return;
	}
	if (op->acked || op->life != node->life || &sim->nodes[op->slot] != node)
		return;
	op->acked = true;
	sim->counters.acked++;
	if (index > sim->acked_max)
		sim->acked_max = index;
}

void sim_client_read(struct sim *sim, const struct nc_raft_read *read)
{
	if (read->err != NC_OK) {
		sim->counters.reads_failed++;
		return;
	}
	sim->counters.reads_served++;
	if (read->index < sim->reads[read->ctx].required) {
		sim_violation(
		        sim,
		        "linearizability: read %llu got index %llu, %llu was acknowledged before",
		        (unsigned long long)read->ctx, (unsigned long long)read->index,
		        (unsigned long long)sim->reads[read->ctx].required);
	}
}

/* ---- The operator ---------------------------------------------------------------------------- */

static bool alive(const struct sim *sim, uint64_t id)
{
	const struct sim_node *node = &sim->nodes[sim_slot_of(id)];
	return node->id == id && !node->leaving;
}

/* At times the leader goes right behind it: the next one has not seen that node as a voter. */
static void remove_one(struct sim *sim, struct nc_raft *raft, uint64_t id)
{
	uint64_t index;
	int err = nc_raft_remove(raft, id, &index);
	if (sim->store == NULL)
		return; /* consensus alone minds no leases */
	const struct sim_node *to = &sim->nodes[sim_below(sim, sim->node_count)];
	if (err == NC_OK && !sim->healed && to->id != id && sim_chance(sim, 3000))
		(void)nc_raft_transfer(raft, to->id);
}

/* One step towards: each node's present id a voter, and no other. */
static void mend(struct sim *sim, struct nc_raft *raft)
{
	const struct nc_raft_members members = *nc_raft_members(raft);
	bool remove_first = sim_chance(sim, 5000);
	uint64_t index;
	for (uint32_t i = 0; remove_first && i < members.count; i++) {
		if (!alive(sim, members.at[i].id)) {
			remove_one(sim, raft, members.at[i].id);
			return;
		}
	}
	for (uint32_t i = 0; i < sim->node_count; i++) {
		const struct nc_raft_member *member =
		        nc_raft_members_find(&members, sim->nodes[i].id);
		if (sim->nodes[i].leaving || (member != NULL && member->voter))
			continue;
		if (member == NULL) {
			(void)nc_raft_add_learner(raft, sim->nodes[i].id, &index);
		} else if (nc_raft_promote(raft, sim->nodes[i].id, &index) == NC_BUSY) {
			continue;
		}
		return;
	}
	for (uint32_t i = 0; i < members.count; i++) {
		if (!alive(sim, members.at[i].id)) {
			remove_one(sim, raft, members.at[i].id);
			return;
		}
	}
}

/* Who has been removed comes back as somebody else. */
static void replace_removed(struct sim *sim)
{
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];
		if (!node->leaving ||
		    nc_raft_members_find(&sim->committed_members, node->id) != NULL ||
		    (!sim->healed && !sim_chance(sim, 1500)))
			continue;
		sim_node_wipe(sim, node);
		sim_schedule(sim, 100 * SIM_MS, SIM_RESTART, i);
	}
}

void sim_control(struct sim *sim)
{
	sim_schedule(sim, 200 * SIM_MS + sim_below(sim, 400 * SIM_MS), SIM_CONTROL, 0);
	replace_removed(sim);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];
		if (node->up && node->raft->halted && sim_chance(sim, 3000)) {
			sim_node_crash(sim, node);
			sim_schedule(sim, 500 * SIM_MS, SIM_RESTART, i);
		} else if (node->up && node->raft->role == NC_RAFT_LEADER) {
			mend(sim, node->raft);
			/* At times a second change is asked for at once. */
			if (sim_chance(sim, 1000))
				mend(sim, node->raft);
			if (sim->store != NULL)
				store_subs_control(sim, node);
			sim_node_pump(sim, node);
		} else if (node->up && sim->now >= node->paused_until && sim->store != NULL) {
			store_subs_control(sim, node);
			sim_node_pump(sim, node);
		}
	}
	if (sim->healed)
		sim_check_healed(sim);
}
