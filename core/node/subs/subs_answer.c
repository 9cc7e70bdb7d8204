/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes back on R.ack.<name>.…: acknowledgements, and the server's word that nobody listens.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/node/subs/subs_ask.h"
#include "transport/nats/reply.h"

/* Answer with an error. False: the message has no reply subject. */
static bool answer_fault(struct nc_subs *subs, const struct nc_bus_msg *msg, int endpoint,
                         struct nc_fault fault, const char *text)
{
	struct nc_service *service = subs->service;
	if (msg->reply.size == 0)
		return false;
	nc_service_error(service, &service->out, (const char *)msg->reply.data,
	                 &service->srv.endpoints[endpoint].stats,
	                 &(struct nc_service_refusal){ .fault = fault, .text = text });
	return true;
}

static void answer_error(struct nc_subs *subs, const struct nc_bus_msg *msg, int endpoint,
                         const char *text)
{
	subs->foreign_acks += !answer_fault(subs, msg, endpoint, NC_FAULT_STALE_ACK, text);
}

/* Heartbeats and flow control requests: "<name>.hb", "<name>.fc.<pos>". */
static bool is_status_answer(struct nc_subs *subs, struct nc_slice rest,
                             const struct nc_bus_msg *msg)
{
	const uint8_t *dot = rest.size == 0 ? NULL : memchr(rest.data, '.', rest.size);
	if (dot == NULL)
		return false;
	struct nc_slice name = nc_slice(rest.data, (size_t)(dot - rest.data));
	struct nc_slice what = nc_slice_from(rest, name.size + 1);
	bool heartbeat = nc_slice_is(what, "hb");
	if (!heartbeat && !nc_slice_starts(what, NC_SLICE("fc.")))
		return false;
	struct nc_subscription *sub = nc_subs_find(subs, name);
	if (sub == NULL)
		return true;
	uint64_t now_ns = nc_clock_ns();
	if (nc_bus_no_responders(msg)) {
		nc_sub_nobody(sub->machine, now_ns);
	} else if (heartbeat) {
		nc_sub_heard(sub->machine, now_ns);
	} else {
		nc_sub_flowed(sub->machine, strtoull((const char *)what.data + 3, NULL, 10),
		              now_ns);
	}
	nc_subs_mark(sub);
	return true;
}

static int judge(struct nc_subscription *sub, const struct nc_ack_address *at,
                 const struct nc_ack *ack, uint64_t now_ns)
{
	switch (ack->kind) {
	case NC_ACK_IS_DONE:
	case NC_ACK_IS_NEXT:
		return nc_sub_ack(sub->machine, at->epoch, at->position, now_ns);
	case NC_ACK_IS_NAK:
		return ack->has_delay ? nc_sub_nak_delay(sub->machine, at->epoch, at->position,
		                                         at->attempt, ack->delay_ns, now_ns)
		                      : nc_sub_nak(sub->machine, at->epoch, at->position,
		                                   at->attempt, now_ns);
	case NC_ACK_IS_WPI:
		return nc_sub_wpi(sub->machine, at->epoch, at->position, at->attempt, now_ns);
	case NC_ACK_IS_TERM:
		return nc_sub_term(sub->machine, at->epoch, at->position, ack->reason, now_ns);
	default:
		return NC_OK;
	}
}

/* Whether it acknowledges an event that is no longer in flight: it was acknowledged before, or is
 * parked. */
static bool is_late(const struct nc_subscription *sub, const struct nc_ack_address *at,
                    const struct nc_ack *ack)
{
	uint32_t attempts;
	enum nc_sub_entry_state state = nc_sub_find(sub->machine, at->position, &attempts);
	return (ack->kind == NC_ACK_IS_DONE || ack->kind == NC_ACK_IS_NEXT) &&
	       (state == NC_SUB_NOT_HERE || state == NC_SUB_LEAVING);
}

/* Make sure that what the answer decided gets into the log, where it is not in the machine's next
 * progress. False: that is not possible now. */
static bool is_settled(struct nc_subs *subs, struct nc_subscription *sub,
                       const struct nc_ack_address *at, const struct nc_ack *ack, bool late)
{
	if (late)
		return nc_subs_late_ack(subs, sub, at->position);
	return ack->kind == NC_ACK_IS_NAK || ack->kind == NC_ACK_IS_WPI ||
	       nc_subs_late_recall(subs, sub, at->position);
}

/* +NXT: the reply is the next event, as for a pull request. */
static void request_next(struct nc_subs *subs, struct nc_subscription *sub,
                         const struct nc_ack *ack, const struct nc_bus_msg *msg, int endpoint)
{
	const struct nc_subs_ask ask = { .subs = subs,
		                         .op = NC_OP_SUB_NEXT,
		                         .name = nc_slice_str(sub->name),
		                         .body = ack->next,
		                         .reply = msg->reply,
		                         .endpoint = endpoint };
	if (msg->reply.size == 0)
		return;
	if (sub->definition.push) { /* it acknowledges all the same */
		nc_subs_wait_saved(subs, sub, msg->reply, NULL);
	} else {
		nc_subs_next(&ask);
	}
}

/* The answer was taken. If it is a request, confirm it: at once, or when it is in the log. */
static void answer_taken(struct nc_subs *subs, struct nc_subscription *sub,
                         const struct nc_ack *ack, const struct nc_bus_msg *msg, int endpoint)
{
	if (ack->kind == NC_ACK_IS_NEXT) {
		request_next(subs, sub, ack, msg, endpoint);
	} else if (ack->kind != NC_ACK_IS_WPI) {
		nc_subs_wait_saved(subs, sub, msg->reply, NULL);
	} else if (msg->reply.size > 0) {
		nc_service_send(subs->service, (const char *)msg->reply.data, nc_slice(NULL, 0), 0);
	}
}

/* When the answers came that are being taken: the clock is asked once for many. */
static uint64_t taken_ns(struct nc_subs *subs)
{
	if (subs->answers_ns == 0)
		subs->answers_ns = nc_clock_ns();
	return subs->answers_ns;
}

/* Whether the leader, which has heard the answer too, answers it: it takes this node for gone, or
 * was told that it is leaving. */
static bool is_left_to_the_leader(const struct nc_subs *subs, const struct nc_subscription *sub)
{
	const struct nc_service *service = subs->service;
	uint64_t term;
	return sub->lease.owned && !service->serving && nc_spread_is_given_up(service->spread) &&
	       nc_spread_leader(service->spread, &term) != 0;
}

/* The answer is stale here, but another node may take it: one that owns the subscription by now, or
 * a former owner that has not let go of it yet. The leader asks both. */
static bool is_anothers(const struct nc_subs *subs, const struct nc_subscription *sub,
                        const struct nc_ack_address *at)
{
	return sub->lease.owned && !subs->service->serving &&
	       (at->epoch > sub->epoch || !nc_subs_own_runs(sub));
}

/* Take an answer of a subscription that is here. False: it is not answered here. */
static bool take(struct nc_subs *subs, struct nc_subscription *sub, const struct nc_ack_address *at,
                 const struct nc_bus_msg *msg, int endpoint)
{
	uint64_t now_ns = taken_ns(subs);
	struct nc_ack ack;
	nc_ack_parse(msg->data, &ack);
	if (ack.kind == NC_ACK_IS_NOTHING || nc_bus_has_status(msg)) {
		subs->ignored_answers++;
		return false;
	}
	if (msg->reply.size > 0 && is_left_to_the_leader(subs, sub))
		return false;
	bool late = is_late(sub, at, &ack);
	if (judge(sub, at, &ack, now_ns) != NC_OK) {
		if (is_anothers(subs, sub, at))
			return false;
		answer_error(subs, msg, endpoint,
		             "stale acknowledgement: of another epoch, or never delivered");
		return true;
	}
	nc_subs_mark(sub);
	if (!is_settled(subs, sub, at, &ack, late)) {
		(void)answer_fault(subs, msg, endpoint, NC_FAULT_BUSY, "not now; try again");
	} else {
		answer_taken(subs, sub, &ack, msg, endpoint);
	}
	return true;
}

/* False: it is not answered here. */
static bool take_any(struct nc_subs *subs, struct nc_slice rest, const struct nc_bus_msg *msg,
                     int endpoint)
{
	struct nc_ack_address at;
	if (nc_ack_address_get(rest, &at) != NC_OK) {
		answer_error(subs, msg, endpoint, "not the subject of a delivery");
		return true;
	}
	struct nc_subscription *sub = nc_subs_find(subs, at.name);
	if (sub == NULL && !subs->service->serving)
		return false; /* the subscription was let go meanwhile */
	if (sub == NULL) {
		answer_error(subs, msg, endpoint,
		             "acknowledgement of a subscription that is not here");
		return true;
	}
	if (sub->definition.ack != NC_ACK_EXPLICIT) {
		nc_subs_packed_tell(subs, sub);
		nc_subs_too_large_tell(subs, sub);
	}
	if (nc_bus_no_responders(msg)) {
		(void)nc_sub_no_responders(sub->machine, at.epoch, at.position, at.attempt,
		                           taken_ns(subs));
		nc_subs_mark(sub);
		return false;
	}
	return take(subs, sub, &at, msg, endpoint);
}

void nc_subs_answer(struct nc_subs *subs, struct nc_slice rest, const struct nc_bus_msg *msg,
                    int endpoint)
{
	if (is_status_answer(subs, rest, msg))
		return;
	bool taken = take_any(subs, rest, msg, endpoint);
	if (taken && msg->reply.size > 0 && subs->service->spread != NULL)
		nc_subs_note_answered(subs, nc_answered_hash(rest, msg->reply, msg->data),
		                      taken_ns(subs));
}

void nc_subs_note_answered(struct nc_subs *subs, uint64_t hash, uint64_t now_ns)
{
	nc_answered_note(&subs->answered, hash, now_ns);
}

bool nc_subs_has_answered(const struct nc_subs *subs, uint64_t hash, uint64_t now_ns)
{
	return nc_answered_has(&subs->answered, hash, now_ns);
}
