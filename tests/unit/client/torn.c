/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection that is lost in the middle of an answer, and made again before its end: what was
 * sent meanwhile is missing, and must not be passed over; or when a request is written: it is
 * written again. usage: unit_client_torn
 *
 * This plays nats-server and the store in one, so that it says to the byte what is lost. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "page_make.h"

#define EVENTS 25000ul

/* The connection ends within the answers to the second and the third request of a read, the third
 * being asked ahead: of each so many events are sent before, then so many are lost, and the rest
 * comes when the client has subscribed again. */
#define SENT 2000ul
#define LOST 2000ul

static struct {
	int listener, peer;
	struct torn {
		char sid[32]; /* "": not asked for yet */
		unsigned long from, last;
	} torn[2];
	char sids[64][32], inboxes[64][128]; /* of the subscriptions of the connection */
	size_t sid_count;
} server;

/* ---- What nats.c writes -----------------------------------------------------------------------
 */

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

/* ---- The server -------------------------------------------------------------------------------
 */

static void say(const void *bytes, size_t size)
{
	if (sendto(server.peer, bytes, size, MSG_NOSIGNAL, NULL, 0) != (ssize_t)size)
		(void)shutdown(server.peer, SHUT_RDWR);
}

static void say_events(const char *sid, unsigned long from, unsigned long last)
{
	static unsigned char bytes[PAGE_SIZE_MAX];
	char line[64];
	size_t size = page_make(bytes, from, last);
	say(line, (size_t)snprintf(line, sizeof line, "MSG in %s %zu\r\n", sid, size));
	say(bytes, size);
	say("\r\n", 2);
}

static void say_end(const char *sid, unsigned long next)
{
	char line[64], block[CLOSE_SIZE_MAX];
	close_make(block, next, EVENTS);
	size_t size = strlen(block);
	say(line, (size_t)snprintf(line, sizeof line, "HMSG in %s %zu %zu\r\n", sid, size, size));
	say(block, size);
	say("\r\n", 2);
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
	struct torn *torn = page == 1 || page == 2 ? &server.torn[page - 1] : NULL;
	if (torn == NULL || torn->sid[0] != '\0') {
		say_last(sid, from, last);
		return;
	}
	torn->from = from;
	torn->last = last;
	(void)snprintf(torn->sid, sizeof torn->sid, "%s", sid);
	say_events(sid, from, from + SENT - 1);
	if (page == 2)
		(void)shutdown(server.peer, SHUT_WR); /* behind what was said */
}

static void on_sub(const char *inbox, const char *sid)
{
	if (server.sid_count == sizeof server.sids / sizeof *server.sids)
		exit(2);
	(void)snprintf(server.inboxes[server.sid_count], sizeof *server.inboxes, "%s", inbox);
	(void)snprintf(server.sids[server.sid_count++], sizeof *server.sids, "%s", sid);
	for (size_t i = 0; i < 2; i++) {
		const struct torn *torn = &server.torn[i];
		if (strcmp(sid, torn->sid) == 0)
			say_last(sid, torn->from + SENT + LOST, torn->last);
	}
}

static void on_append(const char *inbox)
{
	static const char appended[] = "{\"stream\":\"s\",\"seq\":1,\"pos\":1}";
	for (size_t i = 0; i < server.sid_count; i++) {
		size_t size = strlen(server.inboxes[i]);
		char line[512];
		if (strchr("*>", server.inboxes[i][size - 1]) == NULL ||
		    strncmp(server.inboxes[i], inbox, size - 1) != 0)
			continue;
		say(line, (size_t)snprintf(line, sizeof line, "MSG %s %s %zu\r\n%s\r\n", inbox,
		                           server.sids[i], sizeof appended - 1, appended));
	}
}

static void on_request(const char *inbox, const char *body)
{
	unsigned long from = member(body, "\"from\":");
	for (size_t i = 0; i < server.sid_count; i++) {
		if (strcmp(server.inboxes[i], inbox) == 0)
			answer(server.sids[i], from == 0 ? 1 : from);
	}
}

/* One connection of the client's, until it ends. */
static void serve(FILE *in)
{
	char line[4096], subject[512], inbox[128], sid[32], body[4096];
	size_t size;
	server.sid_count = 0;
	static const char info[] = "INFO {\"server_id\":\"x\",\"version\":\"2.10.0\",\"proto\":1,"
	                           "\"headers\":true,\"max_payload\":1048576}\r\n";
	say(info, sizeof info - 1);
	while (fgets(line, sizeof line, in) != NULL) {
		if (strncmp(line, "PING", 4) == 0) {
			say("PONG\r\n", 6);
		} else if (sscanf(line, "SUB %127s %31s", inbox, sid) == 2) {
			on_sub(inbox, sid);
		} else if (sscanf(line, "PUB %511s %127s %zu", subject, inbox, &size) == 3) {
			if (size + 2 >= sizeof body || fread(body, 1, size + 2, in) != size + 2)
				return;
			body[size] = '\0';
			on_request(inbox, body);
		} else if (sscanf(line, "HPUB %511s %127s %*s %zu", subject, inbox, &size) == 3) {
			if (size + 2 >= sizeof body || fread(body, 1, size + 2, in) != size + 2)
				return;
			on_append(inbox);
		}
	}
}

static void *serve_all(void *none)
{
	(void)none;
	while ((server.peer = accept(server.listener, NULL, NULL)) >= 0) {
		FILE *in = fdopen(server.peer, "r");
		if (in == NULL)
			exit(2);
		serve(in);
		(void)fclose(in);
	}
	return NULL;
}

static void server_open(char url[64])
{
	pthread_t thread;
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	server.listener = socket(AF_INET, SOCK_STREAM, 0);
	if (server.listener < 0 ||
	    bind(server.listener, (const struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(server.listener, 4) != 0 ||
	    getsockname(server.listener, (struct sockaddr *)&at, &size) != 0 ||
	    pthread_create(&thread, NULL, serve_all, NULL) != 0)
		exit(2);
	(void)pthread_detach(thread);
	(void)snprintf(url, 64, "nats://127.0.0.1:%u", ntohs(at.sin_port));
}

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

static void on_done(void *ctx, int result, const struct nacre_appended *appended,
                    const struct nacre_error *error)
{
	(void)appended;
	(void)error;
	*(int *)ctx = result;
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
	return nacre_append_async(client, &one, on_done, &result, NULL) == NACRE_OK &&
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
	server_open(url);
	client = connect_to(url, "torn", 20000);
	expect(reads_all(), "what is lost of answers with a connection is asked for again");
	expect(server.torn[1].sid[0] != '\0' && server.torn[1].from == 2 * PAGE + 1,
	       "of one that was asked for ahead as well");
	what_is_written_again();
	nacre_close(client);
	return failed != 0;
}
