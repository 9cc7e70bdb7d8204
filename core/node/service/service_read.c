/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads, on a reader's thread, a step at a time. */
#include <stdlib.h>

#include "core/node/common/say.h"
#include "core/node/service/service_read_private.h"
#include "transport/nats/event_message.h"
#include "transport/nats/reply.h"

#define STEP_EVENTS      256u
#define STEP_SIZE        (256u << 10) /* bytes */
#define BUFFERED_MAX     (4u << 20)   /* bytes that may wait to be sent before a reader waits */
#define SEND_PATIENCE_MS 10000u
/* with more reads than this, none keeps a packed message until it is full */
#define ROOMY_READS      128u

/* ---- Answering ------------------------------------------------------------------------------ */

/* The header lines of every answer of R.direct. */
static struct nc_slice extra(const struct read *read, char room[NC_DIRECT_SIZE])
{
	return nc_service_direct(read->service, read->endpoint, room);
}

/* A client cannot see a gap in an answer. So all of it leaves over one connection, and nothing
 * follows a message that was lost. The client then gets no end, and asks again. */
bool nc_service_read_may_answer(void *ctx)
{
	const struct read *read = ctx;
	return !read->torn && read->outbox.lost == 0 &&
	       nc_bus_connection(read->service->bus) == read->connection;
}

/* Put what was written into the outbox. */
static void post(struct read *read, const struct nc_buf *message, size_t header_size)
{
	if (nc_buf_status(message) != NC_OK) {
		atomic_fetch_add(&read->service->counters.unsent, 1);
		read->torn = true;
		return;
	}
	int err = nc_outbox_put(&read->outbox, read->service->bus, nc_slice_str(read->reply),
	                        nc_slice(NULL, 0), nc_buf_slice(message), header_size);
	read->too_big = read->too_big || err == NC_TOOBIG;
}

void nc_service_read_post(struct read *read, size_t header_size)
{
	post(read, &read->out, header_size);
}

static void posted(struct read *read)
{
	(void)nc_outbox_send(&read->outbox, read->service->bus);
	atomic_fetch_add(&read->service->counters.unsent, read->outbox.lost);
	read->torn = read->torn || read->outbox.lost > 0;
	read->outbox.lost = 0;
}

void nc_service_read_fail(struct read *read, struct nc_fault fault, const char *text)
{
	char room[NC_DIRECT_SIZE];
	posted(read); /* first what was packed before it */
	nc_service_error(read->service, &read->out, read->reply, read->stats,
	                 &(struct nc_service_refusal){
	                         .fault = fault, .text = text, .extra = extra(read, room) });
	read->failed = true;
}

void nc_service_read_broken(struct read *read, int err)
{
	nc_say_error("a read failed: %s", nc_err_name(err));
	nc_service_read_fail(read, NC_FAULT_UNAVAILABLE,
	                     "the state could not be read; see the node's log");
}

static void send_event(struct read *read, const struct nc_event *event, struct nc_slice more)
{
	size_t header_size;
	nc_buf_clear(&read->out);
	nc_event_message_put(&read->out, read->service->root, event, more, &header_size);
	nc_service_read_post(read, header_size);
}

static void packed_flush(struct read *read)
{
	if (nc_packed_take(&read->packed).size > 0)
		post(read, &read->packed.body, 0);
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
	if (err == NC_TOOBIG) { /* it fits into no packed message, and goes as one of its own */
		packed_flush(read);
		send_event(read, event, nc_slice(NULL, 0));
	} else if (err != NC_OK) {
		atomic_fetch_add(&read->service->counters.unsent, 1);
		read->torn = true;
	}
}

/* ---- Queries -------------------------------------------------------------------------------- */

/* False: the filter is not accepted, and the read was refused. */
static bool filter_begin(struct read *read)
{
	struct nc_refusal refusal;
	struct nc_query_spec *spec = &read->query_spec;
	if (!nc_filtered_begin(&read->filtered, &refusal)) {
		nc_service_read_fail(read, refusal.fault, refusal.text);
		return false;
	}
	spec->wanted = nc_filtered_wanted;
	spec->wanted_ctx = &read->filtered;
	if (read->op != NC_OP_FILTER_TEST)
		return true;
	/* Search as a subscription searches history: by an index, if the hints allow it. */
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

/* False: the query could not begin, and the read was refused. */
static bool query_begin(struct read *read, struct nc_state_reader *reader)
{
	read->begun_ms = nc_clock_ms();
	read->packed.format = read->format;
	read->packed.size_max = nc_bus_max_payload(read->service->bus);
	if (read->filtered.plugin.size > 0 && !filter_begin(read))
		return false;
	int err = read->op == NC_OP_LOAD ? nc_service_load_begin(read, reader)
	                                 : nc_query_start(reader, &read->query_spec, &read->query);
	if (err != NC_OK)
		nc_service_read_broken(read, err);
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
	nc_service_read_post(read, header_size);
}

static void query_fail(struct read *read, int err)
{
	char text[NC_REFUSAL_SIZE];
	if (read->filtered.filter == NULL || (err != NC_IO && err != NC_NOMEM)) {
		nc_service_read_broken(read, err);
		return;
	}
	nc_filtered_trouble(&read->filtered, err, text, sizeof text);
	nc_say_warning("a read failed: %s", text);
	nc_service_read_fail(read, NC_FAULT_UNAVAILABLE, text);
}

/* A filter that matches little must not make a read go through all history at once. After a while
 * the read ends with what was found, and says where to go on. */
static bool is_long(const struct read *read)
{
	uint64_t patience_ms = read->service->options.config->timeout_ms / 2;
	return read->filtered.filter != NULL && nc_clock_ms() - read->begun_ms >= patience_ms;
}

static bool query_step(struct read *read, struct nc_state_reader *reader)
{
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
		nc_service_read_fail(read, NC_FAULT_NO_EVENT, nc_fault_text(NC_FAULT_NO_EVENT));
	} else if (err != NC_OK) {
		nc_service_read_broken(read, err);
	}
	return true;
}

static bool info_step(struct read *read, struct nc_state_reader *reader)
{
	struct nc_engine_head head;
	int err = nc_engine_head_now(reader, &head);
	if (err != NC_OK) {
		nc_service_read_broken(read, err);
		return true;
	}
	nc_buf_clear(&read->out);
	nc_service_put_info(read->service, &head, &read->out);
	nc_service_read_post(read, 0);
	return true;
}

/* A step of a read. It may make many messages, each as large as the server takes; while NATS takes
 * nothing, it makes none. */
static bool op_step(struct read *read, struct nc_state_reader *reader)
{
	struct nc_service *service = read->service;
	if (nc_bus_wait_room(service->bus, BUFFERED_MAX, SEND_PATIENCE_MS) != NC_OK) {
		atomic_fetch_add(&service->counters.reads_given_up, 1);
		return true;
	}
	switch (read->op) {
	case NC_OP_READ:
	case NC_OP_LOAD:
	case NC_OP_FILTER_TEST:
		return query_step(read, reader);
	case NC_OP_SNAP_GET:
		nc_service_snap_get_step(read, reader);
		return true;
	case NC_OP_SNAP_LIST:
		nc_service_snap_list_step(read, reader);
		return true;
	case NC_OP_GET:
		return get_step(read, reader);
	case NC_OP_STATS:
		return nc_service_read_stats(read, reader);
	case NC_OP_STREAM_INFO:
		nc_service_read_stream(read, reader);
		return true;
	case NC_OP_STREAM_LIST:
		nc_service_read_streams(read, reader);
		return true;
	default:
		return info_step(read, reader);
	}
}

/* A part of the answer was lost, so it gets no end. A client that can still be told of that asks
 * again sooner. */
static void give_up(struct read *read)
{
	atomic_fetch_add(&read->service->counters.reads_given_up, 1);
	if (read->too_big) {
		nc_say_warning("a read failed: an event is larger than the server's max_payload");
		nc_service_read_fail(read, NC_FAULT_TOO_LARGE,
		                     "an event is larger than the server's max_payload");
	} else {
		nc_service_read_fail(read, NC_FAULT_UNAVAILABLE,
		                     "a part of the answer is lost; ask again");
	}
}

/* The read waits for its next turn. If many reads wait, their buffers, each as large as a message,
 * would take gigabytes: then what is packed leaves as it is. */
static void rest(struct read *read)
{
	if (atomic_load(&read->service->reads) <= ROOMY_READS)
		return;
	packed_flush(read);
	posted(read);
	nc_packed_release(&read->packed);
	nc_buf_release(&read->out);
	nc_buf_release(&read->outbox.bytes);
}

bool nc_service_read_step(struct nc_read_job *job, struct nc_state_reader *reader)
{
	struct read *read = (struct read *)job;
	if (read->connection == 0)
		read->connection = nc_bus_connection(read->service->bus);
	bool done = op_step(read, reader);
	posted(read);
	if (!done)
		rest(read);
	if (read->torn && !read->failed)
		give_up(read);
	return done || read->torn;
}

void nc_service_read_free(struct nc_read_job *job)
{
	struct read *read = (struct read *)job;
	atomic_fetch_add(&read->stats->time_ns, (nc_clock_ms() - read->taken_ms) * 1000000);
	atomic_fetch_sub(&read->service->reads, 1);
	nc_service_let_go(read->service, read->size);
	nc_query_free(read->query);
	nc_stats_free(read->stats_made);
	nc_filtered_release(&read->filtered);
	nc_packed_release(&read->packed);
	nc_buf_release(&read->keys);
	nc_buf_release(&read->out);
	nc_outbox_release(&read->outbox);
	free(read);
}
