/* SPDX-License-Identifier: Apache-2.0 */
/* For each OrderPlaced append one ParcelPrepared: the acknowledgement and what follows from the
 * event are one entry of the log, so that either both are there or neither, whoever crashes when.
 * usage: exactly_once URL [COUNT] */
#include "connect.h"

#define SUBSCRIPTION "shipping"

/* NACRE_OK: it is done. A batch may be sent again, with the ids that its events were given. */
static int ship(struct nacre_client *client, const struct nacre_delivery *delivery,
                struct nacre_error *error)
{
	char stream[300];
	struct nacre_batch *batch;
	struct nacre_append parcel = { 0 };
	(void)snprintf(stream, sizeof stream, "parcels.%s", delivery->event->stream);
	parcel.stream = stream;
	parcel.type = "ParcelPrepared";
	parcel.data = delivery->event->data;
	parcel.size = delivery->event->size;
	parcel.expect = NACRE_EXPECT_ANY;
	int result = nacre_batch_new(&batch);
	if (result != NACRE_OK)
		return result;
	result = nacre_batch_add(batch, &parcel, error);
	if (result == NACRE_OK)
		result = nacre_batch_ack(batch, delivery->reply, error);
	do {
		if (result == NACRE_OK || result == NACRE_UNAVAILABLE)
			result = nacre_batch_send(client, batch, NULL, error);
	} while (result == NACRE_UNAVAILABLE);
	nacre_batch_free(batch);
	return result;
}

int main(int argc, char **argv)
{
	struct nacre_client *client = connect_to(argc > 1 ? argv[1] : "nats://127.0.0.1:4222");
	long left = argc > 2 ? strtol(argv[2], NULL, 10) : -1;
	const struct nacre_consume how = { .batch = 10 };
	struct nacre_subscription *sub;
	struct nacre_error error = { 0 };
	if (nacre_sub_create(
	            client, SUBSCRIPTION,
	            "{\"filter\":{\"plugin\":\"by_event_type\",\"selector\":\"OrderPlaced\"},"
	            "\"ack_wait_ms\":2000,\"max_deliver\":1000}",
	            NULL, &error) != NACRE_OK)
		die("create", &error);
	if (nacre_subscribe(client, SUBSCRIPTION, &how, &sub, &error) != NACRE_OK)
		die("subscribe", &error);
	while (left != 0) {
		const struct nacre_delivery *delivery;
		int result = nacre_next(sub, 10000, &delivery, &error);
		if (result == NACRE_REFUSED)
			die("next", &error);
		if (result != NACRE_OK)
			continue;
		unsigned long long pos = delivery->event->pos;
		result = ship(client, delivery, &error);
		/* 409/40904: it was done before, by whoever had it then. */
		if (result == NACRE_OK) {
			(void)printf("shipped %llu\n", pos);
		} else if (error.err_code != 40904) {
			die("batch", &error);
		}
		(void)fflush(stdout);
		left -= left > 0 && result == NACRE_OK;
	}
	nacre_unsubscribe(sub);
	nacre_close(client);
	return 0;
}
