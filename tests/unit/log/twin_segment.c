/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "storage/log/segment_log.h"
#include "tests/unit/log/directory.h"
#include "tests/unit/log/twin.h"

const bool twin_is_durable = true;

int twin_open(struct nc_log_recovery *recovery_out, struct nc_log **log_out)
{
	const struct nc_segment_log_options options = { .segment_size = NC_SEGMENT_SIZE_MIN };
	char fault[NC_LOG_FAULT_SIZE];
	const char *directory = directory_make();
	return directory == NULL
	               ? NC_IO
	               : nc_segment_log_open(directory, &options, recovery_out, log_out, fault);
}

void twin_remove(void)
{
	directory_remove();
}
