/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small file that is replaced as a whole: written beside its place, synced, and then renamed. */
#include "core/node/cluster/kept_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/log/files.h"

int nc_kept_file_read(const char *data_dir, const char *name, void *bytes_out, size_t size_max,
                      size_t *size_out)
{
	char path[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", data_dir, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? NC_NOTFOUND : NC_IO;
	ssize_t size = read(fd, bytes_out, size_max);
	(void)close(fd);
	if (size < 0)
		return NC_IO;
	*size_out = (size_t)size;
	return NC_OK;
}

static int file_write(const char *path, struct nc_slice bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return nc_files_err(errno);
	int failed = nc_files_system.write(NULL, fd, bytes.data, bytes.size, 0);
	if (failed == 0)
		failed = nc_files_system.sync(NULL, fd);
	(void)close(fd);
	return failed == 0 ? NC_OK : nc_files_err(-failed);
}

int nc_kept_file_write(const char *data_dir, const char *name, struct nc_slice bytes)
{
	char path[PATH_MAX], beside[PATH_MAX];
	(void)snprintf(path, sizeof path, "%s/%s", data_dir, name);
	(void)snprintf(beside, sizeof beside, "%s/%s.new", data_dir, name);
	int err = file_write(beside, bytes);
	if (err == NC_OK && rename(beside, path) != 0)
		err = nc_files_err(errno);
	return err == NC_OK ? nc_files_sync_directory(data_dir) : err;
}
