/* SPDX-License-Identifier: GPL-3.0-or-later */
/* service_parts_private.h -- what each part of the service keeps: the members of struct nc_service
 * that belong to one file. All are the loop's, but for the counters, which any thread adds to.
 */
#ifndef NC_CORE_NODE_SERVICE_SERVICE_PARTS_PRIVATE_H
#define NC_CORE_NODE_SERVICE_SERVICE_PARTS_PRIVATE_H

#include <stdatomic.h>

#include "core/node/replica/stall.h"
#include "core/node/service/awaited.h"
#include "core/node/service/fit.h"
#include "transport/nats/interest.h"
#include "transport/nats/outbox.h"

#define NC_ROOT_SIZE 160 /* bytes: <prefix>.<store> */

struct nc_drain_wait;
struct nc_service_verify;

/* Counts everything that is dropped or refused; the status shows them. */
struct nc_service_counters {
	atomic_uint_fast64_t refused;       /* answered with an error of the client's making */
	atomic_uint_fast64_t refused_reply; /* reply subject reserved: not executed, not answered */
	atomic_uint_fast64_t shed;          /* 429 */
	atomic_uint_fast64_t disk_full;     /* 507 */
	atomic_uint_fast64_t timed_out;     /* 503 */
	atomic_uint_fast64_t unsent;        /* answers and feed messages that NATS did not take */
	atomic_uint_fast64_t unheard;       /* events that nobody listened to on the feed */
	atomic_uint_fast64_t reads_given_up; /* nobody took the answer in time */
	atomic_uint_fast64_t nats_errors;
	atomic_uint_fast64_t nats_disconnects;
};

/* Whether this node alone serves the store: service_sole.c. */
struct nc_sole {
	bool sure;         /* it does, as far as could be found out */
	uint64_t run;      /* a random number, of this process */
	uint64_t sure_ms;  /* since when */
	uint64_t asked_ms; /* when it last asked */
	uint64_t said_ms;  /* when it last warned */
	unsigned asks;     /* how often it has asked */
};

/* The live feed: service_feed.c. */
struct nc_feed {
	bool on;
	struct nc_interest *interest; /* NULL: everything is published */
	char subjects[NC_ROOT_SIZE + sizeof ".event.>"];
	struct nc_buf subject, message; /* of the event that is being told */
	struct nc_outbox outbox; /* sent after the answers, since it is these that clients await */
	struct nc_awaited awaited; /* events that perhaps nobody hears */
	uint64_t awaited_last;     /* position of the last that was put there */
	uint64_t overdue;          /* up to this position they have waited since the last tick */
};

/* A drain, by which the node ends in order: service_drain.c. One step follows the other. */
struct nc_drain {
	bool begun;
	bool closed;                 /* no requests are taken up any more */
	bool done;                   /* all that were taken up are answered */
	bool parted;                 /* nor of those that any node answers: `leaving` */
	bool told;                   /* on_drained was called, since the process ends: `leaving` */
	bool leaving;                /* the process is to end after it */
	uint64_t handing_until_ms;   /* how long the leadership may take to be handed over */
	struct nc_drain_wait *waits; /* requests for a drain that are not answered yet */
};

/* Whether times of events are ahead of the clock: service_clock.c. */
struct nc_service_clock {
	uint64_t last_ns; /* of the store's last event, as far as has been told */
	uint64_t told_ms; /* when people were told; 0: they were not, or it is over */
};

/* Whether there is room: service_disk.c. */
struct nc_service_disk {
	uint64_t free; /* bytes, at the last look */
	bool untold;   /* an advisory of a full disk, or of room again, is still due */
};

/* Replicas compared: service_digest.c. */
struct nc_service_digest {
	uint64_t position;   /* of the last digest that was put into the log */
	uint64_t differs_at; /* position at which the leader's digest differed; 0: none */
};

/* Checks of what the node keeps: service_verify.c. */
struct nc_service_check {
	struct nc_service_verify *verify; /* the last one; NULL: there was none yet */
	uint64_t begun_ms; /* when the last one began that nobody asked for, or the node did */
};

/* Whether the state follows the log: service_stall.c. */
struct nc_service_stall {
	struct nc_stall look;
	bool stalled;
	uint64_t said_term; /* that it hands over has been said in this one */
};

/* For how long it has known of no leader: service_leaderless.c. */
struct nc_service_leaderless {
	uint64_t since_ms; /* 0: it knows of one */
	uint64_t said_ms;  /* when that was logged last; 0: it was not */
};

/* Whether it is in the queue group of R.direct: service_fit.c. */
struct nc_service_direct {
	struct nc_fit fit;
	bool answers;
};

#endif
