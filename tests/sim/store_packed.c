/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deliveries that leave packed into one message, as core/node/subs/subs_pack.c packs them, and what
 * an answer may do: move the events that left in that message, and no others that fly. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

static struct store_left *left_at(struct store_packing *packing, uint64_t position)
{
	if (position >= packing->room) {
		size_t room = position * 2 + 256;
		packing->left =
		        store_grown(packing->left, sizeof *packing->left, packing->room, room);
		packing->room = room;
	}
	return &packing->left[position];
}

void store_packing_release(struct store_packing *packing)
{
	free(packing->left);
	nc_buf_release(&packing->untold);
}

/* ---- Packing --------------------------------------------------------------------------------- */

/* A pushed one by its definition, a pulled one by its request: every other one asks for it. */
static bool packs(const struct store_machine *machine, const struct nc_sub_action *action)
{
	bool asked = machine->policy.push ? machine->policy.packed : action->request % 2 == 1;
	return asked && machine->policy.ack != NC_ACK_EXPLICIT && !action->alone;
}

void store_packed_tell(struct store_machine *machine)
{
	struct nc_buf *untold = &machine->packing.untold;
	struct store_flight pair[2];
	for (size_t at = 0; at < untold->size; at += sizeof pair) {
		memcpy(pair, untold->data + at, sizeof pair);
		nc_sub_packed(machine->machine, pair[0].position, pair[0].number, pair[1].number);
	}
	nc_buf_clear(untold);
}

/* Of half of the messages the machine hears only when somebody answers. A consumer may answer for
 * one event of a message by itself, too. */
void store_pack_end(struct sim *sim, const struct sim_node *node, uint32_t sub)
{
	struct store_machine *machine = &store_of(sim, node)->machines[sub];
	struct store_packing *packing = &machine->packing;
	if (packing->filled == 0)
		return;
	const struct store_flight first = packing->filling[0];
	const struct store_flight last = packing->filling[packing->filled - 1];
	for (uint32_t i = 0; packing->filled > 1 && i < packing->filled; i++) {
		const struct store_flight pair[2] = { packing->filling[i], last };
		left_at(packing, pair[0].position)->message = last.number;
		nc_buf_put(&packing->untold, pair, sizeof pair);
	}
	sim->counters.packed += packing->filled > 1;
	if (last.position % 2 == 0)
		store_packed_tell(machine);
	store_leave(sim, node, sub, last);
	if (packing->filled > 1 && (last.position + last.attempt) % 4 == 0)
		store_leave(sim, node, sub, first);
	packing->filled = 0;
}

bool store_pack(struct sim *sim, const struct sim_node *node, uint32_t sub,
                const struct nc_sub_action *action)
{
	struct store_machine *machine = &store_of(sim, node)->machines[sub];
	struct store_packing *packing = &machine->packing;
	bool may = packs(machine, action);
	uint64_t before = packing->filled == 0 ? 0 : packing->filling[packing->filled - 1].position;
	if (!may || packing->request != action->request || before >= action->position)
		store_pack_end(sim, node, sub);
	*left_at(packing, action->position) = (struct store_left){ .flight = action->flight };
	if (!may)
		return false;
	packing->request = action->request;
	packing->filling[packing->filled++] =
	        (struct store_flight){ action->position, action->flight, action->attempt };
	if (packing->filled == STORE_MESSAGE_MAX || action->position % 8 == 0)
		store_pack_end(sim, node, sub);
	return true;
}

/* ---- What an answer does --------------------------------------------------------------------- */

static bool flies(const struct store_machine *machine, uint64_t position, uint32_t *attempts)
{
	return nc_sub_find(machine->machine, position, attempts) == NC_SUB_FLYING;
}

void store_flights_look(const struct store_machine *machine, struct nc_buf *flights)
{
	struct nc_sub_info info;
	nc_sub_info(machine->machine, &info);
	for (uint64_t at = info.ack_floor + 1; at <= info.cursor; at++) {
		struct store_flight flight = { .position = at };
		if (flies(machine, at, &flight.attempt))
			nc_buf_put(flights, &flight, sizeof flight);
	}
}

/* Whether an answer to the event at `position` is to move one that was flying. */
static bool is_moved(struct store_packing *packing, uint64_t position, uint64_t flight)
{
	const struct store_left event = *left_at(packing, position);
	bool last = event.message != 0 && event.message == event.flight;
	return flight == position || (last && left_at(packing, flight)->message == event.message);
}

/* `before`: what flew; `any_attempt`: the answer is about the event, by whichever attempt it flies.
 */
void store_flights_check(struct sim *sim, struct sim_node *node, const struct sim_event *answer,
                         bool any_attempt, const struct nc_buf *before)
{
	struct store_machine *machine = &store_of(sim, node)->machines[answer->sub];
	struct store_flight flight;
	bool flew = false;
	for (size_t at = 0; at < before->size; at += sizeof flight) {
		memcpy(&flight, before->data + at, sizeof flight);
		if (flight.position == answer->index)
			flew = any_attempt || flight.attempt == answer->attempt;
	}
	flew = flew && answer->epoch == machine->epoch;
	for (size_t at = 0; at < before->size; at += sizeof flight) {
		uint32_t attempts;
		memcpy(&flight, before->data + at, sizeof flight);
		bool moves = flew && is_moved(&machine->packing, answer->index, flight.position);
		if (flies(machine, flight.position, &attempts) == moves) {
			sim_violation(
			        sim,
			        "subscription %u: an answer to %llu attempt %u %s %llu, which "
			        "left by attempt %u",
			        answer->sub, ULL(answer->index), answer->attempt,
			        moves ? "leaves out" : "is taken as one to", ULL(flight.position),
			        flight.attempt);
		}
	}
}
