/* SPDX-License-Identifier: GPL-3.0-or-later */
/* whereabouts.h -- of the NATS servers, where the settings do not say: NACRE_GOSSIP, with what is
 * said to people about it.
 *
 * Threads: the loop's.
 */
#ifndef NC_CORE_NODE_CLUSTER_WHEREABOUTS_H
#define NC_CORE_NODE_CLUSTER_WHEREABOUTS_H

#include <uv.h>

#include "core/node/common/config.h"

struct nc_whereabouts;

/* Spread NACRE_NATS_URL, or, if that is empty, listen: then on_url is called once, with URLs that
 * are valid until the stop. NACRE_GOSSIP=off: nothing, and *whereabouts_out is NULL. Errors:
 * NC_INVALID, said on stderr; NC_NOMEM. */
int nc_whereabouts_start(uv_loop_t *loop, const struct nc_config *config,
                         void (*on_url)(void *ctx, const char *url), void *ctx,
                         struct nc_whereabouts **whereabouts_out);

/* Frees when the loop has run once more. NULL is a no-op. */
void nc_whereabouts_stop(struct nc_whereabouts *whereabouts);

#endif
