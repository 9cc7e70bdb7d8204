/* SPDX-License-Identifier: Apache-2.0 */
/* A seat is taken once, whichever stream says so: a dynamic consistency boundary.
 * usage: booking URL SEAT CUSTOMER */
#include "connect.h"

/* What the decision rests on: the events of type SeatTaken that bear the seat's tag. */
static const char *const types[] = { "SeatTaken" };

/* Whether the seat is taken, and the head at which that was so. */
static bool is_taken(struct nacre_client *client, const struct nacre_item *boundary,
                     uint64_t *head_out)
{
	struct nacre_read read = { 0 };
	struct nacre_reader *reader;
	const struct nacre_event *event;
	struct nacre_error error = { 0 };
	bool taken = false;
	int result;
	read.source = NACRE_QUERY;
	read.items = boundary;
	read.item_count = 1;
	if (nacre_read_open(client, &read, &reader, &error) != NACRE_OK)
		die("read", &error);
	while ((result = nacre_read_next(reader, &event, &error)) == NACRE_OK)
		taken = true;
	if (result != NACRE_END)
		die("read", &error);
	*head_out = nacre_read_head(reader);
	nacre_read_close(reader);
	return taken;
}

/* NACRE_OK, or NACRE_REFUSED with 409/40902: somebody else took it since. */
static int take(struct nacre_client *client, const struct nacre_item *boundary, uint64_t head,
                const char *customer, struct nacre_error *error)
{
	char stream[200];
	struct nacre_batch *batch;
	struct nacre_append event = { 0 };
	(void)snprintf(stream, sizeof stream, "customers.%s", customer);
	event.stream = stream;
	event.type = "SeatTaken";
	event.data = "{}";
	event.size = 2;
	event.expect = NACRE_EXPECT_ANY;
	event.tags = boundary->tags;
	event.tag_count = boundary->tag_count;
	int result = nacre_batch_new(&batch);
	if (result != NACRE_OK)
		return result;
	result = nacre_batch_add(batch, &event, error);
	if (result == NACRE_OK)
		result = nacre_batch_condition(batch, boundary, 1, head, error);
	if (result == NACRE_OK)
		result = nacre_batch_send(client, batch, NULL, error);
	nacre_batch_free(batch);
	return result;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 64;
	char seat[64];
	(void)snprintf(seat, sizeof seat, "seat:%s", argv[2]);
	const char *const tags[] = { seat };
	const struct nacre_item boundary = { types, 1, tags, 1 };
	struct nacre_client *client = connect_to(argv[1]);
	struct nacre_error error = { 0 };
	uint64_t head;
	bool booked = false, lost = false;
	while (!booked && !lost) {
		lost = is_taken(client, &boundary, &head);
		if (lost)
			break;
		int result = take(client, &boundary, head, argv[3], &error);
		booked = result == NACRE_OK;
		if (!booked && error.err_code != 40902)
			die("batch", &error);
		if (!booked) { /* decide anew, on what is there now */
			(void)printf("somebody was faster, by the event at %llu\n",
			             (unsigned long long)error.pos);
		}
	}
	(void)printf("%s %s\n", booked ? "booked" : "already taken:", argv[2]);
	nacre_close(client);
	return booked ? 0 : 3;
}
