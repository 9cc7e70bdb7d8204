/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_private.h -- a cell, between its life (cell.c) and the calls it stands for (cell_table.c).
 */
#ifndef NC_PLUGINS_HOST_CELL_PRIVATE_H
#define NC_PLUGINS_HOST_CELL_PRIVATE_H

#include <pthread.h>

#include "plugins/host/cell.h"
#include "plugins/host/cell_process.h"
#include "plugins/host/plugin_host.h"

struct nc_cell {
	pthread_mutex_t lock; /* a call is under way */
	struct nc_cell_process process;
	uint64_t generation; /* of the process: filters of an older one are compiled again */
	uint64_t started_ms, pause_ms;
	unsigned log_lines; /* of this process */
	struct nc_buf question;
	struct nc_cell_reply reply;

	pthread_mutex_t status_lock; /* of what follows; never held long */
	struct nc_cell_status status;
	uint64_t start_at_ms; /* not before */
	uint32_t *numbers;    /* [number_room], of filters that went, to be given out again */
	size_t number_count, number_room;
	uint32_t number_next;

	/* These do not change once the hands are shaken. */
	char *program, *file;
	char name[NC_PLUGIN_NAME_SIZE_MAX + 1], build[128], summary[256];
	nacre_filter_plugin table;
	nacre_filter_host host; /* its context is the cell */
	void (*log)(void *log_ctx, bool trouble, const char *message);
	void *log_ctx;
};

uint64_t nc_cell_now_ms(void);

/* Whether there is a process, started now if there was none and the pause is over. Lock held. */
bool nc_cell_ready(struct nc_cell *cell);

/* Ask the process; its answer's bytes are in cell->reply.out. When it fails it is ended, and that
 * is said. Lock held. Errors: as nc_cell_process_call(). */
int nc_cell_ask(struct nc_cell *cell, struct nc_cell_call *call, struct nc_slice in,
                int *answer_out);

/* Say so in the status. */
void nc_cell_refuses(struct nc_cell *cell, const char *why);

/* cell_table.c: fill table and host. */
void nc_cell_table_fill(struct nc_cell *cell, uint32_t abi_minor);

#endif
