/* SPDX-License-Identifier: GPL-3.0-or-later */
/* files.h -- the calls by which the log changes files, and by which others read them meanwhile.
 * They stand in a table, so that tests can make each of them fail, or take long. All return 0, or a
 * negative errno.
 *
 * Threads: any. `ctx` is passed to each call.
 */
#ifndef NC_STORAGE_LOG_FILES_H
#define NC_STORAGE_LOG_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes; a multiple of what disks can write at once. */
#define NC_FILES_PAGE 4096u

struct nc_files {
	/* Write all of `data`. */
	int (*write)(void *ctx, int fd, const void *data, size_t size, off_t offset);
	/* Begin to write out to the disk what was written to a part of the file, without waiting
	 * for it. It only helps the sync that follows. NULL if there is no such call. */
	void (*begin)(void *ctx, int fd, size_t size, off_t offset);
	/* fdatasync */
	int (*sync)(void *ctx, int fd);
	/* Fill a new file with zeros, and sync it. */
	int (*zero)(void *ctx, int fd, off_t size);
	/* Open the file at `path` once more, for writes that go past the kernel's memory. They must
	 * be of whole pages, from memory and to offsets that are multiples of a page. Returns the
	 * descriptor. A file system may refuse this here, or refuse the first write with -EINVAL.
	 * NULL if there is no such call. */
	int (*direct)(void *ctx, const char *path);
	/* Read all of `size` bytes. */
	int (*read)(void *ctx, int fd, void *data, size_t size, off_t offset);
	void *ctx;
};

/* The operating system's calls. */
extern const struct nc_files nc_files_system;

/* What the errno of a call says that makes, writes or renames a file: NC_FULL, there is no room, on
 * the disk or for this user; else NC_IO. */
int nc_files_err(int number);

/* Sync a directory, so that names which were made or removed in it stay so after a power cut.
 * Errors: NC_IO. */
int nc_files_sync_directory(const char *path);

#endif
