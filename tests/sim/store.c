/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node's engine over the state in memory: applying, checkpoints, crashes, snapshots. */
#include <stdlib.h>

#include "storage/state/memory_state.h"
#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

struct store_node *store_of(struct sim *sim, const struct sim_node *node)
{
	return &sim->store->nodes[node - sim->nodes];
}

uint64_t store_clock_ns(const struct sim *sim, const struct sim_node *node)
{
	const struct store_node *of = &sim->store->nodes[node - sim->nodes];
	return UINT64_C(1700000000000000000) +
	       (uint64_t)((int64_t)sim->now + of->clock_us) * UINT64_C(1000);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void engine_open(struct store_node *of)
{
	nc_assert(nc_engine_open(of->state, &of->engine) == NC_OK);
	nc_assert(nc_state_reader_open(of->state, &of->reader) == NC_OK);
}

static void engine_close(struct store_node *of)
{
	nc_state_reader_close(of->reader);
	nc_engine_close(of->engine);
	of->reader = NULL;
	of->engine = NULL;
}

void store_new(struct sim *sim)
{
	struct sim_store *store = calloc(1, sizeof *store);
	nc_assert(store != NULL);
	sim->store = store;
	(void)store_command_new(sim, STORE_APPEND); /* 0 means none */
	store->op_count = store->asked_count = store->letter_count = 1;
	store->version = NC_ENGINE_VERSION_FIRST;
	store->seats = 1;
	store->no_id = (uint32_t)sim_below(sim, 5000);
	store->retry = (uint32_t)sim_below(sim, 10000);
	store->batching = (uint32_t)sim_below(sim, 6000);
	for (uint32_t i = 0; i < sim->node_count; i++)
		nc_assert(nc_memory_state_open(&store->nodes[i].state) == NC_OK);
}

static void forget(struct store_node *of)
{
	store_subs_drop(of);
	of->inbox_count = of->read_count = 0;
}

void store_free(struct sim *sim)
{
	struct sim_store *store = sim->store;
	if (store == NULL)
		return;
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct store_node *of = &store->nodes[i];
		forget(of);
		engine_close(of);
		nc_state_close(of->state);
		free(of->inbox);
		free(of->reads);
	}
	for (size_t i = 0; i < store->command_count; i++) {
		nc_buf_release(&store->commands[i].bytes);
		nc_buf_release(&store->commands[i].parked);
		nc_buf_release(&store->commands[i].unparked);
		nc_buf_release(&store->commands[i].progress_bytes);
	}
	for (size_t i = 0; i < store->payload_room; i++) {
		nc_buf_release(&store->payloads[i].bytes);
		free(store->payloads[i].commands);
	}
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		nc_buf_release(&store->subs[i].progress);
		free(store->subs[i].marks);
		free(store->subs[i].confirmed);
		free(store->subs[i].unparked);
	}
	free(store->commands);
	free(store->payloads);
	free(store->ops);
	free(store->asked);
	free(store->letters);
	free(store->rows);
	free(store->ids_at);
	free(store->digests);
	free(store->wholes);
	free(store);
	sim->store = NULL;
}

void store_start(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	engine_open(of);
	if (nc_state_applied(of->state).index != node->checkpoint) {
		sim_violation(sim, "node %llu: its state came back at %llu, its checkpoint is %llu",
		              ULL(node->id), ULL(nc_state_applied(of->state).index),
		              ULL(node->checkpoint));
	}
	of->told = node->checkpoint;
	store_spread_start(sim, node);
}

void store_crash(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	forget(of);
	engine_close(of);
	nc_memory_state_crash(of->state);
}

void store_wipe(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	nc_state_close(of->state);
	nc_assert(nc_memory_state_open(&of->state) == NC_OK);
}

void store_checkpoint(struct sim *sim, struct sim_node *node)
{
	struct nc_state_applied covered;
	nc_assert(nc_state_checkpoint(store_of(sim, node)->state, &covered) == NC_OK);
	if (covered.index != node->applied) {
		sim_violation(sim, "node %llu: a checkpoint covers %llu, %llu is applied",
		              ULL(node->id), ULL(covered.index), ULL(node->applied));
	}
}

/* ---- Applying -------------------------------------------------------------------------------- */

struct applying {
	struct sim *sim;
	const struct sim_node *node; /* NULL: a snapshot in the making */
	const struct store_payload *payload;
	size_t at;
};

static void on_outcome(void *ctx, const struct nc_outcome *outcome)
{
	struct applying *applying = ctx;
	if (applying->node != NULL && applying->at < applying->payload->count) {
		store_model_compare(applying->sim, applying->node,
		                    applying->payload->commands[applying->at], outcome);
	}
	applying->at++;
}

static bool apply_one(struct sim *sim, const struct sim_node *node, struct nc_engine *engine,
                      uint64_t payload)
{
	if (payload == 0)
		return true;
	struct applying applying = { sim, node, &sim->store->payloads[payload], 0 };
	int err = nc_engine_apply(engine, nc_buf_slice(&applying.payload->bytes), on_outcome,
	                          &applying);
	if (err != NC_OK || applying.at != applying.payload->count) {
		sim_violation(sim, "node %llu: the engine says %s",
		              node == NULL ? 0 : ULL(node->id), nc_err_name(err));
	}
	return sim->violation[0] == '\0';
}

/* Answer who asked this node, if the entry is the one that was put, and the node lives on. */
static void answer_all(struct sim *sim, struct sim_node *node, uint64_t payload)
{
	const struct store_payload *of = &sim->store->payloads[payload];
	for (size_t i = 0; payload != 0 && i < of->count; i++) {
		const struct store_command *command = &sim->store->commands[of->commands[i]];
		if (command->slot != (uint32_t)(node - sim->nodes) || command->life != node->life)
			continue;
		if (command->owner_asks != 0) {
			store_forward_applied(sim, node, of->commands[i]);
		} else if (command->kind == STORE_SAVE || command->kind == STORE_PLACE) {
			store_subs_outcome(sim, node, of->commands[i]);
		} else {
			store_answer(sim, node, of->commands[i]);
		}
	}
}

/* Subscriptions that came to be, or went. */
static void subs_sync(struct sim *sim, struct sim_node *node, uint64_t payload)
{
	const struct store_payload *of = &sim->store->payloads[payload];
	for (size_t i = 0; payload != 0 && i < of->count; i++) {
		const struct store_command *command = &sim->store->commands[of->commands[i]];
		if (command->kind == STORE_CREATE || command->kind == STORE_DELETE ||
		    command->kind == STORE_OWN || command->kind == STORE_PLACE) {
			if (command->kind == STORE_OWN && command->fault.code == 0 &&
			    command->owner.number == 0)
				store_spread_back(sim, node, command->sub);
			store_subs_sync(sim, node, command->sub);
			store_spread_look(sim, node, command->sub);
			store_spread_assigned(store_of(sim, node), command->sub, of->commands[i]);
			if (command->kind == STORE_OWN && command->fault.code == 0)
				store_spread_owned(store_of(sim, node));
		} else if (command->kind == STORE_SEEK) {
			store_subs_sought(sim, node, command);
		} else if (command->acks && command->fault.code == 0 && !command->duplicate) {
			store_subs_batched(sim, node, command);
		}
	}
}

/* How far one transaction goes: some entries, and no further than where all is compared. */
static uint64_t group_end(struct sim *sim, uint64_t first, uint64_t through)
{
	uint64_t last = first + sim_below(sim, 8);
	if (last > through)
		last = through;
	if (first / STORE_FULL_CHECK != last / STORE_FULL_CHECK && first % STORE_FULL_CHECK != 0)
		last -= last % STORE_FULL_CHECK;
	return last;
}

/* A transaction that fails leaves nothing behind. */
static void try_in_vain(struct sim *sim, const struct sim_node *node, uint64_t first, uint64_t last)
{
	struct nc_engine *engine = store_of(sim, node)->engine;
	nc_assert(nc_engine_begin(engine) == NC_OK);
	for (uint64_t i = first; i <= last; i++) {
		if (!apply_one(sim, node, engine, node->memory.at[i].payload))
			break;
	}
	nc_engine_rollback(engine);
}

void store_apply(struct sim *sim, struct sim_node *node, uint64_t through)
{
	struct store_node *of = store_of(sim, node);
	uint64_t first = node->applied + 1, last = group_end(sim, first, through);
	uint64_t head = nc_engine_head(of->engine).position;
	if (sim_chance(sim, 100))
		try_in_vain(sim, node, first, last);
	nc_assert(nc_engine_begin(of->engine) == NC_OK);
	for (uint64_t i = first; i <= last; i++) {
		sim_check_applied(sim, node, i, &node->memory.at[i]);
		node->applied = i;
		if (sim->violation[0] != '\0' ||
		    !apply_one(sim, node, of->engine, node->memory.at[i].payload)) {
			nc_engine_rollback(of->engine);
			return;
		}
	}
	const struct nc_state_applied applied = { last, node->memory.at[last].term };
	nc_assert(nc_engine_commit(of->engine, applied) == NC_OK);
	store_check_state(sim, node, last, last % STORE_FULL_CHECK == 0);
	for (uint64_t i = first; i <= last; i++) {
		sim_client_applied(sim, node, i, &node->memory.at[i]);
		subs_sync(sim, node, node->memory.at[i].payload);
		of->told = i;
		answer_all(sim, node, node->memory.at[i].payload);
	}
	store_subs_live(sim, node, head + 1, nc_engine_head(of->engine).position);
	store_spread_applied(sim, node);
}

/* The state as a peer would send it: what is committed, applied anew. */
void store_install(struct sim *sim, struct sim_node *node, uint64_t index)
{
	struct store_node *of = store_of(sim, node);
	struct nc_state_applied covered;
	forget(of);
	engine_close(of);
	store_wipe(sim, node);
	engine_open(of);
	nc_assert(nc_engine_begin(of->engine) == NC_OK);
	for (uint64_t i = 1; i <= index; i++) {
		if (!apply_one(sim, NULL, of->engine, sim->committed.at[i].payload))
			break;
	}
	const struct nc_state_applied applied = { index, sim->committed.at[index].term };
	nc_assert(nc_engine_commit(of->engine, applied) == NC_OK);
	nc_assert(nc_state_checkpoint(of->state, &covered) == NC_OK);
	of->told = index;
	store_spread_start(sim, node); /* as after a restart */
	store_check_state(sim, node, index, true);
}

/* ---- Events ---------------------------------------------------------------------------------- */

bool store_event(struct sim *sim, struct sim_event *event)
{
	struct sim_node *node = &sim->nodes[event->slot];
	bool here = node->up && event->life == node->life;
	switch ((enum sim_event_type)event->type) {
	case SIM_REQUEST:
		if (node->up)
			store_request(sim, node, event->index);
		break;
	case SIM_FLUSH:
		if (here)
			store_inbox_flush(sim, node);
		break;
	case SIM_SUB_STEP:
		if (here)
			store_subs_step(sim, node, event->sub);
		break;
	case SIM_SUB_SEARCH:
		if (here)
			store_subs_search(sim, node, event->sub);
		break;
	case SIM_TOLD:
		if (node->up)
			store_told(sim, node, event);
		break;
	case SIM_LETTER:
		if (here)
			store_letter_take(sim, node, event->index);
		break;
	case SIM_SHARE:
		if (here && event->epoch == store_of(sim, node)->boot)
			store_spread_tick(sim, node);
		break;
	case SIM_ANSWERED:
		store_answered(sim, event->index, event->what != 0);
		return true;
	case SIM_DELIVERED:
		store_delivered(sim, event);
		return true;
	default:
		return false;
	}
	if (node->up)
		sim_node_pump(sim, node);
	return true;
}

void store_pumped(struct sim *sim, struct sim_node *node)
{
	store_reads_serve(sim, node);
	store_subs_turn(sim, node);
}

/* ---- At the end ------------------------------------------------------------------------------ */

/* Whether a subscription has delivered all that it has to. */
static bool sub_settled(struct sim *sim, uint32_t number)
{
	struct sim_store *store = sim->store;
	struct store_sub *sub = &store->subs[number];
	if (!sub->exists)
		return true;
	uint8_t done = STORE_ACKED | STORE_SKIPPED;
	if (sub->policy.ack == NC_ACK_NONE)
		done |= STORE_SENT;
	for (uint64_t at = 1; at <= sub->cursor; at++) {
		if ((*store_marks(sub, at) & STORE_PARKED) != 0)
			return false;
	}
	for (uint64_t at = sub->cursor + 1; at <= store->head; at++) {
		if (store_wanted(store, sub, at) && ((*store_marks(sub, at) & done) == 0 ||
		                                     (*store_marks(sub, at) & STORE_PARKED) != 0)) {
			sim_trace(sim, "sub%u has yet to deliver %llu (%u)", number, ULL(at),
			          *store_marks(sub, at));
			return false;
		}
	}
	return true;
}

bool store_settled(struct sim *sim)
{
	struct sim_store *store = sim->store;
	store->quiet = true;
	if (store->whole_at == 0)
		store->whole_at = sim->now;
	if (!store_spread_settled(sim))
		return false;
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		if (!sub_settled(sim, i))
			return false;
	}
	for (uint32_t i = 0; i < STORE_CLIENTS; i++) {
		if (store->clients[i].op != 0)
			return false;
	}
	for (uint32_t i = 0; i < sim->node_count; i++) {
		struct sim_node *node = &sim->nodes[i];
		store_check_state(sim, node, node->applied, true);
		store_read_whole(sim, node);
	}
	return true;
}
