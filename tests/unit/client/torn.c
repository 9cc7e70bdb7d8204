/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection that is lost in the middle of an answer, and made again before its end: what was
 * sent meanwhile is missing, and must not be passed over; or when a request is written: it is
 * written again. usage: unit_client_torn
 *
 * This plays the store behind a wire that it tears. */
#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>

#include "check.h"
#include "page_make.h"
#include "wire.h"

#define EVENTS 25000ul

/* The connection ends within the answers to the second and the third request of a read, the third
 * being asked ahead: of each so many events are sent before, then so many are lost, and the rest
 * comes when the client has subscribed again. */
#define SENT 2000ul
#define LOST 2000ul

static struct torn {
	char sid[32]; /* "": not asked for yet */
	unsigned long from, last;
} torn_pages[2];

/* ---- What nats.c writes --------------------------------------------------------------------- */

#define REFUSED_MS 100

static atomic_llong refused_until_ms;

static long long now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* In place of libc's, for nats.c. */
__attribute__((visibility("default"))) ssize_t send(int fd, const void *bytes, size_t size,
                                                    int flags)
{
	if (now_ms() < atomic_load(&refused_until_ms)) {
		errno = EPIPE;
		return -1;
	}
	return sendto(fd, bytes, size, flags, NULL, 0);
}

/* ---- The store ------------------------------------------------------------------------------ */

static void say_events(const char *sid, unsigned long from, unsigned long last)
{
	static unsigned char bytes[PAGE_SIZE_MAX];
	char line[64];
	size_t size = page_make(bytes, from, last);
	wire_say(line, (size_t)snprintf(line, sizeof line, "MSG in %s %zu\r\n", sid, size));
	wire_say(bytes, size);
	wire_say("\r\n", 2);
}

static void say_end(const char *sid, unsigned long next)
{
	char line[64], block[CLOSE_SIZE_MAX];
	close_make(block, next, EVENTS);
	size_t size = strlen(block);
	wire_say(line,
	         (size_t)snprintf(line, sizeof line, "HMSG in %s %zu %zu\r\n", sid, size, size));
	wire_say(block, size);
	wire_say("\r\n", 2);
}

static void say_last(const char *sid, unsigned long from, unsigned long last)
{
	if (from <= last)
		say_events(sid, from, last);
	say_end(sid, last < EVENTS ? last + 1 : 0);
}

static void answer(const char *sid, unsigned long from)
{
	size_t page = (from - 1) / PAGE;
	unsigned long last = from + PAGE - 1 < EVENTS ? from + PAGE - 1 : EVENTS;
	struct torn *torn = page == 1 || page == 2 ? &torn_pages[page - 1] : NULL;
	if (torn == NULL || torn->sid[0] != '\0') {
		say_last(sid, from, last);
		return;
	}
	torn->from = from;
	torn->last = last;
	(void)snprintf(torn->sid, sizeof torn->sid, "%s", sid);
	say_events(sid, from, from + SENT - 1);
	if (page == 2)
		wire_end();
}

void on_subscribe(const char *subject, const char *sid)
{
	(void)subject;
	for (size_t i = 0; i < 2; i++) {
		const struct torn *torn = &torn_pages[i];
		if (strcmp(sid, torn->sid) == 0)
			say_last(sid, torn->from + SENT + LOST, torn->last);
	}
}

void on_message(const struct wire_message *message)
{
	const char *sid = wire_listener(message->inbox);
	if (strstr(message->subject, ".append.") != NULL) {
		wire_answer(message->inbox, "{\"stream\":\"s\",\"seq\":1,\"pos\":1}");
	} else if (sid != NULL) {
		unsigned long from = member(message->bytes, "\"from\":");
		answer(sid, from == 0 ? 1 : from);
	}
}

/* ---- What is asked -------------------------------------------------------------------------- */

/* Whether all events came, each once and in order. */
static bool reads_all(void)
{
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event;
	struct nacre_error error = { 0 };
	unsigned long count = 0;
	int result;
	if (nacre_read_open(client, &(struct nacre_read){ .source = NACRE_ALL }, &reader, NULL) !=
	    NACRE_OK)
		exit(2);
	while ((result = nacre_read_next(reader, &event, &error)) == NACRE_OK) {
		if (event->pos != ++count) {
			(void)printf("%llu came where %lu was due\n",
			             (unsigned long long)event->pos, count);
			break;
		}
	}
	nacre_read_close(reader);
	if (result != NACRE_OK && result != NACRE_END)
		(void)printf("%s\n", error.description);
	return result == NACRE_END && count == EVENTS;
}

static bool appends(void)
{
	const struct nacre_append one = order("s", NACRE_EXPECT_ANY, NULL);
	return nacre_append(client, &one, NULL, NULL) == NACRE_OK;
}

static bool appends_async(void)
{
	const struct nacre_append one = order("s", NACRE_EXPECT_ANY, NULL);
	int result = 1;
	return nacre_append_async(client, &one, told, &result, NULL) == NACRE_OK &&
	       nacre_flush(client, -1, NULL) == NACRE_OK && result == NACRE_OK;
}

static bool reads_one(void)
{
	struct nacre_reader *reader = NULL;
	const struct nacre_event *event;
	if (nacre_read_open(client, &(struct nacre_read){ .source = NACRE_ALL }, &reader, NULL) !=
	    NACRE_OK)
		exit(2);
	bool fine = nacre_read_next(reader, &event, NULL) == NACRE_OK && event->pos == 1;
	nacre_read_close(reader);
	return fine;
}

/* Nothing can be written for a while, as happens until nats.c has heard that its connection has
 * ended. */
static bool when_refused(bool (*call)(void))
{
	atomic_store(&refused_until_ms, now_ms() + REFUSED_MS);
	return call();
}

static void what_is_written_again(void)
{
	/* Their subscriptions for answers stay, and are not what is refused here. */
	expect(appends() && appends_async(), "appends are answered");
	expect(when_refused(reads_one), "a read that could not be written is asked for again");
	expect(when_refused(appends), "an append, too");
	expect(when_refused(appends_async), "and an asynchronous one");
}

int main(void)
{
	char url[64];
	wire_open(url);
	client = connect_to(url, "torn", 20000);
	expect(reads_all(), "what is lost of answers with a connection is asked for again");
	expect(torn_pages[1].sid[0] != '\0' && torn_pages[1].from == 2 * PAGE + 1,
	       "of one that was asked for ahead as well");
	what_is_written_again();
	nacre_close(client);
	return failed != 0;
}
