/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The model's subscriptions: what matches, what comes before what, what is done. */
#include <stdlib.h>

#include "tests/sim/store_private.h"

#define ULL(value) ((unsigned long long)(value))

bool store_matches(const struct sim_store *store, const struct store_policy *policy,
                   uint64_t position)
{
	const struct store_row *row = &store->rows[position];
	return policy->filter == 0 ||
	       (policy->filter == 1 ? row->stream == policy->what : row->type == policy->what);
}

uint64_t store_key_before(const struct sim_store *store, const struct store_policy *policy,
                          uint64_t position)
{
	const struct store_row *row = &store->rows[position];
	if (policy->order == NC_ORDER_NONE || (policy->order == NC_ORDER_TAG && row->group == 0))
		return 0;
	for (uint64_t at = position; at > 0;) {
		row = &store->rows[at];
		at = policy->order == NC_ORDER_STREAM ? row->before_stream
		     : policy->order == NC_ORDER_TAG  ? row->before_group
		                                      : at - 1;
		if (at > 0 && store_matches(store, policy, at))
			return at;
	}
	return 0;
}

void *store_grown(void *array, size_t each, size_t had, size_t has)
{
	uint8_t *bytes = realloc(array, has * each);
	nc_assert(bytes != NULL);
	memset(bytes + had * each, 0, (has - had) * each);
	return bytes;
}

uint8_t *store_marks(struct store_sub *sub, uint64_t position)
{
	size_t had = sub->mark_room, room = position * 2 + 256;
	if (position >= had) {
		sub->marks = store_grown(sub->marks, sizeof *sub->marks, had, room);
		sub->confirmed = store_grown(sub->confirmed, sizeof *sub->confirmed, had, room);
		sub->unparked = store_grown(sub->unparked, sizeof *sub->unparked, had, room);
		sub->mark_room = room;
	}
	return &sub->marks[position];
}

static bool policy_eq(const struct store_policy *a, const struct store_policy *b)
{
	return a->filter == b->filter && a->what == b->what && a->order == b->order &&
	       a->ack == b->ack && a->on_exhausted == b->on_exhausted && a->push == b->push &&
	       a->spreads == b->spreads && a->packed == b->packed &&
	       a->max_deliver == b->max_deliver && a->max_in_flight == b->max_in_flight &&
	       a->ack_wait_ms == b->ack_wait_ms && a->backoff_ms == b->backoff_ms;
}

bool store_wanted(const struct sim_store *store, const struct store_sub *sub, uint64_t position)
{
	return store_matches(store, &sub->policy, position) && sub->start.time_ns == 0 &&
	       store->rows[position].version >= sub->start.version;
}

/* The position after which such a version comes, or that it lies ahead. */
static uint64_t version_start(const struct sim_store *store, const struct store_command *command,
                              uint64_t *ahead_out)
{
	uint8_t stream = command->policy.what;
	if (command->start_value > store->heads[stream]) {
		*ahead_out = command->start_value;
		return store->heads[stream] == 0 ? 0 : store->head;
	}
	uint64_t at = store->last_of_stream[stream];
	while (store->rows[at].version > command->start_value)
		at = store->rows[at].before_stream;
	return at - 1;
}

/* Where it starts: the position before, and what lies ahead. */
static void start_set(const struct sim_store *store, struct store_sub *sub,
                      const struct store_command *command)
{
	struct nc_floor ahead = { 0 };
	switch ((enum nc_sub_start)command->start) {
	case NC_SUB_START_FIRST:
		sub->cursor = 0;
		break;
	case NC_SUB_START_NEW:
		sub->cursor = store->head;
		break;
	case NC_SUB_START_POSITION:
		sub->cursor = command->start_value - 1;
		break;
	case NC_SUB_START_VERSION:
		sub->cursor = version_start(store, command, &ahead.version);
		break;
	case NC_SUB_START_TIME: /* it never comes */
		sub->cursor = store->head;
		ahead.time_ns = command->start_value;
		break;
	}
	sub->start = store->version >= NC_ENGINE_VERSION_FLOOR ? ahead : (struct nc_floor){ 0 };
	sub->floor = sub->cursor;
}

/* What a batch said of others goes with the row of the event that it acknowledged. */
static void through_settle(const struct sim_store *store, struct store_sub *sub)
{
	for (uint64_t at = sub->floor + 1; at <= store->head; at++) {
		uint8_t *marks = store_marks(sub, at);
		if ((*marks & STORE_THROUGH) != 0 &&
		    !nc_sub_progress_undone(nc_buf_slice(&sub->progress), at))
			*marks &= (uint8_t)~STORE_THROUGH;
	}
}

/* Rows of parked events come and go. */
static void parked_change(const struct sim_store *store, struct store_sub *sub,
                          const struct store_command *command)
{
	struct nc_slice list = nc_buf_slice(&command->parked);
	struct nc_parked parked;
	uint64_t position;
	while (nc_parked_next(&list, &parked)) {
		uint8_t *marks = store_marks(sub, parked.position);
		if ((*marks & STORE_BATCHED) == 0) /* else the batch came first */
			*marks |= STORE_PARKED;
		if ((*marks & STORE_ALONG) != 0) /* terminated before that was heard */
			sub->confirmed[parked.position] = 0;
		sub->unparked[parked.position] = 0;
	}
	list = nc_buf_slice(&command->unparked);
	while (nc_unparked_next(&list, &position)) {
		*store_marks(sub, position) &= (uint8_t)~STORE_PARKED;
		sub->unparked[position] = store->committing;
	}
}

void store_model_create(struct sim_store *store, struct store_command *command)
{
	struct store_sub *sub = &store->subs[command->sub];
	if (sub->exists) {
		command->duplicate = true;
		if (!policy_eq(&sub->policy, &command->policy))
			command->fault = NC_FAULT_NAME_TAKEN;
	} else {
		sub->exists = true;
		sub->epoch = sub->born = sub->placed = ++store->epochs;
		sub->policy = command->policy;
		start_set(store, sub, command);
		nc_buf_clear(&sub->progress);
		if (sub->mark_room > 0) {
			memset(sub->marks, 0, sub->mark_room);
			memset(sub->confirmed, 0, sub->mark_room * sizeof *sub->confirmed);
			memset(sub->unparked, 0, sub->mark_room * sizeof *sub->unparked);
		}
	}
	command->made_epoch = sub->epoch;
	command->cursor = sub->cursor;
	command->floor = sub->start;
}

/* Another epoch from elsewhere. What is parked before it stays parked. */
void store_model_seek(struct sim_store *store, struct store_command *command)
{
	struct store_sub *sub = &store->subs[command->sub];
	if (store->version < NC_ENGINE_VERSION_SUBS) {
		command->fault = NC_FAULT_VERSION;
		return;
	}
	if (!sub->exists || sub->epoch != command->epoch) {
		command->fault = NC_FAULT_NO_SUB;
		return;
	}
	parked_change(store, sub, command);
	start_set(store, sub, command);
	for (size_t at = 0; at < sub->mark_room; at++)
		sub->marks[at] = at <= sub->cursor ? sub->marks[at] & STORE_PARKED : 0;
	if (sub->mark_room > 0) {
		memset(sub->confirmed, 0, sub->mark_room * sizeof *sub->confirmed);
		memset(sub->unparked, 0, sub->mark_room * sizeof *sub->unparked);
	}
	nc_buf_clear(&sub->progress);
	command->made_epoch = sub->epoch = sub->placed = ++store->epochs;
	command->cursor = sub->cursor;
	command->floor = sub->start;
}

/* Another epoch at the same place. */
void store_model_own(struct sim_store *store, struct store_command *command)
{
	struct store_sub *sub = &store->subs[command->sub];
	if (store->version < NC_ENGINE_VERSION_OWN) {
		command->fault = NC_FAULT_VERSION;
	} else if (!sub->exists || sub->epoch != command->epoch) {
		command->fault = NC_FAULT_NO_SUB;
	} else {
		command->made_epoch = sub->epoch = ++store->epochs;
		command->cursor = sub->cursor;
		sub->owner = command->owner;
	}
}

/* The floor never goes back, and goes past nothing that is not done or parked. */
void store_model_save(struct sim *sim, struct store_command *command)
{
	struct sim_store *store = sim->store;
	struct store_sub *sub = &store->subs[command->sub];
	if (!sub->exists || sub->epoch != command->epoch) {
		command->fault = NC_FAULT_NO_SUB;
		return;
	}
	if (command->kind == STORE_PLACE)
		sub->policy.spreads = command->policy.spreads;
	nc_buf_clear(&sub->progress);
	nc_buf_put_slice(&sub->progress, nc_buf_slice(&command->progress_bytes));
	parked_change(store, sub, command);
	through_settle(store, sub);
	uint64_t floor = command->progress.floor;
	sim_trace(sim, "  saved sub%u number %llu floor %llu", command->sub, ULL(command->number),
	          ULL(floor));
	if (floor < sub->floor) {
		sim_violation(sim, "subscription %u: its floor goes from %llu back to %llu",
		              command->sub, ULL(sub->floor), ULL(floor));
	}
	uint8_t done = STORE_ACKED | STORE_SKIPPED | STORE_PARKED;
	if (sub->policy.ack == NC_ACK_NONE)
		done |= STORE_SENT;
	for (uint64_t at = sub->floor + 1; at <= floor && at <= store->head; at++) {
		if (store_wanted(store, sub, at) && (*store_marks(sub, at) & done) == 0) {
			sim_violation(
			        sim,
			        "subscription %u: its floor %llu is past %llu, which is not done",
			        command->sub, ULL(floor), ULL(at));
		}
	}
	sub->floor = floor;
}
