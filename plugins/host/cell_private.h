/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_private.h -- what a cell's life (cell.c) and its table of calls (cell_table.c) share. */
#ifndef NC_PLUGINS_HOST_CELL_PRIVATE_H
#define NC_PLUGINS_HOST_CELL_PRIVATE_H

#include <pthread.h>

#include "plugins/host/cell.h"
#include "plugins/host/cell_process.h"
#include "plugins/host/plugin_host.h"

struct nc_cell {
	pthread_mutex_t lock; /* held during a call, over what follows */
	struct nc_cell_process process;
	uint64_t generation; /* counts the processes: filters of an older one are compiled again */
	uint64_t started_ms, pause_ms;
	unsigned log_lines; /* how many lines this process has logged */
	struct nc_buf question;
	struct nc_cell_reply reply;

	pthread_mutex_t status_lock; /* over what follows; never held long */
	struct nc_cell_status status;
	uint64_t start_at_ms; /* the process may be started from then on */
	uint32_t *numbers;    /* [number_count], of filters that are gone, to be given out again */
	size_t number_count, number_room;
	uint32_t number_next;

	/* These do not change after the handshake. */
	char *program, *file;
	char name[NC_PLUGIN_NAME_SIZE_MAX + 1], build[128], summary[256];
	nacre_filter_plugin table;
	nacre_filter_host host; /* its context is the cell */
	void (*log)(void *log_ctx, bool trouble, const char *message);
	void *log_ctx;
};

uint64_t nc_cell_now_ms(void);

/* Whether there is a process. If there was none, and the pause is over, one is started. Lock held.
 */
bool nc_cell_ready(struct nc_cell *cell);

/* Ask the process; the bytes of its answer are then in cell->reply.out. A process that fails is
 * ended, and the status says why. Lock held. Errors: those of nc_cell_process_call(). */
int nc_cell_ask(struct nc_cell *cell, struct nc_cell_call *call, struct nc_slice in,
                int *answer_out);

/* Note in the status that a filter cannot be asked, and why. */
void nc_cell_refuses(struct nc_cell *cell, const char *why);

/* Fill the table of calls and the host (cell_table.c). */
void nc_cell_table_fill(struct nc_cell *cell, uint32_t abi_minor);

#endif
