/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Read a whole store from its first event: rate as one line of JSON.
 * usage: read_load URL STORE packed|messages
 * packed: through libnacre, every event read out of its MessagePack. messages: a message per event,
 * by requests of R.all, as any NATS client would. */
#include <malloc.h>
#include <nats/nats.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "transport/client/nacre.h"

#define WAIT_MS 20000

static double now_s(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* How many; below 0: it failed. */
static long read_packed(const char *url, const char *store)
{
	struct nacre_options options;
	struct nacre_client *client = NULL;
	struct nacre_reader *reader = NULL;
	struct nacre_error error;
	const struct nacre_read all = { .source = NACRE_ALL };
	const struct nacre_event *event;
	nacre_options_init(&options);
	options.url = url;
	options.store = store;
	if (nacre_connect(&options, &client, &error) != NACRE_OK ||
	    nacre_read_open(client, &all, &reader, &error) != NACRE_OK)
		return -1;
	long count = 0;
	int err;
	while ((err = nacre_read_next(reader, &event, &error)) == NACRE_OK)
		count++;
	nacre_read_close(reader);
	nacre_close(client);
	return err == NACRE_END ? count : -1;
}

/* One page: its events are counted, and where to go on is told; 0: at the end. */
static bool page_take(natsSubscription *sub, long *count, long *next_out)
{
	for (;;) {
		natsMsg *msg = NULL;
		const char *next = NULL;
		if (natsSubscription_NextMsg(&msg, sub, WAIT_MS) != NATS_OK)
			return false;
		if (natsMsg_GetDataLength(msg) > 0) {
			++*count;
			natsMsg_Destroy(msg);
			continue;
		}
		*next_out = natsMsgHeader_Get(msg, "Es-Next", &next) == NATS_OK ? atol(next) : 0;
		natsMsg_Destroy(msg);
		return true;
	}
}

static long read_messages(const char *url, const char *store)
{
	natsConnection *nc = NULL;
	natsSubscription *sub = NULL;
	char subject[160], body[120];
	long count = 0, next = 1;
	(void)snprintf(subject, sizeof subject, "es.%s.all", store);
	if (natsConnection_ConnectTo(&nc, url) != NATS_OK ||
	    natsConnection_SubscribeSync(&sub, nc, "_INBOX.read") != NATS_OK ||
	    natsSubscription_SetPendingLimits(sub, -1, -1) != NATS_OK)
		return -1;
	while (next != 0) {
		(void)snprintf(body, sizeof body,
		               "{\"from\":%ld,\"limit\":10000,\"max_bytes\":8388608}", next);
		if (natsConnection_PublishRequestString(nc, subject, "_INBOX.read", body) !=
		            NATS_OK ||
		    !page_take(sub, &count, &next))
			return -1;
	}
	natsSubscription_Destroy(sub);
	natsConnection_Destroy(nc);
	return count;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	(void)mallopt(M_MMAP_THRESHOLD, 32 << 20); /* as `nacre` does, and nacre.h advises */
	(void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
	double began = now_s();
	long count = strcmp(argv[3], "packed") == 0 ? read_packed(argv[1], argv[2])
	                                            : read_messages(argv[1], argv[2]);
	double seconds = now_s() - began;
	if (count <= 0) {
		(void)fprintf(stderr, "read_load: the store could not be read\n");
		return 1;
	}
	(void)printf("{\"rate\":%.0f,\"events\":%ld}\n", (double)count / seconds, count);
	return 0;
}
