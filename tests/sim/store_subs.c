/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subscriptions of who leads, or owns some: taken up from the state, driven, and their progress
 * put into the log, as core/node does it. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

/* The key of an event by the subscription's order; empty: none. */
struct nc_slice store_key_of(const struct store_policy *policy, const struct nc_event *event)
{
	struct nc_slice tags = event->tags, tag;
	if (policy->order == NC_ORDER_STREAM)
		return event->stream;
	while (policy->order == NC_ORDER_TAG && nc_event_tag_next(&tags, &tag)) {
		if (nc_slice_starts(tag, NC_SLICE("group:")))
			return tag;
	}
	return nc_slice(NULL, 0);
}

/* ---- Taking up ------------------------------------------------------------------------------- */

static void machine_drop(struct store_machine *machine)
{
	nc_sub_free(machine->machine);
	nc_buf_release(&machine->parked);
	nc_buf_release(&machine->unparked);
	store_packing_release(&machine->packing);
	*machine = (struct store_machine){ 0 };
}

void store_subs_drop(struct store_node *of)
{
	of->serving = 0;
	for (uint32_t i = 0; i < STORE_SUBS; i++)
		machine_drop(&of->machines[i]);
	nc_router_free(of->router);
	of->router = NULL;
}

/* It does not lead any more: what it runs by its lease stays. What became of their commands is not
 * known. */
static void unlead(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	of->serving = 0;
	for (uint32_t i = 0; i < STORE_SUBS; i++) {
		struct store_machine *machine = &of->machines[i];
		if (machine->machine == NULL)
			continue;
		if (!machine->owned) {
			nc_assert(nc_router_remove(of->router, i) == NC_OK);
			machine_drop(machine);
			continue;
		}
		machine->reown |=
		        machine->moving || (machine->saving && machine->saving_parked > 0);
		machine->unsaved |= machine->saving;
		machine->saving = machine->moving = false;
		store_subs_step_in(sim, node, i, 0);
	}
}

static bool keep_position(void *ctx, const struct nc_parked *parked)
{
	struct store_positions *positions = ctx;
	if (positions->count == positions->room) {
		positions->room = positions->room * 2 + 16;
		positions->at = realloc(positions->at, positions->room * sizeof(uint64_t));
		nc_assert(positions->at != NULL);
	}
	positions->at[positions->count++] = parked->position;
	return true;
}

void store_parked_of(const struct store_node *of, uint32_t sub, struct store_positions *positions)
{
	struct nc_buf name = { 0 };
	store_sub_name(sub, &name);
	nc_assert(nc_state_reader_begin(of->reader) == NC_OK);
	nc_assert(nc_parked_each(of->reader, nc_buf_slice(&name), 0, keep_position, positions) ==
	          NC_OK);
	nc_state_reader_end(of->reader);
	nc_buf_release(&name);
}

static void on_parked_event(void *ctx, const struct nc_event *event)
{
	struct store_machine *machine = ctx;
	nc_assert(nc_sub_restore_parked(machine->machine, event->position,
	                                store_key_of(&machine->policy, event)) == NC_OK);
}

static void route(struct store_node *of, uint32_t sub, const struct store_policy *policy)
{
	struct nc_buf name = { 0 };
	struct nc_route_hint hint = { 0 };
	if (policy->filter == 1) {
		store_stream_name(policy->what, &name);
	} else {
		nc_buf_printf(&name, "T%u", policy->what);
	}
	struct nc_route_part part = { NC_ROUTE_EXACT, nc_buf_slice(&name) };
	if (policy->filter == 1) {
		hint.stream = part;
	} else {
		hint.type = part;
	}
	if (of->router == NULL)
		nc_assert(nc_router_new(&of->router) == NC_OK);
	nc_assert(nc_router_add(of->router, sub, &hint, policy->filter == 0 ? 0 : 1) == NC_OK);
	nc_buf_release(&name);
}

static bool on_acked(void *ctx, uint64_t position, enum nc_acked reach)
{
	nc_assert(nc_sub_restore_acked(ctx, position, reach == NC_ACKED_THROUGH) == NC_OK);
	return true;
}

static void machine_make(struct sim *sim, struct sim_node *node, uint32_t sub,
                         const struct nc_sub_row *row)
{
	struct store_node *of = store_of(sim, node);
	struct store_machine *machine = &of->machines[sub];
	struct nc_definition definition;
	struct nc_buf progress = { 0 };
	nc_assert(nc_definition_get(row->definition, &definition) == NC_OK);
	sim_trace(sim, "%lu takes up sub%u epoch %lu", node->id, sub, row->epoch);
	machine->epoch = row->epoch;
	machine->live_after = nc_engine_head(of->engine).position;
	machine->policy =
	        (struct store_policy){ .filter = (uint8_t)(definition.selector.data[1] - '0'),
		                       .what = (uint8_t)(definition.selector.data[3] - '0'),
		                       .order = (uint8_t)definition.order,
		                       .push = definition.push,
		                       .ack = (uint8_t)definition.ack,
		                       .packed = definition.form != NC_FORM_HEADERS,
		                       .max_deliver = definition.max_deliver,
		                       .max_in_flight = definition.max_in_flight };
	int err = nc_sub_row_progress(of->reader, row->name, &progress);
	if (err == NC_NOTFOUND) {
		err = nc_sub_new(&definition, row->epoch, row->cursor, store_now_ns(sim),
		                 &machine->machine);
	} else if (err == NC_OK) {
		err = nc_sub_restore(&definition, nc_buf_slice(&progress), store_now_ns(sim),
		                     &machine->machine);
	}
	nc_assert(err == NC_OK);
	nc_sub_floor(machine->machine, &row->floor);
	nc_assert(nc_sub_acked_each(of->reader, row->name, row->epoch, on_acked,
	                            machine->machine) == NC_OK);
	nc_definition_release(&definition);
	nc_buf_release(&progress);
}

/* The rows of what is parked, in order. */
void store_parked_restore(struct store_node *of, uint32_t sub)
{
	struct store_positions parked = { 0 };
	store_parked_of(of, sub, &parked);
	for (size_t i = 0; i < parked.count; i++) {
		const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = parked.at[i] };
		nc_assert(nc_query_get(of->reader, &spec, on_parked_event, &of->machines[sub]) ==
		          NC_OK);
	}
	free(parked.at);
}

/* Who owns it, or, where nobody does, who leads; but what is to be shared waits for its owner. */
static bool is_ours(struct sim *sim, const struct sim_node *node, const struct nc_sub_row *row,
                    struct nc_sub_owner owner)
{
	const struct store_node *of = store_of(sim, node);
	struct nc_definition definition;
	if (owner.number != 0)
		return owner.number == node->id && owner.boot == of->boot;
	nc_assert(nc_definition_get(row->definition, &definition) == NC_OK);
	bool shared = definition.placement == NC_PLACEMENT_SPREAD &&
	              nc_engine_head(of->engine).version >= NC_ENGINE_VERSION_OWN;
	nc_definition_release(&definition);
	return of->serving != 0 && !shared;
}

/* Make the machine what the state says: there or not, and of which epoch. */
void store_subs_sync(struct sim *sim, struct sim_node *node, uint32_t sub)
{
	struct store_node *of = store_of(sim, node);
	struct store_machine *machine = &of->machines[sub];
	struct nc_buf name = { 0 }, scratch = { 0 };
	struct nc_sub_owner owner;
	struct nc_sub_row row;
	store_sub_name(sub, &name);
	nc_assert(nc_state_reader_begin(of->reader) == NC_OK);
	int err = nc_sub_row_get(of->reader, nc_buf_slice(&name), &scratch, &row);
	nc_assert(err == NC_OK || err == NC_NOTFOUND);
	nc_assert(nc_sub_owner_get(of->reader, nc_buf_slice(&name), &owner) == NC_OK);
	bool ours = err == NC_OK && is_ours(sim, node, &row, owner) &&
	            (owner.number == 0 || !of->leaves);
	bool stays = err == NC_OK && machine->machine != NULL && machine->epoch == row.epoch;
	/* Nobody owns it any more: who ran it by its lease may go on, for nobody else does. */
	bool ran = machine->owned && store_runs(sim, node, sub);
	if (!stays && machine->machine != NULL) {
		nc_assert(nc_router_remove(of->router, sub) == NC_OK);
		machine_drop(machine);
	}
	if (!stays && ours) {
		machine_make(sim, node, sub, &row);
		machine->owned = owner.number != 0;
		machine->since = node->applied;
		if (!machine->owned && !ran)
			machine->wait_ns = store_spread_back_ns(of, sub);
		sim->counters.moves += machine->owned;
	}
	nc_state_reader_end(of->reader);
	if (!stays && ours) {
		route(of, sub, &machine->policy);
		store_parked_restore(of, sub);
		store_subs_step(sim, node, sub);
	}
	nc_buf_release(&name);
	nc_buf_release(&scratch);
}

void store_subs_turn(struct sim *sim, struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	uint64_t term = node->raft->hard.term, applied_term = 0;
	bool leads = node->raft->role == NC_RAFT_LEADER;
	if (of->serving != 0 && (!leads || of->serving != term))
		unlead(sim, node);
	/* Not before all that was committed before its term is applied. */
	if (!leads || of->serving != 0 ||
	    nc_raft_term_at(node->raft, node->applied, &applied_term) != NC_OK ||
	    applied_term != term)
		return;
	of->serving = term;
	sim->counters.takeovers++;
	store_spread_lead(sim, node);
	for (uint32_t i = 0; i < STORE_SUBS; i++)
		store_subs_sync(sim, node, i);
}

/* ---- What the machine asks for --------------------------------------------------------------- */

void store_subs_step_in(struct sim *sim, struct sim_node *node, uint32_t sub, uint64_t in)
{
	struct store_machine *machine = &store_of(sim, node)->machines[sub];
	if (machine->step_at != 0 && machine->step_at <= sim->now + in)
		return;
	machine->step_at = sim->now + in;
	sim_schedule_sub(sim, in, SIM_SUB_STEP, (uint32_t)(node - sim->nodes), sub);
}

static void act(struct sim *sim, struct sim_node *node, uint32_t sub,
                const struct nc_sub_action *action)
{
	struct store_machine *machine = &store_of(sim, node)->machines[sub];
	const struct nc_parked parked = { .position = action->position,
		                          .attempts = action->attempt,
		                          .time_ns = store_clock_ns(sim, node),
		                          .reason = nc_slice_str(action->reason) };
	switch (action->kind) {
	case NC_SUB_PARK:
		sim_trace(sim, "  park sub%u %llu: %s", sub, (unsigned long long)action->position,
		          action->reason);
		sim->counters.parks++;
		nc_parked_put(&machine->parked, &parked);
		break;
	case NC_SUB_UNPARK:
		sim_trace(sim, "  unpark sub%u %llu", sub, (unsigned long long)action->position);
		nc_unparked_put(&machine->unparked, action->position);
		break;
	case NC_SUB_HALTED:
		sim->counters.halts++;
		break;
	case NC_SUB_SKIP:
		if (action->replay)
			nc_unparked_put(&machine->unparked, action->position);
		store_deliver(sim, node, sub, action);
		break;
	case NC_SUB_DELIVER:
		store_deliver(sim, node, sub, action);
		break;
	case NC_SUB_HEARTBEAT:
	case NC_SUB_FLOW:
		store_status(sim, node, sub, action);
		break;
	default:
		break;
	}
}

static void check_bounds(struct sim *sim, const struct sim_node *node, uint32_t sub)
{
	const struct store_machine *machine = &store_of(sim, node)->machines[sub];
	struct nc_sub_info info;
	nc_sub_info(machine->machine, &info);
	if (info.in_flight > machine->policy.max_in_flight) {
		sim_violation(sim, "subscription %u: %llu are in flight, at most %u may be", sub,
		              (unsigned long long)info.in_flight, machine->policy.max_in_flight);
	}
}

void store_subs_step(struct sim *sim, struct sim_node *node, uint32_t sub)
{
	struct store_machine *machine = &store_of(sim, node)->machines[sub];
	struct nc_sub_action action;
	struct nc_sub_want want;
	if (machine->step_at != 0 && machine->step_at <= sim->now)
		machine->step_at = 0;
	if (machine->machine == NULL || !store_runs(sim, node, sub))
		return;
	store_check_alone(sim, node, sub);
	if (machine->owned && store_of(sim, node)->leaves) { /* it says what it has, no more */
		store_subs_save(sim, node, sub);
		return;
	}
	while (sim->violation[0] == '\0' &&
	       nc_sub_step(machine->machine, store_now_ns(sim), &action))
		act(sim, node, sub, &action);
	store_pack_end(sim, node, sub);
	check_bounds(sim, node, sub);
	store_subs_save(sim, node, sub);
	nc_sub_want(machine->machine, &want);
	if (want.kind != NC_SUB_WANT_NOTHING && !machine->searching) {
		machine->searching = true;
		sim_schedule_sub(sim, 100 + sim_below(sim, 2000), SIM_SUB_SEARCH,
		                 (uint32_t)(node - sim->nodes), sub);
	}
	uint64_t deadline = nc_sub_deadline(machine->machine);
	if (machine->saving && deadline < store_now_ns(sim) + 5000000) /* its outcome comes first */
		deadline = store_now_ns(sim) + 5000000;
	if (deadline != UINT64_MAX) {
		store_subs_step_in(sim, node, sub,
		                   deadline <= store_now_ns(sim)
		                           ? 100
		                           : (deadline - store_now_ns(sim) + 999) / 1000);
	}
}
