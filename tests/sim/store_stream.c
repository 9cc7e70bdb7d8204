/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams deleted, softly and for ever, and limited: in one seed of ten, so that the others stay
 * what they were, and without subscriptions, who are promised what is there; what must come of it.
 */
#include "tests/sim/store_private.h"

#define MORTAL 2u /* streams that may be tombstoned: the others go on */

bool store_streams_are_on(const struct sim *sim)
{
	return sim->options.seed % 10 == 8;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static struct nc_expect expect_draw(struct sim *sim, uint64_t head)
{
	struct nc_expect expect = { .kind = (enum nc_expect_kind)sim_below(sim, 4) };
	if (sim_chance(sim, 6000))
		expect.kind = NC_EXPECT_ANY;
	if (expect.kind == NC_EXPECT_VERSION)
		expect.version = sim_chance(sim, 7000) ? head : sim_below(sim, head + 2);
	return expect;
}

static void change_draw(struct sim *sim, struct store_command *command, uint64_t head)
{
	struct nc_stream_change *change = &command->change;
	change->expect = expect_draw(sim, head);
	if (command->kind == STORE_STREAM_DELETE) {
		change->tombstone = command->changed < MORTAL && sim_chance(sim, 1000);
		return;
	}
	change->has_count = sim_chance(sim, 5000);
	change->count_max = change->has_count ? sim_below(sim, 6) : 0;
	change->has_truncate = sim_chance(sim, 5000);
	change->truncate_before = change->has_truncate ? sim_below(sim, head + 3) : 0;
}

void store_stream_turn(struct sim *sim)
{
	struct sim_store *store = sim->store;
	struct nc_buf name = { 0 };
	if (store->quiet || !sim_chance(sim, 800))
		return;
	bool deletes = sim_chance(sim, 6000);
	uint64_t number = store_command_new(sim, deletes ? STORE_STREAM_DELETE : STORE_STREAM_META);
	struct store_command *command = &store->commands[number];
	command->changed = (uint8_t)sim_below(sim, STORE_STREAMS);
	change_draw(sim, command, store->heads[command->changed]);
	struct nc_stream_change change = command->change;
	store_stream_name(command->changed, &name);
	change.stream = nc_buf_slice(&name);
	nc_command_put_stream(&command->bytes,
	                      deletes ? NC_COMMAND_STREAM_DELETE : NC_COMMAND_STREAM_META, &change);
	nc_assert(nc_buf_status(&command->bytes) == NC_OK);
	nc_buf_release(&name);
	store_send(sim, number);
}

/* ---- What must come of it -------------------------------------------------------------------- */

bool store_expect_holds(struct nc_expect expect, enum nc_stream_state state, uint64_t head)
{
	bool live = state == NC_STREAM_LIVE;
	switch (expect.kind) {
	case NC_EXPECT_NONE:
		return !live;
	case NC_EXPECT_EXISTS:
		return live;
	case NC_EXPECT_VERSION:
		return expect.version == 0 ? !live : head == expect.version;
	default:
		return true;
	}
}

/* Its events of versions below `first` are not seen any more; whose seats they took may be taken.
 */
static void hide(struct sim_store *store, uint8_t stream, uint64_t first)
{
	struct store_look *look = &store->looks[stream];
	if (first <= look->first)
		return;
	look->first = first;
	for (uint64_t at = store->last_of_stream[stream]; at != 0;
	     at = store->rows[at].before_stream) {
		struct store_row *row = &store->rows[at];
		if (row->version >= first || row->gone_at != 0)
			continue;
		row->gone_at = store->committing;
		if (row->seat != 0)
			store->seat_taken[row->seat]--;
	}
}

static void limit(struct sim_store *store, uint8_t stream)
{
	const struct store_look *look = &store->looks[stream];
	uint64_t head = store->heads[stream];
	if (look->count_max > 0 && head > look->count_max)
		hide(store, stream, head - look->count_max + 1);
}

void store_model_wrote(struct sim_store *store, uint8_t stream)
{
	struct store_look *look = &store->looks[stream];
	if (look->state == 0)
		look->first = 1;
	look->state = NC_STREAM_LIVE;
	limit(store, stream);
}

static void judge_delete(struct sim_store *store, struct store_command *command)
{
	struct store_look *look = &store->looks[command->changed];
	bool tombstone = command->change.tombstone;
	command->duplicate = look->state == NC_STREAM_DELETED && !tombstone;
	look->state = tombstone ? NC_STREAM_TOMBSTONED : NC_STREAM_DELETED;
	hide(store, command->changed, store->heads[command->changed] + 1);
}

static void judge_meta(struct sim_store *store, struct store_command *command)
{
	struct store_look *look = &store->looks[command->changed];
	const struct nc_stream_change *change = &command->change;
	if (look->state != NC_STREAM_LIVE) {
		command->fault = NC_FAULT_NO_STREAM;
		return;
	}
	if (change->truncate_before > store->heads[command->changed] + 1) {
		command->fault = NC_FAULT_REQUEST;
		return;
	}
	if (change->has_count)
		look->count_max = change->count_max;
	hide(store, command->changed, change->truncate_before);
	limit(store, command->changed);
}

void store_model_stream(struct sim_store *store, struct store_command *command)
{
	const struct store_look *look = &store->looks[command->changed];
	if (store->version < NC_ENGINE_VERSION_STREAM) {
		command->fault = NC_FAULT_VERSION;
		return;
	}
	if (look->state == 0) {
		command->fault = NC_FAULT_NO_STREAM;
		return;
	}
	command->version = store->heads[command->changed];
	if (look->state == NC_STREAM_TOMBSTONED) {
		command->fault = NC_FAULT_TOMBSTONED;
	} else if (!store_expect_holds(command->change.expect, look->state, command->version)) {
		command->fault = NC_FAULT_EXPECTATION;
	} else if (command->kind == STORE_STREAM_DELETE) {
		judge_delete(store, command);
	} else {
		judge_meta(store, command);
	}
	if (command->fault.code == 0) {
		command->state = look->state;
		command->first = look->first;
	}
}

bool store_stream_same(const struct store_command *command, const struct nc_outcome *outcome)
{
	return outcome->version == command->version &&
	       outcome->stream_is.state == (uint8_t)command->state &&
	       outcome->stream_is.first == command->first;
}
