/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_log.h -- the Raft log in memory, which fills core/raft/log.h for tests and simulations.
 * Nothing in it outlives the process. It compacts exactly as far as it is asked to, where files can
 * only go whole.
 *
 * Threads, ownership and errors: those of the port.
 */
#ifndef NC_STORAGE_LOG_MEMORY_LOG_H
#define NC_STORAGE_LOG_MEMORY_LOG_H

#include "core/raft/log.h"

/* Errors: NC_NOMEM. */
int nc_memory_log_open(struct nc_log **log_out);

/* The hard state as it was last appended; zeros before that. Any thread. */
struct nc_log_hard nc_memory_log_hard(struct nc_log *log);

#endif
