/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fetch.h -- gets a state from a peer, for a node whose own ends before the peers' logs begin.
 *
 *   open ─► chunks into incoming/, a few asked for ahead, each checked and written beside the loop
 *        ─► verified by a process of its own ─► install/ (install.h) ─► on_whole: start again
 *
 * What was lost on the way is asked for again. If the process ends in the middle, the next fetch
 * from the same peer goes on where this one was, while the peer still holds that checkpoint.
 * Memory: the chunks asked for.
 *
 * Threads: the loop's; writing is done by libuv's. Ownership: the peer is borrowed.
 */
#ifndef NC_CORE_NODE_DATA_FETCH_H
#define NC_CORE_NODE_DATA_FETCH_H

#include <uv.h>

#include "core/node/data/install.h"
#include "transport/peer/peer.h"

struct nc_fetch;

struct nc_fetch_options {
	uv_loop_t *loop;
	struct nc_peer *peer;
	const char *data_dir;
	uint64_t from; /* number of the node that offers it */
	/* the entry at which it is said to stand; the peer may give another that serves as well */
	uint64_t index;
	/* The state is verified and ready. The node should start again now, which installs it. */
	void (*on_whole)(void *ctx);
	/* The state cannot be fetched from this peer at present; nothing was changed. The fetch is
	 * over: stop it. */
	void (*on_failed)(void *ctx, int err);
	void *ctx;
};

/* Errors: NC_NOMEM; NC_IO. */
int nc_fetch_start(const struct nc_fetch_options *options, struct nc_fetch **fetch_out);

/* May be called at any time, from the callbacks too. Freed when the loop has run once more. NULL is
 * a no-op. */
void nc_fetch_stop(struct nc_fetch *fetch);

#endif
