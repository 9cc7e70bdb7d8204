/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store.h -- a store "hostile", which gives the same answer to every request. */
#ifndef NC_TESTS_CLIENT_STORE_H
#define NC_TESTS_CLIENT_STORE_H

#include <arpa/inet.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

/* ---- The store: gives the same answer to every request -------------------------------------- */

struct message {
	const char *body;
	int size;                /* -1: strlen */
	const char *headers[12]; /* names and values, NULL at the end; "Status": the status line */
};

static natsConnection *store_nc;
static const struct message *answer; /* [answer_count] */
static size_t answer_count;
static const char *raw_block; /* header bytes that answer every request; NULL: `answer` does */

static char asked_on[256]; /* where the last request wants its answer */
static atomic_int terms;   /* how often it was told to end something */

static const char *answer_reply = "es.hostile.ack.s.1.1.1"; /* what its messages are answered on */

/* Answers leave over a connection of its own: nats.c would not send most of them. */
static int raw = -1;

static inline void raw_open(const char *url)
{
	static const char hello[] = "CONNECT {\"verbose\":false,\"headers\":true}\r\n";
	unsigned port;
	if (sscanf(url, "nats://127.0.0.1:%u", &port) != 1)
		exit(2);
	const struct sockaddr_in at = { .sin_family = AF_INET,
		                        .sin_port = htons((uint16_t)port),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	raw = socket(AF_INET, SOCK_STREAM, 0);
	if (raw < 0 || connect(raw, (const struct sockaddr *)&at, sizeof at) != 0 ||
	    write(raw, hello, sizeof hello - 1) < 0)
		exit(2);
}

static inline void raw_answer(const char *to, const char *block, const char *body, size_t size)
{
	static char line[1 << 20];
	int head = snprintf(line, sizeof line, "HPUB %s %s %zu %zu\r\n%s", to, answer_reply,
	                    strlen(block), strlen(block) + size, block);
	if (head < 0 || (size_t)head + size + 2 > sizeof line)
		exit(2);
	memcpy(line + head, body, size);
	memcpy(line + head + size, "\r\n", 2);
	size += (size_t)head + 2;
	if (write(raw, line, size) != (ssize_t)size)
		exit(2);
}

static inline void answer_with(const char *to, const struct message *message)
{
	char block[2048];
	const char *const *at = message->headers;
	size_t size = message->size < 0 ? strlen(message->body) : (size_t)message->size;
	bool status = at[0] != NULL && strcmp(at[0], "Status") == 0;
	int used = snprintf(block, sizeof block, "NATS/1.0%s%s\r\n", status ? " " : "",
	                    status ? at[1] : "");
	for (at += status ? 2 : 0; at[0] != NULL; at += 2) {
		used += snprintf(block + used, sizeof block - (size_t)used, "%s: %s\r\n", at[0],
		                 at[1]);
	}
	(void)snprintf(block + used, sizeof block - (size_t)used, "\r\n");
	raw_answer(to, block, message->body, size);
}

static inline void on_request(natsConnection *nc, natsSubscription *sub, natsMsg *msg,
                              void *closure)
{
	(void)nc;
	(void)sub;
	(void)closure;
	const char *to =
	        natsMsg_GetReply(msg); /* NULL: the server says that nobody heard an answer */
	if (natsMsg_GetDataLength(msg) == 5 && memcmp(natsMsg_GetData(msg), "+TERM", 5) == 0)
		atomic_fetch_add(&terms, 1);
	if (to != NULL)
		(void)snprintf(asked_on, sizeof asked_on, "%s", to);
	if (to != NULL && raw_block != NULL)
		raw_answer(to, raw_block, "", 0);
	for (size_t i = 0; to != NULL && i < answer_count; i++)
		answer_with(to, &answer[i]);
	natsMsg_Destroy(msg);
}

static inline void will_answer(const struct message *messages, size_t count)
{
	answer = messages;
	answer_count = count;
}

static inline void store_open(const char *url)
{
	static natsSubscription *sub; /* until the program ends */
	raw_open(url);
	if (natsConnection_ConnectTo(&store_nc, url) != NATS_OK ||
	    natsConnection_Subscribe(&sub, store_nc, "es.hostile.>", on_request, NULL) != NATS_OK ||
	    natsConnection_Flush(store_nc) != NATS_OK)
		exit(2);
}

/* The store, `client` and its subscription "s", before any answer is a lie. */
static inline struct nacre_subscription *pull_open(const char *url, const struct nacre_consume *how)
{
	static const struct message honest = { .body = "{\"deliver\":null}", .size = -1 };
	struct nacre_subscription *sub;
	store_open(url);
	client = connect_to(url, "hostile", 2000);
	will_answer(&honest, 1);
	if (nacre_subscribe(client, "s", how, &sub, NULL) != NACRE_OK)
		exit(2);
	return sub;
}

#endif
