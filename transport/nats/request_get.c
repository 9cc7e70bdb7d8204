/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of R.get, which asks for one event (PROTOCOL.md section 6). */
#include "core/engine/names.h"
#include "transport/nats/members_private.h"

enum { POS, STREAM, SEQ, ID, GET_MEMBERS };
static const char *const get_names[] = { "pos", "stream", "seq", "id" };

static bool text_take(const struct nc_json_token *value, const char *name, struct nc_buf *room,
                      struct nc_refusal *refusal)
{
	char shown[NC_SHOWN_SIZE];
	if (value->type != NC_JSON_STRING) {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "member '%s' is not a string: '%s'",
		                 name, nc_shown(value->raw, shown));
	}
	nc_buf_clear(room);
	nc_json_unescape(value, room);
	return true;
}

static bool get_member(struct nc_decoder *decoder, size_t index, const struct nc_json_token *value,
                       struct nc_request *request, struct nc_refusal *refusal)
{
	const char *why = NULL;
	switch (index) {
	case POS:
		return nc_members_number(value, "pos", 1, refusal, &request->get.number);
	case SEQ:
		return nc_members_number(value, "seq", 1, refusal, &request->get.number);
	case STREAM:
		if (!text_take(value, "stream", &decoder->stream, refusal))
			return false;
		request->get.stream = nc_buf_slice(&decoder->stream);
		why = nc_name_stream_fault(request->get.stream);
		return why == NULL ||
		       nc_refuse(refusal, NC_FAULT_STREAM_NAME, "member 'stream' %s", why);
	default:
		if (!text_take(value, "id", &decoder->type, refusal))
			return false;
		request->get.id = nc_buf_slice(&decoder->type);
		why = nc_name_id_fault(request->get.id);
		return why == NULL || nc_refuse(refusal, NC_FAULT_REQUEST, "member 'id' %s", why);
	}
}

bool nc_decode_get(struct nc_decoder *decoder, const struct nc_message *message,
                   struct nc_request *request, struct nc_refusal *refusal)
{
	struct nc_members members = { .refusal = refusal,
		                      .names = get_names,
		                      .name_count = GET_MEMBERS };
	struct nc_json_token value;
	size_t index;
	if (!nc_members_begin(&members, message->data))
		return false;
	for (int more; (more = nc_members_next(&members, &index, &value)) != 0;) {
		if (more < 0 || !get_member(decoder, index, &value, request, refusal))
			return false;
	}
	switch (members.seen) {
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
