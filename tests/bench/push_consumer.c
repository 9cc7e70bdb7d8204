/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A subscriber that acknowledges each delivery: rate as one line of JSON.
 * usage: push_consumer URL SUBJECT COUNT CREATE_SUBJECT CREATE_BODY [msgpack]
 * Subscribes, asks for the consumer or subscription, and counts; the time runs from the request to
 * the last message. Messages with a status are answered if they have a reply subject, and do not
 * count; of a MessagePack array each element does. The same program for every peer, so that what
 * differs is the peer. */
#include <nats/nats.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static long got, wanted;
static int packed;

static uint64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Events in a message: the length of an array of 32 bits, in which the node packs. */
static long events_in(const natsMsg *msg)
{
	const unsigned char *data = (const unsigned char *)natsMsg_GetData(msg);
	if (!packed || natsMsg_GetDataLength(msg) < 5 || data[0] != 0xdd)
		return natsMsg_GetDataLength(msg) > 0;
	return (long)data[1] << 24 | (long)data[2] << 16 | (long)data[3] << 8 | (long)data[4];
}

static void on_delivery(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
	(void)sub;
	(void)closure;
	const char *reply = natsMsg_GetReply(msg);
	long events = events_in(msg);
	if (reply != NULL)
		(void)natsConnection_PublishString(nc, reply, events > 0 ? "+ACK" : "");
	natsMsg_Destroy(msg);
	if (events == 0)
		return;
	pthread_mutex_lock(&lock);
	got += events;
	if (got >= wanted)
		pthread_cond_signal(&change);
	pthread_mutex_unlock(&lock);
}

static int connect_to(const char *url, natsConnection **nc)
{
	natsOptions *options = NULL;
	if (natsOptions_Create(&options) != NATS_OK ||
	    natsOptions_SetURL(options, url) != NATS_OK ||
	    natsOptions_SetMaxPendingMsgs(options, 10000000) != NATS_OK)
		return 1;
	natsStatus status = natsConnection_Connect(nc, options);
	natsOptions_Destroy(options);
	return status != NATS_OK;
}

int main(int argc, char **argv)
{
	natsConnection *nc = NULL;
	natsSubscription *sub = NULL;
	natsMsg *answer = NULL;
	if (argc != 6 && argc != 7)
		return 2;
	packed = argc == 7;
	wanted = atol(argv[3]);
	if (connect_to(argv[1], &nc) != 0 ||
	    natsConnection_Subscribe(&sub, nc, argv[2], on_delivery, NULL) != NATS_OK ||
	    natsSubscription_SetPendingLimits(sub, -1, -1) != NATS_OK ||
	    natsConnection_Flush(nc) != NATS_OK)
		return 1;
	uint64_t began = now_ns();
	if (natsConnection_RequestString(&answer, nc, argv[4], argv[5], 10000) != NATS_OK)
		return 1;
	if (strstr(natsMsg_GetData(answer), "\"error\"") != NULL) {
		(void)fprintf(stderr, "%s\n", natsMsg_GetData(answer));
		return 1;
	}
	natsMsg_Destroy(answer);
	pthread_mutex_lock(&lock);
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
	(void)fflush(stdout);
	_exit(late != 0); /* more may come meanwhile, and be answered: what that uses must stay */
}
