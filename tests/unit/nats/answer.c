/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers, as bytes. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "transport/nats/event_message.h"
#include "transport/nats/packed.h"
#include "transport/nats/reply.h"
#include "transport/nats/srv.h"

static void is(const struct nc_buf *have, const char *want)
{
	cr_expect(nc_slice_is(nc_buf_slice(have), want), "have %.*s\nwant %s", (int)have->size,
	          (const char *)have->data, want);
}

Test(answer, acknowledges_as_jetstream_does)
{
	struct nc_buf out = { 0 };
	struct nc_outcome outcome = { .stream = NC_SLICE("a\"b"), .version = 3, .position = 1042 };
	nc_reply_append(&out, &outcome);
	is(&out, "{\"stream\":\"a\\\"b\",\"seq\":3,\"pos\":1042}");
	outcome.duplicate = true;
	nc_reply_append(&out, &outcome);
	is(&out, "{\"stream\":\"a\\\"b\",\"seq\":3,\"pos\":1042,\"duplicate\":true}");
	nc_buf_release(&out);
}

Test(answer, errors_in_both_forms)
{
	struct nc_buf out = { 0 };
	size_t header_size = nc_reply_error(&out, NC_FAULT_EXPECTATION, "wrong last sequence: 3",
	                                    NC_SLICE("Es-Node: n1\r\n"));
	is(&out,
	   "NATS/1.0\r\nNats-Service-Error: wrong last sequence: 3\r\nNats-Service-Error-Code: "
	   "400\r\n"
	   "Es-Node: n1\r\n\r\n{\"error\":{\"code\":400,\"err_code\":10071,\"description\":\"wrong "
	   "last sequence: 3\"}}");
	cr_expect_eq(out.data[header_size], '{');
	nc_buf_release(&out);
}

Test(answer, closes_a_read)
{
	struct nc_buf out = { 0 };
	const struct nc_query_end end = {
		.head = 9, .next = 4, .pending_known = true, .pending = 6
	};
	size_t header_size = nc_reply_end(&out, &end, nc_slice(NULL, 0));
	is(&out, "NATS/1.0 204 EOB\r\nNats-Num-Pending: 6\r\nEs-Next: 4\r\nEs-Head: 9\r\n\r\n");
	cr_expect_eq(header_size, out.size);
	nc_buf_release(&out);
}

static struct nc_event sample(struct nc_buf *tags, struct nc_buf *meta)
{
	nc_event_tag_put(tags, NC_SLICE("a"));
	nc_event_tag_put(tags, NC_SLICE("b"));
	nc_event_meta_put(meta, NC_SLICE("user"), NC_SLICE("7"));
	nc_event_meta_put(meta, NC_SLICE("x"), NC_SLICE("1"));
	nc_event_meta_put(meta, NC_SLICE("user"), NC_SLICE("8"));
	return (struct nc_event){ .position = 5,
		                  .version = 2,
		                  .time_ns = 1,
		                  .stream = NC_SLICE("o.1"),
		                  .type = NC_SLICE("P.Q"),
		                  .id = NC_SLICE("e"),
		                  .content_type = NC_SLICE("c/t"),
		                  .tags = nc_buf_slice(tags),
		                  .tag_count = 2,
		                  .meta = nc_buf_slice(meta),
		                  .data = NC_SLICE("{\"a\": 1}") };
}

Test(answer, writes_an_event_with_all_its_headers)
{
	struct nc_buf out = { 0 }, tags = { 0 }, meta = { 0 };
	struct nc_event event = sample(&tags, &meta);
	size_t header_size = 0;
	nc_event_message_put(&out, "es.shop", &event, NC_SLICE("Es-Node: n1\r\n"), &header_size);
	is(&out,
	   "NATS/1.0\r\nEs-Stream: o.1\r\nEs-Type: P.Q\r\nNats-Sequence: 2\r\nEs-Position: 5\r\n"
	   "Nats-Time-Stamp: 1970-01-01T00:00:00.000000001Z\r\nNats-Msg-Id: e\r\nEs-Tags: a,b\r\n"
	   "Content-Type: c/t\r\nNats-Subject: es.shop.append.P=2EQ.o.1\r\nuser: 7\r\nx: "
	   "1\r\nuser: 8\r\n"
	   "Es-Node: n1\r\n\r\n{\"a\": 1}");
	cr_expect_eq(out.size - header_size, event.data.size);
	nc_buf_release(&out);
	nc_buf_release(&tags);
	nc_buf_release(&meta);
}

Test(answer, packs_events_and_says_when_there_is_no_room)
{
	struct nc_buf tags = { 0 }, meta = { 0 };
	struct nc_event event = sample(&tags, &meta);
	struct nc_packed packed = { .format = NC_FORMAT_JSON, .size_max = 500 };
	cr_expect_eq(nc_packed_take(&packed).size, 0u);
	cr_assert_eq(nc_packed_add(&packed, &event), NC_OK);
	cr_assert_eq(nc_packed_add(&packed, &event), NC_OK);
	cr_assert_eq(nc_packed_add(&packed, &event), NC_FULL);
	struct nc_slice body = nc_packed_take(&packed);
	const char *one = "{\"stream\":\"o.1\",\"type\":\"P.Q\",\"seq\":2,\"pos\":5,\"time\":"
	                  "\"1970-01-01T00:00:"
	                  "00.000000001Z\",\"id\":\"e\",\"content_type\":\"c/"
	                  "t\",\"tags\":[\"a\",\"b\"],\"meta\":{"
	                  "\"user\":[\"7\",\"8\"],\"x\":\"1\"},\"data\":{\"a\": 1}}";
	struct nc_buf want = { 0 };
	nc_buf_printf(&want, "[%s,%s]", one, one);
	cr_expect(nc_slice_eq(body, nc_buf_slice(&want)), "%.*s", (int)body.size, body.data);
	packed.size_max = 100;
	cr_expect_eq(nc_packed_add(&packed, &event), NC_TOOBIG);
	packed.size_max = 1000;
	event.data = NC_SLICE("\xff\x00");
	cr_assert_eq(nc_packed_add(&packed, &event), NC_OK);
	body = nc_packed_take(&packed);
	cr_expect_not_null(memmem(body.data, body.size, "\"data_base64\":\"/wA=\"", 20));
	nc_packed_release(&packed);
	nc_buf_release(&want);
	nc_buf_release(&tags);
	nc_buf_release(&meta);
}

Test(answer, packs_messagepack_in_its_shortest_forms)
{
	static const char head[] = "\xdd\0\0\0\1\x8a"
	                           "\xa6"
	                           "stream"
	                           "\xa3"
	                           "o.1"
	                           "\xa4"
	                           "type"
	                           "\xa3"
	                           "P.Q"
	                           "\xa3"
	                           "seq"
	                           "\x02"
	                           "\xa3"
	                           "pos"
	                           "\x05"
	                           "\xa4"
	                           "time"
	                           "\xbe"
	                           "1970-01-01T00:00:00.000000001Z"
	                           "\xa2"
	                           "id"
	                           "\xa1"
	                           "e"
	                           "\xac"
	                           "content_type"
	                           "\xa3"
	                           "c/t"
	                           "\xa4"
	                           "tags"
	                           "\x92"
	                           "\xa1"
	                           "a"
	                           "\xa1"
	                           "b"
	                           "\xa4"
	                           "meta"
	                           "\x82"
	                           "\xa4"
	                           "user"
	                           "\x92"
	                           "\xa1"
	                           "7"
	                           "\xa1"
	                           "8"
	                           "\xa1"
	                           "x"
	                           "\xa1"
	                           "1"
	                           "\xa4"
	                           "data"
	                           "\xc4"
	                           "\x08"
	                           "{\"a\": 1}";
	struct nc_buf tags = { 0 }, meta = { 0 };
	struct nc_event event = sample(&tags, &meta);
	struct nc_packed packed = { .format = NC_FORMAT_MSGPACK, .size_max = 400 };
	cr_assert_eq(nc_packed_add(&packed, &event), NC_OK);
	struct nc_slice body = nc_packed_take(&packed);
	cr_expect(nc_slice_eq(body, nc_slice(head, sizeof head - 1)));
	for (uint32_t count = 0; nc_packed_add(&packed, &event) == NC_OK;)
		cr_assert_eq(packed.count, ++count);
	cr_expect_eq(packed.count, 2u, "%u", packed.count);
	body = nc_packed_take(&packed);
	cr_expect(body.size <= 400 && body.data[4] == 2);
	cr_expect_eq(body.size, 5 + 2 * (sizeof head - 1 - 5), "what had no room was left out");
	nc_packed_release(&packed);
	nc_buf_release(&tags);
	nc_buf_release(&meta);
}

Test(answer, makes_ids_of_a_process_that_differ)
{
	char a[NC_SRV_ID_SIZE], b[NC_SRV_ID_SIZE];
	nc_srv_id_make(a);
	nc_srv_id_make(b);
	cr_expect_str_neq(a, b);
	cr_expect_eq(strlen(a), (size_t)NC_SRV_ID_SIZE - 1);
}

Test(answer, packs_deliveries_with_their_attempt_and_without_data_with_its_size)
{
	struct nc_buf tags = { 0 }, meta = { 0 };
	struct nc_event event = sample(&tags, &meta);
	struct nc_packed packed = { .format = NC_FORMAT_JSON, .size_max = 1000 };
	const struct nc_packed_delivery whole = { .attempt = 3 },
	                                bare = { .attempt = 1, .bare = true };
	cr_assert_eq(nc_packed_add_delivery(&packed, &event, &whole), NC_OK);
	cr_assert_eq(nc_packed_add_delivery(&packed, &event, &bare), NC_OK);
	struct nc_slice body = nc_packed_take(&packed);
	static const char ends[] = "\"x\":\"1\"},\"delivery\":3,\"data\":{\"a\": 1}},{";
	cr_expect_not_null(memmem(body.data, body.size, ends, sizeof ends - 1), "%.*s",
	                   (int)body.size, (const char *)body.data);
	static const char sized[] = "\"delivery\":1,\"size\":8}]";
	cr_expect_not_null(memmem(body.data, body.size, sized, sizeof sized - 1));
	packed.format = NC_FORMAT_MSGPACK;
	cr_assert_eq(nc_packed_add_delivery(&packed, &event, &bare), NC_OK);
	body = nc_packed_take(&packed);
	cr_expect_eq(body.data[5], 0x80 | 11, "its members");
	cr_expect_not_null(memmem(body.data, body.size,
	                          "\xa8"
	                          "delivery\x01\xa4size\x08",
	                          16));
	nc_packed_release(&packed);
	nc_buf_release(&tags);
	nc_buf_release(&meta);
}
