/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Appending many events, all or none. All checks come before the first write, so that what is
 * refused leaves nothing behind. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/hashmap.h"
#include "core/engine/engine_private.h"
#include "core/engine/match_private.h"

#define FEW_STREAMS 8u /* up to so many streams are searched one by one */

struct member {
	struct nc_event event;
	struct nc_batch_event asked;
	uint32_t stream; /* of batch->streams */
};

struct member_stream {
	struct nc_slice name;
	struct nc_stream row;
	uint64_t before; /* version before the batch */
	uint64_t count;  /* events of the batch, as far as they have been looked at */
};

/* Room for one batch at a time, kept from one to the next. */
struct nc_batch_room {
	struct member *members; /* [capacity], and so the others */
	struct member_stream *streams;
	struct nc_batch_result *results;
	size_t capacity;
	size_t member_count, stream_count, result_count;
	struct nc_hashmap by_name; /* of streams, where they are many */
	struct nc_match match;
};

void nc_batch_room_free(struct nc_batch_room *room)
{
	if (room == NULL)
		return;
	free(room->members);
	free(room->streams);
	free(room->results);
	nc_hashmap_release(&room->by_name);
	free(room);
}

static int room_make(struct nc_engine *engine, size_t count)
{
	struct nc_batch_room *room = engine->batch_room;
	if (room == NULL)
		room = engine->batch_room = calloc(1, sizeof *room);
	if (room == NULL)
		return NC_NOMEM;
	room->member_count = room->stream_count = room->result_count = 0;
	nc_hashmap_release(&room->by_name);
	if (count <= room->capacity)
		return NC_OK;
	struct member *members = realloc(room->members, count * sizeof *members);
	if (members != NULL)
		room->members = members;
	struct member_stream *streams = realloc(room->streams, count * sizeof *streams);
	if (streams != NULL)
		room->streams = streams;
	struct nc_batch_result *results = realloc(room->results, count * sizeof *results);
	if (results != NULL)
		room->results = results;
	if (members == NULL || streams == NULL || results == NULL)
		return NC_NOMEM;
	room->capacity = count;
	return NC_OK;
}

/* ---- What the batch writes ------------------------------------------------------------------ */

static struct member_stream *stream_find(struct nc_batch_room *room, struct nc_slice name)
{
	if (room->stream_count <= FEW_STREAMS) {
		for (size_t i = 0; i < room->stream_count; i++) {
			if (nc_slice_eq(room->streams[i].name, name))
				return &room->streams[i];
		}
		return NULL;
	}
	struct nc_hashmap_probe probe;
	uint32_t at = nc_hashmap_first(&room->by_name, nc_hash_bytes(name), &probe);
	for (; at != NC_HASHMAP_NONE; at = nc_hashmap_next(&room->by_name, &probe)) {
		if (nc_slice_eq(room->streams[at].name, name))
			return &room->streams[at];
	}
	return NULL;
}

static int stream_add(struct nc_engine *engine, struct nc_slice name, struct member_stream **out)
{
	struct nc_batch_room *room = engine->batch_room;
	struct member_stream *stream = &room->streams[room->stream_count];
	*stream = (struct member_stream){ .name = name };
	int err = nc_stream_get(engine->reader, name, &engine->scratch, &stream->row);
	if (err != NC_OK && err != NC_NOTFOUND)
		return err;
	stream->before = stream->row.head;
	room->stream_count++;
	err = NC_OK;
	if (room->stream_count == FEW_STREAMS + 1) { /* from here on there are many */
		for (uint32_t i = 0; err == NC_OK && i < FEW_STREAMS; i++) {
			err = nc_hashmap_put(&room->by_name, nc_hash_bytes(room->streams[i].name),
			                     i);
		}
	}
	if (err == NC_OK && room->stream_count > FEW_STREAMS) {
		err = nc_hashmap_put(&room->by_name, nc_hash_bytes(name),
		                     (uint32_t)room->stream_count - 1);
	}
	*out = stream;
	return err;
}

/* Read the events. Errors: NC_CORRUPT, a record was damaged before it came into the log. */
static int members_read(struct nc_batch_room *room, const struct nc_batch *batch)
{
	struct nc_slice list = batch->events;
	struct member *member = room->members;
	while (nc_batch_event_next(&list, &member->asked)) {
		int err = nc_event_record_get(member->asked.record, &member->event);
		if (err != NC_OK)
			return err;
		member++;
		room->member_count++;
	}
	return NC_OK;
}

/* Read the rows of their streams. */
static int streams_read(struct nc_engine *engine)
{
	struct nc_batch_room *room = engine->batch_room;
	int err = NC_OK;
	for (size_t i = 0; i < room->member_count && err == NC_OK; i++) {
		struct member *member = &room->members[i];
		struct member_stream *stream = stream_find(room, member->event.stream);
		if (stream == NULL)
			err = stream_add(engine, member->event.stream, &stream);
		if (err == NC_OK)
			member->stream = (uint32_t)(stream - room->streams);
	}
	return err;
}

/* ---- What may forbid it --------------------------------------------------------------------- */

static bool is_tombstoned(const struct nc_batch_room *room)
{
	for (size_t i = 0; i < room->stream_count; i++) {
		if (room->streams[i].row.state == NC_STREAM_TOMBSTONED)
			return true;
	}
	return false;
}

/* Look up each member's id. *whole_out is true if all are known, with the same content, and their
 * results are listed; or if none is known. It is false if some are, or one has other content. */
static int members_recognise(struct nc_engine *engine, bool *whole_out)
{
	struct nc_batch_room *room = engine->batch_room;
	for (size_t i = 0; i < room->member_count; i++) {
		const struct member *member = &room->members[i];
		struct nc_id_row first;
		int err = nc_engine_recognise(engine, &member->event,
		                              &room->streams[member->stream].row, &first);
		if (err != NC_OK && err != NC_NOTFOUND && err != NC_CONFLICT)
			return err;
		bool known = err == NC_OK && room->result_count == i;
		bool unknown = err == NC_NOTFOUND && room->result_count == 0;
		*whole_out = known || unknown;
		if (!*whole_out)
			return NC_OK;
		if (known) {
			room->results[room->result_count++] =
			        (struct nc_batch_result){ .stream = member->event.stream,
				                          .version = first.version,
				                          .position = first.position };
		}
	}
	return NC_OK;
}

/* Find out whether the batch was appended before; it must then have been all of it. Errors:
 * NC_NOTFOUND, no event of it is known. */
static int recognise(struct nc_engine *engine, struct nc_outcome *outcome)
{
	struct nc_batch_room *room = engine->batch_room;
	bool whole = true;
	int err = members_recognise(engine, &whole);
	if (err != NC_OK)
		return err;
	if (!whole) {
		room->result_count = 0;
		if (NC_ENGINE_MUTANT(BATCH_RETRY_IN_PART))
			return NC_NOTFOUND;
		outcome->fault = NC_FAULT_ID_REUSED;
		return NC_OK;
	}
	if (room->result_count == 0)
		return NC_NOTFOUND;
	outcome->duplicate = true;
	for (size_t i = 0; i < room->result_count; i++) {
		if (room->results[i].position > outcome->position)
			outcome->position = room->results[i].position;
	}
	return NC_OK;
}

static void expect_hold(struct nc_batch_room *room, struct nc_expect expect, struct nc_slice name,
                        const struct nc_stream *stream)
{
	if (nc_expect_holds(expect, stream))
		return;
	room->results[room->result_count++] = (struct nc_batch_result){ .stream = name,
		                                                        .version = stream->head,
		                                                        .expect = expect };
}

/* List every expectation that fails. */
static int expectations_hold(struct nc_engine *engine, const struct nc_batch *batch)
{
	struct nc_batch_room *room = engine->batch_room;
	for (size_t i = 0; i < room->member_count; i++) {
		const struct member *member = &room->members[i];
		struct member_stream *stream = &room->streams[member->stream];
		struct nc_stream as_of = stream->row; /* with the batch's earlier events */
		if (!NC_ENGINE_MUTANT(BATCH_FORGETS_EARLIER))
			as_of.head += stream->count;
		if (stream->count++ > 0)
			as_of.state = NC_STREAM_LIVE;
		expect_hold(room, member->asked.expect, member->event.stream, &as_of);
	}
	struct nc_slice list = batch->checks;
	struct nc_batch_check check;
	while (!NC_ENGINE_MUTANT(BATCH_CHECK_IGNORED) && nc_batch_check_next(&list, &check)) {
		struct nc_stream stream = { 0 };
		int err = nc_stream_get(engine->reader, check.stream, &engine->scratch, &stream);
		if (err != NC_OK && err != NC_NOTFOUND)
			return err;
		expect_hold(room, check.expect, check.stream, &stream);
	}
	return NC_OK;
}

/* Whether a visible event after `after` matches, found by the indexes and with bounded work. Events
 * that no query shows forbid nothing, or a client would be refused for what it cannot find. */
static int condition_holds(struct nc_engine *engine, uint64_t now_ns, const struct nc_batch *batch,
                           struct nc_outcome *outcome)
{
	struct nc_match *match = &engine->batch_room->match;
	if (batch->items.size == 0 || batch->after >= engine->head.position ||
	    NC_ENGINE_MUTANT(CONDITION_IGNORED))
		return NC_OK;
	struct nc_sight sight = { .now_ns = now_ns };
	uint64_t lookups = NC_CONDITION_LOOKUPS_MAX, position;
	struct nc_match_range range = { .from = batch->after + 1 +
		                                NC_ENGINE_MUTANT(CONDITION_FROM_NEXT),
		                        .to = engine->head.position };
	int err = nc_match_init(match, engine->reader, batch->items, &engine->cache,
	                        &engine->scratch, range);
	nc_sight_begin(&sight, engine->reader);
	if (err == NC_OK) {
		err = nc_match_next_seen(match, &sight, &engine->row, &lookups, &position);
		nc_sight_release(&sight);
	}
	if (err == NC_NOTFOUND)
		return NC_OK;
	if (err == NC_OK) {
		outcome->fault = NC_FAULT_CONDITION;
		outcome->position = position;
	} else if (err == NC_TOOBIG) {
		outcome->fault = NC_FAULT_CONDITION_WIDE;
		err = NC_OK;
	}
	return err;
}

static int check(struct nc_engine *engine, uint64_t leader_time_ns, const struct nc_batch *batch,
                 struct nc_outcome *outcome)
{
	struct nc_batch_room *room = engine->batch_room;
	if (is_tombstoned(room)) {
		outcome->fault = NC_FAULT_TOMBSTONED;
		return NC_OK;
	}
	int err = recognise(engine, outcome);
	if (err != NC_NOTFOUND)
		return err;
	bool stands = true;
	err = batch->ack.name.size == 0 ? NC_OK
	                                : nc_engine_ack_stands(engine, &batch->ack, &stands);
	if (err == NC_OK && !stands)
		outcome->fault = NC_FAULT_STALE_ACK;
	if (err != NC_OK || !stands)
		return err;
	err = expectations_hold(engine, batch);
	if (err == NC_OK && room->result_count > 0) {
		outcome->fault = NC_FAULT_EXPECTATION;
		outcome->version = room->results[0].version;
		return NC_OK;
	}
	uint64_t head_ns = engine->head.time_ns;
	uint64_t now_ns = leader_time_ns > head_ns ? leader_time_ns : head_ns;
	return err == NC_OK ? condition_holds(engine, now_ns, batch, outcome) : err;
}

/* ---- Writing -------------------------------------------------------------------------------- */

static int write_all(struct nc_engine *engine, uint64_t leader_time_ns, struct nc_outcome *outcome)
{
	struct nc_batch_room *room = engine->batch_room;
	for (size_t i = 0; i < room->stream_count; i++) /* all its events are of one time */
		leader_time_ns = nc_engine_life_time(engine, leader_time_ns, &room->streams[i].row);
	for (size_t i = 0; i < room->member_count; i++) {
		const struct member *member = &room->members[i];
		struct nc_stream *stream = &room->streams[member->stream].row;
		int err = nc_engine_write(engine, leader_time_ns, member->asked.record,
		                          &member->event, stream);
		if (err != NC_OK)
			return err;
		room->results[room->result_count++] =
		        (struct nc_batch_result){ .stream = member->event.stream,
			                          .version = stream->head,
			                          .position = engine->head.position,
			                          .record = member->asked.record };
	}
	for (size_t i = 0; i < room->stream_count; i++) {
		int err =
		        nc_engine_stream_put(engine, room->streams[i].name, &room->streams[i].row);
		if (err != NC_OK)
			return err;
	}
	outcome->position = engine->head.position;
	outcome->time_ns = engine->head.time_ns;
	return NC_OK;
}

/* Commit the acknowledgement that goes with the batch. */
static int ack_commit(struct nc_engine *engine, const struct nc_batch_ack *ack,
                      struct nc_outcome *outcome)
{
	if (ack->name.size == 0)
		return NC_OK;
	outcome->ack = *ack;
	return nc_engine_ack_keep(engine, &outcome->ack);
}

static int batch_apply(struct nc_engine *engine, uint64_t leader_time_ns,
                       const struct nc_batch *batch, struct nc_outcome *outcome)
{
	int err = room_make(engine, batch->event_count + batch->check_count);
	if (err == NC_OK)
		err = members_read(engine->batch_room, batch);
	if (err == NC_CORRUPT) { /* every replica has the same bytes, and refuses them alike */
		outcome->fault = NC_FAULT_REQUEST;
		return NC_OK;
	}
	if (err == NC_OK) /* damage in these is of this replica alone */
		err = streams_read(engine);
	if (err == NC_OK)
		err = check(engine, leader_time_ns, batch, outcome);
	if (err != NC_OK || outcome->fault.code != 0 || outcome->duplicate)
		return err;
	err = write_all(engine, leader_time_ns, outcome);
	return err == NC_OK ? ack_commit(engine, &batch->ack, outcome) : err;
}

int nc_engine_batch(struct nc_engine *engine, uint64_t leader_time_ns,
                    const struct nc_command *command, nc_outcome_fn *fn, void *ctx)
{
	struct nc_outcome outcome = { 0 };
	int err = NC_OK;
	if (engine->batch_room != NULL)
		engine->batch_room->result_count = 0;
	uint32_t needs =
	        command->batch.ack.name.size > 0 ? NC_ENGINE_VERSION_ACK : NC_ENGINE_VERSION_BATCH;
	if (engine->head.version < needs) {
		outcome.fault = NC_FAULT_VERSION;
	} else {
		err = batch_apply(engine, leader_time_ns, &command->batch, &outcome);
	}
	if (err != NC_OK)
		return err;
	if (engine->batch_room != NULL && engine->batch_room->result_count > 0) {
		outcome.results = engine->batch_room->results;
		outcome.result_count = engine->batch_room->result_count;
	}
	fn(ctx, &outcome);
	return NC_OK;
}
