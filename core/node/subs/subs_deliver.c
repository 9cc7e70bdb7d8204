/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishing what a subscription is due: events and status lines between them. On a reader's
 * thread, events read by position; or on the loop's, events that are in memory still. */
#include <stdio.h>

#include "core/base/digits.h"
#include "core/node/spread/spread.h"
#include "core/node/subs/subs_job.h"
#include "transport/nats/event_message.h"

/* with so many bytes waiting to be sent, the loop puts no more */
#define BUFFERED_MAX    (4u << 20)
#define UNCONFIRMED_MAX (256u << 10) /* bytes by readers that the server may not have read yet */
#define PATIENCE_MS     1000

/* ---- One message ---------------------------------------------------------------------------- */

/* The part of a message that every delivery of an event shares. */
struct shown {
	uint64_t position;
	struct nc_slice head; /* header lines, without the block's end */
	struct nc_slice data;
	size_t size; /* of the event's data */
};

void nc_sub_teller_publish(struct nc_sub_teller *teller, const struct nc_delivery *delivery,
                           struct nc_outbox_message *message)
{
	message->subject = delivery->pull != NULL      ? nc_slice_str(delivery->pull->reply)
	                   : delivery->subject != NULL ? nc_slice_str(delivery->subject)
	                                               : teller->push_subject;
	(void)nc_outbox_put_pieces(teller->outbox, teller->subs->service->bus, message);
	for (size_t i = 0; i < message->piece_count; i++)
		teller->bytes += message->pieces[i].size;
}

struct nc_slice nc_sub_teller_reply(struct nc_sub_teller *teller, uint64_t position,
                                    uint32_t attempt)
{
	teller->reply.size = teller->reply_same;
	nc_ack_address_end(&teller->reply, position, attempt);
	return nc_buf_slice(&teller->reply);
}

void nc_sub_teller_begin(struct nc_sub_teller *teller, struct nc_subs *subs,
                         struct nc_subscription *sub, struct nc_outbox *outbox)
{
	struct nc_slice name = nc_slice_str(sub->name);
	teller->subs = subs;
	teller->sub = sub;
	teller->outbox = outbox;
	teller->push_subject = nc_slice_str(sub->push_subject);
	nc_buf_clear(&teller->named);
	nc_buf_put_str(&teller->named, "Es-Subscription: ");
	nc_buf_put_slice(&teller->named, name);
	nc_buf_put_str(&teller->named, "\r\nEs-Delivery: ");
	nc_buf_clear(&teller->reply);
	nc_buf_put_str(&teller->reply, subs->service->root);
	nc_buf_put_str(&teller->reply, ".ack.");
	nc_ack_address_begin(&teller->reply, name, sub->epoch);
	teller->reply_same = teller->reply.size;
	(void)nc_buf_extend(&teller->reply,
	                    /* if there is room, the appends below cannot fail */
	                    2 * NC_DIGITS_MAX + 1);
}

/* The end of the header block, after the subscription's name: it differs from one delivery to the
 * next. */
#define LINES_SIZE_MAX (sizeof "\r\nEs-Pending: \r\nNats-Msg-Size: \r\n\r\n" + 3 * NC_DIGITS_MAX)

static char *write_text(char *at, const char *text)
{
	size_t size = strlen(text); /* known to the compiler */
	memcpy(at, text, size);
	return at + size;
}

static struct nc_slice lines_write(const struct nc_delivery *delivery, const size_t *data_size,
                                   char lines[LINES_SIZE_MAX])
{
	char *at = lines + nc_digits_decimal(lines, delivery->attempt);
	at = write_text(at, "\r\nEs-Pending: ");
	at += nc_digits_decimal(at, delivery->pending);
	if (data_size != NULL) {
		at = write_text(at, "\r\nNats-Msg-Size: ");
		at += nc_digits_decimal(at, *data_size);
	}
	at = write_text(at, "\r\n\r\n");
	return nc_slice(lines, (size_t)(at - lines));
}

/* A server may take less than the one that the event came by. */
static bool is_too_large(struct nc_sub_teller *teller, const struct nc_slice *pieces, size_t count)
{
	size_t size = 0;
	for (size_t i = 0; i < count; i++)
		size += pieces[i].size;
	return size > NC_OUTBOX_LITTLE && nc_bus_too_large(teller->subs->service->bus, size);
}

static void tell(struct nc_sub_teller *teller, struct nc_delivery *delivery,
                 const struct shown *shown)
{
	bool bare = teller->sub->definition.headers_only;
	char room[LINES_SIZE_MAX];
	struct nc_slice named = nc_buf_slice(&teller->named);
	struct nc_slice lines = lines_write(delivery, bare ? &shown->size : NULL, room);
	const struct nc_slice pieces[] = { shown->head, named, lines,
		                           bare ? NC_SLICE("{}") : shown->data };
	delivery->unsendable = is_too_large(teller, pieces, sizeof pieces / sizeof *pieces);
	delivery->gone = delivery->unsendable;
	if (delivery->gone) {
		nc_sub_too_large_note(teller, delivery);
		return;
	}
	nc_sub_pack_end(teller);
	struct nc_outbox_message message = {
		.reply = nc_sub_teller_reply(teller, shown->position, delivery->attempt),
		.pieces = pieces,
		.piece_count = sizeof pieces / sizeof *pieces,
		.header_size = shown->head.size + named.size + lines.size
	};
	if (nc_buf_status(&teller->named) == NC_OK && nc_buf_status(&teller->reply) == NC_OK) {
		nc_sub_teller_publish(teller, delivery, &message);
	} else {
		atomic_fetch_add(&teller->subs->service->counters.unsent, 1);
	}
}

static void tell_event(struct nc_sub_teller *teller, struct nc_delivery *delivery,
                       const struct nc_event *event)
{
	if (nc_sub_pack(teller, delivery, event))
		return;
	nc_buf_clear(&teller->head);
	nc_event_head_put(&teller->head, teller->subs->service->root, event);
	const struct shown shown = { .position = event->position,
		                     .head = nc_buf_slice(&teller->head),
		                     .data = event->data,
		                     .size = event->data.size };
	if (nc_buf_status(&teller->head) == NC_OK) {
		tell(teller, delivery, &shown);
	} else {
		atomic_fetch_add(&teller->subs->service->counters.unsent, 1);
	}
}

static void tell_status(struct nc_sub_teller *teller, const struct nc_delivery *delivery)
{
	const struct nc_slice block = nc_slice_str(delivery->status);
	nc_sub_pack_end(teller);
	struct nc_outbox_message message = { .reply = nc_slice_str(delivery->reply),
		                             .pieces = &block,
		                             .piece_count = 1,
		                             .header_size = block.size };
	nc_sub_teller_publish(teller, delivery, &message);
}

void nc_sub_teller_release(struct nc_sub_teller *teller)
{
	nc_packed_release(&teller->packed);
	nc_buf_release(&teller->noted);
	nc_buf_release(&teller->head);
	nc_buf_release(&teller->named);
	nc_buf_release(&teller->lines);
	nc_buf_release(&teller->reply);
}

/* ---- By a reader ---------------------------------------------------------------------------- */

/* Publish the statuses that come before the event at this position, and pass by events that are
 * gone. */
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

/* Whether a job of a subscription under a lease must stop: the lease is over, or there is no
 * connection, so that what waits would leave late. */
static bool is_lapsed(struct nc_sub_job *job)
{
	const struct nc_service *service = job->subs->service;
	if (job->sub->lease.owned && !job->lapsed) {
		job->lapsed =
		        !nc_spread_lease_holds(service->spread) || !nc_bus_connected(service->bus);
	}
	return job->lapsed;
}

/* An event that was read: they come in the order of the list, without those that are gone. */
static void on_event(void *ctx, const struct nc_event *event)
{
	struct nc_sub_job *job = ctx;
	if (is_lapsed(job))
		return;
	tell_statuses(job, event->position);
	if (job->told < job->todo_count)
		tell_event(&job->teller, &job->todo[job->told++], event);
}

/* What was put under a lease is dropped if the lease has ended since: another owner may have
 * begun. */
bool nc_subs_lease_holds(void *ctx)
{
	const struct nc_subs *subs = ctx;
	return nc_spread_lease_holds(subs->service->spread);
}

/* False: something was lost or dropped, now or when it was put. */
static bool outbox_send(struct nc_subs *subs, struct nc_outbox *outbox)
{
	(void)nc_outbox_send(outbox, subs->service->bus);
	if (outbox->lost == 0)
		return true;
	atomic_fetch_add(&subs->service->counters.unsent, outbox->lost);
	outbox->lost = 0;
	return false;
}

/* What lies in the buffers of sockets, which take megabytes, leaves before the answers of appends.
 * So history goes out no faster than the server reads it. */
static void pace(struct nc_sub_job *job)
{
	struct nc_subs *subs = job->subs;
	size_t bytes = job->teller.bytes;
	job->teller.bytes = 0;
	if (atomic_fetch_add(&subs->unconfirmed, bytes) + bytes < UNCONFIRMED_MAX)
		return;
	atomic_store(&subs->unconfirmed, 0);
	(void)outbox_send(job->subs, &job->outbox);
	/* without a connection nobody answers, and all of it is lost */
	if (nc_bus_connected(subs->service->bus))
		(void)nc_bus_flush(subs->service->bus, PATIENCE_MS);
}

void nc_sub_job_deliver(struct nc_sub_job *job, struct nc_state_reader *reader)
{
	uint64_t positions[256];
	size_t next = 0;
	nc_sub_teller_begin(&job->teller, job->subs, job->sub, &job->outbox);
	if (job->sub->lease.owned) {
		job->outbox.may_send = nc_subs_lease_holds;
		job->outbox.ctx = job->subs;
	}
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
	nc_sub_pack_end(&job->teller);
	(void)outbox_send(job->subs, &job->outbox);
}

/* ---- By the loop ---------------------------------------------------------------------------- */

/* Where the event of a delivery is kept in memory. */
enum kept { KEPT_NOT, KEPT_RECENT, KEPT_AHEAD };

static bool find_ahead(const struct nc_subscription *sub, const struct nc_delivery *delivery,
                       struct nc_ahead_message *message_out)
{
	return nc_sub_form(sub, delivery) == NC_FORM_HEADERS &&
	       nc_ahead_find(&sub->out.ahead, delivery->position, message_out);
}

static enum kept where_kept(const struct nc_subs *subs, const struct nc_subscription *sub,
                            const struct nc_delivery *delivery)
{
	struct nc_ahead_message message;
	return find_ahead(sub, delivery, &message)                ? KEPT_AHEAD
	       : nc_recent_has(&subs->recent, delivery->position) ? KEPT_RECENT
	                                                          : KEPT_NOT;
}

/* Whether everything that is due is in memory and may leave: history goes no faster than the server
 * reads. */
static bool may_go(const struct nc_subs *subs, const struct nc_subscription *sub)
{
	bool history = false;
	for (size_t i = 0; i < sub->out.count; i++) {
		const struct nc_delivery *at = &sub->out.todo[i];
		enum kept kept = at->position == 0 ? KEPT_RECENT : where_kept(subs, sub, at);
		if (kept == KEPT_NOT)
			return false;
		history |= kept == KEPT_AHEAD;
	}
	return nc_bus_buffered(subs->service->bus) < BUFFERED_MAX &&
	       (!history || nc_pace_has_room(&subs->pace));
}

static void tell_kept(struct nc_subs *subs, const struct nc_subscription *sub,
                      struct nc_delivery *delivery)
{
	struct nc_sub_teller *teller = &subs->teller;
	struct nc_ahead_message message;
	struct nc_event event;
	if (find_ahead(sub, delivery, &message)) {
		tell(teller, delivery,
		     &(struct shown){ delivery->position, message.head, message.data,
		                      message.data_size });
	} else if (nc_recent_get(&subs->recent, delivery->position, &event)) {
		tell_event(teller, delivery, &event);
	} else { /* cannot be; as if the message were lost */
		atomic_fetch_add(&subs->service->counters.unsent, 1);
	}
}

/* Send this node a message after what was put: when it comes back, the server has read all of
 * that. */
static void ask_how_far(struct nc_subs *subs)
{
	struct nc_service *service = subs->service;
	size_t bytes = subs->teller.bytes;
	subs->teller.bytes = 0;
	if (!nc_pace_put(&subs->pace, bytes))
		return;
	uint8_t put[8];
	nc_set_u64(put, subs->pace.put);
	if (nc_outbox_put(subs->teller.outbox, service->bus, nc_slice_str(service->pace_subject),
	                  nc_slice(NULL, 0), nc_slice(put, sizeof put), 0) != NC_OK)
		nc_pace_reset(&subs->pace); /* it will not come back */
}

bool nc_subs_deliver_now(struct nc_subs *subs, struct nc_subscription *sub)
{
	struct nc_service *service = subs->service;
	struct nc_sub_teller *teller = &subs->teller;
	if (!may_go(subs, sub))
		return false;
	nc_sub_teller_begin(teller, subs, sub, sub->lease.owned ? &subs->leased : &service->outbox);
	for (size_t i = 0; i < sub->out.count; i++) {
		if (sub->out.todo[i].position == 0) {
			tell_status(teller, &sub->out.todo[i]);
		} else {
			tell_kept(subs, sub, &sub->out.todo[i]);
		}
	}
	nc_sub_pack_end(teller);
	/* with ack none there may never be an answer, before which this would be done */
	if (sub->definition.ack != NC_ACK_EXPLICIT)
		nc_subs_packed_tell(subs, sub);
	ask_how_far(subs);
	sub->out.posted_turn = service->turns + 1;
	return true;
}

void nc_subs_pace_heard(struct nc_subs *subs, struct nc_slice body)
{
	if (body.size == 8)
		nc_pace_heard(&subs->pace, nc_get_u64(body.data));
}

void nc_subs_connected(struct nc_subs *subs)
{
	nc_pace_reset(&subs->pace);
}

void nc_subs_posted_send(struct nc_subs *subs, const struct nc_subscription *sub)
{
	struct nc_service *service = subs->service;
	if (sub->out.posted_turn != service->turns + 1)
		return;
	if (sub->lease.owned) {
		nc_subs_turn_end(subs);
	} else {
		(void)nc_outbox_send(&service->outbox, service->bus);
	}
}

void nc_subs_turn_end(struct nc_subs *subs)
{
	if (!outbox_send(subs, &subs->leased))
		nc_pace_reset(&subs->pace); /* the message to this node may be lost too */
}
