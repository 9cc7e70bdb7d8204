/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Subscriptions: made with each connection, and freed when they have ended and nats.c calls for
 * them no more.
 *
 * nats.c's reading thread may be about to use a subscription that another one destroys (decision
 * 0032). Here it reads on the loop's thread, and there they are destroyed: so no read is under way.
 * What is left is its delivery thread, which says by the callback at the end that it has given the
 * last message (decision 0101). */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"
#include "transport/nats/bus_private.h"
#include "transport/nats/subject.h"

/* ---- Of nats.c ------------------------------------------------------------------------------ */

static void on_nats_complete(void *closure)
{
	struct nc_bus_sub *sub = closure;
	struct nc_bus *bus = sub->bus;
	pthread_mutex_lock(&bus->lock);
	sub->next_complete = bus->complete;
	bus->complete = sub;
	pthread_mutex_unlock(&bus->lock);
	nc_bus_source_end(bus); /* `sub` may be freed by now */
}

natsStatus nc_bus_sub_make(struct nc_bus *bus, struct nc_bus_sub *sub)
{
	natsStatus status =
	        sub->queue[0] == '\0'
	                ? natsConnection_Subscribe(&sub->handle, bus->nc, sub->subject,
	                                           nc_bus_on_nats_message, sub)
	                : natsConnection_QueueSubscribe(&sub->handle, bus->nc, sub->subject,
	                                                sub->queue, nc_bus_on_nats_message, sub);
	if (status != NATS_OK)
		return status;
	nc_bus_source_begin(bus);
	status = natsSubscription_SetOnCompleteCB(sub->handle, on_nats_complete, sub);
	if (status != NATS_OK) {
		nc_bus_source_end(bus);
	} else { /* what waits is limited by the node, which answers 429 */
		status = natsSubscription_SetPendingLimits(sub->handle, -1, -1);
	}
	return status;
}

/* ---- The end of them ------------------------------------------------------------------------ */

/* Free a subscription, which is not among the known ones any more. */
static void sub_free(struct nc_bus *bus, struct nc_bus_sub *sub)
{
	if (sub->prev == NULL) {
		bus->subs = sub->next;
	} else {
		sub->prev->next = sub->next;
	}
	if (sub->next != NULL)
		sub->next->prev = sub->prev;
	bus->sub_count--;
	natsSubscription_Destroy(sub->handle);
	free(sub);
}

static struct nc_bus_sub *complete_take(struct nc_bus *bus)
{
	pthread_mutex_lock(&bus->lock);
	struct nc_bus_sub *complete = bus->complete;
	bus->complete = NULL;
	pthread_mutex_unlock(&bus->lock);
	return complete;
}

void nc_bus_subs_sweep(struct nc_bus *bus)
{
	struct nc_bus_sub *sub = complete_take(bus), *next;
	for (struct nc_bus_sub *at = sub; at != NULL; at = at->next_complete)
		at->ended = at->ended || at->parting;
	if (sub != NULL)
		nc_bus_forget_ended(bus);
	for (; sub != NULL; sub = next) {
		next = sub->next_complete;
		if (sub->ended) /* if it was not unsubscribed, the connection has ended */
			sub_free(bus, sub);
	}
}

/* Let go of the subscriptions of a connection that has ended: nats.c makes no more calls for
 * them. */
void nc_bus_subs_release(struct nc_bus *bus)
{
	struct nc_bus_sub *next;
	(void)complete_take(bus);
	for (struct nc_bus_sub *at = bus->subs; at != NULL; at = at->next)
		at->ended = at->ended || at->parting;
	nc_bus_forget_ended(bus);
	for (struct nc_bus_sub *sub = bus->subs; sub != NULL; sub = next) {
		next = sub->next;
		if (sub->ended) {
			sub_free(bus, sub);
		} else {
			natsSubscription_Destroy(sub->handle);
			sub->handle = NULL;
		}
	}
}

/* ---- For the node --------------------------------------------------------------------------- */

static int subscribe(struct nc_bus *bus, const char *subject, const char *queue, void *tag,
                     struct nc_bus_sub **sub_out)
{
	struct nc_bus_sub *sub = calloc(1, sizeof *sub);
	if (sub == NULL)
		return NC_NOMEM;
	sub->bus = bus;
	sub->tag = tag;
	int size = snprintf(sub->subject, sizeof sub->subject, "%s", subject);
	nc_assert(size > 0 && (size_t)size < sizeof sub->subject);
	sub->subject_size = (size_t)size;
	sub->literal_size = nc_subject_literal(nc_slice_str(subject));
	(void)snprintf(sub->queue, sizeof sub->queue, "%s", queue == NULL ? "" : queue);
	nc_bus_know(bus, sub);
	sub->next = bus->subs;
	if (sub->next != NULL)
		sub->next->prev = sub;
	bus->subs = sub;
	bus->sub_count++;
	*sub_out = sub;
	if (bus->nc == NULL)
		return NC_OK; /* made when connected */
	/* On one that is lost it is made with the next. */
	return nc_bus_sub_make(bus, sub) == NATS_NO_MEMORY ? NC_NOMEM : NC_OK;
}

int nc_bus_subscribe(struct nc_bus *bus, const char *subject, const char *queue, void *tag)
{
	struct nc_bus_sub *sub;
	return subscribe(bus, subject, queue, tag, &sub);
}

int nc_bus_subscribe_one(struct nc_bus *bus, const char *subject, void *tag,
                         struct nc_bus_sub **sub_out)
{
	return subscribe(bus, subject, NULL, tag, sub_out);
}

void nc_bus_unsubscribe_one(struct nc_bus *bus, struct nc_bus_sub *sub)
{
	if (sub == NULL || sub->ended)
		return;
	sub->ended = true;
	if (sub->handle != NULL) {
		(void)natsSubscription_Unsubscribe(sub->handle);
		return; /* freed when nats.c has let go of it */
	}
	nc_bus_forget_ended(bus);
	sub_free(bus, sub);
}

void nc_bus_unsubscribe(struct nc_bus *bus, const void *tag)
{
	struct nc_bus_sub *next;
	for (struct nc_bus_sub *sub = bus->subs; sub != NULL; sub = next) {
		next = sub->next;
		if (sub->tag == tag)
			nc_bus_unsubscribe_one(bus, sub);
	}
}

void nc_bus_part(struct nc_bus *bus, const void *tag)
{
	struct nc_bus_sub *next;
	for (struct nc_bus_sub *sub = bus->subs; sub != NULL; sub = next) {
		next = sub->next;
		if (sub->tag != tag || sub->ended || sub->parting)
			continue;
		sub->parting =
		        sub->handle != NULL &&
		        natsSubscription_DrainTimeout(sub->handle, NC_BUS_PART_MS) == NATS_OK;
		if (!sub->parting)
			nc_bus_unsubscribe_one(bus, sub);
	}
}

bool nc_bus_parting(const struct nc_bus *bus)
{
	for (const struct nc_bus_sub *sub = bus->subs; sub != NULL; sub = sub->next) {
		if (sub->parting && !sub->ended)
			return true;
	}
	return false;
}

size_t nc_bus_subscriptions(const struct nc_bus *bus)
{
	return bus->sub_count;
}
