/* SPDX-License-Identifier: GPL-3.0-or-later */
/* R.batch and the items of R.query understood or refused, in both forms, without a server. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/base64.h"
#include "transport/nats/request.h"
#include "transport/nats/wire.h"

static struct nc_decoder decoder;
static struct nc_request request;
static struct nc_refusal refusal;
static uint8_t *exact; /* the body of the last */

static void setup(void)
{
	decoder = (struct nc_decoder){ .store = "shop",
		                       .event_size_max = 1000,
		                       .payload_size_max = 4096 };
}

static void teardown(void)
{
	nc_decoder_release(&decoder);
	free(exact);
	exact = NULL;
}

TestSuite(batch, .init = setup, .fini = teardown);

/* The body is of exactly its bytes, so that a sanitizer sees one read too far. */
static bool decode(const void *body, size_t size, bool msgpack)
{
	const struct nc_header header = { NC_SLICE("Content-Type"),
		                          NC_SLICE("application/msgpack") };
	free(exact);
	exact = malloc(size + (size == 0));
	cr_assert_not_null(exact);
	memcpy(exact, body, size);
	const struct nc_message message = { .subject = NC_SLICE("batch"),
		                            .data = nc_slice(exact, size),
		                            .headers = &header,
		                            .header_count = msgpack ? 1 : 0 };
	memset(&refusal, 0, sizeof refusal);
	return nc_request_decode(&decoder, NC_OP_BATCH, false, &message, &request, &refusal);
}

#define JSON(body)    decode((body), strlen(body), false)
#define MSGPACK(body) decode((body), sizeof(body) - 1, true)

static struct nc_event event_at(size_t number)
{
	struct nc_slice list = request.batch.events;
	struct nc_batch_event packed = { 0 };
	struct nc_event event = { 0 };
	for (size_t i = 0; i <= number; i++)
		cr_assert(nc_batch_event_next(&list, &packed));
	cr_assert_eq(nc_event_record_get(packed.record, &event), NC_OK);
	return event;
}

static void expect_text(struct nc_slice have, const char *want)
{
	cr_expect(nc_slice_is(have, want), "'%.*s' is not '%s'", (int)have.size,
	          (const char *)have.data, want);
}

static void refused(bool ok, struct nc_fault fault, const char *names)
{
	cr_expect_not(ok, "%s", names);
	cr_expect_eq(refusal.fault.err_code, fault.err_code, "%s: %u", names,
	             refusal.fault.err_code);
	cr_expect_not_null(strstr(refusal.text, names), "'%s' names %s", refusal.text, names);
}

Test(batch, keeps_the_members_of_an_event_and_the_value_s_own_bytes)
{
	cr_assert(JSON("{\"events\":[{\"stream\":\"or\\u0064ers.4\",\"type\":\"T\",\"data\":{ "
	               "\"a\" : "
	               "\"\\u0041\" } ,\"id\":\"i\\n\",\"expect\":7}]}") == false);
	refused(false, NC_FAULT_REQUEST, "control");
	cr_assert(JSON("{\"events\":[{\"data\":{ \"a\" : \"\\u0041\" } "
	               ",\"stream\":\"or\\u0064ers.4\","
	               "\"type\":\"T\",\"id\":\"i\",\"expect\":7,\"content_type\":\"c\",\"tags\":["
	               "\"x\",\"\\u0079\"],\"meta\":{\"k\":\"v\",\"l\":[\"1\",\"2\"]}}]}"),
	          "%s", refusal.text);
	struct nc_event event = event_at(0);
	expect_text(event.stream, "orders.4");
	expect_text(event.type, "T");
	expect_text(event.id, "i");
	expect_text(event.content_type, "c");
	expect_text(event.data, "{ \"a\" : \"\\u0041\" }");
	expect_text(event.tags, "\1x\1y");
	expect_text(event.meta, "\1k\1v\1l\0011\1l\0012");
	struct nc_slice list = request.batch.events;
	struct nc_batch_event packed;
	cr_assert(nc_batch_event_next(&list, &packed));
	cr_expect_eq(packed.expect.kind, NC_EXPECT_VERSION);
	cr_expect_eq(packed.expect.version, 7u);
}

Test(batch, understands_messagepack_in_every_width)
{
	cr_assert(MSGPACK("\x81\xa6"
	                  "events\x91\xde\x00\x06\xd9\x06"
	                  "stream\xa1s\xda\x00\x04"
	                  "type\xdb\x00\x00\x00\x01T\xa4"
	                  "data\xc4\x02\x00\xff\xa6"
	                  "expect\xcf\x00\x00\x00\x00\x00\x00\x00\x09\xa4"
	                  "tags\xdc\x00\x01\xa1x\xa4"
	                  "meta\x80"),
	          "%s", refusal.text);
	struct nc_event event = event_at(0);
	expect_text(event.stream, "s");
	cr_expect_eq(event.data.size, 2u);
	cr_expect_eq(event.data.data[1], 0xff);
	struct nc_slice list = request.batch.events;
	struct nc_batch_event packed;
	cr_assert(nc_batch_event_next(&list, &packed));
	cr_expect_eq(packed.expect.version, 9u);
}

Test(batch, keeps_a_messagepack_value_whole_whatever_it_is)
{
	static const struct {
		const char *bytes;
		size_t size;
	} values[] = {
		{ "\xc0", 1 },
		{ "\xc3", 1 },
		{ "\x7f", 1 },
		{ "\xff", 1 },
		{ "\xd0\x80", 2 },
		{ "\xd1\x00\x01", 3 },
		{ "\xca\x00\x00\x00\x00", 5 },
		{ "\xcb\x00\x00\x00\x00\x00\x00\x00\x00", 9 },
		{ "\xd4\x01\x00", 3 },
		{ "\xc7\x02\x01\x00\x00", 5 },
		{ "\xd8\x01"
		  "0123456789abcdef",
		  18 },
		{ "\x93\x01\x92\x02\x90\x80", 6 },
		{ "\x82\xa1k\x91\xa1v\x01\xc4\x01\x00", 10 },
	};
	for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
		char body[100];
		static const char head[] = "\x81\xa6"
		                           "events\x91\x83\xa4"
		                           "data";
		static const char tail[] = "\xa6"
		                           "stream\xa1s\xa4"
		                           "type\xa1T";
		size_t size = sizeof head - 1;
		memcpy(body, head, size);
		memcpy(body + size, values[i].bytes, values[i].size);
		size += values[i].size;
		memcpy(body + size, tail, sizeof tail - 1);
		size += sizeof tail - 1;
		cr_assert(decode(body, size, true), "%zu: %s", i, refusal.text);
		struct nc_event event = event_at(0);
		cr_assert_eq(event.data.size, values[i].size, "%zu", i);
		cr_expect_arr_eq(event.data.data, values[i].bytes, values[i].size);
	}
}

Test(batch, refuses_every_cut_of_a_body)
{
	static const char json[] =
	        "{\"events\":[{\"stream\":\"s\",\"type\":\"T\",\"data\":[1,{\"a\":2}],\"meta\":{"
	        "\"k\":["
	        "\"v\"]},\"tags\":[\"x\"]}],\"check\":[{\"stream\":\"c\",\"expect\":\"any\"}],"
	        "\"condition\":{\"fail_if\":[{\"types\":[\"A\"],\"tags\":[\"x\"]}],\"after\":3}}";
	static const char msgpack[] = "\x83\xa6"
	                              "events\x91\x84\xa6"
	                              "stream\xa1s\xa4"
	                              "type\xa1T\xa4"
	                              "data\x92\x01\x81\xa1"
	                              "a\x02\xa4"
	                              "meta\x81\xa1k\x91\xa1v\xa5"
	                              "check\x91\x82\xa6"
	                              "stream\xa1"
	                              "c\xa6"
	                              "expect\x00\xa9"
	                              "condition\x81\xa7"
	                              "fail_if\x91\x81\xa5"
	                              "types\x91\xa1"
	                              "A";
	cr_assert(JSON(json), "%s", refusal.text);
	cr_assert(MSGPACK(msgpack), "%s", refusal.text);
	for (size_t size = 0; size + 1 < sizeof json; size++)
		cr_expect_not(decode(json, size, false), "%zu", size);
	for (size_t size = 0; size + 1 < sizeof msgpack; size++)
		cr_expect_not(decode(msgpack, size, true), "%zu", size);
}

Test(batch, keeps_checks_condition_and_acknowledgement)
{
	cr_assert(
	        JSON("{\"ack\":{\"reply\":\"es.shop.ack.b.1.2.3\"},\"condition\":{\"after\":1040,"
	             "\"fail_if\":[{\"types\":[\"A\",\"B\"],\"tags\":[\"x\"]},{\"tags\":[\"y\"]}]},"
	             "\"check\":[{\"stream\":\"c\",\"expect\":\"exists\"}],\"events\":[{\"stream\":"
	             "\"s\",\"type\":\"T\",\"data\":1}]}"),
	        "%s", refusal.text);
	expect_text(request.ack, "es.shop.ack.b.1.2.3");
	cr_expect_eq(request.batch.after, 1040u);
	struct nc_slice items = request.batch.items;
	struct nc_item item;
	cr_assert(nc_item_next(&items, &item));
	cr_expect_eq(item.type_count, 2u);
	expect_text(item.types, "\1A\1B");
	expect_text(item.tags, "\1x");
	cr_assert(nc_item_next(&items, &item));
	cr_expect_eq(item.type_count, 0u);
	struct nc_slice checks = request.batch.checks;
	struct nc_batch_check check;
	cr_assert(nc_batch_check_next(&checks, &check));
	expect_text(check.stream, "c");
	cr_expect_eq(check.expect.kind, NC_EXPECT_EXISTS);
}

Test(batch, forgets_the_one_before)
{
	cr_assert(JSON("{\"events\":[{\"stream\":\"s\",\"type\":\"T\",\"data\":1,\"tags\":[\"x\"],"
	               "\"meta\":{"
	               "\"k\":\"v\"},\"expect\":1}],\"check\":[{\"stream\":\"c\",\"expect\":1}],"
	               "\"condition\":{\"fail_if\":[{\"tags\":[\"x\"]}],\"after\":3}}"));
	cr_assert(JSON("{\"events\":[{\"stream\":\"s\",\"type\":\"T\",\"data\":1}]}"));
	cr_expect_eq(request.batch.check_count, 0u);
	cr_expect_eq(request.batch.checks.size, 0u);
	cr_expect_eq(request.batch.items.size, 0u);
	cr_expect_eq(request.batch.after, 0u);
	struct nc_event event = event_at(0);
	cr_expect_eq(event.tags.size, 0u);
	cr_expect_eq(event.meta.size, 0u);
}

/* `count` events, as JSON; `fmt` makes one from its number. */
static bool many(const char *fmt, unsigned count)
{
	struct nc_buf body = { 0 };
	nc_buf_put_str(&body, "{\"events\":[");
	for (unsigned i = 0; i < count; i++) {
		char event[120];
		(void)snprintf(event, sizeof event, fmt, i % 1000);
		nc_buf_printf(&body, "%s%s", i == 0 ? "" : ",", event);
	}
	nc_buf_put_str(&body, "]}");
	decoder.payload_size_max = 1u << 20; /* the answer is to fit, too */
	bool ok = decode(body.data, body.size, false);
	nc_buf_release(&body);
	return ok;
}

Test(batch, takes_a_thousand_events_and_not_one_more)
{
	const char *fmt = "{\"stream\":\"s%u\",\"type\":\"T\",\"data\":1}";
	cr_expect(many(fmt, NC_BATCH_EVENTS_MAX), "%s", refusal.text);
	cr_expect_eq(request.batch.event_count, NC_BATCH_EVENTS_MAX);
	refused(many(fmt, NC_BATCH_EVENTS_MAX + 1), NC_FAULT_REQUEST, "1000");
}

Test(batch, refuses_what_could_not_be_answered)
{
	struct nc_buf body = { 0 };
	nc_buf_put_str(&body, "{\"events\":[{\"stream\":\"s\",\"type\":\"T\",\"data\":1}],"
	                      "\"check\":[{\"stream\":\"c\",\"expect\":1}");
	for (int i = 0; i < 40; i++)
		nc_buf_put_str(&body, ",{\"stream\":\"c\",\"expect\":1}");
	nc_buf_put_str(&body, "]}");
	decoder.payload_size_max = 512 + 42 * (1 + 72);
	cr_expect(decode(body.data, body.size, false), "%s", refusal.text);
	decoder.payload_size_max--;
	refused(decode(body.data, body.size, false), NC_FAULT_TOO_LARGE, "answer");
	nc_buf_release(&body);
}

Test(batch, refuses_an_id_twice_on_one_stream_among_many)
{
	const char *fmt = "{\"stream\":\"s\",\"type\":\"T\",\"data\":1,\"id\":\"e%u\"}";
	cr_expect(many(fmt, 1000), "%s", refusal.text);
	fmt = "{\"stream\":\"s\",\"type\":\"T\",\"data\":1,\"id\":\"one\",\"expect\":%u}";
	refused(many(fmt, 2), NC_FAULT_ID_REUSED, "same id 'one'");
	fmt = "{\"stream\":\"s%u\",\"type\":\"T\",\"data\":1,\"id\":\"one\"}";
	cr_expect(many(fmt, 1000), "%s", refusal.text);
}

Test(batch, holds_each_event_against_the_sizes)
{
	char body[3000], data[2001];
	memset(data, 'x', sizeof data);
	(void)snprintf(body, sizeof body,
	               "{\"events\":[{\"stream\":\"s\",\"type\":\"T\",\"data\":\"%.*s\"}]}", 998,
	               data);
	cr_expect(JSON(body), "%s", refusal.text);
	(void)snprintf(body, sizeof body,
	               "{\"events\":[{\"stream\":\"s\",\"type\":\"T\",\"data\":\"%.*s\"}]}", 999,
	               data);
	refused(JSON(body), NC_FAULT_TOO_LARGE, "larger than the store allows");
	(void)snprintf(body, sizeof body,
	               "{\"events\":[{\"stream\":\"s\",\"type\":\"T\",\"data\":1,\"meta\":{\"k\":"
	               "\"%.*s\"}}"
	               "]}",
	               2000, data);
	cr_expect(JSON(body), "%s", refusal.text);
	decoder.payload_size_max = 4048;
	refused(JSON(body), NC_FAULT_TOO_LARGE, "max_payload");
}

Test(batch, spells_base64_strictly)
{
	static const struct {
		const char *text, *bytes; /* NULL: refused */
	} cases[] = {
		{ "", "" },        { "Zg==", "f" },        { "Zm8=", "fo" },
		{ "Zm9v", "foo" }, { "Zm9vYg==", "foob" }, { "Zg=", NULL },
		{ "Zg", NULL },    { "Zh==", NULL },       { "Zm9=", NULL },
		{ "Z===", NULL },  { "====", NULL },       { "Zg==Zg==", NULL },
		{ "Zm 9", NULL },  { "Zm-_", NULL },       { "Zm=v", NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct nc_buf bytes = { 0 };
		int err = nc_base64_get(nc_slice_str(cases[i].text), &bytes);
		cr_expect_eq(err, cases[i].bytes == NULL ? NC_INVALID : NC_OK, "%s", cases[i].text);
		if (cases[i].bytes != NULL) {
			expect_text(nc_buf_slice(&bytes), cases[i].bytes);
		} else {
			cr_expect_eq(bytes.size, 0u, "%s", cases[i].text);
		}
		nc_buf_release(&bytes);
	}
}

Test(batch, does_not_go_into_messagepack_without_end)
{
	char deep[3000];
	memset(deep, '\x91', sizeof deep);
	struct nc_buf text = { 0 };
	struct nc_wire wire;
	struct nc_wire_token token;
	int err = NC_OK;
	nc_wire_init_msgpack(&wire, nc_slice(deep, sizeof deep), &text);
	for (int i = 0; err == NC_OK; i++) {
		cr_assert_leq(i, NC_WIRE_DEPTH_MAX);
		err = nc_wire_next(&wire, &token);
	}
	cr_expect_eq(err, NC_INVALID);
	nc_buf_release(&text);
}
