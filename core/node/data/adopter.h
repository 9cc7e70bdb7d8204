/* SPDX-License-Identifier: GPL-3.0-or-later */
/* adopter.h -- verifies a staged state (nc_snapshot_adopt()) in a process of its own: damage there
 * may make WiredTiger abort, and reading all of it takes a while.
 *
 * Threads: the loop's.
 */
#ifndef NC_CORE_NODE_DATA_ADOPTER_H
#define NC_CORE_NODE_DATA_ADOPTER_H

#include <uv.h>

struct nc_adopter;

/* `fn` is called once, with what nc_snapshot_adopt() came to, or NC_CORRUPT if the process died of
 * it, unless it is stopped before. Errors: NC_NOMEM; NC_IO, no process can be started. */
int nc_adopter_start(uv_loop_t *loop, const char *directory, void (*fn)(void *ctx, int err),
                     void *ctx, struct nc_adopter **adopter_out);

/* End the process. To be called after `fn`, too. Freed when the loop has run once more. NULL is a
 * no-op. */
void nc_adopter_stop(struct nc_adopter *adopter);

/* What that process is started with, nacred --adopt DIRECTORY NODE, of the process that started it
 * (core/base/parent.h), and does: its exit code is the negated error. */
#define NC_ADOPTER_WORD "--adopt"
int nc_adopter_main(const char *directory, const char *node);

#endif
