/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Subscriptions changed, moved, looked at; order by key; acknowledged with a batch.
 * usage: unit_client_manage URL */
#include "subs.h"

typedef int verb(struct nacre_client *, const char *, struct nacre_reply **, struct nacre_error *);

/* A number of an answer; the answer is freed. */
static uint64_t number_of(struct nacre_reply *reply, const char *member)
{
	uint64_t number = UINT64_MAX;
	(void)nacre_reply_number(reply, member, &number);
	nacre_reply_free(reply);
	return number;
}

static bool state_is(const char *name, const char *wanted)
{
	char state[32] = "";
	struct nacre_reply *reply = NULL;
	if (nacre_sub_info(client, name, &reply, NULL) == NACRE_OK)
		(void)nacre_reply_text(reply, "state", state, sizeof state);
	nacre_reply_free(reply);
	return strcmp(state, wanted) == 0;
}

static void pauses_and_resumes(void)
{
	make("pause", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"pause\"}}");
	struct nacre_subscription *sub = consume("pause", NULL);
	expect(nacre_sub_pause(client, "pause", NULL, NULL) == NACRE_OK &&
	               state_is("pause", "paused"),
	       "pauses");
	fill("pause", 1);
	expect(silent(sub), "and gives nothing");
	expect(nacre_sub_resume(client, "pause", NULL, NULL) == NACRE_OK &&
	               next(sub)->event->seq == 1,
	       "resumes, and gives what came meanwhile");
	nacre_unsubscribe(sub);
}

static void seeks(void)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error;
	const struct nacre_delivery *got;
	make("seek", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"seek\"},"
	             "\"deliver\":{\"subject\":\"work.seek\"}}");
	struct nacre_subscription *sub = consume("seek", NULL);
	fill("seek", 3);
	char reply_to[256], to[64];
	uint64_t second = 0;
	for (int i = 0; i < 3; i++) {
		got = next(sub);
		second = i == 1 ? got->event->pos : second;
		(void)snprintf(reply_to, sizeof reply_to, "%s", got->reply);
		expect(nacre_ack(client, got->reply, true, NULL) == NACRE_OK, "works");
	}
	(void)snprintf(to, sizeof to, "{\"pos\":%llu}", (unsigned long long)second);
	expect(nacre_sub_seek(client, "seek", to, &reply, NULL) == NACRE_OK &&
	               number_of(reply, "pos") == second && next(sub)->event->seq == 2 &&
	               next(sub)->event->seq == 3,
	       "seeks back to a position");
	expect(nacre_ack(client, reply_to, true, &error) == NACRE_REFUSED &&
	               error.err_code == 40904,
	       "what was given before is of another epoch");
	expect(nacre_sub_seek(client, "seek", "\"first\"", NULL, NULL) == NACRE_OK &&
	               next(sub)->event->seq == 1,
	       "to the first");
	expect(nacre_sub_seek(client, "seek", "\"new\"", NULL, NULL) == NACRE_OK, "to the newest");
	while (nacre_next(sub, 200, &got, NULL) == NACRE_OK)
		; /* of before */
	fill("seek", 1);
	expect(next(sub)->event->seq == 4, "from where only what is new is given");
	expect(nacre_sub_seek(client, "seek", "{\"time\":\"2020-01-01T00:00:00Z\"}", NULL, NULL) ==
	                       NACRE_OK &&
	               next(sub)->event->seq == 1,
	       "and to a time");
	expect(nacre_sub_seek(client, "seek", "sideways", NULL, &error) == NACRE_REFUSED &&
	               error.err_code == 10003,
	       "but not sideways");
	nacre_unsubscribe(sub);
}

static void updates(void)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error;
	make("update", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"update.a\"}}");
	fill("update.a", 1);
	fill("update.b", 1);
	struct nacre_subscription *sub = consume("update", NULL);
	expect(strcmp(next(sub)->event->stream, "update.a") == 0 && silent(sub), "as it was made");
	expect(nacre_sub_update(client, "update",
	                        "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":[\"update.a\","
	                        "\"update.b\"]},\"backfill\":true,\"ack_wait_ms\":1000}",
	                        &reply, &error) == NACRE_OK &&
	               number_of(reply, "pos") > 0,
	       "is updated from a position on, which is told");
	bool b = false;
	for (int i = 0; i < 3 && !b; i++) {
		const struct nacre_delivery *got = next(sub);
		b = strcmp(got->event->stream, "update.b") == 0;
		(void)nacre_ack(client, got->reply, true, NULL);
	}
	expect(b, "and the past that newly matches is given, too");
	reply = NULL;
	expect(nacre_sub_info(client, "update", &reply, NULL) == NACRE_OK &&
	               number_of(reply, "ack_wait_ms") == 1000,
	       "with its other members");
	expect(nacre_sub_update(client, "update", "{\"nonsense\":1}", NULL, &error) ==
	                       NACRE_REFUSED &&
	               error.err_code == 10003,
	       "an unknown member is refused");
	nacre_unsubscribe(sub);
}

/* A parked event parks its key; replay releases it in order. */
static void parks_a_key_and_replays_it(void)
{
	struct nacre_reply *reply = NULL;
	make("keys", "{\"filter\":{\"plugin\":\"by_event_type\",\"selector\":\"Order.Placed\"},"
	             "\"start\":\"new\",\"order\":\"stream\"}");
	fill("key.a", 2);
	fill("key.b", 1);
	struct nacre_subscription *sub = consume("keys", NULL);
	uint64_t parked = 0;
	for (int i = 0; i < 2; i++) {
		const struct nacre_delivery *got = next(sub);
		bool a = strcmp(got->event->stream, "key.a") == 0;
		parked = a ? got->event->pos : parked;
		(void)(a ? nacre_term(client, got->reply, "bad", NULL)
		         : nacre_ack(client, got->reply, true, NULL));
	}
	expect(parked > 0 && parked_with("keys", "bad"), "an event is parked");
	expect(silent(sub), "and its key with it: the next of the stream waits");
	char state[32] = "";
	expect(nacre_sub_explain(client, "keys", parked, &reply, NULL) == NACRE_OK &&
	               nacre_reply_text(reply, "state", state, sizeof state) &&
	               strcmp(state, "parked") == 0 && says(reply, "\"key\":\"key.a\""),
	       "explain says so");
	nacre_reply_free(reply);
	reply = NULL;
	expect(nacre_sub_replay(client, "keys", "{\"key\":\"key.a\"}", &reply, NULL) == NACRE_OK,
	       "replays the key");
	nacre_reply_free(reply);
	for (uint64_t seq = 1; seq <= 2; seq++) {
		const struct nacre_delivery *got = next(sub);
		expect(got->event->seq == seq && strcmp(got->event->stream, "key.a") == 0 &&
		               got->attempt == 1 &&
		               nacre_ack(client, got->reply, true, NULL) == NACRE_OK,
		       "in order, attempts from 1");
	}
	expect(comes_to("keys", "parked", 0), "and nothing is parked any more");
	struct nacre_error error;
	expect(nacre_sub_replay(client, "keys", "{\"pos\":[999999]}", NULL, &error) ==
	                       NACRE_REFUSED &&
	               error.code == 404,
	       "what is not parked cannot be replayed");
	expect(nacre_sub_replay(client, "keys", NULL, NULL, NULL) == NACRE_OK,
	       "nor need it be, where all is asked for");
	nacre_unsubscribe(sub);
}

static void lists_in_pages(void)
{
	struct nacre_reply *reply = NULL;
	char after[64] = "";
	expect(nacre_sub_list(client, "{\"limit\":1}", &reply, NULL) == NACRE_OK &&
	               says(reply, "\"name\":\"keys\"") && !says(reply, "\"name\":\"pause\"") &&
	               nacre_reply_text(reply, "next", after, sizeof after),
	       "lists a page, by name");
	nacre_reply_free(reply);
	reply = NULL;
	expect(nacre_sub_list(client, "{\"after\":\"keys\"}", &reply, NULL) == NACRE_OK &&
	               !says(reply, "\"name\":\"keys\"") && says(reply, "\"name\":\"update\""),
	       "and the rest");
	nacre_reply_free(reply);
}

static void acknowledges_with_a_batch(void)
{
	struct nacre_batch *batch = NULL, *again = NULL;
	struct nacre_error error;
	struct nacre_appended out;
	const struct nacre_append event = order("consequence", NACRE_EXPECT_ANY, NULL);
	make("once", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"cause\"}}");
	fill("cause", 1);
	struct nacre_subscription *sub = consume("once", NULL);
	const struct nacre_delivery *got = next(sub);
	if (nacre_batch_new(&batch) != NACRE_OK || nacre_batch_new(&again) != NACRE_OK)
		exit(2);
	expect(nacre_batch_add(batch, &event, NULL) == NACRE_OK &&
	               nacre_batch_add(again, &event, NULL) == NACRE_OK &&
	               nacre_batch_ack(batch, got->reply, NULL) == NACRE_OK &&
	               nacre_batch_ack(batch, got->reply, NULL) == NACRE_INVALID &&
	               nacre_batch_ack(again, got->reply, NULL) == NACRE_OK,
	       "a batch acknowledges one delivery");
	expect(nacre_batch_send(client, batch, &out, NULL) == NACRE_OK && out.seq == 1,
	       "with what follows from it");
	expect(nacre_batch_send(client, batch, &out, NULL) == NACRE_OK && out.duplicate,
	       "sent again it is the same");
	expect(nacre_batch_send(client, again, &out, &error) == NACRE_REFUSED &&
	               error.code == 409 && error.err_code == 40904,
	       "another batch comes too late: 409/40904");
	expect(comes_to("once", "in_flight", 0), "and the delivery is done");
	nacre_batch_free(batch);
	nacre_batch_free(again);
	nacre_unsubscribe(sub);
}

static void what_can_never_come_is_told(void)
{
	const struct nacre_consume tiny = { .max_bytes = 5 };
	const struct nacre_delivery *got;
	struct nacre_error error;
	struct nacre_subscription *sub = consume("pause", &tiny);
	fill("pause", 1);
	expect(nacre_next(sub, WAIT_MS, &got, &error) == NACRE_REFUSED && error.code == 409 &&
	               strstr(error.description, "MaxBytes") != NULL,
	       "an event larger than max_bytes is refused, not waited for");
	nacre_unsubscribe(sub);
}

static void refuses_where_there_is_none(void)
{
	struct nacre_error error;
	verb *const verbs[] = { nacre_sub_info, nacre_sub_pause, nacre_sub_resume };
	bool fine = true;
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		fine = fine && verbs[i](client, "absent", NULL, &error) == NACRE_REFUSED &&
		       error.code == 404 && error.err_code == 10014;
	}
	fine = fine &&
	       nacre_sub_update(client, "absent", "{\"ack_wait_ms\":1}", NULL, &error) ==
	               NACRE_REFUSED &&
	       error.err_code == 10014 &&
	       nacre_sub_seek(client, "absent", "\"new\"", NULL, &error) == NACRE_REFUSED &&
	       error.err_code == 10014 &&
	       nacre_sub_parked(client, "absent", NULL, NULL, &error) == NACRE_REFUSED &&
	       error.err_code == 10014 &&
	       nacre_sub_replay(client, "absent", NULL, NULL, &error) == NACRE_REFUSED &&
	       error.err_code == 10014 &&
	       nacre_sub_explain(client, "absent", 1, NULL, &error) == NACRE_REFUSED &&
	       error.err_code == 10014 &&
	       nacre_sub_delete(client, "absent", &error) == NACRE_REFUSED &&
	       error.err_code == 10014;
	expect(fine, "where there is no such subscription every verb says so");
}

static void a_read_takes_a_filter(void)
{
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event;
	const struct nacre_read read = {
		.source = NACRE_ALL,
		.filter = "{\"plugin\":\"by_stream\",\"selector\":\"update.b\"}",
	};
	int events = 0;
	if (nacre_read_open(client, &read, &reader, NULL) != NACRE_OK)
		exit(2);
	while (nacre_read_next(reader, &event, NULL) == NACRE_OK)
		events += strcmp(event->stream, "update.b") == 0 ? 1 : 1000;
	expect(events == 1, "a read takes a filter");
	nacre_read_close(reader);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	client = connect_to(argv[1], "shop", 10000);
	pauses_and_resumes();
	seeks();
	updates();
	parks_a_key_and_replays_it();
	lists_in_pages();
	acknowledges_with_a_batch();
	what_can_never_come_is_told();
	refuses_where_there_is_none();
	a_read_takes_a_filter();
	nacre_close(client);
	return failed != 0;
}
