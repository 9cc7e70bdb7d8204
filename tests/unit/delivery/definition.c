/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core/delivery/definition.h: what is taken, what is refused and how, bytes and JSON. */
#include <criterion/criterion.h>

#include "core/delivery/definition.h"

#include <stdio.h>

#define FILTER "\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"orders.42\"}"

static struct nc_definition take(const char *json)
{
	struct nc_definition definition = { 0 };
	struct nc_buf why = { 0 };
	int err = nc_definition_parse(nc_slice_str(json), NC_SLICE("es."), &definition, &why);
	cr_assert_eq(err, NC_OK, "%s: %.*s", json, (int)why.size, (char *)why.data);
	cr_expect_eq(why.size, 0);
	nc_buf_release(&why);
	return definition;
}

static void refuse(const char *members, const char *want)
{
	char json[2048];
	struct nc_definition definition;
	struct nc_buf why = { 0 };
	(void)snprintf(json, sizeof json, "{" FILTER ",%s}", members);
	cr_expect_eq(nc_definition_parse(nc_slice_str(json), NC_SLICE("es."), &definition, &why),
	             NC_INVALID, "%s", members);
	cr_expect(nc_slice_starts(nc_buf_slice(&why), nc_slice_str(want)), "%s: %.*s", members,
	          (int)why.size, (char *)why.data);
	nc_buf_release(&why);
}

static const char full[] =
        "{\"filter\":{\"plugin\":\"by_payload\",\"selector\":{ \"a b\" : [ 1, \"x \\\" y\" ] }},"
        "\"start\":{\"time\":\"2026-01-02T03:04:05Z\"},\"durable\":false,\"inactive_ms\":100,"
        "\"deliver\":{\"subject\":\"work.billing\",\"queue\":\"workers\"},\"ack\":\"none\","
        "\"ack_wait_ms\":10,\"max_deliver\":-1,\"backoff_ms\":[1,20,300],\"max_in_flight\":65536,"
        "\"order\":\"tag:customer:\",\"on_exhausted\":\"stop\",\"placement\":\"spread\","
        "\"headers_only\":true}";

Test(definition, has_the_defaults_of_the_protocol)
{
	struct nc_definition d = take("{" FILTER "}");
	cr_expect(nc_slice_is(d.plugin, "by_stream"));
	cr_expect(nc_slice_is(d.selector, "\"orders.42\""));
	cr_expect_eq(d.start, NC_START_FIRST);
	cr_expect(d.durable);
	cr_expect_eq(d.inactive_ms, 30000);
	cr_expect_not(d.push);
	cr_expect_eq(d.ack, NC_ACK_EXPLICIT);
	cr_expect_eq(d.ack_wait_ms, 30000);
	cr_expect_eq(d.max_deliver, 5);
	cr_expect_eq(d.backoff_count, 0);
	cr_expect_eq(d.max_in_flight, 1000);
	cr_expect_eq(d.order, NC_ORDER_NONE);
	cr_expect_eq(d.on_exhausted, NC_EXHAUSTED_PARK);
	cr_expect_eq(d.placement, NC_PLACEMENT_LEADER);
	cr_expect_not(d.headers_only);
	nc_definition_release(&d);
}

Test(definition, takes_every_member)
{
	struct nc_definition d = take(full);
	cr_expect(nc_slice_is(d.selector, "{\"a b\":[1,\"x \\\" y\"]}"), "%.*s",
	          (int)d.selector.size, (const char *)d.selector.data);
	cr_expect_eq(d.start, NC_START_TIME);
	cr_expect_eq(d.start_value, UINT64_C(1767323045000000000));
	cr_expect(nc_slice_is(d.subject, "work.billing"));
	cr_expect(nc_slice_is(d.queue, "workers"));
	cr_expect_eq(d.max_deliver, 0);
	cr_expect_eq(d.backoff_count, 3);
	cr_expect_eq(d.backoff_ms[2], 300);
	cr_expect_eq(d.order, NC_ORDER_TAG);
	cr_expect(nc_slice_is(d.order_arg, "customer:"));
	cr_expect(d.headers_only);
	nc_definition_release(&d);
	d = take("{" FILTER ",\"start\":{\"seq\":3},\"deliver\":null,\"order\":\"payload:a.b\"}");
	cr_expect_eq(d.start, NC_START_SEQ);
	cr_expect_eq(d.start_value, 3);
	cr_expect_eq(d.order, NC_ORDER_PAYLOAD);
	nc_definition_release(&d);
}

Test(definition, says_which_member_is_wrong_and_why)
{
	refuse("\"colour\":1", "unknown member \"colour\"");
	refuse("\"durable\":true,\"durable\":true", "member \"durable\" twice");
	refuse("\"durable\":1", "durable: true or false");
	refuse("\"inactive_ms\":99", "inactive_ms: a whole number from 100 to 2592000000");
	refuse("\"ack_wait_ms\":9", "ack_wait_ms: ");
	refuse("\"ack_wait_ms\":\"9\"", "ack_wait_ms: ");
	refuse("\"max_deliver\":0", "max_deliver: ");
	refuse("\"max_deliver\":-2", "max_deliver: ");
	refuse("\"max_deliver\":\"-1\"", "max_deliver: ");
	refuse("\"max_in_flight\":0", "max_in_flight: ");
	refuse("\"max_in_flight\":65537", "max_in_flight: ");
	refuse("\"backoff_ms\":5", "backoff_ms: a list");
	refuse("\"backoff_ms\":[-1]", "backoff_ms: a whole number");
	refuse("\"backoff_ms\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
	       "backoff_ms: more than 32");
	refuse("\"ack\":\"some\"", "ack: expected is \"explicit\" or \"all\" or \"none\"");
	refuse("\"ack\":null", "ack: expected is");
	refuse("\"ack\":\"all\",\"order\":\"stream\"", "ack: \"all\" goes with");
	refuse("\"order\":\"tag:\"", "order: expected is");
	refuse("\"order\":\"key\"", "order: expected is");
	refuse("\"on_exhausted\":\"drop\"", "on_exhausted: expected is");
	refuse("\"placement\":\"here\"", "placement: expected is");
	refuse("\"start\":\"last\"", "start: expected is \"first\" or \"new\"");
	refuse("\"start\":{}", "start: one of pos, seq and time");
	refuse("\"start\":{\"pos\":1,\"seq\":1}", "start: one of pos, seq and time");
	refuse("\"start\":{\"pos\":0}", "start.pos: a whole number from 1");
	refuse("\"start\":{\"time\":\"noon\"}", "start.time: an RFC 3339 time");
	refuse("\"start\":{\"at\":1}", "unknown member \"at\" in start");
	refuse("\"deliver\":{}", "deliver.subject: is required");
	refuse("\"deliver\":\"work\"", "deliver: an object is expected");
}

Test(definition, delivers_only_to_literal_subjects_of_applications)
{
	static const char *const subjects[] = {
		"",      "work.*", "work.>", "work..a",    ".work",
		"work.", "a b",    "$SYS.x", "_es.shop.x", "es.shop.append.T.s"
	};
	for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
		char members[128];
		(void)snprintf(members, sizeof members, "\"deliver\":{\"subject\":\"%s\"}",
		               subjects[i]);
		refuse(members, "deliver.subject: ");
	}
	refuse("\"deliver\":{\"subject\":\"a\",\"queue\":\"\"}", "deliver.queue: ");
	struct nc_definition d = take("{" FILTER ",\"deliver\":{\"subject\":\"essence.a\"}}");
	nc_definition_release(&d);
}

Test(definition, needs_a_whole_filter_and_one_body)
{
	static const struct {
		const char *json, *why;
	} cases[] = {
		{ "{}", "filter: is required" },
		{ "{\"filter\":{\"selector\":1}}", "filter: is required" },
		{ "{\"filter\":{\"plugin\":\"p\"}}", "filter.selector: is required" },
		{ "{\"filter\":{\"plugin\":\"a b\",\"selector\":1}}", "filter.plugin: " },
		{ "{\"filter\":{\"plugin\":\"p\",\"selector\":[1}}", "not JSON: " },
		{ "{" FILTER "} x", "not JSON: " },
		{ "[]", "body: an object is expected" },
		{ "", "not JSON: " },
		{ "{\"filter\":{\"plugin\":\"p\",\"selector\":1},\"start\":{\"seq\":1}}",
		  "start.seq: only with a by_stream" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct nc_definition definition;
		struct nc_buf why = { 0 };
		cr_expect_eq(nc_definition_parse(nc_slice_str(cases[i].json), NC_SLICE("es."),
		                                 &definition, &why),
		             NC_INVALID);
		cr_expect(nc_slice_starts(nc_buf_slice(&why), nc_slice_str(cases[i].why)),
		          "%s: %.*s", cases[i].json, (int)why.size, (char *)why.data);
		nc_buf_release(&why);
	}
}

Test(definition, the_same_once_more_is_equal_and_another_is_not)
{
	struct nc_definition a = take("{" FILTER "}");
	struct nc_definition b = take("{ \"order\":\"none\", \"filter\" : { \"selector\" : "
	                              "\"orders.42\" , \"plugin\":\"by_stream\" } }");
	cr_expect(nc_definition_eq(&a, &b));
	struct nc_buf x = { 0 }, y = { 0 };
	nc_definition_put(&x, &a);
	nc_definition_put(&y, &b);
	cr_expect(nc_slice_eq(nc_buf_slice(&x), nc_buf_slice(&y)));
	nc_definition_release(&b);
	static const char *const others[] = {
		"\"start\":\"new\"",
		"\"durable\":false",
		"\"inactive_ms\":100",
		"\"ack\":\"all\"",
		"\"ack_wait_ms\":10",
		"\"max_deliver\":6",
		"\"backoff_ms\":[0]",
		"\"max_in_flight\":1",
		"\"order\":\"global\"",
		"\"on_exhausted\":\"skip\"",
		"\"placement\":\"spread\"",
		"\"headers_only\":true",
		"\"deliver\":{\"subject\":\"a\"}",
		"\"start\":{\"pos\":1}",
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		char json[256];
		(void)snprintf(json, sizeof json, "{" FILTER ",%s}", others[i]);
		b = take(json);
		cr_expect_not(nc_definition_eq(&a, &b), "%s", others[i]);
		nc_definition_release(&b);
	}
	nc_buf_release(&x);
	nc_buf_release(&y);
	nc_definition_release(&a);
}

Test(definition, comes_back_from_bytes_and_from_its_own_json)
{
	static const char *const bodies[] = { full, "{" FILTER "}",
		                              "{" FILTER ",\"start\":{\"seq\":9}}",
		                              "{" FILTER ",\"deliver\":{\"subject\":\"a\"},"
		                              "\"start\":\"new\",\"order\":\"payload:x\"}" };
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		struct nc_definition a = take(bodies[i]), b;
		struct nc_buf bytes = { 0 }, json = { 0 };
		nc_definition_put(&bytes, &a);
		cr_assert_eq(nc_definition_get(nc_buf_slice(&bytes), &b), NC_OK);
		cr_expect(nc_definition_eq(&a, &b));
		nc_definition_release(&b);
		nc_buf_put_str(&json, "{");
		nc_definition_put_json(&json, &a);
		nc_buf_put(&json, "}", 2);
		b = take((const char *)json.data);
		cr_expect(nc_definition_eq(&a, &b), "%s", (const char *)json.data);
		nc_definition_release(&b);
		nc_definition_release(&a);
		nc_buf_release(&bytes);
		nc_buf_release(&json);
	}
}

Test(definition, refuses_bytes_that_are_cut_longer_or_newer)
{
	struct nc_definition a = take(full), b;
	struct nc_buf bytes = { 0 };
	nc_definition_put(&bytes, &a);
	for (size_t size = 0; size < bytes.size; size++)
		cr_expect_eq(nc_definition_get(nc_slice(bytes.data, size), &b), NC_CORRUPT);
	for (size_t at = 1; at < bytes.size; at++) {
		uint8_t was = bytes.data[at];
		for (unsigned value = 0; value < 256; value++) {
			bytes.data[at] = (uint8_t)value;
			if (nc_definition_get(nc_buf_slice(&bytes), &b) == NC_OK)
				nc_definition_release(&b);
		}
		bytes.data[at] = was;
	}
	nc_buf_put_u8(&bytes, 0);
	cr_expect_eq(nc_definition_get(nc_buf_slice(&bytes), &b), NC_CORRUPT);
	bytes.data[0] = 3;
	cr_expect_eq(nc_definition_get(nc_buf_slice(&bytes), &b), NC_CORRUPT,
	             "there is one way to write it");
	bytes.data[0] = 4;
	cr_expect_eq(nc_definition_get(nc_buf_slice(&bytes), &b), NC_UNSUPPORTED);
	nc_buf_release(&bytes);
	nc_definition_release(&a);
}

Test(definition, remembers_which_plugin_judged_it_and_is_the_same_without)
{
	struct nc_definition a = take(full), b;
	struct nc_buf bytes = { 0 };
	a.plugin_build = NC_SLICE("1.2");
	a.plugin_sha256 = NC_SLICE("abcd");
	nc_definition_put(&bytes, &a);
	cr_assert_eq(nc_definition_get(nc_buf_slice(&bytes), &b), NC_OK);
	cr_expect(nc_slice_is(b.plugin_build, "1.2"));
	cr_expect(nc_slice_is(b.plugin_sha256, "abcd"));
	nc_definition_release(&b);
	/* As the first format had it. */
	a.plugin_build = a.plugin_sha256 = nc_slice(NULL, 0);
	nc_buf_clear(&bytes);
	nc_definition_put(&bytes, &a);
	bytes.data[0] = 1;
	cr_assert_eq(nc_definition_get(nc_slice(bytes.data, bytes.size - 2), &b), NC_OK);
	cr_expect_eq(b.plugin_build.size, 0u);
	cr_expect(nc_definition_eq(&a, &b));
	nc_definition_release(&a);
	nc_definition_release(&b);
	nc_buf_release(&bytes);
}

Test(definition, has_a_format_of_pushed_deliveries_that_are_answered_as_a_whole)
{
	static const char deliver[] =
	        "{" FILTER
	        ",\"ack\":\"all\",\"deliver\":{\"subject\":\"w\",\"format\":\"msgpack\"}}";
	struct nc_definition d = take(deliver), again, other;
	struct nc_buf bytes = { 0 }, json = { 0 };
	cr_expect_eq(d.form, NC_FORM_MSGPACK);
	nc_definition_put(&bytes, &d);
	cr_expect_eq(bytes.data[0], 3);
	cr_assert_eq(nc_definition_get(nc_buf_slice(&bytes), &again), NC_OK);
	cr_expect(nc_definition_eq(&d, &again));
	nc_definition_put_json(&json, &again);
	cr_expect_not_null(memmem(json.data, json.size, "\"format\":\"msgpack\"}", 19));
	bytes.data[bytes.size - 1] = 3;
	cr_expect_eq(nc_definition_get(nc_buf_slice(&bytes), &other), NC_CORRUPT);
	other = take("{" FILTER ",\"ack\":\"all\",\"deliver\":{\"subject\":\"w\"}}");
	cr_expect_not(nc_definition_eq(&d, &other));
	nc_buf_clear(&bytes);
	nc_definition_put(&bytes, &other);
	cr_expect_eq(bytes.data[0], 2, "builds that know no formats read what has none");
	nc_definition_release(&d);
	nc_definition_release(&again);
	nc_definition_release(&other);
	nc_buf_release(&bytes);
	nc_buf_release(&json);
	refuse("\"deliver\":{\"subject\":\"w\",\"format\":\"json\"}", "deliver.format: packed");
	refuse("\"deliver\":{\"subject\":\"w\",\"format\":\"xml\"},\"ack\":\"all\"",
	       "deliver.format: expected is");
}
