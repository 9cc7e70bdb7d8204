/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A definition from a client's JSON: every member known, once, and in range. */
#include "core/base/assert.h"
#include "core/base/json.h"
#include "core/delivery/definition_private.h"
#include "core/engine/event.h"
#include "core/engine/names.h"

/* ---- filter --------------------------------------------------------------------------------- */

static int read_plugin(struct nc_parse *parse, const struct nc_json_token *token)
{
	int err = nc_parse_text(parse, token, "filter.plugin", &parse->plugin);
	const char *fault =
	        err == NC_OK ? nc_name_word_fault(nc_parse_text_of(parse, parse->plugin)) : NULL;
	if (fault == NULL)
		return err;
	nc_buf_printf(parse->why, "filter.plugin: %s", fault);
	return NC_INVALID;
}

/* Copied without the white space between its tokens, which is any outside of strings. */
static int read_selector(struct nc_parse *parse, const struct nc_json_token *token)
{
	struct nc_slice raw;
	if (nc_json_value(&parse->json, token, &raw) != NC_OK)
		return nc_parse_next(parse, &(struct nc_json_token){ 0 }); /* says what is wrong */
	bool in_string = false;
	parse->has_selector = true;
	parse->selector.at = parse->texts.size;
	for (size_t i = 0; i < raw.size; i++) {
		uint8_t byte = raw.data[i];
		if (in_string && byte == '\\') {
			nc_buf_put_u8(&parse->texts, byte);
			byte = raw.data[++i];
		} else if (byte == '"') {
			in_string = !in_string;
		} else if (!in_string &&
		           (byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r')) {
			continue;
		}
		nc_buf_put_u8(&parse->texts, byte);
	}
	parse->selector.size = parse->texts.size - parse->selector.at;
	return nc_buf_status(&parse->texts);
}

static int read_filter(struct nc_parse *parse, const struct nc_json_token *token)
{
	static const struct nc_parse_member members[] = { { "plugin", read_plugin },
		                                          { "selector", read_selector } };
	parse->plugin = (struct nc_parse_text){ 0, 0 };
	parse->has_selector = false;
	return nc_parse_object(parse, token, "filter", members, sizeof members / sizeof *members);
}

/* ---- start ---------------------------------------------------------------------------------- */

/* A member's name for people. */
static const char *start_member(const struct nc_parse *parse, const char *name)
{
	return parse->seeks ? name + sizeof "start." - 1 : name;
}

static int refuse_start(struct nc_parse *parse)
{
	return nc_parse_refuse(parse, parse->seeks ? "body: one of pos and time is expected"
	                                           : "start: one of pos, seq and time is expected");
}

static int read_start_number(struct nc_parse *parse, const struct nc_json_token *token,
                             enum nc_start start, const char *name)
{
	if (parse->to->start != NC_START_FIRST)
		return refuse_start(parse);
	parse->to->start = start;
	return nc_parse_number(parse, token, start_member(parse, name), 1, INT64_MAX,
	                       &parse->to->start_value);
}

static int read_pos(struct nc_parse *parse, const struct nc_json_token *token)
{
	return read_start_number(parse, token, NC_START_POS, "start.pos");
}

static int read_seq(struct nc_parse *parse, const struct nc_json_token *token)
{
	return read_start_number(parse, token, NC_START_SEQ, "start.seq");
}

static int read_time(struct nc_parse *parse, const struct nc_json_token *token)
{
	struct nc_parse_text text;
	if (parse->to->start != NC_START_FIRST)
		return refuse_start(parse);
	parse->to->start = NC_START_TIME;
	const char *name = start_member(parse, "start.time");
	int err = nc_parse_text(parse, token, name, &text);
	if (err == NC_OK &&
	    nc_time_parse(nc_parse_text_of(parse, text), &parse->to->start_value) != NC_OK) {
		nc_buf_printf(parse->why, "%s: an RFC 3339 time from 1970 on is expected", name);
		err = NC_INVALID;
	}
	return err;
}

int nc_parse_start(struct nc_parse *parse, const struct nc_json_token *token)
{
	static const struct nc_parse_member members[] = { { "pos", read_pos },
		                                          { "seq", read_seq },
		                                          { "time", read_time } };
	static const char *const words[] = { "first", "new", NULL };
	parse->to->start = NC_START_FIRST;
	parse->to->start_value = 0;
	if (token->type == NC_JSON_STRING) {
		unsigned word;
		int err =
		        nc_parse_word(parse, token, parse->seeks ? "body" : "start", words, &word);
		if (err == NC_OK)
			parse->to->start = word == 0 ? NC_START_FIRST : NC_START_NEW;
		return err;
	}
	int err = nc_parse_object(parse, token, parse->seeks ? NULL : "start", members,
	                          sizeof members / sizeof *members);
	if (err == NC_OK && parse->to->start == NC_START_FIRST)
		err = refuse_start(parse);
	return err;
}

/* ---- The rest ------------------------------------------------------------------------------- */

static int read_durable(struct nc_parse *parse, const struct nc_json_token *token)
{
	return nc_parse_bool(parse, token, "durable", &parse->to->durable);
}

static int read_headers_only(struct nc_parse *parse, const struct nc_json_token *token)
{
	return nc_parse_bool(parse, token, "headers_only", &parse->to->headers_only);
}

static int read_inactive(struct nc_parse *parse, const struct nc_json_token *token)
{
	return nc_parse_number(parse, token, "inactive_ms", NC_DEFINITION_INACTIVE_MIN,
	                       NC_DEFINITION_MS_MAX, &parse->to->inactive_ms);
}

static int read_ack(struct nc_parse *parse, const struct nc_json_token *token)
{
	unsigned word = 0;
	int err = nc_parse_word(parse, token, "ack", nc_words_ack, &word);
	parse->to->ack = (enum nc_ack_policy)word;
	return err;
}

static int read_ack_wait(struct nc_parse *parse, const struct nc_json_token *token)
{
	return nc_parse_number(parse, token, "ack_wait_ms", NC_DEFINITION_ACK_WAIT_MIN,
	                       NC_DEFINITION_MS_MAX, &parse->to->ack_wait_ms);
}

static int read_max_deliver(struct nc_parse *parse, const struct nc_json_token *token)
{
	uint64_t value = 0;
	bool endless = token->type == NC_JSON_NUMBER && nc_slice_is(token->raw, "-1");
	if (!endless && (nc_json_u64(token, &value) != NC_OK || value < 1 ||
	                 value > NC_DEFINITION_DELIVER_MAX)) {
		nc_buf_printf(parse->why,
		              "max_deliver: -1 or a whole number from 1 to %lu is expected",
		              (unsigned long)NC_DEFINITION_DELIVER_MAX);
		return NC_INVALID;
	}
	parse->to->max_deliver = (uint32_t)value;
	return NC_OK;
}

static int read_backoff(struct nc_parse *parse, const struct nc_json_token *token)
{
	struct nc_definition *to = parse->to;
	to->backoff_count = 0;
	if (token->type != NC_JSON_ARRAY)
		return nc_parse_refuse(parse, "backoff_ms: a list of numbers is expected");
	for (;;) {
		struct nc_json_token item;
		int err = nc_parse_next(parse, &item);
		if (err != NC_OK || item.type == NC_JSON_ARRAY_END)
			return err;
		if (to->backoff_count == NC_DEFINITION_BACKOFF_MAX)
			return nc_parse_refuse(parse, "backoff_ms: more than 32 values");
		err = nc_parse_number(parse, &item, "backoff_ms", 0, NC_DEFINITION_MS_MAX,
		                      &to->backoff_ms[to->backoff_count]);
		if (err != NC_OK)
			return err;
		to->backoff_count++;
	}
}

static int read_max_in_flight(struct nc_parse *parse, const struct nc_json_token *token)
{
	uint64_t value = 0;
	int err = nc_parse_number(parse, token, "max_in_flight", 1, NC_DEFINITION_IN_FLIGHT_MAX,
	                          &value);
	parse->to->max_in_flight = (uint32_t)value;
	return err;
}

static int read_order(struct nc_parse *parse, const struct nc_json_token *token)
{
	static const struct {
		const char *word;
		enum nc_order order;
		bool arg;
	} orders[] = { { "none", NC_ORDER_NONE, false },
		       { "global", NC_ORDER_GLOBAL, false },
		       { "stream", NC_ORDER_STREAM, false },
		       { "tag:", NC_ORDER_TAG, true },
		       { "payload:", NC_ORDER_PAYLOAD, true } };
	struct nc_parse_text text;
	int err = nc_parse_text(parse, token, "order", &text);
	if (err != NC_OK)
		return err;
	struct nc_slice order = nc_parse_text_of(parse, text);
	parse->order_arg = (struct nc_parse_text){ 0, 0 };
	for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
		struct nc_slice word = nc_slice_str(orders[i].word);
		bool is = orders[i].arg ? nc_slice_starts(order, word) && order.size > word.size
		                        : nc_slice_eq(order, word);
		if (!is)
			continue;
		if (order.size - word.size > NC_DEFINITION_SUBJECT_MAX)
			return nc_parse_refuse(parse, "order: is too long");
		parse->to->order = orders[i].order;
		parse->order_arg =
		        (struct nc_parse_text){ text.at + word.size, text.size - word.size };
		return NC_OK;
	}
	return nc_parse_refuse(parse, "order: expected is \"none\" or \"global\" or \"stream\" or "
	                              "\"tag:<prefix>\" or \"payload:<path>\"");
}

static int read_exhausted(struct nc_parse *parse, const struct nc_json_token *token)
{
	unsigned word = 0;
	int err = nc_parse_word(parse, token, "on_exhausted", nc_words_exhausted, &word);
	parse->to->on_exhausted = (enum nc_exhausted)word;
	return err;
}

static int read_placement(struct nc_parse *parse, const struct nc_json_token *token)
{
	unsigned word = 0;
	int err = nc_parse_word(parse, token, "placement", nc_words_placement, &word);
	parse->to->placement = (enum nc_placement)word;
	return err;
}

static int read_backfill(struct nc_parse *parse, const struct nc_json_token *token)
{
	return nc_parse_bool(parse, token, "backfill", &parse->backfill);
}

static int read_body(struct nc_parse *parse, struct nc_slice json, bool amends)
{
	static const struct nc_parse_member members[] = {
		{ "filter", read_filter },        { "start", nc_parse_start },
		{ "durable", read_durable },      { "inactive_ms", read_inactive },
		{ "deliver", nc_parse_deliver },  { "ack", read_ack },
		{ "ack_wait_ms", read_ack_wait }, { "max_deliver", read_max_deliver },
		{ "backoff_ms", read_backoff },   { "max_in_flight", read_max_in_flight },
		{ "order", read_order },          { "on_exhausted", read_exhausted },
		{ "placement", read_placement },  { "headers_only", read_headers_only },
		{ "backfill", read_backfill }, /* of an update only: the last */
	};
	size_t count = sizeof members / sizeof *members - (amends ? 0 : 1);
	struct nc_json_token token;
	nc_json_init(&parse->json, json);
	int err = nc_parse_next(parse, &token);
	if (err == NC_OK)
		err = nc_parse_object(parse, &token, NULL, members, count);
	if (err == NC_OK)
		err = nc_parse_next(parse, &token); /* nothing may follow */
	return err;
}

/* Check what depends on several members. */
static int check_whole(struct nc_parse *parse)
{
	const struct nc_definition *to = parse->to;
	if (parse->plugin.size == 0)
		return nc_parse_refuse(parse, "filter: is required, with plugin and selector");
	if (!parse->has_selector)
		return nc_parse_refuse(parse, "filter.selector: is required");
	if (to->ack == NC_ACK_ALL && to->order != NC_ORDER_NONE && to->order != NC_ORDER_GLOBAL) {
		return nc_parse_refuse(parse,
		                       "ack: \"all\" goes with order \"none\" or \"global\" only");
	}
	if (to->ack == NC_ACK_EXPLICIT && to->form != NC_FORM_HEADERS)
		return nc_parse_refuse(parse, "deliver.format: " NC_FORM_ACK_FAULT);
	if (to->start == NC_START_SEQ &&
	    !nc_slice_is(nc_parse_text_of(parse, parse->plugin), "by_stream")) {
		return nc_parse_refuse(parse,
		                       "start.seq: only with a by_stream filter of one stream");
	}
	return NC_OK;
}

/* Read the body into parse->to, which has the defaults, and give it its texts. */
static int parse_run(struct nc_parse *parse, struct nc_slice json, bool amends,
                     struct nc_definition *definition_out)
{
	int err = NC_TOOBIG;
	if (json.size > NC_DEFINITION_SIZE_MAX) {
		nc_buf_put_str(parse->why, "body: more than 256 KiB");
	} else {
		err = read_body(parse, json, amends);
	}
	if (err == NC_OK)
		err = check_whole(parse);
	if (err == NC_OK)
		err = nc_buf_status(&parse->texts);
	if (err != NC_OK) {
		nc_buf_release(&parse->texts);
		return err;
	}
	struct nc_definition definition = *parse->to;
	definition.plugin = nc_parse_text_of(parse, parse->plugin);
	definition.selector = nc_parse_text_of(parse, parse->selector);
	definition.subject = nc_parse_text_of(parse, parse->subject);
	definition.queue = nc_parse_text_of(parse, parse->queue);
	definition.order_arg = nc_parse_text_of(parse, parse->order_arg);
	definition.plugin_build = nc_parse_text_of(parse, parse->build);
	definition.plugin_sha256 = nc_parse_text_of(parse, parse->sha256);
	definition.memory = parse->texts.data;
	*definition_out = definition;
	return NC_OK;
}

int nc_definition_parse(struct nc_slice json, struct nc_slice forbidden,
                        struct nc_definition *definition_out, struct nc_buf *why)
{
	struct nc_definition definition;
	struct nc_parse parse = { .why = why, .forbidden = forbidden, .to = &definition };
	nc_definition_init(&definition);
	return parse_run(&parse, json, false, definition_out);
}

static struct nc_parse_text text_keep(struct nc_parse *parse, struct nc_slice text)
{
	struct nc_parse_text kept = { parse->texts.size, text.size };
	nc_buf_put_slice(&parse->texts, text);
	return kept;
}

int nc_definition_amend(const struct nc_definition *base, struct nc_slice json,
                        struct nc_slice forbidden, struct nc_definition *definition_out,
                        bool *backfill_out, struct nc_buf *why)
{
	struct nc_definition definition = *base;
	struct nc_parse parse = { .why = why, .forbidden = forbidden, .to = &definition };
	parse.plugin = text_keep(&parse, base->plugin);
	parse.selector = text_keep(&parse, base->selector);
	parse.subject = text_keep(&parse, base->subject);
	parse.queue = text_keep(&parse, base->queue);
	parse.order_arg = text_keep(&parse, base->order_arg);
	parse.build = text_keep(&parse, base->plugin_build);
	parse.sha256 = text_keep(&parse, base->plugin_sha256);
	parse.has_selector = true;
	int err = parse_run(&parse, json, true, definition_out);
	if (err != NC_OK)
		return err;
	*backfill_out = parse.backfill;
	if (!nc_definition_filter_eq(base, definition_out))
		definition_out->plugin_build = definition_out->plugin_sha256 = nc_slice(NULL, 0);
	return NC_OK;
}
