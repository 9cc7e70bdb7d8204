/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell.h -- a plugin in a process of its own (a cell): the node's side of it.
 *
 * A plugin of unknown origin runs where it can do no harm: without network, files or children, with
 * limited memory and time, and as nobody if the node is root (cell_confine.h). Events lie in memory
 * that both sides map, and the process decodes them itself. If it crashes, takes too long or
 * answers nonsense, it is killed and the call has no answer. The first call after a pause starts it
 * anew, and its filters are compiled again from their selectors. The pause doubles each time.
 *
 * A cell gives a table with the same calls as a plugin in the node has, so that a filter need not
 * know the difference. Only set_build and the calls that go with it are missing: each filter is
 * asked by itself.
 *
 * Threads:   any. One call at a time is carried out, and each may take twice NC_CELL_CALL_MS
 *            (cell_wait.h), so they are never made on the loop's thread. nc_cell_status() does not
 *            wait for them.
 * Ownership: a cell outlives its filters.
 */
#ifndef NC_PLUGINS_HOST_CELL_H
#define NC_PLUGINS_HOST_CELL_H

#include "core/base/err.h"
#include "core/base/slice.h"
#include "plugins/nacre_filter.h"

#define NC_CELL_START_MS     5000u      /* how long a plugin may take for the handshake */
#define NC_CELL_CALL_MS      2000u      /* how long it may run for one call */
#define NC_CELL_PAUSE_MIN_MS 250u       /* the first pause before it is started again */
#define NC_CELL_PAUSE_MAX_MS 30000u     /* the longest pause */
#define NC_CELL_BATCH_SIZE   (4u << 20) /* about how many bytes of events go with one call */
#define NC_CELL_TROUBLE_SIZE 240        /* bytes with the NUL */

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

/* End the process until the next call, unless a call is under way. */
void nc_cell_rest(struct nc_cell *cell);

/* Kill the process, and free the cell. NULL is a no-op. */
void nc_cell_close(struct nc_cell *cell);

/* The table of calls, and the host to give to compile(). Both live as long as the cell. */
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
	uint64_t pid;                       /* 0 if it is not running */
	uint64_t starts;                    /* how often it was started */
	uint64_t pause_ms;                  /* how long until it may be started anew */
	char trouble[NC_CELL_TROUBLE_SIZE]; /* why it last ended unasked; "": it never did */
};
void nc_cell_status(struct nc_cell *cell, struct nc_cell_status *status_out);

/* All that `nacred --plugin-host NODE` does, where NODE names the process that started it
 * (core/base/parent.h). Returns what the process exits with. */
int nc_cell_main(const char *node);

#endif
