/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads, on the loop: taken up, and kept until the state has what they must see. */
#include <stdlib.h>

#include "core/node/service/service_read_private.h"
#include "transport/nats/reply.h"

#define KEPT_SIZE_MAX (64u << 20) /* bytes */

bool nc_service_keep(struct nc_service *service, size_t size)
{
	if (atomic_fetch_add(&service->kept_size, size) + size <= KEPT_SIZE_MAX)
		return true;
	nc_service_let_go(service, size);
	return false;
}

void nc_service_let_go(struct nc_service *service, size_t size)
{
	atomic_fetch_sub(&service->kept_size, size);
}

/* Begin the read, since what it waited for has come; or free it, if it has run out of time
 * meanwhile. */
static void read_go(struct read *read)
{
	struct nc_service *service = read->service;
	bool late = read->ticket->answered;
	nc_ticket_free(&service->tickets, read->ticket);
	read->ticket = NULL;
	if (late) {
		nc_service_read_free(&read->job);
		return;
	}
	struct nc_reader_pool *pool = read->filtered.plugin.size == 0
	                                      ? service->readers
	                                      : nc_subs_pool(service->subs, read->filtered.plugin);
	if (nc_reader_pool_put(pool, &read->job) != NC_OK) {
		atomic_fetch_add(&service->counters.shed, 1);
		nc_service_read_fail(read, NC_FAULT_BUSY, nc_fault_text(NC_FAULT_BUSY));
		nc_service_read_free(&read->job);
	}
}

/* What it waits for does not come; unless that was said already, when its time was over. */
static void give_up(struct read *read)
{
	if (!read->ticket->answered)
		nc_service_read_fail(read, NC_FAULT_UNAVAILABLE,
		                     nc_fault_text(NC_FAULT_UNAVAILABLE));
	nc_ticket_free(&read->service->tickets, read->ticket);
	read->ticket = NULL;
	nc_service_read_free(&read->job);
}

static void on_may_read(struct nc_replica_wait *wait, int err)
{
	struct read *read = (struct read *)(void *)((char *)wait - offsetof(struct read, wait));
	if (err == NC_OK) {
		read_go(read);
		return;
	}
	give_up(read);
}

void nc_service_reads_wake(struct nc_service *service)
{
	struct read **at = &service->position_waits;
	uint64_t position = atomic_load(&service->position);
	while (*at != NULL) {
		struct read *read = *at;
		if (read->min_position <= position || read->ticket->answered) {
			*at = read->next;
			read_go(read);
		} else {
			at = &read->next;
		}
	}
}

void nc_service_reads_end(struct nc_service *service)
{
	while (service->position_waits != NULL) {
		struct read *read = service->position_waits;
		service->position_waits = read->next;
		give_up(read);
	}
}

/* Bytes of the names in a request, which lie in memory of the message's. */
static size_t names_size(const struct nc_request *request)
{
	return request->query.key.size + request->get.stream.size + request->get.id.size +
	       request->plugin.size + request->selector.size + request->stream.size +
	       request->streams.prefix.size + request->streams.after.size +
	       request->snap.stream.size + request->list.stream.size +
	       request->list.after_name.size + request->list.prefix.size;
}

static struct nc_slice keep(struct nc_buf *keys, struct nc_slice slice)
{
	size_t at = keys->size;
	/* the buffer has room for all of them, so that they do not move */
	nc_buf_put_slice(keys, slice);
	return nc_slice(keys->data + at, slice.size);
}

/* What is asked for, and the names in it, which are kept. */
static void asked_copy(struct read *read, const struct nc_request *request)
{
	struct nc_buf *keys = &read->keys;
	read->op = request->op;
	read->min_position = request->min_position;
	read->format = request->format;
	read->stream = keep(keys, request->stream);
	read->stats_limit = request->stats_limit;
	read->query_spec = request->query;
	read->query_spec.key = keep(keys, request->query.key);
	read->get_spec = request->get;
	read->get_spec.stream = keep(keys, request->get.stream);
	read->get_spec.id = keep(keys, request->get.id);
	read->streams.limit = request->streams.limit;
	read->streams.prefix = keep(keys, request->streams.prefix);
	read->streams.after = keep(keys, request->streams.after);
	read->snap_spec = request->snap;
	read->snap_spec.stream = keep(keys, request->snap.stream);
	read->snap_list = request->list;
	read->snap_list.stream = keep(keys, request->list.stream);
	read->snap_list.after_name = keep(keys, request->list.after_name);
	read->snap_list.prefix = keep(keys, request->list.prefix);
	read->filtered.plugin = keep(keys, request->plugin);
	read->filtered.selector = keep(keys, request->selector);
}

/* NULL: no memory, or too much is kept already. */
static struct read *read_new(struct nc_service *service, const struct nc_request *request,
                             struct nc_slice reply, int endpoint)
{
	size_t size = names_size(request);
	size_t whole = sizeof(struct read) + reply.size + 1 + size;
	if (!nc_service_keep(service, whole))
		return NULL;
	struct read *read = calloc(1, sizeof *read + reply.size + 1);
	if (read == NULL) {
		nc_service_let_go(service, whole);
		return NULL;
	}
	read->ticket = nc_ticket_new(&service->tickets, reply, nc_clock_ms());
	if (read->ticket == NULL || nc_buf_extend(&read->keys, size + 1) == NULL) {
		if (read->ticket != NULL)
			nc_ticket_free(&service->tickets, read->ticket);
		free(read);
		nc_service_let_go(service, whole);
		return NULL;
	}
	nc_buf_clear(&read->keys);
	read->job =
	        (struct nc_read_job){ .step = nc_service_read_step, .free = nc_service_read_free };
	read->service = service;
	read->outbox.may_send = nc_service_read_may_answer;
	read->outbox.ctx = read;
	read->stats = &service->srv.endpoints[endpoint].stats;
	read->endpoint = read->ticket->endpoint = endpoint;
	read->taken_ms = read->ticket->taken_ms;
	read->filtered.host = nc_subs_plugins(service->subs);
	asked_copy(read, request);
	memcpy(read->reply, reply.data, reply.size);
	read->size = whole;
	atomic_fetch_add(&service->reads, 1);
	return read;
}

void nc_service_read(struct nc_service *service, const struct nc_request *request,
                     struct nc_slice reply, int endpoint)
{
	if (reply.size == 0)
		return; /* nobody to read for */
	struct read *read = read_new(service, request, reply, endpoint);
	if (read == NULL) {
		char room[NC_DIRECT_SIZE];
		atomic_fetch_add(&service->counters.shed, 1);
		nc_service_error(service, &service->out, (const char *)reply.data,
		                 &service->srv.endpoints[endpoint].stats,
		                 &(struct nc_service_refusal){
		                         .fault = NC_FAULT_BUSY,
		                         .text = nc_fault_text(NC_FAULT_BUSY),
		                         .extra = nc_service_direct(service, endpoint, room) });
		return;
	}
	if (!request->direct) {
		read->wait = (struct nc_replica_wait){ .fn = on_may_read };
		nc_replica_read(service->replica, &read->wait);
	} else if (request->min_position > atomic_load(&service->position)) {
		read->next = service->position_waits;
		service->position_waits = read;
	} else {
		read_go(read);
	}
}
