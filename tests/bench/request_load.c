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

/* What requests carry: `data`, or with `body` a batch that is made anew for each. */
struct load {
	long first, events, after, streams;
	const char *data;
	int data_size;
	char *body;
	size_t room;
};

/* The body of request `number`; its size. */
static int batch_body(struct load *load, long number)
{
	bool tagged = load->first >= 0;
	long tag = (tagged ? load->first : 0) + number * load->events;
	int at = snprintf(load->body, load->room, "{\"events\":[");
	for (long i = 0; i < load->events; i++) {
		at += snprintf(load->body + at, load->room - (size_t)at,
		               "%s{\"stream\":\"s.%ld\",\"type\":\"Taken\",\"data\":%s",
		               i == 0 ? "" : ",",
		               (long)((uint64_t)(tag + i) * 2654435761u % (uint64_t)load->streams),
		               load->data);
		at += snprintf(load->body + at, load->room - (size_t)at,
		               tagged ? ",\"tags\":[\"seat:%ld\"]}" : "}", tag + i);
	}
	if (load->after < 0)
		return at + snprintf(load->body + at, load->room - (size_t)at, "]}");
	return at + snprintf(load->body + at, load->room - (size_t)at,
	                     "],\"condition\":{\"fail_if\":[{\"types\":[\"Taken\"],\"tags\":["
	                     "\"seat:%ld\"]}],\"after\":%ld}}",
	                     tag, load->after);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* Quoted, as JSON. */
static char *data_make(size_t size)
{
	char *data = malloc(size + 1);
	if (data == NULL || size < 2)
		exit(2);
	memset(data, 'x', size);
	data[0] = data[size - 1] = '"';
	data[size] = '\0';
	return data;
}

static void batch_read(struct load *load, char **args, long size)
{
	load->first = atol(args[0]);
	load->events = atol(args[1]);
	load->after = atol(args[2]);
	load->room = (size_t)(load->events * (size + 120) + 200);
	load->body = malloc(load->room);
	if (load->body == NULL)
		exit(2);
}

static natsConnection *connect_to(const char *url, long outstanding)
{
	natsOptions *options = NULL;
	natsConnection *nc = NULL;
	natsSubscription *sub = NULL;
	natsStatus status = natsOptions_Create(&options);
	if (status == NATS_OK)
		status = natsOptions_SetURL(options, url);
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
		exit(2);
	return nc;
}

/* Wait until so many are answered. */
static void wait_for(long answers)
{
	pthread_mutex_lock(&lock);
	while (answered < answers)
		pthread_cond_wait(&change, &lock);
	pthread_mutex_unlock(&lock);
}

static void request(natsConnection *nc, const char *prefix, struct load *load, long number)
{
	char subject[128], reply[64];
	const char *body = load->data;
	int size = load->data_size;
	if (load->body == NULL) {
		(void)snprintf(subject, sizeof subject, "%s%ld", prefix,
		               (long)((uint64_t)number * 2654435761u % (uint64_t)load->streams));
	} else {
		(void)snprintf(subject, sizeof subject, "%s", prefix);
		size = batch_body(load, number);
		body = load->body;
	}
	(void)snprintf(reply, sizeof reply, "_INBOX.load.%ld", number);
	sent_ns[number] = now_ns();
	if (natsConnection_PublishRequest(nc, subject, reply, body, size) != NATS_OK)
		exit(2);
}

int main(int argc, char **argv)
{
	if (argc != 7 && argc != 10)
		return 2;
	long size = atol(argv[4]), outstanding = atol(argv[5]);
	count = atol(argv[6]);
	sent_ns = calloc((size_t)count, sizeof *sent_ns);
	took_us = calloc((size_t)count, sizeof *took_us);
	if (sent_ns == NULL || took_us == NULL)
		return 2;
	struct load load = { .streams = atol(argv[3]),
		             .data = data_make((size_t)size),
		             .data_size = (int)size };
	if (argc == 10)
		batch_read(&load, argv + 7, size);
	natsConnection *nc = connect_to(argv[1], outstanding);

	uint64_t began = now_ns();
	for (long i = 0; i < count; i++) {
		wait_for(i - outstanding + 1);
		request(nc, argv[2], &load, i);
	}
	wait_for(count);
	double seconds = (double)(now_ns() - began) / 1e9;

	qsort(took_us, (size_t)count, sizeof *took_us, by_size);
	(void)printf("{\"rate\":%.0f,\"p50_us\":%u,\"p99_us\":%u,\"max_us\":%u,\"refused\":%ld}\n",
	             (double)count / seconds, took_us[count / 2], took_us[count * 99 / 100],
	             took_us[count - 1], refused);
	return refused != 0;
}
