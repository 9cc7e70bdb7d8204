/* SPDX-License-Identifier: GPL-3.0-or-later */
/* node.h -- a node, from the opening of its data directory to its end: its NATS server if it has
 * one of its own, its cluster, its service, signals.
 *
 * Threads: one, which runs the loop until the node has ended; the service has others.
 */
#ifndef NC_CORE_NODE_NODE_H
#define NC_CORE_NODE_NODE_H

#include "core/node/common/config.h"

/* Returns how the process is to end (exit_code.h); what went wrong was said. It may not return: a
 * node that is to begin anew becomes its own program again, with `argv` (renew.h), and one whose
 * disk or state fails ends where it stands. */
int nc_node_run(const struct nc_config *config, char **argv);

#endif
