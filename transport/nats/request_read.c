/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of reads (PROTOCOL.md section 6). */
#include "core/base/json.h"
#include "core/engine/names.h"
#include "transport/nats/fields.h"

/* A flat JSON object, a member at a time: each at most once. */
struct members {
	struct nc_json json;
	struct nc_refusal *refusal;
	uint32_t seen; /* a bit for each name of `names` */
	const char *const *names;
	size_t name_count;
};

static bool json_fault(struct members *members)
{
	return nc_refuse(members->refusal, NC_FAULT_REQUEST, "body: expected %s at byte %zu",
	                 members->json.expected == NULL ? "a JSON object" : members->json.expected,
	                 members->json.offset);
}

/* 1 with the index of the member and the first token of its value; 0 at the end; -1 refused. */
static int member_next(struct members *members, size_t *index_out, struct nc_json_token *value_out)
{
	char room[NC_SHOWN_SIZE];
	struct nc_json_token key;
	if (nc_json_next(&members->json, &key) != NC_OK) {
		(void)json_fault(members);
		return -1;
	}
	if (key.type == NC_JSON_OBJECT_END) {
		if (nc_json_next(&members->json, &key) == NC_OK)
			return 0;
		(void)json_fault(members);
		return -1;
	}
	size_t index = 0;
	while (index < members->name_count && !nc_json_is(&key, members->names[index]))
		index++;
	if (index == members->name_count) {
		(void)nc_refuse(members->refusal, NC_FAULT_REQUEST, "member '%s' is not known",
		                nc_shown(key.raw, room));
		return -1;
	}
	if (members->seen >> index & 1) {
		(void)nc_refuse(members->refusal, NC_FAULT_REQUEST, "member '%s' is given twice",
		                members->names[index]);
		return -1;
	}
	members->seen |= 1u << index;
	if (nc_json_next(&members->json, value_out) != NC_OK) {
		(void)json_fault(members);
		return -1;
	}
	*index_out = index;
	return 1;
}

static bool object_begin(struct members *members, struct nc_slice body)
{
	struct nc_json_token token;
	nc_json_init(&members->json, body);
	if (nc_json_next(&members->json, &token) != NC_OK)
		return json_fault(members);
	if (token.type != NC_JSON_OBJECT)
		return nc_refuse(members->refusal, NC_FAULT_REQUEST, "body: is not a JSON object");
	return true;
}

static bool number_take(const struct nc_json_token *value, const char *name, uint64_t least,
                        struct nc_refusal *refusal, uint64_t *number_out)
{
	char room[NC_SHOWN_SIZE];
	uint64_t number;
	if (value->type != NC_JSON_NUMBER) {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "member '%s' is not a number: '%s'",
		                 name, nc_shown(value->raw, room));
	}
	if (value->raw.data[0] == '-') {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "member '%s' is below %llu: %s", name,
		                 (unsigned long long)least, nc_shown(value->raw, room));
	}
	int err = nc_json_u64(value, &number);
	if (err == NC_TOOBIG)
		number = UINT64_MAX; /* as far beyond every position, version and limit */
	if (err != NC_OK && err != NC_TOOBIG) {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "member '%s' is not a whole number: %s",
		                 name, nc_shown(value->raw, room));
	}
	if (number < least) {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "member '%s' is below %llu: %s", name,
		                 (unsigned long long)least, nc_shown(value->raw, room));
	}
	*number_out = number;
	return true;
}

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
	return number_take(value, "from", 1, refusal, &request->query.from);
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
static bool items_take(struct nc_decoder *decoder, struct members *members,
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
		return json_fault(members);
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

static bool filter_take(struct nc_decoder *decoder, struct members *members,
                        const struct nc_json_token *value, struct nc_request *request)
{
	struct nc_slice raw;
	if (nc_json_value(&members->json, value, &raw) != NC_OK)
		return json_fault(members);
	return nc_decode_filter(decoder, raw, request, members->refusal);
}

static bool read_member(struct nc_decoder *decoder, struct members *members, size_t index,
                        const struct nc_json_token *value, struct nc_request *request)
{
	struct nc_query_spec *query = &request->query;
	struct nc_refusal *refusal = members->refusal;
	switch (index) {
	case FROM:
		return from_take(value, request, refusal);
	case TO:
		return number_take(value, "to", 1, refusal, &query->to);
	case LIMIT:
		return number_take(value, "limit", 1, refusal, &query->limit);
	case DIR:
		return dir_take(value, request, refusal);
	case MAX_BYTES:
		return number_take(value, "max_bytes", 1, refusal, &query->size_max);
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
	struct members members = { .refusal = refusal,
		                   .names = read_names + has.first,
		                   .name_count = has.count };
	if (!object_begin(&members, body))
		return false;
	for (;;) {
		size_t index;
		struct nc_json_token value;
		int more = member_next(&members, &index, &value);
		if (more < 0)
			return false;
		if (more == 0)
			break;
		if (!read_member(decoder, &members, has.first + index, &value, request))
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

/* ---- One event ------------------------------------------------------------------------------ */

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
		return number_take(value, "pos", 1, refusal, &request->get.number);
	case SEQ:
		return number_take(value, "seq", 1, refusal, &request->get.number);
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
	struct members members = { .refusal = refusal,
		                   .names = get_names,
		                   .name_count = GET_MEMBERS };
	if (!object_begin(&members, message->data))
		return false;
	for (;;) {
		size_t index;
		struct nc_json_token value;
		int more = member_next(&members, &index, &value);
		if (more < 0)
			return false;
		if (more == 0)
			break;
		if (!get_member(decoder, index, &value, request, refusal))
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
