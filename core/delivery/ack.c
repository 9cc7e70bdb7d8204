/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers and pull requests, from bytes. */
#include "core/delivery/ack.h"

#include "core/base/json.h"
#include "core/base/shown.h"
#include "core/delivery/definition_private.h"
#include "core/engine/names.h"

static bool is_space(uint8_t byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static struct nc_slice trimmed(struct nc_slice text)
{
	if (text.data == NULL)
		return text;
	while (text.size > 0 && is_space(text.data[0]))
		text = nc_slice(text.data + 1, text.size - 1);
	while (text.size > 0 && is_space(text.data[text.size - 1]))
		text.size--;
	return text;
}

/* Whether `body` is the word, alone or with something behind a space or an opening brace. */
static bool begins(struct nc_slice body, struct nc_slice word, struct nc_slice *rest_out)
{
	if (!nc_slice_starts(body, word))
		return false;
	struct nc_slice rest = nc_slice_from(body, word.size);
	if (rest.data != NULL && !is_space(rest.data[0]) && rest.data[0] != '{')
		return false;
	*rest_out = trimmed(rest);
	return true;
}

/* The next token is of this type. */
static bool comes(struct nc_json *json, struct nc_json_token *token, enum nc_json_type type)
{
	return nc_json_next(json, token) == NC_OK && token->type == type;
}

/* `{"delay_ms":N}` or JetStream's `{"delay":<ns>}`, one of them; or `{}`, which names no delay. */
static bool delay_read(struct nc_slice text, struct nc_ack *ack)
{
	struct nc_json json;
	struct nc_json_token token;
	uint64_t value, unit;
	nc_json_init(&json, text);
	if (!comes(&json, &token, NC_JSON_OBJECT) || nc_json_next(&json, &token) != NC_OK)
		return false;
	if (token.type == NC_JSON_KEY) {
		unit = nc_json_is(&token, "delay_ms") ? 1000000 : 1;
		if (unit == 1 && !nc_json_is(&token, "delay"))
			return false;
		if (!comes(&json, &token, NC_JSON_NUMBER) || nc_json_u64(&token, &value) != NC_OK ||
		    nc_json_next(&json, &token) != NC_OK)
			return false;
		ack->has_delay = true;
		ack->delay_ns = value > UINT64_MAX / unit ? UINT64_MAX : value * unit;
	}
	return token.type == NC_JSON_OBJECT_END && comes(&json, &token, NC_JSON_END);
}

/* A JetStream PubAck: an object with a stream's name and a sequence, and without an error. */
static bool is_pub_ack(struct nc_slice text)
{
	struct nc_json json;
	struct nc_json_token key, value;
	struct nc_slice raw;
	bool stream = false, seq = false;
	nc_json_init(&json, text);
	if (nc_json_next(&json, &key) != NC_OK || key.type != NC_JSON_OBJECT)
		return false;
	while (nc_json_next(&json, &key) == NC_OK && key.type == NC_JSON_KEY) {
		uint64_t number;
		if (nc_json_next(&json, &value) != NC_OK || nc_json_is(&key, "error"))
			return false;
		stream |= nc_json_is(&key, "stream") && value.type == NC_JSON_STRING;
		seq |= nc_json_is(&key, "seq") && nc_json_u64(&value, &number) == NC_OK;
		if (nc_json_value(&json, &value, &raw) != NC_OK)
			return false;
	}
	return json.expected == NULL && stream && seq && nc_json_next(&json, &key) == NC_OK &&
	       key.type == NC_JSON_END;
}

void nc_ack_parse(struct nc_slice body, struct nc_ack *ack_out)
{
	struct nc_slice rest;
	struct nc_ack ack = { .kind = NC_ACK_IS_NOTHING };
	if (body.size == 0 || nc_slice_is(body, "+ACK") ||
	    (body.data[0] == '{' && is_pub_ack(body))) {
		ack.kind = NC_ACK_IS_DONE;
	} else if (nc_slice_is(body, "+WPI")) {
		ack.kind = NC_ACK_IS_WPI;
	} else if (begins(body, NC_SLICE("+NXT"), &rest)) {
		ack.kind = NC_ACK_IS_NEXT;
		ack.next = rest;
	} else if (begins(body, NC_SLICE("+TERM"), &rest)) {
		ack.kind = NC_ACK_IS_TERM;
		ack.reason = rest;
	} else if (begins(body, NC_SLICE("-NAK"), &rest)) {
		if (rest.size == 0 || delay_read(rest, &ack))
			ack.kind = NC_ACK_IS_NAK;
	}
	*ack_out = ack;
}

/* ---- Subjects ------------------------------------------------------------------------------- */

void nc_ack_address_begin(struct nc_buf *buf, struct nc_slice name, uint64_t epoch)
{
	nc_buf_put_slice(buf, name);
	nc_buf_put_u8(buf, '.');
	nc_buf_put_decimal(buf, epoch);
	nc_buf_put_u8(buf, '.');
}

void nc_ack_address_end(struct nc_buf *buf, uint64_t position, uint32_t attempt)
{
	nc_buf_put_decimal(buf, position);
	nc_buf_put_u8(buf, '.');
	nc_buf_put_decimal(buf, attempt);
}

#define DIGITS_THAT_FIT 19u /* any number with so many digits fits 64 bits */

/* A number without a sign or a leading zero, up to a dot or the end of `*text`, where `*text` then
 * begins. */
static bool number_take(struct nc_slice *text, uint64_t *value_out)
{
	uint64_t value = 0;
	size_t size = 0;
	for (; size < text->size && text->data[size] != '.'; size++) {
		unsigned digit = (unsigned)text->data[size] - '0';
		if (digit > 9 || (size >= DIGITS_THAT_FIT && value > (UINT64_MAX - digit) / 10))
			return false;
		value = value * 10 + digit;
	}
	if (size == 0 || (size > 1 && text->data[0] == '0'))
		return false;
	*text = nc_slice_from(*text, size);
	*value_out = value;
	return true;
}

static bool dot_take(struct nc_slice *text)
{
	bool is = text->size > 0 && text->data[0] == '.';
	*text = nc_slice_from(*text, 1);
	return is;
}

int nc_ack_address_get(struct nc_slice text, struct nc_ack_address *address_out)
{
	struct nc_ack_address address;
	uint64_t attempt;
	const uint8_t *dot = text.size == 0 ? NULL : memchr(text.data, '.', text.size);
	if (dot == NULL)
		return NC_INVALID;
	address.name = nc_slice(text.data, (size_t)(dot - text.data));
	text = nc_slice_from(text, address.name.size);
	bool is = nc_name_word_fault(address.name) == NULL && dot_take(&text) &&
	          number_take(&text, &address.epoch) && dot_take(&text) &&
	          number_take(&text, &address.position) && dot_take(&text) &&
	          number_take(&text, &attempt) && text.size == 0;
	if (!is || address.position == 0 || attempt == 0 || attempt > UINT32_MAX)
		return NC_INVALID;
	address.attempt = (uint32_t)attempt;
	*address_out = address;
	return NC_OK;
}

/* ---- Pull requests -------------------------------------------------------------------------- */

static int refuse(struct nc_buf *why, const char *text)
{
	nc_buf_put_str(why, text);
	return NC_INVALID;
}

static int batch_read(const struct nc_json_token *token, struct nc_next *next, struct nc_buf *why)
{
	uint64_t value;
	if (nc_json_u64(token, &value) != NC_OK || value < 1 || value > NC_NEXT_BATCH_MAX)
		return refuse(why, "batch: a whole number from 1 to 65536 is expected");
	next->batch = (uint32_t)value;
	return NC_OK;
}

static int expires_read(const struct nc_json_token *token, struct nc_next *next, struct nc_buf *why)
{
	if (nc_json_u64(token, &next->expires_ms) == NC_OK && next->expires_ms >= 1 &&
	    next->expires_ms <= NC_NEXT_EXPIRES_MAX)
		return NC_OK;
	return refuse(why, "expires_ms: a whole number from 1 to 3600000 is expected");
}

static int no_wait_read(const struct nc_json_token *token, struct nc_next *next, struct nc_buf *why)
{
	if (token->type != NC_JSON_TRUE && token->type != NC_JSON_FALSE)
		return refuse(why, "no_wait: true or false is expected");
	next->no_wait = token->type == NC_JSON_TRUE;
	return NC_OK;
}

static int max_bytes_read(const struct nc_json_token *token, struct nc_next *next,
                          struct nc_buf *why)
{
	int err = nc_json_u64(token, &next->max_bytes);
	if (err == NC_TOOBIG) { /* more than there is */
		next->max_bytes = UINT64_MAX;
	} else if (err != NC_OK || next->max_bytes < 1) {
		return refuse(why, "max_bytes: a whole number from 1 on is expected");
	}
	return NC_OK;
}

static int form_read(const struct nc_json_token *token, struct nc_next *next, struct nc_buf *why)
{
	for (unsigned i = 0; token->type == NC_JSON_STRING && nc_words_form[i] != NULL; i++) {
		if (nc_json_is(token, nc_words_form[i])) {
			next->form = (enum nc_form)i;
			return NC_OK;
		}
	}
	return refuse(why, "format: \"headers\", \"json\" or \"msgpack\" is expected");
}

/* Read the member whose key is `key`. `*seen` has one bit for each member. */
static int member_read(const struct nc_json_token *key, const struct nc_json_token *value,
                       struct nc_next *next, unsigned *seen, struct nc_buf *why)
{
	static const struct {
		const char *name;
		int (*read)(const struct nc_json_token *token, struct nc_next *next,
		            struct nc_buf *why);
	} members[] = { { "batch", batch_read },
		        { "expires_ms", expires_read },
		        { "no_wait", no_wait_read },
		        { "max_bytes", max_bytes_read },
		        { "format", form_read } };
	char shown[NC_SHOWN_SIZE];
	size_t i = 0;
	while (i < sizeof members / sizeof *members && !nc_json_is(key, members[i].name))
		i++;
	if (i == sizeof members / sizeof *members) {
		nc_buf_printf(why, "unknown member \"%s\"", nc_shown(key->raw, shown));
		return NC_INVALID;
	}
	if (*seen & 1u << i) {
		nc_buf_printf(why, "member \"%s\" twice", members[i].name);
		return NC_INVALID;
	}
	*seen |= 1u << i;
	return members[i].read(value, next, why);
}

/* Read the members up to the end of the object. `err_out` is what the JSON cursor says; the result
 * is that of member_read(). */
static int members_read(struct nc_json *json, struct nc_next *next, struct nc_buf *why,
                        int *err_out)
{
	struct nc_json_token token, value;
	unsigned seen = 0;
	int result = NC_OK;
	while (result == NC_OK && (*err_out = nc_json_next(json, &token)) == NC_OK &&
	       token.type == NC_JSON_KEY) {
		*err_out = nc_json_next(json, &value);
		if (*err_out != NC_OK)
			break;
		result = member_read(&token, &value, next, &seen, why);
	}
	return result;
}

int nc_next_parse(struct nc_slice body, struct nc_next *next_out, struct nc_buf *why)
{
	struct nc_next next = { .batch = 1, .expires_ms = NC_NEXT_EXPIRES_MS };
	struct nc_json json;
	struct nc_json_token token;
	int result = NC_OK;
	if (body.size == 0) {
		*next_out = next;
		return NC_OK;
	}
	nc_json_init(&json, body);
	int err = nc_json_next(&json, &token);
	if (err == NC_OK && token.type == NC_JSON_NUMBER) {
		result = batch_read(&token, &next, why);
	} else if (err == NC_OK && token.type == NC_JSON_OBJECT) {
		result = members_read(&json, &next, why, &err);
	} else if (err == NC_OK) {
		result = refuse(why, "body: an object or a number is expected");
	}
	if (result != NC_OK)
		return result;
	if (err == NC_OK)
		err = nc_json_next(&json, &token); /* nothing may follow */
	if (err != NC_OK) {
		nc_buf_printf(why, "not JSON: %s expected at byte %zu", json.expected, json.offset);
		return NC_INVALID;
	}
	*next_out = next;
	return NC_OK;
}
