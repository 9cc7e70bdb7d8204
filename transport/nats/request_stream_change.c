/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.stream.delete.<stream…> and R.stream.meta.<stream…> (PROTOCOL.md section 11). */
#include "core/engine/names.h"
#include "transport/nats/fields.h"

enum { EXPECT, MODE, DELETE_MEMBERS };
static const char *const delete_names[] = { "expect", "mode" };

enum { MAX_COUNT = EXPECT + 1, MAX_AGE, TRUNCATE, META_MEMBERS };
static const char *const meta_names[] = { "expect", "max_count", "max_age_s", "truncate_before" };

/* Refuse headers that would ask for something: what is asked for stands in the body. */
static bool headers_decode(const struct nc_message *message, struct nc_refusal *refusal)
{
	for (size_t i = 0; i < message->header_count; i++) {
		struct nc_slice name = message->headers[i].name;
		bool ours = nc_slice_starts(name, NC_SLICE("Es-")) ||
		            nc_slice_starts(name, NC_SLICE("Nats-"));
		if (ours && !nc_header_is_servers(name))
			return nc_refuse_header(name, refusal);
	}
	return true;
}

static bool mode_take(struct nc_fields *fields, const struct nc_wire_token *value, bool *tombstone)
{
	bool text = value->type == NC_WIRE_TEXT;
	*tombstone = text && nc_slice_is(value->bytes, "tombstone");
	return *tombstone || (text && nc_slice_is(value->bytes, "soft")) ||
	       nc_fields_refuse(fields, MODE, NC_FAULT_REQUEST,
	                        "is neither \"soft\" nor \"tombstone\"");
}

/* A limit: a number, 0 or null for none. */
static bool limit_take(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                       uint64_t most, bool *has_out, uint64_t *limit_out)
{
	*has_out = true;
	*limit_out = 0;
	if (value->type == NC_WIRE_OTHER && nc_slice_is(value->bytes, "null"))
		return true;
	if (!nc_fields_number(fields, index, value, limit_out))
		return false;
	return *limit_out <= most ||
	       nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "is more than %llu",
	                        (unsigned long long)most);
}

static bool delete_member(void *ctx, struct nc_fields *fields, size_t index,
                          const struct nc_wire_token *value)
{
	struct nc_stream_change *change = ctx;
	return index == EXPECT ? nc_fields_expect(fields, index, value, &change->expect)
	                       : mode_take(fields, value, &change->tombstone);
}

static bool meta_member(void *ctx, struct nc_fields *fields, size_t index,
                        const struct nc_wire_token *value)
{
	struct nc_stream_change *change = ctx;
	switch (index) {
	case EXPECT:
		return nc_fields_expect(fields, index, value, &change->expect);
	case MAX_COUNT:
		return limit_take(fields, index, value, UINT64_MAX, &change->has_count,
		                  &change->count_max);
	case MAX_AGE:
		return limit_take(fields, index, value, NC_STREAM_AGE_MAX_S, &change->has_age,
		                  &change->age_max_s);
	default:
		return limit_take(fields, index, value, UINT64_MAX, &change->has_truncate,
		                  &change->truncate_before);
	}
}

bool nc_decode_stream_change(struct nc_decoder *decoder, const struct nc_message *message,
                             struct nc_request *request, struct nc_refusal *refusal)
{
	bool deletes = request->op == NC_OP_STREAM_DELETE;
	size_t verb_size = strlen(deletes ? "stream.delete." : "stream.meta.");
	struct nc_wire wire;
	struct nc_fields fields = { .wire = &wire,
		                    .refusal = refusal,
		                    .names = deletes ? delete_names : meta_names,
		                    .name_count = deletes ? DELETE_MEMBERS : META_MEMBERS };
	if (!headers_decode(message, refusal) ||
	    !nc_decode_own_stream(decoder, nc_slice_from(message->subject, verb_size), refusal))
		return false;
	request->change.stream = nc_buf_slice(&decoder->stream);
	return nc_fields_body(&fields, message->data, &decoder->text,
	                      deletes ? delete_member : meta_member, &request->change);
}
