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

/* What R.store.stats has too comes first. */
enum { LIMIT, STATS_MEMBERS };
enum { PREFIX = STATS_MEMBERS, AFTER, LIST_MEMBERS };
static const char *const names[] = { "limit", "prefix", "after" };

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

/* The members of either, into `spec`, whose limit has its default; at most `limit_max`. */
static bool body_read(struct nc_decoder *decoder, struct nc_slice body, struct nc_fields *fields,
                      uint64_t limit_max, struct nc_streams_spec *spec)
{
	struct nc_wire_token token;
	struct nc_wire *wire = fields->wire;
	if (body.size == 0)
		return true;
	if (nc_wire_init(wire, body, false, &decoder->text) != NC_OK)
		return nc_refuse(fields->refusal, NC_FAULT_BUSY, "out of memory; try again");
	if (nc_wire_next(wire, &token) != NC_OK)
		return nc_wire_refuse(wire, fields->refusal);
	if (!nc_fields_begin(fields, &token))
		return false;
	size_t index;
	for (int more; (more = nc_fields_next(fields, &index, &token)) != 0;) {
		if (more < 0)
			return false;
		bool fine =
		        index == LIMIT
		                ? nc_fields_limit(fields, index, &token, limit_max, &spec->limit)
		                : name_take(fields, index, &token,
		                            index == PREFIX ? &spec->prefix : &spec->after);
		if (!fine)
			return false;
	}
	return nc_wire_next(wire, &token) == NC_OK || nc_wire_refuse(wire, fields->refusal);
}

bool nc_decode_stream_list(struct nc_decoder *decoder, const struct nc_message *message,
                           struct nc_request *request, struct nc_refusal *refusal)
{
	struct nc_wire wire;
	struct nc_fields fields = {
		.wire = &wire, .refusal = refusal, .names = names, .name_count = LIST_MEMBERS
	};
	request->streams.limit = NC_STREAMS_LIMIT_DEFAULT;
	return body_read(decoder, message->data, &fields, NC_STREAMS_LIMIT_MAX, &request->streams);
}

bool nc_decode_stats(struct nc_decoder *decoder, const struct nc_message *message,
                     struct nc_request *request, struct nc_refusal *refusal)
{
	struct nc_wire wire;
	struct nc_streams_spec spec = { .limit = NC_STATS_LIMIT_DEFAULT };
	struct nc_fields fields = {
		.wire = &wire, .refusal = refusal, .names = names, .name_count = STATS_MEMBERS
	};
	if (!body_read(decoder, message->data, &fields, NC_STATS_LIMIT_MAX, &spec))
		return false;
	request->stats_limit = spec.limit;
	return true;
}
