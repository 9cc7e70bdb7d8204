/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup on the disk: whole, or not there. */
#include "transport/cli/backup_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PACE_SIZE (1u << 20) /* bytes that wait to be written at most */

/* ---- The partial directory ------------------------------------------------------------------- */

static DIR *entries_open(int directory_fd)
{
	int fd = dup(directory_fd);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir != NULL) {
		rewinddir(dir);
	} else if (fd >= 0) {
		(void)close(fd);
	}
	return dir;
}

/* The next name in a directory. NULL if there are no more, or if errno says why it cannot be read.
 */
static const char *entry_next(DIR *dir)
{
	const struct dirent *entry;
	do {
		errno = 0;
		entry = readdir(dir);
	} while (entry != NULL &&
	         (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
	return entry == NULL ? NULL : entry->d_name;
}

/* Whether a directory is what a backup that was killed has left. It is if it is empty, or has only
 * files, the description among them, which comes first and goes last. Errors: ENOTEMPTY, it is
 * something else; others, it cannot be known. */
static int left_check(int directory_fd)
{
	bool any = false, described = false, plain = true;
	DIR *dir = entries_open(directory_fd);
	if (dir == NULL)
		return errno;
	for (const char *name = entry_next(dir); name != NULL; name = entry_next(dir)) {
		struct stat info;
		any = true;
		described |= strcmp(name, NC_BACKUP_INFO) == 0;
		plain &= fstatat(directory_fd, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
		         S_ISREG(info.st_mode);
	}
	int failed = errno;
	(void)closedir(dir);
	if (failed != 0)
		return failed;
	return !any || (described && plain) ? 0 : ENOTEMPTY;
}

/* Remove everything in the directory of a backup that is not whole. */
static int files_remove(int directory_fd)
{
	int failed = 0;
	DIR *dir = entries_open(directory_fd);
	if (dir == NULL)
		return errno;
	for (const char *name = entry_next(dir); name != NULL; name = entry_next(dir)) {
		if (strcmp(name, NC_BACKUP_INFO) != 0 && unlinkat(directory_fd, name, 0) != 0 &&
		    failed == 0)
			failed = errno;
	}
	if (failed == 0)
		failed = errno; /* not all of them were seen */
	(void)closedir(dir);
	if (failed == 0 && unlinkat(directory_fd, NC_BACKUP_INFO, 0) != 0 && errno != ENOENT)
		failed = errno;
	return failed;
}

/* Check a directory that was locked. By then its path may name another one: whoever had the lock
 * may have given the directory its final name, or removed it. A directory that was there before
 * must be this user's; of one that was just made, the owner that a file server tells does not
 * matter. Errors: ENOTEMPTY, it is somebody else's; EAGAIN, look again. */
static int owner_check(const struct nc_backup_files *files, int fd, bool made)
{
	struct stat have, named;
	if (fstat(fd, &have) != 0)
		return errno;
	if (lstat(files->partial, &named) != 0 || named.st_dev != have.st_dev ||
	    named.st_ino != have.st_ino)
		return EAGAIN;
	return made || have.st_uid == geteuid() ? 0 : ENOTEMPTY;
}

/* Make or open the partial directory, lock it, and see that it may be used. Errors: those of
 * nc_backup_files_open(); EAGAIN, look again. */
static int partial_try(const struct nc_backup_files *files, int *fd_out)
{
	struct stat info;
	int failed = 0;
	bool made = mkdir(files->partial, 0700) == 0;
	if (!made && errno != EEXIST)
		return errno;
	int fd = open(files->partial, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT                      ? EAGAIN
		       : errno == ENOTDIR || errno == ELOOP ? ENOTEMPTY
		                                            : errno;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		failed = errno == EWOULDBLOCK ? EBUSY : errno;
	if (failed == 0)
		failed = owner_check(files, fd, made);
	if (failed == 0)
		failed = left_check(fd);
	if (failed == 0 && lstat(files->path, &info) == 0) {
		failed = EEXIST; /* since we looked */
		(void)rmdir(files->partial);
	}
	if (failed == 0) {
		*fd_out = fd;
	} else {
		(void)close(fd); /* it is not ours to empty */
	}
	return failed;
}

static int partial_open(struct nc_backup_files *files)
{
	int failed;
	do {
		failed = partial_try(files, &files->directory_fd);
	} while (failed == EAGAIN);
	return failed == 0 ? files_remove(files->directory_fd) : failed;
}

/* ---- Its files ------------------------------------------------------------------------------- */

int nc_backup_files_open(struct nc_backup_files *files, const char *path)
{
	struct stat info;
	size_t size = strlen(path);
	*files = (struct nc_backup_files){ .directory_fd = -1, .fd = -1 };
	while (size > 1 && path[size - 1] == '/')
		size--;
	if (size == 0 || size >= sizeof files->path)
		return size == 0 ? EINVAL : ENAMETOOLONG;
	memcpy(files->path, path, size);
	(void)snprintf(files->partial, sizeof files->partial, "%s.partial", files->path);
	if (lstat(files->path, &info) == 0)
		return EEXIST;
	return errno == ENOENT ? partial_open(files) : errno;
}

uint64_t nc_backup_files_room(const struct nc_backup_files *files)
{
	struct statvfs info;
	return fstatvfs(files->directory_fd, &info) == 0 ? (uint64_t)info.f_bavail * info.f_frsize
	                                                 : UINT64_MAX;
}

static int bytes_write(int fd, struct nc_slice bytes)
{
	while (bytes.size > 0) {
		ssize_t written = write(fd, bytes.data, bytes.size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written == 0 ? EIO : errno;
		bytes = nc_slice_from(bytes, (size_t)written);
	}
	return 0;
}

static int file_begin(struct nc_backup_files *files, const char *name)
{
	(void)snprintf(files->name, sizeof files->name, "%s", name);
	files->fd =
	        openat(files->directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	nc_sha256_begin(&files->sum);
	files->unsynced = 0;
	return files->fd < 0 ? errno : 0;
}

/* End a file: sync it, and put its line into the sums. */
static int file_end(struct nc_backup_files *files)
{
	uint8_t digest[NC_SHA256_SIZE];
	if (files->fd < 0)
		return 0;
	int failed = fsync(files->fd) == 0 ? 0 : errno;
	if (close(files->fd) != 0 && failed == 0)
		failed = errno;
	files->fd = -1;
	nc_sha256_end(&files->sum, digest);
	nc_buf_put_hex(&files->sums, digest, sizeof digest);
	nc_buf_printf(&files->sums, "  %s\n", files->name);
	return failed;
}

/* Begin to write out what has gathered. Gigabytes that are written at once would hold up whoever
 * else waits for this disk, which may be the node's. This is for the pace only: what is durable is
 * settled at the end of the file. */
static void pace(struct nc_backup_files *files, size_t size)
{
	files->unsynced += size;
	if (files->unsynced < PACE_SIZE)
		return;
	files->unsynced = 0;
	(void)sync_file_range(files->fd, 0, 0,
	                      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
	                              SYNC_FILE_RANGE_WAIT_AFTER);
}

int nc_backup_files_put(struct nc_backup_files *files, const char *name, struct nc_slice bytes)
{
	int failed = 0;
	if (files->fd >= 0 && strcmp(name, files->name) != 0)
		failed = file_end(files);
	if (failed == 0 && files->fd < 0)
		failed = file_begin(files, name);
	if (failed != 0)
		return failed;
	nc_sha256_add(&files->sum, bytes);
	failed = bytes_write(files->fd, bytes);
	if (failed == 0)
		pace(files, bytes.size);
	return failed;
}

static int parent_sync(const struct nc_backup_files *files)
{
	char path[PATH_MAX];
	memcpy(path, files->path, sizeof path);
	int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int failed = fsync(fd) == 0 ? 0 : errno;
	(void)close(fd);
	return failed;
}

int nc_backup_files_end(struct nc_backup_files *files)
{
	struct stat info;
	int failed = file_end(files);
	struct nc_slice sums = nc_buf_slice(&files->sums);
	if (failed == 0 && nc_buf_status(&files->sums) != NC_OK)
		failed = ENOMEM;
	if (failed == 0)
		failed = file_begin(files, NC_BACKUP_SUMS);
	if (failed == 0)
		failed = bytes_write(files->fd, sums);
	if (failed == 0 && fsync(files->fd) != 0)
		failed = errno;
	if (failed == 0 && fsync(files->directory_fd) != 0)
		failed = errno;
	if (failed == 0 && lstat(files->path, &info) == 0)
		failed = EEXIST; /* an empty directory that was made meanwhile would be replaced */
	if (failed == 0 && rename(files->partial, files->path) != 0)
		failed = errno == ENOTEMPTY ? EEXIST : errno;
	if (failed != 0)
		return failed;
	files->partial[0] = '\0';
	return parent_sync(files);
}

void nc_backup_files_close(struct nc_backup_files *files)
{
	if (files->fd >= 0)
		(void)close(files->fd);
	if (files->directory_fd >= 0 && files->partial[0] != '\0') {
		(void)files_remove(files->directory_fd);
		(void)rmdir(files->partial);
	}
	if (files->directory_fd >= 0)
		(void)close(files->directory_fd);
	nc_buf_release(&files->sums);
	files->directory_fd = files->fd = -1;
}
