/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exports.h -- gives this node's state to peers that ask for it (state_call.h): requests become the
 * exporter's jobs, and what comes of them replies.
 *
 * Threads: all calls from the loop. Ownership: peer and exporter are borrowed; the exporter must be
 * stopped before it.
 */
#ifndef NC_CORE_NODE_DATA_EXPORTS_H
#define NC_CORE_NODE_DATA_EXPORTS_H

#include "core/node/data/exporter.h"
#include "transport/peer/peer.h"

struct nc_exports;

/* Errors: NC_NOMEM. */
int nc_exports_start(struct nc_peer *peer, struct nc_exporter *exporter,
                     struct nc_exports **exports_out);

/* NULL is a no-op. */
void nc_exports_stop(struct nc_exports *exports);

#endif
