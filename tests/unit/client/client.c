/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libnacre against a real node. usage: unit_client URL */
#include <time.h>

#include "check.h"

static int append_at(const char *stream, const char *id, int64_t at, struct nacre_appended *out,
                     struct nacre_error *error)
{
	const struct nacre_append event = order(stream, at, id);
	return nacre_append(client, &event, out, error);
}

static void appends_and_recognises_a_retry(void)
{
	struct nacre_appended first = { 0 }, again = { 0 };
	expect(append_at("or ders.42", "e1", NACRE_EXPECT_NONE, &first, NULL) == NACRE_OK &&
	               first.seq == 1 && first.pos == 1 && !first.duplicate,
	       "appends to a stream whose name needs escapes");
	expect(append_at("or ders.42", "e1", NACRE_EXPECT_NONE, &again, NULL) == NACRE_OK &&
	               again.seq == 1 && again.pos == 1 && again.duplicate,
	       "a retry with its id gets the first answer");
}

static void refuses_a_stale_version(void)
{
	struct nacre_appended out = { .seq = 77 };
	struct nacre_error error = { 0 };
	int result = append_at("or ders.42", NULL, 5, &out, &error);
	expect(result == NACRE_REFUSED && error.code == 400 && error.err_code == 10071 &&
	               strcmp(error.description, "wrong last sequence: 1") == 0,
	       "a stale version is refused with code, err_code and description");
	expect(out.seq == 77, "and the out-parameter is left alone");
}

/* How many events it gives, and whether their versions run from `first` by `step`. */
static long count(const struct nacre_read *read, uint64_t first, int step)
{
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event;
	long events = 0;
	if (nacre_read_open(client, read, &reader, NULL) != NACRE_OK)
		return -1;
	int result;
	while ((result = nacre_read_next(reader, &event, NULL)) == NACRE_OK) {
		if (event->seq != first)
			events = -1000000;
		first = (uint64_t)((int64_t)first + step);
		events++;
	}
	nacre_read_close(reader);
	return result == NACRE_END ? events : -1;
}

static bool has_meta(const struct nacre_event *event, const char *name, const char *value)
{
	for (size_t i = 0; i < event->meta_count; i++) {
		if (strcmp(event->meta[i].name, name) == 0 &&
		    strcmp(event->meta[i].value, value) == 0)
			return true;
	}
	return false;
}

static bool is_first_order(const struct nacre_event *event)
{
	return event->size == 7 && memcmp(event->data, "{\"n\":1}", 7) == 0 &&
	       strcmp(event->stream, "or ders.42") == 0 &&
	       strcmp(event->type, "Order.Placed") == 0 && strcmp(event->id, "e1") == 0 &&
	       strcmp(event->content_type, "application/json") == 0 &&
	       strcmp(event->tags, "customer:7,vip") == 0 && event->seq == 1 && event->pos == 1 &&
	       strlen(event->time) == 30;
}

/* The time that an id of the library's begins with; 0: it is none. */
static unsigned long long id_ms(const char *id)
{
	char time[13];
	if (strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32)
		return 0;
	memcpy(time, id, 12);
	time[12] = '\0';
	return strtoull(time, NULL, 16);
}

/* Ids in no order would make a store look for each in another place of its index. */
static void makes_ids_that_grow(void)
{
	char ids[3][64] = { "" };
	struct nacre_append event = order("grow", NACRE_EXPECT_ANY, NULL);
	const struct nacre_event *read;
	struct nacre_reader *reader = NULL;
	unsigned long long now_ms = (unsigned long long)time(NULL) * 1000;
	for (int i = 0; i < 3; i++)
		expect(nacre_append(client, &event, NULL, NULL) == NACRE_OK, "an id is made");
	if (nacre_read_open(client, &(struct nacre_read){ .source = NACRE_STREAM, .name = "grow" },
	                    &reader, NULL) != NACRE_OK)
		exit(2);
	for (int i = 0; i < 3 && nacre_read_next(reader, &read, NULL) == NACRE_OK; i++)
		(void)snprintf(ids[i], sizeof ids[i], "%s", read->id);
	nacre_read_close(reader);
	expect(id_ms(ids[0]) >= now_ms && id_ms(ids[0]) < now_ms + 600000, "of the time");
	expect(id_ms(ids[0]) <= id_ms(ids[1]) && id_ms(ids[1]) <= id_ms(ids[2]), "which goes on");
	expect(strcmp(ids[0] + 12, ids[1] + 12) != 0 && strcmp(ids[1] + 12, ids[2] + 12) != 0,
	       "and of chance");
}

static void reads_what_was_appended(void)
{
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event = NULL;
	const struct nacre_read read = { .source = NACRE_STREAM, .name = "or ders.42" };
	expect(nacre_read_open(client, &read, &reader, NULL) == NACRE_OK &&
	               nacre_read_next(reader, &event, NULL) == NACRE_OK,
	       "a reader gives an event");
	expect(is_first_order(event), "with every member as it was appended");
	expect(event->meta_count == 3 && has_meta(event, "user", "7") &&
	               has_meta(event, "role", "a") && has_meta(event, "role", "b"),
	       "and its metadata, a name with two values twice");
	expect(nacre_read_head(reader) == 0, "the head is not known before the end");
	expect(nacre_read_next(reader, &event, NULL) == NACRE_END &&
	               nacre_read_next(reader, &event, NULL) == NACRE_END,
	       "and then the end, however often it is asked");
	expect(nacre_read_head(reader) == 1, "at the end the head is the version");
	nacre_read_close(reader);
}

static void reads_by_every_source(void)
{
	static const char *const types[] = { "Order.Placed", "Other" }, *const tags[] = { "vip" };
	const struct nacre_item items[] = { { types, 2, tags, 1 }, { NULL, 0, tags, 1 } };
	const struct nacre_read all = { .source = NACRE_ALL };
	const struct nacre_read type = { .source = NACRE_TYPE, .name = "Order.Placed" };
	const struct nacre_read category = { .source = NACRE_CATEGORY, .name = "or ders" };
	const struct nacre_read tag = { .source = NACRE_TAG, .name = "customer:7" };
	const struct nacre_read query = { .source = NACRE_QUERY, .items = items, .item_count = 2 };
	const struct nacre_read json = { .source = NACRE_QUERY,
		                         .items_json = "[{\"tags\":[\"vip\",\"customer:7\"]}]" };
	const struct nacre_read absent = { .source = NACRE_TAG, .name = "customer:8" };
	const struct nacre_read nothing = { .source = NACRE_STREAM, .name = "nobody" };
	const struct nacre_read early = { .source = NACRE_ALL,
		                          .from_time = "2020-01-01T00:00:00Z" };
	const struct nacre_read late = { .source = NACRE_ALL, .from_time = "2220-01-01T00:00:00Z" };
	expect(count(&all, 1, 1) == 1 && count(&type, 1, 1) == 1 && count(&category, 1, 1) == 1,
	       "reads the store, a type, a category");
	expect(count(&tag, 1, 1) == 1 && count(&absent, 1, 1) == 0, "a tag");
	expect(count(&query, 1, 1) == 1 && count(&json, 1, 1) == 1, "and a query, items or JSON");
	expect(count(&early, 1, 1) == 1 && count(&late, 1, 1) == 0, "from a time on");
	expect(count(&nothing, 1, 1) == 0, "a stream that does not exist is just the end");
}

static bool gets(const struct nacre_get *get)
{
	const struct nacre_event *event = NULL;
	bool fine = nacre_get(client, get, &event, NULL) == NACRE_OK && is_first_order(event) &&
	            has_meta(event, "user", "7");
	nacre_event_free(event);
	return fine;
}

static void gets_one_event(void)
{
	const struct nacre_event *event = NULL;
	struct nacre_error error;
	expect(gets(&(struct nacre_get){ .pos = 1 }) &&
	               gets(&(struct nacre_get){ .stream = "or ders.42", .seq = 1 }) &&
	               gets(&(struct nacre_get){ .stream = "or ders.42", .id = "e1" }) &&
	               gets(&(struct nacre_get){ .id = "e1" }),
	       "gets one event by each of its addresses");
	expect(gets(&(struct nacre_get){ .pos = 1, .direct = true, .min_position = 1 }),
	       "and directly, from a position on");
	expect(nacre_get(client, &(struct nacre_get){ .pos = 999999 }, &event, &error) ==
	                       NACRE_REFUSED &&
	               error.code == 404 && error.err_code == 10037 && event == NULL,
	       "one that does not exist is 404/10037");
	expect(nacre_get(client, &(struct nacre_get){ .pos = 1, .id = "e1" }, &event, NULL) ==
	                       NACRE_INVALID &&
	               nacre_get(client, &(struct nacre_get){ .stream = "s" }, &event, NULL) ==
	                       NACRE_INVALID,
	       "two addresses are refused, and half of one");
}

static bool has_values_and_none(const struct nacre_event *event)
{
	return event->meta_count == 4 && has_meta(event, "first", "") &&
	       has_meta(event, "second", "2") && has_meta(event, "third", "") &&
	       has_meta(event, "fourth", "4: : 4") && strcmp(event->id, "valueless") == 0;
}

/* What stands behind a header without a value is not that value. */
static void keeps_metadata_without_a_value(void)
{
	static const struct nacre_pair meta[] = {
		{ "first", "" }, { "second", "2" }, { "third", "" }, { "fourth", "4: : 4" }
	};
	struct nacre_append given = order("valueless", NACRE_EXPECT_ANY, "valueless");
	const struct nacre_request read = { .subject = "read.valueless" };
	const struct nacre_read packed = { .source = NACRE_STREAM, .name = "valueless" };
	const struct nacre_request get = { .subject = "get",
		                           .body = "{\"id\":\"valueless\"}",
		                           .size = strlen("{\"id\":\"valueless\"}") };
	struct nacre_reader *reader = NULL;
	struct nacre_subscription *sub = NULL;
	struct nacre_reply *reply = NULL;
	const struct nacre_delivery *delivery = NULL;
	const struct nacre_event *event = NULL;
	given.meta = meta;
	given.meta_count = 4;
	expect(nacre_append(client, &given, NULL, NULL) == NACRE_OK &&
	               nacre_get(client, &(struct nacre_get){ .id = "valueless" }, &event, NULL) ==
	                       NACRE_OK &&
	               has_values_and_none(event),
	       "metadata without a value, got");
	nacre_event_free(event);
	expect(nacre_request_many(client, &read, &sub, NULL) == NACRE_OK &&
	               nacre_next(sub, 5000, &delivery, NULL) == NACRE_OK &&
	               has_values_and_none(delivery->event) &&
	               strcmp(nacre_header(sub, "second"), "2") == 0 &&
	               strcmp(nacre_header(sub, "third"), "") == 0,
	       "and read, a message an event");
	nacre_unsubscribe(sub);
	expect(nacre_request(client, &get, &reply, NULL) == NACRE_OK &&
	               strcmp(nacre_reply_header(reply, "second"), "2") == 0 &&
	               strcmp(nacre_reply_header(reply, "first"), "") == 0 &&
	               strcmp(nacre_reply_header(reply, "fourth"), "4: : 4") == 0,
	       "and as headers of an answer");
	nacre_reply_free(reply);
	expect(nacre_read_open(client, &packed, &reader, NULL) == NACRE_OK &&
	               nacre_read_next(reader, &event, NULL) == NACRE_OK &&
	               has_values_and_none(event),
	       "and read packed");
	nacre_read_close(reader);
}

static void asks_any_verb(void)
{
	struct nacre_reply *reply = NULL;
	struct nacre_error error;
	uint64_t number = 0;
	char text[64] = "", few[4] = "";
	size_t size = 0;
	const struct nacre_request info = { .subject = "store.info", .repeatable = true };
	const struct nacre_request bad = { .subject = "get", .body = "{\"pos\":0}", .size = 9 };
	const struct nacre_pair headers[] = { { "Es-Expect", "none" }, { "user", "9" } };
	const struct nacre_request raw = { .subject = "append.T.raw",
		                           .body = "{}",
		                           .size = 2,
		                           .headers = headers,
		                           .header_count = 2 };
	expect(nacre_request(client, &info, &reply, NULL) == NACRE_OK &&
	               nacre_reply_number(reply, "head", &number) && number > 0 &&
	               nacre_reply_text(reply, "store", text, sizeof text) &&
	               strcmp(text, "shop") == 0 &&
	               nacre_reply_text(reply, "store", few, sizeof few) &&
	               strcmp(few, "sho") == 0 && !nacre_reply_number(reply, "store", &number) &&
	               !nacre_reply_number(reply, "absent", &number),
	       "asks any verb and reads members of the answer");
	nacre_reply_free(reply);
	reply = NULL;
	expect(nacre_request(client, &bad, &reply, &error) == NACRE_REFUSED && error.code == 400 &&
	               error.err_code == 10003 && reply != NULL &&
	               strcmp(nacre_reply_header(reply, "Nats-Service-Error-Code"), "400") == 0 &&
	               nacre_reply_data(reply, &size) != NULL && size > 0,
	       "a refusal comes with the whole answer");
	nacre_reply_free(reply);
	expect(nacre_request(client, &raw, NULL, NULL) == NACRE_OK &&
	               nacre_request(client, &raw, NULL, &error) == NACRE_REFUSED &&
	               error.err_code == 10071,
	       "headers go with it");
}

static void spells_names(void)
{
	char out[32], cut[4];
	expect(nacre_name(NACRE_NAME_STREAM, "or ders.4", out, sizeof out) == 11 &&
	               strcmp(out, "or=20ders.4") == 0,
	       "spells a stream, whose dots stay");
	expect(nacre_name(NACRE_NAME_TOKEN, "a.b", out, sizeof out) == 5 &&
	               strcmp(out, "a=2Eb") == 0,
	       "and a type, whose dots do not");
	expect(nacre_name(NACRE_NAME_TOKEN, "abcdef", cut, sizeof cut) == 6 &&
	               strcmp(cut, "abc") == 0 && nacre_name(NACRE_NAME_TOKEN, "ab", NULL, 0) == 2,
	       "and says how long it would be");
}

static void reads_over_pages(void)
{
	enum { EVENTS = 2500 };
	int bad = 0;
	for (int i = 0; i < EVENTS; i++)
		bad += !append("many", NULL);
	const struct nacre_read forward = { .source = NACRE_STREAM, .name = "many" };
	const struct nacre_read backward = { .source = NACRE_STREAM,
		                             .name = "many",
		                             .backward = true };
	const struct nacre_read part = {
		.source = NACRE_STREAM, .name = "many", .from = 10, .to = 2100, .limit = 2050
	};
	const struct nacre_read direct = {
		.source = NACRE_STREAM, .name = "many", .direct = true, .min_position = EVENTS + 1
	};
	expect(bad == 0 && count(&forward, 1, 1) == EVENTS, "reads over pages, forward");
	expect(count(&backward, EVENTS, -1) == EVENTS, "and backward");
	expect(count(&part, 10, 1) == 2050, "and from, to and limit hold across pages");
	expect(count(&direct, 1, 1) == EVENTS, "and direct, waiting for a position");
}

static void refuses_bad_arguments(void)
{
	struct nacre_appended out;
	const struct nacre_append empty = { .stream = "s", .type = "T" };
	const struct nacre_append nameless = { .stream = "", .type = "T", .data = "1", .size = 1 };
	const struct nacre_read untold = { .source = NACRE_QUERY };
	struct nacre_options options;
	struct nacre_client *none = NULL;
	struct nacre_reader *reader = NULL;
	struct nacre_error error;
	nacre_options_init(&options);
	expect(nacre_append(client, &empty, &out, NULL) == NACRE_INVALID &&
	               nacre_append(client, &nameless, &out, NULL) == NACRE_INVALID,
	       "empty data and an empty name are refused here");
	static const char *const holed[] = { "orders..47", ".orders", "orders.", "." };
	for (size_t i = 0; i < sizeof holed / sizeof *holed; i++) {
		const struct nacre_append into = {
			.stream = holed[i], .type = "T", .data = "{}", .size = 2
		};
		const struct nacre_read of = { .source = NACRE_STREAM, .name = holed[i] };
		expect(nacre_append(client, &into, &out, &error) == NACRE_INVALID &&
		               strstr(error.description, "dot") != NULL &&
		               nacre_read_open(client, &of, &reader, NULL) == NACRE_INVALID,
		       "a name that no subject can bear is refused here");
	}
	expect(nacre_read_open(client, &untold, &reader, NULL) == NACRE_INVALID && reader == NULL,
	       "a query without items too");
	expect(nacre_connect(&options, &none, NULL) == NACRE_INVALID, "and so is no store");
	options.store = "shop";
	options.creds_file = "/nonexistent/creds";
	expect(nacre_connect(&options, &none, &error) == NACRE_INVALID &&
	               strstr(error.description, "creds_file: cannot read") != NULL,
	       "a file that cannot be read is named");
	options.creds_file = NULL;
	options.url = "nats://127.0.0.1:1";
	expect(nacre_connect(&options, &none, NULL) == NACRE_CONNECTION && none == NULL,
	       "nobody at the address is a connection error");
}

/* Built when struct nacre_append ended behind `id`, and when it will have one member more. */
static void serves_older_and_newer_programs(void)
{
	struct {
		struct nacre_append known;
		const char *unknown;
	} newer = { .known = order("grown", NACRE_EXPECT_ANY, NULL) };
	struct nacre_appended out;
	const struct nacre_append event = order("shrunk", NACRE_EXPECT_ANY, NULL);
	const size_t old = offsetof(struct nacre_append, content_type);
	expect(nacre_append_sized(client, &event, old, &out, NULL) == NACRE_OK,
	       "an older program's shorter struct is fine");
	const struct nacre_event *got = NULL;
	expect(nacre_get(client, &(struct nacre_get){ .pos = out.pos }, &got, NULL) == NACRE_OK &&
	               *got->content_type == '\0' && *got->tags == '\0' && got->meta_count == 0,
	       "and what lies behind its end is not read");
	nacre_event_free(got);
	expect(nacre_append_sized(client, &newer.known, sizeof newer, &out, NULL) == NACRE_OK,
	       "a newer program's longer one too, as long as its end is zeros");
	newer.unknown = "asked for";
	expect(nacre_append_sized(client, &newer.known, sizeof newer, &out, NULL) == NACRE_INVALID,
	       "what this library does not know is refused, not ignored");
}

static void gives_up_where_nobody_answers(const char *url)
{
	struct nacre_client *lonely = connect_to(url, "elsewhere", 300);
	const struct nacre_append event = order("s", NACRE_EXPECT_ANY, NULL);
	expect(nacre_append(lonely, &event, NULL, NULL) == NACRE_UNAVAILABLE,
	       "a store that nobody serves is unavailable after the timeout");
	nacre_close(lonely);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	client = connect_to(argv[1], "shop", 10000);
	appends_and_recognises_a_retry();
	refuses_a_stale_version();
	reads_what_was_appended();
	reads_by_every_source();
	gets_one_event();
	keeps_metadata_without_a_value();
	asks_any_verb();
	spells_names();
	reads_over_pages();
	refuses_bad_arguments();
	serves_older_and_newer_programs();
	makes_ids_that_grow();
	gives_up_where_nobody_answers(argv[1]);
	nacre_close(client);
	return failed != 0;
}
