/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The events of R.batch. */
#include "core/base/base64.h"
#include "core/engine/names.h"
#include "transport/nats/request_batch_private.h"

enum { STREAM, TYPE, DATA, DATA_BASE64, ID, EXPECT, CONTENT_TYPE, META, TAGS, EVENT_MEMBERS };
static const char *const event_names[] = { "stream", "type",         "data", "data_base64", "id",
	                                   "expect", "content_type", "meta", "tags" };

struct event_decode {
	struct nc_decoder *decoder;
	struct nc_fields fields;
	struct nc_event event;
	struct nc_expect expect;
};

static bool name_take(struct event_decode *decode, size_t index, const struct nc_wire_token *value,
                      struct nc_slice *name_out)
{
	struct nc_slice name;
	if (!nc_fields_text(&decode->fields, index, value, &name))
		return false;
	const char *why = index == STREAM ? nc_name_stream_fault(name)
	                  : index == TYPE ? nc_name_type_fault(name)
	                                  : nc_name_id_fault(name);
	if (index != ID && why == NULL && nc_name_is_system(name))
		why = "begins with '$': it is the system's";
	struct nc_fault fault = index == STREAM ? NC_FAULT_STREAM_NAME
	                        : index == TYPE ? NC_FAULT_TYPE_NAME
	                                        : NC_FAULT_REQUEST;
	if (why != NULL)
		return nc_fields_refuse(&decode->fields, index, fault, "%s", why);
	*name_out = name;
	return true;
}

static bool data_take(struct event_decode *decode, const struct nc_wire_token *value)
{
	if (value->type == NC_WIRE_BIN) {
		decode->event.data = value->bytes;
		return true;
	}
	struct nc_wire *wire = decode->fields.wire;
	return nc_wire_value(wire, value, &decode->event.data) == NC_OK ||
	       nc_wire_refuse(wire, decode->fields.refusal);
}

static bool base64_take(struct event_decode *decode, const struct nc_wire_token *value)
{
	struct nc_slice text;
	struct nc_buf *room = &decode->decoder->blob;
	if (!nc_fields_text(&decode->fields, DATA_BASE64, value, &text))
		return false;
	nc_buf_clear(room);
	int err = nc_base64_get(text, room);
	if (err == NC_NOMEM)
		return nc_refuse(decode->fields.refusal, NC_FAULT_BUSY, "out of memory; try again");
	if (err != NC_OK) {
		return nc_fields_refuse(&decode->fields, DATA_BASE64, NC_FAULT_REQUEST,
		                        "is not base64 with padding");
	}
	decode->event.data = nc_buf_slice(room);
	return true;
}

static bool content_type_take(struct event_decode *decode, const struct nc_wire_token *value)
{
	if (!nc_fields_text(&decode->fields, CONTENT_TYPE, value, &decode->event.content_type))
		return false;
	struct nc_slice type = decode->event.content_type;
	if (type.size > NC_EVENT_TEXT_SIZE_MAX) {
		return nc_fields_refuse(&decode->fields, CONTENT_TYPE, NC_FAULT_REQUEST,
		                        "is longer than %d bytes", NC_EVENT_TEXT_SIZE_MAX);
	}
	const char *why = nc_name_value_fault(type);
	return why == NULL ||
	       nc_fields_refuse(&decode->fields, CONTENT_TYPE, NC_FAULT_REQUEST, "%s", why);
}

static bool tags_take(struct event_decode *decode, const struct nc_wire_token *value)
{
	struct nc_fields *fields = &decode->fields;
	struct nc_wire_token element;
	char shown[NC_SHOWN_SIZE];
	size_t count = 0;
	if (!nc_fields_array(fields, TAGS, value))
		return false;
	for (int more; (more = nc_fields_element(fields, &element)) != 0; count++) {
		struct nc_slice tag;
		if (more < 0 || !nc_fields_text(fields, TAGS, &element, &tag))
			return false;
		const char *why = nc_name_tag_fault(tag);
		if (why != NULL) {
			return nc_fields_refuse(fields, TAGS, NC_FAULT_REQUEST,
			                        "has a tag '%s' that %s", nc_shown(tag, shown),
			                        why);
		}
		if (count == NC_STATE_TAG_COUNT_MAX) {
			return nc_fields_refuse(fields, TAGS, NC_FAULT_REQUEST,
			                        "has more than %d tags", NC_STATE_TAG_COUNT_MAX);
		}
		nc_event_tag_put(&decode->decoder->tags, tag);
	}
	return true;
}

/* ---- Metadata ------------------------------------------------------------------------------- */

static bool meta_value_take(struct event_decode *decode, struct nc_slice name,
                            const struct nc_wire_token *value)
{
	char shown[NC_SHOWN_SIZE];
	struct nc_buf *meta = &decode->decoder->meta;
	if (value->type != NC_WIRE_TEXT) {
		return nc_fields_refuse(&decode->fields, META, NC_FAULT_REQUEST,
		                        "has a value of '%s' that is neither a string nor a list "
		                        "of strings",
		                        nc_shown(name, shown));
	}
	const char *why = nc_name_value_fault(value->bytes);
	if (why != NULL) {
		return nc_fields_refuse(&decode->fields, META, NC_FAULT_REQUEST,
		                        "has a value of '%s' that %s", nc_shown(name, shown), why);
	}
	nc_event_meta_put(meta, name, value->bytes);
	return meta->size <= NC_EVENT_META_SIZE_MAX ||
	       nc_fields_refuse(&decode->fields, META, NC_FAULT_TOO_LARGE,
	                        "is larger than %u bytes", NC_EVENT_META_SIZE_MAX);
}

static bool meta_member_take(struct event_decode *decode, struct nc_slice name,
                             const struct nc_wire_token *value)
{
	struct nc_wire_token element;
	if (value->type != NC_WIRE_ARRAY)
		return meta_value_take(decode, name, value);
	for (int more; (more = nc_fields_element(&decode->fields, &element)) != 0;) {
		if (more < 0 || !meta_value_take(decode, name, &element))
			return false;
	}
	return true;
}

/* Whether the metadata taken so far have `name`. */
static bool meta_has(const struct nc_decoder *decoder, struct nc_slice name)
{
	struct nc_slice list = nc_buf_slice(&decoder->meta), key, value;
	while (nc_event_meta_next(&list, &key, &value)) {
		if (nc_slice_eq(key, name))
			return true;
	}
	return false;
}

/* Whether the name may be a name of metadata; `count` have been taken before it. */
static bool meta_name_check(struct event_decode *decode, struct nc_slice name, size_t count)
{
	struct nc_fields *fields = &decode->fields;
	char shown[NC_SHOWN_SIZE];
	const char *why = nc_meta_name_fault(name);
	if (why == NULL && meta_has(decode->decoder, name))
		why = "is given twice";
	if (why != NULL) {
		return nc_fields_refuse(fields, META, NC_FAULT_REQUEST, "has a name '%s' that %s",
		                        nc_shown(name, shown), why);
	}
	if (count == NC_BATCH_META_MAX) {
		return nc_fields_refuse(fields, META, NC_FAULT_REQUEST, "has more than %u names",
		                        NC_BATCH_META_MAX);
	}
	return true;
}

static bool meta_take(struct event_decode *decode, const struct nc_wire_token *value)
{
	struct nc_fields *fields = &decode->fields;
	struct nc_wire_token key, member;
	if (value->type != NC_WIRE_MAP)
		return nc_fields_refuse(fields, META, NC_FAULT_REQUEST, "is not an object");
	for (size_t count = 0;; count++) {
		if (nc_wire_next(fields->wire, &key) != NC_OK)
			return nc_wire_refuse(fields->wire, fields->refusal);
		if (key.type == NC_WIRE_MAP_END)
			return true;
		if (!meta_name_check(decode, key.bytes, count))
			return false;
		if (nc_wire_next(fields->wire, &member) != NC_OK)
			return nc_wire_refuse(fields->wire, fields->refusal);
		if (!meta_member_take(decode, key.bytes, &member))
			return false;
	}
}

/* ---- All of an event ------------------------------------------------------------------------ */

static bool member_take(struct event_decode *decode, size_t index,
                        const struct nc_wire_token *value)
{
	switch (index) {
	case STREAM:
		return name_take(decode, index, value, &decode->event.stream);
	case TYPE:
		return name_take(decode, index, value, &decode->event.type);
	case ID:
		return name_take(decode, index, value, &decode->event.id);
	case DATA:
		return data_take(decode, value);
	case DATA_BASE64:
		return base64_take(decode, value);
	case EXPECT:
		return nc_fields_expect(&decode->fields, index, value, &decode->expect);
	case CONTENT_TYPE:
		return content_type_take(decode, value);
	case META:
		return meta_take(decode, value);
	default:
		return tags_take(decode, value);
	}
}

static bool sizes_check(const struct event_decode *decode)
{
	const struct nc_decoder *decoder = decode->decoder;
	struct nc_refusal *refusal = decode->fields.refusal;
	char where[NC_WHERE_SIZE];
	size_t size = decode->event.data.size;
	if (size == 0)
		return nc_refuse(refusal, NC_FAULT_EMPTY, "data of %s is empty",
		                 nc_fields_where(&decode->fields, where));
	if (size > decoder->event_size_max) {
		return nc_refuse(refusal, NC_FAULT_TOO_LARGE,
		                 "data of %s, of %zu bytes, is larger than the store allows (%zu)",
		                 nc_fields_where(&decode->fields, where), size,
		                 decoder->event_size_max);
	}
	size_t envelope = nc_envelope_size(decoder, &decode->event);
	size += decoder->meta.size + decoder->tags.size + envelope;
	return size <= decoder->payload_size_max ||
	       nc_refuse(refusal, NC_FAULT_TOO_LARGE,
	                 "data and metadata of %s and %zu bytes of envelope are larger than the "
	                 "server's max_payload (%zu)",
	                 nc_fields_where(&decode->fields, where), envelope,
	                 decoder->payload_size_max);
}

static bool whole(const struct event_decode *decode)
{
	uint32_t seen = decode->fields.seen;
	struct nc_refusal *refusal = decode->fields.refusal;
	char where[NC_WHERE_SIZE];
	bool both = (seen >> DATA & 1) && (seen >> DATA_BASE64 & 1);
	bool neither = !(seen >> DATA & 1) && !(seen >> DATA_BASE64 & 1);
	if (!(seen >> STREAM & 1) || !(seen >> TYPE & 1)) {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "%s needs the member '%s'",
		                 nc_fields_where(&decode->fields, where),
		                 seen >> STREAM & 1 ? "type" : "stream");
	}
	if (both || neither) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "%s needs one of the members 'data' and 'data_base64'",
		                 nc_fields_where(&decode->fields, where));
	}
	return true;
}

bool nc_batch_event_take(struct nc_batch_decode *batch, const struct nc_wire_token *token,
                         size_t number)
{
	struct nc_decoder *decoder = batch->decoder;
	struct event_decode decode = { .decoder = decoder,
		                       .fields = { .wire = batch->wire,
		                                   .refusal = batch->refusal,
		                                   .names = event_names,
		                                   .name_count = EVENT_MEMBERS,
		                                   .where = { "events[", number, "]" } } };
	struct nc_wire_token value;
	size_t index;
	nc_buf_clear(&decoder->tags);
	nc_buf_clear(&decoder->meta);
	if (!nc_fields_begin(&decode.fields, token))
		return false;
	for (int more; (more = nc_fields_next(&decode.fields, &index, &value)) != 0;) {
		if (more < 0 || !member_take(&decode, index, &value))
			return false;
	}
	if (!whole(&decode) || !sizes_check(&decode))
		return false;
	decode.event.tags = nc_buf_slice(&decoder->tags);
	decode.event.meta = nc_buf_slice(&decoder->meta);
	nc_buf_clear(&decoder->record);
	nc_event_record_put(&decoder->record, &decode.event);
	nc_batch_event_put(
	        &decoder->events,
	        &(struct nc_batch_event){ decode.expect, nc_buf_slice(&decoder->record) });
	const struct nc_batch_name names = { decode.event.stream, decode.event.id };
	nc_buf_put(&decoder->names, &names, sizeof names);
	const struct nc_buf *rooms[] = { &decoder->tags, &decoder->meta, &decoder->record,
		                         &decoder->events, &decoder->names };
	for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++) {
		if (nc_buf_status(rooms[i]) != NC_OK)
			return nc_refuse(batch->refusal, NC_FAULT_BUSY, "out of memory; try again");
	}
	return true;
}
