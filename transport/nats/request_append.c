/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.append.<type>.<stream…> (PROTOCOL.md section 3). */
#include "core/engine/names.h"
#include "transport/nats/request_private.h"
#include "transport/nats/subject.h"

struct append {
	struct nc_decoder *decoder;
	struct nc_refusal *refusal;
	struct nc_event event;
	struct nc_expect expect;
	struct nc_slice expect_from; /* the header that set the expectation */
	bool content_type_seen, tags_seen, id_seen;
};

/* ---- Expectations --------------------------------------------------------------------------- */

static bool same(struct nc_expect a, struct nc_expect b)
{
	return a.kind == b.kind && a.version == b.version;
}

static bool expect_set(struct append *append, struct nc_slice header, struct nc_expect expect)
{
	char a[NC_SHOWN_SIZE], b[NC_SHOWN_SIZE];
	if (expect.kind == NC_EXPECT_VERSION && expect.version == 0)
		expect.kind = NC_EXPECT_NONE; /* one spelling, to compare */
	if (append->expect_from.size > 0 && !same(append->expect, expect)) {
		return nc_refuse(append->refusal, NC_FAULT_REQUEST,
		                 "headers %s and %s contradict each other",
		                 nc_shown(append->expect_from, a), nc_shown(header, b));
	}
	append->expect = expect;
	append->expect_from = header;
	return true;
}

static bool on_expect(struct append *append, struct nc_slice name, struct nc_slice value)
{
	char room[NC_SHOWN_SIZE];
	struct nc_expect expect = { 0 };
	if (nc_slice_is(value, "any")) {
		expect.kind = NC_EXPECT_ANY;
	} else if (nc_slice_is(value, "none")) {
		expect.kind = NC_EXPECT_NONE;
	} else if (nc_slice_is(value, "exists")) {
		expect.kind = NC_EXPECT_EXISTS;
	} else if (nc_number_parse(value, &expect.version)) {
		expect.kind = NC_EXPECT_VERSION;
	} else {
		return nc_refuse(
		        append->refusal, NC_FAULT_REQUEST,
		        "header Es-Expect: '%s' is neither any, none, exists nor a version",
		        nc_shown(value, room));
	}
	return expect_set(append, name, expect);
}

static bool on_sequence(struct append *append, struct nc_slice name, struct nc_slice value)
{
	char a[NC_SHOWN_SIZE], b[NC_SHOWN_SIZE];
	struct nc_expect expect = { .kind = NC_EXPECT_VERSION };
	if (!nc_number_parse(value, &expect.version)) {
		return nc_refuse(append->refusal, NC_FAULT_REQUEST,
		                 "header %s: '%s' is not a version", nc_shown(name, a),
		                 nc_shown(value, b));
	}
	return expect_set(append, name, expect);
}

static bool on_expected_stream(struct append *append, struct nc_slice value)
{
	char room[NC_SHOWN_SIZE];
	if (nc_slice_eq(value, nc_buf_slice(&append->decoder->stream)) ||
	    nc_slice_is(value, append->decoder->store))
		return true;
	return nc_refuse(append->refusal, NC_FAULT_NOT_STREAM,
	                 "expected stream does not match: '%s'", nc_shown(value, room));
}

/* ---- The event's own ------------------------------------------------------------------------ */

static bool on_id(struct append *append, struct nc_slice value)
{
	const char *why = append->id_seen ? "is given twice" : nc_name_id_fault(value);
	append->id_seen = true;
	append->event.id = value;
	return why == NULL ||
	       nc_refuse(append->refusal, NC_FAULT_REQUEST, "header Nats-Msg-Id %s", why);
}

static bool on_tags(struct append *append, struct nc_slice value)
{
	char room[NC_SHOWN_SIZE];
	if (append->tags_seen) {
		return nc_refuse(append->refusal, NC_FAULT_REQUEST,
		                 "header Es-Tags is given twice");
	}
	append->tags_seen = true;
	size_t count = 0;
	for (size_t at = 0; at <= value.size; count++) {
		size_t end = at;
		while (end < value.size && value.data[end] != ',')
			end++;
		struct nc_slice tag = nc_slice(value.data + at, end - at);
		while (tag.size > 0 && tag.data[0] == ' ')
			tag = nc_slice_from(tag, 1);
		while (tag.size > 0 && tag.data[tag.size - 1] == ' ')
			tag.size--;
		const char *why = nc_name_tag_fault(tag);
		if (why != NULL) {
			return nc_refuse(append->refusal, NC_FAULT_REQUEST,
			                 "header Es-Tags: tag '%s' %s", nc_shown(tag, room), why);
		}
		if (count == NC_STATE_TAG_COUNT_MAX) {
			return nc_refuse(append->refusal, NC_FAULT_REQUEST,
			                 "header Es-Tags: more than %d tags",
			                 NC_STATE_TAG_COUNT_MAX);
		}
		nc_event_tag_put(&append->decoder->tags, tag);
		at = end + 1;
	}
	return true;
}

bool nc_decode_content_type(struct nc_slice value, bool *seen, struct nc_slice *content_type_out,
                            struct nc_refusal *refusal)
{
	if (*seen)
		return nc_refuse(refusal, NC_FAULT_REQUEST, "header Content-Type is given twice");
	*seen = true;
	if (value.size > NC_EVENT_TEXT_SIZE_MAX) {
		return nc_refuse(refusal, NC_FAULT_REQUEST,
		                 "header Content-Type is longer than %d bytes",
		                 NC_EVENT_TEXT_SIZE_MAX);
	}
	const char *why = nc_name_value_fault(value);
	if (why != NULL)
		return nc_refuse(refusal, NC_FAULT_REQUEST, "header Content-Type %s", why);
	*content_type_out = value;
	return true;
}

bool nc_decode_meta(struct nc_decoder *decoder, struct nc_slice name, struct nc_slice value,
                    struct nc_refusal *refusal)
{
	char room[NC_SHOWN_SIZE];
	const char *why = nc_meta_name_fault(name);
	if (why == NULL)
		why = nc_name_value_fault(value);
	if (why != NULL) {
		return nc_refuse(refusal, NC_FAULT_REQUEST, "header '%s' %s", nc_shown(name, room),
		                 why);
	}
	nc_event_meta_put(&decoder->meta, name, value);
	if (decoder->meta.size > NC_EVENT_META_SIZE_MAX) {
		return nc_refuse(refusal, NC_FAULT_TOO_LARGE,
		                 "headers: metadata is larger than %u bytes",
		                 NC_EVENT_META_SIZE_MAX);
	}
	return true;
}

bool nc_refuse_header(struct nc_slice name, struct nc_refusal *refusal)
{
	char room[NC_SHOWN_SIZE];
	return nc_refuse(refusal, NC_FAULT_REQUEST, "header %s is not known here",
	                 nc_shown(name, room));
}

bool nc_header_is_servers(struct nc_slice name)
{
	return nc_slice_starts(name, NC_SLICE("Nats-Trace-")) ||
	       nc_slice_is(name, "Nats-Request-Info");
}

/* Headers that JetStream has for the same, and those that a server adds. */
static bool on_nats_header(struct append *append, struct nc_slice name, struct nc_slice value)
{
	if (nc_slice_is(name, "Nats-Msg-Id"))
		return on_id(append, value);
	if (nc_slice_is(name, "Nats-Expected-Last-Subject-Sequence") ||
	    nc_slice_is(name, "Nats-Expected-Last-Sequence"))
		return on_sequence(append, name, value);
	if (nc_slice_is(name, "Nats-Expected-Stream"))
		return on_expected_stream(append, value);
	return nc_header_is_servers(name) || nc_refuse_header(name, append->refusal);
}

static bool on_header(struct append *append, struct nc_slice name, struct nc_slice value)
{
	if (nc_slice_is(name, "Content-Type")) {
		return nc_decode_content_type(value, &append->content_type_seen,
		                              &append->event.content_type, append->refusal);
	}
	if (nc_slice_is(name, "Es-Expect"))
		return on_expect(append, name, value);
	if (nc_slice_is(name, "Es-Tags"))
		return on_tags(append, value);
	if (nc_slice_starts(name, NC_SLICE("Es-")))
		return nc_refuse_header(name, append->refusal);
	if (nc_slice_starts(name, NC_SLICE("Nats-")))
		return on_nats_header(append, name, value);
	return nc_decode_meta(append->decoder, name, value, append->refusal);
}

/* ---- All of it ------------------------------------------------------------------------------ */

/* "append.<type>.<stream…>" into the decoder's type and stream. */
static bool names_decode(struct nc_decoder *decoder, struct nc_slice subject,
                         struct nc_refusal *refusal)
{
	struct nc_slice rest = nc_slice_from(subject, strlen("append."));
	size_t dot = 0;
	while (dot < rest.size && rest.data[dot] != '.')
		dot++;
	if (!nc_decode_token(decoder, nc_slice(rest.data, dot), "event type", NC_FAULT_TYPE_NAME,
	                     refusal))
		return false;
	if (nc_name_is_system(nc_buf_slice(&decoder->type))) {
		return nc_refuse(refusal, NC_FAULT_TYPE_NAME,
		                 "event type begins with '$': it is the system's");
	}
	if (!nc_decode_stream(decoder, nc_slice_from(rest, dot + 1), refusal))
		return false;
	if (nc_name_is_system(nc_buf_slice(&decoder->stream))) {
		return nc_refuse(refusal, NC_FAULT_STREAM_NAME,
		                 "stream name begins with '$': it is the system's");
	}
	return true;
}

/* Names and values of the headers of a delivery (event_message.c and what is added there) that do
 * not depend on the event, with the longest prefix, store and subscription. */
#define HEADERS_SIZE 512u
#define MADE_ID_SIZE 36u

size_t nc_envelope_size(const struct nc_decoder *decoder, const struct nc_event *event)
{
	size_t size = HEADERS_SIZE + event->stream.size + event->type.size +
	              event->content_type.size + nc_subject_size_most(event->type) +
	              nc_subject_size_most(event->stream);
	size += event->id.size > 0 ? event->id.size : MADE_ID_SIZE;
	struct nc_slice meta = nc_buf_slice(&decoder->meta), name, value;
	while (nc_event_meta_next(&meta, &name, &value))
		size += 2; /* ": " and the line's end, less the two lengths that stand there */
	return size > NC_ENVELOPE_SIZE ? size : NC_ENVELOPE_SIZE;
}

bool nc_decode_sizes(const struct nc_decoder *decoder, const struct nc_message *message,
                     size_t envelope, struct nc_refusal *refusal)
{
	if (message->data.size == 0)
		return nc_refuse(refusal, NC_FAULT_EMPTY, "data is empty: send {} or null");
	if (message->data.size > decoder->event_size_max) {
		return nc_refuse(refusal, NC_FAULT_TOO_LARGE,
		                 "data of %zu bytes is larger than the store allows (%zu)",
		                 message->data.size, decoder->event_size_max);
	}
	size_t size = message->data.size + decoder->meta.size + decoder->tags.size + envelope;
	if (size > decoder->payload_size_max) {
		return nc_refuse(
		        refusal, NC_FAULT_TOO_LARGE,
		        "data, metadata and %zu bytes of envelope are larger than the server's "
		        "max_payload (%zu)",
		        envelope, decoder->payload_size_max);
	}
	return true;
}

bool nc_decode_append(struct nc_decoder *decoder, const struct nc_message *message,
                      struct nc_request *request, struct nc_refusal *refusal)
{
	struct append append = { .decoder = decoder, .refusal = refusal };
	nc_buf_clear(&decoder->tags);
	nc_buf_clear(&decoder->meta);
	nc_buf_clear(&decoder->record);
	if (!names_decode(decoder, message->subject, refusal))
		return false;
	for (size_t i = 0; i < message->header_count; i++) {
		if (!on_header(&append, message->headers[i].name, message->headers[i].value))
			return false;
	}
	append.event.stream = nc_buf_slice(&decoder->stream);
	append.event.type = nc_buf_slice(&decoder->type);
	size_t envelope = nc_envelope_size(decoder, &append.event);
	if (!nc_decode_sizes(decoder, message, envelope, refusal))
		return false;

	append.event.tags = nc_buf_slice(&decoder->tags);
	append.event.meta = nc_buf_slice(&decoder->meta);
	append.event.data = message->data;
	nc_event_record_put(&decoder->record, &append.event);
	if (nc_buf_status(&decoder->record) != NC_OK || nc_buf_status(&decoder->tags) != NC_OK ||
	    nc_buf_status(&decoder->meta) != NC_OK)
		return nc_refuse(refusal, NC_FAULT_BUSY, "out of memory; try again");
	request->expect = append.expect;
	request->record = nc_buf_slice(&decoder->record);
	return true;
}
