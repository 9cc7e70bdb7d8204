/* SPDX-License-Identifier: GPL-3.0-or-later */
/* borrowers.h -- which nodes use something that is held for all of them, and since when each has
 * not asked for it: who says that it is done with it takes it away from nobody else. Pure.
 *
 * Life: `= {0}` is nobody. Threads: one at a time. Time: seconds of a clock that does not go back.
 */
#ifndef NC_CORE_NODE_COMMON_BORROWERS_H
#define NC_CORE_NODE_COMMON_BORROWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NC_BORROWERS_MAX 16u /* the one not heard longest makes room */

struct nc_borrowers {
	struct {
		uint64_t node, at_s;
	} nodes[NC_BORROWERS_MAX];
	size_t count;
};

/* `node` uses it. */
void nc_borrowers_note(struct nc_borrowers *borrowers, uint64_t node, uint64_t now_s);
/* Whether any with a number below `node` has used it within `idle_s`. */
bool nc_borrowers_below(const struct nc_borrowers *borrowers, uint64_t node, uint64_t now_s,
                        uint64_t idle_s);
/* `node` is done with it. Whether nobody else has used it within `idle_s`. */
bool nc_borrowers_leave(struct nc_borrowers *borrowers, uint64_t node, uint64_t now_s,
                        uint64_t idle_s);

#endif
