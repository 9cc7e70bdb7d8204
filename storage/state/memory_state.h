/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_state.h -- core/engine/state.h in memory, for tests and the simulator.
 *
 * What the last checkpoint held counts as durable: nc_memory_state_crash() goes back to it. Readers
 * have versions of their own, so that a reader may stay open across commits of its own thread.
 *
 * Threads and errors: those of the port.
 */
#ifndef NC_STORAGE_STATE_MEMORY_STATE_H
#define NC_STORAGE_STATE_MEMORY_STATE_H

#include "core/engine/state.h"

/* An empty state. Errors: NC_NOMEM. */
int nc_memory_state_open(struct nc_state **state_out);

/* Do what a crash and a restart do: go back to the last checkpoint, or to an empty state. An open
 * transaction is lost. Readers keep what they see until they end. For the applier's thread. */
void nc_memory_state_crash(struct nc_state *state);

#endif
