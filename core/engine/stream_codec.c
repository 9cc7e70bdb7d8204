/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on streams to bytes and back. */
#include "core/engine/command.h"
#include "core/engine/names.h"
#include "core/engine/packed_private.h"
#include "core/engine/stream.h"

/* Flags of NC_COMMAND_STREAM_DELETE. */
#define DELETE_TOMBSTONE 1

/* Flags of NC_COMMAND_STREAM_META: which limits are given; they follow in this order. */
#define META_COUNT    1
#define META_AGE      2
#define META_TRUNCATE 4
#define META_ALL      7

static uint8_t flags_of(enum nc_command_kind kind, const struct nc_stream_change *change)
{
	if (kind == NC_COMMAND_STREAM_DELETE)
		return change->tombstone ? DELETE_TOMBSTONE : 0;
	return (uint8_t)((change->has_count ? META_COUNT : 0) | (change->has_age ? META_AGE : 0) |
	                 (change->has_truncate ? META_TRUNCATE : 0));
}

void nc_stream_change_put(struct nc_buf *buf, enum nc_command_kind kind,
                          const struct nc_stream_change *change)
{
	nc_sized_put(buf, change->stream);
	nc_buf_put_u8(buf, (uint8_t)change->expect.kind);
	nc_buf_put_varint(buf, change->expect.version);
	nc_buf_put_u8(buf, flags_of(kind, change));
	if (kind == NC_COMMAND_STREAM_DELETE)
		return;
	if (change->has_count)
		nc_buf_put_varint(buf, change->count_max);
	if (change->has_age)
		nc_buf_put_varint(buf, change->age_max_s);
	if (change->has_truncate)
		nc_buf_put_varint(buf, change->truncate_before);
}

static void limits_get(struct nc_reader *reader, uint8_t flags, struct nc_stream_change *change)
{
	change->has_count = (flags & META_COUNT) != 0;
	change->has_age = (flags & META_AGE) != 0;
	change->has_truncate = (flags & META_TRUNCATE) != 0;
	if (change->has_count)
		change->count_max = nc_reader_varint(reader);
	if (change->has_age)
		change->age_max_s = nc_reader_varint(reader);
	if (change->has_truncate)
		change->truncate_before = nc_reader_varint(reader);
}

int nc_stream_change_get(struct nc_slice body, enum nc_command_kind kind,
                         struct nc_stream_change *change_out)
{
	struct nc_reader reader = nc_reader(body);
	struct nc_stream_change change = { .stream = nc_sized_get(&reader) };
	uint8_t expect = nc_reader_u8(&reader);
	change.expect.version = nc_reader_varint(&reader);
	uint8_t flags = nc_reader_u8(&reader);
	bool deletes = kind == NC_COMMAND_STREAM_DELETE;
	if (!reader.failed && flags > (deletes ? DELETE_TOMBSTONE : META_ALL))
		return NC_UNSUPPORTED;
	if (deletes) {
		change.tombstone = flags == DELETE_TOMBSTONE;
	} else {
		limits_get(&reader, flags, &change);
	}
	if (reader.failed || nc_reader_left(&reader) != 0 || expect > NC_EXPECT_VERSION ||
	    change.stream.size == 0 || change.stream.size > NC_NAME_SIZE_MAX ||
	    change.age_max_s > NC_STREAM_AGE_MAX_S)
		return NC_CORRUPT;
	change.expect.kind = (enum nc_expect_kind)expect;
	*change_out = change;
	return NC_OK;
}
