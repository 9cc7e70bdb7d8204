/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "storage/state/memory_state.h"
#include "tests/unit/state/twin.h"

int twin_open(struct nc_state **state_out)
{
	return nc_memory_state_open(state_out);
}

void twin_remove(void)
{
}
