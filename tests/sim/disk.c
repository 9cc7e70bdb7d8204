/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A disk that takes its time, and forgets at a crash what it had not finished: orders complete in
 * the order given, a crash leaves some of them, the last in part. */
#include <stdlib.h>

#include "tests/sim/sim_private.h"

static struct sim_write *nth(struct sim_node *node, uint32_t n)
{
	return &node->writes[(node->write_first + n) % SIM_WRITES_MAX];
}

/* One write takes all that has come in while the one before it was under way. */
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

void sim_disk_order(struct sim *sim, struct sim_node *node, const struct nc_raft_ready *ready)
{
	nc_assert(node->write_count < SIM_WRITES_MAX);
	struct sim_write *write = nth(node, node->write_count++);
	*write = (struct sim_write){ .mark = ready->mark,
		                     .hard_changed = ready->hard_changed,
		                     .hard = ready->hard,
		                     .first = ready->first,
		                     .last = ready->last,
		                     .sole = ready->sole };
	write->done_at = done_at(sim, node);
	if (ready->first <= ready->last) {
		size_t count = ready->last - ready->first + 1;
		write->entries = malloc(count * sizeof *write->entries);
		nc_assert(write->entries != NULL);
		memcpy(write->entries, &node->memory.at[ready->first],
		       count * sizeof *write->entries);
	}
	sim_schedule(sim, write->done_at - sim->now, SIM_WRITTEN, (uint32_t)(node - sim->nodes));
}

/* The first `count` entries of `write` reach the disk, and its hard state. */
static void reach(struct sim *sim, struct sim_node *node, const struct sim_write *write,
                  uint64_t count)
{
	if (node->files != NULL)
		sim_files_append(sim, node, write);
	if (write->hard_changed)
		node->hard = write->hard;
	if (write->first > write->last)
		return;
	if (write->first <= node->disk.last) {
		sim->counters.truncations++;
		sim_check_replaced(sim, node, write->first);
		node->disk.last = write->first - 1;
	}
	for (uint64_t i = 0; i < count; i++)
		sim_log_put(&node->disk, write->first + i, &write->entries[i]);
}

static void drop_first(struct sim_node *node)
{
	free(nth(node, 0)->entries);
	node->write_first = (node->write_first + 1) % SIM_WRITES_MAX;
	node->write_count--;
}

void sim_disk_written(struct sim *sim, struct sim_node *node)
{
	if (node->write_count == 0)
		return;
	struct sim_write *write = nth(node, 0);
	if (sim->now <
	    node->full_until) { /* nothing was written; tried again until there is room */
		if (node->files != NULL && sim_chance(sim, 1000) &&
		    !sim_files_full(sim, node, write)) {
			nc_raft_disk_failed(node->raft);
		} else {
			sim_schedule(sim, 20 * SIM_MS, SIM_WRITTEN, (uint32_t)(node - sim->nodes));
		}
		return;
	}
	if (sim_files_failed(node))
		return;
	if (node->write_fails) {
		node->write_fails = false;
		sim->counters.disk_errors++;
		sim_trace(sim, "%llu disk error", (unsigned long long)node->id);
		if (node->files != NULL)
			sim_files_fail(sim, node, write);
		nc_raft_disk_failed(node->raft);
		return; /* the order stays: its outcome is not known */
	}
	struct nc_raft_mark mark = write->mark;
	bool sole = write->sole;
	reach(sim, node, write, write->last + 1 - write->first);
	drop_first(node);
	if (sole)
		sim_check_sole(sim, node, mark.index);
	nc_assert(nc_raft_appended(node->raft, mark) == NC_OK);
}

void sim_disk_crash(struct sim *sim, struct sim_node *node)
{
	uint64_t kept = sim_files_failed(node) ? 0 : sim_below(sim, node->write_count + 1u);
	while (node->write_count > 0 && kept-- > 0) {
		const struct sim_write *write = nth(node, 0);
		reach(sim, node, write, write->last + 1 - write->first);
		drop_first(node);
	}
	if (node->files != NULL) {
		sim_files_crash(sim, node, node->write_count > 0 ? nth(node, 0) : NULL,
		                sim_whole(sim) || sim->blackout);
	}
	if (node->write_count == 0)
		return;
	sim->counters.lost_writes++;
	if (node->files != NULL) {
		sim_disk_clear(node);
		return;
	}
	const struct sim_write *torn = nth(node, 0);
	if (torn->first < torn->last && sim_chance(sim, 3000)) {
		reach(sim, node, torn, 1 + sim_below(sim, torn->last - torn->first));
		sim->counters.torn++;
		/* One in doubt is as much as a cluster can do without, if others are missing. */
		if (sim_whole(sim) || sim->blackout)
			node->doubtful = true;
	}
	sim_disk_clear(node);
}

void sim_disk_clear(struct sim_node *node)
{
	while (node->write_count > 0)
		drop_first(node);
}
