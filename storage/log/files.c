/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operating system's way of changing files, and of reading them. */
#include "storage/log/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"

#define ZERO_STEP (1u << 20) /* bytes */

static int system_write(void *ctx, int fd, const void *data, size_t size, off_t offset)
{
	const uint8_t *at = data;
	(void)ctx;
	while (size > 0) {
		ssize_t written = pwrite(fd, at, size, offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written == 0 ? -EIO : -errno;
		at += written;
		offset += written;
		size -= (size_t)written;
	}
	return 0;
}

/* An error here is told by the sync that follows. */
static void system_begin(void *ctx, int fd, size_t size, off_t offset)
{
	(void)ctx;
	(void)sync_file_range(fd, offset, (off_t)size, SYNC_FILE_RANGE_WRITE);
}

static int system_sync(void *ctx, int fd)
{
	(void)ctx;
	return fdatasync(fd) == 0 ? 0 : -errno;
}

/* Wait until the disk has it. An error is told here, and by no sync that follows. */
static int write_out(int fd, off_t at, size_t size)
{
	const unsigned all =
	        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
	return sync_file_range(fd, at, (off_t)size, all) == 0 ? 0 : -errno;
}

static int zeros_write(int fd, const uint8_t *zeros, off_t size, bool direct)
{
	int err = 0;
	for (off_t at = 0; at < size && err == 0; at += ZERO_STEP) {
		size_t step = size - at < ZERO_STEP ? (size_t)(size - at) : ZERO_STEP;
		err = system_write(NULL, fd, zeros, step, at);
		if (err == 0 && !direct)
			err = write_out(fd, at, step);
	}
	return err;
}

/* Write zeros past the kernel's memory, of which 64 MiB more for each segment would be dear; or
 * through it, where the file system has no other way. */
static int zeros_write_either_way(int fd, const uint8_t *zeros, off_t size)
{
	int flags = fcntl(fd, F_GETFL), err = -EINVAL;
	if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) == 0) {
		err = zeros_write(fd, zeros, size, true);
		if (fcntl(fd, F_SETFL, flags) != 0)
			return -errno;
	}
	return err == -EINVAL ? zeros_write(fd, zeros, size, false) : err;
}

/* Zeros are written, and room is not only reserved: the first write into a reserved extent changes
 * metadata, which doubles the cost of its fdatasync. Each step goes to the disk before the next is
 * written, so that an append meanwhile waits behind one step, and not behind a whole file. */
static int system_zero(void *ctx, int fd, off_t size)
{
	int failed;
	(void)ctx;
	do {
		failed = posix_fallocate(fd, 0, size);
	} while (failed == EINTR);
	if (failed != 0)
		return -failed;
	uint8_t *zeros = aligned_alloc(NC_FILES_PAGE, ZERO_STEP);
	if (zeros == NULL)
		return -ENOMEM;
	memset(zeros, 0, ZERO_STEP);
	int err = zeros_write_either_way(fd, zeros, size);
	free(zeros);
	if (err == 0 && fsync(fd) != 0)
		err = -errno;
	return err;
}

static int system_direct(void *ctx, const char *path)
{
	(void)ctx;
	int fd = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

static int system_read(void *ctx, int fd, void *data, size_t size, off_t offset)
{
	uint8_t *at = data;
	(void)ctx;
	while (size > 0) {
		ssize_t got = pread(fd, at, size, offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 ? -EIO : -errno;
		at += got;
		offset += got;
		size -= (size_t)got;
	}
	return 0;
}

const struct nc_files nc_files_system = { .write = system_write,
	                                  .begin = system_begin,
	                                  .sync = system_sync,
	                                  .zero = system_zero,
	                                  .direct = system_direct,
	                                  .read = system_read };

int nc_files_err(int number)
{
	return number == ENOSPC || number == EDQUOT ? NC_FULL : NC_IO;
}

int nc_files_sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NC_IO;
	int err = fsync(fd) == 0 ? NC_OK : NC_IO;
	(void)close(fd);
	return err;
}
