/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Appending one event: recognise a retry, check the expectation, write. All checks come before the
 * first write, so that what is refused leaves nothing behind. */
#include "core/base/assert.h"
#include "core/engine/digest.h"
#include "core/engine/engine_private.h"

bool nc_expect_holds(struct nc_expect expect, const struct nc_stream *stream)
{
	bool live = stream->head > 0 && stream->state == NC_STREAM_LIVE;
	switch (expect.kind) {
	case NC_EXPECT_NONE:
		return !live;
	case NC_EXPECT_EXISTS:
		return live;
	case NC_EXPECT_VERSION:
		return expect.version == 0 ? !live
		                           : expect.version == stream->head ||
		                                     NC_ENGINE_MUTANT(EXPECTATION_IGNORED);
	case NC_EXPECT_ANY:
	default:
		return true;
	}
}

/* The id of a name; a new name is given one. */
static int name_id(struct nc_engine *engine, enum nc_name_kind kind, struct nc_slice name,
                   uint64_t *id_out)
{
	uint64_t id = nc_name_cache_get(&engine->cache, kind, name);
	if (id == 0) {
		int err = nc_name_id_get(engine->reader, kind, name, &engine->scratch, &id);
		if (err == NC_NOTFOUND) {
			id = ++engine->names;
			err = nc_name_id_put(engine->state, kind, name, &engine->scratch, id);
		}
		if (err != NC_OK)
			return err;
		nc_name_cache_put(&engine->cache, kind, name, id);
	}
	*id_out = id;
	return NC_OK;
}

static int keys_fill(struct nc_engine *engine, const struct nc_event *event,
                     const struct nc_stream *stream, uint64_t *tag_ids, struct nc_event_keys *keys)
{
	keys->stream_id = stream->id;
	keys->version = stream->head + 1;
	keys->category_id = stream->category_id;
	keys->id = event->id;
	memcpy(keys->digest, event->digest, NC_DIGEST_SIZE);
	int err = name_id(engine, NC_NAME_TYPE, event->type, &keys->type_id);
	struct nc_slice tags = event->tags, tag;
	while (err == NC_OK && nc_event_tag_next(&tags, &tag))
		err = name_id(engine, NC_NAME_TAG, tag, &tag_ids[keys->tag_count++]);
	keys->tag_ids = tag_ids;
	return err;
}

/* The stream's first event ever. */
static int stream_begin(struct nc_engine *engine, struct nc_slice name, struct nc_stream *stream)
{
	stream->id = ++engine->head.streams;
	stream->first = 1;
	return name_id(engine, NC_NAME_CATEGORY, nc_name_category(name), &stream->category_id);
}

uint64_t nc_engine_life_time(const struct nc_engine *engine, uint64_t leader_time_ns,
                             const struct nc_stream *stream)
{
	if (stream->state != NC_STREAM_DELETED || engine->head.version < NC_ENGINE_VERSION_LIVES)
		return leader_time_ns;
	return leader_time_ns > stream->created_ns ? leader_time_ns : stream->created_ns + 1;
}

/* Advance the stream by one event. */
static void stream_advance(const struct nc_engine *engine, const struct nc_event *event,
                           struct nc_stream *stream)
{
	if (stream->state != NC_STREAM_LIVE) { /* new, or revived: older events stay unseen */
		stream->first = NC_ENGINE_MUTANT(REVIVED_FROM_ONE) ? 1 : stream->head + 1;
		stream->created_ns = engine->head.time_ns;
		stream->bytes = 0;
	}
	stream->state = NC_STREAM_LIVE;
	stream->head++;
	stream->last_ns = engine->head.time_ns;
	stream->bytes += event->data.size;
	if (!NC_ENGINE_MUTANT(LIMIT_OF_LATER))
		nc_engine_stream_limit(stream);
}

/* The time of the next event: the leader's, but never less than that of the one before. */
static uint64_t time_next(const struct nc_engine_head *head, uint64_t leader_time_ns)
{
	uint64_t least = head->time_ns;
	if (NC_ENGINE_TRIAL == 2 || (NC_ENGINE_TRIAL == 1 && head->version >= NC_ENGINE_VERSION))
		least++; /* the trial's meaning: no two events have the same time */
	return leader_time_ns > least || NC_ENGINE_MUTANT(TIME_GOES_BACK) ? leader_time_ns : least;
}

int nc_engine_write(struct nc_engine *engine, uint64_t leader_time_ns, struct nc_slice record,
                    const struct nc_event *event, struct nc_stream *stream)
{
	int err = stream->head == 0 && stream->id == 0 ? stream_begin(engine, event->stream, stream)
	                                               : NC_OK;
	if (err != NC_OK)
		return err;
	engine->head.time_ns = time_next(&engine->head, leader_time_ns);

	if (NC_ENGINE_MUTANT(STATE_BY_ADDRESS))
		engine->head.time_ns += (uintptr_t)engine >> 8 & 1;

	uint64_t tag_ids[NC_STATE_TAG_COUNT_MAX];
	struct nc_event_keys keys = { 0 };
	err = keys_fill(engine, event, stream, tag_ids, &keys);
	if (err != NC_OK)
		return err;

	uint64_t position = engine->head.position + 1;
	nc_buf_clear(&engine->row);
	nc_event_row_put(&engine->row, position, engine->head.time_ns, &keys, record);
	err = nc_buf_status(&engine->row);
	if (err == NC_OK) {
		err = nc_state_event_put(engine->state, position, nc_buf_slice(&engine->row),
		                         &keys);
	}
	if (err != NC_OK)
		return err;
	stream_advance(engine, event, stream);
	engine->head.position = position;
	engine->head.events++;
	engine->head.bytes += event->data.size;
	nc_digest_add(engine->head.digest, position, stream->head, engine->head.time_ns,
	              nc_slice(record.data, record.size - event->data.size));
	if (position % NC_DIGEST_EVERY == 0 && engine->head.version >= NC_ENGINE_VERSION_DIGEST)
		err = nc_digest_mark_put(engine->state, position, engine->head.digest);
	return err;
}

int nc_engine_recognise(struct nc_engine *engine, const struct nc_event *event,
                        const struct nc_stream *stream, struct nc_id_row *row_out)
{
	if (event->id.size == 0 || stream->head == 0 || NC_ENGINE_MUTANT(IDEMPOTENCY_LOST))
		return NC_NOTFOUND;
	struct nc_id_row row;
	int err = nc_engine_id_find(engine->reader, event->stream, stream->id, event->id, &row);
	if (err != NC_OK)
		return err;
	if (memcmp(row.digest, event->digest, NC_DIGEST_SIZE) != 0 &&
	    !NC_ENGINE_MUTANT(ID_CONTENT_IGNORED))
		return NC_CONFLICT;
	*row_out = row;
	return NC_OK;
}

/* Check, and write if nothing forbids it. */
static int append(struct nc_engine *engine, uint64_t leader_time_ns,
                  const struct nc_command *command, struct nc_event *event,
                  struct nc_outcome *outcome)
{
	struct nc_stream stream = { 0 };
	int err = nc_stream_get(engine->reader, event->stream, &engine->scratch, &stream);
	if (err != NC_OK && err != NC_NOTFOUND)
		return err;
	if (stream.state == NC_STREAM_TOMBSTONED) {
		outcome->fault = NC_FAULT_TOMBSTONED;
		return NC_OK;
	}
	struct nc_id_row first;
	err = nc_engine_recognise(engine, event, &stream, &first);
	if (NC_ENGINE_MUTANT(EXPECTATION_BEFORE_RETRY) && err == NC_OK &&
	    !nc_expect_holds(command->expect, &stream))
		err = NC_NOTFOUND;
	if (err == NC_CONFLICT) {
		outcome->fault = NC_FAULT_ID_REUSED;
		return NC_OK;
	}
	if (err == NC_OK) {
		outcome->duplicate = true;
		outcome->version = first.version;
		outcome->position = first.position;
	}
	if (err != NC_NOTFOUND)
		return err;
	if (!nc_expect_holds(command->expect, &stream)) {
		outcome->fault = NC_FAULT_EXPECTATION;
		outcome->version = stream.head;
		return NC_OK;
	}
	err = nc_engine_write(engine, nc_engine_life_time(engine, leader_time_ns, &stream),
	                      command->record, event, &stream);
	if (err == NC_OK)
		err = nc_engine_stream_put(engine, event->stream, &stream);
	if (err != NC_OK)
		return err;
	outcome->version = stream.head;
	outcome->position = engine->head.position;
	outcome->time_ns = engine->head.time_ns;
	outcome->record = command->record;
	return NC_OK;
}

int nc_engine_append(struct nc_engine *engine, uint64_t leader_time_ns,
                     const struct nc_command *command, nc_outcome_fn *fn, void *ctx)
{
	struct nc_outcome outcome = { 0 };
	struct nc_event event;
	int err = nc_event_record_get(command->record, &event);
	if (err == NC_UNSUPPORTED)
		return err;
	if (err == NC_OK) {
		outcome.stream = event.stream;
		err = append(engine, leader_time_ns, command, &event, &outcome);
	} else {
		/* The record was damaged before it came into the log. Every replica has the same
		 * bytes, so all refuse it alike. */
		outcome.fault = NC_FAULT_REQUEST;
		err = NC_OK;
	}
	if (err == NC_OK)
		fn(ctx, &outcome);
	return err;
}
