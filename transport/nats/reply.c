/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers. */
#include "transport/nats/reply.h"

#include "core/base/json.h"

void nc_reply_append(struct nc_buf *out, const struct nc_outcome *outcome)
{
	nc_buf_clear(out);
	nc_buf_put_str(out, "{\"stream\":");
	nc_json_put_string(out, outcome->stream);
	nc_buf_put_str(out, ",\"seq\":");
	nc_buf_put_decimal(out, outcome->version);
	nc_buf_put_str(out, ",\"pos\":");
	nc_buf_put_decimal(out, outcome->position);
	if (outcome->duplicate)
		nc_buf_put_str(out, ",\"duplicate\":true");
	nc_buf_put_u8(out, '}');
}

void nc_reply_batch(struct nc_buf *out, const struct nc_outcome *outcome)
{
	nc_buf_clear(out);
	nc_buf_put_str(out, "{\"results\":[");
	for (size_t i = 0; i < outcome->result_count; i++) {
		const struct nc_batch_result *result = &outcome->results[i];
		nc_buf_put_str(out, i == 0 ? "{\"stream\":" : ",{\"stream\":");
		nc_json_put_string(out, result->stream);
		nc_buf_put_str(out, ",\"seq\":");
		nc_buf_put_decimal(out, result->version);
		nc_buf_put_str(out, ",\"pos\":");
		nc_buf_put_decimal(out, result->position);
		nc_buf_put_u8(out, '}');
	}
	nc_buf_put_str(out, "],\"pos\":");
	nc_buf_put_decimal(out, outcome->position);
	if (outcome->duplicate)
		nc_buf_put_str(out, ",\"duplicate\":true");
	nc_buf_put_u8(out, '}');
}

static void put_expect(struct nc_buf *out, struct nc_expect expect)
{
	static const char *const words[] = { [NC_EXPECT_ANY] = "\"any\"",
		                             [NC_EXPECT_NONE] = "\"none\"",
		                             [NC_EXPECT_EXISTS] = "\"exists\"" };
	if (expect.kind == NC_EXPECT_VERSION) {
		nc_buf_put_decimal(out, expect.version);
	} else {
		nc_buf_put_str(out, words[expect.kind]);
	}
}

void nc_reply_batch_more(struct nc_buf *out, const struct nc_outcome *outcome)
{
	nc_buf_clear(out);
	if (outcome->fault.err_code == NC_FAULT_CONDITION.err_code)
		nc_buf_printf(out, ",\"pos\":%llu", (unsigned long long)outcome->position);
	if (outcome->fault.err_code != NC_FAULT_EXPECTATION.err_code)
		return;
	nc_buf_put_str(out, ",\"failed\":[");
	for (size_t i = 0; i < outcome->result_count; i++) {
		const struct nc_batch_result *result = &outcome->results[i];
		nc_buf_put_str(out, i == 0 ? "{\"stream\":" : ",{\"stream\":");
		nc_json_put_string(out, result->stream);
		nc_buf_put_str(out, ",\"expect\":");
		put_expect(out, result->expect);
		nc_buf_put_str(out, ",\"seq\":");
		nc_buf_put_decimal(out, result->version);
		nc_buf_put_u8(out, '}');
	}
	nc_buf_put_u8(out, ']');
}

static void put_time(struct nc_buf *out, const char *name, uint64_t time_ns)
{
	char time[NC_TIME_TEXT_SIZE];
	nc_time_format(time_ns, time);
	nc_buf_printf(out, ",\"%s\":\"%s\"", name, time);
}

static const char *const states[] = { [NC_STREAM_LIVE] = "live",
	                              [NC_STREAM_DELETED] = "deleted",
	                              [NC_STREAM_TOMBSTONED] = "tombstoned" };

/* ,"meta":{…}: the limits that are set. */
static void put_limits(struct nc_buf *out, const struct nc_stream_limits *limits)
{
	const struct {
		const char *name;
		uint64_t value;
	} members[] = { { "max_count", limits->count_max },
		        { "max_age_s", limits->age_max_s },
		        { "truncate_before", limits->truncate_before } };
	bool any = false;
	nc_buf_put_str(out, ",\"meta\":{");
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		if (members[i].value == 0)
			continue;
		nc_buf_printf(out, "%s\"%s\":%llu", any ? "," : "", members[i].name,
		              (unsigned long long)members[i].value);
		any = true;
	}
	nc_buf_put_u8(out, '}');
}

void nc_reply_stream_change(struct nc_buf *out, const struct nc_outcome *outcome, bool meta)
{
	nc_buf_clear(out);
	nc_buf_put_str(out, "{\"stream\":");
	nc_json_put_string(out, outcome->stream);
	nc_buf_put_str(out, ",\"seq\":");
	nc_buf_put_decimal(out, outcome->version);
	nc_buf_put_str(out, ",\"first_seq\":");
	nc_buf_put_decimal(out, outcome->stream_is.first);
	if (meta)
		put_limits(out, &outcome->stream_is.limits);
	nc_buf_printf(out, ",\"state\":\"%s\"%s}", states[outcome->stream_is.state],
	              outcome->duplicate ? ",\"duplicate\":true" : "");
}

static void put_stream(struct nc_buf *out, struct nc_slice name, const struct nc_stream *stream,
                       bool limits)
{
	nc_buf_put_str(out, "{\"stream\":");
	nc_json_put_string(out, name);
	nc_buf_put_str(out, ",\"seq\":");
	nc_buf_put_decimal(out, stream->head);
	nc_buf_put_str(out, ",\"first_seq\":");
	nc_buf_put_decimal(out, stream->first);
	put_time(out, "created", stream->created_ns);
	put_time(out, "last", stream->last_ns);
	nc_buf_put_str(out, ",\"events\":");
	nc_buf_put_decimal(out, stream->events);
	nc_buf_put_str(out, ",\"bytes\":");
	nc_buf_put_decimal(out, stream->bytes);
	if (limits)
		put_limits(out, &stream->limits);
	nc_buf_printf(out, ",\"state\":\"%s\"}", states[stream->state]);
}

void nc_reply_stream(struct nc_buf *out, struct nc_slice name, const struct nc_stream *stream)
{
	put_stream(out, name, stream, true);
}

void nc_reply_stream_brief(struct nc_buf *out, struct nc_slice name, const struct nc_stream *stream)
{
	put_stream(out, name, stream, false);
}

size_t nc_reply_error(struct nc_buf *out, struct nc_fault fault, const char *text,
                      struct nc_slice extra)
{
	return nc_reply_error_more(out, fault, text, extra, nc_slice(NULL, 0));
}

size_t nc_reply_error_more(struct nc_buf *out, struct nc_fault fault, const char *text,
                           struct nc_slice extra, struct nc_slice more)
{
	nc_buf_clear(out);
	nc_buf_printf(out, "NATS/1.0\r\nNats-Service-Error: %s\r\nNats-Service-Error-Code: %u\r\n",
	              text, fault.code);
	nc_buf_put_slice(out, extra);
	nc_buf_put_str(out, "\r\n");
	size_t header_size = out->size;
	nc_buf_printf(out, "{\"error\":{\"code\":%u,\"err_code\":%u,\"description\":", fault.code,
	              fault.err_code);
	nc_json_put_string(out, nc_slice_str(text));
	nc_buf_put_u8(out, '}');
	nc_buf_put_slice(out, more);
	nc_buf_put_u8(out, '}');
	return header_size;
}

const char *nc_fault_text(struct nc_fault fault)
{
	switch (fault.err_code) {
	case 10059:
		return "stream not found";
	case 10037:
		return "event not found";
	case 40401:
		return "snapshot not found";
	case 40901:
		return "event id is used already, for another type or other data";
	case 40902:
		return "condition failed: an event after the given position matches";
	case 40904:
		return "stale acknowledgement";
	case 40005:
		return "condition too wide: more index entries would have to be looked at than one "
		       "condition may; raise 'after', or name rarer types or tags";
	case 40006:
		return "not possible until all nodes are of a version that knows it";
	case 41001:
		return "stream tombstoned";
	case 10023:
		return "too much is pending; nothing was done, try again";
	case 10008:
		return "not done within the timeout; of a write the outcome is unknown, retry with "
		       "the same id";
	case 50701:
		return "disk full: the store is read-only until there is room";
	default:
		return "refused";
	}
}

size_t nc_reply_end(struct nc_buf *out, const struct nc_query_end *end, struct nc_slice extra)
{
	nc_buf_clear(out);
	nc_buf_put_str(out, "NATS/1.0 204 EOB\r\n");
	if (end->pending_known)
		nc_buf_printf(out, "Nats-Num-Pending: %llu\r\n", (unsigned long long)end->pending);
	if (end->next != 0)
		nc_buf_printf(out, "Es-Next: %llu\r\n", (unsigned long long)end->next);
	nc_buf_printf(out, "Es-Head: %llu\r\n", (unsigned long long)end->head);
	nc_buf_put_slice(out, extra);
	nc_buf_put_str(out, "\r\n");
	return out->size;
}
