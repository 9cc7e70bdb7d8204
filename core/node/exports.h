/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exports.h -- gives this node's state to peers that ask for it (state_call.h). One checkpoint is
 * held at a time, as long as somebody reads of it; several may read of the same one. Disk work is
 * done by a thread of its own, so that the loop, which may be a leader's, waits for nothing.
 *
 * Threads: all calls from the loop. Ownership: peer and state are borrowed and must outlive it.
 */
#ifndef NC_CORE_NODE_EXPORTS_H
#define NC_CORE_NODE_EXPORTS_H

#include <uv.h>

#include "core/engine/state.h"
#include "core/raft/log.h"
#include "transport/peer/peer.h"

struct nc_exports;

struct nc_exports_options {
	uv_loop_t *loop;
	struct nc_peer *peer;
	struct nc_state *state;
	struct nc_log *log;
	/* A state as of this entry is being read, so what follows it must stay in the log; 0: none
	 * is. */
	void (*on_hold)(void *ctx, uint64_t index);
	void *ctx;
};

/* Errors: NC_NOMEM, NC_IO. */
int nc_exports_start(const struct nc_exports_options *options, struct nc_exports **exports_out);

/* Lets the checkpoint go; frees when the loop has run once more. NULL is a no-op. */
void nc_exports_stop(struct nc_exports *exports);

#endif
