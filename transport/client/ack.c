/* SPDX-License-Identifier: Apache-2.0 */
/* What a consumer answers to a delivery. */
#include <stdio.h>
#include <string.h>

#include "transport/client/subscription_private.h"

/* Answer a delivery. `inbox` is where the next one shall come; NULL if none is asked for. */
static int answer(struct nacre_client *client, const char *reply, const char *inbox,
                  const char *body, struct nacre_error *error)
{
	if (!nc_client_subject_valid(reply))
		return nc_client_fail(error, NACRE_INVALID, "reply: not of a delivery");
	int size = (int)strlen(body);
	natsStatus status =
	        inbox == NULL ? natsConnection_Publish(client->nc, reply, body, size)
	                      : natsConnection_PublishRequest(client->nc, reply, inbox, body, size);
	return status == NATS_OK ? NACRE_OK : nc_client_fail_nats(error, status, "ack");
}

int nacre_ack(struct nacre_client *client, const char *reply, bool wait, struct nacre_error *error)
{
	struct nacre_error unseen;
	natsMsg *msg = NULL, *said = NULL;
	error = error == NULL ? &unseen : error;
	if (!wait)
		return answer(client, reply, NULL, "+ACK", error);
	if (!nc_client_subject_valid(reply))
		return nc_client_fail(error, NACRE_INVALID, "reply: not of a delivery");
	natsStatus status = natsMsg_Create(&msg, reply, NULL, "+ACK", 4);
	if (status != NATS_OK)
		return nc_client_fail_nats(error, status, "ack");
	int result = nc_client_ask(client, msg, &said, error);
	if (result == NACRE_OK && (nc_client_status(said) != 0 || natsMsg_GetDataLength(said) > 0))
		result = nc_client_fail(error, NACRE_PROTOCOL, "ack: answer not understood");
	natsMsg_Destroy(msg);
	natsMsg_Destroy(said);
	return result;
}

int nacre_nak(struct nacre_client *client, const char *reply, int64_t delay_ms,
              struct nacre_error *error)
{
	char body[64] = "-NAK";
	if (delay_ms >= 0)
		(void)snprintf(body, sizeof body, "-NAK {\"delay_ms\":%lld}", (long long)delay_ms);
	return answer(client, reply, NULL, body, error);
}

int nacre_working(struct nacre_client *client, const char *reply, struct nacre_error *error)
{
	return answer(client, reply, NULL, "+WPI", error);
}

int nacre_term(struct nacre_client *client, const char *reply, const char *reason,
               struct nacre_error *error)
{
	struct nc_buf body = { 0 };
	if (reason != NULL && strpbrk(reason, "\r\n") != NULL)
		return nc_client_fail(error, NACRE_INVALID, "reason: more than a line");
	nc_buf_printf(&body, "+TERM%s%s", reason == NULL ? "" : " ", reason == NULL ? "" : reason);
	nc_buf_put_u8(&body, '\0');
	int result = nc_buf_status(&body) == NC_OK
	                     ? answer(client, reply, NULL, (char *)body.data, error)
	                     : nc_client_fail_nomem(error);
	nc_buf_release(&body);
	return result;
}

int nacre_ack_next(struct nacre_subscription *sub, const char *reply, struct nacre_error *error)
{
	char body[64];
	if (sub->way != NC_CLIENT_PULLED)
		return nc_client_fail(error, NACRE_INVALID, "the subscription is not pulled");
	(void)snprintf(body, sizeof body, "+NXT {\"batch\":1,\"expires_ms\":%d}",
	               NC_CLIENT_PULL_EXPIRY_MS);
	int result = answer(sub->client, reply, sub->subject, body, error);
	if (result == NACRE_OK) {
		sub->asked++;
		sub->lost_ms =
		        nc_client_now_ms() + NC_CLIENT_PULL_EXPIRY_MS + NC_CLIENT_PULL_GRACE_MS;
	}
	return result;
}
