/* SPDX-License-Identifier: GPL-3.0-or-later */
/* room.h -- a node starts on a disk that others have filled up: it waits, and goes on by itself
 * when there is room, as it does while it serves (decision 0156).
 *
 * Threads: before there are others; signals end the process as they do by default.
 */
#ifndef NC_CORE_NODE_DATA_ROOM_H
#define NC_CORE_NODE_DATA_ROOM_H

#include "core/node/data/store.h"

/* nc_store_open(), again and again as long as there is no room for it, which is said. A directory
 * that held nothing before is not waited for: who makes one looks. Errors: those of
 * nc_store_open(). */
int nc_store_open_with_room(const struct nc_config *config, struct nc_store *store_out);

#endif
