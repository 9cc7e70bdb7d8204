/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asynchronous appends. usage: unit_client_async URL */
#include <pthread.h>

#include "check.h"

struct seen {
	struct nacre_client *client;
	const char *stream;
	int calls, ok, refused, unavailable, disordered;
	uint64_t last;
	bool flying; /* in `done` now */
};

static void on_done(void *ctx, int result, const struct nacre_appended *appended,
                    const struct nacre_error *error)
{
	struct seen *seen = ctx;
	if (seen->flying || (result == NACRE_OK) != (appended != NULL) ||
	    (result == NACRE_OK) == (error != NULL))
		seen->disordered++;
	seen->flying = true;
	seen->calls++;
	seen->ok += result == NACRE_OK;
	seen->refused += result == NACRE_REFUSED && error->err_code == 10071;
	seen->unavailable += result == NACRE_UNAVAILABLE;
	if (result == NACRE_OK) {
		seen->disordered += appended->seq != seen->last + 1;
		seen->last = appended->seq;
	}
	seen->flying = false;
}

static void many_are_appended_in_order(void)
{
	enum { EVENTS = 20000 };
	struct seen seen = { 0 };
	int bad = 0;
	const struct nacre_append event = order("async", NACRE_EXPECT_ANY, NULL);
	for (int i = 0; i < EVENTS; i++)
		bad += nacre_append_async(client, &event, on_done, &seen, NULL) != NACRE_OK;
	expect(bad == 0 && nacre_flush(client, -1, NULL) == NACRE_OK, "20,000 are on their way");
	expect(seen.ok == EVENTS && seen.calls == EVENTS, "each is told once, after the flush");
	expect(seen.disordered == 0, "in the order of the calls, one at a time");
	expect(nacre_flush(client, 0, NULL) == NACRE_OK,
	       "with nothing under way a flush is at once");
}

/* Few are sent as they come, many gathered on the way, and they change over in between: what a
 * thread sends stays in its order all the same, and so does what it waits for. */
static void few_and_many_stay_in_order(void)
{
	static const int bursts[] = { 1, 300, 3,   900, 1500, 20, 2,  4000,
		                      1, 1,   257, 256, 255,  40, 700 };
	struct seen seen = { 0 };
	const struct nacre_append event = order("bursts", NACRE_EXPECT_ANY, NULL);
	struct nacre_appended appended;
	int bad = 0;
	for (size_t i = 0; i < sizeof bursts / sizeof bursts[0]; i++) {
		for (int n = 0; n < bursts[i]; n++)
			bad += nacre_append_async(client, &event, on_done, &seen, NULL) != NACRE_OK;
		if (i % 2 == 0)
			continue;
		bad += nacre_append(client, &event, &appended, NULL) != NACRE_OK;
		bad += nacre_flush(client, -1, NULL) != NACRE_OK;
		bad += appended.seq != seen.last + 1;
		seen.last = appended.seq;
	}
	expect(nacre_flush(client, -1, NULL) == NACRE_OK && bad == 0 && seen.disordered == 0,
	       "few and many, and one that is waited for, come in the order of the calls");
}

static void a_refusal_is_told(void)
{
	struct seen seen = { .last = 20000 };
	struct nacre_append event = order("async", 20000, "async-id");
	expect(nacre_append_async(client, &event, on_done, &seen, NULL) == NACRE_OK &&
	               nacre_append_async(client, &event, on_done, &seen, NULL) == NACRE_OK,
	       "the same id twice");
	event.id = NULL;
	expect(nacre_append_async(client, &event, on_done, &seen, NULL) == NACRE_OK &&
	               nacre_append_async(client, &event, NULL, NULL, NULL) == NACRE_OK &&
	               nacre_flush(client, 10000, NULL) == NACRE_OK,
	       "and a stale version, with and without somebody to tell");
	expect(seen.calls == 3 && seen.ok == 2 && seen.refused == 1 && seen.last == 20001,
	       "the retry gets the first answer, the stale one its refusal");
	event.size = 0;
	expect(nacre_append_async(client, &event, on_done, &seen, NULL) == NACRE_INVALID &&
	               seen.calls == 3,
	       "what is refused here is not told a second time");
}

static void *append_some(void *argument)
{
	struct seen *seen = argument;
	const struct nacre_append event = order(seen->stream, NACRE_EXPECT_ANY, NULL);
	for (int i = 0; i < 1000; i++) {
		if (nacre_append_async(seen->client, &event, on_done, seen, NULL) != NACRE_OK)
			seen->disordered++;
	}
	return NULL;
}

static void threads_share_a_small_window(const char *url)
{
	struct nacre_options options;
	struct nacre_client *small = NULL;
	nacre_options_init(&options);
	options.url = url;
	options.store = "shop";
	options.window = 3;
	if (nacre_connect(&options, &small, NULL) != NACRE_OK)
		exit(2);
	struct seen seen[4] = {
		{ .stream = "t.0" }, { .stream = "t.1" }, { .stream = "t.2" }, { .stream = "t.3" }
	};
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		seen[i].client = small;
		if (pthread_create(&threads[i], NULL, append_some, &seen[i]) != 0)
			exit(2);
	}
	int ok = 0;
	for (int i = 0; i < 4; i++)
		(void)pthread_join(threads[i], NULL);
	expect(nacre_flush(small, 30000, NULL) == NACRE_OK, "four threads and a window of three");
	for (int i = 0; i < 4; i++)
		ok += seen[i].ok == 1000 && seen[i].disordered == 0;
	expect(ok == 4, "each thread's come in its order");
	nacre_close(small);
}

static void nobody_there_is_told_in_time(const char *url)
{
	struct seen seen = { 0 };
	struct nacre_client *lonely = connect_to(url, "elsewhere", 300);
	const struct nacre_append event = order("s", NACRE_EXPECT_ANY, NULL);
	expect(nacre_append_async(lonely, &event, on_done, &seen, NULL) == NACRE_OK &&
	               nacre_flush(lonely, 10000, NULL) == NACRE_OK && seen.unavailable == 1,
	       "a store that nobody serves is unavailable after the timeout");
	nacre_close(lonely);
	seen = (struct seen){ 0 };
	lonely = connect_to(url, "elsewhere", 1000);
	for (int i = 0; i < 900; i++)
		(void)nacre_append_async(lonely, &event, on_done, &seen, NULL);
	expect(nacre_flush(lonely, 20000, NULL) == NACRE_OK && seen.unavailable == 900,
	       "and so it is to many");
	nacre_close(lonely);
	seen = (struct seen){ .calls = 1, .unavailable = 1 };
	lonely = connect_to(url, "elsewhere", 60000);
	for (int i = 0; i < 10; i++)
		(void)nacre_append_async(lonely, &event, on_done, &seen, NULL);
	expect(nacre_flush(lonely, 50, NULL) == NACRE_UNAVAILABLE && seen.calls == 1,
	       "a flush does not wait longer than it may");
	nacre_close(lonely);
	expect(seen.calls == 11 && seen.unavailable == 11, "closing ends what is under way");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	client = connect_to(argv[1], "shop", 10000);
	many_are_appended_in_order();
	few_and_many_stay_in_order();
	a_refusal_is_told();
	threads_share_a_small_window(argv[1]);
	nobody_there_is_told_in_time(argv[1]);
	nacre_close(client);
	return failed != 0;
}
