/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backup_read.h -- a backup's directory, as `nacre backup` writes it (docs/formats-state.md):
 * files, each with a line in SHA256SUMS. Everything is held against these while it is read.
 *
 * Threads: one. Errors: NC_CORRUPT and the others are said, with the file's name, on stderr.
 */
#ifndef NC_CORE_NODE_DATA_BACKUP_READ_H
#define NC_CORE_NODE_DATA_BACKUP_READ_H

#include "storage/state/snapshot.h"

struct nc_backup_read; /* opaque */

/* Errors: NC_NOTFOUND, it is no backup, or lacks its sums; NC_CORRUPT, its description or its
 * manifest is missing, or does not hold; NC_IO; NC_NOMEM. */
int nc_backup_read_open(const char *directory, struct nc_backup_read **backup_out);

const struct nc_snapshot_manifest *nc_backup_read_manifest(const struct nc_backup_read *backup);

/* All files, into `stage`. Errors: NC_CORRUPT, a file is missing, shorter, longer, or has another
 * sum; those of nc_snapshot_stage_put(). */
int nc_backup_read_files(struct nc_backup_read *backup, struct nc_snapshot_stage *stage);

void nc_backup_read_close(struct nc_backup_read *backup); /* NULL is a no-op */

#endif
