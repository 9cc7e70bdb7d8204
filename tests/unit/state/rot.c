/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bit that flips anywhere in a table is damage, not a disk that does not read: a member of a
 * cluster sets damaged data aside and is made whole, and ends where it cannot read. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/model.h"
#include "tests/unit/state/rows.h"
#include "tests/unit/state/support.h"

#define BLOCK 4096

static void setup(void)
{
	const struct nc_wt_state_options options = {
		.cache_mb = 16, .reserve_mb = 1, .keys = row_keys, .message = message
	};
	struct nc_state *state;
	directory_begin();
	cr_assert_eq(nc_wt_state_open(directory, &options, &state), NC_OK, "%s", messages);
	for (uint64_t index = 1; index <= 200; index++)
		cr_assert_eq(model_apply(state, index), NC_OK);
	nc_state_close(state);
}

static void teardown(void)
{
	directory_remove();
}

TestSuite(wt_rot, .init = setup, .fini = teardown, .timeout = 300);

static void flip(int fd, off_t at)
{
	uint8_t byte;
	cr_assert_eq(pread(fd, &byte, 1, at), 1);
	byte ^= 8;
	cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
}

/* One bit of each block, one after the other. */
static void probe_each(const char *table)
{
	char path[512], said[512];
	struct stat info;
	unsigned corrupt = 0;
	(void)snprintf(path, sizeof path, "%s/%s", directory, table);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	cr_assert(fd >= 0 && fstat(fd, &info) == 0);
	for (off_t at = 0; at < info.st_size; at += BLOCK) {
		flip(fd, at + 37);
		int err = nc_wt_state_probe(directory, said, sizeof said);
		flip(fd, at + 37);
		cr_expect(err == NC_CORRUPT || err == NC_OK, "%s, block %ld: %s: %s", table,
		          (long)(at / BLOCK), nc_err_name(err), said);
		cr_expect(err == NC_CORRUPT || at > 0, "the first block holds: %s", table);
		corrupt += err == NC_CORRUPT;
	}
	cr_expect_gt(corrupt, 1u, "%s", table); /* blocks that are free may say anything */
	(void)close(fd);
	cr_expect_eq(nc_wt_state_probe(directory, said, sizeof said), NC_OK, "%s", said);
}

Test(wt_rot, is_damage_wherever_it_is)
{
	probe_each("streams.wt");
	probe_each("by_id.wt");
	probe_each("marks.wt");
}
