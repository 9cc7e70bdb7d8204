/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes wrong, how often and how badly: drawn from the seed, from nothing to brutal; never more
 * than Raft promises to survive. */
#include "tests/sim/store_private.h"

/* None, little or much: up to `most`. */
static uint32_t intensity(struct sim *sim, uint32_t most)
{
	static const uint32_t shares[] = { 0, 0, 3, 10, 40, 100 };
	return (uint32_t)((uint64_t)most * shares[sim_below(sim, 6)] / 100);
}

void sim_faults_draw(struct sim *sim)
{
	struct sim_faults *faults = &sim->faults;
	*faults = (struct sim_faults){
		.delay_us = 300, .jitter_us = 500, .write_us = 200, .write_jitter_us = 300
	};
	if (sim->options.faultless)
		return;
	faults->loss = intensity(sim, 3000);
	faults->doubling = intensity(sim, 2000);
	faults->replay = intensity(sim, 500);
	faults->slow = intensity(sim, 2000);
	faults->jitter_us = sim_chance(sim, 5000) ? 500 : sim_below(sim, 100 * SIM_MS);
	faults->write_jitter_us = sim_chance(sim, 5000) ? 500 : sim_below(sim, 300 * SIM_MS);
	faults->nemesis_us = sim_chance(sim, 1000) ? 0 : 50 * SIM_MS + sim_below(sim, 900 * SIM_MS);
	faults->crash_weight = intensity(sim, 100);
	faults->cut_weight = intensity(sim, 100);
	faults->pause_weight = intensity(sim, 50);
	faults->wipe_weight = intensity(sim, 30);
	faults->leave_weight = intensity(sim, 30);
	faults->transfer_weight = intensity(sim, 100);
	faults->jump_weight = intensity(sim, 30);
	faults->error_weight = intensity(sim, 20);
	faults->full_weight = intensity(sim, 20);
	faults->disconnect_weight = intensity(sim, 60);
	faults->flip_weight = intensity(sim, 40);
	faults->install_fails = intensity(sim, 5000);
	faults->drift = intensity(sim, 30);
	faults->slow_weight = sim->options.store ? intensity(sim, 50) : 0;
	/* Not drawn, so that the runs of other seeds stay what they were: one in four, one in
	 * eight, one in four. */
	bool drains = sim->options.seed * UINT64_C(0x9e3779b97f4a7c15) >> 62 == 1;
	faults->drain_weight = sim->options.store && drains ? 40 : 0;
	bool blackouts = sim->options.seed * UINT64_C(0x9e3779b97f4a7c15) >> 61 == 5;
	faults->blackout_weight = blackouts ? 30 : 0;
	bool fulls = sim->options.seed * UINT64_C(0x9e3779b97f4a7c15) >> 62 == 2;
	faults->full_weight = fulls ? 80 : faults->full_weight;
}

/* A member may lose its disk, or leave, only when all are voters and none is in doubt of itself;
 * and never the only one. */
bool sim_whole(const struct sim *sim)
{
	if (sim->committed_members.count != sim->node_count || sim->node_count == 1)
		return false;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		const struct sim_node *node = &sim->nodes[i];
		const struct nc_raft_member *member =
		        nc_raft_members_find(&sim->committed_members, node->id);
		if (member == NULL || !member->voter || node->leaving || node->doubtful ||
		    sim_files_damaged(node) || (node->up && node->raft->doubt.nonce != 0))
			return false;
	}
	return true;
}

/* Leaders are hit more often than others. */
static uint32_t victim(struct sim *sim)
{
	uint32_t from = (uint32_t)sim_below(sim, sim->node_count);
	for (uint32_t i = 0; i < sim->node_count && sim_chance(sim, 5000); i++) {
		uint32_t slot = (from + i) % sim->node_count;
		if (sim->nodes[slot].up && sim->nodes[slot].raft->role == NC_RAFT_LEADER)
			return slot;
	}
	return from;
}

static void cut_some(struct sim *sim)
{
	uint32_t kind = (uint32_t)sim_below(sim, 5);
	uint32_t one = victim(sim);
	uint64_t half = sim_random(sim);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		for (uint32_t j = 0; j < sim->node_count; j++) {
			bool *cut = &sim->cut[i][j];
			if (kind == 0) { /* all is well */
				*cut = false;
			} else if (kind == 1) { /* one alone */
				*cut = (i == one) != (j == one);
			} else if (kind == 2) { /* one hears and is not heard, or is deaf */
				*cut = one % 2 == 0 ? i == one : j == one;
			} else if (kind == 3) { /* two parts */
				*cut = (half >> i & 1) != (half >> j & 1);
			} else { /* any link, either way */
				*cut = sim_chance(sim, 3000);
			}
		}
	}
	sim_trace(sim, "the network changes (%u)", kind);
}

static void crash(struct sim *sim, struct sim_node *node)
{
	sim_node_crash(sim, node);
	sim_schedule(sim,
	             50 * SIM_MS + sim_below(sim, sim_chance(sim, 5000) ? 300 * SIM_MS : 3 * SIM_S),
	             SIM_RESTART, (uint32_t)(node - sim->nodes));
}

/* One that has left in order. */
void sim_end(struct sim *sim, struct sim_node *node)
{
	sim_trace(sim, "%llu ends", (unsigned long long)node->id);
	crash(sim, node);
}

/* The power of all of them goes, and every write that is under way may tear. */
static void blackout(struct sim *sim)
{
	if (!sim_whole(sim))
		return;
	sim->counters.blackouts++;
	sim->blackout = true;
	for (uint32_t i = 0; i < sim->node_count; i++)
		crash(sim, &sim->nodes[i]);
	sim->blackout = false;
}

static void jump(struct sim *sim, struct sim_node *node)
{
	sim->counters.clock_jumps++;
	uint64_t ticks = 1 + sim_below(sim, 30);
	if (sim->store != NULL) {
		store_of(sim, node)->clock_us +=
		        (int64_t)sim_below(sim, 20 * SIM_S) - (int64_t)(10 * SIM_S);
	}
	for (uint64_t i = 0; i < ticks && node->up; i++)
		nc_assert(nc_raft_tick(node->raft) == NC_OK);
	sim_node_pump(sim, node);
}

/* Of room there is none at all, or what somebody leaves now and then; a term and vote take less. */
static void full(struct sim *sim, struct sim_node *node)
{
	static const uint32_t entries[] = { 10000, 9000, 5000 }, hard[] = { 10000, 2000, 0 };
	sim->counters.disk_full++;
	node->full_until = sim->now + sim_below(sim, 3 * SIM_S);
	node->full_entries = entries[sim_below(sim, 3)];
	node->full_hard = hard[sim_below(sim, 3)];
}

static void strike(struct sim *sim, struct sim_node *node, uint64_t lot)
{
	const struct sim_faults *faults = &sim->faults;
	if (lot < faults->crash_weight) {
		crash(sim, node);
	} else if ((lot -= faults->crash_weight) < faults->cut_weight) {
		cut_some(sim);
	} else if ((lot -= faults->cut_weight) < faults->pause_weight) {
		sim->counters.pauses++;
		node->paused_until = sim->now + sim_below(sim, 4 * SIM_S);
	} else if ((lot -= faults->pause_weight) < faults->wipe_weight) {
		if (!sim_whole(sim))
			return;
		sim->counters.wipes++;
		sim_node_wipe(sim, node);
		sim_schedule(sim, sim_below(sim, SIM_S), SIM_RESTART,
		             (uint32_t)(node - sim->nodes));
	} else if ((lot -= faults->wipe_weight) < faults->leave_weight) {
		if (!sim_whole(sim))
			return;
		sim->counters.leaves++;
		node->leaving = true;
	} else if ((lot -= faults->leave_weight) < faults->transfer_weight) {
		const struct sim_node *to = &sim->nodes[sim_below(sim, sim->node_count)];
		for (uint32_t i = 0; i < sim->node_count; i++) {
			if (sim->nodes[i].up &&
			    nc_raft_transfer(sim->nodes[i].raft, to->id) == NC_OK) {
				sim->counters.transfers++;
				sim_node_pump(sim, &sim->nodes[i]);
			}
		}
	} else if ((lot -= faults->transfer_weight) < faults->jump_weight) {
		if (node->up)
			jump(sim, node);
	} else if ((lot -= faults->jump_weight) < faults->full_weight) {
		full(sim, node);
	} else if ((lot -= faults->full_weight) < faults->disconnect_weight) {
		sim_network_disconnect(sim, node);
	} else if ((lot -= faults->disconnect_weight) < faults->flip_weight) {
		if (node->files != NULL && sim_whole(sim))
			sim_files_flip(sim, node);
	} else if ((lot -= faults->flip_weight) < faults->slow_weight) {
		sim->counters.slow_applies++;
		node->slow_until = sim->now + sim_below(sim, 5 * SIM_S);
	} else if ((lot -= faults->slow_weight) < faults->drain_weight) {
		store_leave_begin(sim, node);
	} else if ((lot -= faults->drain_weight) < faults->blackout_weight) {
		blackout(sim);
	} else if (node->up) {
		node->write_fails = true;
	}
}

void sim_nemesis(struct sim *sim)
{
	const struct sim_faults *faults = &sim->faults;
	if (faults->nemesis_us == 0 || sim->healed)
		return;
	sim_schedule(sim, sim_below(sim, 2 * faults->nemesis_us), SIM_NEMESIS, 0);
	uint64_t all = faults->crash_weight + faults->cut_weight + faults->pause_weight +
	               faults->wipe_weight + faults->leave_weight + faults->transfer_weight +
	               faults->jump_weight + faults->full_weight + faults->disconnect_weight +
	               faults->flip_weight + faults->slow_weight + faults->drain_weight +
	               faults->blackout_weight + faults->error_weight;
	if (all > 0)
		strike(sim, &sim->nodes[victim(sim)], sim_below(sim, all));
}

void sim_heal(struct sim *sim)
{
	sim_trace(sim, "all heals");
	sim->healed = true;
	sim->healed_at = sim->now;
	sim->progress_op = sim->op_count;
	sim->faults = (struct sim_faults){
		.delay_us = 300, .jitter_us = 500, .write_us = 200, .write_jitter_us = 300
	};
	memset(sim->cut, 0, sizeof sim->cut);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		sim->nodes[i].paused_until = 0;
		sim->nodes[i].write_fails = false;
		sim->nodes[i].full_until = sim->nodes[i].slow_until = 0;
		if (sim->store != NULL && store_of(sim, &sim->nodes[i])->leaves)
			sim_node_crash(sim, &sim->nodes[i]);
		if (sim->nodes[i].up) {
			sim->nodes[i].tick_us = 100 * SIM_MS;
		} else {
			sim_schedule(sim, 1, SIM_RESTART, i);
		}
	}
}
