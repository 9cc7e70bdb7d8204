/* SPDX-License-Identifier: Apache-2.0 */
/* Append at an expected version, append many at once, read back. usage: append URL */
#include "connect.h"

/* Nobody else has placed it: the stream must not exist. Asked again after a fault, the id makes it
 * the same event. */
static uint64_t place(struct nacre_client *client)
{
	struct nacre_append event = { 0 };
	struct nacre_appended appended;
	struct nacre_error error;
	event.stream = "orders.42";
	event.type = "OrderPlaced";
	event.data = "{\"total\":9}";
	event.size = strlen(event.data);
	event.expect = NACRE_EXPECT_NONE;
	event.id = "place-42";
	if (nacre_append(client, &event, &appended, &error) != NACRE_OK)
		die("append", &error);
	return appended.seq;
}

/* Each paid item goes on top of the version before it: whoever came in between is not overwritten.
 */
static void pay(struct nacre_client *client, uint64_t version)
{
	struct nacre_append event = { 0 };
	struct nacre_error error;
	event.stream = "orders.42";
	event.type = "OrderPaid";
	event.data = "{\"by\":\"card\"}";
	event.size = strlen(event.data);
	event.expect = (int64_t)version;
	if (nacre_append(client, &event, NULL, &error) == NACRE_OK) {
		(void)printf("paid\n");
	} else if (error.err_code == 10071) {
		(void)printf("somebody came in between: %s\n", error.description);
	} else {
		die("append", &error);
	}
}

static void on_measured(void *ctx, int result, const struct nacre_appended *appended,
                        const struct nacre_error *error)
{
	(void)appended;
	(void)error;
	if (result == NACRE_OK)
		++*(int *)ctx;
}

/* A thousand on their way at a time; each answer counts for one. */
static void measure(struct nacre_client *client)
{
	int done = 0;
	struct nacre_error error;
	struct nacre_append event = { 0 };
	event.stream = "sensors.7";
	event.type = "Measured";
	event.data = "{\"celsius\":21}";
	event.size = strlen(event.data);
	event.expect = NACRE_EXPECT_ANY;
	for (int i = 0; i < 5000; i++) {
		if (nacre_append_async(client, &event, on_measured, &done, &error) != NACRE_OK)
			die("append", &error);
	}
	if (nacre_flush(client, -1, &error) != NACRE_OK)
		die("flush", &error);
	(void)printf("measured %d times\n", done);
}

static void show(struct nacre_client *client)
{
	struct nacre_read read = { 0 };
	struct nacre_reader *reader;
	const struct nacre_event *event;
	struct nacre_error error;
	int result;
	read.source = NACRE_STREAM;
	read.name = "orders.42";
	if (nacre_read_open(client, &read, &reader, &error) != NACRE_OK)
		die("read", &error);
	while ((result = nacre_read_next(reader, &event, &error)) == NACRE_OK) {
		(void)printf("%s@%llu %s %.*s\n", event->stream, (unsigned long long)event->seq,
		             event->type, (int)event->size, (const char *)event->data);
	}
	if (result != NACRE_END)
		die("read", &error);
	nacre_read_close(reader);
}

int main(int argc, char **argv)
{
	struct nacre_client *client = connect_to(argc > 1 ? argv[1] : "nats://127.0.0.1:4222");
	uint64_t version = place(client);
	pay(client, version);
	pay(client, version);
	measure(client);
	show(client);
	nacre_close(client);
	return 0;
}
