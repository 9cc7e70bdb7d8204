/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The whole path of an event that one live subscription matches: appended, matched, delivered,
 * acknowledged. A round for each line on stdin; its rate on stdout. usage: filter_path URL ROOT
 * OTHERS EVENTS WHICH
 *
 * WHICH is `one`: the same subscription each time, by the payload, beside OTHERS that are pulled,
 * and nobody pulls. Or `each`: events go to 10,000 streams in turn; with OTHERS 0 one subscription
 * matches all of them, else each of OTHERS + 1 a stream of its own. */
#include <nats/nats.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OUTSTANDING 1000  /* appends under way */
#define STREAMS     10000 /* of `each` */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static long delivered, answered;
static natsConnection *nc;
static const char *root;

static double now(void)
{
	struct timespec at;
	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void die(const char *what)
{
	(void)fprintf(stderr, "filter_path: %s\n", what);
	exit(1);
}

static void count(long *what)
{
	pthread_mutex_lock(&lock);
	++*what;
	pthread_cond_signal(&change);
	pthread_mutex_unlock(&lock);
}

static void wait_for(const long *what, long least)
{
	struct timespec end;
	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 120;
	pthread_mutex_lock(&lock);
	int late = 0;
	while (*what < least && late == 0)
		late = pthread_cond_timedwait(&change, &lock, &end);
	pthread_mutex_unlock(&lock);
	if (late != 0)
		die("what was asked for did not come within 120 s");
}

static void on_delivery(natsConnection *c, natsSubscription *sub, natsMsg *msg, void *closure)
{
	(void)sub, (void)closure;
	int event = natsMsg_GetDataLength(msg) > 0;
	if (natsMsg_GetReply(msg) != NULL)
		(void)natsConnection_PublishString(c, natsMsg_GetReply(msg), "");
	natsMsg_Destroy(msg);
	if (event)
		count(&delivered);
}

static void on_answer(natsConnection *c, natsSubscription *sub, natsMsg *msg, void *closure)
{
	(void)c, (void)sub, (void)closure;
	const char *data = natsMsg_GetData(msg);
	if (natsMsg_GetDataLength(msg) >= 9 && memcmp(data, "{\"error\":", 9) == 0)
		die(data);
	natsMsg_Destroy(msg);
	count(&answered);
}

static void ask(const char *verb, const char *body, const char *inbox)
{
	char subject[256];
	(void)snprintf(subject, sizeof subject, "%s.%s", root, verb);
	if (natsConnection_PublishRequestString(nc, subject, inbox, body) != NATS_OK)
		die("cannot publish");
}

/* Equality, as most are; none is of an event's. */
static void others_create(long others, const char *inbox)
{
	long before = answered;
	for (long i = 0; i < others; i++) {
		char verb[64], body[256];
		(void)snprintf(verb, sizeof verb, "sub.create.other%ld", i);
		(void)snprintf(
		        body, sizeof body,
		        "{\"filter\":{\"plugin\":\"by_payload\",\"selector\":{\"order\":{\"id\":["
		        "\"order-%05ld\"]}}},\"start\":\"new\"}",
		        i);
		ask(verb, body, inbox);
		wait_for(&answered, before + i + 1 - 200);
	}
	wait_for(&answered, before + others);
}

/* 500 bytes of JSON, as an order looks. */
static void event_make(char *body, size_t size)
{
	int at = snprintf(
	        body, size,
	        "{\"order\":{\"id\":\"the "
	        "one\",\"total\":17.95,\"currency\":\"EUR\",\"paid\":true},"
	        "\"customer\":{\"id\":7,\"name\":\"Customer 7\",\"email\":\"c7@example.org\","
	        "\"country\":\"DE\",\"vip\":false},\"lines\":[{\"sku\":\"SKU-1\",\"qty\":2,"
	        "\"price\":19.99},"
	        "{\"sku\":\"SKU-2\",\"qty\":1,\"price\":5.5}],\"comment\":\"");
	while (at < 498)
		body[at++] = 'x';
	(void)snprintf(body + at, size - (size_t)at, "\"}");
}

static void others_one(long others, const char *inbox)
{
	ask("sub.create.one",
	    "{\"filter\":{\"plugin\":\"by_payload\",\"selector\":{\"order\":{\"id\":[\"the "
	    "one\"]}}},"
	    "\"start\":\"new\",\"deliver\":{\"subject\":\"out.one\"}}",
	    inbox);
	wait_for(&answered, 1);
	others_create(others, inbox);
}

static void others_each(long others, const char *inbox)
{
	for (long i = 0; i <= others; i++) {
		char verb[64], body[256];
		(void)snprintf(verb, sizeof verb, "sub.create.each%ld", i);
		(void)snprintf(body, sizeof body,
		               others == 0 ? "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":"
		                             "\"$all\"},\"start\":\"new\","
		                             "\"deliver\":{\"subject\":\"out.one\"}}"
		                           : "{\"filter\":{\"plugin\":\"by_stream\",\"selector\":"
		                             "\"orders.%ld\"},\"start\":\"new\","
		                             "\"deliver\":{\"subject\":\"out.one\"}}",
		               i);
		ask(verb, body, inbox);
		wait_for(&answered, i + 1 - 200);
	}
	wait_for(&answered, others + 1);
}

static double round_run(long events, int each, const char *inbox)
{
	char body[520], verb[64];
	event_make(body, sizeof body);
	long appended = answered, before = delivered;
	double began = now();
	for (long i = 0; i < events; i++) {
		(void)snprintf(verb, sizeof verb, "append.OrderPlaced.orders.%ld",
		               each ? i % STREAMS : 1);
		ask(verb, body, inbox);
		wait_for(&answered, appended + i + 1 - OUTSTANDING);
	}
	wait_for(&delivered, before + events);
	return (double)events / (now() - began);
}

int main(int argc, char **argv)
{
	natsOptions *options = NULL;
	natsSubscription *answers = NULL, *deliveries = NULL;
	natsInbox *inbox = NULL;
	if (argc != 6)
		return 2;
	root = argv[2];
	long others = atol(argv[3]), events = atol(argv[4]);
	int each = strcmp(argv[5], "each") == 0;
	if (natsOptions_Create(&options) != NATS_OK ||
	    natsOptions_SetURL(options, argv[1]) != NATS_OK ||
	    natsOptions_SetSendAsap(options, true) != NATS_OK ||
	    natsConnection_Connect(&nc, options) != NATS_OK ||
	    natsInbox_Create(&inbox) != NATS_OK ||
	    natsConnection_Subscribe(&answers, nc, inbox, on_answer, NULL) != NATS_OK ||
	    natsConnection_Subscribe(&deliveries, nc, "out.one", on_delivery, NULL) != NATS_OK ||
	    natsSubscription_SetPendingLimits(deliveries, -1, -1) != NATS_OK)
		die("no connection");
	if (each) {
		others_each(others, inbox);
	} else {
		others_one(others, inbox);
	}
	(void)round_run(events / 4, each, inbox); /* to warm up */
	(void)printf("ready\n");
	(void)fflush(stdout);
	for (int byte = getchar(); byte != EOF; byte = getchar()) {
		if (byte != '\n')
			continue;
		(void)printf("%.0f\n", round_run(events, each, inbox));
		(void)fflush(stdout);
	}
	return 0;
}
