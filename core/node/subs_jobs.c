/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the readers do for subscriptions: deliver events by position, and search history. One job a
 * subscription at a time; it holds what it needs of it, and comes back through a list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/node/say.h"
#include "core/node/subs_private.h"
#include "transport/nats/event_message.h"

#define SCAN_EVENTS  2048u /* looked at in one job */
#define SCAN_STEP    256u
#define BUFFERED_MAX (4u << 20)
#define PATIENCE_MS  5000

enum job_kind { DELIVER, SCAN, EVENT };

struct found {
	uint64_t position;
	uint32_t size;
	struct {
		size_t offset, size;
	} key; /* in job->keys */
};

struct nc_sub_job {
	struct nc_read_job job; /* first */
	struct nc_sub_job *next;
	struct nc_subs *subs;
	struct nc_subscription *sub; /* not touched by the reader but for what does not change */
	enum job_kind kind;
	/* DELIVER */
	struct nc_delivery *todo;
	size_t todo_count;
	/* SCAN, EVENT */
	uint64_t from, through;
	uint32_t room;
	bool ended; /* all there was has been looked at */
	bool gone;  /* EVENT: no such event, or it does not match */
	bool fault;
	int err;
	size_t looked, looked_max;
	bool full;
	struct nc_filter_batch *batch;
	struct found *found;
	size_t found_count;
	struct nc_buf keys, out;
};

void nc_subs_deliveries_release(struct nc_delivery *deliveries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(deliveries[i].subject);
		free(deliveries[i].status);
		free(deliveries[i].reply);
	}
	free(deliveries);
}

/* ---- Delivering, on a reader's thread ------------------------------------------------------- */

struct delivering {
	struct nc_sub_job *job;
	const struct nc_delivery *delivery;
};

static void on_deliver(void *ctx, const struct nc_event *event)
{
	struct delivering *at = ctx;
	struct nc_sub_job *job = at->job;
	const struct nc_subscription *sub = job->sub;
	struct nc_service *service = job->subs->service;
	char extra[256], reply[NC_ROOT_SIZE + 160];
	struct nc_event shown = *event;
	if (event->id.data == (const uint8_t *)event->made_id)
		shown.id.data = (const uint8_t *)shown.made_id;
	int size = snprintf(extra, sizeof extra, "Es-Subscription: %s\r\nEs-Delivery: %u\r\n",
	                    sub->name, at->delivery->attempt);
	if (at->delivery->pending_known)
		size += snprintf(extra + size, sizeof extra - (size_t)size, "Es-Pending: %llu\r\n",
		                 (unsigned long long)at->delivery->pending);
	if (sub->definition.headers_only) {
		size += snprintf(extra + size, sizeof extra - (size_t)size,
		                 "Nats-Msg-Size: %zu\r\n", event->data.size);
		shown.data = NC_SLICE("{}");
	}
	(void)snprintf(reply, sizeof reply, "%s.ack.%s.%llu.%llu.%u", service->root, sub->name,
	               (unsigned long long)sub->epoch, (unsigned long long)event->position,
	               at->delivery->attempt);
	size_t header_size;
	nc_buf_clear(&job->out);
	nc_event_message_put(&job->out, service->root, &shown, nc_slice(extra, (size_t)size),
	                     &header_size);
	if (nc_buf_status(&job->out) != NC_OK ||
	    nc_bus_publish_block(service->bus, at->delivery->subject, reply,
	                         nc_buf_slice(&job->out), header_size) != NC_OK)
		atomic_fetch_add(&service->counters.unsent, 1);
}

static void deliver_status(struct nc_sub_job *job, const struct nc_delivery *status)
{
	struct nc_service *service = job->subs->service;
	struct nc_slice block = nc_slice_str(status->status);
	if (nc_bus_publish_block(service->bus, status->subject, status->reply, block, block.size) !=
	    NC_OK)
		atomic_fetch_add(&service->counters.unsent, 1);
}

static void deliver(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	(void)nc_bus_wait_room(job->subs->service->bus, BUFFERED_MAX, PATIENCE_MS);
	for (size_t i = 0; i < job->todo_count; i++) {
		struct delivering at = { job, &job->todo[i] };
		if (at.delivery->position == 0) {
			deliver_status(job, at.delivery);
			continue;
		}
		const struct nc_get_spec spec = { .kind = NC_GET_POSITION,
			                          .number = job->todo[i].position };
		int err = nc_query_get(reader, &spec, on_deliver, &at);
		if (err != NC_OK && err != NC_NOTFOUND)
			job->err = err;
	}
}

/* ---- Searching, on a reader's thread -------------------------------------------------------- */

static void keep(struct nc_sub_job *job, const struct nc_event *event)
{
	struct nc_slice key = nc_subs_key(job->sub, event);
	struct found *found = &job->found[job->found_count++];
	found->position = event->position;
	found->size = (uint32_t)event->data.size;
	found->key.offset = job->keys.size;
	found->key.size = key.size;
	nc_buf_put_slice(&job->keys, key);
}

static void on_scanned(void *ctx, const struct nc_event *event)
{
	struct nc_sub_job *job = ctx;
	if (job->full || job->fault)
		return;
	if (job->found_count == job->room) {
		job->full = true; /* from this event on later */
		return;
	}
	uint64_t matched = 0;
	nc_filter_batch_clear(job->batch);
	int err = nc_filter_batch_add(job->batch, event);
	if (err == NC_OK)
		err = nc_filter_match(job->sub->filter, job->batch, &matched);
	if (err != NC_OK) {
		job->fault = true;
		job->err = err;
		return;
	}
	if (matched & 1)
		keep(job, event);
	job->through = event->position;
	job->looked++;
}

/* By an index, where the hints allow: one exact stream, or one exact type. */
static struct nc_query_spec scan_spec(const struct nc_sub_job *job)
{
	struct nc_query_spec spec = { .kind = NC_QUERY_ALL,
		                      .from_kind = NC_FROM_POSITION,
		                      .from = job->from,
		                      .limit = NC_QUERY_LIMIT_MAX,
		                      .size_max = NC_QUERY_BYTES_MAX };
	const struct nc_filter_hints *hints = &job->sub->hints;
	if (hints->count == 1 && hints->hints[0].stream_kind == NC_FILTER_EXACT) {
		spec.kind = NC_QUERY_STREAM;
		spec.key = hints->hints[0].stream;
	} else if (hints->count == 1 && hints->hints[0].type_kind == NC_FILTER_EXACT) {
		spec.kind = NC_QUERY_TYPE;
		spec.key = hints->hints[0].type;
	}
	return spec;
}

static int scan_steps(struct nc_sub_job *job, struct nc_query *query,
                      struct nc_state_reader *reader, uint64_t head)
{
	bool done = false;
	int err = NC_OK;
	while (err == NC_OK && !done && !job->full && !job->fault && job->looked < SCAN_EVENTS)
		err = nc_query_step(query, reader, SCAN_STEP, SCAN_STEP << 12, on_scanned, job,
		                    &done);
	if (err == NC_OK && done && !job->full && !job->fault && nc_query_end(query).next == 0) {
		job->ended = true;
		if (head > job->through)
			job->through = head;
	}
	return err;
}

static void scan(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	struct nc_engine_head head;
	struct nc_query *query = NULL;
	job->through = job->from - 1;
	int err = nc_query_head(reader,
	                        &head); /* before the search: what comes meanwhile is not missed */
	struct nc_query_spec spec = scan_spec(job);
	if (err == NC_OK)
		err = nc_query_start(reader, &spec, &query);
	if (err == NC_OK)
		err = scan_steps(job, query, reader, head.position);
	nc_query_free(query);
	if (err != NC_OK)
		job->err = err;
}

static void event_find(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	const struct nc_get_spec spec = { .kind = NC_GET_POSITION, .number = job->from };
	int err = nc_query_get(reader, &spec, on_scanned, job);
	job->gone = err == NC_NOTFOUND || (err == NC_OK && job->found_count == 0 && !job->fault);
	if (err != NC_OK && err != NC_NOTFOUND)
		job->err = err;
}

static bool job_step(struct nc_read_job *read_job, struct nc_state_reader *reader)
{
	struct nc_sub_job *job = (struct nc_sub_job *)read_job;
	if (job->kind == DELIVER)
		deliver(job, reader);
	else if (job->kind == SCAN)
		scan(job, reader);
	else
		event_find(job, reader);
	return true;
}

/* Back to the loop; also when the pool is stopped. */
static void job_return(struct nc_read_job *read_job)
{
	struct nc_sub_job *job = (struct nc_sub_job *)read_job;
	struct nc_subs *subs = job->subs;
	pthread_mutex_lock(&subs->lock);
	job->next = subs->done;
	subs->done = job;
	pthread_mutex_unlock(&subs->lock);
	(void)uv_async_send(&subs->wake);
}

/* ---- On the loop ---------------------------------------------------------------------------- */

static void job_free(struct nc_sub_job *job)
{
	nc_subs_deliveries_release(job->todo, job->todo_count);
	free(job->found);
	nc_filter_batch_free(job->batch);
	nc_buf_release(&job->keys);
	nc_buf_release(&job->out);
	free(job);
}

static struct nc_sub_job *job_new(struct nc_subs *subs, struct nc_subscription *sub,
                                  enum job_kind kind, uint64_t from, uint32_t room)
{
	struct nc_sub_job *job = calloc(1, sizeof *job);
	if (job == NULL)
		return NULL;
	job->job = (struct nc_read_job){ .step = job_step, .free = job_return };
	job->subs = subs;
	job->sub = sub;
	job->kind = kind;
	job->from = from;
	job->room = room < SCAN_EVENTS ? room : SCAN_EVENTS;
	if (kind == DELIVER)
		return job;
	job->found = calloc(job->room == 0 ? 1 : job->room, sizeof *job->found);
	if (job->found == NULL || nc_filter_batch_new(&job->batch) != NC_OK) {
		job_free(job);
		return NULL;
	}
	return job;
}

/* The readers have too much to do: as if it had not been started; the next tick tries again. */
static void job_put_back(struct nc_subs *subs, struct nc_sub_job *job)
{
	struct nc_subscription *sub = job->sub;
	atomic_fetch_sub(&subs->service->reads, 1);
	sub->busy = false;
	sub->todo = job->todo;
	sub->todo_count = sub->todo_room = job->todo_count;
	job->todo = NULL;
	job->todo_count = 0;
	job_free(job);
	nc_subs_mark(sub);
}

void nc_subs_job_start(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_sub_job *job = NULL;
	if (sub->busy)
		return;
	if (sub->todo_count > 0) {
		job = job_new(subs, sub, DELIVER, 0, 0);
		if (job == NULL)
			return;
		job->todo = sub->todo;
		job->todo_count = sub->todo_count;
		sub->todo = NULL;
		sub->todo_count = sub->todo_room = 0;
	} else if (sub->fault[0] == '\0') {
		struct nc_sub_want want;
		nc_sub_want(sub->machine, &want);
		if (want.kind == NC_SUB_WANT_SCAN)
			job = job_new(subs, sub, SCAN, want.position, want.room);
		else if (want.kind == NC_SUB_WANT_EVENT)
			job = job_new(subs, sub, EVENT, want.position, 1);
	}
	if (job == NULL)
		return;
	sub->busy = true;
	atomic_fetch_add(&subs->service->reads, 1);
	if (nc_reader_pool_put(subs->service->readers, &job->job) != NC_OK)
		job_put_back(subs, job);
}

static void offers(const struct nc_sub_job *job)
{
	struct nc_subscription *sub = job->sub;
	uint64_t through = job->through;
	for (size_t i = 0; i < job->found_count; i++) {
		const struct found *found = &job->found[i];
		const struct nc_sub_event event = { .position = found->position,
			                            .key = { job->keys.data + found->key.offset,
			                                     found->key.size },
			                            .size = found->size };
		if (nc_sub_offer(sub->machine, &event) == NC_OK)
			continue;
		through = found->position - 1; /* again later, from here */
		break;
	}
	bool at_head = job->ended && through == job->through &&
	               through >= atomic_load(&job->subs->service->position);
	if (job->kind == SCAN && through + 1 > job->from)
		nc_sub_scanned(sub->machine, through, at_head);
	else if (job->kind == SCAN && job->ended && at_head)
		nc_sub_scanned(sub->machine, through, true);
}

static void job_finish(struct nc_subs *subs, struct nc_sub_job *job)
{
	struct nc_subscription *sub = job->sub;
	sub->busy = false;
	if (sub->gone) {
		nc_subscription_free(sub);
		return;
	}
	if (job->fault) {
		(void)snprintf(sub->fault, sizeof sub->fault, "its filter gave no answer: %s",
		               nc_err_name(job->err));
		nc_subs_advise(subs, sub, "halted", job->through + 1, sub->fault);
		return;
	}
	if (job->err != NC_OK)
		nc_say_error("subscription %s: reading failed: %s", sub->name,
		             nc_err_name(job->err));
	if (job->kind == EVENT && job->gone)
		(void)nc_sub_gone(sub->machine, job->from);
	else if (job->kind != DELIVER)
		offers(job);
	nc_subs_mark(sub);
}

void nc_subs_jobs_take(struct nc_subs *subs)
{
	pthread_mutex_lock(&subs->lock);
	struct nc_sub_job *job = subs->done;
	subs->done = NULL;
	pthread_mutex_unlock(&subs->lock);
	while (job != NULL) {
		struct nc_sub_job *next = job->next;
		atomic_fetch_sub(&subs->service->reads, 1);
		job_finish(subs, job);
		job_free(job);
		job = next;
	}
}
