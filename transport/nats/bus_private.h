/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bus_private.h -- what the files of the bus share. */
#ifndef NC_TRANSPORT_NATS_BUS_PRIVATE_H
#define NC_TRANSPORT_NATS_BUS_PRIVATE_H

#include <nats/nats.h>
#include <pthread.h>

#include "transport/nats/bus.h"

#define NC_BUS_NOTES 16u /* news of the connection kept for the loop, the latest */

/* Messages in their order, each with its subscription's tag. */
struct nc_arrivals {
	struct {
		natsMsg *msg;
		void *tag;
	} * items;
	size_t count, room;
};

bool nc_arrivals_put(struct nc_arrivals *arrivals, natsMsg *msg, void *tag); /* false: no memory */
void nc_arrivals_release(struct nc_arrivals *arrivals);

enum nc_bus_note_kind { NC_BUS_NOTE_CONNECTED, NC_BUS_NOTE_DISCONNECTED, NC_BUS_NOTE_ERROR };

struct nc_bus_note {
	enum nc_bus_note_kind kind;
	char detail[256];
};

struct nc_bus_sub {
	struct nc_bus_sub *next;
	struct nc_bus *bus;
	natsSubscription *handle; /* NULL: not connected yet */
	void *tag;
	char subject[256];
	char queue[32];
};

struct nc_bus {
	struct nc_bus_options options;
	natsOptions *nats_options;
	natsConnection *nc; /* NULL until the first connect */
	uv_async_t wake;
	uv_timer_t retry;
	const char *retry_said;
	struct nc_bus_sub *subs;
	struct nc_arrivals spare; /* the loop's */
	bool closing;
	unsigned closed_handles;

	pthread_mutex_t lock; /* of what follows */
	struct nc_arrivals in;
	size_t sources; /* the connection and subscriptions of which nats.c may still call */
	struct nc_bus_note notes[NC_BUS_NOTES];
	size_t note_count, note_told;
};

#endif
