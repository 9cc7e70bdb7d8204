/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A directory whose names cannot be read is not an empty one. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/engine/event.h"
#include "core/node/data/store.h"
#include "storage/state/wt_state.h"
#include "transport/cli/backup_files.h"

/* The linker leads all others' here (--wrap). */
struct dirent *__real_readdir(DIR *dir);
struct dirent *__wrap_readdir(DIR *dir);

static bool fails;

struct dirent *__wrap_readdir(DIR *dir)
{
	if (!fails)
		return __real_readdir(dir);
	errno = EIO;
	return NULL;
}

static char directory[] = "/tmp/nacre-names-XXXXXX";

static void setup(void)
{
	cr_assert_not_null(mkdtemp(directory));
}

static void teardown(void)
{
	fails = false;
	cr_assert_eq(rmdir(directory), 0, "nothing was made in it");
}

TestSuite(names, .init = setup, .fini = teardown);

Test(names, of_a_data_directory)
{
	bool holds = true;
	cr_expect_eq(nc_store_directory_holds(directory, &holds), NC_OK);
	cr_expect_not(holds);
	fails = true;
	cr_expect_eq(nc_store_directory_holds(directory, &holds), NC_IO);
}

Test(names, of_a_state)
{
	const struct nc_wt_state_options options = { .cache_mb = 32, .keys = nc_event_row_keys };
	struct nc_state *state = NULL;
	fails = true;
	int err = nc_wt_state_open(directory, &options, &state);
	cr_expect_eq(err, NC_IO, "%d", err);
	nc_state_close(state);
}

/* Only of what is empty, or a backup's own, it is known that it may be emptied. */
Test(names, of_a_directory_that_a_backup_is_to_be_written_into)
{
	struct nc_backup_files files;
	char path[64], partial[80], kept[96];
	snprintf(path, sizeof path, "%s/dump", directory);
	snprintf(partial, sizeof partial, "%s.partial", path);
	snprintf(kept, sizeof kept, "%s/plan.txt", partial);
	cr_assert_eq(mkdir(partial, 0700), 0);
	FILE *file = fopen(kept, "we");
	cr_assert(file != NULL && fclose(file) == 0);
	fails = true;
	cr_expect_eq(nc_backup_files_open(&files, path), EIO);
	fails = false;
	cr_expect_eq(nc_backup_files_open(&files, path), ENOTEMPTY, "somebody's");
	cr_expect_eq(unlink(kept), 0);
	cr_expect_eq(rmdir(partial), 0);
}
