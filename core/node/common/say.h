/* SPDX-License-Identifier: GPL-3.0-or-later */
/* say.h -- what the node tells the person who runs it: a line each on stderr, with time and level.
 * Any thread. Secrets never pass through here.
 */
#ifndef NC_CORE_NODE_COMMON_SAY_H
#define NC_CORE_NODE_COMMON_SAY_H

__attribute__((format(printf, 1, 2))) void nc_say_info(const char *format, ...);
__attribute__((format(printf, 1, 2))) void nc_say_warning(const char *format, ...);
__attribute__((format(printf, 1, 2))) void nc_say_error(const char *format, ...);

#endif
