/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames: written with msgpack-c, read by core/base/pack.h, since a reader that allocates what a
 * frame declares would let anybody ask for any memory. */
#include "core/raft/message_codec.h"

#include <msgpack.h>
#include <stdlib.h>

#include "core/base/pack.h"

#define FRAME_FIELDS 13u
#define ENTRY_FIELDS 3u

/* ---- Writing --------------------------------------------------------------------------------- */

static int to_buf(void *data, const char *bytes, size_t size)
{
	struct nc_buf *buf = data;
	nc_buf_put(buf, bytes, size);
	return buf->failed ? -1 : 0;
}

static void put_bin(msgpack_packer *packer, struct nc_slice bytes)
{
	(void)msgpack_pack_bin(packer, bytes.size);
	(void)msgpack_pack_bin_body(packer, bytes.data, bytes.size);
}

static void put_members(msgpack_packer *packer, const struct nc_raft_members *members)
{
	(void)msgpack_pack_array(packer, members->count);
	for (uint32_t i = 0; i < members->count; i++)
		(void)msgpack_pack_uint64(packer, members->at[i].id * 2 + members->at[i].voter);
}

int nc_raft_members_encode(const struct nc_raft_members *members, struct nc_buf *buf)
{
	if (!nc_raft_members_valid(members) ||
	    (members->count > 0 && members->at[members->count - 1].id > UINT64_MAX / 2))
		return NC_INVALID;
	msgpack_packer packer;
	msgpack_packer_init(&packer, buf, to_buf);
	put_members(&packer, members);
	return nc_buf_status(buf);
}

static int encodable(const struct nc_raft_message *message, const struct nc_slice *payloads)
{
	if (message->type == 0 || message->type >= NC_RAFT_TYPE_END ||
	    (message->entry_count > 0 && (message->entries == NULL || payloads == NULL)))
		return NC_INVALID;
	if (message->entry_count > NC_RAFT_ENTRIES_MAX)
		return NC_TOOBIG;
	for (uint32_t i = 0; i < message->entry_count; i++) {
		if (payloads[i].size > NC_LOG_PAYLOAD_SIZE_MAX)
			return NC_TOOBIG;
		if (payloads[i].size != message->entries[i].size)
			return NC_INVALID;
	}
	return NC_OK;
}

int nc_raft_frame_encode(const struct nc_raft_message *message, const struct nc_slice *payloads,
                         struct nc_buf *buf)
{
	int err = encodable(message, payloads);
	if (err != NC_OK)
		return err;
	const uint64_t fields[] = { NC_RAFT_FRAME_VERSION,
		                    message->type,
		                    (message->reject ? 1u : 0u) | (message->force ? 2u : 0u),
		                    message->from,
		                    message->to,
		                    message->term,
		                    message->index,
		                    message->log_term,
		                    message->commit,
		                    message->hint,
		                    message->context };
	msgpack_packer packer;
	msgpack_packer_init(&packer, buf, to_buf);
	(void)msgpack_pack_array(&packer, FRAME_FIELDS);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		(void)msgpack_pack_uint64(&packer, fields[i]);
	if (message->members == NULL) {
		(void)msgpack_pack_nil(&packer);
	} else {
		put_members(&packer, message->members);
	}
	(void)msgpack_pack_array(&packer, (size_t)message->entry_count * ENTRY_FIELDS);
	for (uint32_t i = 0; i < message->entry_count; i++) {
		(void)msgpack_pack_uint64(&packer, message->entries[i].term);
		(void)msgpack_pack_uint8(&packer, message->entries[i].kind);
		put_bin(&packer, payloads[i]);
	}
	return nc_buf_status(buf);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static struct nc_slice get_payload(struct nc_reader *reader)
{
	struct nc_slice payload = nc_unpack_bin(reader);
	if (payload.size > NC_LOG_PAYLOAD_SIZE_MAX)
		reader->failed = true;
	return payload;
}

static void get_members(struct nc_reader *reader, struct nc_raft_members *members)
{
	size_t count = nc_unpack_array(reader);
	*members = (struct nc_raft_members){ 0 };
	if (count > NC_RAFT_MEMBERS_MAX) {
		reader->failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t packed = nc_unpack_uint(reader);
		members->at[members->count++] =
		        (struct nc_raft_member){ .id = packed / 2, .voter = packed % 2 != 0 };
	}
	if (!nc_raft_members_valid(members))
		reader->failed = true;
}

int nc_raft_members_decode(struct nc_slice bytes, struct nc_raft_members *members_out)
{
	struct nc_reader reader = nc_reader(bytes);
	struct nc_raft_members members;
	get_members(&reader, &members);
	if (reader.failed || nc_reader_left(&reader) > 0)
		return NC_INVALID;
	*members_out = members;
	return NC_OK;
}

static int get_entry(struct nc_reader *reader, struct nc_raft_frame *frame, uint32_t i)
{
	struct nc_raft_entry *entry = &frame->entries[i];
	entry->term = nc_unpack_uint(reader);
	uint64_t kind = nc_unpack_uint(reader);
	frame->payloads[i] = get_payload(reader);
	if (reader->failed || kind < NC_LOG_NOOP || kind > NC_LOG_CONFIG)
		return NC_INVALID;
	entry->kind = (uint8_t)kind;
	entry->size = (uint32_t)frame->payloads[i].size;
	if (kind != NC_LOG_CONFIG)
		return NC_OK;
	entry->members = &frame->configs[i];
	return nc_raft_members_decode(frame->payloads[i], &frame->configs[i]);
}

static int get_entries(struct nc_reader *reader, struct nc_raft_frame *frame)
{
	size_t items = nc_unpack_array(reader);
	if (reader->failed || items % ENTRY_FIELDS != 0 ||
	    items / ENTRY_FIELDS > NC_RAFT_ENTRIES_MAX)
		return NC_INVALID;
	if (items == 0)
		return NC_OK;
	uint32_t count = (uint32_t)(items / ENTRY_FIELDS);
	frame->entries = calloc(count, sizeof *frame->entries);
	frame->payloads = calloc(count, sizeof *frame->payloads);
	frame->configs = calloc(count, sizeof *frame->configs);
	if (frame->entries == NULL || frame->payloads == NULL || frame->configs == NULL)
		return NC_NOMEM;
	frame->message.entry_count = count;
	frame->message.entries = frame->entries;
	int err = NC_OK;
	for (uint32_t i = 0; i < count && err == NC_OK; i++)
		err = get_entry(reader, frame, i);
	return err;
}

static int get_header(struct nc_reader *reader, struct nc_raft_message *message)
{
	if (nc_unpack_array(reader) != FRAME_FIELDS)
		return NC_INVALID;
	uint64_t version = nc_unpack_uint(reader);
	if (reader->failed)
		return NC_INVALID;
	if (version != NC_RAFT_FRAME_VERSION)
		return NC_UNSUPPORTED;
	uint64_t type = nc_unpack_uint(reader), flags = nc_unpack_uint(reader);
	if (type == 0 || type >= NC_RAFT_TYPE_END || flags > 3)
		return NC_INVALID;
	message->type = (uint8_t)type;
	message->reject = (flags & 1) != 0;
	message->force = (flags & 2) != 0;
	uint64_t *const fields[] = { &message->from,  &message->to,       &message->term,
		                     &message->index, &message->log_term, &message->commit,
		                     &message->hint,  &message->context };
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		*fields[i] = nc_unpack_uint(reader);
	return reader->failed ? NC_INVALID : NC_OK;
}

static int get_frame(struct nc_reader *reader, struct nc_raft_frame *frame)
{
	int err = get_header(reader, &frame->message);
	if (err != NC_OK)
		return err;
	if (nc_reader_left(reader) > 0 && *reader->at == 0xc0) {
		(void)nc_reader_u8(reader);
	} else {
		get_members(reader, &frame->members);
		frame->message.members = &frame->members;
	}
	if (!reader->failed)
		err = get_entries(reader, frame);
	if (err == NC_OK && (reader->failed || nc_reader_left(reader) > 0))
		err = NC_INVALID;
	return err;
}

int nc_raft_frame_decode(struct nc_slice bytes, struct nc_raft_frame *frame_out)
{
	struct nc_reader reader = nc_reader(bytes);
	struct nc_raft_frame frame = { 0 };
	int err = get_frame(&reader, &frame);
	if (err != NC_OK) {
		nc_raft_frame_release(&frame);
		return err;
	}
	*frame_out = frame;
	if (frame.message.members != NULL)
		frame_out->message.members = &frame_out->members;
	return NC_OK;
}

bool nc_raft_frame_is_answer(struct nc_slice bytes)
{
	struct nc_reader reader = nc_reader(bytes);
	(void)nc_unpack_array(&reader);
	(void)nc_unpack_uint(&reader);
	uint64_t type = nc_unpack_uint(&reader);
	if (reader.failed)
		return false;
	return type == NC_RAFT_PREVOTE_RESP || type == NC_RAFT_VOTE_RESP ||
	       type == NC_RAFT_APPEND_RESP || type == NC_RAFT_HEARTBEAT_RESP ||
	       type == NC_RAFT_READ_RESP;
}

void nc_raft_frame_release(struct nc_raft_frame *frame)
{
	free(frame->entries);
	free(frame->payloads);
	free(frame->configs);
	*frame = (struct nc_raft_frame){ 0 };
}
