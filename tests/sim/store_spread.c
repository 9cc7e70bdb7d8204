/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Subscriptions that the nodes share, as core/node does it, by the same core/delivery/placement and
 * lease: nodes ask for leases, the leader decides who owns what, and who owns it runs it. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

#define TICK_US    (40 * SIM_MS)
#define ASSIGN_NS  UINT64_C(100000000)
#define STALLED_NS UINT64_C(400000000)

static struct sim_node *node_at(struct sim *sim, uint32_t slot)
{
	return &sim->nodes[slot];
}

static uint32_t slot_of(const struct sim *sim, const struct sim_node *node)
{
	return (uint32_t)(node - sim->nodes);
}

/* What the node measures leases by: it does not go back, and runs fast or slow. */
static uint64_t lease_clock_ns(struct sim *sim, const struct sim_node *node)
{
	return store_now_ns(sim) / 100 * (uint64_t)(100 + store_of(sim, node)->drift);
}

/* ---- What runs ------------------------------------------------------------------------------- */

bool store_runs(struct sim *sim, const struct sim_node *node, uint32_t sub)
{
	const struct store_node *of = store_of(sim, node);
	const struct store_machine *machine = &of->machines[sub];
	uint64_t now_ns = lease_clock_ns(sim, node);
	if (!node->up || machine->machine == NULL)
		return false;
	return machine->owned
	               ? !machine->reown && nc_lease_holds(&of->lease, machine->since, now_ns)
	               : now_ns >= machine->wait_ns;
}

/* Whether another node runs it by a lease. Paused nodes count, too: they may go on at any moment,
 * and deliver before they look. But not after their lease. What was deleted and made anew is
 * another subscription. */
void store_check_alone(struct sim *sim, const struct sim_node *node, uint32_t sub)
{
	const struct store_machine *machine = &store_of(sim, node)->machines[sub];
	const struct store_sub *of = &sim->store->subs[sub];
	uint64_t born = of->born;
	/* Who leads has what is its own without a lease, and so may one that was deposed and has
	 * not heard of it; but not what has been shared since. */
	if (machine->epoch < born || (!machine->owned && machine->epoch != of->epoch))
		return;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		const struct sim_node *other = &sim->nodes[i];
		const struct store_machine *its = &store_of(sim, other)->machines[sub];
		if (other != node && its->owned && its->epoch >= born &&
		    store_runs(sim, other, sub)) {
			sim_violation(sim, "subscription %u: nodes %llu and %llu run it at once",
			              sub, ULL(node->id), ULL(other->id));
		}
	}
}

static void wake(struct sim *sim, struct sim_node *node)
{
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		if (store_of(sim, node)->machines[i].owned && store_runs(sim, node, i))
			store_subs_step_in(sim, node, i, 0);
	}
}

/* Those that waited to be free of an earlier owner's lease. */
static void waited(struct sim *sim, struct sim_node *node)
{
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		struct store_machine *machine = &store_of(sim, node)->machines[i];
		if (machine->wait_ns == 0 || !store_runs(sim, node, i))
			continue;
		machine->wait_ns = 0;
		store_subs_step_in(sim, node, i, 0);
	}
}

/* ---- A node ---------------------------------------------------------------------------------- */

static void ask(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	struct nc_raft_status status;
	nc_raft_status(node->raft, &status);
	of->renewed_ns = lease_clock_ns(sim, node);
	if (status.leader == 0)
		return;
	store_post(sim, node, status.leader,
	           &(struct store_letter){ .kind = STORE_RENEWAL,
	                                   .boot = of->boot,
	                                   .sent_ns = of->renewed_ns,
	                                   .released = node->applied,
	                                   .leaving = of->lease.left });
}

void store_spread_granted(struct sim *sim, struct sim_node *node, const struct store_letter *letter)
{
	struct store_node *of = store_of(sim, node);
	if (letter->boot != of->boot)
		return;
	sim->counters.grants++;
	nc_lease_grant(&of->lease, letter->sent_ns, letter->least, letter->clear, node->applied);
	wake(sim, node);
}

void store_spread_applied(struct sim *sim, struct sim_node *node)
{
	nc_lease_applied(&store_of(sim, node)->lease, node->applied);
	wake(sim, node);
	store_sent_applied(sim, node);
}

/* ---- The leader ------------------------------------------------------------------------------ */

static size_t voters_of(const struct sim_node *node, uint64_t voters[NC_RAFT_MEMBERS_MAX])
{
	const struct nc_raft_members *members = nc_raft_members(node->raft);
	size_t count = 0;
	for (uint32_t i = 0; i < members->count; i++) {
		if (members->at[i].voter)
			voters[count++] = members->at[i].id;
	}
	return count;
}

/* Since when the membership is what it is, as this node has seen it. */
static void members_look(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	struct nc_raft_status status;
	nc_raft_status(node->raft, &status);
	if (of->changed_ns == 0 || of->config_index != status.config_index)
		of->changed_ns = lease_clock_ns(sim, node);
	of->config_index = status.config_index;
}

/* All are awaited. */
static void view_begin(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	uint64_t voters[NC_RAFT_MEMBERS_MAX];
	members_look(sim, node);
	nc_placement_begin(&of->view, voters, voters_of(node, voters), of->changed_ns,
	                   lease_clock_ns(sim, node));
	of->looked_ns = 0;
}

void store_spread_lead(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	view_begin(sim, node);
	memset(of->assigning, 0, sizeof of->assigning);
}

void store_spread_renewal(struct sim *sim, struct sim_node *node, uint64_t number)
{
	struct store_node *of = store_of(sim, node);
	const struct store_letter *letter = &sim->store->letters[number];
	const struct nc_placement_renewal renewal = { letter->boot, letter->released,
		                                      letter->leaving };
	if (of->serving == 0 || node->raft->role != NC_RAFT_LEADER ||
	    !nc_placement_hear(&of->view, letter->from, &renewal, lease_clock_ns(sim, node)) ||
	    letter->leaving)
		return;
	uint64_t ctx = store_asked_new(sim);
	sim->store->asked[ctx].letter = number;
	(void)nc_raft_read_index(node->raft, ctx); /* refused: it asks again */
}

/* It is sure that we led after the renewal came. */
void store_spread_confirmed(struct sim *sim, struct sim_node *node, uint64_t number, uint64_t index)
{
	struct store_node *of = store_of(sim, node);
	const struct store_letter *asked = &sim->store->letters[number];
	if (of->serving == 0)
		return;
	const struct store_letter grant = {
		.kind = STORE_GRANT,
		.boot = asked->boot,
		.sent_ns = asked->sent_ns,
		.least = index,
		.clear = nc_placement_clear(&of->view, node->applied, lease_clock_ns(sim, node))
	};
	store_post(sim, node, asked->from, &grant);
}

static bool share_read(struct sim *sim, struct sim_node *node, uint32_t sub,
                       struct nc_placement_share *share, uint64_t *epoch)
{
	struct store_node *of = store_of(sim, node);
	struct nc_buf name = { 0 }, scratch = { 0 };
	struct nc_definition definition;
	struct nc_sub_row row;
	store_sub_name(sub, &name);
	nc_assert(nc_state_reader_begin(of->reader) == NC_OK);
	int err = nc_sub_row_get(of->reader, nc_buf_slice(&name), &scratch, &row);
	nc_assert(err == NC_OK || err == NC_NOTFOUND);
	nc_assert(nc_sub_owner_get(of->reader, nc_buf_slice(&name), &share->owner) == NC_OK);
	nc_state_reader_end(of->reader);
	if (err == NC_OK) {
		*epoch = row.epoch;
		nc_assert(nc_definition_get(row.definition, &definition) == NC_OK);
		share->spreads = definition.placement == NC_PLACEMENT_SPREAD;
		nc_definition_release(&definition);
	}
	nc_buf_release(&name);
	nc_buf_release(&scratch);
	return err == NC_OK && (share->spreads || share->owner.number != 0);
}

uint64_t store_own_propose(struct sim *sim, uint32_t sub, uint64_t epoch, struct nc_sub_owner owner)
{
	uint64_t number = store_command_new(sim, STORE_OWN);
	struct store_command *command = &sim->store->commands[number];
	struct nc_buf name = { 0 };
	store_sub_name(sub, &name);
	command->sub = (uint8_t)sub;
	command->epoch = epoch;
	command->owner = owner;
	const struct nc_sub_own own = { nc_buf_slice(&name), epoch, owner };
	nc_command_put_sub_own(&command->bytes, &own);
	nc_assert(nc_buf_status(&command->bytes) == NC_OK);
	nc_buf_release(&name);
	return number;
}

void store_spread_look(struct sim *sim, struct sim_node *node, uint32_t sub)
{
	struct nc_placement_share share = { 0 };
	uint64_t epoch;
	store_of(sim, node)->shared[sub] = share_read(sim, node, sub, &share, &epoch);
}

static void assign(struct sim *sim, struct sim_node *node, uint64_t now_ns)
{
	struct store_node *of = store_of(sim, node);
	struct nc_placement_round round;
	uint64_t epoch;
	nc_placement_round_begin(&round, &of->view, (struct nc_sub_owner){ node->id, of->boot },
	                         now_ns);
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		const struct store_machine *machine = &of->machines[i];
		struct nc_placement_share share = { .runs = store_runs(sim, node, i) };
		struct nc_sub_owner owner;
		struct nc_buf name = { 0 };
		/* A change of it comes to its end first, and what it has parked into the log. */
		bool changes = machine->machine != NULL &&
		               (machine->moving || machine->parked.size > 0 || machine->unsaved);
		if (of->assigning[i] != 0 || changes || !share_read(sim, node, i, &share, &epoch))
			continue;
		store_sub_name(i, &name);
		share.name = nc_buf_slice(&name);
		if (nc_placement_owner(&of->view, &round, &share, &owner)) {
			sim_trace(sim, "%llu gives sub%u to %llu", ULL(node->id), i,
			          ULL(owner.number));
			of->assigning[i] = store_own_propose(sim, i, epoch, owner);
			store_inbox_put(sim, node, of->assigning[i]);
		}
		nc_buf_release(&name);
	}
}

/* Applied, or refused. */
void store_spread_assigned(struct store_node *of, uint32_t sub, uint64_t command)
{
	if (of->assigning[sub] == command)
		of->assigning[sub] = 0;
}

void store_spread_back(struct sim *sim, struct sim_node *node, uint32_t sub)
{
	store_of(sim, node)->back_ns[sub] = lease_clock_ns(sim, node);
}

uint64_t store_spread_back_ns(const struct store_node *of, uint32_t sub)
{
	return of->back_ns[sub] + NC_PLACEMENT_GONE_NS;
}

/* What was let go with it is said soon, and what was taken up asks whether it is free. */
void store_spread_owned(struct store_node *of)
{
	of->renewed_ns = of->looked_ns = 0;
}

static void lead_tick(struct sim *sim, struct sim_node *node, uint64_t now_ns)
{
	struct store_node *of = store_of(sim, node);
	uint64_t voters[NC_RAFT_MEMBERS_MAX];
	nc_placement_voters(&of->view, voters, voters_of(node, voters), now_ns);
	nc_placement_committed(&of->view, node->raft->commit, now_ns);
	if (now_ns - of->ticked_ns > STALLED_NS)
		nc_placement_stalled(&of->view, of->ticked_ns, now_ns);
	if (nc_engine_head(of->engine).version >= NC_ENGINE_VERSION_OWN &&
	    now_ns - of->looked_ns >= ASSIGN_NS) {
		of->looked_ns = now_ns;
		assign(sim, node, now_ns);
	}
}

/* ---- Time ------------------------------------------------------------------------------------ */

/* Of this life of it. */
static void tick_in(struct sim *sim, struct sim_node *node, uint64_t in)
{
	struct sim_event *event = sim_event_new(&sim->heap);
	event->at = sim->now + in;
	event->type = SIM_SHARE;
	event->slot = (uint8_t)slot_of(sim, node);
	event->life = node->life;
	event->epoch = store_of(sim, node)->boot;
	sim_event_put(&sim->heap, event);
}

void store_spread_start(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	uint32_t drift = sim->faults.drift < 10 ? sim->faults.drift : 10;
	of->boot = ++sim->store->boots;
	of->lease = (struct nc_lease){ 0 };
	of->changed_ns = of->renewed_ns = 0;
	of->drift = (int)sim_below(sim, 2 * drift + 1) - (int)drift;
	of->sent_count = 0;
	of->quiet = of->leaves = false;
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		store_spread_look(sim, node, i);
		store_spread_back(sim, node, i); /* not known: no earlier than that, then */
	}
	tick_in(sim, node, sim_below(sim, TICK_US));
}

/* Nobody has said anything while there was nothing to share. */
static void look_again(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	bool any = false;
	for (uint32_t i = 0; i < STORE_SUBS; i++)
		any |= of->shared[i];
	if (of->quiet && any && of->serving != 0)
		view_begin(sim, node);
	of->quiet = !any;
}

void store_spread_tick(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	uint64_t now_ns = lease_clock_ns(sim, node), since = 0;
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		const struct store_machine *machine = &of->machines[i];
		if (machine->machine != NULL && machine->owned && machine->since > since)
			since = machine->since;
	}
	store_leave_tick(sim, node);
	look_again(sim, node);
	if (!of->quiet && nc_lease_asks(&of->lease, since, of->renewed_ns, now_ns))
		ask(sim, node);
	members_look(sim, node);
	if (of->serving != 0 && node->raft->role == NC_RAFT_LEADER)
		lead_tick(sim, node, now_ns);
	store_sent_tick(sim, node);
	waited(sim, node);
	of->ticked_ns = now_ns;
	tick_in(sim, node, TICK_US);
}

/* ---- At the end ------------------------------------------------------------------------------ */

/* Whether each that is shared runs on one node. */
bool store_spread_settled(struct sim *sim)
{
	struct sim_store *store = sim->store;
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		const struct store_sub *sub = &store->subs[i];
		bool runs = !sub->exists || !sub->policy.spreads ||
		            store->version < NC_ENGINE_VERSION_OWN;
		for (uint32_t slot = 0; !runs && slot < sim->node_count; slot++) {
			const struct sim_node *node = node_at(sim, slot);
			const struct store_machine *machine = &store_of(sim, node)->machines[i];
			runs = machine->owned && machine->epoch == sub->epoch &&
			       store_runs(sim, node, i);
		}
		if (runs)
			continue;
		if (sim->now > store->whole_at + STORE_SHARE_RUNS_US) {
			sim_violation(sim, "subscription %u: no node runs it, %llu s after healing",
			              i, STORE_SHARE_RUNS_US / SIM_S);
		}
		return false;
	}
	return true;
}
