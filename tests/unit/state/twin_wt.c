/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "storage/state/wt_state.h"
#include "tests/unit/state/twin.h"

static char directory[] = "/tmp/nc_state_XXXXXX";

/* Never asked: nothing here is opened twice. */
static int keys(struct nc_slice row, uint64_t *tag_ids, struct nc_event_keys *keys_out)
{
	(void)row;
	(void)tag_ids;
	(void)keys_out;
	return NC_CORRUPT;
}

int twin_open(struct nc_state **state_out)
{
	const struct nc_wt_state_options options = {
		.cache_mb = 32,
		.held_events = 7,
		.keys = keys,
	};
	if (mkdtemp(directory) == NULL)
		return NC_IO;
	return nc_wt_state_open(directory, &options, state_out);
}

void twin_remove(void)
{
	DIR *dir = opendir(directory);
	if (dir == NULL)
		return;
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)closedir(dir);
	(void)rmdir(directory);
}
