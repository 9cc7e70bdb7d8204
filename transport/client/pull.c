/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for events before they are needed: whenever half of those asked for have come, as many are
 * asked for again; with no_wait, when all have, so that what ends the one request says all. A
 * request expires soon, so that one which was lost, with its leader, is soon missed. */
#include <stdio.h>

#include "transport/client/subscription_private.h"

static uint64_t batch_size(const struct nacre_subscription *sub)
{
	return sub->how.batch == 0 ? NC_CLIENT_PULL_BATCH : sub->how.batch;
}

static natsStatus ask(struct nacre_subscription *sub, uint64_t count)
{
	char body[160], bytes[48] = "";
	natsMsg *msg = NULL;
	if (sub->how.max_bytes > 0) {
		(void)snprintf(bytes, sizeof bytes, ",\"max_bytes\":%llu",
		               (unsigned long long)sub->how.max_bytes);
	}
	int size = snprintf(body, sizeof body, "{\"batch\":%llu,\"expires_ms\":%d%s%s%s}",
	                    (unsigned long long)count, NC_CLIENT_PULL_EXPIRY_MS,
	                    sub->how.no_wait ? ",\"no_wait\":true" : "",
	                    sub->how.packed ? ",\"format\":\"msgpack\"" : "", bytes);
	natsStatus status =
	        nc_client_msg_new(sub->client, sub->next, sub->subject, body, (size_t)size, &msg);
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(sub->client->nc, msg);
	natsMsg_Destroy(msg);
	return status;
}

/* Whether messages have come that were not taken yet: they are not lost, however long that takes.
 */
static bool is_waiting_here(const struct nacre_subscription *sub)
{
	int messages = 0;
	return natsSubscription_GetPending(sub->nats, &messages, NULL) == NATS_OK && messages > 0;
}

natsStatus nc_client_pull_fill(struct nacre_subscription *sub)
{
	int64_t now_ms = nc_client_now_ms();
	if (sub->asked > 0 && now_ms >= sub->lost_ms && !is_waiting_here(sub))
		sub->asked = 0;
	uint64_t enough = sub->how.no_wait ? 0 : batch_size(sub) / 2;
	if (sub->asked > enough || now_ms < sub->ask_at_ms)
		return NATS_OK;
	uint64_t count = batch_size(sub) - sub->asked, had = sub->given + sub->asked;
	if (sub->how.limit > 0 && count + had > sub->how.limit)
		count = sub->how.limit > had ? sub->how.limit - had : 0;
	if (count == 0)
		return NATS_OK;
	natsStatus status = ask(sub, count);
	if (status != NATS_OK)
		return status;
	sub->asked += count;
	sub->lost_ms = now_ms + NC_CLIENT_PULL_EXPIRY_MS + NC_CLIENT_PULL_GRACE_MS;
	return NATS_OK;
}

void nc_client_pull_status(struct nacre_subscription *sub, natsMsg *msg, unsigned status)
{
	uint64_t left = 0;
	if (!nc_client_header_number(msg, "Nats-Pending-Messages", &left) || left > sub->asked)
		left = sub->asked;
	sub->asked -= left;
	sub->attempt = 0;
	/* With no_wait a 408 may be of a request that found fewer, whose time was over while the
	 * store searched history, or that was to be given an event which is gone or too large:
	 * there may be more behind it. */
	if (sub->how.no_wait && status == 404) {
		sub->ended = true;
	} else if (status != 408) { /* closed before its time: not at once again */
		nc_client_pull_nobody(sub);
	}
}

void nc_client_pull_nobody(struct nacre_subscription *sub)
{
	sub->asked = 0;
	sub->ask_at_ms = nc_client_now_ms() + nc_client_pause_ms(sub->attempt++);
}
