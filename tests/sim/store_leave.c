/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An owner that leaves in order, as core/node/spread/spread.c does: it delivers no more, waits
 * until what was acknowledged is in the log, and lets go of its lease, so that the others need not
 * wait for that. Then it ends. */
#include "tests/sim/store_private.h"

#define LEAVE_NS UINT64_C(500000000)

void store_leave_begin(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	if (!node->up || of->leaves)
		return;
	sim->counters.drains++;
	sim_trace(sim, "%llu is to leave", (unsigned long long)node->id);
	of->leaves = true;
	of->leave_ns = store_now_ns(sim) + LEAVE_NS;
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		of->machines[i].hurry |= of->machines[i].owned;
		store_subs_step_in(sim, node, i, 0);
	}
	struct sim_event *event = sim_event_new(&sim->heap);
	event->at = sim->now + 600 * SIM_MS + sim_below(sim, 2 * SIM_S);
	event->type = SIM_END;
	event->slot = (uint8_t)(node - sim->nodes);
	event->life = node->life;
	sim_event_put(&sim->heap, event);
}

static bool has_yielded(const struct store_machine *machine)
{
	return !machine->saving && !machine->unsaved && !machine->moving &&
	       !nc_sub_progress_dirty(machine->machine);
}

void store_leave_tick(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	bool yielded = true;
	if (!of->leaves || of->lease.left)
		return;
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		const struct store_machine *machine = &of->machines[i];
		if (machine->machine != NULL && machine->owned && store_runs(sim, node, i))
			yielded &= has_yielded(machine);
	}
	if (!yielded && store_now_ns(sim) < of->leave_ns)
		return;
	sim_trace(sim, "%llu has left", (unsigned long long)node->id);
	nc_lease_leave(&of->lease);
	of->renewed_ns = 0; /* the leader is told at once */
}
