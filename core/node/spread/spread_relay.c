/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests about shared subscriptions: the leader has the subjects, and sends them on to who runs
 * the subscription, who answers. One that is just being taken up is waited for. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/engine/names.h"
#include "core/node/spread/spread_private.h"
#include "transport/nats/reply.h"
#include "transport/nats/subject.h"

static void relay_error(struct nc_service *service, const struct nc_spread_relay *relay,
                        struct nc_fault fault)
{
	nc_service_error(
	        service, &service->out, relay->bytes,
	        &service->srv.endpoints[relay->endpoint].stats,
	        &(struct nc_service_refusal){ .fault = fault, .text = nc_fault_text(fault) });
}

static struct nc_spread_relay *relay_first(const struct nc_spread *spread)
{
	return (struct nc_spread_relay *)spread->relays.first;
}

static struct nc_spread_relay *relay_next(const struct nc_spread_relay *relay)
{
	return (struct nc_spread_relay *)relay->link.next;
}

static void relay_add(struct nc_spread *spread, struct nc_spread_relay *relay)
{
	nc_fifo_put(&spread->relays, &relay->link);
	spread->relay_bytes += relay->reply_size + relay->body_size;
}

static void relay_remove(struct nc_spread *spread, struct nc_spread_relay *relay)
{
	nc_fifo_remove(&spread->relays, &relay->link);
	spread->relay_bytes -= relay->reply_size + relay->body_size;
}

/* Try again after a pause, which grows each time, or when the subscription's row changes. */
static void later(struct nc_spread_relay *relay)
{
	relay->to = 0;
	nc_retry_later(&relay->retry, nc_clock_ms());
}

/* A node was sent the request and may have taken it. It may be asked for again if it changes
 * nothing. A pull request may also be sent elsewhere if that node can give no events any more,
 * because it lost the subscription or died: before it gives any it says that it has taken the
 * request (decision 0114). */
static bool may_ask_again(enum nc_operation op, bool elsewhere)
{
	bool looks = op == NC_OP_SUB_INFO || op == NC_OP_SUB_EXPLAIN || op == NC_OP_SUB_PARKED;
	return looks || (op == NC_OP_SUB_NEXT && elsewhere);
}

static void on_taken(void *ctx, int err, struct nc_slice body)
{
	struct nc_spread_relay *relay = ctx;
	struct nc_spread *spread = relay->spread;
	(void)body;
	if (spread == NULL) {
		free(relay);
		return;
	}
	/* It does not run there, not yet or not any more: some node will run it. */
	if (err == NC_NOTFOUND && spread->leads) {
		later(relay);
		return;
	}
	const struct nc_spread_row *row = nc_spread_find(spread, nc_slice_str(relay->name));
	bool elsewhere = row == NULL || row->owner.number != relay->to || err == NC_CLOSED;
	if (err != NC_OK && err != NC_INVALID && spread->leads &&
	    may_ask_again(relay->op, elsewhere)) {
		later(relay);
		return;
	}
	relay_remove(spread, relay);
	if (err != NC_OK) /* it may have been taken, and must not be answered twice */
		relay_error(spread->service, relay, NC_FAULT_UNAVAILABLE);
	free(relay);
}

/* Send it to the owner, or carry it out here if this node runs the subscription. False: it has
 * ended, and is freed. */
static bool relay_send(struct nc_spread *spread, struct nc_spread_relay *relay)
{
	struct nc_service *service = spread->service;
	struct nc_slice name = nc_slice_str(relay->name);
	struct nc_slice body = nc_slice(relay->bytes + relay->reply_size + 1, relay->body_size);
	struct nc_slice reply = nc_slice(relay->bytes, relay->reply_size);
	const struct nc_spread_row *row = nc_spread_find(spread, name);
	/* It runs here, or was deleted since. */
	if (row == NULL || nc_subs_has(service->subs, name)) {
		relay_remove(spread, relay);
		nc_subs_request(service->subs, relay->op, name, body, reply, relay->endpoint);
		free(relay);
		return false;
	}
	if (row->owner.number == 0 || row->owner.number == spread->self) {
		later(relay);
		return true;
	}
	const struct nc_spread_call call = { .verb = NC_SPREAD_REQUEST,
		                             .applied = relay->applied,
		                             .endpoint = nc_slice_str(
		                                     service->srv.endpoints[relay->endpoint].name),
		                             .name = name,
		                             .reply = reply,
		                             .body = body };
	const struct nc_spread_question question = { .to = row->owner.number,
		                                     .fn = on_taken,
		                                     .ctx = relay };
	if (nc_spread_ask(spread, &question, &call) == NC_OK) {
		relay->to = row->owner.number;
		relay->boot = row->owner.boot;
	} else {
		later(relay);
	}
	return true;
}

bool nc_spread_relay(struct nc_spread *spread, const struct nc_request *request,
                     struct nc_slice reply, int endpoint)
{
	if (spread == NULL || !nc_spread_has(spread, request->name) ||
	    nc_subs_has(spread->service->subs, request->name))
		return false;
	struct nc_service *service = spread->service;
	size_t size = reply.size + request->body.size;
	bool room = spread->relays.count < NC_SPREAD_RELAYS_MAX &&
	            spread->relay_bytes + size <= NC_SPREAD_RELAYS_BYTES_MAX;
	struct nc_spread_relay *relay = room ? malloc(sizeof *relay + size + 1) : NULL;
	if (relay == NULL) {
		nc_service_error(
		        service, &service->out, nc_service_reply_str(reply),
		        &service->srv.endpoints[endpoint].stats,
		        &(struct nc_service_refusal){ .fault = NC_FAULT_BUSY,
		                                      .text = nc_fault_text(NC_FAULT_BUSY) });
		return true;
	}
	*relay = (struct nc_spread_relay){ .spread = spread,
		                           .until_ms = nc_clock_ms() +
		                                       service->options.config->timeout_ms,
		                           .applied = nc_replica_status(service->replica).applied,
		                           .op = request->op,
		                           .endpoint = endpoint,
		                           .reply_size = reply.size,
		                           .body_size = request->body.size };
	(void)snprintf(relay->name, sizeof relay->name, "%.*s", (int)request->name.size,
	               (const char *)request->name.data);
	if (reply.size > 0)
		memcpy(relay->bytes, reply.data, reply.size);
	relay->bytes[reply.size] = '\0';
	if (request->body.size > 0)
		memcpy(relay->bytes + reply.size + 1, request->body.data, request->body.size);
	relay_add(spread, relay);
	(void)relay_send(spread, relay);
	return true;
}

bool nc_spread_relays_any(const struct nc_spread *spread)
{
	return spread != NULL && spread->relays.count > 0;
}

void nc_spread_relays_step(struct nc_spread *spread)
{
	uint64_t now_ms = nc_clock_ms();
	struct nc_spread_relay *relay = relay_first(spread), *next;
	for (; relay != NULL; relay = next) {
		next = relay_next(relay);
		bool due = nc_retry_is_due(&relay->retry, now_ms) || now_ms >= relay->until_ms;
		if (relay->to != 0 || !due)
			continue;
		if (now_ms < relay->until_ms) {
			(void)relay_send(spread, relay);
			continue;
		}
		relay_remove(spread, relay);
		relay_error(spread->service, relay, NC_FAULT_UNAVAILABLE);
		free(relay);
	}
}

/* The node that was asked no longer owns the subscription, and may be dead. A copy of the request
 * waits for the new owner, and an answer to this one is ignored. Without memory for a copy, that
 * answer is awaited. */
static void relay_again(struct nc_spread *spread, struct nc_spread_relay *relay)
{
	size_t size = sizeof *relay + relay->reply_size + 1 + relay->body_size;
	struct nc_spread_relay *copy = malloc(size);
	if (copy == NULL)
		return;
	relay_remove(spread, relay);
	memcpy(copy, relay, size);
	copy->to = 0;
	relay->spread = NULL; /* freed when its answer comes, or its time is over */
	relay_add(spread, copy);
}

/* Whether the node that was asked lives, or leaves in order: then it says whether it has taken the
 * request. */
static bool says_so(const struct nc_spread *spread, const struct nc_spread_relay *relay)
{
	const struct nc_sub_owner asked = { relay->to, relay->boot };
	return nc_placement_lives(&spread->placement, asked, nc_clock_ns()) ||
	       nc_placement_leaves(&spread->placement, relay->to);
}

void nc_spread_relays_hurry(struct nc_spread *spread, struct nc_slice name)
{
	if (spread->relays.count == 0 || !spread->leads)
		return;
	const struct nc_spread_row *row = nc_spread_find(spread, name);
	uint64_t owner = row == NULL ? 0 : row->owner.number;
	/* Copies are put behind what is now the last: the loop ends before them. */
	const struct nc_fifo_link *last = spread->relays.last;
	struct nc_spread_relay *relay = relay_first(spread), *next;
	for (bool more = relay != NULL; more; relay = next) {
		next = relay_next(relay);
		more = &relay->link != last;
		if (!nc_slice_is(name, relay->name))
			continue;
		nc_retry_now(&relay->retry);
		if (relay->to != 0 && relay->to != owner && may_ask_again(relay->op, true) &&
		    !says_so(spread, relay))
			relay_again(spread, relay);
	}
}

/* The next leader does not have these requests. Those that wait for an owner are refused. Those
 * that an owner was sent are left to it. */
void nc_spread_relays_end(struct nc_spread *spread)
{
	struct nc_spread_relay *relay = relay_first(spread), *next;
	for (; relay != NULL; relay = next) {
		next = relay_next(relay);
		if (relay->to != 0)
			continue;
		relay_remove(spread, relay);
		relay_error(spread->service, relay, NC_FAULT_UNAVAILABLE);
		free(relay);
	}
}

void nc_spread_relays_drop(struct nc_spread *spread)
{
	struct nc_spread_relay *relay;
	while ((relay = nc_fifo_take(&spread->relays)) != NULL) {
		relay->spread = NULL;
		if (relay->to == 0)
			free(relay); /* if not, it is freed when its answer comes */
	}
	spread->relay_bytes = 0;
}

/* ---- An owner ------------------------------------------------------------------------------- */

/* Errors: NC_INVALID, it is not understood; NC_NOTFOUND, the subscription does not run here, or not
 * yet. */
static int request_check(struct nc_spread *spread, const struct nc_spread_call *request,
                         enum nc_operation *op_out, int *endpoint_out)
{
	struct nc_service *service = spread->service;
	enum nc_operation op;
	int endpoint = nc_service_endpoint_find(request->endpoint, &op);
	if (endpoint < 0 || nc_name_word_fault(request->name) != NULL ||
	    (request->reply.size > 0 &&
	     nc_subject_reserved(request->reply, service->options.config->prefix)))
		return NC_INVALID;
	/* A request must see what was appended before it, whichever node carries it out. */
	if (spread->leaving || spread->applied < request->applied ||
	    !nc_subs_own_has(service->subs, request->name) || !nc_bus_connected(service->bus))
		return NC_NOTFOUND;
	*op_out = op;
	*endpoint_out = endpoint;
	return NC_OK;
}

void nc_spread_take_request(struct nc_spread *spread, uint64_t from, uint64_t call,
                            const struct nc_spread_call *request)
{
	struct nc_service *service = spread->service;
	enum nc_operation op;
	struct nc_buf reply = { 0 }; /* with its NUL, as those have that NATS brings */
	int endpoint, err = request_check(spread, request, &op, &endpoint);
	nc_buf_put_slice(&reply, request->reply);
	nc_buf_put_u8(&reply, '\0');
	if (err == NC_OK)
		err = nc_buf_status(&reply);
	if (err != NC_OK) {
		(void)nc_peer_reply(spread->peer, from, call, err, nc_slice(NULL, 0));
		nc_buf_release(&reply);
		return;
	}
	/* Say to the leader that the request is taken, over the connection on which it will be
	 * answered, and before the answer: if this node is killed in between, the leader knows of
	 * everything that was answered. */
	const struct nc_peer_answer taken = { from, call, NC_OK, nc_slice(NULL, 0) };
	if (nc_peer_reply_by(spread->peer, service->bus, &taken) == NC_OK) {
		nc_subs_request(service->subs, op, request->name, request->body,
		                nc_slice(reply.data, request->reply.size), endpoint);
		nc_subs_turn(service->subs);
	} /* else as if it had not come */
	nc_buf_release(&reply);
}
