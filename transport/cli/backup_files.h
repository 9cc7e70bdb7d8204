/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backup_files.h -- a directory that a backup is written into. Until everything is there and synced
 * it is called DIRECTORY.partial, and is locked; only then it gets its name. Beside the files there
 * are backup.json, which is what the node told of them, and SHA256SUMS, which sha256sum -c reads.
 *
 * Errors: a call returns 0 or an errno; it tells people nothing.
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
	int directory_fd; /* of the partial directory, locked; -1: there is none */
	int fd;           /* of the file that is being written; -1: there is none */
	size_t unsynced;  /* bytes of it that are not synced */
	char name[64];    /* its name */
	struct nc_sha256_sum sum;
	struct nc_buf sums;
};

/* Begin a backup. What an earlier one that was killed has left is removed. Errors: EEXIST, `path`
 * is there; EBUSY, another backup is being written there now; ENOTEMPTY, what has the partial
 * directory's name is something else, or another user's, and is left alone; ENAMETOOLONG; and
 * others. */
int nc_backup_files_open(struct nc_backup_files *files, const char *path);
/* How many bytes may be written; UINT64_MAX if that is not known. */
uint64_t nc_backup_files_room(const struct nc_backup_files *files);
/* Append to the file `name`. A name other than the last one begins the next file. */
int nc_backup_files_put(struct nc_backup_files *files, const char *name, struct nc_slice bytes);
/* Everything is there: sync it, and give it its name. */
int nc_backup_files_end(struct nc_backup_files *files);
/* Close it. What has not got its name yet is removed. */
void nc_backup_files_close(struct nc_backup_files *files);

#endif
