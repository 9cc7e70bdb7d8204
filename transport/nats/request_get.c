/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of R.get, which asks for one event (PROTOCOL.md section 6). */
#include "core/engine/names.h"
#include "transport/nats/fields.h"

enum { POS, STREAM, SEQ, ID, GET_MEMBERS };
static const char *const get_names[] = { "pos", "stream", "seq", "id" };

/* A text that `fault_of` finds nothing wrong with. */
static bool name_take(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      const char *(*fault_of)(struct nc_slice), struct nc_slice *name_out)
{
	const struct nc_fault fault = index == STREAM ? NC_FAULT_STREAM_NAME : NC_FAULT_REQUEST;
	if (!nc_fields_text(fields, index, value, name_out))
		return false;
	const char *why = fault_of(*name_out);
	return why == NULL || nc_fields_refuse(fields, index, fault, "%s", why);
}

static bool get_take(void *ctx, struct nc_fields *fields, size_t index,
                     const struct nc_wire_token *value)
{
	struct nc_get_spec *get = ctx;
	switch (index) {
	case STREAM:
		return name_take(fields, index, value, nc_name_stream_fault, &get->stream);
	case ID:
		return name_take(fields, index, value, nc_name_id_fault, &get->id);
	default:
		return nc_fields_ordinal(fields, index, value, &get->number);
	}
}

bool nc_decode_get(struct nc_decoder *decoder, const struct nc_message *message,
                   struct nc_request *request, struct nc_refusal *refusal)
{
	struct nc_wire wire;
	struct nc_fields fields = {
		.wire = &wire, .refusal = refusal, .names = get_names, .name_count = GET_MEMBERS
	};
	if (!nc_fields_body(&fields, message->data, &decoder->text, get_take, &request->get))
		return false;
	switch (fields.seen) {
	case 1u << POS:
		request->get.kind = NC_GET_POSITION;
		return true;
	case 1u << STREAM | 1u << SEQ:
		request->get.kind = NC_GET_VERSION;
		return true;
	case 1u << STREAM | 1u << ID:
		request->get.kind = NC_GET_STREAM_ID;
		return true;
	case 1u << ID:
		request->get.kind = NC_GET_ID;
		return true;
	default:
		return nc_refuse(
		        refusal, NC_FAULT_REQUEST,
		        "body: give 'pos', 'stream' and 'seq', 'stream' and 'id', or 'id'");
	}
}
