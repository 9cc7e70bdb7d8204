/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_wait.h -- waiting for the answer of a cell, and keeping one that works long at it out of the
 * way of everybody else meanwhile.
 *
 * From NC_CELL_GREEDY_MS of processor time at one call on, whoever wants its processor goes before
 * (SCHED_IDLE). From NC_CELL_TURNS_MS on it also runs in turns: for as long as it has worked it is
 * stopped then, a millisecond at a time. One that sleeps, or that a busy machine kept waiting, is
 * not stopped. Patience counts the time in which it may run: what it could do before it was
 * stopped, it can still do, in up to twice the time.
 *
 * It is stopped within the call alone: when that returns, whatever it returns, it runs. Should the
 * node end meanwhile, the cell gets SIGKILL, which ends what is stopped, too.
 */
#ifndef NC_PLUGINS_HOST_CELL_WAIT_H
#define NC_PLUGINS_HOST_CELL_WAIT_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/err.h"

/* when a call has used so much processor time, all other processes go first */
#define NC_CELL_GREEDY_MS 20
#define NC_CELL_TURNS_MS  100  /* and after which it runs in turns: */
#define NC_CELL_TURN_US   1000 /* it runs for about so long, then is stopped for as long */

/* Until `socket` has something to read, or its end. Blocks for `patience_ms` at most, and for as
 * long as the process was stopped, which it is only with `turns`. Errors: NC_TIMEOUT; NC_IO, the
 * socket cannot be waited for. */
int nc_cell_wait(pid_t pid, int socket, unsigned patience_ms, bool turns);

#endif
