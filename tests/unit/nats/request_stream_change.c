/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests that delete and limit streams, understood or refused. */
#include <criterion/criterion.h>

#include "transport/nats/request.h"

static struct nc_decoder decoder = { .store = "shop" };
static struct nc_request request;
static struct nc_refusal refusal;

static void teardown(void)
{
	nc_decoder_release(&decoder);
}

TestSuite(request_stream_change, .fini = teardown);

static bool decode(enum nc_operation op, const char *subject, const char *data, const char *header)
{
	const struct nc_header headers[] = { { nc_slice_str(header), NC_SLICE("1") } };
	const struct nc_message message = { .subject = nc_slice_str(subject),
		                            .data = nc_slice_str(data),
		                            .headers = headers,
		                            .header_count = header != NULL };
	memset(&refusal, 0, sizeof refusal);
	return nc_request_decode(&decoder, op, false, &message, &request, &refusal);
}

#define DELETE(tail, body) decode(NC_OP_STREAM_DELETE, "stream.delete." tail, (body), NULL)
#define META(tail, body)   decode(NC_OP_STREAM_META, "stream.meta." tail, (body), NULL)

static void refused(bool ok, struct nc_fault fault, const char *text)
{
	cr_expect_not(ok, "%s", text);
	cr_expect_eq(refusal.fault.err_code, fault.err_code, "%s: %u", text,
	             refusal.fault.err_code);
	cr_expect_str_eq(refusal.text, text);
}

Test(request_stream_change, a_deletion_is_soft_unless_it_says_so)
{
	const char *soft[] = { "", "{}", "{\"mode\":\"soft\"}" };
	for (size_t i = 0; i < 3; i++) {
		cr_assert(DELETE("orders.4=202", soft[i]), "%s", refusal.text);
		cr_expect(nc_slice_is(request.change.stream, "orders.4 2"));
		cr_expect_not(request.change.tombstone);
		cr_expect_eq(request.change.expect.kind, NC_EXPECT_ANY);
	}
	cr_assert(DELETE("a", "{\"expect\":7,\"mode\":\"tombstone\"}"), "%s", refusal.text);
	cr_expect(request.change.tombstone);
	cr_expect_eq(request.change.expect.kind, NC_EXPECT_VERSION);
	cr_expect_eq(request.change.expect.version, 7u);
	cr_assert(DELETE("a", "{\"expect\":\"exists\"}"), "%s", refusal.text);
	cr_expect_eq(request.change.expect.kind, NC_EXPECT_EXISTS);
}

Test(request_stream_change, limits_are_those_that_are_named)
{
	cr_assert(META("a", ""), "%s", refusal.text);
	cr_assert(META("a", "{}"), "%s", refusal.text);
	cr_expect_not(request.change.has_count || request.change.has_age ||
	              request.change.has_truncate);
	cr_assert(META("a", "{\"max_count\":18446744073709551615,\"truncate_before\":null}"), "%s",
	          refusal.text);
	cr_expect(request.change.has_count && request.change.has_truncate);
	cr_expect_not(request.change.has_age);
	cr_expect_eq(request.change.count_max, UINT64_MAX);
	cr_expect_eq(request.change.truncate_before, 0u);
	cr_assert(META("a", "{\"max_age_s\":9000000000,\"expect\":\"none\"}"), "%s", refusal.text);
	cr_expect_eq(request.change.age_max_s, NC_STREAM_AGE_MAX_S);
	cr_expect_eq(request.change.expect.kind, NC_EXPECT_NONE);
}

Test(request_stream_change, what_is_not_understood_is_refused)
{
	const struct {
		bool deletes;
		const char *body, *text;
	} all[] = {
		{ true, "{\"mode\":\"hard\"}",
		  "member 'mode' is neither \"soft\" nor \"tombstone\"" },
		{ true, "{\"mode\":null}", "member 'mode' is neither \"soft\" nor \"tombstone\"" },
		{ true, "{\"max_count\":1}", "member 'max_count' is not known" },
		{ true, "{\"expect\":\"some\"}",
		  "member 'expect' is neither \"any\", \"none\", \"exists\" nor a version" },
		{ true, "{\"mode\":\"soft\",\"mode\":\"soft\"}", "member 'mode' is given twice" },
		{ true, "[]", "body is not an object" },
		{ false, "{\"mode\":\"soft\"}", "member 'mode' is not known" },
		{ false, "{\"max_count\":-1}",
		  "member 'max_count' is not a whole number from 0 on, of 64 bits" },
		{ false, "{\"truncate_before\":\"1\"}",
		  "member 'truncate_before' is not a whole number from 0 on, of 64 bits" },
		{ false, "{\"max_age_s\":9000000001}",
		  "member 'max_age_s' is more than 9000000000" },
		{ false, "{}x", "body: expected nothing after the value at byte 2" },
	};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		refused(all[i].deletes ? DELETE("a", all[i].body) : META("a", all[i].body),
		        NC_FAULT_REQUEST, all[i].text);
	}
	refused(DELETE("=24sys", ""), NC_FAULT_STREAM_NAME,
	        "stream name begins with '$': it is the system's");
	refused(META("a=2Eb", ""), NC_FAULT_STREAM_NAME,
	        "stream name 'a=2Eb' holds an escaped dot");
}

Test(request_stream_change, a_header_that_asks_for_more_is_not_ignored)
{
	const char *ours[] = { "Es-Expect", "Es-Min-Position",
		               "Nats-Expected-Last-Subject-Sequence", "Nats-Msg-Id" };
	for (size_t i = 0; i < 4; i++)
		cr_expect_not(decode(NC_OP_STREAM_DELETE, "stream.delete.a", "", ours[i]));
	cr_expect(decode(NC_OP_STREAM_META, "stream.meta.a", "", "traceparent"));
	cr_expect(decode(NC_OP_STREAM_META, "stream.meta.a", "", "Nats-Request-Info"));
}
