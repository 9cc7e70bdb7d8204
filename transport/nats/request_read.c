/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of reads (PROTOCOL.md section 6). */
#include "core/engine/names.h"
#include "transport/nats/fields.h"

/* The members of a read. R.load has the first ones, up to `limit`; R.filter.test has those from
 * `limit` to `filter`. */
enum { MAX_BYTES, FORMAT, LIMIT, FROM, TO, FROM_TIME, FILTER, DIR, ITEMS, READ_MEMBERS };
static const char *const read_names[] = { "max_bytes", "format", "limit", "from", "to",
	                                  "from_time", "filter", "dir",   "items" };

/* Which of these members an operation has. */
struct members_range {
	size_t first, count;
};

static struct members_range members_of(enum nc_operation op)
{
	switch (op) {
	case NC_OP_LOAD:
		return (struct members_range){ 0, LIMIT + 1 };
	case NC_OP_FILTER_TEST:
		return (struct members_range){ LIMIT, FILTER - LIMIT + 1 };
	default:
		return (struct members_range){ 0, READ_MEMBERS };
	}
}

/* What the members are read into; `first` is where the operation's begin in read_names. */
struct read_body {
	struct nc_decoder *decoder;
	struct nc_request *request;
	size_t first;
};

static bool from_take(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      struct nc_query_spec *query)
{
	if (value->type == NC_WIRE_TEXT && nc_slice_is(value->bytes, "end")) {
		query->from_kind = NC_FROM_END;
		return true;
	}
	query->from_kind = NC_FROM_NUMBER;
	return nc_fields_ordinal(fields, index, value, &query->from);
}

static bool time_take(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      struct nc_query_spec *query)
{
	char room[NC_SHOWN_SIZE];
	query->from_kind = NC_FROM_TIME;
	return (value->type == NC_WIRE_TEXT &&
	        nc_time_parse(value->bytes, &query->from) == NC_OK) ||
	       nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "is not an RFC 3339 time: '%s'",
	                        nc_shown(value->bytes, room));
}

static bool dir_take(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                     struct nc_query_spec *query)
{
	char room[NC_SHOWN_SIZE];
	bool word = value->type == NC_WIRE_TEXT;
	query->backward = word && nc_slice_is(value->bytes, "backward");
	return query->backward || (word && nc_slice_is(value->bytes, "forward")) ||
	       nc_fields_refuse(fields, index, NC_FAULT_REQUEST,
	                        "is neither \"forward\" nor \"backward\": '%s'",
	                        nc_shown(value->bytes, room));
}

static bool format_take(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                        struct nc_request *request)
{
	static const char *const names[] = { [NC_FORMAT_MESSAGES] = "messages",
		                             [NC_FORMAT_MSGPACK] = "msgpack",
		                             [NC_FORMAT_JSON] = "json" };
	char room[NC_SHOWN_SIZE];
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (value->type == NC_WIRE_TEXT && nc_slice_is(value->bytes, names[i])) {
			request->format = (enum nc_format)i;
			return true;
		}
	}
	return nc_fields_refuse(fields, index, NC_FAULT_REQUEST,
	                        "is none of \"messages\", \"msgpack\", \"json\": '%s'",
	                        nc_shown(value->bytes, room));
}

static bool items_take(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                       const struct read_body *body)
{
	struct nc_decoder *decoder = body->decoder;
	if (body->request->query.kind != NC_QUERY_ITEMS) {
		return nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "goes with R.query only");
	}
	if (!nc_fields_items(fields, index, value, &decoder->items, decoder->item_names))
		return false;
	body->request->query.key = nc_buf_slice(&decoder->items);
	return true;
}

static bool read_take(void *ctx, struct nc_fields *fields, size_t index,
                      const struct nc_wire_token *value)
{
	const struct read_body *body = ctx;
	struct nc_query_spec *query = &body->request->query;
	switch (body->first + index) {
	case FROM:
		return from_take(fields, index, value, query);
	case TO:
		return nc_fields_ordinal(fields, index, value, &query->to);
	case LIMIT:
		return nc_fields_limit(fields, index, value, UINT64_MAX, &query->limit);
	case DIR:
		return dir_take(fields, index, value, query);
	case MAX_BYTES:
		return nc_fields_limit(fields, index, value, UINT64_MAX, &query->size_max);
	case FORMAT:
		return format_take(fields, index, value, body->request);
	case ITEMS:
		return items_take(fields, index, value, body);
	case FILTER:
		return nc_fields_filter(fields, index, value, &body->request->plugin,
		                        &body->request->selector);
	default:
		return time_take(fields, index, value, query);
	}
}

static bool read_body(struct nc_decoder *decoder, struct nc_slice body, struct nc_request *request,
                      struct nc_refusal *refusal)
{
	struct members_range has = members_of(request->op);
	struct nc_wire wire;
	struct nc_fields fields = { .wire = &wire,
		                    .refusal = refusal,
		                    .names = read_names + has.first,
		                    .name_count = has.count };
	struct read_body into = { decoder, request, has.first };
	if (!nc_fields_body(&fields, body, &decoder->text, read_take, &into))
		return false;
	uint32_t seen = fields.seen << has.first;
	if ((seen >> FROM & 1) && (seen >> FROM_TIME & 1)) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "members 'from' and 'from_time' contradict each other");
	}
	return true;
}

static uint64_t at_most(uint64_t number, uint64_t most)
{
	return number < most ? number : most;
}

/* The kind and the key of a read, from the subject. */
static bool read_subject(struct nc_decoder *decoder, struct nc_slice subject,
                         struct nc_query_spec *query, struct nc_refusal *refusal)
{
	if (nc_slice_is(subject, "all") || nc_slice_is(subject, "filter.test")) {
		query->kind = NC_QUERY_ALL;
		return true;
	}
	/* Both prefixes have the same length. */
	if (nc_slice_starts(subject, NC_SLICE("read.")) ||
	    nc_slice_starts(subject, NC_SLICE("load."))) {
		query->kind = NC_QUERY_STREAM;
		if (!nc_decode_stream(decoder, nc_slice_from(subject, strlen("read.")), refusal))
			return false;
		query->key = nc_buf_slice(&decoder->stream);
		return true;
	}
	if (nc_slice_is(subject, "query")) {
		query->kind = NC_QUERY_ITEMS;
		return true;
	}
	if (nc_slice_starts(subject, NC_SLICE("tag."))) {
		query->kind = NC_QUERY_TAG;
		if (!nc_decode_tag(decoder, nc_slice_from(subject, strlen("tag.")), refusal))
			return false;
		query->key = nc_buf_slice(&decoder->type);
		return true;
	}
	bool type = nc_slice_starts(subject, NC_SLICE("type."));
	query->kind = type ? NC_QUERY_TYPE : NC_QUERY_CATEGORY;
	struct nc_slice token = nc_slice_from(subject, strlen(type ? "type." : "category."));
	if (!nc_decode_token(decoder, token, type ? "event type" : "category",
	                     type ? NC_FAULT_TYPE_NAME : NC_FAULT_STREAM_NAME, refusal))
		return false;
	query->key = nc_buf_slice(&decoder->type);
	return true;
}

bool nc_decode_read(struct nc_decoder *decoder, const struct nc_message *message,
                    struct nc_request *request, struct nc_refusal *refusal)
{
	request->query.limit = NC_QUERY_LIMIT_DEFAULT;
	request->query.size_max = NC_QUERY_BYTES_DEFAULT;
	if (!read_subject(decoder, message->subject, &request->query, refusal) ||
	    !read_body(decoder, message->data, request, refusal))
		return false;
	if (request->query.kind == NC_QUERY_ITEMS && request->query.key.size == 0) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "body: R.query needs the member 'items'");
	}
	request->query.limit = at_most(request->query.limit, NC_QUERY_LIMIT_MAX);
	request->query.size_max = at_most(request->query.size_max, NC_QUERY_BYTES_MAX);
	return true;
}

bool nc_decode_filter_test(struct nc_decoder *decoder, const struct nc_message *message,
                           struct nc_request *request, struct nc_refusal *refusal)
{
	request->query.limit = NC_FILTER_TEST_LIMIT_DEFAULT;
	request->query.size_max = NC_QUERY_BYTES_MAX;
	if (!read_subject(decoder, message->subject, &request->query, refusal) ||
	    !read_body(decoder, message->data, request, refusal))
		return false;
	if (request->plugin.size == 0) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "body: R.filter.test needs the member 'filter'");
	}
	request->query.limit = at_most(request->query.limit, NC_FILTER_TEST_LIMIT_MAX);
	return true;
}
