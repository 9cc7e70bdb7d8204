/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell.h -- a plugin in a process of its own (a cell): the node's side of it.
 *
 * What a stranger wrote runs where it can harm nothing: without network, files or children, with so
 * much memory and time and no more, as nobody where the node is root (cell_confine.h). Events lie
 * in memory that both sides map; the process takes them apart itself. When it crashes, takes too
 * long or speaks nonsense it is killed, the call has no answer, and the next one after a pause,
 * doubled each time, starts it anew; filters are then compiled again, from their selectors.
 *
 * A cell gives a table of the same calls as a plugin in the node has, so that filters need not
 * know. But for set_build and its like: each filter is asked by itself.
 *
 * Threads:   all calls from any thread; one at a time is carried out, and each may take twice as
 *            long as NC_CELL_CALL_MS (cell_wait.h): never the loop's. nc_cell_status() does not
 *            wait for them.
 * Ownership: a cell outlives its filters.
 */
#ifndef NC_PLUGINS_HOST_CELL_H
#define NC_PLUGINS_HOST_CELL_H

#include "core/base/err.h"
#include "core/base/slice.h"
#include "plugins/nacre_filter.h"

#define NC_CELL_START_MS     5000u  /* how long a plugin may take for the handshake */
#define NC_CELL_CALL_MS      2000u  /* in which it may run, for one call */
#define NC_CELL_PAUSE_MIN_MS 250u   /* the pause before it is started again: it doubles … */
#define NC_CELL_PAUSE_MAX_MS 30000u /* … up to this */
#define NC_CELL_BATCH_SIZE   (4u << 20)
#define NC_CELL_TROUBLE_SIZE 240

struct nc_cell; /* opaque */

struct nc_cell_options {
	const char *program; /* what is run with --plugin-host NODE: nc_cell_main() */
	const char *file;    /* the private copy of the plugin */
	const char *shown;   /* what people call it: its path */
	/* As nc_plugin_log_fn; may be NULL. */
	void (*log)(void *log_ctx, bool trouble, const char *message);
	void *log_ctx;
};

/* Start the process and shake hands. On failure `why` says why the plugin is refused.
 * Errors: NC_NOMEM; NC_IO, no process; NC_INVALID, the plugin is refused. */
int nc_cell_open(const struct nc_cell_options *options, struct nc_cell **cell_out,
                 char why[NC_CELL_TROUBLE_SIZE]);

/* End the process until it is asked again, if nobody is asking it just now. */
void nc_cell_rest(struct nc_cell *cell);

/* Kills the process. NULL is a no-op. */
void nc_cell_close(struct nc_cell *cell);

/* The calls, and the host to give to compile(). Both live as long as the cell. */
const nacre_filter_plugin *nc_cell_table(const struct nc_cell *cell);
const nacre_filter_host *nc_cell_host(const struct nc_cell *cell);

/* Make a filter that is compiled when it is first asked; until then it is not known whether the
 * selector is valid. Does not wait. Errors: NC_NOMEM. */
int nc_cell_filter_later(struct nc_cell *cell, struct nc_slice selector, void **filter_out);

/* Whether a filter has been compiled at least once, so that its hints are known. They do not change
 * from then on. */
bool nc_cell_filter_known(const void *filter);

struct nc_cell_status {
	bool running;
	uint64_t pid; /* 0 when it is not running */
	uint64_t starts;
	uint64_t pause_ms;                  /* until it may be started anew */
	char trouble[NC_CELL_TROUBLE_SIZE]; /* of the last end that was not asked for; "": none */
};
void nc_cell_status(struct nc_cell *cell, struct nc_cell_status *status_out);

/* The whole of `nacred --plugin-host NODE`, of the process that started it (core/base/parent.h):
 * gives what the process exits with. */
int nc_cell_main(const char *node);

#endif
