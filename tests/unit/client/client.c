/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libnacre against a real node. usage: unit_client URL */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/client/nacre.h"

static struct nacre_client *client;
static int failed;

static void expect(bool holds, const char *what)
{
	(void)printf("%s: %s\n", what, holds ? "ok" : "FAILED");
	failed += !holds;
}

static int append(const char *stream, const char *id, int64_t at, struct nacre_appended *out,
                  struct nacre_error *error)
{
	static const char *const tags[] = { "customer:7", "vip" };
	static const struct nacre_pair meta[] = { { "user", "7" } };
	const struct nacre_append event = { .stream = stream,
		                            .type = "Order.Placed",
		                            .data = "{\"n\":1}",
		                            .size = 7,
		                            .expect = at,
		                            .id = id,
		                            .content_type = "application/json",
		                            .tags = tags,
		                            .tag_count = 2,
		                            .meta = meta,
		                            .meta_count = 1 };
	return nacre_append(client, &event, out, error);
}

static void appends_and_recognises_a_retry(void)
{
	struct nacre_appended first = { 0 }, again = { 0 };
	expect(append("or ders.42", "e1", NACRE_EXPECT_NONE, &first, NULL) == NACRE_OK &&
	               first.seq == 1 && first.pos == 1 && !first.duplicate,
	       "appends to a stream whose name needs escapes");
	expect(append("or ders.42", "e1", NACRE_EXPECT_NONE, &again, NULL) == NACRE_OK &&
	               again.seq == 1 && again.pos == 1 && again.duplicate,
	       "a retry with its id gets the first answer");
}

static void refuses_a_stale_version(void)
{
	struct nacre_appended out = { .seq = 77 };
	struct nacre_error error = { 0 };
	int result = append("or ders.42", NULL, 5, &out, &error);
	expect(result == NACRE_REFUSED && error.code == 400 && error.err_code == 10071 &&
	               strcmp(error.description, "wrong last sequence: 1") == 0,
	       "a stale version is refused with code, err_code and description");
	expect(out.seq == 77, "and the out-parameter is left alone");
}

/* How many events it gives, and whether they run from `first` by `step`. */
static long count(const struct nacre_read *read, uint64_t first, int step)
{
	struct nacre_reader *reader = NULL;
	struct nacre_event event;
	long events = 0;
	if (nacre_read_open(client, read, &reader, NULL) != NACRE_OK)
		return -1;
	int result;
	while ((result = nacre_read_next(reader, &event, NULL)) == NACRE_OK) {
		if (event.seq != first)
			events = -1000000;
		first = (uint64_t)((int64_t)first + step);
		events++;
	}
	nacre_read_close(reader);
	return result == NACRE_END ? events : -1;
}

static void reads_what_was_appended(void)
{
	struct nacre_reader *reader = NULL;
	struct nacre_event event = { 0 };
	const struct nacre_read read = { .source = NACRE_STREAM, .name = "or ders.42" };
	expect(nacre_read_open(client, &read, &reader, NULL) == NACRE_OK &&
	               nacre_read_next(reader, &event, NULL) == NACRE_OK,
	       "a reader gives an event");
	expect(event.size == 7 && memcmp(event.data, "{\"n\":1}", 7) == 0 &&
	               strcmp(event.stream, "or ders.42") == 0 &&
	               strcmp(event.type, "Order.Placed") == 0 && strcmp(event.id, "e1") == 0 &&
	               strcmp(event.content_type, "application/json") == 0 &&
	               strcmp(event.tags, "customer:7,vip") == 0 && event.seq == 1 &&
	               event.pos == 1 && strlen(event.time) == 30,
	       "with every member as it was appended");
	expect(nacre_read_next(reader, &event, NULL) == NACRE_END, "and then the end");
	nacre_read_close(reader);
	const struct nacre_read type = { .source = NACRE_TYPE, .name = "Order.Placed" };
	const struct nacre_read category = { .source = NACRE_CATEGORY, .name = "or ders" };
	const struct nacre_read nothing = { .source = NACRE_STREAM, .name = "nobody" };
	expect(count(&type, 1, 1) == 1 && count(&category, 1, 1) == 1, "by type and category too");
	expect(count(&nothing, 1, 1) == 0, "a stream that does not exist is just the end");
}

static void reads_over_pages(void)
{
	enum { EVENTS = 2500 };
	struct nacre_appended out;
	int bad = 0;
	for (int i = 0; i < EVENTS; i++)
		bad += append("many", NULL, NACRE_EXPECT_ANY, &out, NULL) != NACRE_OK;
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
	struct nacre_options options;
	struct nacre_client *none = NULL;
	nacre_options_init(&options);
	expect(nacre_append(client, &empty, &out, NULL) == NACRE_INVALID &&
	               nacre_append(client, &nameless, &out, NULL) == NACRE_INVALID,
	       "empty data and an empty name are refused here");
	expect(nacre_connect(&options, &none, NULL) == NACRE_INVALID, "and so is no store");
	options.store = "shop";
	options.url = "nats://127.0.0.1:1";
	expect(nacre_connect(&options, &none, NULL) == NACRE_CONNECTION && none == NULL,
	       "nobody at the address is a connection error");
}

static void gives_up_where_nobody_answers(const char *url)
{
	struct nacre_options options;
	struct nacre_client *lonely = NULL;
	struct nacre_appended out;
	const struct nacre_append event = {
		.stream = "s", .type = "T", .data = "1", .size = 1, .expect = NACRE_EXPECT_ANY
	};
	nacre_options_init(&options);
	options.url = url;
	options.store = "elsewhere";
	options.timeout_ms = 300;
	bool connected = nacre_connect(&options, &lonely, NULL) == NACRE_OK;
	expect(connected && nacre_append(lonely, &event, &out, NULL) == NACRE_UNAVAILABLE,
	       "a store that nobody serves is unavailable after the timeout");
	nacre_close(lonely);
}

int main(int argc, char **argv)
{
	struct nacre_options options;
	if (argc != 2)
		return 2;
	nacre_options_init(&options);
	options.url = argv[1];
	options.store = "shop";
	if (nacre_connect(&options, &client, NULL) != NACRE_OK)
		return 2;
	appends_and_recognises_a_retry();
	refuses_a_stale_version();
	reads_what_was_appended();
	reads_over_pages();
	refuses_bad_arguments();
	gives_up_where_nobody_answers(argv[1]);
	nacre_close(client);
	return failed != 0;
}
