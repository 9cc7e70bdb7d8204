/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a message goes: what it asks for is understood, or refused, and given to who does it. */
#include <stdio.h>
#include <string.h>

#include "core/delivery/ack.h"
#include "core/node/service/service_private.h"
#include "transport/nats/subject.h"

#define HEADERS_MAX 128 /* headers of one request */

/* Tags of subscriptions that are no endpoints. */
char nc_service_probe_tag;
char nc_service_pace_tag;

/* Requests about the state of this node or of the cluster, which any node answers at once. */
static void show(struct nc_service *service, enum nc_operation op, struct nc_slice reply)
{
	struct nc_buf *out = &service->out;
	nc_buf_clear(out);
	if (op == NC_OP_STATUS) {
		nc_service_put_status(service, out);
	} else if (op == NC_OP_HEALTH) {
		nc_service_put_health(service, out);
	} else {
		nc_service_cluster_status(service, out);
	}
	nc_service_send_buf(service, nc_service_reply_str(reply), out, 0);
}

static void dispatch(struct nc_service *service, const struct nc_request *request,
                     struct nc_slice reply, int endpoint)
{
	if (nc_service_is_about_one(request->op)) {
		if (!nc_spread_relay(service->spread, request, reply, endpoint)) {
			nc_subs_request(service->subs, request->op, request->name, request->body,
			                reply, endpoint);
		}
		return;
	}
	switch (request->op) {
	case NC_OP_APPEND:
		nc_service_append(service, request, reply, endpoint);
		return;
	case NC_OP_BATCH:
		nc_service_batch(service, request, reply, endpoint);
		return;
	case NC_OP_SNAP_PUT:
	case NC_OP_SNAP_DELETE:
		nc_service_snap(service, request, reply, endpoint);
		return;
	case NC_OP_STREAM_DELETE:
	case NC_OP_STREAM_META:
		nc_service_stream(service, request, reply, endpoint);
		return;
	case NC_OP_STATUS:
	case NC_OP_HEALTH:
	case NC_OP_CLUSTER_STATUS:
		show(service, request->op, reply);
		return;
	case NC_OP_CLUSTER_TRANSFER:
	case NC_OP_CLUSTER_REMOVE:
	case NC_OP_CLUSTER_PROMOTE:
		nc_service_cluster_change(service, request, reply, endpoint);
		return;
	case NC_OP_BACKUP:
		nc_service_backup(service, request, reply, endpoint);
		return;
	case NC_OP_DRAIN:
		nc_service_drain_asked(service, reply, endpoint);
		return;
	case NC_OP_VERIFY:
		nc_service_verify(service, request->body, reply, endpoint);
		return;
	case NC_OP_SUB_CREATE:
	case NC_OP_SUB_LIST:
	case NC_OP_FILTER_LIST:
	case NC_OP_FILTER_INFO:
		nc_subs_request(service->subs, request->op, request->name, request->body, reply,
		                endpoint);
		return;
	default:
		nc_service_read(service, request, reply, endpoint);
	}
}

/* Without a reply subject, a header block that cannot be read is taken for the end of the subject
 * (bus_arrivals.c): found out by an endpoint without a wildcard, which has one subject only. */
static bool subject_goes_on(const struct nc_service *service, const struct nc_bus_msg *msg,
                            int index)
{
	const char *subject = service->srv.endpoints[index].subject;
	size_t size = strlen(subject);
	return subject[size - 1] != '>' && msg->subject.size > size;
}

static void take_up(struct nc_service *service, const struct nc_bus_msg *msg, int index)
{
	const struct nc_endpoint *endpoint = &nc_service_endpoints[index];
	struct nc_srv_stats *stats = &service->srv.endpoints[index].stats;
	const char *reply = nc_service_reply_str(msg->reply);
	atomic_fetch_add(&stats->requests, 1);

	struct nc_header headers[HEADERS_MAX];
	size_t count = 0;
	struct nc_refusal refusal = { NC_FAULT_REQUEST, "headers cannot be read" };
	int err = nc_bus_headers(msg, headers, HEADERS_MAX, &count);
	if (err == NC_OK && subject_goes_on(service, msg, index))
		err = NC_INVALID;
	if (count > HEADERS_MAX) {
		(void)snprintf(refusal.text, sizeof refusal.text, "headers: more than %d",
		               HEADERS_MAX);
		err = NC_TOOBIG;
	}

	size_t skip = service->root_size + 1 + (endpoint->direct ? strlen("direct.") : 0);
	const struct nc_message message = { .subject = nc_slice_from(msg->subject, skip),
		                            .data = msg->data,
		                            .headers = headers,
		                            .header_count = count };
	struct nc_request request;
	if (err == NC_OK && nc_request_decode(&service->decoder, endpoint->op, endpoint->direct,
	                                      &message, &request, &refusal)) {
		dispatch(service, &request, msg->reply, index);
		return;
	}
	char room[NC_DIRECT_SIZE];
	nc_service_error(
	        service, &service->out, reply, stats,
	        &(struct nc_service_refusal){ .fault = refusal.fault,
	                                      .text = refusal.text,
	                                      .extra = nc_service_direct(service, index, room) });
}

/* Headers of an acknowledgement are ignored: clients may add their own. */
static void take_up_ack(struct nc_service *service, const struct nc_bus_msg *msg, int index)
{
	size_t skip = service->root_size + 1 + strlen("ack.");
	atomic_fetch_add(&service->srv.endpoints[index].stats.requests, 1);
	nc_subs_answer(service->subs, nc_slice_from(msg->subject, skip), msg, index);
}

/* Whether another node takes the acknowledgement: one that runs the subscription and has heard it
 * too, or one that is still to be found out. */
static bool is_owners_ack(struct nc_service *service, const struct nc_bus_msg *msg, int index)
{
	struct nc_spread_heard heard = {
		.rest = nc_slice_from(msg->subject, service->root_size + 1 + strlen("ack.")),
		.reply = msg->reply,
		.body = msg->data,
		.endpoint = index
	};
	struct nc_ack ack;
	if (service->spread == NULL)
		return false;
	const uint8_t *dot =
	        heard.rest.size == 0 ? NULL : memchr(heard.rest.data, '.', heard.rest.size);
	heard.name = dot == NULL ? heard.rest
	                         : nc_slice(heard.rest.data, (size_t)(dot - heard.rest.data));
	if (msg->reply.size > 0) {
		nc_ack_parse(msg->data, &ack);
		heard.asks = ack.kind != NC_ACK_IS_NOTHING && !nc_bus_has_status(msg);
	}
	return nc_spread_keep_ack(service->spread, &heard);
}

static void on_ready_probe(struct nc_service *service)
{
	if (service->ready_told)
		return;
	service->ready_told = true;
	service->options.on_ready(service->options.ctx);
}

/* A message to one of the endpoints. */
static void on_endpoint(struct nc_service *service, struct nc_bus_msg *msg)
{
	const struct nc_endpoint *endpoint = msg->tag;
	int index = (int)(endpoint - nc_service_endpoints);
	if (endpoint->leader && !service->serving)
		return; /* this node leads no more: the leader has the message too */
	if (endpoint->op != NC_OP_SUB_ACK) {
		take_up(service, msg, index);
	} else if (!is_owners_ack(service, msg, index)) {
		take_up_ack(service, msg, index);
	}
}

void nc_service_on_message(void *ctx, struct nc_bus_msg *msg)
{
	struct nc_service *service = ctx;
	if (msg->tag == &nc_service_probe_tag) {
		on_ready_probe(service);
		return;
	}
	if (nc_sole_take(service, msg))
		return;
	if (msg->tag == &nc_backup_tag) {
		nc_service_backup_answer(service, msg);
		return;
	}
	if (msg->tag == &nc_service_pace_tag) {
		nc_subs_pace_heard(service->subs, msg->data);
		nc_spread_echo_heard(service->spread, msg->data);
		return;
	}
	if (msg->reply.size > 0 &&
	    nc_subject_reserved(msg->reply, service->options.config->prefix)) {
		atomic_fetch_add(&service->counters.refused_reply, 1);
		return;
	}
	if (nc_service_srv_take(service, msg))
		return;
	if (msg->tag == &nc_subs_own_tag) {
		take_up_ack(service, msg, nc_service_endpoint_of(NC_OP_SUB_ACK));
		return;
	}
	on_endpoint(service, msg);
}
