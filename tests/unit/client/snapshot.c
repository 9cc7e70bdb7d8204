/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots of aggregates: put, got, listed, deleted; loaded with the events behind them.
 * usage: unit_client_snapshot URL */
#include "check.h"

static void fill(const char *stream, int count)
{
	struct nacre_batch *batch = NULL;
	const struct nacre_append event = order(stream, NACRE_EXPECT_ANY, NULL);
	while (count > 0) {
		if (nacre_batch_new(&batch) != NACRE_OK)
			exit(2);
		for (int i = 0; i < 1000 && count > 0; i++, count--) {
			if (nacre_batch_add(batch, &event, NULL) != NACRE_OK)
				exit(2);
		}
		if (nacre_batch_send(client, batch, NULL, NULL) != NACRE_OK)
			exit(2);
		nacre_batch_free(batch);
	}
}

static int put(const char *stream, uint64_t seq, const char *data, struct nacre_error *error)
{
	static const struct nacre_pair meta[] = { { "user", "7" }, { "user", "8" } };
	const struct nacre_snapshot_put ask = { .stream = stream,
		                                .seq = seq,
		                                .data = data,
		                                .size = strlen(data),
		                                .content_type = "text/plain",
		                                .meta = meta,
		                                .meta_count = 2 };
	return nacre_snapshot_put(client, &ask, error);
}

static bool is_at(const struct nacre_snapshot_get *get, uint64_t seq, const char *data)
{
	const struct nacre_snapshot *snapshot = NULL;
	if (nacre_snapshot_get(client, get, &snapshot, NULL) != NACRE_OK)
		return false;
	bool same = snapshot->seq == seq && snapshot->size == strlen(data) &&
	            memcmp(snapshot->data, data, snapshot->size) == 0;
	nacre_snapshot_free(snapshot);
	return same;
}

static void puts_and_gets(void)
{
	struct nacre_error error;
	const struct nacre_snapshot *snapshot = NULL;
	fill("odd name.\xc3\xa9", 5);
	expect(put("odd name.\xc3\xa9", 2, "two", NULL) == NACRE_OK &&
	               put("odd name.\xc3\xa9", 4, "four", NULL) == NACRE_OK,
	       "puts two");
	struct nacre_snapshot_get get = { .stream = "odd name.\xc3\xa9" };
	if (nacre_snapshot_get(client, &get, &snapshot, NULL) != NACRE_OK)
		exit(2);
	expect(snapshot->seq == 4 && snapshot->size == 4 &&
	               memcmp(snapshot->data, "four", 4) == 0 &&
	               strcmp(snapshot->stream, "odd name.\xc3\xa9") == 0 &&
	               strcmp(snapshot->content_type, "text/plain") == 0 &&
	               strlen(snapshot->time) == 30,
	       "gets the newest as it was put");
	expect(snapshot->meta_count == 2 && strcmp(snapshot->meta[0].name, "user") == 0 &&
	               strcmp(snapshot->meta[0].value, "7") == 0 &&
	               strcmp(snapshot->meta[1].value, "8") == 0,
	       "with its metadata");
	nacre_snapshot_free(snapshot);
	get.seq = 2;
	expect(is_at(&get, 2, "two"), "one by its version");
	get.seq = 0;
	get.at_most = 3;
	expect(is_at(&get, 2, "two"), "the newest not after one");
	get.at_most = 0;
	get.direct = true;
	expect(is_at(&get, 4, "four"), "any node's");
	get.direct = false;
	expect(put("odd name.\xc3\xa9", 4, "anew", NULL) == NACRE_OK && is_at(&get, 4, "anew"),
	       "puts one anew");
	get.at_most = 1;
	expect(nacre_snapshot_get(client, &get, &snapshot, &error) == NACRE_REFUSED &&
	               error.code == 404 && error.err_code == 40401,
	       "says where there is none");
	expect(put("odd name.\xc3\xa9", 6, "six", &error) == NACRE_REFUSED && error.code == 400 &&
	               error.err_code == 10003,
	       "and where the stream is not so far");
}

static void refuses_what_cannot_be(void)
{
	const struct nacre_snapshot *snapshot = NULL;
	struct nacre_reader *reader = NULL;
	const struct nacre_snapshot_get both = { .stream = "s", .seq = 1, .at_most = 1 };
	const struct nacre_snapshot_get ahead = { .stream = "s", .min_position = 1 };
	const struct nacre_snapshot_put empty = { .stream = "s", .seq = 1, .data = "" };
	const struct nacre_load ahead_load = { .stream = "s", .min_position = 1 };
	expect(put("s", 0, "x", NULL) == NACRE_INVALID &&
	               put(NULL, 1, "x", NULL) == NACRE_INVALID &&
	               put("a..b", 1, "x", NULL) == NACRE_INVALID &&
	               nacre_snapshot_put(client, &empty, NULL) == NACRE_INVALID,
	       "no version, no stream, no data");
	expect(nacre_snapshot_get(client, &both, &snapshot, NULL) == NACRE_INVALID &&
	               nacre_snapshot_get(client, &ahead, &snapshot, NULL) == NACRE_INVALID &&
	               nacre_snapshot_get(client, &(struct nacre_snapshot_get){ 0 }, &snapshot,
	                                  NULL) == NACRE_INVALID,
	       "nor both kinds of get, nor one without a stream");
	expect(nacre_load(client, &ahead_load, &snapshot, &reader, NULL) == NACRE_INVALID &&
	               nacre_load(client, &(struct nacre_load){ 0 }, &snapshot, &reader, NULL) ==
	                       NACRE_INVALID &&
	               nacre_snapshot_delete(client, NULL, NULL, NULL, NULL) == NACRE_INVALID,
	       "nor a load or a deletion without one");
	expect(snapshot == NULL && reader == NULL, "and nothing is given");
	nacre_snapshot_free(NULL);
}

static void lists_and_deletes(void)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error;
	uint64_t number = 0;
	fill("list", 5);
	for (uint64_t seq = 1; seq <= 5; seq++) {
		if (put("list", seq, "state", NULL) != NACRE_OK)
			exit(2);
	}
	expect(nacre_snapshot_list(client, "list", "{\"limit\":2}", &reply, NULL) == NACRE_OK &&
	               nacre_reply_number(reply, "next", &number) && number == 2 &&
	               said(reply, "{\"seq\":2,\"size\":5"),
	       "lists a page of a stream's");
	expect(nacre_snapshot_list(client, NULL, "{\"prefix\":\"li\"}", &reply, NULL) == NACRE_OK &&
	               said(reply, "{\"stream\":\"list\",\"seq\":5,\"count\":5,\"bytes\":25}"),
	       "and the streams that have some");
	expect(nacre_snapshot_delete(client, "list", "{\"before\":4}", &reply, NULL) == NACRE_OK &&
	               nacre_reply_number(reply, "deleted", &number) && number == 3,
	       "deletes those before one");
	nacre_reply_free(reply);
	expect(nacre_snapshot_delete(client, "list", "{\"seq\":1}", NULL, &error) ==
	                       NACRE_REFUSED &&
	               error.err_code == 40401,
	       "says that one is not there");
	expect(nacre_snapshot_delete(client, "list", NULL, &reply, NULL) == NACRE_OK &&
	               nacre_reply_number(reply, "deleted", &number) && number == 2,
	       "deletes all");
	nacre_reply_free(reply);
}

/* The versions that a load gives are those from `first` on. */
static bool loads(const struct nacre_load *ask, uint64_t snap, uint64_t first, uint64_t last,
                  uint64_t head)
{
	const struct nacre_snapshot *snapshot = NULL;
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event;
	if (nacre_load(client, ask, &snapshot, &reader, NULL) != NACRE_OK)
		return false;
	bool fine = snap == 0 ? snapshot == NULL : snapshot != NULL && snapshot->seq == snap;
	int result;
	for (uint64_t seq = first; (result = nacre_read_next(reader, &event, NULL)) == NACRE_OK;
	     seq++) {
		fine = fine && event->seq == seq;
		first = seq + 1;
	}
	fine = fine && result == NACRE_END && first == last + 1 && nacre_read_head(reader) == head;
	nacre_snapshot_free(snapshot);
	nacre_read_close(reader);
	return fine;
}

static void loads_what_follows(void)
{
	struct nacre_load ask = { .stream = "load" };
	expect(loads(&ask, 0, 1, 0, 0), "a stream that does not exist has nothing");
	fill("load", 12345); /* pages */
	expect(loads(&ask, 0, 1, 12345, 12345), "without a snapshot all events");
	if (put("load", 1000, "state", NULL) != NACRE_OK)
		exit(2);
	expect(loads(&ask, 1000, 1001, 12345, 12345), "the snapshot, and those behind it");
	ask.limit = 7;
	expect(loads(&ask, 1000, 1001, 1007, 12345), "as many as are asked for");
	ask.limit = 10500;
	expect(loads(&ask, 1000, 1001, 11500, 12345), "over more than one page");
	ask = (struct nacre_load){ .stream = "load", .direct = true };
	expect(loads(&ask, 1000, 1001, 12345, 12345), "from any node");
	if (put("load", 12345, "state", NULL) != NACRE_OK)
		exit(2);
	expect(loads(&ask, 12345, 12346, 12345, 12345), "or nothing, where nothing follows");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	client = connect_to(argv[1], "shop", 10000);
	puts_and_gets();
	refuses_what_cannot_be();
	lists_and_deletes();
	loads_what_follows();
	nacre_close(client);
	return failed != 0;
}
