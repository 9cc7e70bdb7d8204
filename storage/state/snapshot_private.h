/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot_private.h -- what the snapshot_*.c files share. */
#ifndef NC_STORAGE_STATE_SNAPSHOT_PRIVATE_H
#define NC_STORAGE_STATE_SNAPSHOT_PRIVATE_H

#include "storage/state/snapshot.h"
#include "storage/state/wt_state_private.h"

/* WiredTiger's list of what a backup holds; it is turned into its usual metadata at the first open.
 */
#define NC_SNAPSHOT_BACKUP_FILE "WiredTiger.backup"

/* In a stage, beside the snapshot's files: */
#define NC_SNAPSHOT_MANIFEST_FILE "manifest"         /* of what is being taken in */
#define NC_SNAPSHOT_PROGRESS_FILE "manifest.taken"   /* how far it is durable */
#define NC_SNAPSHOT_ADOPTED_FILE  "manifest.adopted" /* all of it is there and holds */

/* The manifest of a stage that has all its files; NC_NOTFOUND: it has not. */
int nc_snapshot_stage_whole(const char *directory, struct nc_snapshot_manifest *manifest_out);

/* Write a file whole or not at all: beside its place, synced, renamed. Errors: NC_FULL; NC_IO. */
int nc_snapshot_file_write(const char *directory, const char *name, struct nc_slice bytes);
/* Errors: NC_NOTFOUND, no such file; NC_TOOBIG; NC_IO; NC_NOMEM. */
int nc_snapshot_file_read(const char *directory, const char *name, struct nc_buf *buf);
int nc_snapshot_err_from_errno(int number);
/* fsync of a directory. */
int nc_snapshot_sync(const char *directory);
/* What a state's tables say they have applied, from a session and an open place. */
int nc_snapshot_applied_read(WT_SESSION *session, const char *cursor_config,
                             struct nc_wt_handler *handler, struct nc_state_applied *applied_out);

#endif
