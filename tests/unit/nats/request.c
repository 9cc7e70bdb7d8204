/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests understood or refused, without a server. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "transport/nats/request.h"

static struct nc_decoder decoder;
static struct nc_request request;
static struct nc_refusal refusal;

static void setup(void)
{
	decoder = (struct nc_decoder){ .store = "shop",
		                       .event_size_max = 1 << 20,
		                       .payload_size_max = 1 << 20 };
}

static void teardown(void)
{
	nc_decoder_release(&decoder);
}

TestSuite(request, .init = setup, .fini = teardown);

struct words {
	const char *name, *value;
};

static bool decode(enum nc_operation op, bool direct, const char *subject, const char *data,
                   const struct words *words)
{
	struct nc_header headers[40];
	size_t count = 0;
	for (; words != NULL && words[count].name != NULL; count++) {
		headers[count] = (struct nc_header){ nc_slice_str(words[count].name),
			                             nc_slice_str(words[count].value) };
	}
	const struct nc_message message = { .subject = nc_slice_str(subject),
		                            .data = nc_slice_str(data),
		                            .headers = headers,
		                            .header_count = count };
	memset(&refusal, 0, sizeof refusal);
	return nc_request_decode(&decoder, op, direct, &message, &request, &refusal);
}

#define APPEND(subject, data, ...)                     \
	decode(NC_OP_APPEND, false, (subject), (data), \
	       (const struct words[]){ __VA_ARGS__{ NULL, NULL } })
#define READ(subject, body) decode(NC_OP_READ, false, (subject), (body), NULL)
#define GET(body)           decode(NC_OP_GET, false, "get", (body), NULL)

static void refused(bool ok, struct nc_fault fault, const char *names)
{
	cr_expect_not(ok);
	cr_expect_eq(refusal.fault.code, fault.code, "%s: %u", names, refusal.fault.code);
	cr_expect_eq(refusal.fault.err_code, fault.err_code, "%s: %u", names,
	             refusal.fault.err_code);
	cr_expect_not_null(strstr(refusal.text, names), "'%s' names %s", refusal.text, names);
}

Test(request, makes_a_record_of_an_append)
{
	cr_assert(APPEND("append.Order=2EPlaced.orders.4=202", "{\"a\":1}", { "Es-Expect", "3" },
	                 { "user", "7" }, { "Es-Tags", "x, y" }, { "Nats-Msg-Id", "e1" },
	                 { "Content-Type", "application/json" }, ),
	          "%s", refusal.text);
	cr_expect_eq(request.expect.kind, NC_EXPECT_VERSION);
	cr_expect_eq(request.expect.version, 3u);
	struct nc_event event;
	cr_assert_eq(nc_event_record_get(request.record, &event), NC_OK);
	cr_expect(nc_slice_is(event.type, "Order.Placed"));
	cr_expect(nc_slice_is(event.stream, "orders.4 2"));
	cr_expect(nc_slice_is(event.id, "e1"));
	cr_expect(nc_slice_is(event.data, "{\"a\":1}"));
	cr_expect_eq(event.tag_count, 2u);
	struct nc_slice name, value;
	cr_assert(nc_event_meta_next(&event.meta, &name, &value));
	cr_expect(nc_slice_is(name, "user") && nc_slice_is(value, "7"));
}

Test(request, reads_every_expectation)
{
	static const struct {
		struct words header;
		enum nc_expect_kind kind;
	} good[] = {
		{ { "Es-Expect", "any" }, NC_EXPECT_ANY },
		{ { "Es-Expect", "none" }, NC_EXPECT_NONE },
		{ { "Es-Expect", "0" }, NC_EXPECT_NONE },
		{ { "Es-Expect", "exists" }, NC_EXPECT_EXISTS },
		{ { "Es-Expect", "18446744073709551615" }, NC_EXPECT_VERSION },
		{ { "Nats-Expected-Last-Sequence", "0" }, NC_EXPECT_NONE },
		{ { "Nats-Expected-Last-Subject-Sequence", "5" }, NC_EXPECT_VERSION },
	};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		const struct words words[] = { good[i].header, { NULL, NULL } };
		cr_expect(decode(NC_OP_APPEND, false, "append.T.s", "1", words), "%s",
		          refusal.text);
		cr_expect_eq(request.expect.kind, good[i].kind);
	}
}

Test(request, refuses_an_append_with_its_reason)
{
	refused(APPEND("append.T", "1", ), NC_FAULT_STREAM_NAME, "empty");
	refused(APPEND("append.T.a=41", "1", ), NC_FAULT_STREAM_NAME, "needless escape");
	refused(APPEND("append.T.=24sys", "1", ), NC_FAULT_STREAM_NAME, "system");
	refused(APPEND("append.=00.s", "1", ), NC_FAULT_TYPE_NAME, "control character");
	refused(APPEND("append.T.s", "", ), NC_FAULT_EMPTY, "empty");
	refused(APPEND("append.T.s", "1", { "two words", "x" }, ), NC_FAULT_REQUEST, "two words");
	refused(APPEND("append.T.s", "1", { "a(b", "x" }, ), NC_FAULT_REQUEST, "a(b");
	refused(APPEND("append.T.s", "1", { "a ", "x" }, ), NC_FAULT_REQUEST, "name of a header");
	refused(APPEND("append.T.s", "1", { "a", "x\ny" }, ), NC_FAULT_REQUEST, "control");
	refused(APPEND("append.T.s", "1", { "Es-Nonsense", "1" }, ), NC_FAULT_REQUEST,
	        "Es-Nonsense");
	refused(APPEND("append.T.s", "1", { "Nats-Rollup", "all" }, ), NC_FAULT_REQUEST,
	        "Nats-Rollup");
	refused(APPEND("append.T.s", "1", { "Es-Expect", "1" },
	               { "Nats-Expected-Last-Sequence", "2" }, ),
	        NC_FAULT_REQUEST, "contradict");
	refused(APPEND("append.T.s", "1", { "Nats-Expected-Stream", "other" }, ),
	        NC_FAULT_NOT_STREAM, "other");
	refused(APPEND("append.T.s", "1", { "Nats-Msg-Id", "" }, ), NC_FAULT_REQUEST,
	        "Nats-Msg-Id");
	decoder.event_size_max = 3;
	refused(APPEND("append.T.s", "1234", ), NC_FAULT_TOO_LARGE, "4 bytes");
	decoder.payload_size_max = 2049;
	refused(APPEND("append.T.s", "123", ), NC_FAULT_TOO_LARGE, "max_payload");
}

/* Twice in each message, once as they are and once in the subject, where a byte may take three. */
Test(request, refuses_an_append_whose_names_leave_no_room_for_its_data)
{
	char escaped[127 * 6], plain[253], subject[2000];
	for (size_t i = 0; i < 126; i++)
		memcpy(escaped + 6 * i, "=C3=A9", 7);
	memset(plain, 'x', 252);
	plain[252] = '\0';
	decoder.payload_size_max = 2051;
	(void)snprintf(subject, sizeof subject, "append.%s.%s", plain, plain);
	cr_expect(APPEND(subject, "123", ), "%s", refusal.text);
	(void)snprintf(subject, sizeof subject, "append.%s.%s", escaped, escaped);
	refused(APPEND(subject, "123", ), NC_FAULT_TOO_LARGE, "2564 bytes of envelope");
	decoder.payload_size_max = 2567;
	cr_expect(APPEND(subject, "123", ), "%s", refusal.text);
}

Test(request, understands_reads)
{
	cr_assert(READ("read.orders.42", ""), "%s", refusal.text);
	cr_expect_eq(request.query.kind, NC_QUERY_STREAM);
	cr_expect(nc_slice_is(request.query.key, "orders.42"));
	cr_expect_eq(request.query.limit, (uint64_t)NC_QUERY_LIMIT_DEFAULT);
	cr_assert(READ("all", "{\"from\":5,\"to\":9,\"limit\":7,\"dir\":\"backward\",\"max_bytes\":"
	                      "99999999999,\"format\":\"json\"}"));
	cr_expect_eq(request.query.from_kind, NC_FROM_NUMBER);
	cr_expect_eq(request.query.from, 5u);
	cr_expect_eq(request.query.to, 9u);
	cr_expect_eq(request.query.limit, 7u);
	cr_expect(request.query.backward);
	cr_expect_eq(request.query.size_max, (uint64_t)NC_QUERY_BYTES_MAX);
	cr_expect_eq(request.format, NC_FORMAT_JSON);
	cr_assert(READ("type.A=2EB", "{\"from\":\"end\"}"));
	cr_expect_eq(request.query.from_kind, NC_FROM_END);
	cr_assert(READ("category.orders", "{\"from_time\":\"1970-01-01T00:00:01Z\"}"));
	cr_expect_eq(request.query.from_kind, NC_FROM_TIME);
	cr_expect_eq(request.query.from, 1000000000u);
	cr_assert(READ("all",
	               "{\"dir\":\"back\\u0077ard\",\"from_time\":\"1970-01-01T00:00:01\\u005a\","
	               "\"to\":99999999999999999999}"));
	cr_expect(request.query.backward);
	cr_expect_eq(request.query.from, 1000000000u);
	cr_expect_eq(request.query.to, UINT64_MAX);
}

Test(request, refuses_reads_each_with_its_own_words)
{
	static const struct words bad[] = {
		{ "{\"from\":0}", "member 'from' is below 1: '0'" },
		{ "{\"from\":-1}", "'from' is below 1" },
		{ "{\"limit\":0}", "'limit' is below 1" },
		{ "{\"from\":\"x\"}", "'from' is not a number" },
		{ "{\"limit\":true}", "'limit' is not a number" },
		{ "{\"limit\":1.5}", "whole number" },
		{ "{\"limit\":1e3}", "whole number" },
		{ "{\"limit\":1e3}", "whole number" },
		{ "{\"dir\":\"up\"}", "'dir'" },
		{ "{\"format\":7}", "'format'" },
		{ "{\"from_time\":\"now\"}", "'from_time'" },
		{ "{\"x\":1}", "'x' is not known" },
		{ "{\"to\":1,\"to\":1}", "'to' is given twice" },
		{ "{\"from\":1,\"from_time\":\"2020-01-01T00:00:00Z\"}", "contradict" },
		{ "[]", "body is not an object" },
		{ "1", "body is not an object" },
		{ "{\"from\":1", "byte" },
		{ "{\"from\":1}}", "byte" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		refused(READ("all", bad[i].name), NC_FAULT_REQUEST, bad[i].value);
	refused(decode(NC_OP_READ, false, "all", "",
	               (const struct words[]){ { "Es-Min-Position", "1" }, { 0 } }),
	        NC_FAULT_REQUEST, "R.direct");
	refused(decode(NC_OP_READ, true, "all", "",
	               (const struct words[]){ { "Es-Min-Position", "x" }, { 0 } }),
	        NC_FAULT_REQUEST, "not a position");
}

Test(request, understands_gets)
{
	cr_assert(GET("{\"pos\":7}"));
	cr_expect_eq(request.get.kind, NC_GET_POSITION);
	cr_assert(GET("{\"seq\":7,\"stream\":\"a b\"}"));
	cr_expect_eq(request.get.kind, NC_GET_VERSION);
	cr_expect(nc_slice_is(request.get.stream, "a b"));
	cr_assert(GET("{\"stream\":\"s\",\"id\":\"\\u0065\"}"));
	cr_expect_eq(request.get.kind, NC_GET_STREAM_ID);
	cr_expect(nc_slice_is(request.get.id, "e"));
	cr_assert(GET("{\"id\":\"e\"}"));
	cr_expect_eq(request.get.kind, NC_GET_ID);
	refused(GET("{}"), NC_FAULT_REQUEST, "give");
	refused(GET(""), NC_FAULT_REQUEST, "body");
	refused(GET("{\"pos\":1,\"seq\":1}"), NC_FAULT_REQUEST, "give");
	refused(GET("{\"stream\":\"\",\"seq\":1}"), NC_FAULT_STREAM_NAME, "empty");
}

Test(request, keeps_a_filter_and_its_selectors_own_bytes)
{
	cr_assert(READ(
	        "all",
	        "{\"filter\":{\"plugin\":\"by_\\u0070ayload\",\"selector\":{\"a\": [1, 2] }}}"));
	cr_expect(nc_slice_is(request.plugin, "by_payload"));
	cr_expect(nc_slice_is(request.selector, "{\"a\": [1, 2] }"));
	cr_assert(decode(
	        NC_OP_FILTER_TEST, false, "filter.test",
	        "{\"limit\":5000,\"from\":7,\"filter\":{\"selector\":null,\"plugin\":\"x\"}}",
	        NULL));
	cr_expect_eq(request.query.limit, NC_FILTER_TEST_LIMIT_MAX);
	cr_expect_eq(request.query.from, 7u);
	cr_expect(nc_slice_is(request.selector, "null"));
	cr_assert(READ("all", ""));
	cr_expect_eq(request.plugin.size, 0u);
}

Test(request, refuses_filters_that_are_none)
{
	static const struct {
		const char *body, *names;
	} cases[] = {
		{ "{\"filter\":7}", "'filter' is not an object" },
		{ "{\"filter\":{}}", "plugin and selector" },
		{ "{\"filter\":{\"plugin\":\"x\"}}", "plugin and selector" },
		{ "{\"filter\":{\"selector\":1}}", "plugin and selector" },
		{ "{\"filter\":{\"plugin\":7,\"selector\":1}}", "'filter.plugin' is not a string" },
		{ "{\"filter\":{\"plugin\":\"a.b\",\"selector\":1}}", "filter.plugin" },
		{ "{\"filter\":{\"plugin\":\"\",\"selector\":1}}", "filter.plugin" },
		{ "{\"filter\":{\"plugin\":\"x\",\"plugin\":\"x\",\"selector\":1}}", "twice" },
		{ "{\"filter\":{\"plugin\":\"x\",\"selector\":1,\"selector\":1}}", "twice" },
		{ "{\"filter\":{\"plugin\":\"x\",\"selector\":1,\"more\":1}}", "'filter.more'" },
		{ "{\"filter\":{\"plugin\":\"x\",\"selector\":[1,}}", "expected" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		refused(READ("all", cases[i].body), NC_FAULT_REQUEST, cases[i].names);
		refused(decode(NC_OP_FILTER_TEST, false, "filter.test", cases[i].body, NULL),
		        NC_FAULT_REQUEST, cases[i].names);
	}
	refused(decode(NC_OP_FILTER_TEST, false, "filter.test", "", NULL), NC_FAULT_REQUEST,
	        "filter");
	refused(decode(NC_OP_FILTER_TEST, false, "filter.test",
	               "{\"filter\":{\"plugin\":\"x\",\"selector\":1},\"dir\":\"backward\"}", NULL),
	        NC_FAULT_REQUEST, "'dir'");
}

Test(request, survives_random_bytes)
{
	srandom(11);
	static const char *const starts[] = { "append.", "append.T.", "read.", "type.",
		                              "category." };
	for (int round = 0; round < 20000; round++) {
		char subject[64], data[64];
		int n = snprintf(subject, sizeof subject, "%s", starts[random() % 5]);
		int size = (int)(random() % 20);
		for (int i = 0; i < size; i++)
			subject[n++] = (char)(random() % 255 + 1);
		subject[n] = '\0';
		size = (int)(random() % 40);
		for (int i = 0; i < size; i++) {
			data[i] = random() % 3 == 0 ? (char)(random() % 255 + 1)
			                            : "{}[]\",:0123456789.eE-ftn\\u"[random() % 27];
		}
		data[size] = '\0';
		enum nc_operation op = strncmp(subject, "append", 6) == 0 ? NC_OP_APPEND
		                       : random() % 2                     ? NC_OP_READ
		                                                          : NC_OP_GET;
		bool ok = decode(op, false, subject, data, NULL);
		cr_assert(ok || (refusal.fault.code >= 400 && refusal.text[0] != '\0'));
	}
}
