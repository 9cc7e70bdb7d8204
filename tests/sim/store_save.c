/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a node's subscriptions goes through the log: progress, acknowledgements of batches,
 * seeks; and what comes of it. */
#include "tests/sim/store_private.h"

/* To the log: an owner's goes through the leader. */
static void put(struct sim *sim, struct sim_node *node, const struct store_machine *machine,
                uint64_t number)
{
	if (!machine->owned) {
		store_inbox_put(sim, node, number);
	} else if (!store_forward(sim, node, number)) {
		store_subs_refused(sim, node, number);
	}
}

/* ---- Progress -------------------------------------------------------------------------------- */

/* The progress and the rows that go with it, as a command; the machine waits for its outcome. */
static uint64_t save_make(struct sim *sim, struct store_machine *machine, uint32_t sub,
                          enum store_kind kind)
{
	uint64_t number = store_command_new(sim, kind);
	struct store_command *command = &sim->store->commands[number];
	struct nc_buf *progress = &command->progress_bytes;
	command->sub = (uint8_t)sub;
	command->epoch = machine->epoch;
	command->number = machine->saving_number = nc_sub_progress_take(machine->machine, progress);
	nc_buf_put_slice(&command->parked, nc_buf_slice(&machine->parked));
	nc_buf_put_slice(&command->unparked, nc_buf_slice(&machine->unparked));
	nc_assert(nc_sub_progress_read(nc_buf_slice(progress), &command->progress) == NC_OK);
	sim_trace(sim, "  save sub%u number %llu cursor %llu floor %llu", sub,
	          (unsigned long long)command->number, (unsigned long long)command->progress.cursor,
	          (unsigned long long)command->progress.floor);
	machine->saving = true;
	machine->unsaved = machine->hurry = false;
	machine->saving_parked = machine->parked.size;
	machine->saving_unparked = machine->unparked.size;
	return number;
}

static struct nc_sub_change change_of(const struct store_command *command,
                                      const struct nc_buf *name)
{
	return (struct nc_sub_change){ .name = nc_buf_slice(name),
		                       .epoch = command->epoch,
		                       .progress = nc_buf_slice(&command->progress_bytes),
		                       .parked = nc_buf_slice(&command->parked),
		                       .unparked = nc_buf_slice(&command->unparked) };
}

void store_subs_save(struct sim *sim, struct sim_node *node, uint32_t sub)
{
	struct store_machine *machine = &store_of(sim, node)->machines[sub];
	bool due = nc_sub_progress_due(machine->machine, store_now_ns(sim)) || machine->unsaved ||
	           (machine->hurry && nc_sub_progress_dirty(machine->machine));
	if (machine->saving || machine->moving || !due)
		return;
	uint64_t number = save_make(sim, machine, sub, STORE_SAVE);
	struct store_command *command = &sim->store->commands[number];
	struct nc_buf name = { 0 };
	store_sub_name(sub, &name);
	const struct nc_sub_change change = change_of(command, &name);
	nc_command_put_sub_progress(&command->bytes, &change);
	put(sim, node, machine, number);
	nc_buf_release(&name);
}

/* The other placement, of what is otherwise as the state has it. */
static void placed(struct store_node *of, struct nc_slice name, struct store_command *command,
                   struct nc_buf *definition_out)
{
	struct nc_buf scratch = { 0 };
	struct nc_definition definition;
	struct nc_sub_row row;
	nc_assert(nc_state_reader_begin(of->reader) == NC_OK);
	nc_assert(nc_sub_row_get(of->reader, name, &scratch, &row) == NC_OK);
	nc_state_reader_end(of->reader);
	nc_assert(nc_definition_get(row.definition, &definition) == NC_OK);
	command->policy.spreads = definition.placement == NC_PLACEMENT_LEADER;
	definition.placement = command->policy.spreads ? NC_PLACEMENT_SPREAD : NC_PLACEMENT_LEADER;
	nc_definition_put(definition_out, &definition);
	nc_definition_release(&definition);
	nc_buf_release(&scratch);
}

void store_subs_place(struct sim *sim, struct sim_node *node, uint32_t sub)
{
	struct store_machine *machine = &store_of(sim, node)->machines[sub];
	if (machine->moving || machine->saving)
		return;
	uint64_t number = save_make(sim, machine, sub, STORE_PLACE);
	struct store_command *command = &sim->store->commands[number];
	struct nc_buf name = { 0 }, definition = { 0 };
	store_sub_name(sub, &name);
	placed(store_of(sim, node), nc_buf_slice(&name), command, &definition);
	const struct nc_sub_update update = { .change = change_of(command, &name),
		                              .definition = nc_buf_slice(&definition) };
	nc_command_put_sub_update(&command->bytes, &update);
	nc_assert(nc_buf_status(&command->bytes) == NC_OK);
	sim->counters.placements++;
	put(sim, node, machine, number);
	nc_buf_release(&name);
	nc_buf_release(&definition);
}

static void front_cut(struct nc_buf *buf, size_t size)
{
	if (size > 0)
		memmove(buf->data, buf->data + size, buf->size - size);
	buf->size -= size;
}

void store_subs_outcome(struct sim *sim, struct sim_node *node, uint64_t number)
{
	const struct store_command *command = &sim->store->commands[number];
	struct store_machine *machine = &store_of(sim, node)->machines[command->sub];
	if (machine->machine == NULL || machine->epoch != command->epoch || !machine->saving ||
	    machine->saving_number != command->number)
		return;
	machine->saving = false;
	nc_sub_progress_saved(machine->machine, command->number);
	front_cut(&machine->parked, machine->saving_parked);
	front_cut(&machine->unparked, machine->saving_unparked);
	uint32_t left = 0;
	for (uint32_t i = 0; i < machine->waiting_count; i++) {
		if (machine->waiting_number[i] > command->number) {
			machine->waiting[left] = machine->waiting[i];
			machine->waiting_number[left++] = machine->waiting_number[i];
		} else {
			store_confirm(sim, node, command->sub, command->epoch, machine->waiting[i]);
		}
	}
	machine->waiting_count = left;
	machine->hurry = left > 0;
	store_subs_step(sim, node, command->sub);
}

void store_subs_refused(struct sim *sim, struct sim_node *node, uint64_t number)
{
	const struct store_command *command = &sim->store->commands[number];
	struct store_machine *machine = &store_of(sim, node)->machines[command->sub];
	if (machine->machine == NULL || machine->epoch != command->epoch)
		return;
	if (command->kind == STORE_SEEK) {
		machine->moving = false;
		return;
	}
	machine->saving = false;
	machine->unsaved = true;
	store_subs_step_in(sim, node, command->sub, 20 * SIM_MS);
}

/* ---- Batches that acknowledge ---------------------------------------------------------------- */

/* Who runs the subscription in this epoch, as far as the leader can ask. NULL: nobody. */
static struct sim_node *runner(struct sim *sim, struct sim_node *node,
                               const struct store_command *command)
{
	if (store_of(sim, node)->machines[command->sub].machine != NULL)
		return node;
	for (uint32_t slot = 0; slot < sim->node_count; slot++) {
		struct sim_node *other = &sim->nodes[slot];
		const struct store_machine *machine = &store_of(sim, other)->machines[command->sub];
		if (other->up && machine->machine != NULL && machine->owned &&
		    machine->epoch == command->epoch)
			return other;
	}
	return NULL;
}

/* What met nobody, and waits. False: more than a command has room for. */
static bool unheard_note(const struct store_machine *machine, struct store_command *command)
{
	command->unheard_count = 0;
	for (uint64_t at = 1; at < command->acks_position; at++) {
		uint32_t attempts = 1;
		if (nc_sub_find(machine->machine, at, &attempts) == NC_SUB_NOT_HERE || attempts > 0)
			continue;
		if (command->unheard_count == STORE_UNHEARD_MAX)
			return false;
		command->unheard[command->unheard_count++] = at;
	}
	return true;
}

/* Whether a row of an event before this one is on no way to the log yet; `settled`: or not in it.
 */
static bool row_waits(const struct store_machine *machine, uint64_t position, bool settled)
{
	size_t sent = settled || !machine->saving ? 0 : machine->saving_parked;
	struct nc_slice list = nc_slice_from(nc_buf_slice(&machine->parked), sent);
	struct nc_parked parked;
	while (nc_parked_next(&list, &parked)) {
		if (parked.position < position)
			return true;
	}
	return false;
}

/* As core/node's subs_batch.c has it. False: the log has to be told something first. */
static bool word(const struct sim *sim, struct store_machine *machine,
                 struct store_command *command, bool settled)
{
	uint32_t attempts = 0;
	enum nc_sub_entry_state state =
	        nc_sub_find(machine->machine, command->acks_position, &attempts);
	bool in_flight = state == NC_SUB_RECALLED ||
	                 (attempts > 0 && state != NC_SUB_NOT_HERE && state != NC_SUB_LEAVING);
	command->through = command->replay = false;
	command->stale = machine->epoch != command->epoch || !in_flight;
	if (command->stale)
		return true;
	enum nc_sub_reach reach =
	        nc_sub_batch_begins(machine->machine, command->acks_position, store_now_ns(sim));
	if (reach == NC_SUB_REACH_UNSAID)
		return false;
	if (reach == NC_SUB_REACH_BEHIND &&
	    (machine->unsaved || machine->moving || (settled && machine->saving)))
		return false;
	command->stale = reach == NC_SUB_REACH_UNKNOWN;
	command->replay =
	        reach == NC_SUB_REACH_REPLAY && sim->store->version >= NC_ENGINE_VERSION_STAYS;
	command->through = reach == NC_SUB_REACH_THROUGH || reach == NC_SUB_REACH_BEHIND;
	return !command->through || (!row_waits(machine, command->acks_position, settled) &&
	                             unheard_note(machine, command));
}

bool store_subs_batch(struct sim *sim, struct sim_node *node, struct store_command *command)
{
	struct sim_node *at = runner(sim, node, command);
	if (at == NULL) /* none that the log knows of: that tells */
		return sim->store->subs[command->sub].epoch != command->epoch;
	struct store_machine *machine = &store_of(sim, at)->machines[command->sub];
	bool said = word(sim, machine, command, at != node);
	if (!said) {
		machine->hurry = true;
		store_subs_step_in(sim, at, command->sub, 0);
	}
	return said;
}

/* While the batch was on its way the delivery ran out, and was parked: its row is not written. */
static bool unsaid(struct store_machine *machine, uint64_t position)
{
	struct nc_slice list = nc_buf_slice(&machine->parked);
	struct nc_parked parked;
	for (;;) {
		size_t before = machine->parked.size - list.size;
		if (!nc_parked_next(&list, &parked))
			return false;
		if (parked.position != position)
			continue;
		if (before >= machine->saving_parked) {
			memmove(machine->parked.data + before,
			        machine->parked.data + machine->parked.size - list.size, list.size);
			machine->parked.size = before + list.size;
		}
		return true;
	}
}

static void on_unparked_event(void *ctx, const struct nc_event *event)
{
	struct store_machine *machine = ctx;
	nc_sub_parked_gone(machine->machine, store_key_of(&machine->policy, event));
}

void store_subs_batched(struct sim *sim, struct sim_node *node, const struct store_command *command)
{
	struct store_machine *machine = &store_of(sim, node)->machines[command->sub];
	if (machine->machine == NULL)
		return;
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION,
		                          .number = command->acks_position };
	const struct nc_sub_batch_ack ack = { command->epoch, command->acks_position,
		                              command->through };
	if (nc_sub_batch_acked(machine->machine, &ack, store_now_ns(sim)) != NC_OK)
		return;
	store_subs_step(sim, node, command->sub);
	if (unsaid(machine, command->acks_position)) {
		nc_assert(nc_query_get(store_of(sim, node)->reader, &spec, on_unparked_event,
		                       machine) == NC_OK);
	}
	store_subs_step_in(sim, node, command->sub, 0);
}

/* ---- Going elsewhere ------------------------------------------------------------------------- */

void store_subs_seek(struct sim *sim, struct sim_node *node, uint32_t sub)
{
	struct store_machine *machine = &store_of(sim, node)->machines[sub];
	if (machine->moving || machine->saving)
		return;
	uint64_t number = store_command_new(sim, STORE_SEEK);
	struct store_command *command = &sim->store->commands[number];
	struct nc_buf name = { 0 };
	store_sub_name(sub, &name);
	command->sub = (uint8_t)sub;
	command->epoch = machine->epoch;
	store_start_draw(sim, command);
	nc_buf_put_slice(&command->parked, nc_buf_slice(&machine->parked));
	nc_buf_put_slice(&command->unparked, nc_buf_slice(&machine->unparked));
	const struct nc_sub_seek seek = { .change = { .name = nc_buf_slice(&name),
		                                      .epoch = machine->epoch,
		                                      .parked = nc_buf_slice(&machine->parked),
		                                      .unparked =
		                                              nc_buf_slice(&machine->unparked) },
		                          .start = (enum nc_sub_start)command->start,
		                          .start_value = command->start_value };
	nc_command_put_sub_seek(&command->bytes, &seek);
	machine->moving = true;
	sim->counters.seeks++;
	put(sim, node, machine, number);
	nc_buf_release(&name);
}

void store_subs_sought(struct sim *sim, struct sim_node *node, const struct store_command *command)
{
	struct store_node *of = store_of(sim, node);
	struct store_machine *machine = &of->machines[command->sub];
	if (machine->machine == NULL || machine->epoch != command->epoch)
		return;
	machine->moving = false;
	if (command->fault.code != 0)
		return;
	machine->epoch = command->made_epoch;
	machine->saving = machine->unsaved = machine->hurry = false;
	machine->saving_parked = machine->saving_unparked = 0;
	machine->waiting_count = 0;
	nc_buf_clear(&machine->parked);
	nc_buf_clear(&machine->unparked);
	nc_sub_seek(machine->machine, command->made_epoch, command->cursor, store_now_ns(sim));
	nc_sub_floor(machine->machine, &command->floor);
	store_parked_restore(of, command->sub);
	store_subs_step(sim, node, command->sub);
}
