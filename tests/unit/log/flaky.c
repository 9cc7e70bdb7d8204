/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/log/flaky.h"

#include <errno.h>
#include <unistd.h>

struct flaky flaky;

static int flaky_write(void *ctx, int fd, const void *data, size_t size, off_t offset)
{
	int failed = flaky.write_errno;
	flaky.written = (struct flaky_written){ (uintptr_t)data, size, offset };
	if (failed == 0)
		return nc_files_system.write(ctx, fd, data, size, offset);
	if (flaky.write_once)
		flaky.write_errno = 0;
	size_t some = flaky.write_size < size ? flaky.write_size : size;
	int err = nc_files_system.write(ctx, fd, data, some, offset);
	return err != 0 ? err : -failed;
}

static void flaky_begin(void *ctx, int fd, size_t size, off_t offset)
{
	flaky.begins++;
	nc_files_system.begin(ctx, fd, size, offset);
}

static int flaky_sync(void *ctx, int fd)
{
	flaky.syncs++;
	return flaky.sync_errno != 0 ? -flaky.sync_errno : nc_files_system.sync(ctx, fd);
}

static int flaky_zero(void *ctx, int fd, off_t size)
{
	return flaky.zero_errno != 0 ? -flaky.zero_errno : nc_files_system.zero(ctx, fd, size);
}

static int flaky_direct(void *ctx, const char *path)
{
	return flaky.through ? -EINVAL : nc_files_system.direct(ctx, path);
}

static int flaky_read(void *ctx, int fd, void *data, size_t size, off_t offset)
{
	if (flaky.reads_wait) {
		flaky.reading = true;
		while (flaky.reads_wait)
			(void)usleep(1000);
	}
	return nc_files_system.read(ctx, fd, data, size, offset);
}

const struct nc_files flaky_files = { .write = flaky_write,
	                              .begin = flaky_begin,
	                              .sync = flaky_sync,
	                              .zero = flaky_zero,
	                              .direct = flaky_direct,
	                              .read = flaky_read };
