/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Consuming through libnacre: pushed, pulled, the live feed, any subject. usage:
 * unit_client_consume URL */
#include "subs.h"

static void a_pull_gives_history_then_live(void)
{
	make("pull", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"pull\"}}");
	fill("pull", 250);
	struct nacre_subscription *sub = consume("pull", NULL);
	bool fine = true;
	for (uint64_t seq = 1; seq <= 250; seq++) {
		const struct nacre_delivery *got = next(sub);
		fine = fine && got->event->seq == seq && got->attempt == 1 &&
		       strcmp(nacre_header(sub, "Es-Subscription"), "pull") == 0 &&
		       got->stored_size == 7 && got->event->meta_count == 3 &&
		       nacre_ack(client, got->reply, false, NULL) == NACRE_OK;
	}
	expect(fine, "a pull gives history, in order, more than a batch");
	expect(silent(sub), "and then waits");
	fill("pull", 1);
	expect(next(sub)->event->seq == 251, "and what comes live");
	nacre_unsubscribe(sub);
	expect(comes_to("pull", "in_flight", 1), "what was acknowledged is done");
}

static void a_pull_without_waiting_ends(void)
{
	const struct nacre_consume now = { .no_wait = true, .batch = 10 };
	const struct nacre_consume few = { .limit = 3, .batch = 10 };
	const struct nacre_delivery *got;
	make("now", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"now\"}}");
	fill("now", 25);
	struct nacre_subscription *sub = consume("now", &few);
	for (int i = 0; i < 3; i++) {
		expect(nacre_ack(client, next(sub)->reply, true, NULL) == NACRE_OK,
		       "an ack that waits is replicated");
	}
	expect(nacre_next(sub, WAIT_MS, &got, NULL) == NACRE_END, "a limit ends it");
	nacre_unsubscribe(sub);
	expect(comes_to("now", "in_flight", 0), "and nothing more was asked for");
	sub = consume("now", &now);
	int count = 0;
	while (nacre_next(sub, WAIT_MS, &got, NULL) == NACRE_OK) {
		count++;
		(void)nacre_ack(client, got->reply, false, NULL);
	}
	expect(count == 22, "no_wait gives what is there, then the end");
	nacre_unsubscribe(sub);
}

static void a_push_is_listened_to(void)
{
	make("push", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"push\"},"
	             "\"deliver\":{\"subject\":\"work.push\"},\"headers_only\":true}");
	struct nacre_subscription *sub = consume("push", NULL);
	fill("push", 3);
	expect(strcmp(nacre_listening(sub), "work.push") == 0, "a push is heard on its subject");
	const struct nacre_delivery *got = next(sub);
	expect(got->event->seq == 1 && got->event->size == 2 && got->stored_size == 7 &&
	               strcmp(got->event->data, "{}") == 0,
	       "headers_only tells the size");
	char reply[256];
	(void)snprintf(reply, sizeof reply, "%s", got->reply);
	expect(nacre_ack(client, reply, true, NULL) == NACRE_OK &&
	               nacre_ack(client, reply, true, NULL) == NACRE_OK,
	       "an ack that waits may be given twice");
	struct nacre_error error;
	expect(nacre_ack(client, "es.shop.ack.push.999.1.1", true, &error) == NACRE_REFUSED &&
	               error.code == 409 && error.err_code == 40904,
	       "one of another epoch is stale: 409/40904");
	nacre_unsubscribe(sub);
}

static void answers_do_what_they_say(void)
{
	make("answers",
	     "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"answers\"},"
	     "\"deliver\":{\"subject\":\"work.answers\"},\"ack_wait_ms\":1000,\"max_deliver\":9}");
	fill("answers", 1);
	struct nacre_subscription *sub = consume("answers", NULL);
	expect(nacre_nak(client, next(sub)->reply, -1, NULL) == NACRE_OK && next(sub)->attempt == 2,
	       "a nak brings it again");
	nacre_unsubscribe(sub);
	sub = consume("answers", NULL);
	const struct nacre_delivery *got = next(sub);
	expect(got->attempt == 3, "a lost consumer's event comes again after ack_wait_ms");
	int64_t begin_ms = now_ms();
	(void)nacre_nak(client, got->reply, 300, NULL);
	got = next(sub);
	expect(got->attempt == 4 && now_ms() - begin_ms >= 290, "a nak with a delay, later");
	char reply[256];
	(void)snprintf(reply, sizeof reply, "%s", got->reply);
	bool bothered = false;
	for (int i = 0; i < 8; i++) {
		bothered =
		        bothered || !silent(sub) || nacre_working(client, reply, NULL) != NACRE_OK;
	}
	expect(!bothered, "who says that it works is not bothered");
	expect(comes_to("answers", "redelivered", 3), "well beyond ack_wait_ms");
	const char *reason = "cannot be read";
	got = next(sub); /* no answer: again */
	expect(got->attempt == 5 && nacre_term(client, got->reply, reason, NULL) == NACRE_OK &&
	               comes_to("answers", "parked", 1),
	       "terminated it is parked");
	expect(parked_with("answers", reason), "with its reason");
	nacre_unsubscribe(sub);
}

static void two_of_a_queue_group_share(void)
{
	make("group", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"group\"},"
	              "\"deliver\":{\"subject\":\"work.group\",\"queue\":\"workers\"}}");
	struct nacre_subscription *one = consume("group", NULL), *two = consume("group", NULL);
	uint64_t seen[101] = { 0 };
	int ones = 0, twos = 0, doubles = 0;
	fill("group", 100);
	for (int i = 0; i < 20000 && ones + twos < 100; i++) {
		const struct nacre_delivery *got = NULL;
		struct nacre_subscription *at = i % 2 == 0 ? one : two;
		if (nacre_next(at, 1, &got, NULL) != NACRE_OK)
			continue;
		*(at == one ? &ones : &twos) += 1;
		doubles += seen[got->event->seq]++ != 0;
		(void)nacre_ack(client, got->reply, false, NULL);
	}
	expect(ones + twos == 100 && ones > 0 && twos > 0 && doubles == 0,
	       "two in a queue group share what is pushed, each event once");
	nacre_unsubscribe(one);
	nacre_unsubscribe(two);
}

/* One that does not answer is given no more than its window, and slows nobody. */
static void a_slow_consumer_slows_nobody(void)
{
	make("slow", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"pace\"},"
	             "\"deliver\":{\"subject\":\"work.slow\"},\"max_in_flight\":10}");
	make("fast", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"pace\"},"
	             "\"deliver\":{\"subject\":\"work.fast\"},\"max_in_flight\":10}");
	struct nacre_subscription *slow = consume("slow", NULL), *fast = consume("fast", NULL);
	fill("pace", 200);
	bool fine = true;
	for (uint64_t seq = 1; seq <= 200; seq++) {
		const struct nacre_delivery *got = next(fast);
		fine = fine && got->event->seq == seq &&
		       nacre_ack(client, got->reply, false, NULL) == NACRE_OK;
	}
	expect(fine, "a fast consumer gets all beside a slow one");
	for (uint64_t seq = 1; seq <= 10; seq++)
		fine = fine && next(slow)->event->seq == seq;
	expect(fine && silent(slow), "which is given its window and no more");
	nacre_unsubscribe(slow);
	nacre_unsubscribe(fast);
}

static void ack_none_goes_in_bursts(void)
{
	struct nacre_subscription *sub = listen_from_first(
	        "none",
	        "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"pace\"},\"ack\":\"none\","
	        "\"start\":\"new\",\"deliver\":{\"subject\":\"work.none\"},\"max_in_flight\":10}");
	bool fine = true;
	for (uint64_t seq = 1; seq <= 200; seq++)
		fine = next(sub)->event->seq == seq && fine;
	expect(fine && silent(sub), "with ack none flow control is seen to");
	nacre_unsubscribe(sub);
}

/* Its events wait here for longer than a request lasts, and are not lost. */
static void a_slow_pull_takes_no_more_than_its_batch(void)
{
	const struct nacre_consume four = { .batch = 4 };
	make("lazy", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"pace\"}}");
	struct nacre_subscription *sub = consume("lazy", &four);
	(void)next(sub);
	const struct timespec pause = { .tv_sec = 2, .tv_nsec = 200000000 };
	(void)nanosleep(&pause, NULL);
	(void)next(sub);
	(void)next(sub); /* what was asked for meanwhile is given by now */
	(void)next(sub);
	expect(comes_to("lazy", "in_flight", 6), "a slow pull takes no more than its batch ahead");
	nacre_unsubscribe(sub);
}

static void the_next_is_the_answer_to_an_ack(void)
{
	const struct nacre_consume one = { .batch = 1, .limit = 4 };
	make("nxt", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"pace\"}}");
	struct nacre_subscription *sub = consume("nxt", &one);
	bool fine = true;
	for (uint64_t seq = 1; seq <= 4; seq++) {
		const struct nacre_delivery *got = next(sub);
		char reply[256];
		(void)snprintf(reply, sizeof reply, "%s", got->reply);
		fine = fine && got->event->seq == seq &&
		       (seq == 4 ? nacre_ack(client, reply, true, NULL)
		                 : nacre_ack_next(sub, reply, NULL)) == NACRE_OK;
	}
	expect(fine && comes_to("nxt", "in_flight", 0), "the next one is the answer to an ack");
	nacre_unsubscribe(sub);
}

static void the_live_feed(void)
{
	struct nacre_subscription *all = NULL, *typed = NULL, *other = NULL;
	expect(nacre_tail(client, NULL, NULL, &all, NULL) == NACRE_OK &&
	               nacre_tail(client, "Order=2EPlaced", "feed.>", &typed, NULL) == NACRE_OK &&
	               nacre_tail(client, "Other", NULL, &other, NULL) == NACRE_OK,
	       "tails the live feed");
	fill("feed.1", 2);
	const struct nacre_delivery *got = next(all);
	expect(got->event->seq == 1 && strcmp(got->event->stream, "feed.1") == 0 &&
	               got->attempt == 0 && *got->reply == '\0' && got->dropped == 0,
	       "with the members of an event and nothing to answer");
	expect(next(typed)->event->seq == 1 && next(typed)->event->seq == 2 && silent(other),
	       "by type and stream");
	nacre_unsubscribe(all);
	nacre_unsubscribe(typed);
	nacre_unsubscribe(other);
}

static void answers_of_many_messages(void)
{
	struct nacre_subscription *sub = NULL;
	const struct nacre_delivery *got;
	struct nacre_error error;
	const struct nacre_request read = { .subject = "read.pace",
		                            .body = "{\"limit\":3}",
		                            .size = 11 };
	const struct nacre_request bad = { .subject = "read.pace", .body = "{", .size = 1 };
	const struct nacre_request nobody = { .subject = "nothing.here" };
	expect(nacre_request_many(client, &read, &sub, NULL) == NACRE_OK &&
	               next(sub)->event->seq == 1 && next(sub)->event->seq == 2 &&
	               next(sub)->event->seq == 3 &&
	               nacre_next(sub, WAIT_MS, &got, NULL) == NACRE_END &&
	               nacre_next(sub, WAIT_MS, &got, NULL) == NACRE_END,
	       "an answer of many messages, then the end");
	nacre_unsubscribe(sub);
	expect(nacre_request_many(client, &bad, &sub, NULL) == NACRE_OK &&
	               nacre_next(sub, WAIT_MS, &got, &error) == NACRE_REFUSED && error.code == 400,
	       "a refusal");
	nacre_unsubscribe(sub);
	expect(nacre_request_many(client, &nobody, &sub, NULL) == NACRE_OK &&
	               nacre_next(sub, WAIT_MS, &got, &error) == NACRE_UNAVAILABLE,
	       "and nobody there");
	nacre_unsubscribe(sub);
	expect(nacre_listen(client, NULL, &sub, NULL) == NACRE_OK &&
	               strncmp(nacre_listening(sub), "_INBOX.", 7) == 0,
	       "an inbox of its own");
	nacre_unsubscribe(sub);
	expect(nacre_listen(client, "advisory.>", &sub, NULL) == NACRE_OK, "and any subject");
	make("adv", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"pace\"}}");
	struct nacre_subscription *worker = consume("adv", NULL);
	(void)nacre_term(client, next(worker)->reply, NULL, NULL);
	expect(strcmp(next(sub)->subject, "es.shop.advisory.sub.parked") == 0,
	       "such as the advisories");
	nacre_unsubscribe(worker);
	nacre_unsubscribe(sub);
}

static void one_that_is_deleted_says_so(void)
{
	struct nacre_error error;
	const struct nacre_delivery *got;
	struct nacre_subscription *sub = NULL;
	expect(nacre_subscribe(client, "absent", NULL, &sub, &error) == NACRE_REFUSED &&
	               error.code == 404 && error.err_code == 10014 && sub == NULL,
	       "what does not exist cannot be consumed");
	make("gone", "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"gone\"}}");
	sub = consume("gone", NULL);
	expect(silent(sub) && nacre_sub_delete(client, "gone", NULL) == NACRE_OK, "is deleted");
	expect(nacre_next(sub, WAIT_MS, &got, &error) == NACRE_REFUSED && error.err_code == 10014,
	       "and its consumer is told");
	nacre_unsubscribe(sub);
	nacre_unsubscribe(NULL);
}

static void administers(void)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error;
	char state[32] = "";
	size_t size;
	expect(nacre_sub_create(client, "pull",
	                        "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"pull\"}}",
	                        NULL, NULL) == NACRE_OK,
	       "the same once more is fine");
	expect(nacre_sub_create(client, "pull",
	                        "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"x\"}}",
	                        &reply, &error) == NACRE_REFUSED &&
	               error.err_code == 40903 && reply != NULL,
	       "another of the name is 409/40903");
	nacre_reply_free(reply);
	reply = NULL;
	expect(nacre_sub_info(client, "pull", &reply, NULL) == NACRE_OK &&
	               nacre_reply_text(reply, "state", state, sizeof state) && *state != '\0',
	       "info has its state");
	nacre_reply_free(reply);
	reply = NULL;
	expect(nacre_sub_list(client, NULL, &reply, NULL) == NACRE_OK &&
	               strstr(nacre_reply_data(reply, &size), "\"name\":\"push\"") != NULL,
	       "list has them all");
	nacre_reply_free(reply);
	expect(nacre_sub_info(client, "no such name", NULL, NULL) == NACRE_INVALID &&
	               nacre_sub_create(client, "x", NULL, NULL, NULL) == NACRE_INVALID,
	       "what cannot be a name is refused here");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	client = connect_to(argv[1], "shop", 10000);
	a_pull_gives_history_then_live();
	a_pull_without_waiting_ends();
	a_push_is_listened_to();
	answers_do_what_they_say();
	two_of_a_queue_group_share();
	a_slow_consumer_slows_nobody();
	ack_none_goes_in_bursts();
	a_slow_pull_takes_no_more_than_its_batch();
	the_next_is_the_answer_to_an_ack();
	the_live_feed();
	answers_of_many_messages();
	one_that_is_deleted_says_so();
	administers();
	nacre_close(client);
	return failed != 0;
}
