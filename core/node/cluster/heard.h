/* SPDX-License-Identifier: GPL-3.0-or-later */
/* heard.h -- in which of its starts each member was heard last, and which process that was. This
 * node remembers it over its own starts, so that a member which comes back on an older copy of its
 * directory is recognised (decision 0157).
 *
 *   <data dir>/heard: "NACREHD1" · cluster id · u32 count · number, epoch, run of each (u64) ·
 *   CRC32C
 *
 * After a crash the old file is there or the new one (kept_file.h).
 *
 * Threads: one at a time.
 */
#ifndef NC_CORE_NODE_CLUSTER_HEARD_H
#define NC_CORE_NODE_CLUSTER_HEARD_H

#include <stdbool.h>

#include "transport/peer/gate.h"

struct nc_heard_life {
	uint64_t number; /* of the member */
	uint64_t epoch;  /* which of its starts */
	uint64_t run;    /* names the process, at random */
	bool forked;     /* in this same start another process was heard */
};

struct nc_heard {
	uint32_t count;
	struct nc_heard_life
	        at[NC_PEER_NODES_MAX]; /* in the order in which they were first heard */
};

enum nc_heard_as {
	NC_HEARD_SAME,
	NC_HEARD_LATER, /* a later start than was known: it is known now, and must be made durable
	                 */
	NC_HEARD_OLDER  /* an earlier start, or another process in this one: its data are old */
};

/* The last life of a member that was heard; NULL if it never was. */
const struct nc_heard_life *nc_heard_find(const struct nc_heard *heard, uint64_t number);

/* Note that a member was heard in this life. */
enum nc_heard_as nc_heard_put(struct nc_heard *heard, const struct nc_heard_life *life);

/* Whether what a member says in the start `epoch` may count: it does not if a later start of it is
 * known, or another process in this one. */
bool nc_heard_trusts(const struct nc_heard *heard, uint64_t number, uint64_t epoch);

/* Errors: NC_NOTFOUND, there is no such file of this cluster; NC_CORRUPT; NC_IO. */
int nc_heard_read(const char *data_dir, const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE],
                  struct nc_heard *heard_out);
/* Errors: NC_IO; NC_FULL. */
int nc_heard_write(const char *data_dir, const uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE],
                   const struct nc_heard *heard);

#endif
