/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking a peer for a state, as bytes. */
#include "core/node/data/state_call.h"

#include "core/base/pack.h"

static size_t fields_of(uint64_t verb)
{
	return verb == NC_STATE_READ ? 5 : 2;
}

void nc_state_call_put(struct nc_buf *buf, const struct nc_state_call *call)
{
	nc_pack_array(buf, (uint32_t)fields_of(call->verb));
	nc_pack_uint(buf, call->verb);
	if (call->verb == NC_STATE_OPEN) {
		nc_pack_uint(buf, call->index);
		return;
	}
	nc_pack_bin(buf, nc_slice(call->id, sizeof call->id));
	if (call->verb == NC_STATE_CLOSE)
		return;
	nc_pack_uint(buf, call->file);
	nc_pack_uint(buf, call->offset);
	nc_pack_uint(buf, call->size);
}

int nc_state_call_get(struct nc_slice body, struct nc_state_call *call_out)
{
	struct nc_reader reader = nc_reader(body);
	struct nc_state_call call = { 0 };
	size_t fields = nc_unpack_array(&reader);
	uint64_t verb = nc_unpack_uint(&reader), file = 0, size = 0;
	if (reader.failed || verb < NC_STATE_OPEN || verb > NC_STATE_CLOSE ||
	    fields != fields_of(verb))
		return NC_INVALID;
	call.verb = (enum nc_state_verb)verb;
	if (verb == NC_STATE_OPEN) {
		call.index = nc_unpack_uint(&reader);
	} else {
		struct nc_slice id = nc_unpack_bin(&reader);
		if (id.size != sizeof call.id)
			return NC_INVALID;
		memcpy(call.id, id.data, sizeof call.id);
	}
	if (verb == NC_STATE_READ) {
		file = nc_unpack_uint(&reader);
		call.offset = nc_unpack_uint(&reader);
		size = nc_unpack_uint(&reader);
	}
	if (reader.failed || nc_reader_left(&reader) > 0 || file > UINT32_MAX || size > UINT32_MAX)
		return NC_INVALID;
	call.file = (uint32_t)file;
	call.size = (uint32_t)size;
	*call_out = call;
	return NC_OK;
}

void nc_state_chunk_put(struct nc_buf *buf, struct nc_slice bytes)
{
	uint8_t digest[NC_SHA256_SIZE];
	nc_sha256(&bytes, 1, digest);
	nc_pack_array(buf, 2);
	nc_pack_bin(buf, nc_slice(digest, sizeof digest));
	nc_pack_bin(buf, bytes);
}

int nc_state_chunk_get(struct nc_slice body, const uint8_t **sha256_out, struct nc_slice *bytes_out)
{
	struct nc_reader reader = nc_reader(body);
	size_t fields = nc_unpack_array(&reader);
	struct nc_slice digest = nc_unpack_bin(&reader);
	struct nc_slice bytes = nc_unpack_bin(&reader);
	if (reader.failed || fields != 2 || digest.size != NC_SHA256_SIZE ||
	    nc_reader_left(&reader) > 0)
		return NC_INVALID;
	*sha256_out = digest.data;
	*bytes_out = bytes;
	return NC_OK;
}
