/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot_private.h -- what the snapshot_*.c files share. */
#ifndef NC_STORAGE_STATE_SNAPSHOT_PRIVATE_H
#define NC_STORAGE_STATE_SNAPSHOT_PRIVATE_H

#include "storage/state/snapshot.h"
#include "storage/state/wt_state_private.h"

/* WiredTiger's list of what a backup holds. It makes its usual metadata of it at the first open. */
#define NC_SNAPSHOT_BACKUP_FILE "WiredTiger.backup"

/* Files in a stage, beside those of the snapshot. */
#define NC_SNAPSHOT_MANIFEST_FILE "manifest"         /* of what is being taken in */
#define NC_SNAPSHOT_PROGRESS_FILE "manifest.taken"   /* how far it is durable */
#define NC_SNAPSHOT_ADOPTED_FILE  "manifest.adopted" /* all of it is there and holds */

/* The manifest of a stage that has all its files. Errors: NC_NOTFOUND, it does not have them all.
 */
int nc_snapshot_stage_whole(const char *directory, struct nc_snapshot_manifest *manifest_out);

/* Write a small file, whole or not at all: beside its place, synced, then renamed. Errors: NC_FULL;
 * NC_IO. */
int nc_snapshot_file_write(const char *directory, const char *name, struct nc_slice bytes);
/* Read such a file. Errors: NC_NOTFOUND, no such file; NC_TOOBIG; NC_IO; NC_NOMEM. */
int nc_snapshot_file_read(const char *directory, const char *name, struct nc_buf *buf);
int nc_snapshot_err_from_errno(int number);
/* Sync a directory. */
int nc_snapshot_sync(const char *directory);
/* What a state's tables have applied, read with a cursor that is opened with this configuration. */
int nc_snapshot_applied_read(WT_SESSION *session, const char *cursor_config,
                             struct nc_wt_handler *handler, struct nc_state_applied *applied_out);

#endif
