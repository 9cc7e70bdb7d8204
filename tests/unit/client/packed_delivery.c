/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packed deliveries, whole, cut and wrong: given or not understood, never a crash.
 * usage: unit_client_packed_delivery URL */
#include "store.h"

static const char json[] =
        "[{\"stream\":\"s\",\"type\":\"T\\\\\\u00e9\",\"seq\":5,\"pos\":5,\"time\":\"2020\",\"id\":"
        "\"x\","
        "\"tags\":[\"a\",\"b\"],\"meta\":{\"k\":\"v\",\"l\":[\"w\",\"x\"]},\"delivery\":2,"
        "\"data\":{\"n\":[1]}},"
        "{\"stream\":\"s\",\"type\":\"T\",\"seq\":6,\"pos\":6,\"time\":\"2020\",\"id\":\"y\","
        "\"tags\":[],\"meta\":{},\"delivery\":1,\"other\":[{}],\"data_base64\":\"/wA=\"}]";

static const char msgpack[] = "\x92"
                              "\x87\xa6stream\xa1s\xa4type\xa3T\xc3\xa9\xa3seq\x05\xa3pos\x05"
                              "\xa4tags\x92\xa1"
                              "a\xa1"
                              "b\xa8"
                              "delivery\x02\xa4"
                              "data\xc4\x02{}"
                              "\x86\xa6stream\xa1s\xa4type\xa1T\xa3seq\x06\xa3pos\x06\xa8"
                              "delivery\x01\xa4"
                              "data\xc4\x02\xff\0";

static struct nacre_subscription *sub;

/* Take until an error, or both of them; whether they were as they should be. */
static int take_two(bool *fine_out)
{
	const struct nacre_delivery *got;
	int result = NACRE_OK;
	*fine_out = true;
	for (uint64_t i = 0; i < 2 && result == NACRE_OK; i++) {
		char reply[64];
		result = nacre_next(sub, 5000, &got, NULL);
		if (result != NACRE_OK)
			break;
		(void)snprintf(reply, sizeof reply, "es.hostile.ack.s.1.%d.%d", i == 0 ? 5 : 6,
		               i == 0 ? 2 : 1);
		*fine_out = *fine_out && got->event->pos == 5 + i && got->event->seq == 5 + i &&
		            strcmp(got->reply, reply) == 0 && got->attempt == 2 - i &&
		            got->left == 1 - i && got->pending == 7 + 1 - i && got->pending_known &&
		            strcmp(got->event->tags, i == 0 ? "a,b" : "") == 0 &&
		            (i == 0 || memcmp(got->event->data, "\xff\0", 2) == 0) &&
		            strcmp(nacre_header(sub, "Es-Subscription"), "s") == 0;
	}
	return result;
}

static void wholly_or_not(const char *type, const char *whole, size_t size, const char *what)
{
	char bytes[1024];
	struct message message = { .body = bytes,
		                   .size = (int)size,
		                   .headers = { "Content-Type", type, "Es-Subscription", "s",
		                                "Es-Pending", "7" } };
	bool two = false, fine = true;
	memcpy(bytes, whole, size);
	will_answer(&message, 1);
	expect(take_two(&two) == NACRE_OK && two, what);
	for (message.size = 0; message.size < (int)size; message.size++)
		fine = fine && take_two(&two) == NACRE_PROTOCOL;
	expect(fine, "cut anywhere it is not understood");
	static const char others[] = { '\0',   '"',    '\\',   '{',    ']',
		                       ',',    '1',    '\x80', '\x9f', '\xbf',
		                       '\xc1', '\xc6', '\xcf', '\xdd', '\xff' };
	message.size = (int)size;
	for (size_t at = 0; at < size; at++) {
		for (size_t i = 0; i < sizeof others; i++) {
			memcpy(bytes, whole, size);
			bytes[at] = others[i];
			int result = take_two(&two);
			fine = fine && (result == NACRE_PROTOCOL || result == NACRE_OK);
		}
	}
	expect(fine, "and with any byte another it is given, or not understood");
}

static void is_not_understood(const char *reply, const char *type, const char *body,
                              const char *what)
{
	const struct message message = { .body = body,
		                         .size = -1,
		                         .headers = { "Content-Type", type } };
	const char *usual = answer_reply;
	bool two;
	answer_reply = reply;
	will_answer(&message, 1);
	expect(take_two(&two) == NACRE_PROTOCOL, what);
	answer_reply = usual;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	sub = pull_open(argv[1], &(struct nacre_consume){ .batch = 1, .packed = true });
	answer_reply = "es.hostile.ack.s.1.6.1";
	wholly_or_not("application/json", json, sizeof json - 1, "JSON is given, an event a call");
	wholly_or_not("application/msgpack", msgpack, sizeof msgpack - 1, "so is MessagePack");
	is_not_understood(answer_reply, "text/plain", json, "another form is not");
	is_not_understood("es.hostile.ack.s.1.6.2", "application/json", json,
	                  "nor a subject of another attempt than the last event's");
	is_not_understood("es.hostile.ack.s.1.7.1", "application/json", json,
	                  "of another position");
	is_not_understood("6.1", "application/json", json, "of two tokens");
	is_not_understood("a.b.x", "application/json", json, "without numbers");
	is_not_understood(answer_reply, "application/json", "[]", "nor none at all");
	is_not_understood(answer_reply, "application/json", "[1]", "nor what is no event");
	is_not_understood(answer_reply, "application/json", "[{\"a\\u0000\":1}]", "nor nonsense");
	nacre_unsubscribe(sub);
	nacre_close(client);
	natsConnection_Destroy(store_nc);
	return failed != 0;
}
