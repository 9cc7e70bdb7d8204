/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches through libnacre. usage: unit_client_batch URL */
#include "check.h"

static struct nacre_batch *batch_of(const char *const *streams, size_t count, int64_t at,
                                    const char *id_prefix)
{
	struct nacre_batch *batch = NULL;
	if (nacre_batch_new(&batch) != NACRE_OK)
		exit(2);
	for (size_t i = 0; i < count; i++) {
		char id[64];
		(void)snprintf(id, sizeof id, "%s%zu", id_prefix == NULL ? "" : id_prefix, i);
		const struct nacre_append event =
		        order(streams[i], at, id_prefix == NULL ? NULL : id);
		expect(nacre_batch_add(batch, &event, NULL) == NACRE_OK, "adds an event");
	}
	return batch;
}

static uint64_t head(void)
{
	struct nacre_reply *reply = NULL;
	const struct nacre_request info = { .subject = "store.info", .repeatable = true };
	uint64_t number = 0;
	if (nacre_request(client, &info, &reply, NULL) != NACRE_OK ||
	    !nacre_reply_number(reply, "head", &number))
		exit(2);
	nacre_reply_free(reply);
	return number;
}

static void writes_all(void)
{
	static const char *const streams[] = { "batch.a", "batch.b", "batch.c" };
	struct nacre_appended first[3] = { { 0 } }, again[3] = { { 0 } };
	struct nacre_batch *batch = batch_of(streams, 3, NACRE_EXPECT_NONE, NULL);
	expect(nacre_batch_send(client, batch, first, NULL) == NACRE_OK && first[0].seq == 1 &&
	               first[1].pos == first[0].pos + 1 && first[2].pos == first[0].pos + 2 &&
	               !first[0].duplicate,
	       "a batch is written whole, at consecutive positions");
	expect(nacre_batch_send(client, batch, again, NULL) == NACRE_OK &&
	               again[2].pos == first[2].pos && again[0].duplicate && again[2].duplicate,
	       "sent again, with the ids that it was given, it gets the first answer");
	nacre_batch_free(batch);
	const struct nacre_event *event = NULL;
	expect(nacre_get(client, &(struct nacre_get){ .pos = first[1].pos }, &event, NULL) ==
	                       NACRE_OK &&
	               event->size == 7 && strcmp(event->tags, "customer:7,vip") == 0 &&
	               event->meta_count == 3 && strcmp(event->stream, "batch.b") == 0 &&
	               strcmp(event->content_type, "application/json") == 0,
	       "with tags, metadata and content type");
	nacre_event_free(event);
}

static void keeps_bytes(void)
{
	static const char bytes[] = " \0\xff{";
	struct nacre_batch *batch = NULL;
	struct nacre_appended out;
	const struct nacre_append event = { .stream = "batch.bytes",
		                            .type = "T",
		                            .data = bytes,
		                            .size = sizeof bytes,
		                            .expect = NACRE_EXPECT_ANY };
	const struct nacre_event *got = NULL;
	expect(nacre_batch_new(&batch) == NACRE_OK &&
	               nacre_batch_add(batch, &event, NULL) == NACRE_OK &&
	               nacre_batch_send(client, batch, &out, NULL) == NACRE_OK &&
	               nacre_get(client, &(struct nacre_get){ .pos = out.pos }, &got, NULL) ==
	                       NACRE_OK &&
	               got->size == sizeof bytes && memcmp(got->data, bytes, sizeof bytes) == 0,
	       "data goes as the bytes that it is");
	nacre_event_free(got);
	nacre_batch_free(batch);
}

static void writes_nothing_when_one_expectation_fails(void)
{
	static const char *const streams[] = { "batch.new", "batch.a" };
	struct nacre_error error;
	struct nacre_appended out[2] = { { .seq = 77 } };
	uint64_t before = head();
	struct nacre_batch *batch = batch_of(streams, 2, NACRE_EXPECT_NONE, NULL);
	expect(nacre_batch_send(client, batch, out, &error) == NACRE_REFUSED &&
	               error.err_code == 10071 && out[0].seq == 77,
	       "one failing expectation refuses the batch");
	expect(head() == before, "and nothing is written");
	nacre_batch_free(batch);
}

static void checks_what_it_does_not_write(void)
{
	static const char *const streams[] = { "batch.checked" };
	struct nacre_error error;
	struct nacre_batch *batch = batch_of(streams, 1, NACRE_EXPECT_ANY, NULL);
	expect(nacre_batch_check(batch, "batch.a", 1, NULL) == NACRE_OK &&
	               nacre_batch_check(batch, "batch.absent", NACRE_EXPECT_EXISTS, NULL) ==
	                       NACRE_OK &&
	               nacre_batch_send(client, batch, NULL, &error) == NACRE_REFUSED &&
	               error.err_code == 10071,
	       "a failing check refuses the batch");
	nacre_batch_free(batch);
	batch = batch_of(streams, 1, NACRE_EXPECT_ANY, NULL);
	expect(nacre_batch_check(batch, "batch.a", 1, NULL) == NACRE_OK &&
	               nacre_batch_check(batch, "batch.absent", NACRE_EXPECT_NONE, NULL) ==
	                       NACRE_OK &&
	               nacre_batch_send(client, batch, NULL, &error) == NACRE_OK,
	       "checks that hold do not");
	nacre_batch_free(batch);
}

/* Read, decide, write unless somebody decided otherwise meanwhile: a dynamic boundary. */
static void keeps_a_boundary(void)
{
	static const char *const types[] = { "Order.Placed" }, *const tags[] = { "customer:7" };
	static const char *const streams[] = { "seats.1" };
	const struct nacre_item items[] = { { types, 1, tags, 1 } };
	const struct nacre_read query = { .source = NACRE_QUERY, .items = items, .item_count = 1 };
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event;
	struct nacre_error error;
	long seen = 0;
	if (nacre_read_open(client, &query, &reader, NULL) != NACRE_OK)
		exit(2);
	while (nacre_read_next(reader, &event, NULL) == NACRE_OK)
		seen++;
	uint64_t after = nacre_read_head(reader);
	nacre_read_close(reader);
	expect(seen > 0 && after == head(), "a query says which head to condition on");
	struct nacre_batch *first = batch_of(streams, 1, NACRE_EXPECT_ANY, NULL);
	struct nacre_batch *second = batch_of(streams, 1, NACRE_EXPECT_ANY, NULL);
	struct nacre_appended won;
	expect(nacre_batch_condition(first, items, 1, after, NULL) == NACRE_OK &&
	               nacre_batch_condition(second, items, 1, after, NULL) == NACRE_OK &&
	               nacre_batch_condition(second, items, 1, after, NULL) == NACRE_INVALID,
	       "a batch has at most one condition");
	expect(nacre_batch_send(client, first, &won, &error) == NACRE_OK,
	       "while nobody wrote what it matches it is written");
	expect(nacre_batch_send(client, second, NULL, &error) == NACRE_REFUSED &&
	               error.code == 409 && error.err_code == 40902 && error.pos == won.pos,
	       "the second of two is refused, and told by which event");
	nacre_batch_free(first);
	nacre_batch_free(second);
}

static void refuses_bad_members(void)
{
	struct nacre_batch *batch = NULL;
	const struct nacre_append empty = { .stream = "s", .type = "T" };
	const struct nacre_item nothing = { 0 };
	if (nacre_batch_new(&batch) != NACRE_OK)
		exit(2);
	expect(nacre_batch_add(batch, &empty, NULL) == NACRE_INVALID &&
	               nacre_batch_check(batch, "", 0, NULL) == NACRE_INVALID &&
	               nacre_batch_condition(batch, &nothing, 1, 0, NULL) == NACRE_INVALID &&
	               nacre_batch_condition(batch, &nothing, 17, 0, NULL) == NACRE_INVALID &&
	               nacre_batch_ack(batch, "", NULL) == NACRE_INVALID,
	       "bad members are refused here");
	const struct nacre_append event = order("batch.full", NACRE_EXPECT_ANY, NULL);
	int added = 0;
	while (nacre_batch_add(batch, &event, NULL) == NACRE_OK)
		added++;
	struct nacre_appended *out = calloc(1000, sizeof *out);
	expect(added == 1000 && nacre_batch_send(client, batch, out, NULL) == NACRE_OK &&
	               out[999].seq == 1000 && out[0].seq == 1,
	       "1,000 events are the most, and they are written");
	free(out);
	nacre_batch_free(batch);
	nacre_batch_free(NULL);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	client = connect_to(argv[1], "shop", 10000);
	writes_all();
	keeps_bytes();
	writes_nothing_when_one_expectation_fails();
	checks_what_it_does_not_write();
	keeps_a_boundary();
	refuses_bad_members();
	nacre_close(client);
	return failed != 0;
}
