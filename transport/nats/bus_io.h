/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bus_io.h -- the socket of a connection of nats.c's, on a libuv loop.
 *
 * nats.c says what it wants (watch this socket, read, write, no more), from whichever of its
 * threads; the loop's thread does it. What is published in a turn of the loop is written once, at
 * the turn's end and without asking the loop whether the socket takes it; only what the socket did
 * not take waits for the loop to say so.
 *
 * Threads:   all from the loop's but those that nats.c calls, which come under its connection's
 *            lock.
 * Ownership: the io lives in its bus, which outlives the connection.
 */
#ifndef NC_TRANSPORT_NATS_BUS_IO_H
#define NC_TRANSPORT_NATS_BUS_IO_H

#include <nats/nats.h>
#include <pthread.h>
#include <uv.h>

/* What was sent and not acknowledged for so long, and a peer that has not answered the kernel for
 * so long, ends the connection: about as long as nats.c waits for the answers to its PINGs. */
#define NC_BUS_DEAD_MS 15000u

struct nc_bus_io_options {
	uv_loop_t *loop;
	uv_async_t *wake;           /* its callback calls nc_bus_io_settle() */
	void (*on_read)(void *ctx); /* nats.c has taken what there was */
	/* The loop cannot watch the socket (no memory, a kernel's limit): settle again later. */
	void (*on_failed)(void *ctx);
	/* A connection holds on to the io, or does not any more: then it calls it no more. From
	 * whichever of nats.c's threads. */
	void (*on_hold)(void *ctx, bool holds);
	void *ctx;
};

struct nc_bus_io {
	struct nc_bus_io_options options;
	pthread_t thread; /* the loop's */

	pthread_mutex_t lock; /* of what nats.c wants */
	bool held;            /* by a connection */
	struct nc_bus_io_wish {
		natsConnection *nc; /* NULL: nothing is to be watched */
		natsSock socket;
		unsigned long number; /* of the socket: one may have another's descriptor */
		bool read, write;
	} wish;

	/* The loop's. */
	uv_poll_t *poll;      /* NULL: none */
	int watched;          /* its descriptor, of the same socket as nats.c has */
	unsigned long polled; /* the number of its socket */
	int events;           /* that it watches for */
	bool blocked;         /* the socket took less than there was */
};

/* On the loop's thread. */
void nc_bus_io_init(struct nc_bus_io *io, const struct nc_bus_io_options *options);

/* Let connections made with these options, one at a time, do their I/O through it. */
natsStatus nc_bus_io_set(struct nc_bus_io *io, natsOptions *nats_options);

/* Watch what nats.c wants watched by now. */
void nc_bus_io_settle(struct nc_bus_io *io);

/* The turn ends: write what waits. */
void nc_bus_io_write(struct nc_bus_io *io);

/* Whether this is the loop's thread. */
bool nc_bus_io_on_loop(const struct nc_bus_io *io);

/* Watch nothing any more: the connection has been closed, or never made. */
void nc_bus_io_stop(struct nc_bus_io *io);
/* Stopped before. */
void nc_bus_io_release(struct nc_bus_io *io);

#endif
