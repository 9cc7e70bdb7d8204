/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a disk that fails makes of a state. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/model.h"
#include "tests/unit/state/rows.h"
#include "tests/unit/state/support.h"

/* WiredTiger's calls come here, since a program's own names come before those of libraries. */
static atomic_int sync_errno, write_errno;

__attribute__((visibility("default"))) int fdatasync(int fd)
{
	if (sync_errno == 0)
		return fsync(fd);
	errno = sync_errno;
	return -1;
}

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *data, size_t size,
                                                      off_t offset)
{
	static ssize_t (*real)(int, const void *, size_t, off_t);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pwrite");
	if (write_errno == 0)
		return real(fd, data, size, offset);
	errno = write_errno;
	return -1;
}

static struct nc_state *state;

static void setup(void)
{
	const struct nc_wt_state_options options = {
		.cache_mb = 32, .held_events = 7, .keys = row_keys, .message = message
	};
	directory_begin();
	cr_assert_eq(nc_wt_state_open(directory, &options, &state), NC_OK, "%s", messages);
	for (uint64_t index = 1; index <= 50; index++)
		cr_assert_eq(model_apply(state, index), NC_OK);
}

static void teardown(void)
{
	sync_errno = write_errno = 0;
	nc_state_close(state);
	directory_remove();
}

TestSuite(wt_disk, .init = setup, .fini = teardown, .timeout = 60);

static int checkpoint(void)
{
	struct nc_state_applied covered;
	return nc_state_checkpoint(state, &covered);
}

/* What is on the disk may well be whole: to be started again, not to be set aside. */
Test(wt_disk, that_fails_to_sync_has_damaged_nothing)
{
	sync_errno = EIO;
	cr_expect_eq(checkpoint(), NC_IO, "%s", messages);
	sync_errno = 0;
	cr_expect_eq(nc_state_begin(state), NC_IO, "it does not stay: %s", messages);
}

Test(wt_disk, that_fails_to_write_has_damaged_nothing)
{
	write_errno = EIO;
	cr_expect_eq(checkpoint(), NC_IO, "%s", messages);
	write_errno = 0;
	int err = nc_state_begin(state);
	cr_expect(err == NC_IO || err == NC_OK, "%d: %s", err, messages);
	if (err == NC_OK)
		nc_state_rollback(state);
}

Test(wt_disk, that_is_full_is_no_damage_either)
{
	write_errno = ENOSPC;
	cr_expect_eq(checkpoint(), NC_FULL, "%s", messages);
	write_errno = 0;
	int err = nc_state_begin(state);
	cr_expect(err == NC_FULL || err == NC_OK, "%d: %s", err, messages);
	cr_expect_eq(nc_state_waits(state), err == NC_OK, "a broken state is not waited for");
	if (err == NC_OK)
		nc_state_rollback(state);
}

/* The log has it: so it is closed all the same, and who closes it is told. */
Test(wt_disk, that_is_full_at_the_end_is_told_of)
{
	write_errno = ENOSPC;
	cr_expect_eq(nc_state_close(state), NC_FULL, "%s", messages);
	state = NULL;
}

Test(wt_disk, that_fails_at_the_end_is_told_of)
{
	sync_errno = EIO;
	cr_expect_eq(nc_state_close(state), NC_IO, "%s", messages);
	state = NULL;
}

Test(wt_disk, whose_last_checkpoint_is_whole_is_closed_without_an_error)
{
	cr_expect_eq(nc_state_close(state), NC_OK, "%s", messages);
	state = NULL;
}
