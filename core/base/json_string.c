/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of JSON: UTF-8, escapes away, escapes on. */
#include "core/base/assert.h"
#include "core/base/buf.h"
#include "core/base/json.h"
#include "core/base/json_private.h"

#define ASCII_NOT UINT64_C(0x8080808080808080) /* of eight bytes: one is no ASCII */

/* RFC 3629, section 4: the second byte's range is what excludes overlong forms and surrogates. */
static bool second_fits(uint8_t lead, uint8_t second)
{
	uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	return second >= low && second <= high;
}

size_t nc_utf8_sequence(const uint8_t *at, size_t left)
{
	uint8_t lead = at[0];
	if (lead < 0x80)
		return 1;
	size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
	if (lead < 0xc2 || lead > 0xf4 || left < size)
		return 0;
	if (!second_fits(lead, at[1]))
		return 0;
	for (size_t i = 2; i < size; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return size;
}

bool nc_utf8_valid(struct nc_slice bytes)
{
	for (size_t at = 0; at < bytes.size;) {
		if (bytes.size - at >= 8 && (nc_get_u64(bytes.data + at) & ASCII_NOT) == 0) {
			at += 8;
			continue;
		}
		size_t size = nc_utf8_sequence(bytes.data + at, bytes.size - at);
		if (size == 0)
			return false;
		at += size;
	}
	return true;
}

int nc_json_hex4(const uint8_t *at)
{
	int value = 0;
	for (int i = 0; i < 4; i++) {
		int digit;
		if (at[i] >= '0' && at[i] <= '9') {
			digit = at[i] - '0';
		} else if (at[i] >= 'a' && at[i] <= 'f') {
			digit = at[i] - 'a' + 10;
		} else if (at[i] >= 'A' && at[i] <= 'F') {
			digit = at[i] - 'A' + 10;
		} else {
			return -1;
		}
		value = value * 16 + digit;
	}
	return value;
}

static size_t utf8_put(uint8_t out[4], uint32_t code)
{
	if (code < 0x80) {
		out[0] = (uint8_t)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (uint8_t)(0xc0 | code >> 6);
		out[1] = (uint8_t)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (uint8_t)(0xe0 | code >> 12);
		out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | code >> 18);
	out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (code & 0x3f));
	return 4;
}

/* The escape that begins at raw[*at], a backslash: its bytes into `out`, *at behind it. The cursor
 * has checked its form. */
static size_t escape_take(struct nc_slice raw, size_t *at, uint8_t out[4])
{
	static const char names[] = "bfnrt\"\\/";
	static const char bytes[] = "\b\f\n\r\t\"\\/";
	nc_assert(*at + 2 <= raw.size);
	uint8_t name = raw.data[*at + 1];
	*at += 2;
	if (name != 'u') {
		const char *known = memchr(names, name, sizeof names - 1);
		nc_assert(known != NULL);
		out[0] = (uint8_t)bytes[known - names];
		return 1;
	}
	nc_assert(*at + 4 <= raw.size);
	uint32_t code = (uint32_t)nc_json_hex4(raw.data + *at);
	*at += 4;
	if (code >= 0xd800 && code < 0xdc00) {
		nc_assert(*at + 6 <= raw.size);
		uint32_t low = (uint32_t)nc_json_hex4(raw.data + *at + 2);
		*at += 6;
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	return utf8_put(out, code);
}

void nc_json_unescape(const struct nc_json_token *token, struct nc_buf *buf)
{
	struct nc_slice raw = token->raw;
	if (!token->escaped) {
		nc_buf_put_slice(buf, raw);
		return;
	}
	for (size_t at = 0; at < raw.size;) {
		const uint8_t *slash = memchr(raw.data + at, '\\', raw.size - at);
		size_t plain = slash == NULL ? raw.size - at : (size_t)(slash - raw.data) - at;
		nc_buf_put(buf, raw.data + at, plain);
		at += plain;
		if (at < raw.size) {
			uint8_t out[4];
			nc_buf_put(buf, out, escape_take(raw, &at, out));
		}
	}
}

bool nc_json_is(const struct nc_json_token *token, const char *string)
{
	struct nc_slice raw = token->raw;
	struct nc_slice want = nc_slice_str(string);
	if (!token->escaped)
		return nc_slice_eq(raw, want);
	for (size_t at = 0; at < raw.size;) {
		uint8_t out[4] = { raw.data[at] };
		size_t size = 1;
		if (raw.data[at] == '\\') {
			size = escape_take(raw, &at, out);
		} else {
			at++;
		}
		if (!nc_slice_starts(want, nc_slice(out, size)))
			return false;
		want = nc_slice_from(want, size);
	}
	return want.size == 0;
}

static void char_put(struct nc_buf *buf, uint8_t byte)
{
	static const char named[] = "\b\f\n\r\t\"\\";
	static const char names[] = "bfnrt\"\\";
	const char *known = memchr(named, byte, sizeof named - 1);
	if (known != NULL) {
		nc_buf_put_u8(buf, '\\');
		nc_buf_put_u8(buf, (uint8_t)names[known - named]);
	} else {
		nc_buf_printf(buf, "\\u%04x", byte);
	}
}

void nc_json_put_string(struct nc_buf *buf, struct nc_slice string)
{
	nc_buf_put_u8(buf, '"');
	size_t plain = 0; /* where the run not yet written begins */
	for (size_t at = 0; at < string.size;) {
		uint8_t byte = string.data[at];
		size_t size =
		        byte < 0x80 ? 1 : nc_utf8_sequence(string.data + at, string.size - at);
		if (size != 0 && byte >= 0x20 && byte != '"' && byte != '\\') {
			at += size;
			continue;
		}
		nc_buf_put(buf, string.data + plain, at - plain);
		if (size == 0) {
			nc_buf_put_str(buf, "\xef\xbf\xbd"); /* U+FFFD */
		} else {
			char_put(buf, byte);
		}
		plain = ++at;
	}
	if (plain < string.size)
		nc_buf_put(buf, string.data + plain, string.size - plain);
	nc_buf_put_u8(buf, '"');
}
