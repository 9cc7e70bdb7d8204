/* SPDX-License-Identifier: GPL-3.0-or-later */
/* child.h -- a nats-server of the node's own, on loopback: started, started again if it dies,
 * stopped.
 *
 * Threads: the loop's. A server that outlived a node which was killed is found by its pid file and
 * ended first, if it is ours: its command line names our configuration file.
 */
#ifndef NC_TRANSPORT_NATS_CHILD_H
#define NC_TRANSPORT_NATS_CHILD_H

#include <uv.h>

#include "core/base/err.h"

struct nc_child;

struct nc_child_options {
	uv_loop_t *loop;
	const char *program;                         /* "nats-server", looked for in PATH */
	const char *directory;                       /* for its configuration, pid and log */
	unsigned port;                               /* 0: a free one */
	void (*on_say)(void *ctx, const char *text); /* it died and is started again; for people */
	void *ctx;
};

#define NC_CHILD_FAULT_SIZE 512
#define NC_CHILD_URL_SIZE   64

/* Start it and wait until it answers, 5 s at most. Errors: NC_NOTFOUND, no such program; NC_BUSY,
 * the port is in use; NC_IO, it does not start; NC_NOMEM; `fault` says which and why. */
int nc_child_start(const struct nc_child_options *options, struct nc_child **child_out,
                   char fault[NC_CHILD_FAULT_SIZE]);

const char *nc_child_url(const struct nc_child *child);
/* Its port for leaf nodes (leaf.h). */
unsigned nc_child_leaf_port(const struct nc_child *child);

/* End it; freed when it has gone and the loop has run. NULL is a no-op. */
void nc_child_stop(struct nc_child *child);

#endif
