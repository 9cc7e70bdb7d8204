/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/base/json.h: what is JSON, what is not, and the place that says so. */
#include <criterion/criterion.h>

#include "core/base/json.h"

/* The text's tokens as letters: { } [ ] k s n t f 0, then '.' for the end or '!' for an error. */
static const char *shape(struct nc_slice text, struct nc_json *json)
{
	static const char letters[] = "{}[]ksntf0.";
	static char out[512];
	size_t size = 0;
	nc_json_init(json, text);
	for (;;) {
		struct nc_json_token token;
		cr_assert_lt(size, sizeof out - 2);
		if (nc_json_next(json, &token) != NC_OK) {
			out[size++] = '!';
			break;
		}
		out[size++] = letters[token.type];
		if (token.type == NC_JSON_END)
			break;
	}
	out[size] = '\0';
	return out;
}

static void takes(const char *text, const char *want)
{
	struct nc_json json;
	const char *have = shape(nc_slice_str(text), &json);
	cr_expect_str_eq(have, want, "%s gave %s", text, have);
}

static void refuses(struct nc_slice text, size_t offset, const char *expected)
{
	struct nc_json json;
	const char *have = shape(text, &json);
	size_t size = strlen(have);
	cr_assert_eq(have[size - 1], '!', "%.*s was taken", (int)text.size,
	             (const char *)text.data);
	cr_expect_eq(json.offset, offset, "%.*s: at %zu, not %zu", (int)text.size,
	             (const char *)text.data, json.offset, offset);
	cr_expect_str_eq(json.expected, expected);
	struct nc_json_token token;
	cr_expect_eq(nc_json_next(&json, &token), NC_INVALID, "an error stays");
	cr_expect_eq(json.offset, offset);
}

Test(json, takes_every_kind_of_value)
{
	takes("null", "0.");
	takes(" true\r\n\t", "t.");
	takes("false", "f.");
	takes("\"\"", "s.");
	takes("-0", "n.");
	takes("-12.50e+3", "n.");
	takes("1E400", "n.");
	takes("[]", "[].");
	takes("{}", "{}.");
	takes("[1,[2,{}],\"x\"]", "[n[n{}]s].");
	takes(" { \"a\" : [ ] , \"b\" : { \"c\" : null } } ", "{k[]k{k0}}.");
	takes("\"\\ud83d\\ude00 \\u00e9 \xf0\x9f\x98\x80\"", "s.");
	takes("\"\x7f\"", "s.");
}

Test(json, refuses_with_the_place_and_what_was_expected)
{
	refuses(NC_SLICE(""), 0, "a value");
	refuses(NC_SLICE("  "), 2, "a value");
	refuses(NC_SLICE("nul"), 0, "a value");
	refuses(NC_SLICE("[1 2]"), 3, "',' or ']'");
	refuses(NC_SLICE("[1,]"), 3, "a value");
	refuses(NC_SLICE("[,1]"), 1, "a value or ']'");
	refuses(NC_SLICE("[1}"), 2, "',' or ']'");
	refuses(NC_SLICE("{\"a\" 1}"), 5, "':'");
	refuses(NC_SLICE("{\"a\":}"), 5, "a value");
	refuses(NC_SLICE("{\"a\":1,}"), 7, "a key in quotes");
	refuses(NC_SLICE("{\"a\":1]"), 6, "',' or '}'");
	refuses(NC_SLICE("{a:1}"), 1, "a key in quotes or '}'");
	refuses(NC_SLICE("{\"a\":1"), 6, "',' or '}'");
	refuses(NC_SLICE("1 2"), 2, "nothing after the value");
	refuses(NC_SLICE("1\0"), 1, "nothing after the value");
	refuses(NC_SLICE("truex"), 4, "nothing after the value");
	refuses(NC_SLICE("\xef\xbb\xbf{}"), 0, "a value");
}

Test(json, refuses_numbers_that_only_look_like_it)
{
	refuses(NC_SLICE("01"), 1, "a number without leading zeros");
	refuses(NC_SLICE("-01"), 2, "a number without leading zeros");
	refuses(NC_SLICE("-"), 1, "a digit");
	refuses(NC_SLICE("1."), 2, "a digit");
	refuses(NC_SLICE("1.e5"), 2, "a digit");
	refuses(NC_SLICE("1e"), 2, "a digit");
	refuses(NC_SLICE("1e+"), 3, "a digit");
	refuses(NC_SLICE("+1"), 0, "a value");
	refuses(NC_SLICE(".5"), 0, "a value");
	refuses(NC_SLICE("NaN"), 0, "a value");
}

Test(json, refuses_strings_that_are_not_utf8_or_badly_escaped)
{
	refuses(NC_SLICE("\"a"), 2, "'\"'");
	refuses(NC_SLICE("\"a\n\""), 2, "'\"' or a character; control characters escaped");
	refuses(NC_SLICE("\"\xc0\x80\""), 1, "UTF-8");
	refuses(NC_SLICE("\"\xed\xa0\x80\""), 1, "UTF-8");
	refuses(NC_SLICE("\"\xf4\x90\x80\x80\""), 1, "UTF-8");
	refuses(NC_SLICE("\"a\xe2\x82\""), 2, "UTF-8");
	refuses(NC_SLICE("\"\\ud800\""), 1, "a pair of surrogate escapes, high then low");
	refuses(NC_SLICE("\"\\udc00\""), 1, "a pair of surrogate escapes, high then low");
	refuses(NC_SLICE("\"\\ud800\\u0041\""), 1, "a pair of surrogate escapes, high then low");
	const char *escape = "an escape: one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX";
	refuses(NC_SLICE("\"\\x\""), 1, escape);
	refuses(NC_SLICE("\"\\u12g4\""), 1, escape);
	refuses(NC_SLICE("\"\\u12"), 1, escape);
	refuses(NC_SLICE("\"\\"), 1, escape);
}

/* Strings are looked at sixteen and eight bytes at a time: what ends or spoils one is seen at every
 * place in those, and what is next to it in the order of bytes is not taken for it. */
Test(json, sees_what_matters_in_a_string_at_every_place)
{
	static const uint8_t plain[] = { 0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 'x' };
	for (size_t before = 0; before < 41; before++) {
		for (size_t i = 0; i < sizeof plain; i++) {
			uint8_t text[64];
			memset(text, plain[i], sizeof text);
			text[0] = '"';
			text[before + 1] = '"';
			struct nc_json json;
			cr_expect_str_eq(shape(nc_slice(text, before + 2), &json), "s.");
			text[before + 1] = 0x1f;
			refuses(nc_slice(text, sizeof text), before + 1,
			        "'\"' or a character; control characters escaped");
			text[before + 1] = 0;
			refuses(nc_slice(text, sizeof text), before + 1,
			        "'\"' or a character; control characters escaped");
			text[before + 1] = 0x80;
			refuses(nc_slice(text, sizeof text), before + 1, "UTF-8");
			memcpy(text + before + 1, "\\n\xc3\xa9\"", 5);
			cr_expect_str_eq(shape(nc_slice(text, before + 6), &json), "s.");
			memcpy(text + before + 1, "\\x", 2);
			refuses(nc_slice(text, sizeof text), before + 1,
			        "an escape: one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
		}
	}
}

Test(json, limits_the_depth)
{
	char deep[2 * NC_JSON_DEPTH_MAX + 2];
	memset(deep, '[', NC_JSON_DEPTH_MAX);
	memset(deep + NC_JSON_DEPTH_MAX, ']', NC_JSON_DEPTH_MAX);
	struct nc_json json;
	const char *have = shape(nc_slice(deep, (size_t)2 * NC_JSON_DEPTH_MAX), &json);
	cr_expect_eq(have[strlen(have) - 1], '.');
	memset(deep, '[', NC_JSON_DEPTH_MAX + 1);
	refuses(nc_slice(deep, sizeof deep), NC_JSON_DEPTH_MAX, "fewer levels of nesting");
}

Test(json, gives_the_own_bytes_of_a_value)
{
	const char *text = "{\"a\": [1, {\"x\":\"]\"}] , \"b\":\"q\\\"\",\"c\": -1.0 }";
	static const char *const want[] = { "[1, {\"x\":\"]\"}]", "\"q\\\"\"", "-1.0" };
	struct nc_json json;
	struct nc_json_token token;
	nc_json_init(&json, nc_slice_str(text));
	cr_assert_eq(nc_json_next(&json, &token), NC_OK);
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(nc_json_next(&json, &token), NC_OK);
		cr_assert_eq(token.type, NC_JSON_KEY);
		cr_assert_eq(nc_json_next(&json, &token), NC_OK);
		struct nc_slice raw;
		cr_assert_eq(nc_json_value(&json, &token, &raw), NC_OK);
		cr_expect(nc_slice_is(raw, want[i]), "%.*s", (int)raw.size, (const char *)raw.data);
	}
	cr_assert_eq(nc_json_next(&json, &token), NC_OK);
	cr_expect_eq(token.type, NC_JSON_OBJECT_END);
	cr_assert_eq(nc_json_next(&json, &token), NC_OK);
	cr_expect_eq(token.type, NC_JSON_END);
}

Test(json, skipping_a_broken_value_is_an_error)
{
	struct nc_json json;
	struct nc_json_token token;
	struct nc_slice raw = NC_SLICE("untouched");
	nc_json_init(&json, NC_SLICE("[[1,2"));
	cr_assert_eq(nc_json_next(&json, &token), NC_OK);
	cr_expect_eq(nc_json_value(&json, &token, &raw), NC_INVALID);
	cr_expect(nc_slice_is(raw, "untouched"));
	cr_expect_eq(json.offset, 5u);
}

static struct nc_json_token one(const char *text)
{
	struct nc_json json;
	struct nc_json_token token;
	nc_json_init(&json, nc_slice_str(text));
	cr_assert_eq(nc_json_next(&json, &token), NC_OK);
	return token;
}

Test(json, takes_escapes_away)
{
	struct nc_json_token token = one("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac"
	                                 "\\ud83d\\ude00z\"");
	struct nc_buf buf = { 0 };
	nc_json_unescape(&token, &buf);
	const char *want = "a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
	cr_expect(nc_slice_is(nc_buf_slice(&buf), want));
	cr_expect(token.escaped);
	cr_expect(nc_json_is(&token, want));
	nc_buf_release(&buf);
}

Test(json, compares_unescaped)
{
	struct nc_json_token token = one("\"na\\u006de\"");
	cr_expect(nc_json_is(&token, "name"));
	cr_expect_not(nc_json_is(&token, "nam"));
	cr_expect_not(nc_json_is(&token, "names"));
	token = one("\"name\"");
	cr_expect(nc_json_is(&token, "name"));
	cr_expect_not(nc_json_is(&token, "nam"));
	token = one("\"a\\u0000\"");
	cr_expect_not(nc_json_is(&token, "a"), "a NUL is a character like another");
}

Test(json, reads_integers_of_64_bits)
{
	uint64_t value = 7;
	struct nc_json_token token = one("18446744073709551615");
	cr_expect_eq(nc_json_u64(&token, &value), NC_OK);
	cr_expect_eq(value, UINT64_MAX);
	token = one("0");
	cr_expect_eq(nc_json_u64(&token, &value), NC_OK);
	cr_expect_eq(value, 0u);
	value = 7;
	token = one("18446744073709551616");
	cr_expect_eq(nc_json_u64(&token, &value), NC_TOOBIG);
	token = one("184467440737095516150");
	cr_expect_eq(nc_json_u64(&token, &value), NC_TOOBIG);
	static const char *const forms[] = { "-1", "-0", "1.0", "1e2", "\"1\"", "null", "[]" };
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		token = one(forms[i]);
		cr_expect_eq(nc_json_u64(&token, &value), NC_INVALID, "%s", forms[i]);
	}
	cr_expect_eq(value, 7u, "written on failure");
}

static void puts_string(struct nc_slice string, const char *want)
{
	struct nc_buf buf = { 0 };
	nc_json_put_string(&buf, string);
	struct nc_slice have = nc_buf_slice(&buf);
	cr_expect(nc_slice_is(have, want), "%.*s", (int)have.size, (const char *)have.data);
	struct nc_json json;
	cr_expect_str_eq(shape(have, &json), "s.", "what is written can be read");
	nc_buf_release(&buf);
}

Test(json, writes_strings)
{
	puts_string(NC_SLICE(""), "\"\"");
	puts_string(nc_slice(NULL, 0), "\"\"");
	puts_string(NC_SLICE("plain"), "\"plain\"");
	puts_string(NC_SLICE("q\"b\\n\nt\tz\x01\x1f"), "\"q\\\"b\\\\n\\nt\\tz\\u0001\\u001f\"");
	puts_string(NC_SLICE("a\0b"), "\"a\\u0000b\"");
	puts_string(NC_SLICE("\xe2\x82\xac"), "\"\xe2\x82\xac\"");
	puts_string(NC_SLICE("a\xff"
	                     "b\xc3"),
	            "\"a\xef\xbf\xbd"
	            "b\xef\xbf\xbd\"");
}

Test(utf8, knows_rfc_3629)
{
	cr_expect(nc_utf8_valid(nc_slice(NULL, 0)));
	cr_expect(nc_utf8_valid(NC_SLICE("a\0\x7f\xc2\x80\xdf\xbf")));
	cr_expect(nc_utf8_valid(NC_SLICE("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf")));
	cr_expect(nc_utf8_valid(NC_SLICE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
	static const char *const bad[] = { "\x80",         "\xc1\xbf",         "\xc3",
		                           "\xe0\x9f\xbf", "\xed\xa0\x80",     "\xef\xbf",
		                           "\xff",         "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		                           "\xc3\x28",     "\xe2\x82\x28",     "\xf5\x80\x80\x80" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_not(nc_utf8_valid(nc_slice_str(bad[i])), "case %zu", i);
}
