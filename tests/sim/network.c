/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A network that loses, doubles, delays, reorders, cuts one way, and brings back what is long past.
 */
#include <stdlib.h>

#include "tests/sim/sim_private.h"

static void carry(struct sim *sim, uint32_t to, const struct nc_raft_message *message,
                  const struct sim_entry *entries, uint64_t delay, uint32_t session)
{
	struct sim_event *event = sim_event_new(&sim->heap);
	event->at = sim->now + delay;
	event->type = SIM_DELIVER;
	event->slot = (uint8_t)to;
	event->life = 0;
	event->session = session;
	event->sent_in = sim->nodes[sim_slot_of(message->from)].life;
	event->message = *message;
	event->message.entries = NULL;
	if (message->members != NULL) {
		event->members = *message->members;
		event->message.members = &event->members;
	}
	if (message->entry_count > 0) {
		event->entries = malloc(message->entry_count * sizeof *entries);
		nc_assert(event->entries != NULL);
		memcpy(event->entries, entries, message->entry_count * sizeof *entries);
	}
	sim_event_put(&sim->heap, event);
}

void sim_network_send(struct sim *sim, struct sim_node *from, const struct nc_raft_message *message,
                      const struct sim_entry *entries)
{
	uint32_t to = sim_slot_of(message->to);
	const struct sim_faults *faults = &sim->faults;
	sim->counters.messages++;
	if (sim->options.trace) {
		struct nc_buf line = { 0 };
		nc_raft_message_describe(message, &line);
		sim_trace(sim, "  send %.*s", (int)line.size, (const char *)line.data);
		nc_buf_release(&line);
	}
	if (to >= sim->node_count)
		return;
	if (sim->cut[from - sim->nodes][to]) {
		sim->counters.cut++;
		if (sim_chance(sim, 500) && from->raft != NULL) {
			sim->counters.unreachable++;
			nc_raft_unreachable(from->raft, message->to);
		}
		return;
	}
	if (sim_chance(sim, faults->loss)) {
		sim->counters.lost++;
		return;
	}
	uint64_t delay = faults->delay_us + sim_below(sim, faults->jitter_us + 1);
	if (sim_chance(sim, faults->slow))
		delay += sim_below(sim, 500 * SIM_MS);
	carry(sim, to, message, entries, delay, sim->nodes[to].session);
	if (sim_chance(sim, faults->doubling)) {
		sim->counters.doubled++;
		carry(sim, to, message, entries, delay + sim_below(sim, 50 * SIM_MS),
		      sim->nodes[to].session);
	}
	if (sim_chance(sim, faults->replay)) {
		sim->counters.replayed++;
		carry(sim, to, message, entries, sim_below(sim, 10 * SIM_S), SIM_NO_SESSION);
	}
}

/* The server cuts off a connection that takes too little in: what was on its way to the node is
 * lost, and those who sent it may be told. */
void sim_network_disconnect(struct sim *sim, struct sim_node *node)
{
	sim->counters.disconnects++;
	node->session++;
	sim_trace(sim, "%llu is disconnected", (unsigned long long)node->id);
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *other = &sim->nodes[i];
		if (other == node || !other->up || sim_chance(sim, 5000))
			continue;
		sim->counters.unreachable++;
		nc_raft_unreachable(other->raft, node->id);
		sim_node_pump(sim, other);
	}
}
