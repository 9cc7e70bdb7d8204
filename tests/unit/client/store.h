/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store.h -- a store "hostile", which gives the same answer to every request. */
#ifndef NC_TESTS_CLIENT_STORE_H
#define NC_TESTS_CLIENT_STORE_H

#include <arpa/inet.h>
#include <nats/nats.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

/* ---- The store: gives the same answer to every request -------------------------------------- */

struct message {
	const char *body;
	int size;                /* -1: strlen */
	const char *headers[12]; /* names and values, NULL at the end */
};

static natsConnection *store_nc;
static const struct message *answer; /* [answer_count] */
static size_t answer_count;

static inline void answer_with(natsConnection *nc, const char *to, const struct message *message)
{
	natsMsg *msg = NULL;
	int size = message->size < 0 ? (int)strlen(message->body) : message->size;
	if (natsMsg_Create(&msg, to, "es.hostile.ack.s.1.1.1", message->body, size) != NATS_OK)
		exit(2);
	for (size_t i = 0; message->headers[i] != NULL; i += 2)
		(void)natsMsgHeader_Set(msg, message->headers[i], message->headers[i + 1]);
	(void)natsConnection_PublishMsg(nc, msg);
	natsMsg_Destroy(msg);
}

/* ---- Bytes that nats.c would not send -------------------------------------------------------- */

static int raw = -1;          /* a connection of its own to the server */
static const char *raw_block; /* header bytes that answer every request; NULL: `answer` does */

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

static inline void raw_answer(const char *to, const char *block)
{
	char line[1024];
	int size = snprintf(line, sizeof line, "HPUB %s %zu %zu\r\n%s\r\n", to, strlen(block),
	                    strlen(block), block);
	if (write(raw, line, (size_t)size) != size)
		exit(2);
}

static inline void on_request(natsConnection *nc, natsSubscription *sub, natsMsg *msg,
                              void *closure)
{
	(void)sub;
	(void)closure;
	const char *to =
	        natsMsg_GetReply(msg); /* NULL: the server says that nobody heard an answer */
	if (to != NULL && raw_block != NULL)
		raw_answer(to, raw_block);
	for (size_t i = 0; to != NULL && i < answer_count; i++)
		answer_with(nc, to, &answer[i]);
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
	if (natsConnection_ConnectTo(&store_nc, url) != NATS_OK ||
	    natsConnection_Subscribe(&sub, store_nc, "es.hostile.>", on_request, NULL) != NATS_OK ||
	    natsConnection_Flush(store_nc) != NATS_OK)
		exit(2);
}

#endif
