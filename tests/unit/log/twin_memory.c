/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "storage/log/memory_log.h"
#include "tests/unit/log/twin.h"

const bool twin_is_durable = false;

int twin_open(struct nc_log_recovery *recovery_out, struct nc_log **log_out)
{
	*recovery_out = (struct nc_log_recovery){ 0 };
	return nc_memory_log_open(log_out);
}

void twin_remove(void)
{
}
