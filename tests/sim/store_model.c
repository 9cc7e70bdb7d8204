/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A model of the store, as plain as can be: it judges each command when its entry is committed,
 * once. What engines answer is held against it. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

/* ---- Looking --------------------------------------------------------------------------------- */

static bool item_matches(const struct store_item *item, const struct store_row *row)
{
	return (!item->typed || item->type == row->type) &&
	       (item->group == 0 || item->group == row->group) &&
	       (item->seat == 0 || item->seat == row->seat);
}

/* The position of an event known by its id in its stream; 0: none. */
static uint64_t known(const struct sim_store *store, const struct store_event *part)
{
	return part->id == 0 ? 0 : store->ids_at[part->id][part->stream];
}

static bool same_content(const struct store_row *row, const struct store_event *part)
{
	return row->op == part->op && row->part == part->part && row->type == part->type;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void rows_grow(struct sim_store *store)
{
	if (store->head + 1 + STORE_PARTS_MAX > store->row_room) {
		store->row_room = store->row_room * 2 + 256;
		store->rows = realloc(store->rows, store->row_room * sizeof *store->rows);
		nc_assert(store->rows != NULL);
	}
	while (store->ids >= store->id_room) {
		size_t room = store->id_room * 2 + 256;
		store->ids_at =
		        store_grown(store->ids_at, sizeof *store->ids_at, store->id_room, room);
		store->id_room = room;
	}
}

/* Each part of an operation is in the store at most once, and of what was refused for good,
 * nothing; a seat has one taker. */
static void check_write(struct sim *sim, const struct store_event *part)
{
	struct sim_store *store = sim->store;
	struct store_op *op = &store->ops[part->op];
	if ((op->written >> part->part & 1) != 0) {
		sim_violation(sim, "exactly once: part %u of operation %llu is appended twice",
		              part->part, ULL(part->op));
	}
	if (op->refused && op->unanswered == 0)
		sim_violation(sim, "operation %llu was refused and is appended", ULL(part->op));
	op->written |= (uint8_t)(1u << part->part);
	if (part->seat != 0 && store->seat_taken[part->seat]++ > 0)
		sim_violation(sim, "condition: seat %u has two takers", part->seat);
}

static void write(struct sim *sim, struct store_command *command, uint8_t number)
{
	struct sim_store *store = sim->store;
	const struct store_event *part = &command->parts[number];
	check_write(sim, part);
	uint64_t position = ++store->head;
	uint64_t *last = &store->last_of_group[part->group];
	struct store_row *row = &store->rows[position];
	*row = (struct store_row){ .op = part->op,
		                   .id = part->id,
		                   .version = ++store->heads[part->stream],
		                   .part = part->part,
		                   .stream = part->stream,
		                   .type = part->type,
		                   .group = part->group,
		                   .seat = part->seat,
		                   .before_stream = store->last_of_stream[part->stream],
		                   .before_group = part->group == 0 ? 0 : *last };
	store->last_of_stream[part->stream] = *last = position;
	sim_trace(sim, "  %llu is operation %llu.%u, id %llu in s.%u", ULL(position), ULL(part->op),
	          part->part, ULL(part->id), part->stream);
	if (part->id != 0)
		store->ids_at[part->id][part->stream] = position;
	command->positions[number] = position;
	command->position = position;
	command->version = row->version;
	store_model_wrote(store, part->stream);
}

static void judge_append(struct sim *sim, struct store_command *command)
{
	struct sim_store *store = sim->store;
	const struct store_event *part = &command->parts[0];
	uint64_t first = known(store, part);
	enum nc_stream_state state = store->looks[part->stream].state;
	if (state == NC_STREAM_TOMBSTONED) {
		command->fault = NC_FAULT_TOMBSTONED;
	} else if (first != 0 && !same_content(&store->rows[first], part)) {
		command->fault = NC_FAULT_ID_REUSED;
	} else if (first != 0) {
		command->duplicate = true;
		command->position = command->positions[0] = first;
		command->version = store->rows[first].version;
	} else if (!store_expect_holds(part->expect, state, store->heads[part->stream])) {
		command->fault = NC_FAULT_EXPECTATION;
		command->version = store->heads[part->stream];
	} else {
		write(sim, command, 0);
	}
}

/* A retry of the whole batch; or some of it is known, which is an error. */
static bool judge_retry(const struct sim_store *store, struct store_command *command)
{
	uint32_t found = 0, same = 0;
	for (uint8_t i = 0; i < command->part_count; i++) {
		uint64_t first = known(store, &command->parts[i]);
		found += first != 0;
		same += first != 0 && same_content(&store->rows[first], &command->parts[i]);
		command->positions[i] = first;
		if (first > command->position)
			command->position = first;
	}
	if (found == 0)
		return false;
	if (same == command->part_count) {
		command->duplicate = true;
	} else {
		command->fault = NC_FAULT_ID_REUSED;
	}
	return true;
}

static bool judge_expectations(const struct sim_store *store, struct store_command *command)
{
	uint64_t heads[STORE_STREAMS];
	enum nc_stream_state states[STORE_STREAMS];
	memcpy(heads, store->heads, sizeof heads);
	for (uint8_t i = 0; i < STORE_STREAMS; i++)
		states[i] = store->looks[i].state;
	bool hold = true;
	for (uint8_t i = 0; i < command->part_count; i++) {
		uint8_t stream = command->parts[i].stream;
		bool holds =
		        store_expect_holds(command->parts[i].expect, states[stream], heads[stream]);
		if (!holds && hold) {
			hold = false;
			command->version = heads[stream];
		}
		heads[stream]++;
		states[stream] = NC_STREAM_LIVE;
	}
	uint64_t checked = store->heads[command->check_stream];
	enum nc_stream_state state = store->looks[command->check_stream].state;
	if (command->check_count > 0 && !store_expect_holds(command->check, state, checked) &&
	    hold) {
		hold = false;
		command->version = checked;
	}
	if (!hold)
		command->fault = NC_FAULT_EXPECTATION;
	return hold;
}

/* Whether the delivery that a batch acknowledges is there to be acknowledged. */
/* Whether a later one took it along, whose row the log has still. */
static bool is_covered(struct store_sub *sub, uint64_t position, uint64_t head)
{
	for (uint64_t at = position; at <= head; at++) {
		if ((*store_marks(sub, at) & STORE_THROUGH) != 0)
			return true;
	}
	return false;
}

static bool ack_stands(struct sim_store *store, const struct store_command *command)
{
	struct store_sub *sub = &store->subs[command->sub];
	uint64_t position = command->acks_position;
	if (!sub->exists || sub->epoch != command->epoch || command->stale ||
	    position > store->head || (*store_marks(sub, position) & STORE_BATCHED) != 0 ||
	    is_covered(sub, position, store->head))
		return false;
	if (command->replay && (*store_marks(sub, position) & STORE_PARKED) != 0)
		return true;
	return sub->progress.size == 0
	               ? position > sub->cursor
	               : nc_sub_progress_undone(nc_buf_slice(&sub->progress), position);
}

static bool met_nobody(const struct store_command *command, uint64_t position)
{
	for (uint8_t i = 0; i < command->unheard_count; i++) {
		if (command->unheard[i] == position)
			return true;
	}
	return false;
}

static void batch_acks(struct sim *sim, struct store_command *command)
{
	struct store_sub *sub = &sim->store->subs[command->sub];
	uint8_t *marks = store_marks(sub, command->acks_position);
	sim->counters.batch_acks++;
	sim_trace(sim, "  batch acks sub%u %llu", command->sub, ULL(command->acks_position));
	bool replayed = (*marks & STORE_PARKED) != 0;
	*marks = (uint8_t)((*marks | STORE_BATCHED | STORE_ACKED) & ~STORE_PARKED);
	if (command->through)
		*marks |= STORE_THROUGH;
	for (uint64_t at = sub->cursor + 1;
	     sub->policy.ack == NC_ACK_ALL && !replayed && at < command->acks_position; at++) {
		marks = store_marks(sub, at);
		if (met_nobody(command, at))
			continue;
		if ((*marks & STORE_SENT) != 0 && (*marks & STORE_PARKED) == 0)
			*marks |= STORE_ACKED | (command->through ? STORE_ALONG : 0);
	}
}

static void judge_batch(struct sim *sim, struct store_command *command)
{
	struct sim_store *store = sim->store;
	if (store->version < NC_ENGINE_VERSION_BATCH) {
		command->fault = NC_FAULT_VERSION;
		return;
	}
	for (uint8_t i = 0; i < command->part_count; i++) {
		if (store->looks[command->parts[i].stream].state == NC_STREAM_TOMBSTONED) {
			command->fault = NC_FAULT_TOMBSTONED;
			return;
		}
	}
	if (judge_retry(store, command))
		return;
	if (command->acks && !ack_stands(store, command)) {
		command->fault = NC_FAULT_STALE_ACK;
		return;
	}
	if (!judge_expectations(store, command))
		return;
	for (uint64_t at = command->after + 1; command->item_count > 0 && at <= store->head; at++) {
		if (store->rows[at].gone_at == 0 &&
		    item_matches(&command->item, &store->rows[at])) {
			command->fault = NC_FAULT_CONDITION;
			command->position = at;
			return;
		}
	}
	for (uint8_t i = 0; i < command->part_count; i++)
		write(sim, command, i);
	if (command->acks)
		batch_acks(sim, command);
}

/* ---- Judging -------------------------------------------------------------------------------- */

static void judge(struct sim *sim, struct store_command *command)
{
	struct sim_store *store = sim->store;
	rows_grow(store);
	command->judged = true;
	if (command->kind == STORE_APPEND) {
		judge_append(sim, command);
	} else if (command->kind == STORE_BATCH) {
		judge_batch(sim, command);
	} else if (command->kind == STORE_VERSION) {
		command->duplicate = store->version >= NC_ENGINE_VERSION;
		store->version = NC_ENGINE_VERSION;
	} else if (command->kind == STORE_CREATE) {
		store_model_create(store, command);
	} else if (command->kind == STORE_SAVE || command->kind == STORE_PLACE) {
		store_model_save(sim, command);
	} else if (command->kind == STORE_SEEK) {
		store_model_seek(store, command);
	} else if (command->kind == STORE_OWN) {
		store_model_own(store, command);
	} else if (command->kind == STORE_SNAP_PUT || command->kind == STORE_SNAP_DELETE) {
		store_model_snap(store, command);
	} else if (command->kind == STORE_STREAM_DELETE || command->kind == STORE_STREAM_META) {
		store_model_stream(store, command);
	} else if (!store->subs[command->sub].exists) {
		command->fault = NC_FAULT_NO_SUB;
	} else {
		store->subs[command->sub].exists = false;
	}
}

void store_model_commit(struct sim *sim, uint64_t payload)
{
	sim->store->committing = sim->committed.last + 1;
	const struct store_payload *of = &sim->store->payloads[payload];
	for (size_t i = 0; i < of->count && sim->violation[0] == '\0'; i++)
		judge(sim, &sim->store->commands[of->commands[i]]);
}

/* ---- What an engine says --------------------------------------------------------------------- */

void store_model_compare(struct sim *sim, const struct sim_node *node, uint64_t number,
                         const struct nc_outcome *outcome)
{
	const struct store_command *command = &sim->store->commands[number];
	bool wrote = command->kind == STORE_APPEND || command->kind == STORE_BATCH;
	bool same = command->judged && outcome->fault.code == command->fault.code &&
	            outcome->fault.err_code == command->fault.err_code &&
	            outcome->duplicate == command->duplicate;
	if (same && wrote && command->fault.code == 0)
		same = outcome->position == command->position;
	if (same && wrote && command->fault.err_code == NC_FAULT_EXPECTATION.err_code)
		same = outcome->version == command->version;
	if (same && command->fault.err_code == NC_FAULT_CONDITION.err_code)
		same = outcome->position == command->position;
	if (same && command->kind == STORE_APPEND && command->fault.code == 0)
		same = outcome->version == command->version;
	bool begins = command->kind == STORE_CREATE ||
	              ((command->kind == STORE_SEEK || command->kind == STORE_OWN) &&
	               command->fault.code == 0);
	if (same && begins)
		same = outcome->epoch == command->made_epoch &&
		       outcome->cursor == command->cursor &&
		       outcome->floor.version == command->floor.version &&
		       outcome->floor.time_ns == command->floor.time_ns;
	if (same && command->kind == STORE_BATCH && command->fault.code == 0) {
		for (uint8_t i = 0; i < command->part_count; i++) {
			same &= i < outcome->result_count &&
			        outcome->results[i].position == command->positions[i] &&
			        outcome->results[i].version ==
			                sim->store->rows[command->positions[i]].version;
		}
	}
	if (same && (command->kind == STORE_SNAP_PUT || command->kind == STORE_SNAP_DELETE))
		same = store_snap_same(command, outcome);
	if (same && (command->kind == STORE_STREAM_DELETE || command->kind == STORE_STREAM_META))
		same = store_stream_same(command, outcome);
	if (!same) {
		sim_violation(
		        sim,
		        "node %llu: command %llu comes to %u/%u position %llu version %llu%s, "
		        "not to %u/%u position %llu version %llu%s",
		        ULL(node->id), ULL(number), outcome->fault.code, outcome->fault.err_code,
		        ULL(outcome->position), ULL(outcome->version),
		        outcome->duplicate ? " duplicate" : "", command->fault.code,
		        command->fault.err_code, ULL(command->position), ULL(command->version),
		        command->duplicate ? " duplicate" : "");
	}
}
