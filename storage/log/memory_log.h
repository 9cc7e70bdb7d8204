/* SPDX-License-Identifier: GPL-3.0-or-later */
/* memory_log.h -- the Raft log in memory: fills core/raft/log.h for tests and simulations. It keeps
 * its promises as long as the process lives, durability excepted; it compacts through exactly what
 * it is asked.
 */
#ifndef NC_STORAGE_LOG_MEMORY_LOG_H
#define NC_STORAGE_LOG_MEMORY_LOG_H

#include "core/raft/log.h"

/* Errors: NC_NOMEM. */
int nc_memory_log_open(struct nc_log **log_out);

/* The hard state as last appended; zeros before. Any thread. */
struct nc_log_hard nc_memory_log_hard(struct nc_log *log);

#endif
