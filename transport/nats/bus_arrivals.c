/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes in, in its order, to whoever subscribed.
 *
 * Threads cost more than the work: from the thread that reads, nats.c hands each message to a
 * delivery thread, whose callback hands it back to the loop, which was the thread that reads. So
 * the loop takes messages where nats.c reads them. The call for that, nats.c's filter of messages,
 * is in the library but not in its header; where it is not, or the library is another than what it
 * was tried with, messages come by the delivery thread (decision 0095). One for all: the order of
 * arrival is kept across subscriptions (decision 0007). Likewise natsMsg_Destroy() hands each
 * message to a thread which frees it, and natsMsg_free() is what that thread calls (0096). */
#include <stdlib.h>
#include <string.h>

#include "transport/nats/bus_private.h"
#include "transport/nats/subject.h"

#define TRIED_VERSION "3.4.1" /* of nats.c */
#define KNOWN_MAX     128     /* subscriptions that are looked for by subject, one by one */

/* NOLINTBEGIN(readability-identifier-naming): nats.c's */
__attribute__((weak)) extern void
natsConn_setFilterWithClosure(natsConnection *nc,
                              void (*filter)(natsConnection *, natsMsg **, void *), void *closure);

__attribute__((weak)) extern void natsMsg_free(void *msg);
/* NOLINTEND(readability-identifier-naming) */

static bool is_tried(void)
{
	return strcmp(nats_GetVersion(), TRIED_VERSION) == 0;
}

static void msg_free(natsMsg *msg)
{
	if (natsMsg_free != NULL && is_tried()) {
		natsMsg_free(msg);
	} else {
		natsMsg_Destroy(msg);
	}
}

static bool arrivals_put(struct nc_arrivals *arrivals, natsMsg *msg, void *tag)
{
	if (arrivals->count == arrivals->room) {
		size_t room = arrivals->room == 0 ? 256 : arrivals->room * 2;
		void *items = realloc(arrivals->items, room * sizeof arrivals->items[0]);
		if (items == NULL)
			return false;
		arrivals->items = items;
		arrivals->room = room;
	}
	arrivals->items[arrivals->count].msg = msg;
	arrivals->items[arrivals->count++].tag = tag;
	return true;
}

void nc_arrivals_release(struct nc_arrivals *arrivals)
{
	for (size_t i = 0; i < arrivals->count; i++)
		msg_free(arrivals->items[i].msg);
	free(arrivals->items);
	*arrivals = (struct nc_arrivals){ 0 };
}

/* Put a message. True: it is the first that waits. */
static bool put(struct nc_bus *bus, natsMsg *msg, void *tag)
{
	pthread_mutex_lock(&bus->lock);
	bool first = bus->in.count == 0;
	bool kept = arrivals_put(&bus->in, msg, tag);
	pthread_mutex_unlock(&bus->lock);
	if (!kept)
		/* out of memory: a request is lost, and its client runs into a timeout */
		msg_free(msg);
	return kept && first;
}

/* ---- From nats.c ---------------------------------------------------------------------------- */

void nc_bus_on_nats_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *closure)
{
	struct nc_bus_sub *from = closure;
	(void)nc;
	(void)sub;
	if (put(from->bus, msg, from->tag))
		(void)uv_async_send(&from->bus->wake);
}

/* ---- Whose a subject is --------------------------------------------------------------------- */

void nc_bus_forget_ended(struct nc_bus *bus)
{
	for (struct nc_bus_sub **at = &bus->known; *at != NULL;) {
		if (!(*at)->ended) {
			at = &(*at)->next_known;
			continue;
		}
		*at = (*at)->next_known;
		bus->known_count--;
	}
}

static bool overlap(const struct nc_bus_sub *a, const struct nc_bus_sub *b)
{
	struct nc_slice one = nc_slice_str(a->subject), other = nc_slice_str(b->subject);
	return nc_subject_overlap(one, other);
}

/* Note a subscription whose messages are taken where they are read. Messages of others come by
 * nats.c's thread; such a subscription only matters if it shares subjects with known ones. */
void nc_bus_know(struct nc_bus *bus, struct nc_bus_sub *sub)
{
	nc_bus_forget_ended(bus);
	if (bus->known_count == KNOWN_MAX) {
		for (struct nc_bus_sub *one = bus->known; one != NULL; one = one->next_known)
			one->shared = one->shared || overlap(sub, one);
		return;
	}
	for (struct nc_bus_sub *one = bus->subs; one != NULL; one = one->next) {
		if (!one->ended && !one->parting && overlap(sub, one))
			sub->shared = one->shared = true;
	}
	sub->next_known = bus->known;
	bus->known = sub;
	bus->known_count++;
}

/* Whether the subscription wants this subject. Mostly its wildcard is a `>` at the end, or it has
 * none. */
static bool wants(const struct nc_bus_sub *sub, struct nc_slice subject)
{
	size_t literal = sub->literal_size;
	if (subject.size < literal || memcmp(subject.data, sub->subject, literal) != 0)
		return false;
	struct nc_slice rest = nc_slice_from(subject, literal);
	struct nc_slice pattern = nc_slice(sub->subject + literal, sub->subject_size - literal);
	return pattern.size == 0 ? rest.size == 0 : nc_subject_within(rest, pattern);
}

/* The subscription that wants the subject, moved to the front, since the next message is probably
 * of the same. NULL: none that is known, or more than one. */
static struct nc_bus_sub *sub_find(struct nc_bus *bus, struct nc_slice subject)
{
	for (struct nc_bus_sub **at = &bus->known; *at != NULL; at = &(*at)->next_known) {
		struct nc_bus_sub *sub = *at;
		if (sub->ended || !wants(sub, subject))
			continue;
		*at = sub->next_known;
		sub->next_known = bus->known;
		bus->known = sub;
		return sub->shared ? NULL : sub;
	}
	return NULL;
}

/* Put what has been read before what nats.c's thread will put. */
static void read_join(struct nc_bus *bus)
{
	if (bus->read.count == 0)
		return;
	pthread_mutex_lock(&bus->lock);
	for (size_t i = 0; i < bus->read.count; i++) {
		if (!arrivals_put(&bus->in, bus->read.items[i].msg, bus->read.items[i].tag))
			msg_free(bus->read.items[i].msg); /* out of memory, as in put() */
	}
	pthread_mutex_unlock(&bus->lock);
	bus->read.count = 0;
}

/* nats.c has checked that some subscription wants the message, but does not say which. Messages
 * that are left to nats.c come by its thread, which knows. */
static void on_nats_filter(natsConnection *nc, natsMsg **msg, void *closure)
{
	struct nc_bus *bus = closure;
	(void)nc;
	if (!nc_bus_io_on_loop(&bus->io))
		return;
	struct nc_bus_sub *sub = sub_find(bus, nc_slice_str(natsMsg_GetSubject(*msg)));
	if (sub == NULL) {
		read_join(bus);
		return;
	}
	if (!arrivals_put(&bus->read, *msg, sub->tag)) /* given on when the read has ended */
		msg_free(*msg);                        /* out of memory, as in put() */
	*msg = NULL;
}

void nc_bus_take_all(struct nc_bus *bus)
{
	if (natsConn_setFilterWithClosure != NULL && is_tried() && !bus->options.by_thread)
		natsConn_setFilterWithClosure(bus->nc, on_nats_filter, bus);
}

/* ---- On the loop ---------------------------------------------------------------------------- */

/* The whole subject, even if it has a NUL in it, which servers let pass and which ends a text in C.
 * Permissions are about the whole subject, so the reader has to see all of it. nats.c keeps a
 * message as its subject and its reply subject, each followed by a NUL, then its header block and
 * its data. */
static struct nc_slice subject_of(const natsMsg *msg)
{
	struct nc_slice subject = nc_slice_str(natsMsg_GetSubject(msg));
	const char *reply = natsMsg_GetReply(msg), *data = natsMsg_GetData(msg);
	struct nc_headers headers;
	if (reply != NULL) {
		subject.size = (size_t)((const uint8_t *)reply - subject.data) - 1;
	} else if (nc_headers_begin(nc_header_block(subject, data), &headers) != NC_OK) {
		/* What is there is not a header block, so it is the rest of the subject. */
		subject.size = (size_t)((const uint8_t *)data - subject.data) - 1;
	}
	return subject;
}

static void give(struct nc_bus *bus, const struct nc_arrivals *taken)
{
	for (size_t i = 0; i < taken->count; i++) {
		natsMsg *msg = taken->items[i].msg;
		struct nc_bus_msg out = {
			.subject = subject_of(msg),
			.reply = nc_slice_str(natsMsg_GetReply(msg)),
			.data = nc_slice(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)),
			.tag = taken->items[i].tag,
		};
		if (!bus->closing)
			bus->options.on_message(bus->options.ctx, &out);
		msg_free(msg);
	}
}

void nc_bus_arrivals_give(struct nc_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	struct nc_arrivals taken = bus->in;
	bus->in = bus->spare; /* an empty one, with its memory */
	pthread_mutex_unlock(&bus->lock);
	bool any = taken.count > 0 || bus->read.count > 0;
	give(bus, &taken);
	taken.count = 0;
	bus->spare = taken;
	give(bus, &bus->read); /* nothing is read while it is given */
	bus->read.count = 0;
	if (any && !bus->closing)
		bus->options.on_drained(bus->options.ctx);
}
