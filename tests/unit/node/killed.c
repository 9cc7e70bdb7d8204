/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/unit/node/killed.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_uint left;

void killed_at(unsigned calls)
{
	atomic_store(&left, calls);
}

static void count(void)
{
	if (atomic_load(&left) > 0 && atomic_fetch_sub(&left, 1) == 1)
		_exit(KILLED_STATUS);
}

/* The linker's names: __wrap_X stands for X, __real_X is the call itself. */
#define WRAP(name, parameters, arguments)       \
	int __real_##name parameters;           \
	int __wrap_##name parameters;           \
	int __wrap_##name parameters            \
	{                                       \
		count();                        \
		return __real_##name arguments; \
	}

WRAP(rename, (const char *from, const char *to), (from, to))
WRAP(fsync, (int fd), (fd))
WRAP(fdatasync, (int fd), (fd))
WRAP(unlink, (const char *path), (path))
WRAP(unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
WRAP(rmdir, (const char *path), (path))

ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	count();
	return __real_pwrite(fd, data, size, offset);
}
