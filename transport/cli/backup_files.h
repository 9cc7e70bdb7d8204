/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backup_files.h -- a directory that a backup is written into. It is DIRECTORY.partial, locked,
 * until all of it is there and synced; only then it gets its name. Beside the files stand what the
 * node said of them (backup.json) and a line of each in SHA256SUMS, as sha256sum -c reads it.
 *
 * Errors: 0 or an errno; nothing is said.
 */
#ifndef NC_TRANSPORT_CLI_BACKUP_FILES_H
#define NC_TRANSPORT_CLI_BACKUP_FILES_H

#include <limits.h>

#include "core/base/buf.h"
#include "core/base/sha256.h"

#define NC_BACKUP_INFO "backup.json"
#define NC_BACKUP_SUMS "SHA256SUMS"

struct nc_backup_files {
	char path[PATH_MAX], partial[PATH_MAX + 16];
	int directory_fd; /* of the partial one, locked; -1: there is none */
	int fd;           /* of the file that is written; -1: none is */
	size_t unsynced;  /* bytes of it */
	char name[64];    /* of it */
	struct nc_sha256_sum sum;
	struct nc_buf sums;
};

/* Begins anew what an earlier one that was killed has left. Errors: EEXIST, `path` is there; EBUSY,
 * another one is being written there now; ENOTEMPTY, what has the partial directory's name is
 * something else, or another user's, and is left alone; ENAMETOOLONG; and others. */
int nc_backup_files_open(struct nc_backup_files *files, const char *path);
/* Bytes that may be written; UINT64_MAX: not known. */
uint64_t nc_backup_files_room(const struct nc_backup_files *files);
/* Append to the file `name`; another name than the last one's begins the next file. */
int nc_backup_files_put(struct nc_backup_files *files, const char *name, struct nc_slice bytes);
/* All is there: sync, and give it its name. */
int nc_backup_files_end(struct nc_backup_files *files);
/* What has no name yet is removed. */
void nc_backup_files_close(struct nc_backup_files *files);

#endif
