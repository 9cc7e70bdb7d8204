/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands to bytes and back. */
#include "core/engine/command.h"

#include "core/base/assert.h"
#include "core/base/sha256.h"
#include "core/engine/names.h"
#include "core/engine/packed_private.h"

#define ENTRY_FORMAT 1

/* Flags of NC_COMMAND_SUB_UPDATE. */
#define UPDATE_ANEW  1
#define UPDATE_FLOOR 2 /* a floor stands at the end */

void nc_entry_begin(struct nc_buf *buf, uint64_t leader_time_ns)
{
	nc_assert(buf->size == 0);
	nc_buf_put_u32(buf, ENTRY_FORMAT);
	nc_buf_put_u32(buf, 0); /* reserved, zero */
	nc_buf_put_u64(buf, leader_time_ns);
}

void nc_command_put_append(struct nc_buf *buf, struct nc_expect expect, struct nc_slice record)
{
	nc_buf_put_u32(buf, (uint32_t)(1 + 1 + 8 + record.size));
	nc_buf_put_u8(buf, NC_COMMAND_APPEND);
	nc_buf_put_u8(buf, (uint8_t)expect.kind);
	nc_buf_put_u64(buf, expect.version);
	nc_buf_put_slice(buf, record);
}

/* A command's size is known at its end: leave room for it, put the body, then fill it in. */
static size_t command_begin(struct nc_buf *buf, enum nc_command_kind kind)
{
	size_t start = buf->size;
	nc_buf_put_u32(buf, 0);
	nc_buf_put_u8(buf, (uint8_t)kind);
	return start;
}

static void command_end(struct nc_buf *buf, size_t start)
{
	if (nc_buf_status(buf) == NC_OK)
		nc_set_u32(buf->data + start, (uint32_t)(buf->size - start - 4));
}

int nc_entry_read(struct nc_slice payload, struct nc_entry_reader *reader_out)
{
	struct nc_reader reader = nc_reader(payload);
	uint32_t format = nc_reader_u32(&reader);
	uint32_t reserved = nc_reader_u32(&reader);
	uint64_t time_ns = nc_reader_u64(&reader);
	if (reader.failed)
		return NC_CORRUPT;
	if (format != ENTRY_FORMAT || reserved != 0)
		return NC_UNSUPPORTED;
	*reader_out = (struct nc_entry_reader){ time_ns, reader };
	return NC_OK;
}

static int append_read(struct nc_reader *body, struct nc_command *command)
{
	uint8_t expect = nc_reader_u8(body);
	command->expect.version = nc_reader_u64(body);
	if (body->failed || expect > NC_EXPECT_VERSION)
		return NC_CORRUPT;
	command->expect.kind = (enum nc_expect_kind)expect;
	command->record = nc_slice(body->at, nc_reader_left(body));
	return NC_OK;
}

/* ---- Batches, and the engine's version ------------------------------------------------------- */

void nc_command_put_batch(struct nc_buf *buf, const struct nc_batch *batch)
{
	size_t start = command_begin(buf, NC_COMMAND_BATCH);
	nc_batch_put(buf, batch);
	command_end(buf, start);
}

void nc_command_put_engine_version(struct nc_buf *buf, uint32_t version)
{
	size_t start = command_begin(buf, NC_COMMAND_ENGINE_VERSION);
	nc_buf_put_u32(buf, version);
	command_end(buf, start);
}

void nc_command_put_digest(struct nc_buf *buf, uint64_t position, const uint8_t *digest)
{
	size_t start = command_begin(buf, NC_COMMAND_DIGEST);
	nc_buf_put_u64(buf, position);
	nc_buf_put(buf, digest, NC_SHA256_SIZE);
	command_end(buf, start);
}

static int digest_read(struct nc_reader *body, struct nc_command *command)
{
	command->position = nc_reader_u64(body);
	command->digest = nc_reader_take(body, NC_SHA256_SIZE).data;
	return body->failed || nc_reader_left(body) != 0 ? NC_CORRUPT : NC_OK;
}

static int version_read(struct nc_reader *body, struct nc_command *command)
{
	command->version = nc_reader_u32(body);
	return body->failed || nc_reader_left(body) != 0 ? NC_CORRUPT : NC_OK;
}

/* ---- Subscriptions -------------------------------------------------------------------------- */

void nc_parked_put(struct nc_buf *list, const struct nc_parked *parked)
{
	nc_buf_put_varint(list, parked->position);
	nc_buf_put_varint(list, parked->attempts);
	nc_buf_put_u64(list, parked->time_ns);
	nc_sized_put(list, parked->reason);
	nc_sized_put(list, parked->key);
}

bool nc_parked_next(struct nc_slice *list, struct nc_parked *parked_out)
{
	struct nc_reader reader = nc_reader(*list);
	if (list->size == 0)
		return false;
	parked_out->position = nc_reader_varint(&reader);
	parked_out->attempts = (uint32_t)nc_reader_varint(&reader);
	parked_out->time_ns = nc_reader_u64(&reader);
	parked_out->reason = nc_sized_get(&reader);
	parked_out->key = nc_sized_get(&reader);
	*list = nc_slice(reader.at, nc_reader_left(&reader));
	return !reader.failed;
}

void nc_unparked_put(struct nc_buf *list, uint64_t position)
{
	nc_buf_put_varint(list, position);
}

bool nc_unparked_next(struct nc_slice *list, uint64_t *position_out)
{
	struct nc_reader reader = nc_reader(*list);
	if (list->size == 0)
		return false;
	*position_out = nc_reader_varint(&reader);
	*list = nc_slice(reader.at, nc_reader_left(&reader));
	return !reader.failed;
}

void nc_command_put_sub_create(struct nc_buf *buf, const struct nc_sub_create *create)
{
	size_t start = command_begin(buf, NC_COMMAND_SUB_CREATE);
	nc_sized_put(buf, create->name);
	nc_buf_put_u8(buf, (uint8_t)create->start);
	nc_buf_put_u64(buf, create->start_value);
	nc_sized_put(buf, create->stream);
	nc_sized_put(buf, create->definition);
	command_end(buf, start);
}

void nc_command_put_sub_delete(struct nc_buf *buf, struct nc_slice name)
{
	size_t start = command_begin(buf, NC_COMMAND_SUB_DELETE);
	nc_sized_put(buf, name);
	command_end(buf, start);
}

static void change_put(struct nc_buf *buf, const struct nc_sub_change *change)
{
	nc_sized_put(buf, change->name);
	nc_buf_put_u64(buf, change->epoch);
	nc_sized_put(buf, change->progress);
	nc_sized_put(buf, change->parked);
	nc_sized_put(buf, change->unparked);
}

/* All but the name. */
static struct nc_sub_change change_get(struct nc_reader *body, struct nc_slice name)
{
	struct nc_sub_change change = { .name = name };
	change.epoch = nc_reader_u64(body);
	change.progress = nc_sized_get(body);
	change.parked = nc_sized_get(body);
	change.unparked = nc_sized_get(body);
	return change;
}

void nc_command_put_sub_progress(struct nc_buf *buf, const struct nc_sub_change *change)
{
	size_t start = command_begin(buf, NC_COMMAND_SUB_PROGRESS);
	change_put(buf, change);
	command_end(buf, start);
}

void nc_command_put_sub_seek(struct nc_buf *buf, const struct nc_sub_seek *seek)
{
	size_t start = command_begin(buf, NC_COMMAND_SUB_SEEK);
	change_put(buf, &seek->change);
	nc_buf_put_u8(buf, (uint8_t)seek->start);
	nc_buf_put_u64(buf, seek->start_value);
	nc_sized_put(buf, seek->stream);
	command_end(buf, start);
}

void nc_command_put_sub_update(struct nc_buf *buf, const struct nc_sub_update *update)
{
	size_t start = command_begin(buf, NC_COMMAND_SUB_UPDATE);
	change_put(buf, &update->change);
	nc_sized_put(buf, update->definition);
	nc_sized_put(buf, update->backfill);
	bool floor = nc_floor_is(&update->floor);
	nc_buf_put_u8(buf,
	              (uint8_t)((update->anew ? UPDATE_ANEW : 0) | (floor ? UPDATE_FLOOR : 0)));
	nc_buf_put_u64(buf, update->cursor);
	if (floor)
		nc_floor_put(buf, &update->floor);
	command_end(buf, start);
}

void nc_command_put_sub_own(struct nc_buf *buf, const struct nc_sub_own *own)
{
	size_t start = command_begin(buf, NC_COMMAND_SUB_OWN);
	nc_sized_put(buf, own->name);
	nc_buf_put_u64(buf, own->epoch);
	nc_buf_put_u64(buf, own->owner.number);
	nc_buf_put_u64(buf, own->owner.boot);
	command_end(buf, start);
}

static void own_read(struct nc_reader *body, struct nc_slice name, struct nc_sub_own *own)
{
	own->name = name;
	own->epoch = nc_reader_u64(body);
	own->owner.number = nc_reader_u64(body);
	own->owner.boot = nc_reader_u64(body);
}

static int seek_read(struct nc_reader *body, struct nc_slice name, struct nc_sub_seek *seek)
{
	seek->change = change_get(body, name);
	uint8_t start = nc_reader_u8(body);
	seek->start = (enum nc_sub_start)start;
	seek->start_value = nc_reader_u64(body);
	seek->stream = nc_sized_get(body);
	return start > NC_SUB_START_TIME ? NC_UNSUPPORTED : NC_OK;
}

static int update_read(struct nc_reader *body, struct nc_slice name, struct nc_sub_update *update)
{
	update->change = change_get(body, name);
	update->definition = nc_sized_get(body);
	update->backfill = nc_sized_get(body);
	uint8_t flags = nc_reader_u8(body);
	update->anew = (flags & UPDATE_ANEW) != 0;
	update->cursor = nc_reader_u64(body);
	if ((flags & UPDATE_FLOOR) != 0)
		update->floor = nc_floor_get(body);
	return flags > (UPDATE_ANEW | UPDATE_FLOOR) ? NC_UNSUPPORTED : NC_OK;
}

static int sub_read(struct nc_reader *body, struct nc_command *command)
{
	struct nc_slice name = nc_sized_get(body);
	int err = NC_OK;
	command->create.name = name;
	if (command->kind == NC_COMMAND_SUB_CREATE) {
		uint8_t start = nc_reader_u8(body);
		command->create.start = (enum nc_sub_start)start;
		command->create.start_value = nc_reader_u64(body);
		command->create.stream = nc_sized_get(body);
		command->create.definition = nc_sized_get(body);
		err = start > NC_SUB_START_TIME ? NC_UNSUPPORTED : NC_OK;
	} else if (command->kind == NC_COMMAND_SUB_PROGRESS) {
		command->change = change_get(body, name);
	} else if (command->kind == NC_COMMAND_SUB_SEEK) {
		err = seek_read(body, name, &command->seek);
	} else if (command->kind == NC_COMMAND_SUB_UPDATE) {
		err = update_read(body, name, &command->update);
	} else if (command->kind == NC_COMMAND_SUB_OWN) {
		own_read(body, name, &command->own);
	}
	if (err != NC_OK)
		return err;
	bool whole = !body->failed && nc_reader_left(body) == 0 && name.size > 0;
	return whole ? NC_OK : NC_CORRUPT;
}

/* ---- Snapshots ------------------------------------------------------------------------------ */

void nc_command_put_snap(struct nc_buf *buf, uint64_t keep, struct nc_slice record)
{
	size_t start = command_begin(buf, NC_COMMAND_SNAP_PUT);
	nc_buf_put_varint(buf, keep);
	nc_buf_put_slice(buf, record);
	command_end(buf, start);
}

void nc_command_put_snap_delete(struct nc_buf *buf, const struct nc_snap_range *range)
{
	size_t start = command_begin(buf, NC_COMMAND_SNAP_DELETE);
	nc_sized_put(buf, range->stream);
	nc_buf_put_varint(buf, range->from);
	nc_buf_put_varint(buf, range->before);
	command_end(buf, start);
}

static int snap_read(struct nc_reader *body, struct nc_command *command)
{
	command->keep = nc_reader_varint(body);
	command->record = nc_slice(body->at, nc_reader_left(body));
	return body->failed ? NC_CORRUPT : NC_OK;
}

static int snap_delete_read(struct nc_reader *body, struct nc_snap_range *range)
{
	range->stream = nc_sized_get(body);
	range->from = nc_reader_varint(body);
	range->before = nc_reader_varint(body);
	bool named = range->stream.size > 0 && range->stream.size <= NC_NAME_SIZE_MAX;
	return body->failed || nc_reader_left(body) != 0 || !named ? NC_CORRUPT : NC_OK;
}

void nc_command_put_stream(struct nc_buf *buf, enum nc_command_kind kind,
                           const struct nc_stream_change *change)
{
	size_t start = command_begin(buf, kind);
	nc_stream_change_put(buf, kind, change);
	command_end(buf, start);
}

/* ---- Any command ---------------------------------------------------------------------------- */

static int command_read(struct nc_reader *body, struct nc_command *command)
{
	switch (command->kind) {
	case NC_COMMAND_APPEND:
		return append_read(body, command);
	case NC_COMMAND_BATCH:
		return nc_batch_get(nc_slice(body->at, nc_reader_left(body)), &command->batch);
	case NC_COMMAND_ENGINE_VERSION:
		return version_read(body, command);
	case NC_COMMAND_DIGEST:
		return digest_read(body, command);
	case NC_COMMAND_SNAP_PUT:
		return snap_read(body, command);
	case NC_COMMAND_SNAP_DELETE:
		return snap_delete_read(body, &command->range);
	case NC_COMMAND_STREAM_DELETE:
	case NC_COMMAND_STREAM_META:
		return nc_stream_change_get(nc_slice(body->at, nc_reader_left(body)), command->kind,
		                            &command->stream);
	default:
		return sub_read(body, command);
	}
}

int nc_entry_next(struct nc_entry_reader *reader, struct nc_command *command_out)
{
	if (nc_reader_left(&reader->reader) == 0)
		return NC_NOTFOUND;
	uint32_t size = nc_reader_u32(&reader->reader);
	struct nc_reader body = nc_reader(nc_reader_take(&reader->reader, size));
	struct nc_command command = { 0 };
	uint8_t kind = nc_reader_u8(&body);
	if (reader->reader.failed || body.failed)
		return NC_CORRUPT;
	if (kind < NC_COMMAND_APPEND || kind > NC_COMMAND_STREAM_META)
		return NC_UNSUPPORTED;
	command.kind = (enum nc_command_kind)kind;
	int err = command_read(&body, &command);
	if (err == NC_OK)
		*command_out = command;
	return err;
}
