/* SPDX-License-Identifier: Apache-2.0 */
/* The next delivery, and what comes between deliveries. */
#include <string.h>

#include "transport/client/subscription_private.h"

#define SLICE_MS 500 /* how long to wait before looking at what is due */

static int delivery_fill(struct nacre_subscription *sub, natsMsg *msg, struct nacre_error *error)
{
	uint64_t attempt = 0, pending = 0, size = 0;
	bool delivered = sub->way == NC_CLIENT_PUSHED || sub->way == NC_CLIENT_PULLED;
	const char *reply = natsMsg_GetReply(msg);
	bool fine = nc_client_header_number(msg, "Es-Delivery", &attempt) && attempt > 0 &&
	            attempt <= UINT32_MAX && reply != NULL && *reply != '\0';
	bool known = nc_client_header_number(msg, "Es-Pending", &pending);
	if (!nc_client_header_number(msg, "Nats-Msg-Size", &size))
		size = (uint64_t)natsMsg_GetDataLength(msg);
	int result = delivered ? nc_client_event_take(&sub->held, msg)
	                       : nc_client_message_take(&sub->held, msg);
	if (result == NACRE_OK && delivered && !fine)
		result = NACRE_PROTOCOL;
	if (result != NACRE_OK)
		return nc_client_fail(error, result, "delivery: not understood");
	int64_t dropped = 0;
	(void)natsSubscription_GetDropped(sub->nats, &dropped);
	sub->delivery = (struct nacre_delivery){
		.event = &sub->held.event,
		.subject = natsMsg_GetSubject(msg),
		.reply = reply == NULL ? "" : reply,
		.attempt = delivered ? (uint32_t)attempt : 0,
		.pending_known = known,
		.pending = pending,
		.stored_size = size,
		.dropped = (uint64_t)dropped,
	};
	return NACRE_OK;
}

/* Count a delivery that was given: one less is to come of those asked for. */
static void pulled_one(struct nacre_subscription *sub)
{
	if (sub->way != NC_CLIENT_PULLED)
		return;
	sub->asked -= sub->asked > 0;
	sub->given++;
	sub->attempt = 0;
}

/* Give the next event of a message that has some left. */
static int packed_take(struct nacre_subscription *sub, bool *got_out, struct nacre_error *error)
{
	pulled_one(sub);
	int result = nc_client_packed_next(&sub->packed, &sub->held, &sub->delivery);
	*got_out = result == NACRE_OK;
	return result == NACRE_OK
	               ? NACRE_OK
	               : nc_client_fail(error, result, "packed delivery: not understood");
}

/* Give the event of a message, or the first of many. The message is taken over. */
static int delivery_take(struct nacre_subscription *sub, natsMsg *msg, bool *got_out,
                         struct nacre_error *error)
{
	bool delivered = sub->way == NC_CLIENT_PUSHED || sub->way == NC_CLIENT_PULLED;
	if (!delivered || !nc_client_packed_is(msg)) {
		pulled_one(sub);
		int result = delivery_fill(sub, msg, error);
		*got_out = result == NACRE_OK;
		return result;
	}
	int result = nc_client_packed_begin(&sub->packed, msg);
	if (result != NACRE_OK) {
		pulled_one(sub); /* one at least was meant to be in it */
		return nc_client_fail(error, result, "packed delivery: not understood");
	}
	return packed_take(sub, got_out, error);
}

/* The store has closed a request. Asking again mends it, if the subscription was changed or moved,
 * or the leader changed. If the subscription was deleted, the store will say so then. */
static int pull_status(struct nacre_subscription *sub, natsMsg *msg, unsigned status,
                       struct nacre_error *error)
{
	struct nc_slice why = nc_client_description(msg);
	int result = NACRE_OK;
	nc_client_pull_status(sub, msg, status);
	if (status == 409 && nc_slice_is(why, "Message Size Exceeds MaxBytes")) {
		result = nc_client_fail(error, NACRE_REFUSED, "Message Size Exceeds MaxBytes");
		error->code = 409;
	}
	natsMsg_Destroy(msg);
	return result;
}

/* Deal with a message that has a status line. */
static int status_take(struct nacre_subscription *sub, natsMsg *msg, unsigned status,
                       struct nacre_error *error)
{
	const char *reply = natsMsg_GetReply(msg);
	natsStatus sent = NATS_OK;
	if (sub->way == NC_CLIENT_PULLED)
		return pull_status(sub, msg, status, error);
	if (sub->way == NC_CLIENT_ANSWER) {
		sub->ended = true;
	} else if (nc_slice_is(nc_client_description(msg), "FlowControl Request") &&
	           reply != NULL) {
		sent = natsConnection_Publish(sub->client->nc, reply, NULL, 0);
	}
	natsMsg_Destroy(msg);
	return sent == NATS_OK ? NACRE_OK : nc_client_fail_nats(error, sent, "flow control");
}

/* Deal with a message. *got_out says whether a delivery was given. */
static int message_take(struct nacre_subscription *sub, natsMsg *msg, bool *got_out,
                        struct nacre_error *error)
{
	unsigned status = nc_client_status(msg);
	bool asks = sub->way == NC_CLIENT_PULLED || sub->way == NC_CLIENT_ANSWER;
	int result = asks ? nc_client_judge(msg, error) : NACRE_OK;
	if (result != NACRE_OK) {
		natsMsg_Destroy(msg);
		if (sub->way == NC_CLIENT_ANSWER)
			return result;
		bool passing = result == NACRE_UNAVAILABLE || error->code == 429;
		sub->attempt = passing ? sub->attempt : 0;
		nc_client_pull_nobody(sub);
		return passing ? NACRE_OK : result;
	}
	if (status != 0)
		return status_take(sub, msg, status, error);
	return delivery_take(sub, msg, got_out, error);
}

static int64_t wait_ms(int64_t deadline_ms)
{
	int64_t left_ms = deadline_ms - nc_client_now_ms();
	if (left_ms < 1)
		return 1;
	return left_ms < SLICE_MS ? left_ms : SLICE_MS;
}

/* Deal with nothing having come in time. */
static int none(const struct nacre_subscription *sub, struct nacre_error *error)
{
	if (sub->way == NC_CLIENT_ANSWER || sub->attempt > 0)
		return nc_client_fail(error, NACRE_UNAVAILABLE, "next: nobody answers");
	return NACRE_END;
}

/* Whether the connection was made again since an answer began: what the store sent of it in between
 * is then missing, and nothing in the rest would show it. */
static bool is_torn(const struct nacre_subscription *sub)
{
	uint64_t connection;
	return sub->way == NC_CLIENT_ANSWER &&
	       nc_client_connections(sub->client->nc, &connection) == NATS_OK &&
	       connection != sub->connection;
}

/* Wait once, for one message. */
static int turn(struct nacre_subscription *sub, int64_t deadline_ms, bool *got_out,
                struct nacre_error *error)
{
	natsMsg *msg = NULL;
	natsStatus status = sub->way == NC_CLIENT_PULLED ? nc_client_pull_fill(sub) : NATS_OK;
	if (status != NATS_OK)
		return nc_client_fail_nats(error, status, "next");
	int64_t slice_ms = wait_ms(deadline_ms);
	if (sub->attempt > 0 && slice_ms > 20) /* until it may be asked again */
		slice_ms = 20;
	status = natsSubscription_NextMsg(&msg, sub->nats, slice_ms);
	if (is_torn(sub)) {
		natsMsg_Destroy(msg);
		return nc_client_fail(error, NACRE_UNAVAILABLE,
		                      "next: the connection was lost within an answer");
	}
	if (status == NATS_OK)
		return message_take(sub, msg, got_out, error);
	if (status == NATS_NO_RESPONDERS && sub->way == NC_CLIENT_PULLED) {
		nc_client_pull_nobody(sub);
	} else if (status != NATS_TIMEOUT && status != NATS_SLOW_CONSUMER) {
		return nc_client_fail_nats(error, status, "next");
	}
	return NACRE_OK;
}

/* Whether nothing more is to come. The end of an answer is told every time, that of a pull with
 * no_wait once: then it is asked again. */
static bool is_over(struct nacre_subscription *sub)
{
	if (sub->ended) {
		sub->ended = sub->way == NC_CLIENT_ANSWER;
		return true;
	}
	return sub->how.limit > 0 && sub->given >= sub->how.limit;
}

int nacre_next(struct nacre_subscription *sub, int64_t timeout_ms,
               const struct nacre_delivery **delivery_out, struct nacre_error *error)
{
	struct nacre_error unseen;
	int64_t deadline_ms = timeout_ms < 0 ? INT64_MAX : nc_client_now_ms() + timeout_ms;
	error = error == NULL ? &unseen : error;
	sub->end_told = false;
	nc_client_event_drop(&sub->held);
	if (sub->packed.left == 0)
		nc_client_packed_end(&sub->packed);
	while (!is_over(sub)) {
		bool got = false;
		int result = sub->packed.left > 0 ? packed_take(sub, &got, error)
		                                  : turn(sub, deadline_ms, &got, error);
		if (got)
			*delivery_out = &sub->delivery;
		if (got || result != NACRE_OK)
			return result;
		if (!sub->ended && nc_client_now_ms() >= deadline_ms)
			return none(sub, error);
	}
	sub->end_told = true;
	return NACRE_END;
}

bool nacre_has_ended(const struct nacre_subscription *sub)
{
	return sub->end_told;
}

const char *nacre_header(const struct nacre_subscription *sub, const char *name)
{
	if (sub->packed.msg != NULL)
		return nc_client_headers_find(&sub->packed.headers, name);
	return sub->held.msg == NULL ? "" : nc_client_headers_find(&sub->held.text, name);
}
