/* SPDX-License-Identifier: GPL-3.0-or-later */
/* whole.h -- this node's part in making nodes whole: it gives its state to peers that ask
 * (exports.h), and gets one from a peer when its own ends before the peers' logs begin (fetch.h).
 *
 * Threads: the loop's. Ownership: all is borrowed.
 */
#ifndef NC_CORE_NODE_DATA_WHOLE_H
#define NC_CORE_NODE_DATA_WHOLE_H

#include "core/node/cluster/cluster.h"
#include "core/node/data/exports.h"
#include "core/node/data/fetch.h"

struct nc_whole;

struct nc_whole_options {
	uv_loop_t *loop;
	struct nc_cluster *cluster;
	const char *data_dir;
	struct nc_exporter *exporter; /* must be stopped before nc_whole_stop() */
	/* A state is ready. The node should start again now, which installs it. */
	void (*on_whole)(void *ctx);
	/* No state could be fetched. Tell consensus, so that one is offered again. */
	void (*on_failed)(void *ctx);
	void *ctx;
};

/* Errors: NC_NOMEM; NC_IO. */
int nc_whole_start(const struct nc_whole_options *options, struct nc_whole **whole_out);

/* Consensus says that this node needs this state. */
void nc_whole_install(struct nc_whole *whole, const struct nc_raft_install *install);

/* Freed when the loop has run once more. NULL is a no-op. */
void nc_whole_stop(struct nc_whole *whole);

#endif
