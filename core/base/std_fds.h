/* SPDX-License-Identifier: Apache-2.0 */
/* std_fds.h -- the three descriptors that a program begins with. The number of one that is closed
 * is given to the next file or connection that is opened, and what the program says goes into that.
 *
 * Threads: none but the first, and nothing may be open yet.
 */
#ifndef NC_CORE_BASE_STD_FDS_H
#define NC_CORE_BASE_STD_FDS_H

#include <stdbool.h>

/* Let something stand in for each that is closed: reading and writing fail as they would have.
 * False: that cannot be done, errno says why. */
bool nc_std_fds_hold(void);

#endif
