/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_process.h -- the process of a cell: started, asked, ended. It judges nothing: who asks says
 * what to make of an end. One thread at a time. */
#ifndef NC_PLUGINS_HOST_CELL_PROCESS_H
#define NC_PLUGINS_HOST_CELL_PROCESS_H

#include <sys/types.h>

#include "plugins/host/cell_wire.h"

struct nc_cell_process {
	pid_t pid; /* 0: none */
	int socket;
	int memory; /* -1: not made yet; kept from one process to the next */
	uint8_t *in;
	const uint8_t *out;
	uint64_t calls; /* made to this process */
};

/* An answer, in memory that is used for one call after the other. `= {0}` is an empty one. */
struct nc_cell_reply {
	int answer;        /* the plugin's own; unchanged on failure */
	struct nc_buf out; /* bytes of the answer */
	struct nc_buf log; /* what the plugin logged, of all calls: who reads it clears it */
};

void nc_cell_process_init(struct nc_cell_process *process);

/* Run `program` for the plugin in `file`. Errors: NC_NOMEM; NC_IO, errno says why. */
int nc_cell_process_start(struct nc_cell_process *process, const char *program, const char *file);

/* Make a call with `in` and wait for its answer (cell_wait.h), which is copied to `reply`. Errors:
 * NC_TOOBIG, `in` does not fit; NC_NOMEM; NC_TIMEOUT, no answer in time; NC_IO, it is gone;
 * NC_CORRUPT, what came is no answer. But for the first two the process must be ended. */
int nc_cell_process_call(struct nc_cell_process *process, struct nc_cell_call *call,
                         struct nc_slice in, unsigned patience_ms, struct nc_cell_reply *reply);

/* Kill it; gives how it ended, as waitpid() does. */
int nc_cell_process_end(struct nc_cell_process *process);

void nc_cell_process_release(struct nc_cell_process *process); /* ends it too */

#endif
