/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishing what a subscription is due: events and status lines between them. On a reader's
 * thread, events read by position; or on the loop's, events that are in memory still. */
#include <stdio.h>

#include "core/node/spread.h"
#include "core/node/subs_job.h"
#include "transport/nats/event_message.h"

#define BUFFERED_MAX    (4u << 20)   /* bytes that wait to be sent; beyond, the loop puts no more */
#define UNCONFIRMED_MAX (256u << 10) /* bytes by readers that the server may not have read yet */
#define PATIENCE_MS     1000

/* ---- One message ---------------------------------------------------------------------------- */

static void publish(struct nc_sub_teller *teller, const struct nc_delivery *delivery,
                    struct nc_slice reply, struct nc_slice message, size_t header_size)
{
	const char *subject = delivery->pull != NULL      ? delivery->pull->reply
	                      : delivery->subject != NULL ? delivery->subject
	                                                  : teller->sub->push_subject;
	(void)nc_outbox_put(teller->outbox, teller->subs->service->bus, nc_slice_str(subject),
	                    reply, message, header_size);
	teller->bytes += message.size;
}

static void put_header(struct nc_buf *out, const char *name, uint64_t value)
{
	nc_buf_put_str(out, name);
	nc_buf_put_decimal(out, value);
	nc_buf_put_str(out, "\r\n");
}

static struct nc_slice reply_make(struct nc_sub_teller *teller, const struct nc_event *event,
                                  uint32_t attempt)
{
	struct nc_buf *reply = &teller->reply;
	nc_buf_clear(reply);
	nc_buf_put_str(reply, teller->subs->service->root);
	nc_buf_put_str(reply, ".ack.");
	nc_buf_put_str(reply, teller->sub->name);
	nc_buf_put_u8(reply, '.');
	nc_buf_put_decimal(reply, teller->sub->epoch);
	nc_buf_put_u8(reply, '.');
	nc_buf_put_decimal(reply, event->position);
	nc_buf_put_u8(reply, '.');
	nc_buf_put_decimal(reply, attempt);
	return nc_buf_slice(reply);
}

static void tell_event(struct nc_sub_teller *teller, const struct nc_delivery *delivery,
                       const struct nc_event *event)
{
	const struct nc_subscription *sub = teller->sub;
	struct nc_buf *extra = &teller->extra;
	struct nc_event shown = *event;
	if (event->id.data == (const uint8_t *)event->made_id)
		shown.id.data = (const uint8_t *)shown.made_id;
	nc_buf_clear(extra);
	nc_buf_put_str(extra, "Es-Subscription: ");
	nc_buf_put_str(extra, sub->name);
	put_header(extra, "\r\nEs-Delivery: ", delivery->attempt);
	put_header(extra, "Es-Pending: ", delivery->pending);
	if (sub->definition.headers_only) {
		put_header(extra, "Nats-Msg-Size: ", event->data.size);
		shown.data = NC_SLICE("{}");
	}
	struct nc_slice reply = reply_make(teller, event, delivery->attempt);
	size_t header_size;
	nc_buf_clear(&teller->out);
	nc_event_message_put(&teller->out, teller->subs->service->root, &shown, nc_buf_slice(extra),
	                     &header_size);
	if (nc_buf_status(&teller->out) == NC_OK && nc_buf_status(extra) == NC_OK &&
	    nc_buf_status(&teller->reply) == NC_OK) {
		publish(teller, delivery, reply, nc_buf_slice(&teller->out), header_size);
	} else {
		atomic_fetch_add(&teller->subs->service->counters.unsent, 1);
	}
}

static void tell_status(struct nc_sub_teller *teller, const struct nc_delivery *delivery)
{
	struct nc_slice block = nc_slice_str(delivery->status);
	publish(teller, delivery, nc_slice_str(delivery->reply), block, block.size);
}

void nc_sub_teller_release(struct nc_sub_teller *teller)
{
	nc_buf_release(&teller->out);
	nc_buf_release(&teller->extra);
	nc_buf_release(&teller->reply);
}

/* ---- By a reader ---------------------------------------------------------------------------- */

/* The statuses, and the events that are gone, before the next one that was found. */
static void tell_statuses(struct nc_sub_job *job, uint64_t position)
{
	for (; job->told < job->todo_count; job->told++) {
		struct nc_delivery *at = &job->todo[job->told];
		if (at->position == position && position != 0)
			return;
		at->gone = at->position != 0 && job->err == NC_OK;
		if (at->position == 0)
			tell_status(&job->teller, at);
	}
}

/* Of one that runs here by a lease: it is over, or there is nobody to publish to, and what waited
 * would come late. */
static bool is_lapsed(struct nc_sub_job *job)
{
	const struct nc_service *service = job->subs->service;
	if (job->sub->owned && !job->lapsed) {
		job->lapsed =
		        !nc_spread_lease_holds(service->spread) || !nc_bus_connected(service->bus);
	}
	return job->lapsed;
}

/* Events come in the order of the list, but for those that are gone. */
static void on_event(void *ctx, const struct nc_event *event)
{
	struct nc_sub_job *job = ctx;
	if (is_lapsed(job))
		return;
	tell_statuses(job, event->position);
	if (job->told < job->todo_count)
		tell_event(&job->teller, &job->todo[job->told++], event);
}

uint64_t nc_subs_leased_send(struct nc_subs *subs, struct nc_outbox *outbox)
{
	/* Whatever held the thread up since it was put: who owns it by now may have begun. */
	if (nc_spread_lease_holds(subs->service->spread)) {
		(void)nc_outbox_send(outbox, subs->service->bus);
	} else {
		nc_outbox_drop(outbox);
	}
	uint64_t lost = outbox->lost;
	outbox->lost = 0;
	return lost;
}

static void outbox_send(struct nc_sub_job *job)
{
	struct nc_subs *subs = job->subs;
	uint64_t lost;
	if (job->outbox.count == 0 && job->outbox.lost == 0)
		return;
	if (job->sub->owned) {
		lost = nc_subs_leased_send(subs, &job->outbox);
	} else {
		(void)nc_outbox_send(&job->outbox, subs->service->bus);
		lost = job->outbox.lost;
		job->outbox.lost = 0;
	}
	atomic_fetch_add(&subs->service->counters.unsent, lost);
}

/* What lies in the buffers of sockets, and those are megabytes, lies before the answers of appends:
 * so history goes out no faster than the server reads it. */
static void pace(struct nc_sub_job *job)
{
	struct nc_subs *subs = job->subs;
	size_t bytes = job->teller.bytes;
	job->teller.bytes = 0;
	if (atomic_fetch_add(&subs->unconfirmed, bytes) + bytes < UNCONFIRMED_MAX)
		return;
	atomic_store(&subs->unconfirmed, 0);
	outbox_send(job);
	if (nc_bus_connected(subs->service->bus)) /* else nobody answers, and all of it is lost */
		(void)nc_bus_flush(subs->service->bus, PATIENCE_MS);
}

void nc_sub_job_deliver(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	uint64_t positions[256];
	size_t next = 0;
	job->teller.subs = job->subs;
	job->teller.sub = job->sub;
	job->teller.outbox = &job->outbox;
	while (next < job->todo_count && job->err == NC_OK && !is_lapsed(job)) {
		size_t count = 0;
		for (; next < job->todo_count && count < sizeof positions / sizeof positions[0];
		     next++) {
			if (job->todo[next].position != 0)
				positions[count++] = job->todo[next].position;
		}
		job->err = nc_query_events(reader, positions, count, on_event, job);
		pace(job);
	}
	if (!is_lapsed(job))
		tell_statuses(job, 0);
	outbox_send(job);
}

/* ---- By the loop ---------------------------------------------------------------------------- */

static bool all_recent(const struct nc_subs *subs, const struct nc_subscription *sub)
{
	for (size_t i = 0; i < sub->todo_count; i++) {
		uint64_t position = sub->todo[i].position;
		if (position != 0 && !nc_recent_has(&subs->recent, position))
			return false;
	}
	return true;
}

bool nc_subs_deliver_now(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_service *service = subs->service;
	struct nc_sub_teller *teller = &subs->teller;
	if (sub->owned && !nc_bus_connected(service->bus))
		return false; /* as by a reader: it would come late */
	if (!all_recent(subs, sub) || nc_bus_buffered(service->bus) >= BUFFERED_MAX)
		return false;
	teller->subs = subs;
	teller->sub = sub;
	teller->outbox = sub->owned ? &subs->leased : &service->outbox;
	for (size_t i = 0; i < sub->todo_count; i++) {
		const struct nc_delivery *delivery = &sub->todo[i];
		struct nc_event event;
		if (delivery->position == 0) {
			tell_status(teller, delivery);
		} else if (nc_recent_get(&subs->recent, delivery->position, &event)) {
			tell_event(teller, delivery, &event);
		} else { /* cannot be; as if lost on the way */
			atomic_fetch_add(&service->counters.unsent, 1);
		}
	}
	sub->posted_turn = service->turns + 1;
	return true;
}

void nc_subs_posted_send(struct nc_subs *subs, const struct nc_subscription *sub)
{
	struct nc_service *service = subs->service;
	if (sub->posted_turn != service->turns + 1)
		return;
	if (sub->owned) {
		nc_subs_turn_end(subs);
	} else {
		(void)nc_outbox_send(&service->outbox, service->bus);
	}
}

void nc_subs_turn_end(struct nc_subs *subs)
{
	if (subs->leased.count > 0 || subs->leased.lost > 0) {
		atomic_fetch_add(&subs->service->counters.unsent,
		                 nc_subs_leased_send(subs, &subs->leased));
	}
}
