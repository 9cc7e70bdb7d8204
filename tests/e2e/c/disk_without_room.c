/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded: while there is a file of the name in the environment's NO_ROOM_WHILE, nothing can be
 * written at a place in a file, as WiredTiger writes, for want of room. Who asks how much room
 * there is is told the truth: so it is as if the disk had become full in between. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *data, size_t size,
                                                      off_t offset)
{
	static ssize_t (*real)(int, const void *, size_t, off_t);
	const char *name = getenv("NO_ROOM_WHILE");
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pwrite");
	if (name == NULL || access(name, F_OK) != 0)
		return real(fd, data, size, offset);
	errno = ENOSPC;
	return -1;
}
