/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each member of a subscription's definition does what it says, or is refused. usage:
 * unit_client_members URL */
#include "subs.h"

/* A pulled subscription to one stream, with more members. */
static struct nacre_subscription *consume_with(const char *name, const char *stream,
                                               const char *members)
{
	char definition[512];
	(void)snprintf(definition, sizeof definition,
	               "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":\"%s\"},%s}", stream,
	               members);
	make(name, definition);
	return consume(name, NULL);
}

/* Append an event with one tag (NULL: none) and these data; its position. */
static uint64_t put(const char *stream, const char *tag, const char *data)
{
	struct nacre_append event = order(stream, NACRE_EXPECT_ANY, NULL);
	struct nacre_appended appended;
	event.tags = &tag;
	event.tag_count = tag != NULL;
	event.data = data;
	event.size = strlen(data);
	if (nacre_append(client, &event, &appended, NULL) != NACRE_OK)
		exit(1);
	return appended.pos;
}

/* Wait until what R.sub.info, or explain of an event, says holds this text. */
static bool comes_to_say(const char *name, uint64_t explained, const char *text)
{
	bool said = false;
	for (int i = 0; !said && look(i); i++) {
		struct nacre_reply *reply = NULL;
		int err = explained == 0 ? nacre_sub_info(client, name, &reply, NULL)
		                         : nacre_sub_explain(client, name, explained, &reply, NULL);
		said = err == NACRE_OK && says(reply, text);
		nacre_reply_free(reply);
	}
	return said;
}

/* Wait until an event waits for another of its key. */
static bool is_held(const char *name, uint64_t pos)
{
	return comes_to_say(name, pos, "\"state\":\"held\"");
}

static bool is_gone(const char *name)
{
	struct nacre_error error = { 0 };
	return nacre_sub_info(client, name, NULL, &error) == NACRE_REFUSED && error.code == 404 &&
	       error.err_code == 10014;
}

static struct nacre_subscription *advisories(const char *kind)
{
	struct nacre_subscription *sub = NULL;
	char subject[64];
	(void)snprintf(subject, sizeof subject, "advisory.sub.%s", kind);
	if (nacre_listen(client, subject, &sub, NULL) != NACRE_OK)
		exit(1);
	return sub;
}

/* Whether the next advisory is about this subscription; and closes. */
static bool told_of(struct nacre_subscription *advisories, const char *name, const char *text)
{
	const struct nacre_event *event = next(advisories)->event;
	char body[1024], subscription[128];
	(void)snprintf(body, sizeof body, "%.*s", (int)event->size, (const char *)event->data);
	(void)snprintf(subscription, sizeof subscription, "\"subscription\":\"%s\"", name);
	bool told = strstr(body, subscription) != NULL && strstr(body, text) != NULL;
	nacre_unsubscribe(advisories);
	return told;
}

/* ---- start ---------------------------------------------------------------------------------- */

static void begins_at(const char *name, const char *start, uint64_t seq, const char *what)
{
	struct nacre_subscription *sub = consume_with(name, "start", start);
	expect(next(sub)->event->seq == seq && next(sub)->event->seq == seq + 1, what);
	nacre_unsubscribe(sub);
}

static void starts_where_it_says(void)
{
	char third_pos[64] = "", third_time[128] = "";
	fill("start", 5);
	struct nacre_subscription *sub =
	        consume_with("start_first", "start", "\"start\":\"first\"");
	for (uint64_t seq = 1; seq <= 3; seq++) {
		const struct nacre_event *event = next(sub)->event;
		expect(event->seq == seq, "start first gives history from its beginning");
		(void)snprintf(third_pos, sizeof third_pos, "\"start\":{\"pos\":%llu}",
		               (unsigned long long)event->pos);
		(void)snprintf(third_time, sizeof third_time, "\"start\":{\"time\":\"%s\"}",
		               event->time);
	}
	nacre_unsubscribe(sub);
	begins_at("start_pos", third_pos, 3, "a position is inclusive");
	begins_at("start_seq", "\"start\":{\"seq\":4}", 4, "so is a version of one stream");
	begins_at("start_time", third_time, 3, "so is a time, to the nanosecond");
	begins_at("start_past", "\"start\":{\"time\":\"1970-01-01T00:00:00Z\"}", 1,
	          "a time before all is the first");
}

static void starts_ahead_of_what_there_is(void)
{
	char ahead[64];
	uint64_t head = put("ahead", NULL, "{}");
	struct nacre_subscription *new = consume_with("ahead_new", "ahead", "\"start\":\"new\"");
	(void)snprintf(ahead, sizeof ahead, "\"start\":{\"pos\":%llu}",
	               (unsigned long long)head + 3);
	struct nacre_subscription *pos = consume_with("ahead_pos", "ahead", ahead);
	for (int i = 0; i < 3; i++)
		(void)put("ahead", NULL, "{}");
	expect(next(new)->event->seq == 2, "start new gives what comes after");
	expect(next(pos)->event->pos == head + 3, "a position ahead is waited for");
	nacre_unsubscribe(new);
	nacre_unsubscribe(pos);
}

/* ---- durable, inactive_ms ------------------------------------------------------------------- */

static void a_transient_one_goes_when_nobody_listens(void)
{
	struct nacre_subscription *deleted = advisories("deleted");
	struct nacre_subscription *stays =
	        consume_with("stays", "transient", "\"durable\":true,\"inactive_ms\":100");
	struct nacre_subscription *goes =
	        consume_with("goes", "transient", "\"durable\":false,\"inactive_ms\":300");
	nacre_unsubscribe(stays);
	fill("transient", 1);
	expect(next(goes)->event->seq == 1 &&
	               comes_to_say("goes", 0, "\"durable\":false,\"inactive_ms\":300"),
	       "a transient one delivers as others do");
	expect(silent(goes) && silent(goes) && silent(goes) && !is_gone("goes"),
	       "who waits for events listens, longer than inactive_ms");
	nacre_unsubscribe(goes);
	expect(told_of(deleted, "goes", "inactive_ms") && is_gone("goes"),
	       "when nobody listens it goes, with an advisory");
	expect(!is_gone("stays"), "a durable one does not");
}

/* ---- ack ------------------------------------------------------------------------------------ */

static void ack_all_takes_what_was_before(void)
{
	char replies[10][256];
	uint64_t last = 0;
	fill("all", 10);
	struct nacre_subscription *sub = consume_with("all", "all", "\"ack\":\"all\"");
	for (int i = 0; i < 10; i++) {
		const struct nacre_delivery *got = next(sub);
		last = got->event->pos;
		(void)snprintf(replies[i], sizeof replies[i], "%s", got->reply);
	}
	expect(nacre_ack(client, replies[7], true, NULL) == NACRE_OK &&
	               comes_to("all", "in_flight", 2),
	       "with ack all the ack of the eighth is of all before");
	expect(nacre_ack(client, replies[2], true, NULL) == NACRE_OK &&
	               comes_to("all", "in_flight", 2),
	       "the ack of one that is done takes nothing more");
	expect(nacre_ack(client, replies[9], true, NULL) == NACRE_OK &&
	               comes_to("all", "in_flight", 0) && comes_to("all", "ack_floor", last),
	       "that of the last is of all");
	nacre_unsubscribe(sub);
}

/* ---- backoff_ms ----------------------------------------------------------------------------- */

static void a_pause_after_each_nak(void)
{
	static const int64_t pauses_ms[] = { 50, 250, 250, 250 };
	fill("backoff", 1);
	struct nacre_subscription *sub =
	        consume_with("backoff", "backoff", "\"backoff_ms\":[50,250],\"max_deliver\":5");
	const struct nacre_delivery *got = next(sub);
	bool paused = true;
	for (uint32_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
		int64_t begin_ms = now_ms();
		(void)nacre_nak(client, got->reply, -1, NULL);
		got = next(sub);
		paused =
		        paused && got->attempt == i + 2 && now_ms() - begin_ms >= pauses_ms[i] - 10;
	}
	expect(paused, "each nak is followed by its pause, and the last pause repeats");
	nacre_unsubscribe(sub);
}

static void a_pause_after_an_expiry(void)
{
	fill("expiry", 1);
	int64_t begin_ms = now_ms();
	struct nacre_subscription *sub =
	        consume_with("expiry", "expiry", "\"backoff_ms\":[300],\"ack_wait_ms\":100");
	expect(next(sub)->attempt == 1 && next(sub)->attempt == 2 && now_ms() - begin_ms >= 390,
	       "and so is an expiry, after the wait");
	nacre_unsubscribe(sub);
}

/* ---- max_deliver, on_exhausted -------------------------------------------------------------- */

/* Two events, of which the first is not wanted as often as it may come; the name is what is done
 * then. */
static struct nacre_subscription *exhaust(const char *how)
{
	char members[128];
	(void)snprintf(members, sizeof members,
	               "\"max_deliver\":2,\"on_exhausted\":\"%s\",\"max_in_flight\":1", how);
	fill(how, 2);
	struct nacre_subscription *sub = consume_with(how, how, members);
	for (uint32_t attempt = 1; attempt <= 2; attempt++) {
		const struct nacre_delivery *got = next(sub);
		expect(got->event->seq == 1 && got->attempt == attempt,
		       "comes as often as max_deliver says");
		(void)nacre_nak(client, got->reply, -1, NULL);
	}
	return sub;
}

static void exhausted_is_parked(void)
{
	struct nacre_subscription *parked = advisories("parked");
	struct nacre_subscription *sub = exhaust("park");
	const struct nacre_delivery *got = next(sub);
	expect(got->event->seq == 2 && nacre_ack(client, got->reply, true, NULL) == NACRE_OK,
	       "then it is out of the others' way");
	expect(told_of(parked, "park", "\"pos\":") && parked_with("park", "\"attempts\":2") &&
	               comes_to("park", "parked", 1) &&
	               comes_to_say("park", 0, "\"state\":\"live\""),
	       "parked, with its attempts");
	nacre_unsubscribe(sub);
}

static void exhausted_is_skipped(void)
{
	struct nacre_subscription *skipped = advisories("skipped");
	struct nacre_subscription *sub = exhaust("skip");
	const struct nacre_delivery *got = next(sub);
	uint64_t second = got->event->pos;
	expect(got->event->seq == 2 && nacre_ack(client, got->reply, true, NULL) == NACRE_OK &&
	               comes_to("skip", "ack_floor", second),
	       "skipped it is done");
	expect(told_of(skipped, "skip", "\"pos\":") && comes_to("skip", "parked", 0),
	       "and not parked, and that is told");
	nacre_unsubscribe(sub);
}

static void exhausted_stops(void)
{
	struct nacre_subscription *halted = advisories("halted");
	struct nacre_subscription *sub = exhaust("stop");
	expect(told_of(halted, "stop", "\"pos\":") &&
	               comes_to_say("stop", 0, "\"state\":\"halted\"") &&
	               comes_to("stop", "parked", 0),
	       "stops, and that is told");
	expect(silent(sub), "nothing more comes");
	expect(nacre_sub_resume(client, "stop", NULL, NULL) == NACRE_OK, "until it is resumed");
	const struct nacre_delivery *got = next(sub);
	expect(got->event->seq == 1 && got->attempt == 1 &&
	               nacre_ack(client, got->reply, true, NULL) == NACRE_OK &&
	               next(sub)->event->seq == 2,
	       "then with the same event, attempts from 1");
	nacre_unsubscribe(sub);
}

/* ---- order ---------------------------------------------------------------------------------- */

static void order_global_is_one_at_a_time(void)
{
	(void)put("global", NULL, "{}");
	uint64_t second = put("global", NULL, "{}");
	struct nacre_subscription *sub = consume_with("global", "global", "\"order\":\"global\"");
	const struct nacre_delivery *got = next(sub);
	expect(got->event->seq == 1 && is_held("global", second) &&
	               comes_to("global", "in_flight", 1),
	       "with order global one is in flight");
	(void)nacre_nak(client, got->reply, -1, NULL);
	got = next(sub);
	expect(got->event->seq == 1 && got->attempt == 2 && is_held("global", second),
	       "it comes again before the next");
	expect(nacre_ack(client, got->reply, true, NULL) == NACRE_OK && next(sub)->event->seq == 2,
	       "which waits for its ack");
	nacre_unsubscribe(sub);
}

/* Of keys a, a, b and none the second waits, and no other. */
static void one_of_a_key(const char *name, const char *members, const char *what)
{
	char reply[256] = "";
	(void)put(name, "customer:a", "{\"customer\":{\"id\":\"a\"}}");
	uint64_t second = put(name, "customer:a", "{\"customer\":{\"id\":\"a\"}}");
	(void)put(name, "customer:b", "{\"customer\":{\"id\":\"b\"}}");
	(void)put(name, "vip", "{\"customer\":{}}");
	struct nacre_subscription *sub = consume_with(name, name, members);
	static const uint64_t flow[] = { 1, 3, 4 };
	bool fine = true;
	for (size_t i = 0; i < sizeof flow / sizeof *flow; i++) {
		const struct nacre_delivery *got = next(sub);
		fine = fine && got->event->seq == flow[i];
		if (i == 0)
			(void)snprintf(reply, sizeof reply, "%s", got->reply);
	}
	expect(fine && is_held(name, second) && comes_to(name, "in_flight", 3), what);
	expect(nacre_ack(client, reply, true, NULL) == NACRE_OK && next(sub)->event->seq == 2,
	       "until the one before it is done");
	nacre_unsubscribe(sub);
}

/* ---- What is refused ------------------------------------------------------------------------ */

static void refuses(const char *filter, const char *members, const char *why)
{
	struct nacre_error error = { 0 };
	struct nacre_reply *reply = NULL;
	char definition[512];
	(void)snprintf(definition, sizeof definition, "{\"filter\":%s,%s}", filter, members);
	bool refused =
	        nacre_sub_create(client, "refused", definition, &reply, &error) == NACRE_REFUSED &&
	        error.code == 400 && error.err_code == 10003 &&
	        strcmp(error.description, why) == 0 && says(reply, "\"err_code\":10003");
	if (!refused)
		(void)printf("%s: %s\n", members, error.description);
	expect(refused && is_gone("refused"), why);
	nacre_reply_free(reply);
}

static void refuses_bad_values_by_name(void)
{
	static const char one[] = "{\"plugin\":\"by_stream\",\"selector\":\"s\"}";
	static const char two[] = "{\"plugin\":\"by_stream\",\"selector\":[\"s\",\"t\"]}";
	static const char type[] = "{\"plugin\":\"by_event_type\",\"selector\":\"T\"}";
	static const char orders[] = "order: expected is \"none\" or \"global\" or \"stream\" or "
	                             "\"tag:<prefix>\" or \"payload:<path>\"";
	static const struct {
		const char *filter, *members, *why;
	} bad[] = {
		{ one, "\"start\":\"middle\"", "start: expected is \"first\" or \"new\"" },
		{ one, "\"start\":{\"pos\":1,\"seq\":1}",
		  "start: one of pos, seq and time is expected" },
		{ one, "\"start\":{\"pos\":0}",
		  "start.pos: a whole number from 1 to 9223372036854775807 is expected" },
		{ one, "\"start\":{\"seq\":\"4\"}",
		  "start.seq: a whole number from 1 to 9223372036854775807 is expected" },
		{ two, "\"start\":{\"seq\":4}",
		  "member 'start': seq goes with a by_stream filter of one stream" },
		{ type, "\"start\":{\"seq\":4}",
		  "start.seq: only with a by_stream filter of one stream" },
		{ one, "\"start\":{\"time\":\"yesterday\"}",
		  "start.time: an RFC 3339 time from 1970 on is expected" },
		{ one, "\"durable\":\"no\"", "durable: true or false is expected" },
		{ one, "\"durable\":false,\"inactive_ms\":99",
		  "inactive_ms: a whole number from 100 to 2592000000 is expected" },
		{ one, "\"ack\":\"some\"", "ack: expected is \"explicit\" or \"all\" or \"none\"" },
		{ one, "\"ack\":\"all\",\"order\":\"stream\"",
		  "ack: \"all\" goes with order \"none\" or \"global\" only" },
		{ one, "\"backoff_ms\":100", "backoff_ms: a list of numbers is expected" },
		{ one, "\"backoff_ms\":[100,-1]",
		  "backoff_ms: a whole number from 0 to 2592000000 is expected" },
		{ one, "\"max_deliver\":0",
		  "max_deliver: -1 or a whole number from 1 to 1000000 is expected" },
		{ one, "\"on_exhausted\":\"cry\"",
		  "on_exhausted: expected is \"park\" or \"skip\" or \"stop\"" },
		{ one, "\"order\":\"tag:\"", orders },
		{ one, "\"order\":\"payload:\"", orders },
		{ one, "\"order\":7", "order: a string is expected" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refuses(bad[i].filter, bad[i].members, bad[i].why);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	client = connect_to(argv[1], "shop", 10000);
	starts_where_it_says();
	starts_ahead_of_what_there_is();
	a_transient_one_goes_when_nobody_listens();
	ack_all_takes_what_was_before();
	a_pause_after_each_nak();
	a_pause_after_an_expiry();
	exhausted_is_parked();
	exhausted_is_skipped();
	exhausted_stops();
	order_global_is_one_at_a_time();
	one_of_a_key("tag", "\"order\":\"tag:customer:\"", "by tag, one of a key is in flight");
	one_of_a_key("payload", "\"order\":\"payload:customer.id\"",
	             "by payload, one of a key is in flight");
	refuses_bad_values_by_name();
	nacre_close(client);
	return failed != 0;
}
