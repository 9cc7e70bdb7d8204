/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands to bytes and back. */
#include "core/engine/command.h"

#include "core/base/assert.h"

#define ENTRY_FORMAT 1

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
	if (kind != NC_COMMAND_APPEND)
		return NC_UNSUPPORTED;
	command.kind = NC_COMMAND_APPEND;
	int err = append_read(&body, &command);
	if (err == NC_OK)
		*command_out = command;
	return err;
}
