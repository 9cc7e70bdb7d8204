/* SPDX-License-Identifier: GPL-3.0-or-later */
/* own_server.h -- the NATS server that a single node starts for itself if no URL is configured. Its
 * URL is said, and written into the data directory, where people and scripts find it.
 *
 * Threads: the loop's.
 */
#ifndef NC_CORE_NODE_OWN_SERVER_H
#define NC_CORE_NODE_OWN_SERVER_H

#include "core/node/common/config.h"
#include "transport/nats/child.h"

/* Start it and wait until it answers. The caller ends it with nc_child_stop(), also if this fails:
 * then `*child_out` may be a server whose URL could not be written. Errors, which are said: those
 * of nc_child_start(); NC_IO, the URL cannot be written. */
int nc_own_server_start(uv_loop_t *loop, const struct nc_config *config,
                        struct nc_child **child_out);

#endif
