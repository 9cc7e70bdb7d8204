/* SPDX-License-Identifier: GPL-3.0-or-later */
/* room.h -- a node starts on a disk that others have filled up: it waits, and starts again by
 * itself when there is room, as it goes on by itself while it serves (decision 0156). Meanwhile it
 * answers R.node.<id>.healthz, where NACRE_NATS_URL says on which server: that it is starting, and
 * why not yet.
 *
 * Threads: before there are others; signals end the process as they do by default.
 */
#ifndef NC_CORE_NODE_DATA_ROOM_H
#define NC_CORE_NODE_DATA_ROOM_H

#include "core/node/data/store.h"

/* nc_store_open(). Where the disk has no room for it, that is said, waited for, and the program
 * started anew by `argv`: the call does not return. A directory that held nothing before is not
 * waited for: who makes one looks. Errors: those of nc_store_open(). */
int nc_store_open_with_room(const struct nc_config *config, char **argv,
                            struct nc_store *store_out);

#endif
