/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a message goes: the table of endpoints, what is subscribed for them, and who does what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/unconst.h"
#include "core/node/service_private.h"
#include "core/node/version.h"
#include "transport/nats/subject.h"

#define HEADERS_MAX 128 /* of one request */

static const struct nc_endpoint endpoints[] = {
	{ "append", "append.>", NC_OP_APPEND, false, true },
	{ "batch", "batch", NC_OP_BATCH, false, true },
	{ "read", "read.>", NC_OP_READ, false, true },
	{ "load", "load.>", NC_OP_LOAD, false, true },
	{ "snap-put", "snap.put.>", NC_OP_SNAP_PUT, false, true },
	{ "snap-get", "snap.get.>", NC_OP_SNAP_GET, false, true },
	{ "snap-list", "snap.list.>", NC_OP_SNAP_LIST, false, true },
	{ "snap-streams", "snap.list", NC_OP_SNAP_LIST, false, true },
	{ "snap-delete", "snap.delete.>", NC_OP_SNAP_DELETE, false, true },
	{ "all", "all", NC_OP_READ, false, true },
	{ "type", "type.>", NC_OP_READ, false, true },
	{ "category", "category.>", NC_OP_READ, false, true },
	{ "tag", "tag.>", NC_OP_READ, false, true },
	{ "query", "query", NC_OP_READ, false, true },
	{ "get", "get", NC_OP_GET, false, true },
	{ "store-info", "store.info", NC_OP_INFO, false, true },
	{ "store-stats", "store.stats", NC_OP_STATS, false, true },
	{ "stream-info", "stream.info.>", NC_OP_STREAM_INFO, false, true },
	{ "stream-list", "stream.list", NC_OP_STREAM_LIST, false, true },
	{ "direct-read", "direct.read.>", NC_OP_READ, true, false },
	{ "direct-all", "direct.all", NC_OP_READ, true, false },
	{ "direct-type", "direct.type.>", NC_OP_READ, true, false },
	{ "direct-category", "direct.category.>", NC_OP_READ, true, false },
	{ "direct-tag", "direct.tag.>", NC_OP_READ, true, false },
	{ "direct-query", "direct.query", NC_OP_READ, true, false },
	{ "direct-get", "direct.get", NC_OP_GET, true, false },
	{ "direct-load", "direct.load.>", NC_OP_LOAD, true, false },
	{ "direct-snap-get", "direct.snap.get.>", NC_OP_SNAP_GET, true, false },
	{ "sub-create", "sub.create.>", NC_OP_SUB_CREATE, false, true },
	{ "sub-delete", "sub.delete.>", NC_OP_SUB_DELETE, false, true },
	{ "sub-info", "sub.info.>", NC_OP_SUB_INFO, false, true },
	{ "sub-list", "sub.list", NC_OP_SUB_LIST, false, true },
	{ "sub-next", "sub.next.>", NC_OP_SUB_NEXT, false, true },
	{ "sub-parked", "sub.parked.>", NC_OP_SUB_PARKED, false, true },
	{ "sub-update", "sub.update.>", NC_OP_SUB_UPDATE, false, true },
	{ "sub-pause", "sub.pause.>", NC_OP_SUB_PAUSE, false, true },
	{ "sub-resume", "sub.resume.>", NC_OP_SUB_RESUME, false, true },
	{ "sub-seek", "sub.seek.>", NC_OP_SUB_SEEK, false, true },
	{ "sub-replay", "sub.replay.>", NC_OP_SUB_REPLAY, false, true },
	{ "sub-explain", "sub.explain.>", NC_OP_SUB_EXPLAIN, false, true },
	{ "ack", "ack.>", NC_OP_SUB_ACK, false, true },
	{ "filter-list", "filter.list", NC_OP_FILTER_LIST, false, true },
	{ "filter-info", "filter.info.>", NC_OP_FILTER_INFO, false, true },
	{ "filter-test", "filter.test", NC_OP_FILTER_TEST, false, true },
	{ "cluster-status", "cluster.status", NC_OP_CLUSTER_STATUS, false, false },
	{ "cluster-transfer", "cluster.transfer", NC_OP_CLUSTER_TRANSFER, false, true },
	{ "cluster-remove", "cluster.remove", NC_OP_CLUSTER_REMOVE, false, true },
	{ "cluster-promote", "cluster.promote", NC_OP_CLUSTER_PROMOTE, false, true },
	{ "node-status", "node.%s.status", NC_OP_STATUS, false, false },
	{ "node-healthz", "node.%s.healthz", NC_OP_HEALTH, false, false },
	{ "node-drain", "node.%s.drain", NC_OP_DRAIN, false, false },
	{ "node-verify", "node.%s.verify", NC_OP_VERIFY, false, false },
};
enum { ENDPOINTS = sizeof endpoints / sizeof endpoints[0] };

/* Tags of subscriptions that are no endpoints. */
char nc_service_probe_tag;
char nc_service_pace_tag;

/* ---- Requests ------------------------------------------------------------------------------- */

/* A request about a subscription that is there: who runs it answers. */
static bool is_about_one(enum nc_operation op)
{
	switch (op) {
	case NC_OP_SUB_DELETE:
	case NC_OP_SUB_INFO:
	case NC_OP_SUB_NEXT:
	case NC_OP_SUB_PARKED:
	case NC_OP_SUB_UPDATE:
	case NC_OP_SUB_PAUSE:
	case NC_OP_SUB_RESUME:
	case NC_OP_SUB_SEEK:
	case NC_OP_SUB_REPLAY:
	case NC_OP_SUB_EXPLAIN:
		return true;
	default:
		return false;
	}
}

int nc_service_endpoint_find(struct nc_slice name, enum nc_operation *op_out)
{
	for (int i = 0; i < ENDPOINTS; i++) {
		if (!nc_slice_is(name, endpoints[i].name) || !is_about_one(endpoints[i].op))
			continue;
		*op_out = endpoints[i].op;
		return i;
	}
	return -1;
}

static void dispatch(struct nc_service *service, const struct nc_request *request,
                     struct nc_slice reply, int endpoint)
{
	if (is_about_one(request->op)) {
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
	case NC_OP_STATUS:
	case NC_OP_HEALTH:
		nc_buf_clear(&service->out);
		if (request->op == NC_OP_STATUS) {
			nc_service_put_status(service, &service->out);
		} else {
			nc_service_put_health(service, &service->out);
		}
		if (reply.size > 0) {
			nc_service_send(service, (const char *)reply.data,
			                nc_buf_slice(&service->out), 0);
		}
		return;
	case NC_OP_CLUSTER_STATUS:
		nc_buf_clear(&service->out);
		nc_service_cluster_status(service, &service->out);
		nc_service_send(service, reply.size == 0 ? "" : (const char *)reply.data,
		                nc_buf_slice(&service->out), 0);
		return;
	case NC_OP_CLUSTER_TRANSFER:
	case NC_OP_CLUSTER_REMOVE:
	case NC_OP_CLUSTER_PROMOTE:
		nc_service_cluster_change(service, request, reply, endpoint);
		return;
	case NC_OP_DRAIN:
		nc_service_drain_asked(service, reply);
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

static void take_up(struct nc_service *service, const struct nc_bus_msg *msg, int index)
{
	const struct nc_endpoint *endpoint = &endpoints[index];
	struct nc_srv_stats *stats = &service->srv.endpoints[index].stats;
	const char *reply = msg->reply.size == 0 ? "" : (const char *)msg->reply.data;
	atomic_fetch_add(&stats->requests, 1);

	struct nc_header headers[HEADERS_MAX];
	size_t count = 0;
	struct nc_refusal refusal = { NC_FAULT_REQUEST, "headers cannot be read" };
	int err = nc_bus_headers(msg, headers, HEADERS_MAX, &count);
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

/* An acknowledgement may bear any headers: whatever captured the delivery sends it. */
static void take_up_ack(struct nc_service *service, const struct nc_bus_msg *msg, int index)
{
	size_t skip = service->root_size + 1 + strlen("ack.");
	atomic_fetch_add(&service->srv.endpoints[index].stats.requests, 1);
	nc_subs_answer(service->subs, nc_slice_from(msg->subject, skip), msg, index);
}

/* Another node runs the subscription, has the acknowledgement too, and takes it. */
static bool is_owners_ack(struct nc_service *service, const struct nc_bus_msg *msg)
{
	struct nc_slice name = nc_slice_from(msg->subject, service->root_size + 1 + strlen("ack."));
	const uint8_t *dot = name.size == 0 ? NULL : memchr(name.data, '.', name.size);
	if (dot != NULL)
		name.size = (size_t)(dot - name.data);
	return nc_spread_has(service->spread, name) && !nc_subs_has(service->subs, name);
}

static int endpoint_of(enum nc_operation op)
{
	int i = 0;
	while (endpoints[i].op != op)
		i++;
	return i;
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
	int index = (int)(endpoint - endpoints);
	if (endpoint->leader && !service->serving)
		return; /* deposed: who leads now has it too */
	if (endpoint->op != NC_OP_SUB_ACK) {
		take_up(service, msg, index);
	} else if (!is_owners_ack(service, msg)) {
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
	if (msg->tag == &nc_service_pace_tag) {
		nc_subs_pace_heard(service->subs, msg->data);
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
		take_up_ack(service, msg, endpoint_of(NC_OP_SUB_ACK));
		return;
	}
	on_endpoint(service, msg);
}

/* One of the nodes, whichever: a queue group. */
static bool answered_by_any(const struct nc_endpoint *endpoint)
{
	return endpoint->direct || endpoint->op == NC_OP_CLUSTER_STATUS;
}

/* ---- Subscriptions -------------------------------------------------------------------------- */

static int subscribe_endpoint(struct nc_service *service, size_t i)
{
	const struct nc_srv_endpoint *made = &service->srv.endpoints[i];
	void *tag = nc_unconst(&endpoints[i]); /* bus.h gives it back, and looks not at it */
	return nc_bus_subscribe(service->bus, made->subject, made->queue, tag);
}

struct nc_slice nc_service_direct(struct nc_service *service, int endpoint,
                                  char room[NC_DIRECT_SIZE])
{
	if (!endpoints[endpoint].direct)
		return nc_slice(NULL, 0);
	int size = snprintf(room, NC_DIRECT_SIZE, "Es-Applied: %llu\r\nEs-Node: %s\r\n",
	                    (unsigned long long)atomic_load(&service->position),
	                    service->options.config->node_id);
	return nc_slice(room, (size_t)size);
}

int nc_service_subscribe_endpoints(struct nc_service *service, bool leader)
{
	int err = NC_OK;
	for (size_t i = 0; i < ENDPOINTS && err == NC_OK; i++) {
		if (endpoints[i].leader == leader && !endpoints[i].direct)
			err = subscribe_endpoint(service, i);
	}
	return err;
}

/* One of the nodes answers, whichever: R.direct, or the other. */
static bool is_shared(const struct nc_endpoint *endpoint, bool direct)
{
	return answered_by_any(endpoint) && endpoint->direct == direct;
}

static int subscribe_group(struct nc_service *service, bool direct)
{
	int err = NC_OK;
	for (size_t i = 0; i < ENDPOINTS && err == NC_OK; i++) {
		if (is_shared(&endpoints[i], direct))
			err = subscribe_endpoint(service, i);
	}
	return err;
}

static void unsubscribe_group(struct nc_service *service, bool direct)
{
	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (is_shared(&endpoints[i], direct))
			nc_bus_unsubscribe(service->bus, &endpoints[i]);
	}
}

int nc_service_subscribe_shared(struct nc_service *service)
{
	return subscribe_group(service, false);
}

void nc_service_unsubscribe_shared(struct nc_service *service)
{
	unsubscribe_group(service, false);
}

int nc_service_subscribe_direct(struct nc_service *service)
{
	return subscribe_group(service, true);
}

void nc_service_unsubscribe_direct(struct nc_service *service)
{
	unsubscribe_group(service, true);
}

int nc_service_srv_make(struct nc_service *service)
{
	const struct nc_config *config = service->options.config;
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	nc_time_format((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec,
	               service->srv.started);
	nc_srv_id_make(service->srv.id);
	service->srv.version = NC_VERSION;
	service->srv.store = config->store_id;
	service->srv.node = config->node_id;
	service->srv.endpoints = calloc(ENDPOINTS, sizeof service->srv.endpoints[0]);
	if (service->srv.endpoints == NULL)
		return NC_NOMEM;
	service->srv.endpoint_count = ENDPOINTS;
	for (size_t i = 0; i < ENDPOINTS; i++) {
		struct nc_srv_endpoint *made = &service->srv.endpoints[i];
		made->name = endpoints[i].name;
		made->queue = answered_by_any(&endpoints[i]) ? "es" : NULL;
		int at = snprintf(made->subject, sizeof made->subject, "%s.", service->root);
		const char *subject = endpoints[i].subject;
		const char *node = strstr(subject, "%s");
		if (node == NULL) {
			(void)snprintf(made->subject + at, sizeof made->subject - (size_t)at, "%s",
			               subject);
		} else {
			(void)snprintf(made->subject + at, sizeof made->subject - (size_t)at,
			               "%.*s%s%s", (int)(node - subject), subject, config->node_id,
			               node + 2);
		}
	}
	return NC_OK;
}

void nc_service_unsubscribe_leader(struct nc_service *service)
{
	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (endpoints[i].leader)
			nc_bus_unsubscribe(service->bus, &endpoints[i]);
	}
}

void nc_service_unsubscribe_endpoints(struct nc_service *service)
{
	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (endpoints[i].leader || endpoints[i].direct)
			nc_bus_unsubscribe(service->bus, &endpoints[i]);
	}
}
