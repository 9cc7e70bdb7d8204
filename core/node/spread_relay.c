/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests about shared subscriptions: the leader has the subjects, and sends them on to who runs
 * the subscription, who answers. One that is just being taken up is waited for. */
#include <stdio.h>
#include <stdlib.h>

#include "core/engine/names.h"
#include "core/node/spread_private.h"
#include "transport/nats/reply.h"
#include "transport/nats/subject.h"

#define PAUSE_MS     20u
#define PAUSE_MAX_MS 320u

static void relay_error(struct nc_service *service, const struct nc_spread_relay *relay,
                        struct nc_fault fault)
{
	nc_service_error(
	        service, &service->out, relay->bytes,
	        &service->srv.endpoints[relay->endpoint].stats,
	        &(struct nc_service_refusal){ .fault = fault, .text = nc_fault_text(fault) });
}

static void relay_remove(struct nc_spread *spread, struct nc_spread_relay *relay)
{
	struct nc_spread_relay **at = &spread->relays, *before = NULL;
	while (*at != relay) {
		before = *at;
		at = &(*at)->next;
	}
	*at = relay->next;
	if (spread->relays_last == relay)
		spread->relays_last = before;
	spread->relay_count--;
	spread->relay_bytes -= relay->reply_size + relay->body_size;
}

/* Again after a pause, each time a longer one, or when something becomes of the subscription. */
static void later(struct nc_spread_relay *relay)
{
	relay->to = 0;
	relay->retry_ms = nc_service_now_ms() + relay->pause_ms;
	relay->pause_ms *= 2;
	if (relay->pause_ms > PAUSE_MAX_MS)
		relay->pause_ms = PAUSE_MAX_MS;
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
	if (err == NC_NOTFOUND) { /* not yet, or not any more: it will be somebody's */
		later(relay);
		return;
	}
	const struct nc_spread_row *row = nc_spread_find(spread, nc_slice_str(relay->name));
	bool elsewhere = row == NULL || row->owner.number != relay->to;
	if (err != NC_OK && elsewhere && relay->op == NC_OP_SUB_NEXT) {
		later(relay); /* who was asked gives nothing any more */
		return;
	}
	relay_remove(spread, relay);
	if (err != NC_OK) /* it may have been taken: asked twice it would be answered twice */
		relay_error(spread->service, relay, NC_FAULT_UNAVAILABLE);
	free(relay);
}

/* To who has it; to ourselves if that is it. False: it has ended, and is freed. */
static bool relay_send(struct nc_spread *spread, struct nc_spread_relay *relay)
{
	struct nc_service *service = spread->service;
	struct nc_slice name = nc_slice_str(relay->name);
	struct nc_slice body = nc_slice(relay->bytes + relay->reply_size + 1, relay->body_size);
	struct nc_slice reply = nc_slice(relay->bytes, relay->reply_size);
	const struct nc_spread_row *row = nc_spread_find(spread, name);
	if (row == NULL || nc_subs_has(service->subs, name)) { /* ours, or deleted meanwhile */
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
	if (nc_spread_ask(spread, row->owner.number, &call, on_taken, relay) == NC_OK) {
		relay->to = row->owner.number;
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
	bool room = spread->relay_count < NC_SPREAD_RELAYS_MAX &&
	            spread->relay_bytes + size <= NC_SPREAD_RELAYS_BYTES_MAX;
	struct nc_spread_relay *relay = room ? malloc(sizeof *relay + size + 1) : NULL;
	if (relay == NULL) {
		nc_service_error(
		        service, &service->out, reply.size == 0 ? "" : (const char *)reply.data,
		        &service->srv.endpoints[endpoint].stats,
		        &(struct nc_service_refusal){ .fault = NC_FAULT_BUSY,
		                                      .text = nc_fault_text(NC_FAULT_BUSY) });
		return true;
	}
	*relay = (struct nc_spread_relay){ .spread = spread,
		                           .until_ms = nc_service_now_ms() +
		                                       service->options.config->timeout_ms,
		                           .applied = nc_replica_status(service->replica).applied,
		                           .op = request->op,
		                           .endpoint = endpoint,
		                           .pause_ms = PAUSE_MS,
		                           .reply_size = reply.size,
		                           .body_size = request->body.size };
	(void)snprintf(relay->name, sizeof relay->name, "%.*s", (int)request->name.size,
	               (const char *)request->name.data);
	if (reply.size > 0)
		memcpy(relay->bytes, reply.data, reply.size);
	relay->bytes[reply.size] = '\0';
	if (request->body.size > 0)
		memcpy(relay->bytes + reply.size + 1, request->body.data, request->body.size);
	if (spread->relays_last == NULL) {
		spread->relays = relay;
	} else {
		spread->relays_last->next = relay;
	}
	spread->relays_last = relay;
	spread->relay_count++;
	spread->relay_bytes += size;
	(void)relay_send(spread, relay);
	return true;
}

void nc_spread_relays_step(struct nc_spread *spread)
{
	uint64_t now_ms = nc_service_now_ms();
	struct nc_spread_relay *relay = spread->relays, *next;
	for (; relay != NULL; relay = next) {
		next = relay->next;
		if (relay->to != 0 || (now_ms < relay->retry_ms && now_ms < relay->until_ms))
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

void nc_spread_relays_hurry(struct nc_spread *spread, struct nc_slice name)
{
	for (struct nc_spread_relay *at = spread->relays; at != NULL; at = at->next) {
		if (nc_slice_is(name, at->name)) {
			at->retry_ms = 0;
			at->pause_ms = PAUSE_MS;
		}
	}
}

/* Who leads next has the subjects; a deposed leader stays silent. */
void nc_spread_relays_drop(struct nc_spread *spread)
{
	while (spread->relays != NULL) {
		struct nc_spread_relay *relay = spread->relays;
		spread->relays = relay->next;
		relay->spread = NULL;
		if (relay->to == 0)
			free(relay); /* else when its answer comes */
	}
	spread->relays_last = NULL;
	spread->relay_count = spread->relay_bytes = 0;
}

/* ---- An owner ------------------------------------------------------------------------------- */

int nc_spread_take_request(struct nc_spread *spread, const struct nc_spread_call *request)
{
	struct nc_service *service = spread->service;
	enum nc_operation op;
	char reply[NC_SPREAD_REPLY_SIZE];
	int endpoint = nc_service_endpoint_find(request->endpoint, &op);
	if (endpoint < 0 || nc_name_word_fault(request->name) != NULL ||
	    request->reply.size >= sizeof reply ||
	    (request->reply.size > 0 &&
	     nc_subject_reserved(request->reply, service->options.config->prefix)))
		return NC_INVALID;
	/* What was appended before the request is seen by it, on whichever node. */
	if (spread->leaving || spread->applied < request->applied ||
	    !nc_subs_own_has(service->subs, request->name))
		return NC_NOTFOUND;
	memcpy(reply, request->reply.data == NULL ? (const uint8_t *)"" : request->reply.data,
	       request->reply.size);
	reply[request->reply.size] = '\0';
	nc_subs_request(service->subs, op, request->name, request->body,
	                nc_slice(reply, request->reply.size), endpoint);
	nc_subs_turn(service->subs);
	return NC_OK;
}
