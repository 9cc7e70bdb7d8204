/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bus_private.h -- what the files of the bus share. */
#ifndef NC_TRANSPORT_NATS_BUS_PRIVATE_H
#define NC_TRANSPORT_NATS_BUS_PRIVATE_H

#include <nats/nats.h>
#include <pthread.h>

#include "transport/nats/bus.h"
#include "transport/nats/bus_io.h"
#include "transport/nats/bus_options.h"
#include "transport/nats/bus_servers.h"

#define NC_BUS_NOTES 16u /* how many of the connection's latest notes are kept for the loop */

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
	natsSubscription *handle; /* of the present connection; NULL while it has none */
	void *tag;
	struct nc_bus_sub *next_known;
	struct nc_bus_sub *next_complete; /* under the bus's lock */
	bool ended;                       /* unsubscribed */
	bool parting;                     /* unsubscribed, and ended when the server knows */
	/* it may match a subject that another subscription matches too */
	bool shared;
	size_t subject_size;
	size_t literal_size; /* length of the subject before its first wildcard, or all of it */
	char subject[256];
	char queue[32];
};

struct nc_bus {
	struct nc_bus_options options;
	natsOptions *nats_options;
	bool tls;
	/* The connection, or NULL. Only the loop's thread changes it, holding `use` for writing.
	 * Any other thread that uses it holds `use` for reading. */
	natsConnection *nc;
	uint64_t nc_number; /* how many connections there have been; under `use` */
	pthread_rwlock_t use;
	bool connected_before;
	struct nc_bus_servers servers;
	struct nc_bus_server at; /* the server we are connected to, or the one being tried */
	uv_work_t connect;
	bool connecting; /* `connect` is under way and has the use of the next three: */
	natsConnection *connect_nc;
	natsStatus connect_status;
	char connect_reason[NC_BUS_REASON_SIZE]; /* why, where it failed */
	struct nc_bus_io io;
	uv_async_t wake;
	uv_prepare_t turn_end;
	uv_timer_t retry;
	char retry_said[NC_BUS_REASON_SIZE]; /* empty: nothing yet */
	/* the failure to tell of in this round over the servers; NATS_OK: none yet */
	natsStatus round_status;
	char round_reason[NC_BUS_REASON_SIZE];
	char round_address[NC_BUS_SERVER_URL_SIZE]; /* the server it came from */
	struct nc_bus_sub *subs;
	size_t sub_count;
	/* those found by subject; the one that had the last message comes first */
	struct nc_bus_sub *known;
	size_t known_count;
	struct nc_arrivals read;  /* the loop's thread only: taken where it read them */
	struct nc_arrivals spare; /* the loop's thread only: emptied memory to use again */
	bool closing;
	unsigned closed_handles;

	pthread_mutex_t lock; /* guards what follows */
	struct nc_arrivals in;
	struct nc_bus_sub *complete; /* nats.c makes no more callbacks for these */
	size_t sources; /* how many of the connection and its subscriptions may still call back */
	bool lost;      /* the connection has ended: another is made when `sources` is 0 */
	struct nc_bus_note notes[NC_BUS_NOTES];
	size_t note_count, note_told;
};

/* Take what nats.c reads, on the thread that reads it, which is the loop's; the same is a callback
 * of each subscription, on nats.c's delivery thread, for what comes that way. */
void nc_bus_take_all(struct nc_bus *bus);
/* call it before its first message can come */
void nc_bus_know(struct nc_bus *bus, struct nc_bus_sub *sub);
void nc_bus_on_nats_message(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *from);

/* Call it before subscriptions that have ended are freed. */
void nc_bus_forget_ended(struct nc_bus *bus);

/* On the loop's thread: pass what has arrived to on_message. */
void nc_bus_arrivals_give(struct nc_bus *bus);

/* bus.c. Count a source of callbacks (a connection, or a subscription of it) that begins or ends.
 * Any thread. */
void nc_bus_source_begin(struct nc_bus *bus);
void nc_bus_source_end(struct nc_bus *bus);
void nc_bus_close_now(struct nc_bus *bus); /* only while no attempt to connect is under way */

/* bus_subs.c. nc_bus_subs_sweep() frees those in `complete` that have ended. nc_bus_subs_release(),
 * called when the connection goes, frees all that have ended and takes the others from the
 * connection. */
natsStatus nc_bus_sub_make(struct nc_bus *bus, struct nc_bus_sub *sub);
void nc_bus_subs_sweep(struct nc_bus *bus);
void nc_bus_subs_release(struct nc_bus *bus);

/* bus_connect.c */
void nc_bus_on_retry(uv_timer_t *timer);
void nc_bus_retry_later(struct nc_bus *bus);
/* Release the connection, if it has ended and nats.c can make no more callbacks for it. */
void nc_bus_lost_replace(struct nc_bus *bus);

#endif
