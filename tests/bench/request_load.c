/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests with so many outstanding: rate and latencies as one line of JSON.
 * usage: request_load URL SUBJECT_PREFIX STREAMS SIZE OUTSTANDING COUNT [FIRST EVENTS AFTER]
 * The subject is SUBJECT_PREFIX followed by a number below STREAMS. With three more it is
 * SUBJECT_PREFIX alone and the body a batch of EVENTS events of SIZE bytes, each with a tag of its
 * own from seat:FIRST on (FIRST below 0: without tags); from AFTER 0 on with a condition that no
 * event after it bears the batch's first tag. An error answer ends the run with status 1. */
#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static uint64_t *sent_ns;
static uint32_t *took_us;
static long answered, refused, count;

static uint64_t now_ns(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void on_answer(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
	(void)nc;
	(void)sub;
	(void)closure;
	long number = strtol(strrchr(natsMsg_GetSubject(msg), '.') + 1, NULL, 10);
	const char *data = natsMsg_GetData(msg);
	int failed = natsMsg_GetDataLength(msg) >= 9 && memcmp(data, "{\"error\":", 9) == 0;
	took_us[number] = (uint32_t)((now_ns() - sent_ns[number]) / 1000);
	natsMsg_Destroy(msg);
	pthread_mutex_lock(&lock);
	answered++;
	refused += failed;
	pthread_cond_signal(&change);
	pthread_mutex_unlock(&lock);
}

struct seats {
	long first, events, after, streams;
	const char *data;
	char *body;
	size_t room;
};

/* The body of request `number`; its size. */
static int seats_body(struct seats *seats, long number)
{
	bool tagged = seats->first >= 0;
	long tag = (tagged ? seats->first : 0) + number * seats->events;
	int at = snprintf(seats->body, seats->room, "{\"events\":[");
	for (long i = 0; i < seats->events; i++) {
		at += snprintf(seats->body + at, seats->room - (size_t)at,
		               "%s{\"stream\":\"s.%ld\",\"type\":\"Taken\",\"data\":%s",
		               i == 0 ? "" : ",",
		               (long)((uint64_t)(tag + i) * 2654435761u % (uint64_t)seats->streams),
		               seats->data);
		at += snprintf(seats->body + at, seats->room - (size_t)at,
		               tagged ? ",\"tags\":[\"seat:%ld\"]}" : "}", tag + i);
	}
	if (seats->after < 0)
		return at + snprintf(seats->body + at, seats->room - (size_t)at, "]}");
	return at + snprintf(seats->body + at, seats->room - (size_t)at,
	                     "],\"condition\":{\"fail_if\":[{\"types\":[\"Taken\"],\"tags\":["
	                     "\"seat:%ld\"]}],\"after\":%ld}}",
	                     tag, seats->after);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	if (argc != 7 && argc != 10)
		return 2;
	long streams = atol(argv[3]), size = atol(argv[4]), outstanding = atol(argv[5]);
	count = atol(argv[6]);
	sent_ns = calloc((size_t)count, sizeof *sent_ns);
	took_us = calloc((size_t)count, sizeof *took_us);
	char *data = malloc((size_t)size + 1);
	memset(data, 'x', (size_t)size);
	data[0] = data[size - 1] = '"';
	data[size] = '\0';
	struct seats seats = { .streams = streams, .data = data };
	if (argc == 10) {
		seats.first = atol(argv[7]);
		seats.events = atol(argv[8]);
		seats.after = atol(argv[9]);
		seats.room = (size_t)(seats.events * (size + 120) + 200);
		seats.body = malloc(seats.room);
	}

	natsOptions *options = NULL;
	natsConnection *nc = NULL;
	natsSubscription *sub = NULL;
	natsStatus status = natsOptions_Create(&options);
	if (status == NATS_OK)
		status = natsOptions_SetURL(options, argv[1]);
	if (status == NATS_OK && outstanding < 100)
		status = natsOptions_SetSendAsap(options, true);
	if (status == NATS_OK)
		status = natsConnection_Connect(&nc, options);
	if (status == NATS_OK)
		status = natsConnection_Subscribe(&sub, nc, "_INBOX.load.*", on_answer, NULL);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(sub, -1, -1);
	if (status == NATS_OK)
		status = natsConnection_Flush(nc);
	if (status != NATS_OK)
		return 2;

	uint64_t began = now_ns();
	for (long i = 0; i < count; i++) {
		pthread_mutex_lock(&lock);
		while (i - answered >= outstanding)
			pthread_cond_wait(&change, &lock);
		pthread_mutex_unlock(&lock);
		char subject[128], reply[64];
		const char *body = data;
		int body_size = (int)size;
		(void)snprintf(subject, sizeof subject, "%s%ld", argv[2],
		               (long)((uint64_t)i * 2654435761u % (uint64_t)streams));
		if (seats.body != NULL) {
			(void)snprintf(subject, sizeof subject, "%s", argv[2]);
			body = seats.body;
			body_size = seats_body(&seats, i);
		}
		(void)snprintf(reply, sizeof reply, "_INBOX.load.%ld", i);
		sent_ns[i] = now_ns();
		if (natsConnection_PublishRequest(nc, subject, reply, body, body_size) != NATS_OK)
			return 2;
	}
	pthread_mutex_lock(&lock);
	while (answered < count)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
	double seconds = (double)(now_ns() - began) / 1e9;
	qsort(took_us, (size_t)count, sizeof *took_us, by_size);
	(void)printf("{\"rate\":%.0f,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"refused\":%ld}\n",
	             (double)count / seconds, took_us[count / 2], took_us[count * 99 / 100],
	             took_us[count - 1], refused);
	return refused != 0;
}
