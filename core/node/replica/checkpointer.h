/* SPDX-License-Identifier: GPL-3.0-or-later */
/* checkpointer.h -- a thread that checkpoints the state when it is asked to, beside everything
 * else.
 *
 * Threads: all calls from the loop.
 */
#ifndef NC_CORE_NODE_REPLICA_CHECKPOINTER_H
#define NC_CORE_NODE_REPLICA_CHECKPOINTER_H

#include "core/engine/state.h"

struct nc_checkpointer;

/* The state is borrowed; `wake` runs on the thread when a checkpoint is over. Errors: NC_NOMEM,
 * NC_IO. */
int nc_checkpointer_start(struct nc_state *state, void (*wake)(void *wake_ctx), void *wake_ctx,
                          struct nc_checkpointer **checkpointer_out);

/* Ask for a checkpoint; ignored while one runs. */
void nc_checkpointer_ask(struct nc_checkpointer *checkpointer);
bool nc_checkpointer_busy(struct nc_checkpointer *checkpointer);

/* True, once for each checkpoint that has ended: `err_out` is its result, `covered_out` what it
 * covers. */
bool nc_checkpointer_take(struct nc_checkpointer *checkpointer, int *err_out,
                          struct nc_state_applied *covered_out);

/* Stop, after a checkpoint that runs has ended. NULL is a no-op. */
void nc_checkpointer_stop(struct nc_checkpointer *checkpointer);

#endif
