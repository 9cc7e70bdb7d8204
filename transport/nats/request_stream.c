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

/* The members; R.store.stats has the first ones. */
enum { LIMIT, STATS_MEMBERS };
enum { PREFIX = STATS_MEMBERS, AFTER, LIST_MEMBERS };
static const char *const names[] = { "limit", "prefix", "after" };

/* The members of either: `limit_max` is how many at most, `spec` has the default. */
struct looking {
	uint64_t limit_max;
	struct nc_streams_spec *spec;
};

static bool member_take(void *ctx, struct nc_fields *fields, size_t index,
                        const struct nc_wire_token *value)
{
	const struct looking *looking = ctx;
	struct nc_streams_spec *spec = looking->spec;
	if (index == LIMIT)
		return nc_fields_limit(fields, index, value, looking->limit_max, &spec->limit);
	return nc_fields_name(fields, index, value, index == PREFIX ? &spec->prefix : &spec->after);
}

bool nc_decode_stream_list(struct nc_decoder *decoder, const struct nc_message *message,
                           struct nc_request *request, struct nc_refusal *refusal)
{
	struct nc_wire wire;
	struct nc_fields fields = {
		.wire = &wire, .refusal = refusal, .names = names, .name_count = LIST_MEMBERS
	};
	struct looking looking = { NC_STREAMS_LIMIT_MAX, &request->streams };
	request->streams.limit = NC_STREAMS_LIMIT_DEFAULT;
	return nc_fields_body(&fields, message->data, &decoder->text, member_take, &looking);
}

bool nc_decode_stats(struct nc_decoder *decoder, const struct nc_message *message,
                     struct nc_request *request, struct nc_refusal *refusal)
{
	struct nc_wire wire;
	struct nc_streams_spec spec = { .limit = NC_STATS_LIMIT_DEFAULT };
	struct nc_fields fields = {
		.wire = &wire, .refusal = refusal, .names = names, .name_count = STATS_MEMBERS
	};
	struct looking looking = { NC_STATS_LIMIT_MAX, &spec };
	if (!nc_fields_body(&fields, message->data, &decoder->text, member_take, &looking))
		return false;
	request->stats_limit = spec.limit;
	return true;
}
