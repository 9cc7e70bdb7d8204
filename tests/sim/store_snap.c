/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots of aggregates: put and deleted in one seed of ten, so that the others stay what they
 * were; what must come of it; and what is kept. */
#include "core/engine/snap.h"
#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

bool store_snaps_are_on(const struct sim *sim)
{
	return sim->options.seed % 10 == 0;
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void put_encode(struct store_command *command, uint64_t number)
{
	struct nc_buf record = { 0 }, stream = { 0 }, data = { 0 };
	store_stream_name(command->snap_stream, &stream);
	nc_buf_printf(&data, "{\"snap\":%llu}", ULL(number));
	const struct nc_snap snap = { .version = command->snap_from,
		                      .stream = nc_buf_slice(&stream),
		                      .data = nc_buf_slice(&data) };
	nc_snap_record_put(&record, &snap);
	nc_command_put_snap(&command->bytes, command->keep, nc_buf_slice(&record));
	nc_buf_release(&record);
	nc_buf_release(&stream);
	nc_buf_release(&data);
}

static void delete_encode(struct store_command *command)
{
	struct nc_buf stream = { 0 };
	store_stream_name(command->snap_stream, &stream);
	const struct nc_snap_range range = { nc_buf_slice(&stream), command->snap_from,
		                             command->snap_before };
	nc_command_put_snap_delete(&command->bytes, &range);
	nc_buf_release(&stream);
}

void store_snap_turn(struct sim *sim)
{
	struct sim_store *store = sim->store;
	if (!store_snaps_are_on(sim) || store->quiet || !sim_chance(sim, 1500))
		return;
	bool put = sim_chance(sim, 8500);
	uint64_t number = store_command_new(sim, put ? STORE_SNAP_PUT : STORE_SNAP_DELETE);
	struct store_command *command = &store->commands[number];
	command->snap_stream = (uint8_t)sim_below(sim, STORE_STREAMS);
	uint64_t head = store->heads[command->snap_stream];
	command->snap_from = 1 + sim_below(sim, head + 2); /* some of them lie above it */
	command->snap_before = command->snap_from + 1 + sim_below(sim, head + 2);
	command->keep = 1 + sim_below(sim, STORE_SNAPS_MAX - 1);
	if (put) {
		put_encode(command, number);
	} else {
		delete_encode(command);
	}
	nc_assert(nc_buf_status(&command->bytes) == NC_OK);
	store_send(sim, number);
}

/* ---- What must come of it -------------------------------------------------------------------- */

static void drop(struct store_snaps *snaps, uint32_t at)
{
	snaps->count--;
	for (uint32_t i = at; i < snaps->count; i++)
		snaps->versions[i] = snaps->versions[i + 1];
}

static void judge_put(struct sim_store *store, struct store_command *command)
{
	struct store_snaps *snaps = &store->snaps[command->snap_stream];
	uint64_t version = command->snap_from;
	uint32_t at = 0;
	if (version > store->heads[command->snap_stream]) {
		command->fault = NC_FAULT_REQUEST;
		command->version = store->heads[command->snap_stream];
		return;
	}
	command->version = version;
	while (at < snaps->count && snaps->versions[at] < version)
		at++;
	if (at == snaps->count || snaps->versions[at] != version) {
		nc_assert(snaps->count < STORE_SNAPS_MAX);
		for (uint32_t i = snaps->count++; i > at; i--)
			snaps->versions[i] = snaps->versions[i - 1];
		snaps->versions[at] = version;
	}
	for (; snaps->count > command->keep; command->removed++) {
		command->unkept = command->unkept || snaps->versions[0] == version;
		drop(snaps, 0);
	}
}

void store_model_snap(struct sim_store *store, struct store_command *command)
{
	struct store_snaps *snaps = &store->snaps[command->snap_stream];
	if (store->version < NC_ENGINE_VERSION_SNAP) {
		command->fault = NC_FAULT_VERSION;
	} else if (command->kind == STORE_SNAP_PUT) {
		judge_put(store, command);
	} else {
		for (uint32_t i = snaps->count; i > 0; i--) {
			uint64_t version = snaps->versions[i - 1];
			if (version < command->snap_from || version >= command->snap_before)
				continue;
			drop(snaps, i - 1);
			command->removed++;
		}
	}
}

bool store_snap_same(const struct store_command *command, const struct nc_outcome *outcome)
{
	return outcome->version == command->version && outcome->removed == command->removed &&
	       outcome->unkept == command->unkept && outcome->left_before == 0;
}

/* ---- What is kept ---------------------------------------------------------------------------- */

void store_check_snaps(struct sim *sim, const struct sim_node *node)
{
	struct store_node *of = store_of(sim, node);
	struct nc_buf key = { 0 };
	char why[200] = "";
	int err;
	if (!store_snaps_are_on(sim))
		return;
	nc_assert(nc_state_reader_begin(of->reader) == NC_OK);
	while ((err = nc_snap_check(of->reader, &key, 64, why, sizeof why)) == NC_OK)
		;
	nc_state_reader_end(of->reader);
	nc_buf_release(&key);
	if (err != NC_NOTFOUND)
		sim_violation(sim, "node %llu: %s", ULL(node->id), why);
}
