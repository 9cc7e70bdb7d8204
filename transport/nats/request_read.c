/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of reads (PROTOCOL.md section 6). */
#include "core/engine/names.h"
#include "transport/nats/fields.h"
#include "transport/nats/members_private.h"

static bool time_take(struct nc_decoder *decoder, const struct nc_json_token *value,
                      struct nc_refusal *refusal, uint64_t *time_out)
{
	char room[NC_SHOWN_SIZE];
	nc_buf_clear(&decoder->text);
	if (value->type == NC_JSON_STRING)
		nc_json_unescape(value, &decoder->text);
	if (value->type != NC_JSON_STRING ||
	    nc_time_parse(nc_buf_slice(&decoder->text), time_out) != NC_OK) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "member 'from_time' is not an RFC 3339 time: '%s'",
		                 nc_shown(value->raw, room));
	}
	return true;
}

/* Those that R.load has too come first, up to `limit`; R.filter.test has those from there on, up to
 * `filter`. */
enum { MAX_BYTES, FORMAT, LIMIT, FROM, TO, FROM_TIME, FILTER, DIR, ITEMS, READ_MEMBERS };
static const char *const read_names[] = { "max_bytes", "format", "limit", "from", "to",
	                                  "from_time", "filter", "dir",   "items" };

/* The members that an operation has, of those. */
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

static bool from_take(const struct nc_json_token *value, struct nc_request *request,
                      struct nc_refusal *refusal)
{
	if (value->type == NC_JSON_STRING && nc_json_is(value, "end")) {
		request->query.from_kind = NC_FROM_END;
		return true;
	}
	request->query.from_kind = NC_FROM_NUMBER;
	return nc_members_number(value, "from", 1, refusal, &request->query.from);
}

static bool dir_take(const struct nc_json_token *value, struct nc_request *request,
                     struct nc_refusal *refusal)
{
	char room[NC_SHOWN_SIZE];
	bool word = value->type == NC_JSON_STRING;
	request->query.backward = word && nc_json_is(value, "backward");
	if (request->query.backward || (word && nc_json_is(value, "forward")))
		return true;
	return nc_refuse(refusal, NC_FAULT_REQUEST,
	                 "member 'dir' is neither \"forward\" nor \"backward\": '%s'",
	                 nc_shown(value->raw, room));
}

static bool format_take(const struct nc_json_token *value, struct nc_request *request,
                        struct nc_refusal *refusal)
{
	static const char *const names[] = { [NC_FORMAT_MESSAGES] = "messages",
		                             [NC_FORMAT_MSGPACK] = "msgpack",
		                             [NC_FORMAT_JSON] = "json" };
	char room[NC_SHOWN_SIZE];
	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (value->type == NC_JSON_STRING && nc_json_is(value, names[i])) {
			request->format = (enum nc_format)i;
			return true;
		}
	}
	return nc_refuse(refusal, NC_FAULT_REQUEST,
	                 "member 'format' is none of \"messages\", \"msgpack\", \"json\": '%s'",
	                 nc_shown(value->raw, room));
}

/* The member is taken out whole, and read as a batch's condition is. */
static bool items_take(struct nc_decoder *decoder, struct nc_members *members,
                       const struct nc_json_token *value, struct nc_request *request)
{
	struct nc_slice raw;
	struct nc_wire wire;
	struct nc_wire_token token;
	if (request->query.kind != NC_QUERY_ITEMS) {
		return nc_refuse(members->refusal, NC_FAULT_REQUEST,
		                 "member 'items' goes with R.query only");
	}
	if (nc_json_value(&members->json, value, &raw) != NC_OK)
		return nc_members_refuse(members);
	struct nc_fields fields = { .wire = &wire,
		                    .refusal = members->refusal,
		                    .names = &read_names[ITEMS],
		                    .name_count = 1 };
	if (nc_wire_init(&wire, raw, false, &decoder->text) != NC_OK)
		return nc_refuse(members->refusal, NC_FAULT_BUSY, "out of memory; try again");
	if (nc_wire_next(&wire, &token) != NC_OK)
		return nc_wire_refuse(&wire, members->refusal);
	if (!nc_fields_items(&fields, 0, &token, &decoder->items, decoder->item_names))
		return false;
	request->query.key = nc_buf_slice(&decoder->items);
	return true;
}

static bool filter_take(struct nc_decoder *decoder, struct nc_members *members,
                        const struct nc_json_token *value, struct nc_request *request)
{
	struct nc_slice raw;
	if (nc_json_value(&members->json, value, &raw) != NC_OK)
		return nc_members_refuse(members);
	return nc_decode_filter(decoder, raw, request, members->refusal);
}

static bool read_member(struct nc_decoder *decoder, struct nc_members *members, size_t index,
                        const struct nc_json_token *value, struct nc_request *request)
{
	struct nc_query_spec *query = &request->query;
	struct nc_refusal *refusal = members->refusal;
	switch (index) {
	case FROM:
		return from_take(value, request, refusal);
	case TO:
		return nc_members_number(value, "to", 1, refusal, &query->to);
	case LIMIT:
		return nc_members_number(value, "limit", 1, refusal, &query->limit);
	case DIR:
		return dir_take(value, request, refusal);
	case MAX_BYTES:
		return nc_members_number(value, "max_bytes", 1, refusal, &query->size_max);
	case FORMAT:
		return format_take(value, request, refusal);
	case ITEMS:
		return items_take(decoder, members, value, request);
	case FILTER:
		return filter_take(decoder, members, value, request);
	default:
		query->from_kind = NC_FROM_TIME;
		return time_take(decoder, value, refusal, &query->from);
	}
}

static bool read_body(struct nc_decoder *decoder, struct nc_slice body, struct nc_request *request,
                      struct nc_refusal *refusal)
{
	if (body.size == 0)
		return true;
	struct members_range has = members_of(request->op);
	struct nc_members members = { .refusal = refusal,
		                      .names = read_names + has.first,
		                      .name_count = has.count };
	struct nc_json_token value;
	size_t index;
	if (!nc_members_begin(&members, body))
		return false;
	for (int more; (more = nc_members_next(&members, &index, &value)) != 0;) {
		if (more < 0 || !read_member(decoder, &members, has.first + index, &value, request))
			return false;
	}
	uint32_t seen = members.seen << has.first;
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
	/* Both as long. */
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
