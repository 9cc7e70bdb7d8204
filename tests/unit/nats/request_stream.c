/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that look at streams, understood or refused. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "transport/nats/request.h"

static struct nc_decoder decoder = { .store = "shop" };
static struct nc_request request;
static struct nc_refusal refusal;

static void teardown(void)
{
	nc_decoder_release(&decoder);
}

TestSuite(request_stream, .fini = teardown);

static bool decode(enum nc_operation op, const char *subject, const char *data)
{
	const struct nc_message message = { .subject = nc_slice_str(subject),
		                            .data = nc_slice_str(data) };
	memset(&refusal, 0, sizeof refusal);
	return nc_request_decode(&decoder, op, false, &message, &request, &refusal);
}

#define INFO(tail, body) decode(NC_OP_STREAM_INFO, "stream.info." tail, (body))
#define LIST(body)       decode(NC_OP_STREAM_LIST, "stream.list", (body))

static void refused(bool ok, struct nc_fault fault, const char *text)
{
	cr_expect_not(ok, "%s", text);
	cr_expect_eq(refusal.fault.err_code, fault.err_code, "%s: %u", text,
	             refusal.fault.err_code);
	cr_expect_str_eq(refusal.text, text);
}

Test(request_stream, info_names_a_stream)
{
	cr_assert(INFO("orders.4=202", ""), "%s", refusal.text);
	cr_expect(nc_slice_is(request.stream, "orders.4 2"));
	cr_assert(INFO("a", "{}"), "%s", refusal.text);
	refused(INFO("a=2Eb", ""), NC_FAULT_STREAM_NAME,
	        "stream name 'a=2Eb' holds an escaped dot");
	refused(INFO("a=2A", ""), NC_FAULT_STREAM_NAME, "stream name 'a*' holds '*' or '>'");
	refused(INFO("a=0A", ""), NC_FAULT_STREAM_NAME,
	        "stream name 'a?' holds a control character");
	refused(INFO("a", "{\"x\":1}"), NC_FAULT_REQUEST, "member 'x' is not known");
	refused(INFO("a", "[]"), NC_FAULT_REQUEST, "body is not an object");
}

Test(request_stream, list_has_defaults)
{
	const char *bodies[] = { "", "{}", " {\n} " };
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		cr_assert(LIST(bodies[i]), "%s", refusal.text);
		cr_expect_eq(request.streams.limit, NC_STREAMS_LIMIT_DEFAULT);
		cr_expect_eq(request.streams.prefix.size, 0u);
		cr_expect_eq(request.streams.after.size, 0u);
	}
}

Test(request_stream, list_takes_a_range_and_a_limit)
{
	cr_assert(LIST("{\"prefix\":\"orders.\",\"after\":\"a\\u00e9\\\"\",\"limit\":7}"), "%s",
	          refusal.text);
	cr_expect(nc_slice_is(request.streams.prefix, "orders."));
	cr_expect(nc_slice_is(request.streams.after, "a\xc3\xa9\""));
	cr_expect_eq(request.streams.limit, 7u);
	const char *many[] = { "{\"limit\":10000}", "{\"limit\":10001}",
		               "{\"limit\":99999999999999999999999}" };
	for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
		cr_assert(LIST(many[i]), "%s", refusal.text);
		cr_expect_eq(request.streams.limit, NC_STREAMS_LIMIT_MAX);
	}
}

Test(request_stream, each_bad_limit_has_a_description_of_its_own)
{
	const struct {
		const char *body, *text;
	} all[] = {
		{ "{\"limit\":0}", "member 'limit' is below 1: '0'" },
		{ "{\"limit\":-3}", "member 'limit' is below 1: '-3'" },
		{ "{\"limit\":1.5}", "member 'limit' is not a whole number: '1.5'" },
		{ "{\"limit\":1e3}", "member 'limit' is not a whole number: '1e3'" },
		{ "{\"limit\":\"ten\"}", "member 'limit' is not a number: 'ten'" },
		{ "{\"limit\":\"10\"}", "member 'limit' is not a number: '10'" },
		{ "{\"limit\":null}", "member 'limit' is not a number: 'null'" },
		{ "{\"limit\":[1]}", "member 'limit' is not a number: '['" },
		{ "{\"limit\":1,\"limit\":1}", "member 'limit' is given twice" },
		{ "{\"prefix\":1}", "member 'prefix' is not a string" },
		{ "{\"after\":null}", "member 'after' is not a string" },
		{ "{\"from\":\"a\"}", "member 'from' is not known" },
		{ "{\"limit\":1}x", "body: expected nothing after the value at byte 11" },
		{ "[]", "body is not an object" },
	};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		refused(LIST(all[i].body), NC_FAULT_REQUEST, all[i].text);
}

Test(request_stream, a_name_that_none_can_have_is_refused)
{
	char body[600];
	(void)snprintf(body, sizeof body, "{\"prefix\":\"%0255d\"}", 0);
	cr_expect(LIST(body), "%s", refusal.text);
	(void)snprintf(body, sizeof body, "{\"prefix\":\"%0256d\"}", 0);
	refused(LIST(body), NC_FAULT_REQUEST, "member 'prefix' is longer than 255 bytes");
	(void)snprintf(body, sizeof body, "{\"after\":\"%0256d\"}", 0);
	refused(LIST(body), NC_FAULT_REQUEST, "member 'after' is longer than 255 bytes");
}

#define STATS(body) decode(NC_OP_STATS, "store.stats", (body))

Test(request_stream, stats_take_a_limit_alone)
{
	cr_assert(STATS(""), "%s", refusal.text);
	cr_expect_eq(request.stats_limit, NC_STATS_LIMIT_DEFAULT);
	cr_assert(STATS("{\"limit\":3}"), "%s", refusal.text);
	cr_expect_eq(request.stats_limit, 3u);
	cr_assert(STATS("{\"limit\":30000}"), "%s", refusal.text);
	cr_expect_eq(request.stats_limit, NC_STATS_LIMIT_MAX);
	refused(STATS("{\"limit\":0}"), NC_FAULT_REQUEST, "member 'limit' is below 1: '0'");
	refused(STATS("{\"prefix\":\"a\"}"), NC_FAULT_REQUEST, "member 'prefix' is not known");
}
