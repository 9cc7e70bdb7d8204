/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packed deliveries through libnacre, pushed and pulled: many events in one message, given one at a
 * time. usage: unit_client_consume_packed URL */
#include "subs.h"

#define FILTER "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"p\"},"

/* Whether it is the event that fill() appended at this version, with all its members. */
static bool is_order(const struct nacre_delivery *got, uint64_t seq)
{
	const struct nacre_event *event = got->event;
	return event->seq == seq && event->pos > 0 && event->size == 7 &&
	       memcmp(event->data, "{\"n\":1}", 7) == 0 && strcmp(event->stream, "p") == 0 &&
	       strcmp(event->type, "Order.Placed") == 0 && strlen(event->time) == 30 &&
	       strcmp(event->content_type, "application/json") == 0 &&
	       strcmp(event->tags, "customer:7,vip") == 0 && event->meta_count == 3 &&
	       strcmp(event->meta[2].value, "b") == 0 && got->stored_size == 7;
}

/* Take events `from` to `to`, answering for the last of each message alone; whether all were right.
 * `messages_out`: how many there were. */
static bool take(struct nacre_subscription *sub, uint64_t from, uint64_t to, int *messages_out)
{
	bool fine = true;
	*messages_out = 0;
	for (uint64_t seq = from; seq <= to; seq++) {
		const struct nacre_delivery *got = next(sub);
		fine = fine && is_order(got, seq) && got->attempt == 1 &&
		       strncmp(got->reply, "es.shop.ack.", 12) == 0;
		if (got->left > 0)
			continue;
		*messages_out += 1;
		fine = fine && nacre_ack(client, got->reply, true, NULL) == NACRE_OK;
	}
	return fine;
}

static void pushed(const char *name, const char *format)
{
	char definition[256], subject[32];
	int messages;
	(void)snprintf(subject, sizeof subject, "work.%s", name);
	(void)snprintf(definition, sizeof definition,
	               FILTER "\"ack\":\"all\",\"start\":\"new\","
	                      "\"deliver\":{\"subject\":\"%s\",\"format\":\"%s\"}}",
	               subject, format);
	struct nacre_subscription *sub = listen_from_first(name, definition);
	bool fine = take(sub, 1, 300, &messages);
	expect(fine && messages < 30, "a push in packed form gives each event, an ack a message");
	expect(silent(sub) && comes_to(name, "ack_floor", 300) && comes_to(name, "in_flight", 0),
	       "and that is about all of them");
	nacre_unsubscribe(sub);
}

static void pulled(void)
{
	const struct nacre_consume how = { .packed = true, .batch = 64 };
	int messages;
	make("pulled", FILTER "\"ack\":\"all\"}");
	struct nacre_subscription *sub = consume("pulled", &how);
	bool fine = take(sub, 1, 300, &messages);
	expect(fine && messages < 60, "a pull asks for packed events");
	expect(silent(sub) && comes_to("pulled", "in_flight", 0), "and they are done");
	nacre_unsubscribe(sub);
}

static void each_is_answered_by_itself(void)
{
	const struct nacre_consume ten = { .packed = true, .batch = 10, .limit = 10 };
	const struct nacre_delivery *got;
	make("each", FILTER "\"ack\":\"all\",\"ack_wait_ms\":60000}");
	struct nacre_subscription *sub = consume("each", &ten);
	uint64_t third = 0;
	for (uint64_t seq = 1; seq <= 10; seq++) {
		got = next(sub);
		if (seq == 3 && nacre_ack(client, got->reply, true, NULL) == NACRE_OK)
			third = got->event->pos;
	}
	expect(nacre_next(sub, WAIT_MS, &got, NULL) == NACRE_END, "a limit counts events");
	nacre_unsubscribe(sub);
	expect(comes_to("each", "ack_floor", third) && comes_to("each", "in_flight", 7),
	       "an ack within a message is about the events up to it");
}

static void a_refusal_of_the_last_is_about_the_message(void)
{
	const struct nacre_consume five = { .packed = true, .batch = 5, .limit = 10 };
	make("nak", FILTER "\"ack\":\"all\",\"ack_wait_ms\":60000}");
	struct nacre_subscription *sub = consume("nak", &five);
	const struct nacre_delivery *got;
	do {
		got = next(sub);
	} while (got->left > 0);
	bool fine = got->event->seq == 5 && nacre_nak(client, got->reply, 0, NULL) == NACRE_OK;
	for (uint64_t seq = 1; seq <= 5; seq++) {
		got = next(sub);
		fine = fine && got->event->seq == seq && got->attempt == 2;
	}
	expect(fine, "what is refused with the last comes again whole");
	nacre_unsubscribe(sub);
}

static void sizes_only(void)
{
	make("bare",
	     FILTER "\"ack\":\"none\",\"headers_only\":true,\"deliver\":{\"subject\":\"work.bare\","
	            "\"format\":\"json\"}}");
	struct nacre_subscription *sub = consume("bare", NULL);
	const struct nacre_delivery *got = next(sub);
	expect(got->event->size == 2 && memcmp(got->event->data, "{}", 2) == 0 &&
	               got->stored_size == 7,
	       "headers_only tells the size");
	nacre_unsubscribe(sub);
}

static void asks_for_what_cannot_be(void)
{
	const struct nacre_consume how = { .packed = true };
	const struct nacre_delivery *got;
	struct nacre_error error;
	make("explicit", FILTER "\"ack\":\"explicit\"}");
	struct nacre_subscription *sub = consume("explicit", &how);
	expect(nacre_next(sub, WAIT_MS, &got, &error) == NACRE_REFUSED && error.code == 400 &&
	               error.err_code == 10003,
	       "with ack explicit packed events are refused");
	nacre_unsubscribe(sub);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	client = connect_to(argv[1], "shop", 10000);
	fill("p", 300);
	pushed("json", "json");
	pushed("msgpack", "msgpack");
	pulled();
	each_is_answered_by_itself();
	a_refusal_of_the_last_is_about_the_message();
	sizes_only();
	asks_for_what_cannot_be();
	nacre_close(client);
	return failed != 0;
}
