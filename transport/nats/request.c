/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages understood: what all operations share. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/engine/names.h"
#include "transport/nats/body.h"
#include "transport/nats/request_private.h"
#include "transport/nats/subject.h"

bool nc_refuse(struct nc_refusal *refusal, struct nc_fault fault, const char *format, ...)
{
	va_list args;
	refusal->fault = fault;
	va_start(args, format);
	(void)vsnprintf(refusal->text, sizeof refusal->text, format, args);
	va_end(args);
	return false;
}

bool nc_number_parse(struct nc_slice text, uint64_t *number_out)
{
	if (text.size == 0 || text.size > 20 || (text.size > 1 && text.data[0] == '0'))
		return false;
	uint64_t number = 0;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		if (c < '0' || c > '9')
			return false;
		uint64_t digit = (uint64_t)(c - '0');
		if (number > (UINT64_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*number_out = number;
	return true;
}

const char *nc_meta_name_fault(struct nc_slice name)
{
	static const char extra[] = "!#$%&'*+-.^_`|~";
	if (name.size == 0)
		return "is empty";
	for (size_t i = 0; i < name.size; i++) {
		uint8_t c = name.data[i];
		bool word =
		        (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (!word && (c == 0 || strchr(extra, c) == NULL))
			return "is not the name of a header";
	}
	if (nc_slice_starts(name, NC_SLICE("Es-")) || nc_slice_starts(name, NC_SLICE("Nats-")) ||
	    nc_slice_is(name, "Content-Type"))
		return "is the store's own: an event says it by its other members";
	return NULL;
}

/* What people are shown of a name that is refused: the name, as they know it; or what should have
 * spelled one. */
static const char *name_shown(const char *spelling_why, struct nc_slice spelled,
                              const struct nc_buf *name, char room[NC_SHOWN_SIZE])
{
	return nc_shown(spelling_why != NULL ? spelled : nc_buf_slice(name), room);
}

bool nc_decode_stream(struct nc_decoder *decoder, struct nc_slice tail, struct nc_refusal *refusal)
{
	char room[NC_SHOWN_SIZE];
	nc_buf_clear(&decoder->stream);
	const char *spelling = nc_subject_get_stream(tail, &decoder->stream), *why = spelling;
	if (why == NULL && nc_buf_status(&decoder->stream) == NC_OK)
		why = nc_name_stream_fault(nc_buf_slice(&decoder->stream));
	if (why == NULL)
		return true;
	return nc_refuse(refusal, NC_FAULT_STREAM_NAME, "stream name '%s' %s",
	                 name_shown(spelling, tail, &decoder->stream, room), why);
}

bool nc_decode_own_stream(struct nc_decoder *decoder, struct nc_slice tail,
                          struct nc_refusal *refusal)
{
	if (!nc_decode_stream(decoder, tail, refusal))
		return false;
	return !nc_name_is_system(nc_buf_slice(&decoder->stream)) ||
	       nc_refuse(refusal, NC_FAULT_STREAM_NAME,
	                 "stream name begins with '$': it is the system's");
}

bool nc_decode_token(struct nc_decoder *decoder, struct nc_slice token, const char *what,
                     struct nc_fault fault, struct nc_refusal *refusal)
{
	char room[NC_SHOWN_SIZE];
	nc_buf_clear(&decoder->type);
	const char *spelling = nc_subject_get_token(token, &decoder->type), *why = spelling;
	if (why == NULL && nc_buf_status(&decoder->type) == NC_OK)
		why = nc_name_type_fault(nc_buf_slice(&decoder->type));
	if (why == NULL)
		return true;
	return nc_refuse(refusal, fault, "%s '%s' %s", what,
	                 name_shown(spelling, token, &decoder->type, room), why);
}

bool nc_decode_tag(struct nc_decoder *decoder, struct nc_slice token, struct nc_refusal *refusal)
{
	char room[NC_SHOWN_SIZE];
	nc_buf_clear(&decoder->type);
	const char *spelling = nc_subject_get_token(token, &decoder->type), *why = spelling;
	if (why == NULL && nc_buf_status(&decoder->type) == NC_OK)
		why = nc_name_tag_fault(nc_buf_slice(&decoder->type));
	if (why == NULL)
		return true;
	return nc_refuse(refusal, NC_FAULT_REQUEST, "tag '%s' %s",
	                 name_shown(spelling, token, &decoder->type, room), why);
}

bool nc_decode_read_headers(const struct nc_message *message, struct nc_request *request,
                            struct nc_refusal *refusal)
{
	char room[NC_SHOWN_SIZE];
	for (size_t i = 0; i < message->header_count; i++) {
		struct nc_slice name = message->headers[i].name, value = message->headers[i].value;
		if (!nc_slice_starts(name, NC_SLICE("Es-")))
			continue; /* trace context, or the client's own: of no interest here */
		if (!nc_slice_is(name, "Es-Min-Position")) {
			return nc_refuse(refusal, NC_FAULT_REQUEST, "header %s is not known here",
			                 nc_shown(name, room));
		}
		if (!request->direct) {
			return nc_refuse(refusal, NC_FAULT_REQUEST,
			                 "header Es-Min-Position goes with R.direct subjects only");
		}
		if (!nc_number_parse(value, &request->min_position)) {
			return nc_refuse(refusal, NC_FAULT_REQUEST,
			                 "header Es-Min-Position: '%s' is not a position",
			                 nc_shown(value, room));
		}
	}
	return true;
}

/* "sub.create.<name>" */
static bool decode_named(const struct nc_message *message, struct nc_request *request)
{
	struct nc_slice rest = message->subject;
	for (int dots = 0; dots < 2 && rest.data != NULL; dots++) {
		const uint8_t *dot = memchr(rest.data, '.', rest.size);
		rest = dot == NULL ? nc_slice(NULL, 0)
		                   : nc_slice_from(rest, (size_t)(dot - rest.data) + 1);
	}
	request->name = rest; /* of "sub.list": none */
	request->body = message->data;
	return true;
}

bool nc_request_decode(struct nc_decoder *decoder, enum nc_operation operation, bool direct,
                       const struct nc_message *message, struct nc_request *request_out,
                       struct nc_refusal *refusal_out)
{
	*request_out = (struct nc_request){ .op = operation, .direct = direct };
	if (operation == NC_OP_APPEND)
		return nc_decode_append(decoder, message, request_out, refusal_out);
	if (operation == NC_OP_BATCH)
		return nc_decode_batch(decoder, message, request_out, refusal_out);
	if (operation == NC_OP_SNAP_PUT)
		return nc_decode_snap_put(decoder, message, request_out, refusal_out);
	if (operation == NC_OP_STREAM_DELETE || operation == NC_OP_STREAM_META)
		return nc_decode_stream_change(decoder, message, request_out, refusal_out);
	if (!nc_decode_read_headers(message, request_out, refusal_out))
		return false;
	switch (operation) {
	case NC_OP_READ:
	case NC_OP_LOAD:
		return nc_decode_read(decoder, message, request_out, refusal_out);
	case NC_OP_GET:
		return nc_decode_get(decoder, message, request_out, refusal_out);
	case NC_OP_FILTER_TEST:
		return nc_decode_filter_test(decoder, message, request_out, refusal_out);
	case NC_OP_STATS:
		return nc_decode_stats(decoder, message, request_out, refusal_out);
	case NC_OP_STREAM_INFO:
		return nc_decode_stream_info(decoder, message, request_out, refusal_out);
	case NC_OP_STREAM_LIST:
		return nc_decode_stream_list(decoder, message, request_out, refusal_out);
	case NC_OP_SNAP_GET:
		return nc_decode_snap_get(decoder, message, request_out, refusal_out);
	case NC_OP_SNAP_LIST:
		return nc_decode_snap_list(decoder, message, request_out, refusal_out);
	case NC_OP_SNAP_DELETE:
		return nc_decode_snap_delete(decoder, message, request_out, refusal_out);
	case NC_OP_INFO:
	case NC_OP_STATUS:
	case NC_OP_HEALTH:
	case NC_OP_DRAIN:
	case NC_OP_CLUSTER_STATUS:
	case NC_OP_FILTER_LIST:
		return nc_body_is_bare(message->data, refusal_out);
	default:
		return decode_named(message, request_out);
	}
}

void nc_decoder_release(struct nc_decoder *decoder)
{
	nc_buf_release(&decoder->stream);
	nc_buf_release(&decoder->type);
	nc_buf_release(&decoder->tags);
	nc_buf_release(&decoder->meta);
	nc_buf_release(&decoder->record);
	nc_buf_release(&decoder->text);
	nc_buf_release(&decoder->events);
	nc_buf_release(&decoder->checks);
	nc_buf_release(&decoder->items);
	nc_buf_release(&decoder->item_names[0]);
	nc_buf_release(&decoder->item_names[1]);
	nc_buf_release(&decoder->names);
	nc_buf_release(&decoder->blob);
}
