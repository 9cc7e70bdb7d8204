/* SPDX-License-Identifier: GPL-3.0-or-later */
/* leaf.h -- a connection to a NATS server as a leaf node, on the loop, to learn who subscribes.
 *
 * A server does not tell its clients who subscribes to what. It does tell leaf nodes: all
 * subscriptions of their account when they connect, then each one that comes or goes, including
 * those at other servers of its cluster, at gateways, at other leaf nodes and of JetStream. This
 * leaf node subscribes to nothing and publishes nothing.
 *
 *   server  INFO {...}            leaf  CONNECT {...}, PING
 *   server  INFO {...}, LS+ <subject>[ <queue> <weight>] ..., PONG
 *   server  LS+ ..., LS- <subject>[ <queue>], PING ...
 *
 * The server answers in order: before a PONG it has told of all that it knew when it read the PING.
 *
 * Threads:   the loop's. The callbacks run on it, and may close the connection. The process is to
 *            ignore SIGPIPE, which libuv lets through.
 * Ownership: slices given to callbacks are borrowed until these return. What the server sends is
 *            not trusted: a line longer than NC_LEAF_LINE_MAX bytes ends the connection.
 * Source:    nats-server's leaf node protocol, as 2.9.10 and 2.15.3 speak it (decision 0154).
 *            Without TLS and without compression, which a server does not use with who does not
 *            ask for it.
 */
#ifndef NC_TRANSPORT_NATS_LEAF_H
#define NC_TRANSPORT_NATS_LEAF_H

#include <uv.h>

#include "core/base/buf.h"

#define NC_LEAF_LINE_MAX 65536u /* bytes */
#define NC_LEAF_ID_SIZE  128u   /* bytes of a server's id, with the NUL */

struct nc_leaf;

struct nc_leaf_options {
	uv_loop_t *loop;
	const char *host; /* name or address */
	unsigned port;
	const char *name;            /* of this one; a server takes one of a name at a time */
	const char *user, *password; /* "": none */
	/* A subscription `key` is there, or is there no longer: "<subject>", or "<subject>
	 * <queue>". That it is there may be told again. */
	void (*on_interest)(void *ctx, struct nc_slice key, bool there);
	void (*on_pong)(void *ctx);
	/* The connection has ended, or could not be made; `why` is for people. Close it now. */
	void (*on_ended)(void *ctx, const char *why);
	void *ctx;
};

/* Connect. The strings are copied. Errors: NC_NOMEM. */
int nc_leaf_open(const struct nc_leaf_options *options, struct nc_leaf **leaf_out);

/* The id of the server, "" until it has said it. */
const char *nc_leaf_server(const struct nc_leaf *leaf);
/* Whether the server tells this user of all subscriptions. It does not tell one whose permissions
 * to publish are restricted of subscriptions beyond these, nor of ">". Valid after the first
 * on_pong. */
bool nc_leaf_sees_all(const struct nc_leaf *leaf);

/* Send a PING. Not before the first on_pong, which answers the PING that is sent when connecting.
 */
void nc_leaf_ping(struct nc_leaf *leaf);

/* No callback is called any more, and it is freed when the loop has run. NULL is a no-op. */
void nc_leaf_close(struct nc_leaf *leaf);

#endif
