/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of endpoints, and what is subscribed for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/unconst.h"
#include "core/node/common/version.h"
#include "core/node/service/service_private.h"

const struct nc_endpoint nc_service_endpoints[] = {
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
	{ "stream-delete", "stream.delete.>", NC_OP_STREAM_DELETE, false, true },
	{ "stream-meta", "stream.meta.>", NC_OP_STREAM_META, false, true },
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
	{ "backup", "backup", NC_OP_BACKUP, false, false },
	{ "node-status", "node.%s.status", NC_OP_STATUS, false, false },
	{ "node-healthz", "node.%s.healthz", NC_OP_HEALTH, false, false },
	{ "node-drain", "node.%s.drain", NC_OP_DRAIN, false, false },
	{ "node-verify", "node.%s.verify", NC_OP_VERIFY, false, false },
};
enum { ENDPOINTS = sizeof nc_service_endpoints / sizeof nc_service_endpoints[0] };

bool nc_service_is_about_one(enum nc_operation op)
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
		if (!nc_slice_is(name, nc_service_endpoints[i].name) ||
		    !nc_service_is_about_one(nc_service_endpoints[i].op))
			continue;
		*op_out = nc_service_endpoints[i].op;
		return i;
	}
	return -1;
}

int nc_service_endpoint_of(enum nc_operation op)
{
	int i = 0;
	while (nc_service_endpoints[i].op != op)
		i++;
	return i;
}

/* Whether one of the nodes answers whose state is up to date: service_fit.c. */
static bool answered_by_fit(const struct nc_endpoint *endpoint)
{
	return endpoint->direct || endpoint->op == NC_OP_BACKUP;
}

/* Whether any one of the nodes answers, through a queue group. */
static bool answered_by_any(const struct nc_endpoint *endpoint)
{
	return answered_by_fit(endpoint) || endpoint->op == NC_OP_CLUSTER_STATUS;
}

/* ---- Subscriptions -------------------------------------------------------------------------- */

static int subscribe_endpoint(struct nc_service *service, size_t i)
{
	const struct nc_srv_endpoint *made = &service->srv.endpoints[i];
	void *tag = nc_unconst(&nc_service_endpoints[i]); /* the bus only gives it back */
	return nc_bus_subscribe(service->bus, made->subject, made->queue, tag);
}

struct nc_slice nc_service_direct(struct nc_service *service, int endpoint,
                                  char room[NC_DIRECT_SIZE])
{
	if (!nc_service_endpoints[endpoint].direct)
		return nc_slice(NULL, 0);
	int size = snprintf(room, NC_DIRECT_SIZE, "Es-Applied: %llu\r\nEs-Node: %s\r\n",
	                    (unsigned long long)atomic_load(&service->position),
	                    service->options.config->node_id);
	return nc_slice(room, (size_t)size);
}

/* Which endpoints: a question to each. */
typedef bool those_fn(const struct nc_endpoint *endpoint);

static int subscribe_those(struct nc_service *service, those_fn *are)
{
	int err = NC_OK;
	for (size_t i = 0; i < ENDPOINTS && err == NC_OK; i++) {
		if (are(&nc_service_endpoints[i]))
			err = subscribe_endpoint(service, i);
	}
	return err;
}

/* What is on its way to this node goes to no other. */
static void unsubscribe_those(struct nc_service *service, those_fn *are)
{
	for (size_t i = 0; i < ENDPOINTS; i++) {
		if (are(&nc_service_endpoints[i]))
			nc_bus_part(service->bus, &nc_service_endpoints[i]);
	}
}

static bool is_own(const struct nc_endpoint *endpoint)
{
	return !endpoint->leader && !answered_by_fit(endpoint);
}

static bool is_leaders(const struct nc_endpoint *endpoint)
{
	return endpoint->leader && !answered_by_fit(endpoint);
}

/* One node answers for all: any of them, or one that is fit. */
static bool is_shared(const struct nc_endpoint *endpoint)
{
	return answered_by_any(endpoint) && !answered_by_fit(endpoint);
}

static bool is_for_the_fit(const struct nc_endpoint *endpoint)
{
	return answered_by_any(endpoint) && answered_by_fit(endpoint);
}

int nc_service_subscribe_own(struct nc_service *service)
{
	return subscribe_those(service, is_own);
}

int nc_service_subscribe_leader(struct nc_service *service)
{
	return subscribe_those(service, is_leaders);
}

int nc_service_subscribe_shared(struct nc_service *service)
{
	return subscribe_those(service, is_shared);
}

void nc_service_unsubscribe_shared(struct nc_service *service)
{
	unsubscribe_those(service, is_shared);
}

int nc_service_subscribe_direct(struct nc_service *service)
{
	return subscribe_those(service, is_for_the_fit);
}

void nc_service_unsubscribe_direct(struct nc_service *service)
{
	unsubscribe_those(service, is_for_the_fit);
}

int nc_service_srv_make(struct nc_service *service)
{
	const struct nc_config *config = service->options.config;
	nc_time_format(nc_clock_wall_ns(), service->srv.started);
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
		made->name = nc_service_endpoints[i].name;
		made->queue = answered_by_any(&nc_service_endpoints[i]) ? "es" : NULL;
		int at = snprintf(made->subject, sizeof made->subject, "%s.", service->root);
		const char *subject = nc_service_endpoints[i].subject;
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
		if (nc_service_endpoints[i].leader)
			nc_bus_unsubscribe(service->bus, &nc_service_endpoints[i]);
	}
}

void nc_service_unsubscribe_endpoints(struct nc_service *service)
{
	nc_service_unsubscribe_leader(service);
	nc_service_unsubscribe_direct(service);
}
