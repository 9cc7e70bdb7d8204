/* SPDX-License-Identifier: GPL-3.0-or-later */
/* heard.h -- in which of its starts each member was heard last, and which process it was then:
 * remembered over this node's own starts, so that one which comes back on an older copy of its
 * directory is told from what it was (decision 0157).
 *
 *   <data dir>/heard: "NACREHD1" · cluster id · u32 count · number, epoch, run of each (u64) ·
 *   CRC32C
 *
 * Written beside, synced, renamed. Threads: one.
 */
#ifndef NC_CORE_NODE_CLUSTER_HEARD_H
#define NC_CORE_NODE_CLUSTER_HEARD_H

#include <stdbool.h>

#include "transport/peer/gate.h"

struct nc_heard_life {
	uint64_t number, epoch;
	uint64_t run; /* random, of the process */
	bool forked;  /* another process was heard last in this very start */
};

struct nc_heard {
	uint32_t count;
	struct nc_heard_life at[NC_PEER_NODES_MAX]; /* the one that began last is the last */
};

enum nc_heard_as {
	NC_HEARD_SAME,
	NC_HEARD_LATER, /* than was known: now known, and to be made durable */
	NC_HEARD_OLDER  /* or not the process that this start was: what it has is of an earlier day
	                 */
};

/* NULL: never heard of. */
const struct nc_heard_life *nc_heard_find(const struct nc_heard *heard, uint64_t number);

/* A member was heard, in such a start, as such a process. */
enum nc_heard_as nc_heard_put(struct nc_heard *heard, const struct nc_heard_life *life);

/* Whether what it says may count: nothing is known of a later start of it, or another process in
 * this one. */
bool nc_heard_trusts(const struct nc_heard *heard, uint64_t number, uint64_t epoch);

/* Errors: NC_NOTFOUND, there is none of this cluster; NC_CORRUPT; NC_IO. */
int nc_heard_read(const char *data_dir, const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE],
                  struct nc_heard *heard_out);
/* Errors: NC_IO, NC_FULL. */
int nc_heard_write(const char *data_dir, const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE],
                   const struct nc_heard *heard);

#endif
