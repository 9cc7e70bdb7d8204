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

/* Whatever lies in the partial directory: it is of a backup that is not whole. */
static int files_remove(int directory_fd)
{
	int fd = dup(directory_fd), failed = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL)
		return errno;
	rewinddir(dir);
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		bool own = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
		if (!own && unlinkat(directory_fd, entry->d_name, 0) != 0 && failed == 0)
			failed = errno;
	}
	(void)closedir(dir);
	return failed;
}

static int partial_open(struct nc_backup_files *files)
{
	if (mkdir(files->partial, 0700) != 0 && errno != EEXIST)
		return errno;
	files->directory_fd = open(files->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->directory_fd < 0)
		return errno;
	if (flock(files->directory_fd, LOCK_EX | LOCK_NB) == 0)
		return files_remove(files->directory_fd);
	int failed = errno;
	(void)close(files->directory_fd); /* it is the other one's */
	files->directory_fd = -1;
	return failed;
}

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

/* Synced, and with its line. */
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

/* Gigabytes that wait to be written at once are in the way of whoever else waits for this disk: it
 * may be the node's. Only the pace is meant; what is durable the end of the file says. */
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
		failed = errno;
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
