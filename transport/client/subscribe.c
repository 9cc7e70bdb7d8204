/* SPDX-License-Identifier: Apache-2.0 */
/* Beginning and ending to listen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/client/subscription_private.h"

/* Subscribe. `subject` and `queue` are borrowed; a queue that is NULL or "" means none. */
static int open_on(struct nacre_client *client, enum nc_client_way way, const char *subject,
                   const char *queue, struct nacre_subscription **sub_out,
                   struct nacre_error *error)
{
	struct nacre_subscription *sub = calloc(1, sizeof *sub);
	if (sub == NULL)
		return nc_client_fail_nomem(error);
	sub->client = client;
	sub->way = way;
	sub->subject = strdup(subject);
	natsStatus status = sub->subject == NULL ? NATS_NO_MEMORY : NATS_OK;
	if (status == NATS_OK && (queue == NULL || *queue == '\0')) {
		status = natsConnection_SubscribeSync(&sub->nats, client->nc, subject);
	} else if (status == NATS_OK) {
		status = natsConnection_QueueSubscribeSync(&sub->nats, client->nc, subject, queue);
	}
	/* Deliveries are bounded by their window; the live feed by what nats.c keeps for a slow
	 * one. */
	if (status == NATS_OK && way != NC_CLIENT_PLAIN)
		status = natsSubscription_SetPendingLimits(sub->nats, -1, -1);
	/* Whoever publishes when this has returned is heard. */
	if (status == NATS_OK)
		status = natsConnection_FlushTimeout(client->nc, client->timeout_ms);
	if (status != NATS_OK) {
		nacre_unsubscribe(sub);
		return nc_client_fail_nats(error, status, "subscribe");
	}
	*sub_out = sub;
	return NACRE_OK;
}

static int open_inbox(struct nacre_client *client, enum nc_client_way way,
                      struct nacre_subscription **sub_out, struct nacre_error *error)
{
	char inbox[NC_CLIENT_INBOX_SIZE];
	if (!nc_client_inbox_make(client, inbox))
		return nc_client_fail(error, NACRE_CONNECTION, "inbox: no random bytes to be had");
	return open_on(client, way, inbox, "", sub_out, error);
}

/* ---- A subscription of the store's ---------------------------------------------------------- */

/* Read a member of "deliver", whose key has been read. False if it is malformed. */
static bool deliver_take(struct nc_json *json, const struct nc_json_token *key,
                         struct nc_buf *subject, struct nc_buf *queue)
{
	struct nc_json_token value;
	struct nc_buf *to = nc_json_is(key, "subject") ? subject
	                    : nc_json_is(key, "queue") ? queue
	                                               : NULL;
	if (nc_json_next(json, &value) != NC_OK)
		return false;
	if (to != NULL && value.type == NC_JSON_STRING)
		nc_json_unescape(&value, to);
	return true;
}

/* Read the members of an info. False if it is malformed, or has no "deliver". */
static bool deliver_find(struct nc_json *json, struct nc_buf *subject, struct nc_buf *queue)
{
	struct nc_json_token token;
	bool here = false, fine = false;
	while (nc_json_next(json, &token) == NC_OK && token.type != NC_JSON_END) {
		if (token.type != NC_JSON_KEY)
			continue;
		if (json->depth == 1) {
			here = nc_json_is(&token, "deliver");
			fine = fine || here;
		} else if (json->depth == 2 && here &&
		           !deliver_take(json, &token, subject, queue)) {
			return false;
		}
	}
	return fine && json->expected == NULL;
}

/* Read "deliver" of an info: null, or where events are pushed. Both buffers end with a NUL. */
static bool deliver_read(const struct nacre_reply *info, struct nc_buf *subject,
                         struct nc_buf *queue)
{
	struct nc_json json;
	size_t size;
	const void *data = nacre_reply_data(info, &size);
	nc_json_init(&json, nc_slice(data, size));
	bool fine = deliver_find(&json, subject, queue);
	nc_buf_put_u8(subject, '\0');
	nc_buf_put_u8(queue, '\0');
	return fine && nc_buf_status(subject) == NC_OK && nc_buf_status(queue) == NC_OK;
}

int nacre_subscribe_sized(struct nacre_client *client, const char *name,
                          const struct nacre_consume *given, size_t size,
                          struct nacre_subscription **sub_out, struct nacre_error *error)
{
	struct nacre_consume how = { 0 };
	struct nacre_reply *info = NULL;
	struct nacre_subscription *sub = NULL;
	struct nc_buf subject = { 0 }, queue = { 0 };
	if (given != NULL && !nc_client_take(&how, sizeof how, given, size))
		return nc_client_fail(error, NACRE_INVALID, "how: this library is too old");
	if (how.batch > NC_CLIENT_PULL_BATCH_MAX) {
		return nc_client_fail(error, NACRE_INVALID, "batch: more than %u",
		                      NC_CLIENT_PULL_BATCH_MAX);
	}
	int result = nacre_sub_info(client, name, &info, error);
	if (result == NACRE_OK && !deliver_read(info, &subject, &queue))
		result = nc_client_fail(error, NACRE_PROTOCOL, "info: answer not understood");
	bool pushed = subject.size > 1;
	if (result == NACRE_OK && pushed) {
		result = open_on(client, NC_CLIENT_PUSHED, (char *)subject.data, (char *)queue.data,
		                 &sub, error);
	} else if (result == NACRE_OK) {
		result = open_inbox(client, NC_CLIENT_PULLED, &sub, error);
	}
	if (sub != NULL) {
		sub->how = how;
		(void)snprintf(sub->next, sizeof sub->next, "sub.next.%s", name);
		*sub_out = sub;
	}
	nacre_reply_free(info);
	nc_buf_release(&subject);
	nc_buf_release(&queue);
	return result;
}

/* ---- What is published anyhow --------------------------------------------------------------- */

static bool pattern_valid(const char *pattern)
{
	return *pattern != '\0' && strpbrk(pattern, " \t\r\n") == NULL;
}

int nacre_listen(struct nacre_client *client, const char *subject,
                 struct nacre_subscription **sub_out, struct nacre_error *error)
{
	if (subject == NULL)
		return open_inbox(client, NC_CLIENT_PLAIN, sub_out, error);
	if (!pattern_valid(subject))
		return nc_client_fail(error, NACRE_INVALID, "subject: malformed");
	struct nc_buf full = { 0 };
	nc_buf_printf(&full, "%s.%s", client->root, subject);
	nc_buf_put_u8(&full, '\0');
	int result = nc_buf_status(&full) == NC_OK ? open_on(client, NC_CLIENT_PLAIN,
	                                                     (char *)full.data, "", sub_out, error)
	                                           : nc_client_fail_nomem(error);
	nc_buf_release(&full);
	return result;
}

int nacre_tail(struct nacre_client *client, const char *type, const char *stream,
               struct nacre_subscription **sub_out, struct nacre_error *error)
{
	struct nc_buf subject = { 0 };
	nc_buf_printf(&subject, "event.%s.%s", type == NULL ? "*" : type,
	              stream == NULL ? ">" : stream);
	nc_buf_put_u8(&subject, '\0');
	int result = nc_buf_status(&subject) == NC_OK
	                     ? nacre_listen(client, (char *)subject.data, sub_out, error)
	                     : nc_client_fail_nomem(error);
	nc_buf_release(&subject);
	return result;
}

int nacre_request_many_sized(struct nacre_client *client, const struct nacre_request *given,
                             size_t size, struct nacre_subscription **sub_out,
                             struct nacre_error *error)
{
	struct nacre_error unseen;
	struct nacre_request request;
	struct nacre_subscription *sub = NULL;
	natsMsg *msg = NULL;
	error = error == NULL ? &unseen : error;
	int result = nc_client_request_take(given, size, &request, error);
	if (result == NACRE_OK)
		result = open_inbox(client, NC_CLIENT_ANSWER, &sub, error);
	if (sub != NULL)
		result = nc_client_request_msg(client, &request, sub->subject, &msg, error);
	if (result == NACRE_OK) {
		natsStatus status = nc_client_connections(client->nc, &sub->connection);
		if (status == NATS_OK)
			status = natsConnection_PublishMsg(client->nc, msg);
		if (status != NATS_OK)
			result = nc_client_fail_nats(error, status, "request");
	}
	natsMsg_Destroy(msg);
	if (result == NACRE_OK) {
		*sub_out = sub;
	} else {
		nacre_unsubscribe(sub);
	}
	return result;
}

const char *nacre_listening(const struct nacre_subscription *sub)
{
	return sub->subject;
}

void nacre_unsubscribe(struct nacre_subscription *sub)
{
	if (sub == NULL)
		return;
	nc_client_retire(sub->client, sub->nats, false);
	nc_client_event_release(&sub->held);
	nc_client_packed_release(&sub->packed);
	free(sub->subject);
	free(sub);
}
