/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a nats.c subscription.
 *
 * nats.c 3.4.1, which Debian 12 has, finds a message's subscription under a lock, releases the
 * lock, and then uses the subscription. One that is destroyed in between is used after it is freed.
 * So a subscription that is no longer wanted is unsubscribed. It is destroyed when a round trip to
 * the server has shown that the thread which reads is past it. One round trip serves for many:
 * those that are at rest can wait for it. */
#include "transport/client/client_private.h"

#define AT_REST_MAX 32 /* subscriptions that wait for a round trip */

static void destroy_all(struct nc_buf *list)
{
	natsSubscription **subs = (natsSubscription **)(void *)list->data;
	for (size_t i = 0; i < list->size / sizeof(natsSubscription *); i++)
		natsSubscription_Destroy(subs[i]);
	nc_buf_release(list);
}

/* Put a subscription on the list. If there is no memory for that, it is never destroyed, which is
 * better than a crash. */
static void keep(struct nacre_client *client, const struct nc_buf *list)
{
	pthread_mutex_lock(&client->lock);
	nc_buf_put_slice(&client->retired, nc_buf_slice(list));
	pthread_mutex_unlock(&client->lock);
}

void nc_client_retire(struct nacre_client *client, natsSubscription *sub, bool at_rest)
{
	struct nc_buf list = { 0 };
	if (sub == NULL)
		return;
	(void)natsSubscription_Unsubscribe(sub);
	pthread_mutex_lock(&client->lock);
	client->retired.failed = false;
	nc_buf_put(&client->retired, &sub, sizeof(natsSubscription *));
	if (!at_rest || client->retired.size >= AT_REST_MAX * sizeof(natsSubscription *)) {
		list = client->retired;
		nc_buf_init(&client->retired);
	}
	pthread_mutex_unlock(&client->lock);
	if (list.size == 0)
		return;
	if (natsConnection_FlushTimeout(client->nc, NC_CLIENT_TRY_MS) == NATS_OK) {
		destroy_all(&list);
		return;
	}
	keep(client, &list);
	nc_buf_release(&list);
}

void nc_client_retired_free(struct nacre_client *client)
{
	destroy_all(&client->retired);
}
