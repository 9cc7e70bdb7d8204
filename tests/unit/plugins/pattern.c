/* SPDX-License-Identifier: GPL-3.0-or-later */
/* by_pattern and by_payload beyond the public cases: arrays, $or, numbers, refusals with their
 * place, MessagePack, the envelope. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/plugins/support.h"

static struct nc_plugin_host *host;

static void setup(void)
{
	home_make();
	host = host_open(PLUGIN_DIR, NULL);
}

static void teardown(void)
{
	nc_plugin_host_close(host);
	home_remove();
}

TestSuite(by_payload, .init = setup, .fini = teardown);
TestSuite(by_pattern, .init = setup, .fini = teardown);

static void payload(const char *selector, const char *data, bool want)
{
	struct nc_filter *filter = compiled(host, "by_payload", selector);
	struct nc_event event = event_of("s", "T", data);
	cr_expect_eq(matches(filter, &event), want, "%s on %s", selector, data);
	nc_filter_unref(filter);
}

static void refuses(const char *plugin, const char *selector, size_t offset, const char *message)
{
	expect_refused(host, plugin, selector, offset, message);
}

Test(by_payload, two_fields_of_an_object_array_meet_in_one_element)
{
	const char *both = "{\"l\":{\"a\":[1],\"b\":[2]}}";
	payload(both, "{\"l\":[{\"a\":1,\"b\":2}]}", true);
	payload(both, "{\"l\":[{\"a\":1,\"b\":3},{\"a\":4,\"b\":2}]}", false);
	payload(both, "{\"l\":[{\"a\":1},{\"b\":2}]}", false);
	payload(both, "{\"l\":[{\"a\":9},{\"a\":1,\"b\":[5,2]}]}", true);
	payload(both, "{\"l\":{\"a\":[1,7],\"b\":[8,2]}}", true);
	payload(both, "{\"l\":[[{\"a\":1}],[{\"b\":2}]]}", false);
	payload(both, "{\"l\":[[{\"a\":1},{\"b\":2}]]}", false);
	/* Different arrays do not care for each other. */
	payload("{\"x\":{\"a\":[1]},\"y\":{\"b\":[2]}}",
	        "{\"x\":[{\"a\":0},{\"a\":1}],\"y\":[{\"b\":2}]}", true);
	/* A third field outside leaves the elements free. */
	payload("{\"l\":{\"a\":[1],\"b\":[2]},\"k\":[3]}",
	        "{\"k\":3,\"l\":[{\"a\":2,\"b\":1},{\"a\":1,\"b\":2}]}", true);
	/* A key that stands twice, once outside the array. */
	payload(both, "{\"l\":[{\"a\":1,\"b\":2}],\"l\":{\"a\":5,\"b\":6}}", true);
	payload(both, "{\"l\":[{\"a\":1},{\"b\":2}],\"l\":{\"a\":5,\"b\":2}}", true);
	/* Nested: one outer element, in it one inner each. */
	const char *nested = "{\"o\":{\"n\":[\"A\"],\"i\":{\"p\":[1],\"q\":[2]}}}";
	payload(nested, "{\"o\":[{\"n\":\"A\",\"i\":[{\"p\":1},{\"q\":2}]}]}", false);
	payload(nested, "{\"o\":[{\"n\":\"B\",\"i\":[{\"p\":1,\"q\":2}]},{\"n\":\"A\",\"i\":[]}]}",
	        false);
	payload(nested, "{\"o\":[{\"n\":\"B\"},{\"n\":\"A\",\"i\":[{\"p\":0},{\"p\":1,\"q\":2}]}]}",
	        true);
}

Test(by_payload, what_must_not_exist_must_not_exist_in_that_element)
{
	const char *without = "{\"l\":{\"a\":[1],\"b\":[{\"exists\":false}]}}";
	payload(without, "{\"l\":[{\"a\":1},{\"a\":2,\"b\":3}]}", true);
	payload(without, "{\"l\":[{\"a\":1,\"b\":3},{\"a\":2}]}", false);
	payload(without, "{\"l\":[{\"a\":1,\"b\":3},{\"a\":1}]}", true);
	payload(without, "{\"l\":[{\"a\":1,\"b\":{}}]}", true);
	payload("{\"l\":{\"b\":[{\"exists\":false}]}}", "{\"l\":[{\"a\":1},{\"b\":2}]}", false);
	const char *mixed = "{\"l\":{\"a\":[1],\"b\":[{\"exists\":false},5]}}";
	payload(mixed, "{\"l\":[{\"a\":1,\"b\":4},{\"a\":1,\"b\":5}]}", true);
	payload(mixed, "{\"l\":[{\"a\":1,\"b\":4},{\"a\":2,\"b\":5}]}", false);
	payload(mixed, "{\"l\":[{\"a\":1},{\"b\":4}]}", true);
	payload("{\"b\":[{\"exists\":false},5],\"c\":[{\"exists\":false},6]}", "{\"b\":5}", true);
	payload("{\"b\":[{\"exists\":false},5],\"c\":[{\"exists\":false},6]}", "{\"b\":5,\"c\":5}",
	        false);
}

Test(by_payload, anything_but_holds_if_any_element_is_other)
{
	payload("{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":[\"x\",\"y\"]}", true);
	payload("{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":[\"x\",\"x\"]}", false);
	payload("{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":[]}", false);
	payload("{\"a\":[{\"anything-but\":\"x\"}]}", "{}", false);
	payload("{\"a\":[{\"anything-but\":\"x\"}]}", "{\"a\":null}", true);
	payload("{\"a\":[{\"anything-but\":[5]}]}", "{\"a\":5.0}", false);
	payload("{\"a\":[{\"anything-but\":[5]}]}", "{\"a\":\"5\"}", true);
	payload("{\"a\":[{\"anything-but\":{\"wildcard\":[\"a*\",\"*b\"]}}]}", "{\"a\":\"ab\"}",
	        false);
	payload("{\"a\":[{\"anything-but\":{\"wildcard\":[\"a*\",\"*b\"]}}]}", "{\"a\":\"ba\"}",
	        true);
}

Test(by_payload, or_is_multiplied_out)
{
	const char *either = "{\"k\":[1],\"$or\":[{\"a\":[1]},{\"b\":[2],\"c\":[3]}]}";
	payload(either, "{\"k\":1,\"a\":1}", true);
	payload(either, "{\"k\":1,\"b\":2,\"c\":3}", true);
	payload(either, "{\"k\":1,\"b\":2}", false);
	payload(either, "{\"k\":2,\"a\":1}", false);
	const char *inner =
	        "{\"l\":{\"a\":[1],\"$or\":[{\"b\":[2]},{\"$or\":[{\"c\":[3]},{\"d\":[4]}]}]}}";
	payload(inner, "{\"l\":[{\"a\":1,\"d\":4}]}", true);
	payload(inner, "{\"l\":[{\"a\":1},{\"d\":4}]}", false);
	payload("{\"$or\":[\"x\"]}", "{\"$or\":\"x\"}", true); /* a field of that name */
	refuses("by_payload", "{\"$or\":[{\"a\":[1]}]}", 1, "two alternatives");
	refuses("by_payload", "{\"a\":[1],\"$or\":[{\"a\":[2]},{\"b\":[3]}]}", 17,
	        "not \"a\" again");
	refuses("by_payload",
	        "{\"$or\":[{\"a\":[1]},{\"b\":[1]}],\"x\":{\"$or\":[{\"a\":[1]},{}]}}", 52,
	        "the object is empty");
	char many[4096] = "{";
	for (int i = 0; i < 11; i++) {
		size_t size = strlen(many);
		(void)snprintf(many + size, sizeof many - size,
		               "%s\"x%d\":{\"$or\":[{\"a\":[1]},{\"b\":[1]}]}", i == 0 ? "" : ",",
		               i);
	}
	strcat(many, "}");
	struct nc_filter *filter;
	struct nc_filter_error error;
	cr_expect_eq(nc_filter_compile(host, NC_SLICE("by_payload"), nc_slice_str(many), &filter,
	                               &error),
	             NC_INVALID);
	cr_expect(strstr(error.message, "at most 1024 alternatives") != NULL, "%s", error.message);
}

Test(by_payload, numbers_are_exact_to_64_bits_and_typed)
{
	payload("{\"a\":[5]}", "{\"a\":5.0}", true);
	payload("{\"a\":[5e0]}", "{\"a\":50e-1}", true);
	payload("{\"a\":[5]}", "{\"a\":\"5\"}", false);
	payload("{\"a\":[\"5\"]}", "{\"a\":5}", false);
	payload("{\"a\":[9007199254740993]}", "{\"a\":9007199254740992}", false);
	payload("{\"a\":[9007199254740993]}", "{\"a\":9007199254740993.0}", true);
	payload("{\"a\":[18446744073709551615]}", "{\"a\":18446744073709551614}", false);
	payload("{\"a\":[{\"numeric\":[\">\",9007199254740992]}]}", "{\"a\":9007199254740993}",
	        true);
	payload("{\"a\":[{\"numeric\":[\">\",9007199254740992]}]}", "{\"a\":9007199254740992}",
	        false);
	payload("{\"a\":[{\"numeric\":[\"<\",1e308]}]}", "{\"a\":1e400}", false);
	payload("{\"a\":[{\"numeric\":[\"=\",0.1]}]}", "{\"a\":0.1}", true);
	payload("{\"a\":[0]}", "{\"a\":-0.0}", true);
	payload("{\"a\":[null]}", "{\"a\":null}", true);
	payload("{\"a\":[null]}", "{}", false);
	payload("{\"a\":[{\"exists\":true}]}", "{\"a\":null}", true);
}

Test(by_payload, addresses_lie_in_blocks)
{
	payload("{\"a\":[{\"cidr\":\"10.1.2.0/23\"}]}", "{\"a\":\"10.1.3.255\"}", true);
	payload("{\"a\":[{\"cidr\":\"10.1.2.0/23\"}]}", "{\"a\":\"10.1.4.0\"}", false);
	payload("{\"a\":[{\"cidr\":\"0.0.0.0/0\"}]}", "{\"a\":\"255.1.1.1\"}", true);
	payload("{\"a\":[{\"cidr\":\"0.0.0.0/0\"}]}", "{\"a\":\"::1\"}", false);
	payload("{\"a\":[{\"cidr\":\"::/0\"}]}", "{\"a\":\"1.2.3.4\"}", false);
	payload("{\"a\":[{\"cidr\":\"::/0\"}]}", "{\"a\":\"::ffff:1.2.3.4\"}", true);
	payload("{\"a\":[{\"cidr\":\"::/8\"}]}", "{\"a\":\"10.9.9.9\"}", false);
	payload("{\"a\":[{\"cidr\":\"2001:db8::/33\"}]}", "{\"a\":\"2001:DB8:7fff::1\"}", true);
	payload("{\"a\":[{\"cidr\":\"2001:db8::/33\"}]}", "{\"a\":\"2001:db8:8000::1\"}", false);
	payload("{\"a\":[{\"cidr\":\"::ffff:10.0.0.0/104\"}]}", "{\"a\":\"10.9.9.9\"}", true);
	payload("{\"a\":[{\"cidr\":\"1:2:3:4:5:6:7:8\"}]}", "{\"a\":\"1:2:3:4:5:6:7:8\"}", true);
	payload("{\"a\":[{\"cidr\":\"10.0.0.0/8\"}]}", "{\"a\":\"10.0.0.1/8\"}", false);
	payload("{\"a\":[{\"cidr\":\"10.0.0.0/8\"}]}", "{\"a\":\"\"}", false);
	static const char *const wrong[] = {
		"10.0.0/8",    "10.0.0.0/33",     "10.0.0.256/8", "10.0.0.0/",
		"10.0.0.01/8", ":::/8",           "1::2::3/8",    "::/129",
		"::g/8",       "1:2:3:4:5:6:7/8", "10.0.0.0/8 ",  "1:2:3:4:5:6:7:8:9/8"
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char selector[100];
		(void)snprintf(selector, sizeof selector, "{\"a\":[{\"cidr\":\"%s\"}]}", wrong[i]);
		refuses("by_payload", selector, 14, "an address block");
	}
}

Test(by_payload, wildcards_and_case)
{
	payload("{\"a\":[{\"wildcard\":\"a*b*c\"}]}", "{\"a\":\"aXbYbZc\"}", true);
	payload("{\"a\":[{\"wildcard\":\"a*b*c\"}]}", "{\"a\":\"acb\"}", false);
	payload("{\"a\":[{\"wildcard\":\"*ab\"}]}", "{\"a\":\"abab\"}", true);
	payload("{\"a\":[{\"wildcard\":\"a\\\\*\"}]}", "{\"a\":\"a*\"}", true);
	payload("{\"a\":[{\"wildcard\":\"a\\\\*\"}]}", "{\"a\":\"ab\"}", false);
	payload("{\"a\":[{\"wildcard\":\"\"}]}", "{\"a\":\"\"}", true);
	payload("{\"a\":[{\"wildcard\":\"*\"}]}", "{\"a\":\"\"}", true);
	payload("{\"a\":[{\"wildcard\":\"*\"}]}", "{\"a\":7}", false);
	payload("{\"a\":[{\"equals-ignore-case\":\"STRASSE \xc3\x84\"}]}",
	        "{\"a\":\"strasse \xc3\xa4\"}", true);
	payload("{\"a\":[{\"equals-ignore-case\":\"k\"}]}", "{\"a\":\"\xe2\x84\xaa\"}",
	        true); /* Kelvin */
	payload("{\"a\":[{\"suffix\":{\"equals-ignore-case\":\"\xc8\xba\"}}]}",
	        "{\"a\":\"x\xe2\xb1\xa5\"}", true);
}

Test(by_payload, refuses_with_the_place)
{
	refuses("by_payload", "5", 0, "an object of fields");
	refuses("by_payload", "\"a\"", 0, "an object of fields");
	refuses("by_payload", "{}", 1, "the object is empty");
	refuses("by_payload", "{\"a\":{}}", 6, "the object is empty");
	refuses("by_payload", "{\"a\":[]}", 6, "the list is empty");
	refuses("by_payload", "{\"a\":5}", 5, "a list of values");
	refuses("by_payload", "{\"a\":[[1]]}", 6, "a string, number");
	refuses("by_payload", "{\"a\":[{\"pre\":\"x\"}]}", 7, "an operator");
	refuses("by_payload", "{\"a\":[{}]}", 7, "an operator");
	refuses("by_payload", "{\"a\":[{\"prefix\":\"x\",\"suffix\":\"y\"}]}", 20, "one operator");
	refuses("by_payload", "{\"a\":[1],\"a\":[2]}", 9, "not \"a\" again");
	refuses("by_payload", "{\"a\":{\"b\":[1]},\"a.b\":[2]}", 15, "not \"a.b\" again");
	refuses("by_payload", "{\"a\":{\"b\":[1]},\"a\":{\"c\":[2]}}", 15, "not \"a\" again");
	refuses("by_payload", "{\"a\":[1],\"\\u0061\":{\"c\":[2]}}", 9, "not \"a\" again");
	refuses("by_payload", "{\"x\":{\"a\":{\"b\":[1]},\"a\":[2]}}", 20, "not \"x.a\" again");
	refuses("by_payload",
	        "{\"$or\":[{\"a\":[1]},{\"b\":[1]}],\"$or\":[{\"c\":[1]},{\"d\":[1]}]}", 29,
	        "not \"$or\" again");
	refuses("by_payload", "{\"a\":[{\"wildcard\":\"a**b\"}]}", 20, "not two in a row");
	refuses("by_payload", "{\"a\":[{\"exists\":\"yes\"}]}", 16, "true or false");
	refuses("by_payload", "{\"a\":[{\"numeric\":[\"<\",5,\">\",1]}]}", 24, "a lower and then");
	refuses("by_payload", "{\"a\":[{\"numeric\":[\"=\",5,\"<\",9]}]}", 24, "a lower and then");
	refuses("by_payload", "{\"a\":[1e999]}", 6, "a double's range");
	refuses("by_payload", "{\"a\":[1]} x", 10, "nothing after the value");
	refuses("by_payload", "{\"a\":[1}", 7, "',' or ']'");
}

Test(by_payload, data_that_is_no_object_never_matches_and_is_counted)
{
	struct nc_filter *filter = compiled(host, "by_payload", "{\"a\":[{\"exists\":false}]}");
	struct nc_filter_batch *batch;
	cr_assert_eq(nc_filter_batch_new(&batch), NC_OK);
	static const char *const data[] = {
		"{}", "[]", "[{}]", "7", "plain", "{\"b\":", "{\"b\":1}"
	};
	for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
		struct nc_event event = event_of("s", "T", data[i]);
		cr_assert_eq(nc_filter_batch_add(batch, &event), NC_OK);
	}
	uint64_t matched = 0;
	cr_assert_eq(nc_filter_match(filter, batch, &matched), NC_OK);
	cr_expect_eq(matched, 1u << 0 | 1u << 6);
	struct nc_filter_views views = nc_filter_batch_views(batch);
	cr_expect_eq(views.flattened, 5u);
	cr_expect_eq(views.opaque, 1u);
	cr_expect_eq(views.malformed, 1u);
	nc_filter_batch_free(batch);
	nc_filter_unref(filter);
}

Test(by_payload, reads_messagepack_by_its_content_type)
{
	struct nc_filter *filter =
	        compiled(host, "by_payload", "{\"a\":[1],\"b\":{\"c\":[{\"prefix\":\"x\"}]}}");
	struct nc_event event = event_of("s", "T", "");
	event.data = NC_SLICE("\x82\xa1"
	                      "a\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00\xa1"
	                      "b\x81\xa1"
	                      "c\xa2xy");
	cr_expect_not(matches(filter, &event));
	event.content_type = NC_SLICE("application/msgpack");
	cr_expect(matches(filter, &event));
	nc_filter_unref(filter);
}

static void subject(const char *selector, const char *stream, bool want)
{
	struct nc_filter *filter = compiled(host, "by_pattern", selector);
	struct nc_event event = event_of(stream, "T", "{}");
	cr_expect_eq(matches(filter, &event), want, "%s on %s", selector, stream);
	nc_filter_unref(filter);
}

Test(by_pattern, matches_streams_as_nats_matches_subjects)
{
	subject("\"orders.42\"", "orders.42", true);
	subject("\"orders.42\"", "orders.421", false);
	subject("\"orders.*\"", "orders.42", true);
	subject("\"orders.*\"", "orders", false);
	subject("\"orders.*\"", "orders.42.a", false);
	subject("\"orders.>\"", "orders.42.a", true);
	subject("\"orders.>\"", "orders", false);
	subject("\">\"", "a.b", true);
	subject("\"*\"", "a", true);
	subject("\"*\"", "a.b", false);
	subject("\"orders-*\"", "orders-42", true);
	subject("\"orders-*\"", "orders-42.a", false);
	subject("\"*-x.b*c\"", "a-x.bzzc", true);
	subject("\"*-x.b*c\"", "a-x.bzzd", false);
	subject("\"a*b*c\"", "aXbXc", true);
	subject("\"*.*.c\"", "a.b.c", true);
	subject("[\"x\",\"orders.*\"]", "orders.1", true);
}

Test(by_pattern, refuses_what_is_no_pattern)
{
	refuses("by_pattern", "\"\"", 0, "not an empty one");
	refuses("by_pattern", "\"a..b\"", 1 + 2, "a token");
	refuses("by_pattern", "\".a\"", 0, "a token");
	refuses("by_pattern", "\"a.\"", 2, "a token");
	refuses("by_pattern", "\"a.>.b\"", 3, "last token only");
	refuses("by_pattern", "\"a>\"", 2, "last token only");
	refuses("by_pattern", "[\"a\",\"a.**\"]", 9, "not two in a row");
	refuses("by_pattern", "[]", 0, "a NATS pattern");
	refuses("by_pattern", "7", 0, "a NATS pattern");
	refuses("by_pattern", "{\"strem\":[\"a\"]}", 1, "a field of the envelope");
	refuses("by_pattern", "{\"meta\":[\"a\"]}", 1, "a field of the envelope");
	refuses("by_pattern", "{\"stream\":{\"x\":[\"a\"]}}", 11, "a field of the envelope");
}

static void envelope(const char *selector, bool want)
{
	struct nc_buf tags = { 0 };
	struct nc_buf meta = { 0 };
	nc_event_tag_put(&tags, NC_SLICE("customer:7"));
	nc_event_tag_put(&tags, NC_SLICE("red"));
	nc_event_meta_put(&meta, NC_SLICE("user"), NC_SLICE("7"));
	nc_event_meta_put(&meta, NC_SLICE("user"), NC_SLICE("8"));
	nc_event_meta_put(&meta, NC_SLICE("X-Trace.Id"), NC_SLICE("t"));
	struct nc_event event = event_of("orders.42", "OrderPlaced", "{\"a\":1}");
	event.version = 3;
	event.tags = nc_buf_slice(&tags);
	event.tag_count = 2;
	event.meta = nc_buf_slice(&meta);
	event.time_ns = 1709251199000000042; /* the 29th of February */
	struct nc_filter *filter = compiled(host, "by_pattern", selector);
	cr_expect_eq(matches(filter, &event), want, "%s", selector);
	nc_filter_unref(filter);
	nc_buf_release(&tags);
	nc_buf_release(&meta);
}

Test(by_pattern, matches_everything_of_the_envelope)
{
	envelope("{\"stream\":[\"orders.42\"],\"type\":[{\"prefix\":\"Order\"}]}", true);
	envelope("{\"stream\":[{\"wildcard\":\"orders.*\"}],\"id\":[\"id-1\"]}", true);
	envelope("{\"seq\":[3],\"pos\":[{\"numeric\":[\">\",6,\"<\",8]}]}", true);
	envelope("{\"seq\":[4]}", false);
	envelope("{\"time\":[\"2024-02-29T23:59:59.000000042Z\"]}", true);
	envelope("{\"time\":[{\"prefix\":\"2024-03\"}]}", false);
	envelope("{\"content_type\":[{\"exists\":false}]}", true);
	envelope("{\"tags\":[\"red\"]}", true);
	envelope("{\"tags\":[{\"prefix\":\"customer:\"}]}", true);
	envelope("{\"tags\":[\"blue\"]}", false);
	envelope("{\"meta\":{\"user\":[\"8\"],\"X-Trace.Id\":[\"t\"]}}", true);
	envelope("{\"meta\":{\"absent\":[{\"exists\":false}]}}", true);
	envelope("{\"meta.user\":[\"7\"]}", true);
	envelope("{\"meta\":{\"user\":[\"9\"]}}", false);
	envelope("{\"$or\":[{\"type\":[\"X\"]},{\"tags\":[\"red\"]}]}", true);
}

Test(by_pattern, hints_are_the_literal_beginning)
{
	struct nc_filter *filter = compiled(host, "by_pattern", "[\"orders.*.x\",\"cart\"]");
	struct nc_filter_hints hints = nc_filter_hints(filter);
	cr_assert_eq(hints.count, 2u);
	cr_expect_not(hints.full);
	cr_expect_eq(hints.hints[0].stream_kind, NC_FILTER_PREFIX);
	cr_expect(nc_slice_is(hints.hints[0].stream, "orders."));
	cr_expect_eq(hints.hints[1].stream_kind, NC_FILTER_EXACT);
	nc_filter_unref(filter);
	filter = compiled(host, "by_pattern", "[\"a\",\"b\"]");
	cr_expect(nc_filter_hints(filter).full);
	nc_filter_unref(filter);
	filter = compiled(host, "by_pattern", "{\"tags\":[\"a\"],\"type\":[\"b\"]}");
	hints = nc_filter_hints(filter);
	cr_assert_eq(hints.count, 1u);
	cr_expect_eq(hints.hints[0].tag_kind, NC_FILTER_EXACT);
	cr_expect_not(hints.full);
	nc_filter_unref(filter);
	filter = compiled(host, "by_pattern", "{\"$or\":[{\"type\":[\"a\"]},{\"seq\":[1]}]}");
	cr_expect_eq(nc_filter_hints(filter).count, 0u, "one alternative says nothing");
	nc_filter_unref(filter);
}
