/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_confine.h -- taking away from the own process what a plugin of unknown origin must not have.
 *
 * This is done in two steps, since the dynamic loader needs files. After the first, nothing but
 * libraries can be read of the file system. After the second, when the plugin is loaded, no file
 * can be opened any more. When the node ends, which is its parent, the process gets SIGKILL.
 *
 * Threads: of a process that has only one.
 */
#ifndef NC_PLUGINS_HOST_CELL_CONFINE_H
#define NC_PLUGINS_HOST_CELL_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define NC_CELL_MEMORY_MAX (512u << 20) /* bytes it may map beside those that it begins with */
#define NC_CELL_CPU_S      10u          /* seconds of one call, if the node cannot end it */

/* The first step, and the second. They return false, and `why` says why, if this machine cannot do
 * it: then the plugin must not be run. */
bool nc_cell_confine(pid_t node, int plugin_fd, char *why, size_t why_size);
bool nc_cell_confine_more(char *why, size_t why_size);

/* To be called before each call of the plugin: allow NC_CELL_CPU_S of processor time from now on.
 */
void nc_cell_cpu_renew(void);

#endif
