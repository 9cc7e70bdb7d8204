/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clients ask for: drawn from the seed, and put into the bytes that go into the log. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

uint64_t store_command_new(struct sim *sim, enum store_kind kind)
{
	struct sim_store *store = sim->store;
	if (store->command_count == store->command_room) {
		store->command_room = store->command_room * 2 + 256;
		store->commands =
		        realloc(store->commands, store->command_room * sizeof *store->commands);
		nc_assert(store->commands != NULL);
	}
	store->commands[store->command_count] = (struct store_command){ .kind = (uint8_t)kind };
	return store->command_count++;
}

/* ---- Events ---------------------------------------------------------------------------------- */

void store_stream_name(uint8_t stream, struct nc_buf *name)
{
	nc_buf_printf(name, "s.%u", stream);
}

/* The content is a function of operation and part, so that whatever is read says where it is from.
 */
static void event_encode(const struct store_event *part, struct nc_buf *record)
{
	struct nc_buf stream = { 0 }, type = { 0 }, tags = { 0 }, tag = { 0 }, id = { 0 },
	              data = { 0 };
	store_stream_name(part->stream, &stream);
	nc_buf_printf(&type, "T%u", part->type);
	if (part->id != 0)
		nc_buf_printf(&id, "id-%llu", (unsigned long long)part->id);
	struct nc_event event = { 0 };
	if (part->group != 0) {
		nc_buf_printf(&tag, "group:%u", part->group);
		nc_event_tag_put(&tags, nc_buf_slice(&tag));
		event.tag_count++;
	}
	if (part->seat != 0) {
		nc_buf_clear(&tag);
		nc_buf_printf(&tag, "seat:%u", part->seat);
		nc_event_tag_put(&tags, nc_buf_slice(&tag));
		event.tag_count++;
	}
	nc_buf_printf(&data, "{\"op\":%llu,\"part\":%u,\"pad\":\"%0*d\"}",
	              (unsigned long long)part->op, part->part, (int)(part->op * 37 % 200 + 1), 0);
	event.stream = nc_buf_slice(&stream);
	event.type = nc_buf_slice(&type);
	event.id = nc_buf_slice(&id);
	event.tags = nc_buf_slice(&tags);
	event.data = nc_buf_slice(&data);
	nc_event_record_put(record, &event);
	nc_buf_release(&stream);
	nc_buf_release(&type);
	nc_buf_release(&tags);
	nc_buf_release(&tag);
	nc_buf_release(&id);
	nc_buf_release(&data);
}

/* What a client believes of a stream: true, or a little old. */
static struct nc_expect expect_draw(struct sim *sim, uint8_t stream)
{
	uint64_t head = sim->store->heads[stream];
	switch (sim_below(sim, 8)) {
	case 0:
		return (struct nc_expect){ NC_EXPECT_NONE, 0 };
	case 1:
		return (struct nc_expect){ NC_EXPECT_EXISTS, 0 };
	case 2:
	case 3:
		return (struct nc_expect){ NC_EXPECT_VERSION, head };
	case 4:
		return (struct nc_expect){ NC_EXPECT_VERSION,
			                   head - (head > 0 ? sim_below(sim, 2) : 0) };
	default:
		return (struct nc_expect){ NC_EXPECT_ANY, 0 };
	}
}

static void part_draw(struct sim *sim, struct store_event *part, uint64_t op, uint8_t number)
{
	struct sim_store *store = sim->store;
	*part = (struct store_event){ .stream = (uint8_t)sim_below(sim, STORE_STREAMS),
		                      .type = (uint8_t)sim_below(sim, STORE_TYPE_SEAT),
		                      .group = (uint16_t)sim_below(sim, STORE_GROUPS + 1),
		                      .op = op,
		                      .part = number };
	part->expect = expect_draw(sim, part->stream);
	if (!sim_chance(sim, store->no_id))
		part->id = ++store->ids;
	if (number == 0 && store->ids > 1 && sim_chance(sim, 200)) /* somebody else's */
		part->id = 1 + sim_below(sim, store->ids - 1);
}

/* One who takes a seat if nobody has. */
static void seat_draw(struct sim *sim, struct store_command *command, uint64_t op)
{
	struct sim_store *store = sim->store;
	uint16_t seat = (uint16_t)(store->seats - sim_below(sim, store->seats < 4 ? 1 : 4));
	if (store->seats + 1 < STORE_SEATS && sim_chance(sim, 3000))
		store->seats++;
	struct store_event *part = &command->parts[0];
	part_draw(sim, part, op, 0);
	part->type = STORE_TYPE_SEAT;
	part->seat = seat;
	part->expect = (struct nc_expect){ NC_EXPECT_ANY, 0 };
	command->part_count = 1;
	command->item_count = 1;
	command->item = (struct store_item){ true, STORE_TYPE_SEAT, 0, seat };
}

static void batch_draw(struct sim *sim, struct store_command *command, uint64_t op)
{
	const struct sim_store *store = sim->store;
	command->part_count = (uint8_t)(1 + sim_below(sim, STORE_PARTS_MAX));
	for (uint8_t i = 0; i < command->part_count; i++)
		part_draw(sim, &command->parts[i], op, i);
	if (sim_chance(sim, 3000)) {
		command->check_count = 1;
		command->check_stream = (uint8_t)sim_below(sim, STORE_STREAMS);
		command->check = expect_draw(sim, command->check_stream);
	}
	if (sim_chance(sim, 4000)) {
		command->item_count = 1;
		command->item =
		        (struct store_item){ .group =
			                             (uint16_t)(1 + sim_below(sim, STORE_GROUPS)) };
		command->item.typed = sim_chance(sim, 5000);
		command->item.type = (uint8_t)sim_below(sim, STORE_TYPES);
		command->after = store->head - (store->head > 8 ? sim_below(sim, 8) : 0);
	}
}

void store_spec_draw(struct sim *sim, uint64_t number, uint64_t op)
{
	struct sim_store *store = sim->store;
	struct store_command *command = &store->commands[number];
	command->op = op;
	if (sim_chance(sim, store->batching)) {
		command->kind = STORE_BATCH;
		if (sim_chance(sim, 5000)) {
			seat_draw(sim, command, op);
		} else {
			batch_draw(sim, command, op);
		}
	} else {
		command->kind = STORE_APPEND;
		command->part_count = 1;
		part_draw(sim, &command->parts[0], op, 0);
	}
}

/* ---- Subscriptions --------------------------------------------------------------------------- */

void store_policy_draw(struct sim *sim, struct store_policy *policy)
{
	static const uint8_t orders[] = { NC_ORDER_NONE, NC_ORDER_STREAM, NC_ORDER_TAG,
		                          NC_ORDER_GLOBAL };
	static const uint32_t flights[] = { 1, 3, 20, 200 };
	static const uint32_t delivers[] = { 0, 0, 1, 3 };
	*policy = (struct store_policy){
		.filter = (uint8_t)sim_below(sim, 3),
		.order = orders[sim_below(sim, 4)],
		.ack = (uint8_t)(sim_chance(sim, 7000) ? NC_ACK_EXPLICIT : sim_below(sim, 3)),
		.on_exhausted = (uint8_t)sim_below(sim, 3),
		.push = sim_chance(sim, 5000),
		.spreads = sim_chance(sim, 5000),
		.max_deliver = delivers[sim_below(sim, 4)],
		.max_in_flight = flights[sim_below(sim, 4)],
		.ack_wait_ms = 100 + (uint32_t)sim_below(sim, 1500),
		.backoff_ms = sim_chance(sim, 5000) ? 0 : (uint32_t)sim_below(sim, 500),
	};
	policy->what = (uint8_t)sim_below(sim, policy->filter == 1 ? STORE_STREAMS : STORE_TYPES);
	if (policy->ack == NC_ACK_ALL && policy->order != NC_ORDER_GLOBAL)
		policy->order = NC_ORDER_NONE;
	if (policy->ack == NC_ACK_NONE) { /* else it goes on at one event in half a second */
		policy->order = NC_ORDER_NONE;
		policy->max_in_flight = 200;
	}
	/* Not drawn, so that all else stays what it was. */
	policy->packed =
	        policy->push && policy->ack != NC_ACK_EXPLICIT && policy->ack_wait_ms % 2 == 0;
}

void store_policy_definition(const struct store_policy *policy, uint8_t sub,
                             struct nc_definition *definition, struct nc_buf *text)
{
	nc_definition_init(definition);
	nc_buf_clear(text);
	nc_buf_printf(text, "[%u,%u]deliver.%u", policy->filter, policy->what, sub);
	struct nc_slice whole = nc_buf_slice(text);
	size_t selector = 5;
	definition->plugin = NC_SLICE("sim");
	definition->selector = nc_slice(whole.data, selector);
	definition->push = policy->push;
	definition->placement = policy->spreads ? NC_PLACEMENT_SPREAD : NC_PLACEMENT_LEADER;
	if (policy->push)
		definition->subject = nc_slice_from(whole, selector);
	definition->ack = (enum nc_ack_policy)policy->ack;
	definition->form = policy->packed ? NC_FORM_MSGPACK : NC_FORM_HEADERS;
	definition->ack_wait_ms = policy->ack_wait_ms;
	definition->max_deliver = policy->max_deliver;
	definition->max_in_flight = policy->max_in_flight;
	definition->backoff_count = policy->backoff_ms == 0 ? 0 : 1;
	definition->backoff_ms[0] = policy->backoff_ms;
	definition->order = (enum nc_order)policy->order;
	if (policy->order == NC_ORDER_TAG)
		definition->order_arg = NC_SLICE("group:");
	definition->on_exhausted = (enum nc_exhausted)policy->on_exhausted;
}

/* ---- Bytes ----------------------------------------------------------------------------------- */

static void batch_encode(const struct store_command *command, struct nc_buf *bytes)
{
	struct nc_buf record = { 0 }, events = { 0 }, checks = { 0 }, names = { 0 }, tags = { 0 },
	              types = { 0 }, items = { 0 };
	for (uint8_t i = 0; i < command->part_count; i++) {
		nc_buf_clear(&record);
		event_encode(&command->parts[i], &record);
		nc_batch_event_put(&events, &(struct nc_batch_event){ command->parts[i].expect,
		                                                      nc_buf_slice(&record) });
	}
	if (command->check_count > 0) {
		store_stream_name(command->check_stream, &names);
		nc_batch_check_put(
		        &checks, &(struct nc_batch_check){ command->check, nc_buf_slice(&names) });
	}
	if (command->item_count > 0) {
		struct nc_item item = { 0 };
		const struct store_item *asked = &command->item;
		nc_buf_clear(&names);
		if (asked->typed) {
			nc_buf_printf(&names, "T%u", asked->type);
			nc_item_name_put(&types, nc_buf_slice(&names));
			item.type_count = 1;
		}
		nc_buf_clear(&names);
		nc_buf_printf(&names, asked->seat != 0 ? "seat:%u" : "group:%u",
		              asked->seat != 0 ? asked->seat : asked->group);
		nc_item_name_put(&tags, nc_buf_slice(&names));
		item.tag_count = 1;
		item.types = nc_buf_slice(&types);
		item.tags = nc_buf_slice(&tags);
		nc_item_put(&items, &item);
	}
	struct nc_batch batch = { .event_count = command->part_count,
		                  .check_count = command->check_count,
		                  .events = nc_buf_slice(&events),
		                  .checks = nc_buf_slice(&checks),
		                  .items = nc_buf_slice(&items),
		                  .after = command->after };
	struct nc_buf sub = { 0 };
	if (command->acks) {
		nc_buf_printf(&sub, "sub%u", command->sub);
		batch.ack = (struct nc_batch_ack){ .name = nc_buf_slice(&sub),
			                           .epoch = command->epoch,
			                           .position = command->acks_position,
			                           .through = command->through,
			                           .replay = command->replay,
			                           .stale = command->stale };
	}
	nc_command_put_batch(bytes, &batch);
	nc_buf_release(&sub);
	nc_buf_release(&record);
	nc_buf_release(&events);
	nc_buf_release(&checks);
	nc_buf_release(&names);
	nc_buf_release(&tags);
	nc_buf_release(&types);
	nc_buf_release(&items);
}

/* Versions of the stream that it is of, there and ahead; of times the one that never comes. */
void store_start_draw(struct sim *sim, struct store_command *command)
{
	const struct sim_store *store = sim->store;
	command->start = (uint8_t)sim_below(sim, 3);
	command->start_value = 1 + sim_below(sim, store->head + 1);
	if (command->kind == STORE_CREATE && command->policy.filter == 1 && sim_chance(sim, 5000)) {
		command->start = NC_SUB_START_VERSION;
		command->start_value = 1 + sim_below(sim, store->heads[command->policy.what] + 40);
	} else if (sim_chance(sim, 500)) {
		command->start = NC_SUB_START_TIME;
		command->start_value = UINT64_MAX;
	}
}

static void create_encode(const struct store_command *command, struct nc_buf *bytes)
{
	struct nc_definition definition;
	struct nc_buf text = { 0 }, canonical = { 0 }, name = { 0 }, stream = { 0 };
	store_stream_name(command->policy.what, &stream);
	store_policy_definition(&command->policy, command->sub, &definition, &text);
	nc_definition_put(&canonical, &definition);
	nc_buf_printf(&name, "sub%u", command->sub);
	const struct nc_sub_create create = { .name = nc_buf_slice(&name),
		                              .start = (enum nc_sub_start)command->start,
		                              .start_value = command->start_value,
		                              .stream = nc_buf_slice(&stream),
		                              .definition = nc_buf_slice(&canonical) };
	if (command->kind == STORE_CREATE) {
		nc_command_put_sub_create(bytes, &create);
	} else {
		nc_command_put_sub_delete(bytes, create.name);
	}
	nc_buf_release(&text);
	nc_buf_release(&canonical);
	nc_buf_release(&name);
	nc_buf_release(&stream);
}

/* A SAVE has its bytes from the leader's machine (store_subs.c). */
void store_spec_encode(struct sim_store *store, uint64_t number)
{
	struct store_command *command = &store->commands[number];
	struct nc_buf record = { 0 };
	nc_buf_clear(&command->bytes);
	if (command->kind == STORE_BATCH) {
		batch_encode(command, &command->bytes);
	} else if (command->kind == STORE_APPEND) {
		event_encode(&command->parts[0], &record);
		nc_command_put_append(&command->bytes, command->parts[0].expect,
		                      nc_buf_slice(&record));
	} else if (command->kind == STORE_VERSION) {
		nc_command_put_engine_version(&command->bytes, NC_ENGINE_VERSION);
	} else if (command->kind == STORE_CREATE || command->kind == STORE_DELETE) {
		create_encode(command, &command->bytes);
	}
	nc_assert(nc_buf_status(&command->bytes) == NC_OK);
	nc_buf_release(&record);
}
