/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A definition's bytes and JSON. */
#include "core/delivery/definition_private.h"

#include "core/base/json.h"
#include "core/base/sized.h"
#include "core/engine/event.h"
#include "core/engine/names.h"

#include <stdlib.h>

/* Version 1 had no record of the plugin, version 2 no form of deliveries. A definition with the
 * default form is still written as 2, so that builds that know no later version read it. */
#define VERSION          3u
#define VERSION_FORMLESS 2u

/* The words of the members, by their numbers. */
const char *const nc_words_ack[] = { "explicit", "all", "none", NULL };
const char *const nc_words_exhausted[] = { "park", "skip", "stop", NULL };
const char *const nc_words_placement[] = { "leader", "spread", NULL };
const char *const nc_words_form[] = { "headers", "json", "msgpack", NULL };

enum flag { FLAG_DURABLE = 1, FLAG_PUSH = 2, FLAG_HEADERS_ONLY = 4 };

void nc_definition_init(struct nc_definition *definition)
{
	*definition = (struct nc_definition){
		.start = NC_START_FIRST,
		.durable = true,
		.inactive_ms = 30000,
		.ack = NC_ACK_EXPLICIT,
		.ack_wait_ms = 30000,
		.max_deliver = 5,
		.max_in_flight = 1000,
	};
}

void nc_definition_release(struct nc_definition *definition)
{
	free(definition->memory);
	*definition = (struct nc_definition){ 0 };
}

void nc_definition_put(struct nc_buf *buf, const struct nc_definition *definition)
{
	bool formless = definition->form == NC_FORM_HEADERS;
	nc_buf_put_u8(buf, formless ? VERSION_FORMLESS : VERSION);
	nc_buf_put_u8(buf, (uint8_t)((definition->durable ? FLAG_DURABLE : 0) |
	                             (definition->push ? FLAG_PUSH : 0) |
	                             (definition->headers_only ? FLAG_HEADERS_ONLY : 0)));
	nc_buf_put_u8(buf, (uint8_t)definition->start);
	nc_buf_put_u8(buf, (uint8_t)definition->ack);
	nc_buf_put_u8(buf, (uint8_t)definition->order);
	nc_buf_put_u8(buf, (uint8_t)definition->on_exhausted);
	nc_buf_put_u8(buf, (uint8_t)definition->placement);
	nc_buf_put_varint(buf, definition->start_value);
	nc_buf_put_varint(buf, definition->inactive_ms);
	nc_buf_put_varint(buf, definition->ack_wait_ms);
	nc_buf_put_varint(buf, definition->max_deliver);
	nc_buf_put_varint(buf, definition->max_in_flight);
	nc_buf_put_varint(buf, definition->backoff_count);
	for (size_t i = 0; i < definition->backoff_count; i++)
		nc_buf_put_varint(buf, definition->backoff_ms[i]);
	nc_sized_put(buf, definition->plugin);
	nc_sized_put(buf, definition->selector);
	nc_sized_put(buf, definition->subject);
	nc_sized_put(buf, definition->queue);
	nc_sized_put(buf, definition->order_arg);
	nc_sized_put(buf, definition->plugin_build);
	nc_sized_put(buf, definition->plugin_sha256);
	if (!formless)
		nc_buf_put_u8(buf, (uint8_t)definition->form);
}

static uint64_t get_below(struct nc_reader *reader, uint64_t most)
{
	uint64_t value = nc_reader_varint(reader);
	if (value > most)
		reader->failed = true;
	return value;
}

static unsigned get_word(struct nc_reader *reader, unsigned most)
{
	unsigned value = nc_reader_u8(reader);
	if (value > most)
		reader->failed = true;
	return value;
}

static void get_members(struct nc_reader *reader, unsigned version,
                        struct nc_definition *definition)
{
	unsigned flags = get_word(reader, FLAG_DURABLE | FLAG_PUSH | FLAG_HEADERS_ONLY);
	definition->durable = (flags & FLAG_DURABLE) != 0;
	definition->push = (flags & FLAG_PUSH) != 0;
	definition->headers_only = (flags & FLAG_HEADERS_ONLY) != 0;
	definition->start = (enum nc_start)get_word(reader, NC_START_TIME);
	definition->ack = (enum nc_ack_policy)get_word(reader, NC_ACK_NONE);
	definition->order = (enum nc_order)get_word(reader, NC_ORDER_PAYLOAD);
	definition->on_exhausted = (enum nc_exhausted)get_word(reader, NC_EXHAUSTED_STOP);
	definition->placement = (enum nc_placement)get_word(reader, NC_PLACEMENT_SPREAD);
	definition->start_value = nc_reader_varint(reader);
	definition->inactive_ms = get_below(reader, NC_DEFINITION_MS_MAX);
	definition->ack_wait_ms = get_below(reader, NC_DEFINITION_MS_MAX);
	definition->max_deliver = (uint32_t)get_below(reader, NC_DEFINITION_DELIVER_MAX);
	definition->max_in_flight = (uint32_t)get_below(reader, NC_DEFINITION_IN_FLIGHT_MAX);
	uint64_t count = get_below(reader, NC_DEFINITION_BACKOFF_MAX);
	for (uint64_t i = 0; i < count && !reader->failed; i++)
		definition->backoff_ms[i] = get_below(reader, NC_DEFINITION_MS_MAX);
	definition->backoff_count = reader->failed ? 0 : (size_t)count;
	definition->plugin = nc_sized_get(reader);
	definition->selector = nc_sized_get(reader);
	definition->subject = nc_sized_get(reader);
	definition->queue = nc_sized_get(reader);
	definition->order_arg = nc_sized_get(reader);
	if (version < 2)
		return;
	definition->plugin_build = nc_sized_get(reader);
	definition->plugin_sha256 = nc_sized_get(reader);
	if (version == VERSION_FORMLESS)
		return;
	definition->form = (enum nc_form)get_word(reader, NC_FORM_MSGPACK);
	if (definition->form == NC_FORM_HEADERS) /* written as version 2, which has none */
		reader->failed = true;
}

int nc_definition_get(struct nc_slice bytes, struct nc_definition *definition_out)
{
	if (bytes.size == 0 || bytes.data[0] == 0)
		return NC_CORRUPT;
	if (bytes.data[0] > VERSION)
		return NC_UNSUPPORTED;
	void *memory = malloc(bytes.size);
	if (memory == NULL)
		return NC_NOMEM;
	memcpy(memory, bytes.data, bytes.size);
	struct nc_definition definition;
	nc_definition_init(&definition);
	definition.memory = memory;
	struct nc_reader reader = nc_reader(nc_slice_from(nc_slice(memory, bytes.size), 1));
	get_members(&reader, bytes.data[0], &definition);
	if (reader.failed || nc_reader_left(&reader) > 0 || definition.max_in_flight == 0) {
		free(memory);
		return NC_CORRUPT;
	}
	*definition_out = definition;
	return NC_OK;
}

bool nc_definition_eq(const struct nc_definition *a, const struct nc_definition *b)
{
	bool numbers = a->durable == b->durable && a->push == b->push &&
	               a->headers_only == b->headers_only && a->start == b->start &&
	               a->ack == b->ack && a->order == b->order &&
	               a->on_exhausted == b->on_exhausted && a->placement == b->placement &&
	               a->start_value == b->start_value && a->inactive_ms == b->inactive_ms &&
	               a->ack_wait_ms == b->ack_wait_ms && a->form == b->form &&
	               a->max_deliver == b->max_deliver && a->max_in_flight == b->max_in_flight &&
	               a->backoff_count == b->backoff_count;
	if (!numbers)
		return false;
	for (size_t i = 0; i < a->backoff_count; i++) {
		if (a->backoff_ms[i] != b->backoff_ms[i])
			return false;
	}
	return nc_slice_eq(a->plugin, b->plugin) && nc_slice_eq(a->selector, b->selector) &&
	       nc_slice_eq(a->subject, b->subject) && nc_slice_eq(a->queue, b->queue) &&
	       nc_slice_eq(a->order_arg, b->order_arg);
}

bool nc_definition_order_eq(const struct nc_definition *a, const struct nc_definition *b)
{
	return a->order == b->order && nc_slice_eq(a->order_arg, b->order_arg);
}

bool nc_definition_filter_eq(const struct nc_definition *a, const struct nc_definition *b)
{
	return nc_slice_eq(a->plugin, b->plugin) && nc_slice_eq(a->selector, b->selector);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void put_start(struct nc_buf *buf, const struct nc_definition *definition)
{
	char time[NC_TIME_TEXT_SIZE];
	switch (definition->start) {
	case NC_START_FIRST:
		nc_buf_put_str(buf, "\"first\"");
		return;
	case NC_START_NEW:
		nc_buf_put_str(buf, "\"new\"");
		return;
	case NC_START_POS:
	case NC_START_SEQ:
		nc_buf_put_str(buf, definition->start == NC_START_POS ? "{\"pos\":" : "{\"seq\":");
		nc_buf_put_decimal(buf, definition->start_value);
		nc_buf_put_str(buf, "}");
		return;
	case NC_START_TIME:
		nc_time_format(definition->start_value, time);
		nc_buf_put_str(buf, "{\"time\":");
		nc_json_put_string(buf, nc_slice_str(time));
		nc_buf_put_str(buf, "}");
		return;
	}
}

static void put_order(struct nc_buf *buf, const struct nc_definition *definition)
{
	static const char *const words[] = { "none", "global", "stream", "tag:", "payload:" };
	struct nc_buf order = { 0 };
	nc_buf_put_str(&order, words[definition->order]);
	nc_buf_put_slice(&order, definition->order_arg);
	nc_json_put_string(buf, nc_buf_slice(&order));
	buf->failed |= order.failed;
	nc_buf_release(&order);
}

static void put_deliver(struct nc_buf *buf, const struct nc_definition *definition)
{
	if (!definition->push) {
		nc_buf_put_str(buf, "null");
		return;
	}
	nc_buf_put_str(buf, "{\"subject\":");
	nc_json_put_string(buf, definition->subject);
	if (definition->queue.size > 0) {
		nc_buf_put_str(buf, ",\"queue\":");
		nc_json_put_string(buf, definition->queue);
	}
	if (definition->form != NC_FORM_HEADERS)
		nc_buf_printf(buf, ",\"format\":\"%s\"", nc_words_form[definition->form]);
	nc_buf_put_str(buf, "}");
}

void nc_definition_put_json(struct nc_buf *buf, const struct nc_definition *definition)
{
	nc_buf_put_str(buf, "\"filter\":{\"plugin\":");
	nc_json_put_string(buf, definition->plugin);
	nc_buf_put_str(buf, ",\"selector\":");
	nc_buf_put_slice(buf, definition->selector);
	nc_buf_put_str(buf, "},\"start\":");
	put_start(buf, definition);
	nc_buf_printf(buf, ",\"durable\":%s,\"inactive_ms\":%llu,\"deliver\":",
	              definition->durable ? "true" : "false",
	              (unsigned long long)definition->inactive_ms);
	put_deliver(buf, definition);
	nc_buf_printf(buf, ",\"ack\":\"%s\",\"ack_wait_ms\":%llu,\"max_deliver\":%ld",
	              nc_words_ack[definition->ack], (unsigned long long)definition->ack_wait_ms,
	              definition->max_deliver == 0 ? -1L : (long)definition->max_deliver);
	nc_buf_put_str(buf, ",\"backoff_ms\":[");
	for (size_t i = 0; i < definition->backoff_count; i++) {
		nc_buf_printf(buf, "%s%llu", i == 0 ? "" : ",",
		              (unsigned long long)definition->backoff_ms[i]);
	}
	nc_buf_printf(buf, "],\"max_in_flight\":%u,\"order\":", definition->max_in_flight);
	put_order(buf, definition);
	nc_buf_printf(buf, ",\"on_exhausted\":\"%s\",\"placement\":\"%s\",\"headers_only\":%s",
	              nc_words_exhausted[definition->on_exhausted],
	              nc_words_placement[definition->placement],
	              definition->headers_only ? "true" : "false");
}
