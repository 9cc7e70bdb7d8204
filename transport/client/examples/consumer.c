/* SPDX-License-Identifier: Apache-2.0 */
/* Work through a subscription: done, again later, never again. Start it as often as you like: the
 * consumers of one subscription share its events. usage: consumer URL [COUNT] */
#include "connect.h"

#define SUBSCRIPTION "billing"

static bool has(const struct nacre_event *event, const char *text)
{
	size_t size = strlen(text);
	for (size_t at = 0; at + size <= event->size; at++) {
		if (memcmp((const char *)event->data + at, text, size) == 0)
			return true;
	}
	return false;
}

/* An answer that is lost is no harm: the event comes again. So work must bear being done twice, or
 * see exactly_once.c. */
static void work(struct nacre_client *client, const struct nacre_delivery *delivery)
{
	const struct nacre_event *event = delivery->event;
	struct nacre_error error;
	int result;
	(void)printf("%s@%llu, attempt %u: ", event->stream, (unsigned long long)event->seq,
	             delivery->attempt);
	if (has(event, "\"total\":0")) {
		result = nacre_term(client, delivery->reply, "nothing to bill", &error);
		(void)printf("never\n");
	} else if (has(event, "\"slow\"") && delivery->attempt == 1) {
		result = nacre_nak(client, delivery->reply, 100, &error);
		(void)printf("later\n");
	} else {
		result = nacre_ack(client, delivery->reply, false, &error);
		(void)printf("billed\n");
	}
	if (result != NACRE_OK)
		(void)fprintf(stderr, "answer: %s\n", error.description);
}

int main(int argc, char **argv)
{
	struct nacre_client *client = connect_to(argc > 1 ? argv[1] : "nats://127.0.0.1:4222");
	long left = argc > 2 ? strtol(argv[2], NULL, 10) : -1;
	struct nacre_subscription *sub;
	struct nacre_error error;
	/* Fine if it exists, as long as it is the same. */
	if (nacre_sub_create(
	            client, SUBSCRIPTION,
	            "{\"filter\":{\"plugin\":\"by_event_type\",\"selector\":\"OrderPlaced\"},"
	            "\"ack_wait_ms\":30000,\"max_deliver\":5}",
	            NULL, &error) != NACRE_OK)
		die("create", &error);
	if (nacre_subscribe(client, SUBSCRIPTION, NULL, &sub, &error) != NACRE_OK)
		die("subscribe", &error);
	while (left != 0) {
		const struct nacre_delivery *delivery;
		int result = nacre_next(sub, 10000, &delivery, &error);
		if (result == NACRE_OK) {
			work(client, delivery);
			left -= left > 0;
		} else if (result == NACRE_REFUSED) {
			die("next", &error);
		} else if (result != NACRE_END) { /* the store will be back */
			(void)fprintf(stderr, "next: %s\n", error.description);
		}
	}
	nacre_unsubscribe(sub);
	nacre_close(client);
	return 0;
}
