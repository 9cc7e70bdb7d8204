/* SPDX-License-Identifier: GPL-3.0-or-later */
/* restore.h -- a backup made a store again (decision 0149): a data directory with its state, behind
 * a new identity, as a node alone.
 *
 *   nacred restore BACKUP [settings]
 *
 * What is restored is another cluster, even if the store has the same name: what was promised after
 * the backup is not in it. Started with NACRE_DB_TYPE=cluster it is a cluster of one, which others
 * join with empty directories.
 *
 * <data dir>/restoring stands there until it is done: nc_store_open() refuses a directory that has
 * it.
 *
 * Threads: before there are others. Errors: NC_CONFLICT, the data directory holds something;
 * NC_NOTFOUND, there is no backup; NC_CORRUPT, it is not whole, or does not hold; NC_UNSUPPORTED,
 * it is a newer build's; NC_FULL; those of nc_store_open(). Of the first four the directory is as
 * it was.
 */
#ifndef NC_CORE_NODE_DATA_RESTORE_H
#define NC_CORE_NODE_DATA_RESTORE_H

#include "core/node/common/config.h"

#define NC_RESTORE_WORD "restore"
#define NC_RESTORE_MARK "restoring"

/* The result is said on stdout, errors on stderr. */
int nc_restore(const struct nc_config *config, const char *backup);

/* Whether a restore was begun in this directory and has not ended. */
bool nc_restore_unfinished(const char *data_dir);

#endif
