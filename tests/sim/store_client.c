/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clients who append: one request at a time each; who hears nothing asks again with the same id, or
 * gives up. What they are told is held against what is in the store. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

/* ---- To the node ----------------------------------------------------------------------------- */

static struct sim_event *event_to(struct sim *sim, uint32_t slot, enum sim_event_type type)
{
	struct sim_event *event = sim_event_new(&sim->heap);
	event->at = sim->now + sim->faults.delay_us + sim_below(sim, sim->faults.jitter_us + 1);
	event->type = (uint8_t)type;
	event->slot = (uint8_t)slot;
	event->life = sim->nodes[slot].life;
	return event;
}

void store_send(struct sim *sim, uint64_t number)
{
	const struct sim_node *node = sim_someone(sim);
	const struct store_command *command = &sim->store->commands[number];
	if (node == NULL || sim_chance(sim, sim->faults.loss))
		return;
	struct sim_event *event = event_to(sim, (uint32_t)(node - sim->nodes), SIM_REQUEST);
	event->index = number;
	sim_event_put(&sim->heap, event);
	bool safe = command->kind == STORE_BATCH || command->kind == STORE_APPEND;
	for (uint8_t i = 0; safe && i < command->part_count; i++)
		safe = command->parts[i].id != 0;
	if (!safe || !sim_chance(sim, sim->faults.doubling))
		return;
	/* The same once more: only an id makes that harmless. Nobody hears of it. */
	uint64_t twin = store_command_new(sim, STORE_APPEND);
	struct store_command *copy = &sim->store->commands[twin];
	*copy = sim->store->commands[number];
	copy->bytes = (struct nc_buf){ 0 }; /* the rest that it owns is empty */
	copy->answered = true;
	sim->store->ops[copy->op].unanswered++; /* for good */
	store_spec_encode(sim->store, twin);
	event = event_to(sim, (uint32_t)(node - sim->nodes), SIM_REQUEST);
	event->at += sim_below(sim, 50 * SIM_MS);
	event->index = twin;
	sim_event_put(&sim->heap, event);
}

static void refused(struct sim *sim, struct sim_node *node, uint64_t number, bool busy)
{
	const struct store_command *command = &sim->store->commands[number];
	uint8_t kind = command->kind;
	if (kind == STORE_OWN)
		store_spread_assigned(store_of(sim, node), command->sub, number);
	if (command->owner_asks != 0) {
		store_forward_refused(sim, node, number);
	} else if (kind == STORE_SAVE || kind == STORE_PLACE || kind == STORE_SEEK) {
		store_subs_refused(sim, node, number);
	} else if (busy) {
		struct sim_event *event =
		        event_to(sim, (uint32_t)(node - sim->nodes), SIM_ANSWERED);
		event->index = number;
		event->what = 1;
		sim_event_put(&sim->heap, event);
	}
}

void store_request(struct sim *sim, struct sim_node *node, uint64_t command)
{
	if (node->raft->role != NC_RAFT_LEADER)
		return; /* others stay silent */
	if (sim->store->commands[command].acks) {
		if (!store_subs_batch(sim, node, &sim->store->commands[command])) {
			sim->counters.batches_later++;
			refused(sim, node, command, true);
			return;
		}
		store_spec_encode(sim->store, command);
	}
	store_inbox_put(sim, node, command);
}

void store_inbox_put(struct sim *sim, struct sim_node *node, uint64_t number)
{
	struct store_node *of = store_of(sim, node);
	struct store_command *command = &sim->store->commands[number];
	command->slot = (uint32_t)(node - sim->nodes);
	command->life = node->life;
	if (of->inbox_count == of->inbox_room) {
		of->inbox_room = of->inbox_room * 2 + 16;
		of->inbox = realloc(of->inbox, of->inbox_room * sizeof *of->inbox);
		nc_assert(of->inbox != NULL);
	}
	if (of->inbox_term != node->raft->hard.term)
		of->inbox_count = 0; /* what an earlier term took in is not for this one */
	of->inbox_term = node->raft->hard.term;
	if (of->inbox_count == 0)
		sim_schedule(sim, sim_below(sim, 2000), SIM_FLUSH, command->slot);
	of->inbox[of->inbox_count++] = number;
}

/* What has come in meanwhile is one entry. */
void store_inbox_flush(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	struct sim_store *store = sim->store;
	struct nc_buf bytes = { 0 };
	if (of->inbox_term != node->raft->hard.term)
		of->inbox_count = 0;
	if (of->inbox_count == 0)
		return;
	nc_entry_begin(&bytes, store_clock_ns(sim, node));
	for (size_t i = 0; i < of->inbox_count; i++)
		nc_buf_put_slice(&bytes, nc_buf_slice(&store->commands[of->inbox[i]].bytes));
	uint64_t payload = 0;
	int err = sim_propose(sim, node, (uint32_t)bytes.size, &payload);
	size_t count = of->inbox_count;
	of->inbox_count = 0;
	if (err != NC_OK) {
		nc_buf_release(&bytes);
		for (size_t i = 0; i < count; i++)
			refused(sim, node, of->inbox[i], err == NC_BUSY || err == NC_FULL);
		return;
	}
	if (payload >= store->payload_room) {
		size_t room = payload * 2 + 64;
		store->payloads = store_grown(store->payloads, sizeof *store->payloads,
		                              store->payload_room, room);
		store->payload_room = room;
	}
	struct store_payload *of_entry = &store->payloads[payload];
	*of_entry = (struct store_payload){ bytes, malloc(count * sizeof(uint64_t)), count };
	nc_assert(of_entry->commands != NULL && nc_buf_status(&bytes) == NC_OK);
	memcpy(of_entry->commands, of->inbox, count * sizeof(uint64_t));
}

/* ---- From the node --------------------------------------------------------------------------- */

/* With what it took along. */
static void confirm_batch(struct sim *sim, const struct sim_node *node,
                          const struct store_command *of)
{
	struct store_sub *sub = &sim->store->subs[of->sub];
	store_confirm(sim, node, of->sub, of->epoch, of->acks_position);
	for (uint64_t at = sub->cursor + 1; of->through && at < of->acks_position; at++) {
		if ((*store_marks(sub, at) & STORE_ALONG) != 0)
			store_confirm(sim, node, of->sub, of->epoch, at);
	}
}

void store_answer(struct sim *sim, const struct sim_node *node, uint64_t command)
{
	const struct store_command *of = &sim->store->commands[command];
	if (of->acks && of->fault.code == 0)
		confirm_batch(sim, node, of);
	if (sim_chance(sim, sim->faults.loss))
		return;
	struct sim_event *event = event_to(sim, (uint32_t)(node - sim->nodes), SIM_ANSWERED);
	event->index = command;
	event->what = 0;
	sim_event_put(&sim->heap, event);
}

/* An event answered is where the answer says, once, and after all that was answered before it was
 * asked for. */
static void check_ok(struct sim *sim, const struct store_command *command,
                     const struct store_op *op)
{
	const struct sim_store *store = sim->store;
	for (uint8_t i = 0; i < command->part_count; i++) {
		uint64_t position = command->positions[i];
		const struct store_event *part = &command->parts[i];
		const struct store_row *row = &store->rows[position];
		if (position == 0 || position > store->head || row->op != part->op ||
		    row->part != part->part || row->stream != part->stream) {
			sim_violation(sim,
			              "operation %llu was answered position %llu, where it is not",
			              ULL(command->op), ULL(position));
		}
		if (!command->duplicate && position <= op->after) {
			sim_violation(sim,
			              "linearizability: operation %llu is at %llu, not after %llu",
			              ULL(command->op), ULL(position), ULL(op->after));
		}
	}
}

static void learn(struct sim_store *store, const struct store_command *command)
{
	for (uint8_t i = 0; i < command->part_count; i++) {
		const struct store_row *row = &store->rows[command->positions[i]];
		if (command->positions[i] > store->acked_position)
			store->acked_position = command->positions[i];
		if (row->version > store->acked_versions[row->stream])
			store->acked_versions[row->stream] = row->version;
	}
}

static void release(struct sim_store *store, uint64_t op)
{
	for (uint32_t i = 0; i < STORE_CLIENTS; i++) {
		if (store->clients[i].op == op)
			store->clients[i].op = 0;
	}
}

void store_answered(struct sim *sim, uint64_t number, bool busy)
{
	struct sim_store *store = sim->store;
	struct store_command *command = &store->commands[number];
	if (command->answered || command->op == 0)
		return;
	struct store_op *op = &store->ops[command->op];
	command->answered = true;
	op->unanswered--;
	if (busy) {
		sim->counters.shed++;
		if (op->command == number)
			op->command = 0; /* nothing was done: to be asked again */
		return;
	}
	if (command->fault.code == 0) {
		sim->counters.answered++;
		op->accepted = true;
		sim->counters.duplicates += command->duplicate;
		check_ok(sim, command, op);
		learn(store, command);
	} else {
		sim->counters.refusals++;
		sim->counters.conditions_failed += command->fault.err_code == 40902;
		op->refused = !op->accepted; /* an earlier attempt may have been refused */
		if (op->refused && op->unanswered == 0 && op->written != 0) {
			sim_violation(sim, "operation %llu was refused and is in the store",
			              ULL(command->op));
		}
	}
	sim_trace(sim, "  operation %llu is answered %u, %u attempts, %u unanswered",
	          ULL(command->op), command->fault.err_code, op->attempts, op->unanswered);
	op->done = true;
	release(store, command->op);
}

/* ---- A turn ---------------------------------------------------------------------------------- */

static void ask(struct sim *sim, uint64_t number, struct store_client *client)
{
	struct store_op *op = &sim->store->ops[client->op];
	sim->store->commands[number].op = client->op;
	op->command = number;
	op->attempts++;
	op->unanswered++;
	client->until = sim->now + 200 * SIM_MS + sim_below(sim, 3 * SIM_S);
	store_spec_encode(sim->store, number);
	sim_trace(sim, "  operation %llu is asked for, attempt %u", ULL(client->op), op->attempts);
	store_send(sim, number);
}

/* The same as before. */
static void ask_again(struct sim *sim, struct store_client *client, uint64_t before)
{
	uint64_t number = store_command_new(sim, STORE_APPEND);
	struct store_command *command = &sim->store->commands[number];
	const struct store_command *first = &sim->store->commands[before];
	command->kind = first->kind;
	command->part_count = first->part_count;
	memcpy(command->parts, first->parts, sizeof command->parts);
	command->check_count = first->check_count;
	command->check = first->check;
	command->check_stream = first->check_stream;
	command->item_count = first->item_count;
	command->item = first->item;
	command->after = first->after;
	sim->counters.retries++;
	ask(sim, number, client);
}

static uint64_t op_new(struct sim_store *store)
{
	if (store->op_count >= store->op_room) {
		store->op_room = store->op_room * 2 + 256;
		store->ops = realloc(store->ops, store->op_room * sizeof *store->ops);
		nc_assert(store->ops != NULL);
	}
	store->ops[store->op_count] = (struct store_op){ .after = store->acked_position };
	return store->op_count++;
}

void store_process(struct sim *sim, const struct sim_event *delivered)
{
	struct sim_store *store = sim->store;
	uint64_t number = store_command_new(sim, STORE_BATCH);
	struct store_command *command = &store->commands[number];
	command->op = op_new(store);
	command->part_count = 1;
	command->parts[0] = (struct store_event){ .stream = (uint8_t)sim_below(sim, STORE_STREAMS),
		                                  .type = (uint8_t)sim_below(sim, STORE_TYPE_SEAT),
		                                  .id = ++store->ids,
		                                  .op = command->op };
	command->acks = true;
	command->sub = delivered->sub;
	command->epoch = delivered->epoch;
	command->acks_position = delivered->index;
	store->ops[command->op].first = store->ops[command->op].command = number;
	store->ops[command->op].attempts = store->ops[command->op].unanswered = 1;
	store_spec_encode(store, number);
	store_send(sim, number);
}

static bool has_ids(const struct store_command *command)
{
	for (uint8_t i = 0; i < command->part_count; i++) {
		if (command->parts[i].id == 0)
			return false;
	}
	return true;
}

static void begin(struct sim *sim, struct store_client *client)
{
	struct sim_store *store = sim->store;
	client->op = op_new(store);
	uint64_t number = store_command_new(sim, STORE_APPEND);
	store_spec_draw(sim, number, client->op);
	store->ops[client->op].first = number;
	ask(sim, number, client);
}

static void go_on(struct sim *sim, struct store_client *client)
{
	struct sim_store *store = sim->store;
	struct store_op *op = &store->ops[client->op];
	bool shed = op->command == 0;
	if (sim->now < client->until && !shed)
		return;
	bool again =
	        shed || (has_ids(&store->commands[op->first]) && sim_chance(sim, store->retry));
	if (again && !store->quiet) {
		ask_again(sim, client, op->first);
	} else {
		sim->counters.unknown += op->unanswered > 0;
		client->op = 0; /* its outcome stays unknown */
	}
}

/* Until it is told, no node knows what this version of the engine does. */
static void raise_version(struct sim *sim)
{
	if (sim->store->version >= NC_ENGINE_VERSION || !sim_chance(sim, 500))
		return;
	uint64_t number = store_command_new(sim, STORE_VERSION);
	store_spec_encode(sim->store, number);
	store_send(sim, number);
}

void store_client_turn(struct sim *sim)
{
	struct sim_store *store = sim->store;
	struct store_client *client = &store->clients[sim_below(sim, STORE_CLIENTS)];
	raise_version(sim);
	if (store_streams_are_on(sim)) {
		store_stream_turn(sim);
	} else {
		store_consumers_turn(sim);
	}
	store_snap_turn(sim);
	if (client->op != 0) {
		go_on(sim, client);
	} else if (!store->quiet) {
		begin(sim, client);
	}
}
