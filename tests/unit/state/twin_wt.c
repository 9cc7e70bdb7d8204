/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/rows.h"
#include "tests/unit/state/twin.h"

int twin_open(struct nc_state **state_out)
{
	const struct nc_wt_state_options options = {
		.cache_mb = 32,
		.held_events = 7,
		.keys = row_keys,
	};
	const char *directory = directory_make();
	return directory == NULL ? NC_IO : nc_wt_state_open(directory, &options, state_out);
}

void twin_remove(void)
{
	directory_remove();
}
