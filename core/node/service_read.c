/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads: wait until the state has what must be seen, then let a reader carry them out a step at a
 * time. */
#include <stdio.h>
#include <stdlib.h>

#include "core/node/filtered.h"
#include "core/node/say.h"
#include "core/node/service_private.h"
#include "transport/nats/event_message.h"
#include "transport/nats/packed.h"
#include "transport/nats/reply.h"

#define STEP_EVENTS      256u
#define STEP_SIZE        (256u << 10) /* bytes */
#define BUFFERED_MAX     (4u << 20)   /* bytes that may wait to be sent before a reader waits */
#define SEND_PATIENCE_MS 10000u

struct read {
	struct nc_read_job job; /* first */
	struct nc_replica_wait wait;
	struct read *next; /* among those that wait for a position */
	struct nc_service *service;
	struct nc_srv_stats *stats;
	struct nc_ticket *ticket; /* while it waits */
	uint64_t taken_ms;
	enum nc_operation op;
	int endpoint;
	bool failed;
	uint64_t min_position;
	struct nc_query_spec query_spec;
	struct nc_get_spec get_spec;
	struct nc_query *query;
	enum nc_format format;
	struct nc_packed packed;
	struct nc_filtered filtered; /* its plugin empty: all are given */
	uint64_t begun_ms;           /* when a reader first came to it */
	struct nc_buf keys;          /* what the specs' slices point into */
	struct nc_buf out;
	struct nc_outbox outbox; /* sent at the end of each step */
	uint64_t connection;     /* the bus's, over which the whole answer leaves; 0: not begun */
	bool torn;               /* a message of it is lost: nothing may follow */
	bool too_big;            /* for the server: asking again will not help */
	char reply[];            /* NUL-terminated */
};

/* ---- Answering, on a reader's thread -------------------------------------------------------- */

/* Header lines that each answer of R.direct bears. */
static struct nc_slice extra(const struct read *read, char room[NC_DIRECT_SIZE])
{
	return nc_service_direct(read->service, read->endpoint, room);
}

/* A gap in an answer shows in nothing that follows it: so all of it leaves over one connection, and
 * nothing behind a message that was lost. Who asked hears no end, and asks again. */
static bool may_answer(void *ctx)
{
	const struct read *read = ctx;
	return !read->torn && read->outbox.lost == 0 &&
	       nc_bus_connection(read->service->bus) == read->connection;
}

static void post(struct read *read, struct nc_slice message, size_t header_size)
{
	int err = nc_outbox_put(&read->outbox, read->service->bus, nc_slice_str(read->reply),
	                        nc_slice(NULL, 0), message, header_size);
	read->too_big = read->too_big || err == NC_TOOBIG;
}

static void posted(struct read *read)
{
	(void)nc_outbox_send(&read->outbox, read->service->bus);
	atomic_fetch_add(&read->service->counters.unsent, read->outbox.lost);
	read->torn = read->torn || read->outbox.lost > 0;
	read->outbox.lost = 0;
}

static void fail(struct read *read, struct nc_fault fault, const char *text)
{
	char room[NC_DIRECT_SIZE];
	posted(read); /* what came before it */
	nc_service_error(read->service, &read->out, read->reply, read->stats,
	                 &(struct nc_service_refusal){
	                         .fault = fault, .text = text, .extra = extra(read, room) });
	read->failed = true;
}

/* The state could not be read. The node says so, and the client may try elsewhere. */
static void fail_state(struct read *read, int err)
{
	nc_say_error("a read failed: %s", nc_err_name(err));
	fail(read, NC_FAULT_UNAVAILABLE, "the state could not be read; see the node's log");
}

static void send_event(struct read *read, const struct nc_event *event, struct nc_slice more)
{
	size_t header_size;
	nc_buf_clear(&read->out);
	nc_event_message_put(&read->out, read->service->root, event, more, &header_size);
	if (nc_buf_status(&read->out) == NC_OK) {
		post(read, nc_buf_slice(&read->out), header_size);
	} else {
		read->torn = true;
	}
}

static void packed_flush(struct read *read)
{
	struct nc_slice body = nc_packed_take(&read->packed);
	if (body.size > 0)
		post(read, body, 0);
}

static void on_event(void *ctx, const struct nc_event *event)
{
	struct read *read = ctx;
	if (read->format == NC_FORMAT_MESSAGES) {
		send_event(read, event, nc_slice(NULL, 0));
		return;
	}
	int err = nc_packed_add(&read->packed, event);
	if (err == NC_FULL) {
		packed_flush(read);
		err = nc_packed_add(&read->packed, event);
	}
	if (err == NC_TOOBIG) { /* fits into no array: a message of its own, in its place */
		packed_flush(read);
		send_event(read, event, nc_slice(NULL, 0));
	} else if (err != NC_OK) {
		atomic_fetch_add(&read->service->counters.unsent, 1);
		read->torn = true;
	}
}

/* ---- Queries -------------------------------------------------------------------------------- */

/* False: the filter is refused, and that is said. */
static bool filter_begin(struct read *read)
{
	struct nc_refusal refusal;
	struct nc_query_spec *spec = &read->query_spec;
	if (!nc_filtered_begin(&read->filtered, &refusal)) {
		fail(read, refusal.fault, refusal.text);
		return false;
	}
	spec->wanted = nc_filtered_wanted;
	spec->wanted_ctx = &read->filtered;
	if (read->op != NC_OP_FILTER_TEST)
		return true;
	/* As a subscription's history is searched: by an index, where the hints allow. */
	read->filtered.dry = true;
	read->filtered.show = spec->limit;
	bool by_position = spec->from_kind == NC_FROM_DEFAULT || spec->from_kind == NC_FROM_NUMBER;
	if (spec->to == 0 && by_position) {
		struct nc_filter_hints hints = nc_filter_hints(read->filtered.filter);
		spec->from = spec->from_kind == NC_FROM_DEFAULT ? 1 : spec->from;
		spec->from_kind = NC_FROM_POSITION;
		(void)nc_filter_narrow(&hints, spec, &read->filtered.room);
	}
	return true;
}

/* False: it has come to nothing, and that is said. */
static bool query_begin(struct read *read, struct nc_state_reader *reader)
{
	read->begun_ms = nc_service_now_ms();
	read->packed.format = read->format;
	read->packed.size_max = nc_bus_max_payload(read->service->bus);
	if (read->filtered.plugin.size > 0 && !filter_begin(read))
		return false;
	int err = nc_query_start(reader, &read->query_spec, &read->query);
	if (err != NC_OK)
		fail_state(read, err);
	return err == NC_OK;
}

static void query_finish(struct read *read)
{
	char room[NC_DIRECT_SIZE];
	size_t header_size = 0;
	if (read->op == NC_OP_FILTER_TEST) {
		nc_buf_clear(&read->out);
		nc_filtered_put(&read->filtered, read->query, &read->out);
	} else {
		packed_flush(read);
		struct nc_query_end end = nc_query_end(read->query);
		header_size = nc_reply_end(&read->out, &end, extra(read, room));
	}
	post(read, nc_buf_slice(&read->out), header_size);
}

static void query_fail(struct read *read, int err)
{
	char text[NC_REFUSAL_SIZE];
	if (read->filtered.filter == NULL || (err != NC_IO && err != NC_NOMEM)) {
		fail_state(read, err);
		return;
	}
	nc_filtered_trouble(&read->filtered, err, text, sizeof text);
	nc_say_warning("a read failed: %s", text);
	fail(read, NC_FAULT_UNAVAILABLE, text);
}

/* A filter that matches little must not let its read go on for as long as there is history: what
 * has been found by then is given, and where to go on. */
static bool is_long(const struct read *read)
{
	uint64_t patience_ms = read->service->options.config->timeout_ms / 2;
	return read->filtered.filter != NULL && nc_service_now_ms() - read->begun_ms >= patience_ms;
}

static bool query_step(struct read *read, struct nc_state_reader *reader)
{
	struct nc_service *service = read->service;
	if (nc_bus_wait_room(service->bus, BUFFERED_MAX, SEND_PATIENCE_MS) != NC_OK) {
		atomic_fetch_add(&service->counters.reads_given_up, 1);
		return true;
	}
	bool done = false;
	if (read->query == NULL && !query_begin(read, reader))
		return true;
	int err = nc_query_step(read->query, reader,
	                        (struct nc_query_portion){ STEP_EVENTS, STEP_SIZE }, on_event, read,
	                        &done);
	if (err != NC_OK) {
		query_fail(read, err);
		return true;
	}
	if (!done && is_long(read)) {
		nc_query_cut(read->query);
		done = true;
	}
	if (done)
		query_finish(read);
	return done;
}

static void on_got(void *ctx, const struct nc_event *event)
{
	struct read *read = ctx;
	char room[NC_DIRECT_SIZE];
	send_event(read, event, extra(read, room));
}

static bool get_step(struct read *read, struct nc_state_reader *reader)
{
	int err = nc_query_get(reader, &read->get_spec, on_got, read);
	if (err == NC_NOTFOUND) {
		fail(read, NC_FAULT_NO_EVENT, nc_fault_text(NC_FAULT_NO_EVENT));
	} else if (err != NC_OK) {
		fail_state(read, err);
	}
	return true;
}

static bool info_step(struct read *read, struct nc_state_reader *reader)
{
	struct nc_engine_head head;
	int err = nc_query_head(reader, &head);
	if (err != NC_OK) {
		fail_state(read, err);
		return true;
	}
	nc_buf_clear(&read->out);
	nc_service_put_info(read->service, &head, &read->out);
	post(read, nc_buf_slice(&read->out), 0);
	return true;
}

static bool op_step(struct read *read, struct nc_state_reader *reader)
{
	switch (read->op) {
	case NC_OP_READ:
	case NC_OP_FILTER_TEST:
		return query_step(read, reader);
	case NC_OP_GET:
		return get_step(read, reader);
	default:
		return info_step(read, reader);
	}
}

/* A part of the answer is lost, so it has no end; but whoever can still be told asks again sooner.
 */
static void give_up(struct read *read)
{
	atomic_fetch_add(&read->service->counters.reads_given_up, 1);
	if (read->too_big) {
		nc_say_warning("a read failed: an event is larger than the server's max_payload");
		fail(read, NC_FAULT_TOO_LARGE, "an event is larger than the server's max_payload");
	} else {
		fail(read, NC_FAULT_UNAVAILABLE, "a part of the answer is lost; ask again");
	}
}

static bool read_step(struct nc_read_job *job, struct nc_state_reader *reader)
{
	struct read *read = (struct read *)job;
	if (read->connection == 0)
		read->connection = nc_bus_connection(read->service->bus);
	bool done = op_step(read, reader);
	posted(read);
	if (read->torn && !read->failed)
		give_up(read);
	return done || read->torn;
}

static void read_free(struct nc_read_job *job)
{
	struct read *read = (struct read *)job;
	atomic_fetch_add(&read->stats->time_ns, (nc_service_now_ms() - read->taken_ms) * 1000000);
	atomic_fetch_sub(&read->service->reads, 1);
	nc_query_free(read->query);
	nc_filtered_release(&read->filtered);
	nc_packed_release(&read->packed);
	nc_buf_release(&read->keys);
	nc_buf_release(&read->out);
	nc_outbox_release(&read->outbox);
	free(read);
}

/* ---- Waiting, on the loop ------------------------------------------------------------------- */

/* What it waited for has come; or it has run out of time meanwhile. */
static void read_go(struct read *read)
{
	struct nc_service *service = read->service;
	bool late = read->ticket->answered;
	nc_ticket_free(&service->tickets, read->ticket);
	read->ticket = NULL;
	if (late) {
		read_free(&read->job);
		return;
	}
	struct nc_reader_pool *pool = read->filtered.plugin.size == 0
	                                      ? service->readers
	                                      : nc_subs_pool(service->subs, read->filtered.plugin);
	if (nc_reader_pool_put(pool, &read->job) != NC_OK) {
		atomic_fetch_add(&service->counters.shed, 1);
		fail(read, NC_FAULT_BUSY, nc_fault_text(NC_FAULT_BUSY));
		read_free(&read->job);
	}
}

static void on_may_read(struct nc_replica_wait *wait, int err)
{
	struct read *read = (struct read *)(void *)((char *)wait - offsetof(struct read, wait));
	if (err == NC_OK) {
		read_go(read);
		return;
	}
	fail(read, NC_FAULT_UNAVAILABLE, nc_fault_text(NC_FAULT_UNAVAILABLE));
	nc_ticket_free(&read->service->tickets, read->ticket);
	read->ticket = NULL;
	read_free(&read->job);
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

static struct nc_slice keep(struct nc_buf *keys, struct nc_slice slice)
{
	size_t at = keys->size;
	nc_buf_put_slice(keys, slice); /* room was made for all of them: they do not move */
	return nc_slice(keys->data + at, slice.size);
}

static struct read *read_new(struct nc_service *service, const struct nc_request *request,
                             struct nc_slice reply, int endpoint)
{
	struct read *read = calloc(1, sizeof *read + reply.size + 1);
	if (read == NULL)
		return NULL;
	size_t size = request->query.key.size + request->get.stream.size + request->get.id.size +
	              request->plugin.size + request->selector.size;
	read->ticket = nc_ticket_new(&service->tickets, reply, nc_service_now_ms());
	if (read->ticket == NULL || nc_buf_extend(&read->keys, size + 1) == NULL) {
		if (read->ticket != NULL)
			nc_ticket_free(&service->tickets, read->ticket);
		free(read);
		return NULL;
	}
	nc_buf_clear(&read->keys);
	read->job = (struct nc_read_job){ .step = read_step, .free = read_free };
	read->service = service;
	read->outbox.may_send = may_answer;
	read->outbox.ctx = read;
	read->stats = &service->srv.endpoints[endpoint].stats;
	read->ticket->endpoint = endpoint;
	read->taken_ms = read->ticket->taken_ms;
	read->op = request->op;
	read->endpoint = endpoint;
	read->min_position = request->min_position;
	read->query_spec = request->query;
	read->get_spec = request->get;
	read->format = request->format;
	read->query_spec.key = keep(&read->keys, request->query.key);
	read->get_spec.stream = keep(&read->keys, request->get.stream);
	read->get_spec.id = keep(&read->keys, request->get.id);
	read->filtered.host = nc_subs_plugins(service->subs);
	read->filtered.plugin = keep(&read->keys, request->plugin);
	read->filtered.selector = keep(&read->keys, request->selector);
	memcpy(read->reply, reply.data, reply.size);
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
