/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_process.h -- the process of a cell: starting it, asking it, ending it. What an end means is
 * for the caller to judge.
 *
 * Threads: one at a time.
 */
#ifndef NC_PLUGINS_HOST_CELL_PROCESS_H
#define NC_PLUGINS_HOST_CELL_PROCESS_H

#include <sys/types.h>

#include "plugins/host/cell_wire.h"

struct nc_cell_process {
	pid_t pid; /* 0: none */
	int socket;
	int memory; /* shared memory, kept from one process to the next; -1: not made yet */
	uint8_t *in;
	const uint8_t *out;
	uint64_t calls; /* how many were made to this process */
};

/* An answer, whose memory serves one call after the other. Begins as zeros. */
struct nc_cell_reply {
	int answer;        /* the plugin's own; unchanged on failure */
	struct nc_buf out; /* bytes of the answer */
	struct nc_buf log; /* what the plugin has logged since the reader of it cleared it */
};

void nc_cell_process_init(struct nc_cell_process *process);

/* Run `program` for the plugin in `file`. Errors: NC_NOMEM; NC_IO, errno says why. */
int nc_cell_process_start(struct nc_cell_process *process, const char *program, const char *file);

/* Make a call with `in`, and wait for the answer (cell_wait.h), which is copied to `reply`. Errors:
 * NC_TOOBIG, `in` does not fit; NC_NOMEM; NC_TIMEOUT, no answer came in time; NC_IO, the process is
 * gone; NC_CORRUPT, what came is no answer. After all but the first two the process must be ended.
 */
int nc_cell_process_call(struct nc_cell_process *process, struct nc_cell_call *call,
                         struct nc_slice in, unsigned patience_ms, struct nc_cell_reply *reply);

/* Kill the process. Returns how it ended, as waitpid() tells it. */
int nc_cell_process_end(struct nc_cell_process *process);

/* End the process, and free the memory. */
void nc_cell_process_release(struct nc_cell_process *process);

#endif
