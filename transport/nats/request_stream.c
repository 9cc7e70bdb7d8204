/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that look at streams (PROTOCOL.md section 11). */
#include "core/engine/names.h"
#include "transport/nats/body.h"
#include "transport/nats/fields.h"

bool nc_decode_stream_info(struct nc_decoder *decoder, const struct nc_message *message,
                           struct nc_request *request, struct nc_refusal *refusal)
{
	struct nc_slice tail = nc_slice_from(message->subject, strlen("stream.info."));
	if (!nc_decode_stream(decoder, tail, refusal))
		return false;
	request->stream = nc_buf_slice(&decoder->stream);
	return nc_body_is_bare(message->data, refusal);
}

enum { PREFIX, AFTER, LIMIT, LIST_MEMBERS };
static const char *const list_names[] = { "prefix", "after", "limit" };

/* The beginning of a name, or a whole one, which need not be a stream's. */
static bool name_take(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      struct nc_slice *name_out)
{
	if (!nc_fields_text(fields, index, value, name_out))
		return false;
	return name_out->size <= NC_NAME_SIZE_MAX ||
	       nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "is longer than %d bytes",
	                        NC_NAME_SIZE_MAX);
}

static bool list_member(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                        struct nc_streams_spec *spec)
{
	switch (index) {
	case PREFIX:
		return name_take(fields, index, value, &spec->prefix);
	case AFTER:
		return name_take(fields, index, value, &spec->after);
	default:
		return nc_fields_limit(fields, index, value, NC_STREAMS_LIMIT_MAX, &spec->limit);
	}
}

bool nc_decode_stream_list(struct nc_decoder *decoder, const struct nc_message *message,
                           struct nc_request *request, struct nc_refusal *refusal)
{
	struct nc_wire wire;
	struct nc_wire_token token;
	struct nc_fields fields = {
		.wire = &wire, .refusal = refusal, .names = list_names, .name_count = LIST_MEMBERS
	};
	request->streams.limit = NC_STREAMS_LIMIT_DEFAULT;
	if (message->data.size == 0)
		return true;
	if (nc_wire_init(&wire, message->data, false, &decoder->text) != NC_OK)
		return nc_refuse(refusal, NC_FAULT_BUSY, "out of memory; try again");
	if (nc_wire_next(&wire, &token) != NC_OK)
		return nc_wire_refuse(&wire, refusal);
	if (!nc_fields_begin(&fields, &token))
		return false;
	size_t index;
	for (int more; (more = nc_fields_next(&fields, &index, &token)) != 0;) {
		if (more < 0 || !list_member(&fields, index, &token, &request->streams))
			return false;
	}
	return nc_wire_next(&wire, &token) == NC_OK || nc_wire_refuse(&wire, refusal);
}
