/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The limit: a service on nats.c that answers each request on bench.echo.> with its own first bytes
 * and does nothing else. On the event loop, drained after each read: the fastest form that was
 * found. usage: echo_service URL */
#include <nats/adapters/libuv.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>

#define ANSWER_SIZE 48 /* bytes, as a PubAck */

static natsConnection *nc;
static natsSubscription *sub;

static void drain(uv_check_t *check)
{
	(void)check;
	natsMsg *msg = NULL;
	while (natsSubscription_NextMsg(&msg, sub, 0) == NATS_OK) {
		int size = natsMsg_GetDataLength(msg);
		if (natsMsg_GetReply(msg) != NULL) {
			(void)natsConnection_Publish(nc, natsMsg_GetReply(msg),
			                             natsMsg_GetData(msg),
			                             size < ANSWER_SIZE ? size : ANSWER_SIZE);
		}
		natsMsg_Destroy(msg);
	}
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	uv_check_t check;
	natsOptions *options = NULL;
	if (argc != 2)
		return 2;
	natsLibuv_Init();
	natsLibuv_SetThreadLocalLoop(loop);
	natsStatus status = natsOptions_Create(&options);
	if (status == NATS_OK)
		status = natsOptions_SetURL(options, argv[1]);
	if (status == NATS_OK)
		status = natsOptions_SetSendAsap(options, true);
	if (status == NATS_OK) {
		status = natsOptions_SetEventLoop(options, loop, natsLibuv_Attach, natsLibuv_Read,
		                                  natsLibuv_Write, natsLibuv_Detach);
	}
	if (status == NATS_OK)
		status = natsConnection_Connect(&nc, options);
	if (status == NATS_OK)
		status = natsConnection_SubscribeSync(&sub, nc, "bench.echo.>");
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(sub, -1, -1);
	if (status != NATS_OK) {
		(void)fprintf(stderr, "echo_service: %s\n", natsStatus_GetText(status));
		return 1;
	}
	(void)uv_check_init(loop, &check);
	(void)uv_check_start(&check, drain);
	return uv_run(loop, UV_RUN_DEFAULT);
}
