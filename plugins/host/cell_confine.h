/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cell_confine.h -- taking away from the own process what a stranger's code must not have.
 *
 * Two steps, since the dynamic loader needs files: first everything else goes, and of the file
 * system only libraries can be read; once the plugin is loaded no file can be opened any more. The
 * process gets SIGKILL when the node goes, which is its parent.
 */
#ifndef NC_PLUGINS_HOST_CELL_CONFINE_H
#define NC_PLUGINS_HOST_CELL_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define NC_CELL_MEMORY_MAX                                                         \
	(512u << 20)      /* bytes that it may map beyond what it has at the start \
	                   */
#define NC_CELL_CPU_S 10u /* of one call, should the node not be there to end it */

/* False, with the reason in `why`: this machine cannot do it, and the plugin must not be run. */
bool nc_cell_confine(pid_t node, int plugin_fd, char *why, size_t why_size);
bool nc_cell_confine_more(char *why, size_t why_size);

/* Before each call: so much CPU time from now on. */
void nc_cell_cpu_renew(void);

#endif
