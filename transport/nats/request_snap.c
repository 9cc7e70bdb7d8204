/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.snap.… and R.load.<stream…> (PROTOCOL.md section 10). */
#include "core/engine/names.h"
#include "transport/nats/fields.h"

/* ---- Subjects ------------------------------------------------------------------------------- */

/* Decode the stream that follows `verb` in the subject. */
static bool stream_take(struct nc_decoder *decoder, const struct nc_message *message,
                        const char *verb, struct nc_refusal *refusal)
{
	return nc_decode_stream(decoder, nc_slice_from(message->subject, strlen(verb)), refusal);
}

/* The same for a stream that is to be changed. */
static bool stream_take_own(struct nc_decoder *decoder, const struct nc_message *message,
                            const char *verb, struct nc_refusal *refusal)
{
	return nc_decode_own_stream(decoder, nc_slice_from(message->subject, strlen(verb)),
	                            refusal);
}

/* ---- Put ------------------------------------------------------------------------------------ */

struct put {
	struct nc_decoder *decoder;
	struct nc_refusal *refusal;
	struct nc_snap snap;
	bool content_type_seen;
};

static bool on_seq(struct put *put, struct nc_slice value)
{
	char room[NC_SHOWN_SIZE];
	if (put->snap.version > 0) {
		return nc_refuse(put->refusal, NC_FAULT_REQUEST,
		                 "header Es-Snapshot-Seq is given twice");
	}
	if (nc_number_parse(value, &put->snap.version) && put->snap.version > 0)
		return true;
	return nc_refuse(put->refusal, NC_FAULT_REQUEST,
	                 "header Es-Snapshot-Seq: '%s' is not a version, from 1",
	                 nc_shown(value, room));
}

static bool on_header(struct put *put, const struct nc_header *header)
{
	struct nc_slice name = header->name, value = header->value;
	if (nc_slice_is(name, "Es-Snapshot-Seq"))
		return on_seq(put, value);
	if (nc_slice_is(name, "Content-Type")) {
		return nc_decode_content_type(value, &put->content_type_seen,
		                              &put->snap.content_type, put->refusal);
	}
	if (nc_header_is_servers(name))
		return true;
	if (nc_slice_starts(name, NC_SLICE("Es-")) || nc_slice_starts(name, NC_SLICE("Nats-")))
		return nc_refuse_header(name, put->refusal);
	return nc_decode_meta(put->decoder, name, value, put->refusal);
}

bool nc_decode_snap_put(struct nc_decoder *decoder, const struct nc_message *message,
                        struct nc_request *request, struct nc_refusal *refusal)
{
	struct put put = { .decoder = decoder, .refusal = refusal };
	nc_buf_clear(&decoder->tags);
	nc_buf_clear(&decoder->meta);
	nc_buf_clear(&decoder->record);
	if (!stream_take_own(decoder, message, "snap.put.", refusal))
		return false;
	for (size_t i = 0; i < message->header_count; i++) {
		if (!on_header(&put, &message->headers[i]))
			return false;
	}
	if (put.snap.version == 0) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "header Es-Snapshot-Seq is required: the version that the "
		                 "snapshot stands for");
	}
	if (!nc_decode_sizes(decoder, message, NC_ENVELOPE_SIZE, refusal))
		return false;
	put.snap.stream = nc_buf_slice(&decoder->stream);
	put.snap.meta = nc_buf_slice(&decoder->meta);
	put.snap.data = message->data;
	nc_snap_record_put(&decoder->record, &put.snap);
	if (nc_buf_status(&decoder->record) != NC_OK || nc_buf_status(&decoder->meta) != NC_OK)
		return nc_refuse(refusal, NC_FAULT_BUSY, "out of memory; try again");
	request->record = nc_buf_slice(&decoder->record);
	return true;
}

/* ---- Bodies --------------------------------------------------------------------------------- */

/* What a body may hold. */
struct body {
	const char *const *names;
	size_t name_count;
	nc_fields_take_fn *take; /* the request is its ctx */
	bool one;                /* of the first two, one at most */
};

static bool body_take(struct nc_decoder *decoder, const struct body *body, struct nc_slice data,
                      struct nc_request *request, struct nc_refusal *refusal)
{
	struct nc_wire wire;
	struct nc_fields fields = { .wire = &wire,
		                    .refusal = refusal,
		                    .names = body->names,
		                    .name_count = body->name_count };
	if (!nc_fields_body(&fields, data, &decoder->text, body->take, request))
		return false;
	if (body->one && fields.seen == 3) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "members '%s' and '%s' contradict each other", body->names[0],
		                 body->names[1]);
	}
	return true;
}

/* ---- Get and delete ------------------------------------------------------------------------- */

static bool get_member(void *ctx, struct nc_fields *fields, size_t index,
                       const struct nc_wire_token *value)
{
	struct nc_request *request = ctx;
	request->snap.which = index == 0 ? NC_SNAP_EXACT : NC_SNAP_AT_MOST;
	return nc_fields_limit(fields, index, value, UINT64_MAX, &request->snap.version);
}

bool nc_decode_snap_get(struct nc_decoder *decoder, const struct nc_message *message,
                        struct nc_request *request, struct nc_refusal *refusal)
{
	static const char *const names[] = { "seq", "at_most" };
	const struct body body = { names, 2, get_member, true };
	if (!stream_take(decoder, message, "snap.get.", refusal) ||
	    !body_take(decoder, &body, message->data, request, refusal))
		return false;
	request->snap.stream = nc_buf_slice(&decoder->stream);
	return true;
}

static bool delete_member(void *ctx, struct nc_fields *fields, size_t index,
                          const struct nc_wire_token *value)
{
	struct nc_request *request = ctx;
	struct nc_snap_range *range = &request->range;
	if (!nc_fields_limit(fields, index, value, UINT64_MAX, &range->before))
		return false;
	request->one = index == 0;
	if (request->one) {
		range->from = range->before;
		range->before += range->before < UINT64_MAX; /* a position that no stream has */
	}
	return true;
}

bool nc_decode_snap_delete(struct nc_decoder *decoder, const struct nc_message *message,
                           struct nc_request *request, struct nc_refusal *refusal)
{
	static const char *const names[] = { "seq", "before" };
	const struct body body = { names, 2, delete_member, true };
	request->range.before = UINT64_MAX;
	if (!stream_take_own(decoder, message, "snap.delete.", refusal) ||
	    !body_take(decoder, &body, message->data, request, refusal))
		return false;
	request->range.stream = nc_buf_slice(&decoder->stream);
	return true;
}

/* ---- Lists ---------------------------------------------------------------------------------- */

enum { LIMIT, AFTER, PREFIX };

static bool list_member(void *ctx, struct nc_fields *fields, size_t index,
                        const struct nc_wire_token *value)
{
	struct nc_request *request = ctx;
	struct nc_snap_list *list = &request->list;
	if (index == LIMIT)
		return nc_fields_limit(fields, index, value, NC_SNAP_LIST_LIMIT_MAX, &list->limit);
	if (index == PREFIX)
		return nc_fields_name(fields, index, value, &list->prefix);
	return list->stream.size > 0 ? nc_fields_after(fields, index, value, &list->after)
	                             : nc_fields_name(fields, index, value, &list->after_name);
}

bool nc_decode_snap_list(struct nc_decoder *decoder, const struct nc_message *message,
                         struct nc_request *request, struct nc_refusal *refusal)
{
	static const char *const names[] = { "limit", "after", "prefix" };
	struct body body = { names, 3, list_member, false };
	struct nc_snap_list *list = &request->list;
	list->limit = NC_SNAP_LIST_LIMIT_DEFAULT;
	if (!nc_slice_is(message->subject, "snap.list")) {
		if (!stream_take(decoder, message, "snap.list.", refusal))
			return false;
		list->stream = nc_buf_slice(&decoder->stream);
		body.name_count = PREFIX;
	}
	return body_take(decoder, &body, message->data, request, refusal);
}
