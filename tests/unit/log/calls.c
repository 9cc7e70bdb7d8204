/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the log makes of calls that fail and are in no table of files.h. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "storage/log/identity.h"
#include "storage/log/segment_log.h"
#include "tests/unit/log/directory.h"
#include "tests/unit/log/entries.h"

/* The linker leads the log's here (--wrap). */
struct dirent *__real_readdir(DIR *dir);
struct dirent *__wrap_readdir(DIR *dir);
int __real_posix_fallocate(int fd, off_t offset, off_t size);
int __wrap_posix_fallocate(int fd, off_t offset, off_t size);

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

static int lock_errno;             /* 0: locks are given */
static int names_left = INT32_MAX; /* then reading a directory fails */
static int interruptions;          /* of so many calls */

struct dirent *__wrap_readdir(DIR *dir)
{
	if (names_left-- > 0)
		return __real_readdir(dir);
	errno = EIO;
	return NULL;
}

int __wrap_posix_fallocate(int fd, off_t offset, off_t size)
{
	return interruptions-- > 0 ? EINTR : __real_posix_fallocate(fd, offset, size);
}

int __wrap_flock(int fd, int operation)
{
	if (lock_errno == 0)
		return __real_flock(fd, operation);
	errno = lock_errno;
	return -1;
}

static struct nc_log *journal;
static char fault[NC_LOG_FAULT_SIZE];

static int open_log(void)
{
	const struct nc_segment_log_options options = { .segment_size = NC_SEGMENT_SIZE_MIN };
	struct nc_log_recovery recovery;
	journal = NULL;
	return nc_segment_log_open(directory_make(), &options, &recovery, &journal, fault);
}

static void teardown(void)
{
	nc_log_close(journal);
	directory_remove();
}

TestSuite(log_calls, .fini = teardown, .timeout = 60);

/* Whose names cannot be read looks empty, and a new log would take the place of the one that is
 * there. */
Test(log_calls, does_not_take_a_directory_that_cannot_be_read_for_an_empty_one)
{
	cr_assert_eq(open_log(), NC_OK);
	cr_assert_eq(entries_append(journal, NULL, 1, 10, 1, 100), NC_OK);
	nc_log_close(journal);
	for (int names = 0; names < 3; names++) {
		names_left = names;
		cr_expect_eq(open_log(), NC_IO, "after %d names", names);
		nc_log_close(journal);
	}
	names_left = INT32_MAX;
	cr_assert_eq(open_log(), NC_OK, "%s", fault);
	for (uint64_t index = 1; index <= 10; index++)
		cr_expect(entry_is(journal, index, 1), "entry %lu is gone", index);
}

/* As a file system may be by a signal. */
Test(log_calls, makes_a_segment_though_it_is_interrupted)
{
	interruptions = 2;
	cr_assert_eq(open_log(), NC_OK, "%s", fault);
	cr_expect_eq(entries_append(journal, NULL, 1, 10, 1, 100), NC_OK);
}

/* Some file systems have no locks: nobody need be looked for who has it. */
Test(log_calls, says_why_a_directory_cannot_be_locked)
{
	struct nc_identity_file *file = NULL;
	char why[NC_IDENTITY_FAULT_SIZE];
	lock_errno = ENOLCK;
	cr_expect_eq(nc_identity_open(directory_make(), "s", "n", &file, why), NC_IO);
	cr_expect_not_null(strstr(why, strerror(ENOLCK)), "%s", why);
	lock_errno = EWOULDBLOCK;
	cr_expect_eq(nc_identity_open(directory_make(), "s", "n", &file, why), NC_BUSY);
	cr_expect_not_null(strstr(why, "in use by another nacred"), "%s", why);
}
