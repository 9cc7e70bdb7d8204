/* SPDX-License-Identifier: GPL-3.0-or-later */
/* killed.h -- end this process before the nth call that changes files. The test is linked with the
 * calls wrapped (CMakeLists.txt), so nothing in the product knows of it.
 */
#ifndef NC_TESTS_UNIT_NODE_KILLED_H
#define NC_TESTS_UNIT_NODE_KILLED_H

#define KILLED_STATUS 77 /* exit status of a process that was ended so */

/* Calls from now on, of all threads; 0: never. */
void killed_at(unsigned calls);

#endif
