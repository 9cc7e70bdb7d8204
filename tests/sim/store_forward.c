/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What nodes say to each other about shared subscriptions, and commands of owners on their way
 * through the leader, as core/node's spread_forward.c has them. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

#define ANSWER_US   (2 * SIM_S)
#define REOWN_US    (500 * SIM_MS)
#define LATE_US_MAX (3 * SIM_S)

/* ---- Letters --------------------------------------------------------------------------------- */

/* Lost, late, never twice: frames are numbered. A receiver that has restarted takes none that was
 * for its earlier life. */
void store_post(struct sim *sim, struct sim_node *from, uint64_t to,
                const struct store_letter *text)
{
	struct sim_store *store = sim->store;
	uint32_t slot = sim_slot_of(to), own = (uint32_t)(from - sim->nodes);
	if (slot >= sim->node_count || sim->nodes[slot].id != to)
		return;
	if (store->letter_count >= store->letter_room) {
		store->letter_room = store->letter_room * 2 + 256;
		store->letters =
		        realloc(store->letters, store->letter_room * sizeof *store->letters);
		nc_assert(store->letters != NULL);
	}
	uint64_t number = store->letter_count++;
	store->letters[number] = *text;
	store->letters[number].from = from->id;
	bool lost = slot != own && (sim->cut[own][slot] || sim_chance(sim, sim->faults.loss));
	if (lost)
		return;
	struct sim_event *event = sim_event_new(&sim->heap);
	event->at = sim->now;
	if (slot != own)
		event->at += sim->faults.delay_us + sim_below(sim, sim->faults.jitter_us + 1);
	if (slot != own && sim_chance(sim, sim->faults.slow))
		event->at += sim_below(sim, LATE_US_MAX);
	event->type = SIM_LETTER;
	event->slot = (uint8_t)slot;
	event->life = sim->nodes[slot].life;
	event->index = number;
	sim_event_put(&sim->heap, event);
}

/* ---- The leader ------------------------------------------------------------------------------ */

/* `index` 0: nothing was done of it, or it is not known. */
static void result_send(struct sim *sim, struct sim_node *node, uint64_t to, uint64_t command,
                        uint64_t index)
{
	store_post(
	        sim, node, to,
	        &(struct store_letter){ .kind = STORE_RESULT, .command = command, .index = index });
}

static void command_take(struct sim *sim, struct sim_node *node, const struct store_letter *letter)
{
	struct store_node *of = store_of(sim, node);
	const struct nc_sequence_at at = { letter->from, letter->boot, letter->term,
		                           letter->number };
	if (of->serving == 0 || node->raft->role != NC_RAFT_LEADER || of->serving != letter->term ||
	    !nc_sequence_take(&of->sequence, at)) {
		result_send(sim, node, letter->from, letter->command, 0);
		return;
	}
	sim->store->commands[letter->command].owner_asks = letter->from;
	store_inbox_put(sim, node, letter->command);
}

void store_forward_applied(struct sim *sim, struct sim_node *node, uint64_t command)
{
	result_send(sim, node, sim->store->commands[command].owner_asks, command, node->applied);
}

void store_forward_refused(struct sim *sim, struct sim_node *node, uint64_t command)
{
	result_send(sim, node, sim->store->commands[command].owner_asks, command, 0);
}

/* ---- An owner -------------------------------------------------------------------------------- */

/* What became of it is not known: a progress is made again. But rows of what is parked are not said
 * twice, for a batch may have acknowledged such an event in between: like a seek this ends in a new
 * epoch. */
static void unknown(struct sim *sim, struct sim_node *node, uint64_t number)
{
	const struct store_command *command = &sim->store->commands[number];
	struct store_machine *machine = &store_of(sim, node)->machines[command->sub];
	if (command->kind == STORE_OWN)
		return; /* asked for again */
	bool doubted = command->kind != STORE_SAVE || command->parked.size > 0;
	store_subs_refused(sim, node, number);
	if (doubted && machine->machine != NULL && machine->owned &&
	    machine->epoch == command->epoch)
		machine->reown = true;
}

static void known(struct sim *sim, struct sim_node *node, uint64_t number)
{
	const struct store_command *command = &sim->store->commands[number];
	struct store_machine *machine = &store_of(sim, node)->machines[command->sub];
	bool its = machine->machine != NULL && machine->epoch == command->epoch;
	if ((command->kind != STORE_SAVE && command->kind != STORE_PLACE) || !its)
		return; /* told when it was applied */
	if (command->fault.code == 0) {
		store_subs_outcome(sim, node, number);
	} else { /* of an epoch that is over, and another has not been told yet */
		machine->saving = false;
		machine->reown = !machine->moving;
	}
}

static void sent_remove(struct store_node *of, size_t at)
{
	of->sent[at] = of->sent[--of->sent_count];
}

static void result_take(struct sim *sim, struct sim_node *node, const struct store_letter *letter)
{
	struct store_node *of = store_of(sim, node);
	for (size_t i = 0; i < of->sent_count; i++) {
		if (of->sent[i].command != letter->command)
			continue;
		of->sent[i].index = letter->index;
		if (letter->index == 0) {
			sent_remove(of, i);
			unknown(sim, node, letter->command);
		}
		break;
	}
	store_sent_applied(sim, node);
}

void store_sent_applied(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	for (size_t i = 0; i < of->sent_count;) {
		uint64_t command = of->sent[i].command, index = of->sent[i].index;
		if (index == 0 || index > node->applied) {
			i++;
			continue;
		}
		sent_remove(of, i);
		known(sim, node, command);
		i = 0; /* others may have been sent meanwhile */
	}
}

/* False: there is nobody to send it to. */
bool store_forward(struct sim *sim, struct sim_node *node, uint64_t command)
{
	struct store_node *of = store_of(sim, node);
	struct nc_raft_status status;
	nc_raft_status(node->raft, &status);
	if (node->raft->role == NC_RAFT_LEADER) {
		if (of->serving != 0)
			store_inbox_put(sim, node, command);
		return of->serving != 0;
	}
	if (status.leader == 0 || of->sent_count == STORE_SENT_MAX)
		return false;
	sim->counters.forwards++;
	of->sent[of->sent_count].command = command;
	of->sent[of->sent_count].index = 0;
	of->sent[of->sent_count++].until = sim->now + ANSWER_US;
	store_post(sim, node, status.leader,
	           &(struct store_letter){ .kind = STORE_COMMAND,
	                                   .boot = of->boot,
	                                   .term = status.term,
	                                   .number = ++of->numbers,
	                                   .command = command });
	return true;
}

/* A new epoch, from what the log has, ends a doubt. */
static void reown(struct sim *sim, struct sim_node *node, uint32_t sub)
{
	struct store_node *of = store_of(sim, node);
	struct store_machine *machine = &of->machines[sub];
	struct nc_buf name = { 0 }, scratch = { 0 };
	struct nc_sub_row row = { 0 };
	machine->reown_at = sim->now + REOWN_US;
	sim->counters.reowns++;
	store_sub_name(sub, &name);
	nc_assert(nc_state_reader_begin(of->reader) == NC_OK);
	int err = nc_sub_row_get(of->reader, nc_buf_slice(&name), &scratch, &row);
	nc_state_reader_end(of->reader);
	if (err == NC_OK) {
		const struct nc_sub_owner self = { node->id, of->boot };
		(void)store_forward(sim, node, store_own_propose(sim, sub, row.epoch, self));
	}
	nc_buf_release(&name);
	nc_buf_release(&scratch);
}

void store_sent_tick(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	for (size_t i = 0; i < of->sent_count;) {
		uint64_t command = of->sent[i].command;
		if (of->sent[i].index != 0 || sim->now < of->sent[i].until) {
			i++;
			continue;
		}
		sent_remove(of, i);
		unknown(sim, node, command);
		i = 0;
	}
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		const struct store_machine *machine = &of->machines[i];
		if (machine->machine != NULL && machine->reown && sim->now >= machine->reown_at)
			reown(sim, node, i);
	}
}

/* ---- What comes ------------------------------------------------------------------------------ */

void store_letter_take(struct sim *sim, struct sim_node *node, uint64_t number)
{
	const struct store_letter letter = sim->store->letters[number];
	switch ((enum store_letter_kind)letter.kind) {
	case STORE_RENEWAL:
		store_spread_renewal(sim, node, number);
		break;
	case STORE_GRANT:
		store_spread_granted(sim, node, &letter);
		break;
	case STORE_COMMAND:
		command_take(sim, node, &letter);
		break;
	case STORE_RESULT:
		result_take(sim, node, &letter);
		break;
	}
}
