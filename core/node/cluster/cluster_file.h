/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cluster_file.h -- what a node has promised about its cluster, durably: <data dir>/cluster.
 *
 *   "NACRECL1" · u32 size of what follows · phase, cluster id, proposer, nodes (MessagePack) ·
 *   CRC32C
 *
 * After a crash the old file is there or the new one (kept_file.h).
 *
 * Threads: one at a time.
 */
#ifndef NC_CORE_NODE_CLUSTER_CLUSTER_FILE_H
#define NC_CORE_NODE_CLUSTER_CLUSTER_FILE_H

#include "core/node/cluster/formation.h"

/* Errors: NC_NOTFOUND, there is no such file: nothing was promised; NC_CORRUPT; NC_UNSUPPORTED, a
 * newer format; NC_IO; NC_NOMEM. */
int nc_cluster_file_read(const char *data_dir, struct nc_cluster_record *record_out);

/* Errors: NC_IO; NC_FULL; NC_NOMEM. */
int nc_cluster_file_write(const char *data_dir, const struct nc_cluster_record *record);

#endif
