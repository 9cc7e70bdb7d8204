/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire.h -- nats-server, played for one client, so that a test says to the byte what is lost, and
 * when. One connection at a time; one program of it: what comes is given to its two functions. */
#ifndef NC_TESTS_CLIENT_WIRE_H
#define NC_TESTS_CLIENT_WIRE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* What the client publishes; `inbox` is "" where it wants no answer. Headers stand before the data.
 */
struct wire_message {
	const char *subject, *inbox;
	const char *bytes; /* with a NUL behind them */
	size_t size;
};

/* The program's, called on the server's thread. */
void on_subscribe(const char *subject, const char *sid);
void on_message(const struct wire_message *message);

/* Listen on loopback, and serve one connection after the other. */
void wire_open(char url[64]);

/* While it is set connections are taken and nothing is said to them, as by a server that hangs. */
extern atomic_bool wire_hangs;
extern atomic_int wire_connections; /* that were served, so far */

/* On the server's thread, to the connection that is served. */
void wire_say(const void *bytes, size_t size);
/* The subscription's id that a message to `inbox` goes to; NULL: nobody's. */
const char *wire_listener(const char *inbox);
/* A message of these bytes, to whoever listens. */
void wire_answer(const char *inbox, const char *text);
/* The connection ends, behind what was said. */
void wire_end(void);

#endif
