/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bus_private.h -- what the files of the bus share. */
#ifndef NC_TRANSPORT_NATS_BUS_PRIVATE_H
#define NC_TRANSPORT_NATS_BUS_PRIVATE_H

#include <nats/nats.h>
#include <pthread.h>

#include "transport/nats/bus.h"
#include "transport/nats/bus_io.h"
#include "transport/nats/bus_servers.h"

#define NC_BUS_NOTES 16u /* news of the connection kept for the loop, the latest */

/* Messages in their order, each with its subscription's tag. */
struct nc_arrivals {
	struct {
		natsMsg *msg;
		void *tag;
	} * items;
	size_t count, room;
};

void nc_arrivals_release(struct nc_arrivals *arrivals);

enum nc_bus_note_kind { NC_BUS_NOTE_DISCONNECTED, NC_BUS_NOTE_ERROR };

struct nc_bus_note {
	enum nc_bus_note_kind kind;
	char detail[256];
};

struct nc_bus_sub {
	struct nc_bus_sub *prev, *next;
	struct nc_bus *bus;
	natsSubscription *handle; /* of the present connection; NULL: not made yet */
	void *tag;
	struct nc_bus_sub *next_known;
	struct nc_bus_sub *next_complete; /* under the bus's lock */
	bool ended;                       /* unsubscribed */
	bool shared;                      /* a subject of it may be another's as well */
	size_t subject_size;
	size_t literal_size; /* of the subject, before its first wildcard; all of it without one */
	char subject[256];
	char queue[32];
};

struct nc_bus {
	struct nc_bus_options options;
	natsOptions *nats_options;
	/* NULL: there is none. The loop's to change, under `use`; who uses it from another thread
	 * holds `use` for reading. */
	natsConnection *nc;
	uint64_t nc_number; /* under `use`: how many there have been */
	pthread_rwlock_t use;
	bool connected_before;
	struct nc_bus_servers servers;
	struct nc_bus_server at; /* of the present connection, or of the one being tried */
	uv_work_t connect;
	bool connecting; /* `connect` is under way, which has these: */
	natsConnection *connect_nc;
	natsStatus connect_status;
	struct nc_bus_io io;
	uv_async_t wake;
	uv_prepare_t turn_end;
	uv_timer_t retry;
	const char *retry_said;
	natsStatus round_status; /* of the servers tried since all were; NATS_OK: none was */
	char round_address[NC_BUS_SERVER_URL_SIZE]; /* whose that is */
	struct nc_bus_sub *subs;
	size_t sub_count;
	struct nc_bus_sub *known; /* by subject; that whose message came last is first */
	size_t known_count;
	struct nc_arrivals read;  /* the loop's: taken where it read them */
	struct nc_arrivals spare; /* likewise: the memory of what was given */
	bool closing;
	unsigned closed_handles;

	pthread_mutex_t lock; /* of what follows */
	struct nc_arrivals in;
	struct nc_bus_sub *complete; /* for which nats.c calls no more */
	size_t sources; /* the connection and subscriptions of which nats.c may still call */
	bool lost;      /* the connection has ended: another is made when `sources` is 0 */
	struct nc_bus_note notes[NC_BUS_NOTES];
	size_t note_count, note_told;
};

/* Take what nats.c reads, on the thread that reads it, which is the loop's; the same is a callback
 * of each subscription, on nats.c's delivery thread, for what comes that way. */
void nc_bus_take_all(struct nc_bus *bus);
void nc_bus_know(struct nc_bus *bus, struct nc_bus_sub *sub); /* before messages of it come */
void nc_bus_on_nats_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *from);

/* Before subscriptions that have ended are freed. */
void nc_bus_forget_ended(struct nc_bus *bus);

/* On the loop: give on what has arrived. */
void nc_bus_arrivals_give(struct nc_bus *bus);

/* bus.c. A callback source has begun: a connection, a subscription of it; or ended. Any thread. */
void nc_bus_source_begin(struct nc_bus *bus);
void nc_bus_source_end(struct nc_bus *bus);
void nc_bus_close_now(struct nc_bus *bus); /* nothing is connecting */

/* bus_subs.c. Free those that have ended and are complete; or, with the connection, all that have
 * ended. */
natsStatus nc_bus_sub_make(struct nc_bus *bus, struct nc_bus_sub *sub);
void nc_bus_subs_sweep(struct nc_bus *bus);
void nc_bus_subs_release(struct nc_bus *bus);

/* bus_connect.c */
void nc_bus_on_retry(uv_timer_t *timer);
void nc_bus_retry_later(struct nc_bus *bus);
/* If the connection has ended and nothing of nats.c can call for it any more: let it go. */
void nc_bus_lost_replace(struct nc_bus *bus);

#endif
