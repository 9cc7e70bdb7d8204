/* SPDX-License-Identifier: GPL-3.0-or-later */
/* files.h -- the calls by which the log changes files, and by which others read them meanwhile: a
 * table, so that tests can let each of them fail, or last. All return 0 (direct: a descriptor), or
 * a negative errno.
 */
#ifndef NC_STORAGE_LOG_FILES_H
#define NC_STORAGE_LOG_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes; a multiple of what disks can write at once. */
#define NC_FILES_PAGE 4096u

struct nc_files {
	int (*write)(void *ctx, int fd, const void *data, size_t size,
	             off_t offset); /* all of it */
	/* Begin to write a part out, without waiting for it; it need not help. NULL: nobody does.
	 */
	void (*begin)(void *ctx, int fd, size_t size, off_t offset);
	int (*sync)(void *ctx, int fd);             /* fdatasync */
	int (*zero)(void *ctx, int fd, off_t size); /* fill a new file with zeros, and sync it */
	/* Another descriptor of the file at `path`, to write whole pages, which lie at pages, past
	 * the kernel's memory. A file system may have none, or say so only by -EINVAL to a write.
	 * NULL: there is none. */
	int (*direct)(void *ctx, const char *path);
	int (*read)(void *ctx, int fd, void *data, size_t size, off_t offset); /* all of it */
	void *ctx;
};

extern const struct nc_files nc_files_system;

/* fsync of a directory, so that names made or removed in it stay so. Errors: NC_IO. */
int nc_files_sync_directory(const char *path);

#endif
