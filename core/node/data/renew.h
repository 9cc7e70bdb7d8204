/* SPDX-License-Identifier: GPL-3.0-or-later */
/* renew.h -- a node that starts itself again: with a state that was fetched, without data that do
 * not hold (quarantine.h), or after a disk without room (room.h). The process stays, its program
 * begins anew; so there is one way to come up, that of every start, and no other to be got right
 * beside it.
 */
#ifndef NC_CORE_NODE_DATA_RENEW_H
#define NC_CORE_NODE_DATA_RENEW_H

#include "core/node/common/config.h"

#define NC_RENEW_WHY_SIZE 512

/* Start the program again in the same process, with the same arguments. All threads end, and
 * descriptors are closed. Returns only if that fails, which was said. */
void nc_renew(char **argv);

/* Stored data are damaged. True: other nodes have them too, and will make this node whole after
 * nc_renew(). */
bool nc_renew_damaged(const struct nc_config *config, const char *what);

/* Whether a start makes good the error that ends a node, which is said: nc_renew_damaged(); or the
 * state was broken by a disk without room, for which a start waits (decision 0156). */
bool nc_renew_helps(const struct nc_config *config, int err, const char *what);

/* At a start: set damaged data aside, if any were marked. `why` gets the reason, or "" if none
 * were. Errors: those of nc_quarantine_do(), said. */
int nc_renew_check(const struct nc_config *config, char why[NC_RENEW_WHY_SIZE]);

#endif
