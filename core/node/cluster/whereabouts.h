/* SPDX-License-Identifier: GPL-3.0-or-later */
/* whereabouts.h -- finding the NATS servers by gossip (NACRE_GOSSIP) if the settings do not name
 * them, and telling people about it.
 *
 * Threads: the loop's. Ownership: nc_whereabouts_stop().
 */
#ifndef NC_CORE_NODE_CLUSTER_WHEREABOUTS_H
#define NC_CORE_NODE_CLUSTER_WHEREABOUTS_H

#include <uv.h>

#include "core/node/common/config.h"

struct nc_whereabouts;

/* Spread NACRE_NATS_URL. If it is empty, listen: on_url is then called once, with URLs that are
 * valid until the stop. With NACRE_GOSSIP=off nothing is done, and *whereabouts_out is NULL.
 * Errors: NC_INVALID, and stderr says why; NC_NOMEM. */
int nc_whereabouts_start(uv_loop_t *loop, const struct nc_config *config,
                         void (*on_url)(void *ctx, const char *url), void *ctx,
                         struct nc_whereabouts **whereabouts_out);

/* Stop; the memory is freed when the loop has run once more. NULL is a no-op. */
void nc_whereabouts_stop(struct nc_whereabouts *whereabouts);

#endif
