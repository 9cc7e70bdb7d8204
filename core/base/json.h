/* SPDX-License-Identifier: Apache-2.0 */
/* json.h -- JSON, strict (RFC 8259, UTF-8 checked), a token at a time, without allocation.
 *
 * Tokens are slices of the text, so that a value's own bytes can be kept; strings are unescaped
 * only when asked. Depth is limited to NC_JSON_DEPTH_MAX. Trailing bytes after the one value are
 * an error, and so is an unpaired surrogate escape. Duplicate keys are the caller's to refuse.
 *
 * Threads:   a cursor belongs to one thread.
 * Ownership: the text is borrowed as long as the cursor and its tokens are used.
 * Errors:    NC_INVALID; then `offset` is the byte at fault and `expected` says what should have
 *            stood there ("a value", "',' or '}'"). After an error every call gives it again.
 */
#ifndef NC_CORE_BASE_JSON_H
#define NC_CORE_BASE_JSON_H

#include "core/base/buf.h"

#define NC_JSON_DEPTH_MAX 128

enum nc_json_type {
	NC_JSON_OBJECT,     /* '{' */
	NC_JSON_OBJECT_END, /* '}' */
	NC_JSON_ARRAY,      /* '[' */
	NC_JSON_ARRAY_END,  /* ']' */
	NC_JSON_KEY,        /* a member's name; raw is between the quotes */
	NC_JSON_STRING,     /* raw is between the quotes */
	NC_JSON_NUMBER,     /* raw is the number as written */
	NC_JSON_TRUE,
	NC_JSON_FALSE,
	NC_JSON_NULL,
	NC_JSON_END /* after the one value */
};

struct nc_json_token {
	enum nc_json_type type;
	bool escaped;        /* of a key or string: raw holds backslashes */
	size_t offset;       /* of the token's first byte in the text, a string's quote included */
	struct nc_slice raw; /* see above; one byte for brackets */
};

struct nc_json {
	struct nc_slice text;
	size_t at;
	size_t depth;
	uint8_t state;
	uint8_t stack[NC_JSON_DEPTH_MAX / 8]; /* a bit a level: object or array */
	size_t offset;                        /* of an error */
	const char *expected;                 /* of an error; NULL if none */
};

void nc_json_init(struct nc_json *json, struct nc_slice text);

/* The next token. Errors: NC_INVALID. */
int nc_json_next(struct nc_json *json, struct nc_json_token *token_out);

/* Having read `token`, the first of a value, go past the rest of that value and give the value's
 * own bytes in the text, brackets and quotes included. Errors: NC_INVALID. */
int nc_json_value(struct nc_json *json, const struct nc_json_token *token,
                  struct nc_slice *raw_out);

/* Append the unescaped bytes of a key or string to `buf`. */
void nc_json_unescape(const struct nc_json_token *token, struct nc_buf *buf);

/* Whether an unescaped key or string is this one; cheap when it holds no escapes. */
bool nc_json_is(const struct nc_json_token *token, const char *string);

/* A number that is written as an integer (no fraction, no exponent) from 0 to UINT64_MAX.
 * Errors: NC_INVALID, another token or form; NC_TOOBIG, does not fit. */
int nc_json_u64(const struct nc_json_token *token, uint64_t *value_out);

/* Append `string` as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD. */
void nc_json_put_string(struct nc_buf *buf, struct nc_slice string);

/* Whether the bytes are UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool nc_utf8_valid(struct nc_slice bytes);

#endif
