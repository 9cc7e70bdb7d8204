/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on streams: what is seen of one goes, or is limited. No event is removed. */
#include "core/engine/engine_private.h"
#include "core/engine/seen.h"

/* When the limit of age changes, events that become too old within this time after the leader's
 * time in the entry are settled together with those that are too old already. The time is an eighth
 * of the age, and at most this, since it shortens the life of such events. It has to cover the time
 * until the entry is applied, and how far a reader's clock may be ahead of the leader's: 4 s for an
 * age of 32 s or more, an eighth of a second for the least age, 1 s. If an entry takes longer,
 * because a disk is slow or a leader falls, an event that grew too old in between may become
 * visible again: reads give it again, but a subscription that has dropped it meanwhile does not
 * deliver it. */
#define ABOUT_NS_MAX UINT64_C(4000000000)

/* Events below `first` are not visible any more. The bound never goes back. */
static void first_raise(struct nc_stream *stream, uint64_t first)
{
	if (first <= stream->first)
		return;
	stream->first = first;
	stream->moved = true;
}

void nc_engine_stream_limit(struct nc_stream *stream)
{
	uint64_t count_max = stream->limits.count_max;
	if (count_max > 0 && stream->head > count_max)
		first_raise(stream, stream->head - count_max + 1);
	stream->events = stream->head + 1 - stream->first;
}

int nc_engine_stream_put(struct nc_engine *engine, struct nc_slice name, struct nc_stream *stream)
{
	const struct nc_bounds bounds = { stream->first, stream->limits.age_max_s };
	int err = NC_OK;
	if (stream->moved)
		err = nc_bounds_put(engine->state, stream->id, &bounds, &engine->scratch);
	if (err != NC_OK)
		return err;
	engine->hides |= stream->moved;
	stream->moved = false;
	return nc_stream_put(engine->state, name, &engine->scratch, stream);
}

/* ---- Delete --------------------------------------------------------------------------------- */

/* Deleting a deleted stream changes nothing, except that it may now be deleted for ever. */
static int delete_apply(struct nc_engine *engine, const struct nc_stream_change *change,
                        struct nc_stream *stream, struct nc_outcome *outcome)
{
	if (stream->state == NC_STREAM_DELETED && !change->tombstone) {
		outcome->duplicate = true;
		return NC_OK;
	}
	stream->state = change->tombstone ? NC_STREAM_TOMBSTONED : NC_STREAM_DELETED;
	if (!NC_ENGINE_MUTANT(DELETE_SHOWS_ALL))
		first_raise(stream, stream->head + 1);
	stream->events = 0;
	stream->bytes = 0;
	return nc_engine_stream_put(engine, change->stream, stream);
}

/* ---- Limits --------------------------------------------------------------------------------- */

/* Events that are too old now stay invisible, whatever the new age is. So do those that are about
 * to be (ABOUT_NS_MAX): a reader with its own clock may already have found them too old, and taken
 * them for gone. */
static int age_settle(struct nc_engine *engine, uint64_t now_ns, struct nc_stream *stream)
{
	uint64_t first, age_max_ns = stream->limits.age_max_s * UINT64_C(1000000000);
	uint64_t about_ns = age_max_ns / 8 < ABOUT_NS_MAX ? age_max_ns / 8 : ABOUT_NS_MAX;
	if (engine->head.version < NC_ENGINE_VERSION_AGE)
		about_ns = 0;
	int err = nc_seen_first(engine->reader, engine->head.position, now_ns + about_ns, stream,
	                        &first);
	if (err == NC_OK)
		first_raise(stream, first);
	return err;
}

static int meta_apply(struct nc_engine *engine, uint64_t now_ns,
                      const struct nc_stream_change *change, struct nc_stream *stream,
                      struct nc_outcome *outcome)
{
	struct nc_stream_limits *limits = &stream->limits;
	if (stream->state != NC_STREAM_LIVE) {
		outcome->fault = NC_FAULT_NO_STREAM;
		return NC_OK;
	}
	if (change->has_truncate && change->truncate_before > stream->head + 1) {
		outcome->fault = NC_FAULT_REQUEST;
		return NC_OK;
	}
	if (change->has_age && limits->age_max_s != change->age_max_s) {
		int err = age_settle(engine, now_ns, stream);
		if (err != NC_OK)
			return err;
		engine->ages -= limits->age_max_s > 0;
		engine->ages += change->age_max_s > 0;
		limits->age_max_s = change->age_max_s;
		stream->moved = true;
	}
	if (change->has_count)
		limits->count_max = change->count_max;
	if (change->has_truncate) {
		limits->truncate_before = change->truncate_before;
		first_raise(stream, change->truncate_before);
	}
	nc_engine_stream_limit(stream);
	return nc_engine_stream_put(engine, change->stream, stream);
}

/* ---- Either --------------------------------------------------------------------------------- */

static int change_apply(struct nc_engine *engine, uint64_t leader_time_ns,
                        const struct nc_command *command, struct nc_outcome *outcome)
{
	const struct nc_stream_change *change = &command->stream;
	uint64_t head_ns = engine->head.time_ns;
	uint64_t now_ns = leader_time_ns > head_ns ? leader_time_ns : head_ns;
	struct nc_stream stream = { 0 };
	int err = nc_stream_get(engine->reader, change->stream, &engine->scratch, &stream);
	if (err == NC_NOTFOUND) {
		outcome->fault = NC_FAULT_NO_STREAM;
		return NC_OK;
	}
	if (err != NC_OK)
		return err;
	outcome->version = stream.head;
	if (stream.state == NC_STREAM_TOMBSTONED) {
		outcome->fault = NC_FAULT_TOMBSTONED;
	} else if (!nc_expect_holds(change->expect, &stream)) {
		outcome->fault = NC_FAULT_EXPECTATION;
	} else if (command->kind == NC_COMMAND_STREAM_DELETE) {
		err = delete_apply(engine, change, &stream, outcome);
	} else {
		err = meta_apply(engine, now_ns, change, &stream, outcome);
	}
	if (err != NC_OK || outcome->fault.code != 0)
		return err;
	outcome->stream_is.state = (uint8_t)stream.state;
	outcome->stream_is.limits = stream.limits;
	return nc_seen_first(engine->reader, engine->head.position, now_ns, &stream,
	                     &outcome->stream_is.first);
}

int nc_engine_stream(struct nc_engine *engine, uint64_t leader_time_ns,
                     const struct nc_command *command, nc_outcome_fn *fn, void *ctx)
{
	struct nc_outcome outcome = { .stream = command->stream.stream };
	int err = NC_OK;
	if (engine->head.version < NC_ENGINE_VERSION_STREAM) {
		outcome.fault = NC_FAULT_VERSION;
	} else {
		err = change_apply(engine, leader_time_ns, command, &outcome);
	}
	if (err == NC_OK)
		fn(ctx, &outcome);
	return err;
}
