/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A consumer that pulls and acknowledges each event: rate as one line of JSON.
 * usage: pull_consumer URL NEXT_SUBJECT NEXT_BODY BATCH COUNT CREATE_SUBJECT CREATE_BODY
 * Asks for the consumer or subscription, then for BATCH events at a time, for the next ones before
 * the last are there; the time runs from the first request to the last event. A message with a
 * status ends what was asked for. The same program for every peer, so that what differs is the
 * peer. */
#include <nats/nats.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static const char *next_subject, *next_body;
static char inbox[128];
static long got, wanted, batch, coming; /* coming: asked for and not there yet */

static uint64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void ask(natsConnection *nc)
{
	coming += batch;
	(void)natsConnection_PublishRequestString(nc, next_subject, inbox, next_body);
}

static void on_delivery(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
	(void)sub;
	(void)closure;
	const char *reply = natsMsg_GetReply(msg);
	int event = natsMsg_GetDataLength(msg) > 0;
	if (event && reply != NULL)
		(void)natsConnection_PublishString(nc, reply, "+ACK");
	natsMsg_Destroy(msg);
	pthread_mutex_lock(&lock);
	coming = event ? coming - 1 : 0;
	got += event;
	if (got == wanted) {
		pthread_cond_signal(&change);
	} else if (coming <= batch / 2) {
		ask(nc);
	}
	pthread_mutex_unlock(&lock);
}

static int create(natsConnection *nc, const char *subject, const char *body)
{
	natsMsg *answer = NULL;
	if (natsConnection_RequestString(&answer, nc, subject, body, 10000) != NATS_OK)
		return 1;
	int bad = strstr(natsMsg_GetData(answer), "\"error\"") != NULL;
	if (bad)
		(void)fprintf(stderr, "%s\n", natsMsg_GetData(answer));
	natsMsg_Destroy(answer);
	return bad;
}

int main(int argc, char **argv)
{
	natsConnection *nc = NULL;
	natsSubscription *sub = NULL;
	natsInbox *name = NULL; /* a string */
	if (argc != 8)
		return 2;
	next_subject = argv[2];
	next_body = argv[3];
	batch = atol(argv[4]);
	wanted = atol(argv[5]);
	if (natsConnection_ConnectTo(&nc, argv[1]) != NATS_OK || natsInbox_Create(&name) != NATS_OK)
		return 1;
	(void)snprintf(inbox, sizeof inbox, "%s", name);
	natsInbox_Destroy(name);
	if (natsConnection_Subscribe(&sub, nc, inbox, on_delivery, NULL) != NATS_OK ||
	    natsSubscription_SetPendingLimits(sub, -1, -1) != NATS_OK ||
	    create(nc, argv[6], argv[7]) != 0)
		return 1;
	uint64_t began = now_ns();
	pthread_mutex_lock(&lock);
	ask(nc);
	struct timespec end;
	(void)clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 300;
	int late = 0;
	while (got < wanted && late == 0)
		late = pthread_cond_timedwait(&change, &lock, &end);
	double seconds = (double)(now_ns() - began) / 1e9;
	(void)printf("{\"got\":%ld,\"seconds\":%.3f,\"rate\":%.0f}\n", got, seconds,
	             (double)got / seconds);
	pthread_mutex_unlock(&lock);
	(void)natsConnection_FlushTimeout(nc, 10000);
	natsSubscription_Destroy(sub);
	natsConnection_Destroy(nc);
	nats_Close();
	return late != 0;
}
