/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_wait.h -- waiting for the answer of a cell, while a cell that works long at it is kept out
 * of everybody else's way.
 *
 * When a call has used NC_CELL_GREEDY_MS of processor time, all other processes go before the cell
 * (SCHED_IDLE). From NC_CELL_TURNS_MS on the cell also runs in turns: it works for about
 * NC_CELL_TURN_US, and is then stopped for as long. A cell that sleeps, or that a busy machine
 * keeps waiting, is not stopped. Time in which it is stopped does not count against its patience:
 * it can do as much as it could without being stopped, in up to twice the time.
 *
 * The cell is only ever stopped within the call. When that returns, whatever it returns, the cell
 * runs. If the node ends meanwhile, the cell gets SIGKILL, which ends stopped processes too.
 *
 * Threads: any, one at a time for each cell.
 */
#ifndef NC_PLUGINS_HOST_CELL_WAIT_H
#define NC_PLUGINS_HOST_CELL_WAIT_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/err.h"

#define NC_CELL_GREEDY_MS 20   /* processor time of a call after which all others go first */
#define NC_CELL_TURNS_MS  100  /* processor time of a call after which it runs in turns */
#define NC_CELL_TURN_US   1000 /* about how long a turn is */

/* Wait until `socket` can be read, or has ended. It takes `patience_ms` at most, and the time for
 * which the process was stopped; it is stopped only if `turns` is set. Errors: NC_TIMEOUT; NC_IO,
 * the socket cannot be waited for. */
int nc_cell_wait(pid_t pid, int socket, unsigned patience_ms, bool turns);

#endif
