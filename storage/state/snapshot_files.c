/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot_files.c -- small files that are there whole or not at all, and directories that go. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/state/snapshot_private.h"

#define SMALL_SIZE_MAX (64u << 10) /* bytes of a small file */

int nc_snapshot_err_from_errno(int number)
{
	return number == ENOSPC || number == EDQUOT ? NC_FULL : NC_IO;
}

int nc_snapshot_sync(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NC_IO;
	int err = fsync(fd) == 0 ? NC_OK : NC_IO;
	(void)close(fd);
	return err;
}

static int all_write(int fd, struct nc_slice bytes)
{
	while (bytes.size > 0) {
		ssize_t written = write(fd, bytes.data, bytes.size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return nc_snapshot_err_from_errno(errno);
		bytes = nc_slice_from(bytes, (size_t)written);
	}
	return NC_OK;
}

int nc_snapshot_file_write(const char *directory, const char *name, struct nc_slice bytes)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", directory, name);
	(void)snprintf(fresh, sizeof fresh, "%s/%s.new", directory, name);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return nc_snapshot_err_from_errno(errno);
	int err = all_write(fd, bytes);
	if (err == NC_OK && fsync(fd) != 0)
		err = nc_snapshot_err_from_errno(errno);
	if (close(fd) != 0 && err == NC_OK)
		err = nc_snapshot_err_from_errno(errno);
	if (err == NC_OK && rename(fresh, path) != 0)
		err = nc_snapshot_err_from_errno(errno);
	return err == NC_OK ? nc_snapshot_sync(directory) : err;
}

int nc_snapshot_file_read(const char *directory, const char *name, struct nc_buf *buf)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", directory, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? NC_NOTFOUND : NC_IO;
	size_t start = buf->size;
	uint8_t *room = nc_buf_extend(buf, SMALL_SIZE_MAX);
	ssize_t got = room == NULL ? -1 : read(fd, room, SMALL_SIZE_MAX);
	(void)close(fd);
	buf->size = start + (got > 0 ? (size_t)got : 0);
	if (room == NULL)
		return NC_NOMEM;
	if (got == (ssize_t)SMALL_SIZE_MAX)
		return NC_TOOBIG;
	return got >= 0 ? NC_OK : NC_IO;
}

/* Remove what is in the directory, which has at most `depth` levels of directories. */
/* NOLINTNEXTLINE(misc-no-recursion): `depth` counts down */
static int entries_remove(const char *directory, int depth)
{
	DIR *dir = opendir(directory);
	if (dir == NULL)
		return errno == ENOENT ? NC_OK : NC_IO;
	int err = NC_OK;
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			continue;
		char path[PATH_MAX];
		(void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		if (depth == 0 || entries_remove(path, depth - 1) != NC_OK)
			err = NC_IO;
	}
	(void)closedir(dir);
	if (err == NC_OK && rmdir(directory) != 0)
		err = NC_IO;
	return err;
}

int nc_snapshot_remove(const char *directory)
{
	return entries_remove(directory, 1); /* as a stage has them */
}
