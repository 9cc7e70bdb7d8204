/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON cursor: RFC 8259, a token a call. */
#include "core/base/json.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "core/base/assert.h"
#include "core/base/json_private.h"

enum json_state {
	STATE_VALUE,      /* the one value, or a member's, or an element behind a comma */
	STATE_FIRST_ITEM, /* behind '[': an element or ']' */
	STATE_FIRST_KEY,  /* behind '{': a key or '}' */
	STATE_COLON,      /* behind a key */
	STATE_AFTER,      /* behind a value inside brackets */
	STATE_DONE        /* behind the one value */
};

static int refuse(struct nc_json *json, size_t offset, const char *expected)
{
	json->offset = offset;
	json->expected = expected;
	return NC_INVALID;
}

static bool in_object(const struct nc_json *json)
{
	size_t level = json->depth - 1;
	return (json->stack[level / 8] >> (level % 8) & 1) != 0;
}

static uint8_t peek(const struct nc_json *json, size_t at)
{
	/* NUL stands for the end: no token begins with it, none may hold it. */
	return at < json->text.size ? json->text.data[at] : 0;
}

static void skip_space(struct nc_json *json)
{
	for (;;) {
		uint8_t byte = peek(json, json->at);
		if (byte != ' ' && byte != '\n' && byte != '\r' && byte != '\t')
			return;
		json->at++;
	}
}

void nc_json_init(struct nc_json *json, struct nc_slice text)
{
	*json = (struct nc_json){ .text = text, .state = STATE_VALUE };
}

static void value_done(struct nc_json *json)
{
	json->state = json->depth == 0 ? STATE_DONE : STATE_AFTER;
}

/* The escape at `at`, a backslash; its size, or 0 after refuse(). */
static size_t escape_check(struct nc_json *json, size_t at)
{
	static const char expected[] =
	        "an escape: one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX";
	const uint8_t *data = json->text.data;
	size_t left = json->text.size - at;
	uint8_t name = peek(json, at + 1);
	if (name != 'u') {
		if (name != 0 && strchr("\"\\/bfnrt", name) != NULL)
			return 2;
		refuse(json, at, expected);
		return 0;
	}
	int code = left >= 6 ? nc_json_hex4(data + at + 2) : -1;
	if (code < 0) {
		refuse(json, at, expected);
		return 0;
	}
	if (code < 0xd800 || code > 0xdfff)
		return 6;
	if (code < 0xdc00 && left >= 12 && data[at + 6] == '\\' && data[at + 7] == 'u') {
		int low = nc_json_hex4(data + at + 8);
		if (low >= 0xdc00 && low <= 0xdfff)
			return 12;
	}
	refuse(json, at, "a pair of surrogate escapes, high then low");
	return 0;
}

/* Bytes from `at` on that are neither quote nor backslash, control character nor beyond ASCII, as
 * many as can be told sixteen at a time: those below a space, as signed numbers, are of the last
 * two kinds. */
static size_t plain_sixteens(const uint8_t *at, size_t left)
{
	size_t count = 0;
#if defined(__SSE2__)
	const __m128i space = _mm_set1_epi8(' '), quote = _mm_set1_epi8('"');
	const __m128i slash = _mm_set1_epi8('\\');
	for (; left - count >= 16; count += 16) {
		__m128i bytes = _mm_loadu_si128((const void *)(at + count));
		__m128i other = _mm_or_si128(
		        _mm_cmplt_epi8(bytes, space),
		        _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)));
		unsigned mask = (unsigned)_mm_movemask_epi8(other);
		if (mask != 0)
			return count + (unsigned)__builtin_ctz(mask);
	}
#else
	(void)at;
	(void)left;
#endif
	return count;
}

/* How many bytes from `at` on, in eights, are neither quote nor backslash, control character nor
 * beyond ASCII: most of most strings. (A byte of v less than n has its high bit set in (v - n) &
 * ~v.) */
static size_t plain_eights(const uint8_t *at, size_t left)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
	size_t count = 0;
	for (; left - count >= 8; count += 8) {
		uint64_t v;
		memcpy(&v, at + count, sizeof v);
		uint64_t quote = v ^ ones * '"', slash = v ^ ones * '\\';
		if ((v | ((v - ones * 0x20) & ~v) | ((quote - ones) & ~quote) |
		     ((slash - ones) & ~slash)) &
		    highs)
			break;
	}
	return count;
}

static size_t plain_bytes(const uint8_t *at, size_t left)
{
	size_t count = plain_sixteens(at, left);
	return count > 0 ? count : plain_eights(at, left);
}

/* A key or a string, from its quote on. */
static int take_string(struct nc_json *json, enum nc_json_type type, struct nc_json_token *token)
{
	const uint8_t *data = json->text.data;
	size_t size = json->text.size;
	size_t begin = json->at;
	size_t at = begin + 1;
	bool escaped = false;
	while (at < size && data[at] != '"') {
		size_t plain = plain_bytes(data + at, size - at);
		if (plain > 0) {
			at += plain;
			continue;
		}
		size_t step = 1;
		if (data[at] == '\\') {
			escaped = true;
			step = escape_check(json, at);
			if (step == 0)
				return NC_INVALID;
		} else if (data[at] < 0x20) {
			return refuse(json, at, "'\"' or a character; control characters escaped");
		} else if (data[at] >= 0x80) {
			step = nc_utf8_sequence(data + at, size - at);
			if (step == 0)
				return refuse(json, at, "UTF-8");
		}
		at += step;
	}
	if (at >= size)
		return refuse(json, size, "'\"'");
	json->at = at + 1;
	*token = (struct nc_json_token){ type, escaped, begin,
		                         nc_slice(data + begin + 1, at - begin - 1) };
	return NC_OK;
}

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

/* Past the digits from `at` on; `at` itself if there are none. */
static size_t past_digits(const struct nc_json *json, size_t at)
{
	while (is_digit(peek(json, at)))
		at++;
	return at;
}

static int take_number(struct nc_json *json, struct nc_json_token *token)
{
	size_t begin = json->at;
	size_t at = begin + (peek(json, begin) == '-');
	size_t digits = at;
	at = peek(json, at) == '0' ? at + 1 : past_digits(json, at);
	if (at == digits)
		return refuse(json, at, "a digit");
	if (is_digit(peek(json, at)))
		return refuse(json, at, "a number without leading zeros");
	if (peek(json, at) == '.') {
		digits = at + 1;
		at = past_digits(json, digits);
		if (at == digits)
			return refuse(json, at, "a digit");
	}
	if (peek(json, at) == 'e' || peek(json, at) == 'E') {
		digits = at + 1;
		if (peek(json, digits) == '+' || peek(json, digits) == '-')
			digits++;
		at = past_digits(json, digits);
		if (at == digits)
			return refuse(json, at, "a digit");
	}
	json->at = at;
	*token = (struct nc_json_token){ NC_JSON_NUMBER, false, begin,
		                         nc_slice(json->text.data + begin, at - begin) };
	return NC_OK;
}

static int take_word(struct nc_json *json, const char *word, enum nc_json_type type,
                     const char *expected, struct nc_json_token *token)
{
	size_t begin = json->at;
	struct nc_slice rest = nc_slice_from(json->text, begin);
	struct nc_slice want = nc_slice_str(word);
	if (!nc_slice_starts(rest, want))
		return refuse(json, begin, expected);
	json->at = begin + want.size;
	*token = (struct nc_json_token){ type, false, begin, nc_slice(rest.data, want.size) };
	return NC_OK;
}

/* `type` is NC_JSON_OBJECT or NC_JSON_ARRAY. */
static int bracket_open(struct nc_json *json, enum nc_json_type type, struct nc_json_token *token)
{
	if (json->depth == NC_JSON_DEPTH_MAX)
		return refuse(json, json->at, "fewer levels of nesting");
	size_t level = json->depth++;
	uint8_t bit = (uint8_t)(1u << (level % 8));
	if (type == NC_JSON_OBJECT) {
		json->stack[level / 8] |= bit;
	} else {
		json->stack[level / 8] &= (uint8_t)~bit;
	}
	json->state = type == NC_JSON_OBJECT ? STATE_FIRST_KEY : STATE_FIRST_ITEM;
	*token = (struct nc_json_token){ type, false, json->at,
		                         nc_slice(json->text.data + json->at, 1) };
	json->at++;
	return NC_OK;
}

static int bracket_close(struct nc_json *json, struct nc_json_token *token)
{
	bool object = in_object(json);
	*token = (struct nc_json_token){ object ? NC_JSON_OBJECT_END : NC_JSON_ARRAY_END, false,
		                         json->at, nc_slice(json->text.data + json->at, 1) };
	json->at++;
	json->depth--;
	value_done(json);
	return NC_OK;
}

static int take_value(struct nc_json *json, const char *expected, struct nc_json_token *token)
{
	uint8_t byte = peek(json, json->at);
	int err;
	switch (byte) {
	case '{':
		return bracket_open(json, NC_JSON_OBJECT, token);
	case '[':
		return bracket_open(json, NC_JSON_ARRAY, token);
	case '"':
		err = take_string(json, NC_JSON_STRING, token);
		break;
	case 't':
		err = take_word(json, "true", NC_JSON_TRUE, expected, token);
		break;
	case 'f':
		err = take_word(json, "false", NC_JSON_FALSE, expected, token);
		break;
	case 'n':
		err = take_word(json, "null", NC_JSON_NULL, expected, token);
		break;
	default:
		if (byte != '-' && !is_digit(byte))
			return refuse(json, json->at, expected);
		err = take_number(json, token);
		break;
	}
	if (err == NC_OK)
		value_done(json);
	return err;
}

static int take_key(struct nc_json *json, const char *expected, struct nc_json_token *token)
{
	if (peek(json, json->at) != '"')
		return refuse(json, json->at, expected);
	int err = take_string(json, NC_JSON_KEY, token);
	if (err == NC_OK)
		json->state = STATE_COLON;
	return err;
}

/* Behind a value inside brackets: a comma and what follows it, or the closing bracket. */
static int take_after(struct nc_json *json, struct nc_json_token *token)
{
	bool object = in_object(json);
	uint8_t byte = peek(json, json->at);
	if (byte == (object ? '}' : ']'))
		return bracket_close(json, token);
	if (byte != ',')
		return refuse(json, json->at, object ? "',' or '}'" : "',' or ']'");
	json->at++;
	skip_space(json);
	return object ? take_key(json, "a key in quotes", token)
	              : take_value(json, "a value", token);
}

int nc_json_next(struct nc_json *json, struct nc_json_token *token_out)
{
	if (json->expected != NULL)
		return NC_INVALID;
	skip_space(json);
	switch ((enum json_state)json->state) {
	case STATE_VALUE:
		return take_value(json, "a value", token_out);
	case STATE_FIRST_ITEM:
		if (peek(json, json->at) == ']')
			return bracket_close(json, token_out);
		return take_value(json, "a value or ']'", token_out);
	case STATE_FIRST_KEY:
		if (peek(json, json->at) == '}')
			return bracket_close(json, token_out);
		return take_key(json, "a key in quotes or '}'", token_out);
	case STATE_COLON:
		if (peek(json, json->at) != ':')
			return refuse(json, json->at, "':'");
		json->at++;
		skip_space(json);
		return take_value(json, "a value", token_out);
	case STATE_AFTER:
		return take_after(json, token_out);
	case STATE_DONE:
		break;
	}
	if (json->at < json->text.size)
		return refuse(json, json->at, "nothing after the value");
	*token_out = (struct nc_json_token){ .type = NC_JSON_END, .offset = json->at };
	return NC_OK;
}

int nc_json_value(struct nc_json *json, const struct nc_json_token *token, struct nc_slice *raw_out)
{
	nc_assert(token->type != NC_JSON_KEY && token->type != NC_JSON_END &&
	          token->type != NC_JSON_OBJECT_END && token->type != NC_JSON_ARRAY_END);
	if (token->type == NC_JSON_OBJECT || token->type == NC_JSON_ARRAY) {
		nc_assert(json->expected != NULL || json->at == token->offset + 1);
		size_t outside = json->depth - 1;
		struct nc_json_token inner;
		do {
			int err = nc_json_next(json, &inner);
			if (err != NC_OK)
				return err;
		} while (json->depth > outside);
	}
	/* A scalar, just read, ends where the cursor stands; so does what was skipped. */
	*raw_out = nc_slice(json->text.data + token->offset, json->at - token->offset);
	return NC_OK;
}

int nc_json_u64(const struct nc_json_token *token, uint64_t *value_out)
{
	if (token->type != NC_JSON_NUMBER)
		return NC_INVALID;
	uint64_t value = 0;
	bool fits = true;
	for (size_t i = 0; i < token->raw.size; i++) {
		if (!is_digit(token->raw.data[i]))
			return NC_INVALID;
		uint64_t digit = (uint64_t)(token->raw.data[i] - '0');
		fits = fits && value <= (UINT64_MAX - digit) / 10;
		if (fits)
			value = value * 10 + digit;
	}
	if (!fits)
		return NC_TOOBIG;
	*value_out = value;
	return NC_OK;
}
