/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_state.h -- core/engine/state.h in memory, for tests and the simulator.
 *
 * Threads and errors: those of the port. Readers have versions of their own, so that a reader in
 * one thread may stay open across commits of that same thread. Durable is what the last checkpoint
 * held: nc_memory_state_crash() goes back to it.
 */
#ifndef NC_STORAGE_STATE_MEMORY_STATE_H
#define NC_STORAGE_STATE_MEMORY_STATE_H

#include "core/engine/state.h"

/* An empty state. Errors: NC_NOMEM. */
int nc_memory_state_open(struct nc_state **state_out);

/* What a crash and a restart leave: the state as of the last checkpoint, or empty. For the
 * applier's thread; an open transaction is lost. Readers keep what they see until reader_end. */
void nc_memory_state_crash(struct nc_state *state);

#endif
