/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A user's quota that is used up is a full disk, whichever call tells of it: for whoever waits for
 * room it is no broken disk. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/node/cluster/kept_file.h"
#include "core/node/data/quarantine.h"
#include "core/node/data/store.h"
#include "storage/log/identity.h"

enum call { NONE, OPEN, WRITE, SYNC, RENAME, MKDIR };

static enum call failing;
static int why; /* errno */
static char directory[] = "/tmp/nacre-quota-XXXXXX";

static bool fails(enum call call)
{
	if (failing == call)
		errno = why;
	return failing == call;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
	va_end(args);
	return (flags & O_CREAT) != 0 && fails(OPEN) ? -1 : __real_open(path, flags, mode);
}

ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	return fails(WRITE) ? -1 : __real_pwrite(fd, data, size, offset);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
	return fails(SYNC) ? -1 : __real_fdatasync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
	return fails(RENAME) ? -1 : __real_rename(from, to);
}

int __real_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mkdir(const char *path, mode_t mode)
{
	return fails(MKDIR) ? -1 : __real_mkdir(path, mode);
}

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
}

static void teardown(void)
{
	static const char *const names[] = { "kept", "kept.new", "damaged",
		                             "lock", "identity", "identity.copy" };
	char path[64];
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		(void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(directory);
}

TestSuite(quota, .init = setup, .fini = teardown);

static int kept_write(void)
{
	return nc_kept_file_write(directory, "kept", NC_SLICE("bytes"));
}

static int mark(void)
{
	return nc_quarantine_mark(directory, "why");
}

static int make(void)
{
	char path[64];
	(void)snprintf(path, sizeof path, "%s/data", directory);
	return nc_store_directory_make(path);
}

static int identity(void)
{
	char fault[NC_IDENTITY_FAULT_SIZE];
	struct nc_identity_file *file = NULL;
	int err = nc_identity_open(directory, "orders", "a", &file, fault);
	nc_identity_close(file);
	return err;
}

Test(quota, that_is_used_up_is_a_full_disk_and_a_broken_one_is_not)
{
	static const struct {
		const char *name;
		int (*act)(void);
		enum call call;
	} cases[] = {
		{ "kept file, made", kept_write, OPEN },
		{ "kept file, written", kept_write, WRITE },
		{ "kept file, synced", kept_write, SYNC },
		{ "kept file, put in its place", kept_write, RENAME },
		{ "mark, made", mark, OPEN },
		{ "directory", make, MKDIR },
		{ "identity, made", identity, OPEN },
		{ "identity, written", identity, WRITE },
		{ "identity, synced", identity, SYNC },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		failing = cases[i].call;
		why = EDQUOT;
		cr_expect_eq(cases[i].act(), NC_FULL, "%s: quota", cases[i].name);
		why = ENOSPC;
		cr_expect_eq(cases[i].act(), NC_FULL, "%s: disk", cases[i].name);
		why = EIO;
		cr_expect_eq(cases[i].act(), NC_IO, "%s: broken", cases[i].name);
	}
	failing = NONE;
}
