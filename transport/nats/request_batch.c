/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.batch: what it asks beside its events (PROTOCOL.md section 5). */
#include "core/base/hashmap.h"
#include "core/engine/names.h"
#include "transport/nats/request_batch_private.h"

/* ---- Headers -------------------------------------------------------------------------------- */

/* The media type alone, without parameters. */
static struct nc_slice media_type(struct nc_slice value)
{
	size_t size = 0;
	while (size < value.size && value.data[size] != ';' && value.data[size] != ' ')
		size++;
	return nc_slice(value.data, size);
}

static bool content_type_decode(struct nc_slice value, bool *msgpack_out,
                                struct nc_refusal *refusal)
{
	char room[NC_SHOWN_SIZE];
	struct nc_slice type = media_type(value);
	*msgpack_out = nc_slice_is(type, "application/msgpack");
	return *msgpack_out || nc_slice_is(type, "application/json") ||
	       nc_refuse(refusal, NC_FAULT_REQUEST,
	                 "header Content-Type: '%s' is neither application/json nor "
	                 "application/msgpack",
	                 nc_shown(type, room));
}

static bool headers_decode(const struct nc_message *message, bool *msgpack_out,
                           struct nc_refusal *refusal)
{
	char room[NC_SHOWN_SIZE];
	*msgpack_out = false;
	for (size_t i = 0; i < message->header_count; i++) {
		const struct nc_header *header = &message->headers[i];
		bool ours = nc_slice_starts(header->name, NC_SLICE("Es-")) ||
		            nc_slice_starts(header->name, NC_SLICE("Nats-"));
		if (nc_slice_is(header->name, "Content-Type")) {
			if (!content_type_decode(header->value, msgpack_out, refusal))
				return false;
		} else if (ours && !nc_header_is_servers(header->name)) {
			return nc_refuse(refusal, NC_FAULT_REQUEST,
			                 "header %s is not known here: a batch says it in its body",
			                 nc_shown(header->name, room));
		}
	}
	return true;
}

/* ---- Expectations, checks ------------------------------------------------------------------- */

bool nc_fields_expect(struct nc_fields *fields, size_t index, const struct nc_wire_token *value,
                      struct nc_expect *expect_out)
{
	static const struct {
		const char *word;
		enum nc_expect_kind kind;
	} words[] = { { "any", NC_EXPECT_ANY },
		      { "none", NC_EXPECT_NONE },
		      { "exists", NC_EXPECT_EXISTS } };
	if (value->type == NC_WIRE_NUMBER) {
		*expect_out = (struct nc_expect){ NC_EXPECT_VERSION, value->number };
		return true;
	}
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (value->type == NC_WIRE_TEXT && nc_slice_is(value->bytes, words[i].word)) {
			*expect_out = (struct nc_expect){ words[i].kind, 0 };
			return true;
		}
	}
	return nc_fields_refuse(fields, index, NC_FAULT_REQUEST,
	                        "is neither \"any\", \"none\", \"exists\" nor a version");
}

enum { CHECK_STREAM, CHECK_EXPECT, CHECK_MEMBERS };
static const char *const check_names[] = { "stream", "expect" };

static bool check_take(struct nc_batch_decode *batch, const struct nc_wire_token *token,
                       size_t number)
{
	struct nc_fields fields = { .wire = batch->wire,
		                    .refusal = batch->refusal,
		                    .names = check_names,
		                    .name_count = CHECK_MEMBERS,
		                    .where = { "check[", number, "]" } };
	char where[NC_WHERE_SIZE];
	struct nc_batch_check check = { 0 };
	struct nc_wire_token value;
	size_t index;
	if (!nc_fields_begin(&fields, token))
		return false;
	for (int more; (more = nc_fields_next(&fields, &index, &value)) != 0;) {
		bool fine = more > 0 &&
		            (index == CHECK_EXPECT
		                     ? nc_fields_expect(&fields, index, &value, &check.expect)
		                     : nc_fields_text(&fields, index, &value, &check.stream));
		if (!fine)
			return false;
	}
	const char *why = nc_name_stream_fault(check.stream);
	if (why != NULL && (fields.seen >> CHECK_STREAM & 1))
		return nc_fields_refuse(&fields, CHECK_STREAM, NC_FAULT_STREAM_NAME, "%s", why);
	if (fields.seen != (1u << CHECK_MEMBERS) - 1) {
		return nc_refuse(batch->refusal, NC_FAULT_REQUEST,
		                 "%s needs the members 'stream' and 'expect'",
		                 nc_fields_where(&fields, where));
	}
	nc_batch_check_put(&batch->decoder->checks, &check);
	return true;
}

/* ---- Condition, acknowledgement ------------------------------------------------------------- */

enum { FAIL_IF, AFTER, CONDITION_MEMBERS };
static const char *const condition_names[] = { "fail_if", "after" };

static bool condition_take(struct nc_batch_decode *batch, const struct nc_wire_token *token)
{
	struct nc_decoder *decoder = batch->decoder;
	struct nc_fields fields = { .wire = batch->wire,
		                    .refusal = batch->refusal,
		                    .names = condition_names,
		                    .name_count = CONDITION_MEMBERS,
		                    .where = { .before = "condition" } };
	struct nc_wire_token value;
	size_t index;
	if (!nc_fields_begin(&fields, token))
		return false;
	for (int more; (more = nc_fields_next(&fields, &index, &value)) != 0;) {
		bool fine = more > 0 &&
		            (index == AFTER
		                     ? nc_fields_number(&fields, index, &value, &batch->made.after)
		                     : nc_fields_items(&fields, index, &value, &decoder->items,
		                                       decoder->item_names));
		if (!fine)
			return false;
	}
	return (fields.seen & 1u << FAIL_IF) != 0 ||
	       nc_refuse(batch->refusal, NC_FAULT_REQUEST, "condition needs the member 'fail_if'");
}

static const char *const ack_names[] = { "reply" };

static bool ack_take(struct nc_batch_decode *batch, const struct nc_wire_token *token)
{
	struct nc_fields fields = { .wire = batch->wire,
		                    .refusal = batch->refusal,
		                    .names = ack_names,
		                    .name_count = 1,
		                    .where = { .before = "ack" } };
	struct nc_wire_token value;
	size_t index;
	if (!nc_fields_begin(&fields, token))
		return false;
	for (int more; (more = nc_fields_next(&fields, &index, &value)) != 0;) {
		if (more < 0 || !nc_fields_text(&fields, index, &value, &batch->ack))
			return false;
	}
	return batch->ack.size > 0 || nc_refuse(batch->refusal, NC_FAULT_REQUEST,
	                                        "ack needs the member 'reply': the reply subject "
	                                        "of a delivery");
}

/* ---- All of it ------------------------------------------------------------------------------ */

enum { EVENTS, CHECK, CONDITION, ACK, BATCH_MEMBERS };
static const char *const batch_names[] = { "events", "check", "condition", "ack" };

/* Take a list, an element at a time; `number` counts them from 0. */
typedef bool element_take_fn(struct nc_batch_decode *batch, const struct nc_wire_token *token,
                             size_t number);

static bool list_take(struct nc_batch_decode *batch, struct nc_fields *fields, size_t index,
                      const struct nc_wire_token *value, element_take_fn *take, size_t *count_out)
{
	struct nc_wire_token element;
	size_t count = 0;
	if (!nc_fields_array(fields, index, value))
		return false;
	for (int more; (more = nc_fields_element(fields, &element)) != 0; count++) {
		if (count == NC_BATCH_EVENTS_MAX) {
			return nc_fields_refuse(fields, index, NC_FAULT_REQUEST,
			                        "has more than %u entries", NC_BATCH_EVENTS_MAX);
		}
		if (more < 0 || !take(batch, &element, count))
			return false;
	}
	*count_out = count;
	return true;
}

static bool batch_member(struct nc_batch_decode *batch, struct nc_fields *fields, size_t index,
                         const struct nc_wire_token *value)
{
	switch (index) {
	case EVENTS:
		return list_take(batch, fields, index, value, nc_batch_event_take,
		                 &batch->made.event_count) &&
		       (batch->made.event_count > 0 ||
		        nc_fields_refuse(fields, index, NC_FAULT_REQUEST, "is empty"));
	case CHECK:
		return list_take(batch, fields, index, value, check_take, &batch->made.check_count);
	case CONDITION:
		return condition_take(batch, value);
	default:
		return ack_take(batch, value);
	}
}

static bool body_decode(struct nc_batch_decode *batch)
{
	struct nc_fields fields = { .wire = batch->wire,
		                    .refusal = batch->refusal,
		                    .names = batch_names,
		                    .name_count = BATCH_MEMBERS };
	struct nc_wire_token value;
	size_t index;
	if (nc_wire_next(batch->wire, &value) != NC_OK)
		return nc_wire_refuse(batch->wire, batch->refusal);
	if (!nc_fields_begin(&fields, &value))
		return false;
	for (int more; (more = nc_fields_next(&fields, &index, &value)) != 0;) {
		if (more < 0 || !batch_member(batch, &fields, index, &value))
			return false;
	}
	if (nc_wire_next(batch->wire, &value) != NC_OK)
		return nc_wire_refuse(batch->wire, batch->refusal);
	return (fields.seen & 1u << EVENTS) != 0 ||
	       nc_refuse(batch->refusal, NC_FAULT_REQUEST, "body: member 'events' is missing");
}

/* Refuse a check of a stream that the batch also writes. */
static bool checks_stand_apart(struct nc_batch_decode *batch)
{
	const struct nc_batch_name *names = (const void *)batch->decoder->names.data;
	struct nc_slice list = nc_buf_slice(&batch->decoder->checks);
	struct nc_batch_check check;
	char room[NC_SHOWN_SIZE];
	bool fine = true;
	struct nc_hashmap streams = { 0 };
	if (batch->made.check_count == 0)
		return true;
	for (uint32_t i = 0; fine && i < batch->made.event_count; i++) {
		if (nc_hashmap_put(&streams, nc_hash_bytes(names[i].stream), i) != NC_OK)
			fine = nc_refuse(batch->refusal, NC_FAULT_BUSY, "out of memory; try again");
	}
	while (fine && nc_batch_check_next(&list, &check)) {
		struct nc_hashmap_probe probe;
		uint32_t at = nc_hashmap_first(&streams, nc_hash_bytes(check.stream), &probe);
		for (; fine && at != NC_HASHMAP_NONE; at = nc_hashmap_next(&streams, &probe)) {
			if (nc_slice_eq(names[at].stream, check.stream)) {
				fine = nc_refuse(batch->refusal, NC_FAULT_REQUEST,
				                 "check of stream '%s', which the batch writes: "
				                 "expect it of the stream's first event",
				                 nc_shown(check.stream, room));
			}
		}
	}
	nc_hashmap_release(&streams);
	return fine;
}

/* Refuse two events of one stream with the same id. */
static bool ids_differ(struct nc_batch_decode *batch)
{
	const struct nc_batch_name *names = (const void *)batch->decoder->names.data;
	char room[NC_SHOWN_SIZE];
	bool fine = true;
	struct nc_hashmap ids = { 0 };
	if (batch->made.event_count < 2)
		return true;
	for (uint32_t i = 0; fine && i < batch->made.event_count; i++) {
		if (names[i].id.size == 0)
			continue;
		struct nc_hashmap_probe probe;
		uint64_t hash = nc_hash_bytes(names[i].id);
		uint32_t at = nc_hashmap_first(&ids, hash, &probe);
		for (; fine && at != NC_HASHMAP_NONE; at = nc_hashmap_next(&ids, &probe)) {
			if (nc_slice_eq(names[at].id, names[i].id) &&
			    nc_slice_eq(names[at].stream, names[i].stream)) {
				fine = nc_refuse(batch->refusal, NC_FAULT_ID_REUSED,
				                 "events[%u] and events[%u] of one stream bear the "
				                 "same id '%s'",
				                 at, i, nc_shown(names[i].id, room));
			}
		}
		if (fine && nc_hashmap_put(&ids, hash, i) != NC_OK)
			fine = nc_refuse(batch->refusal, NC_FAULT_BUSY, "out of memory; try again");
	}
	nc_hashmap_release(&ids);
	return fine;
}

/* Bytes that a stream's part of an answer takes at most: its name, and 72 for the members about it
 * ({"stream":"…","expect":<20 digits>,"seq":<20 digits>},). */
static size_t answer_size(struct nc_slice stream)
{
	size_t size = stream.size + 72;
	for (size_t i = 0; i < stream.size; i++)
		size += stream.data[i] == '"' || stream.data[i] == '\\';
	return size;
}

/* Everything written must be answered, and so must every expectation that fails. So a batch is
 * refused beforehand if its answer might be too large for the server. */
static bool answer_fits(struct nc_batch_decode *batch)
{
	const struct nc_batch_name *names = (const void *)batch->decoder->names.data;
	struct nc_slice list = nc_buf_slice(&batch->decoder->checks);
	struct nc_batch_check check;
	size_t size = 512; /* headers, the error, the braces */
	for (size_t i = 0; i < batch->made.event_count; i++)
		size += answer_size(names[i].stream);
	while (nc_batch_check_next(&list, &check))
		size += answer_size(check.stream);
	return size <= batch->decoder->payload_size_max ||
	       nc_refuse(batch->refusal, NC_FAULT_TOO_LARGE,
	                 "the answer, of up to %zu bytes, would be larger than the server's "
	                 "max_payload (%zu): fewer events or checks",
	                 size, batch->decoder->payload_size_max);
}

bool nc_decode_batch(struct nc_decoder *decoder, const struct nc_message *message,
                     struct nc_request *request, struct nc_refusal *refusal)
{
	bool msgpack;
	struct nc_wire wire;
	struct nc_batch_decode batch = { .decoder = decoder, .wire = &wire, .refusal = refusal };
	nc_buf_clear(&decoder->events);
	nc_buf_clear(&decoder->checks);
	nc_buf_clear(&decoder->items);
	nc_buf_clear(&decoder->names);
	if (!headers_decode(message, &msgpack, refusal))
		return false;
	if (msgpack) {
		nc_wire_init_msgpack(&wire, message->data, &decoder->text);
	} else if (nc_wire_init_json(&wire, message->data, &decoder->text) != NC_OK) {
		return nc_refuse(refusal, NC_FAULT_BUSY, "out of memory; try again");
	}
	if (!body_decode(&batch))
		return false;
	if (nc_buf_status(&decoder->checks) != NC_OK)
		return nc_refuse(refusal, NC_FAULT_BUSY, "out of memory; try again");
	if (!checks_stand_apart(&batch) || !ids_differ(&batch) || !answer_fits(&batch))
		return false;
	batch.made.events = nc_buf_slice(&decoder->events);
	batch.made.checks = nc_buf_slice(&decoder->checks);
	batch.made.items = nc_buf_slice(&decoder->items);
	request->batch = batch.made;
	request->ack = batch.ack;
	return true;
}
