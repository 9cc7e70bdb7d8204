/* SPDX-License-Identifier: GPL-3.0-or-later */
/* open.h -- the log of directory.h's directory, opened, and what that found. */
#ifndef NC_TESTS_UNIT_LOG_OPEN_H
#define NC_TESTS_UNIT_LOG_OPEN_H

#include "storage/log/segment_log.h"
#include "tests/unit/log/directory.h"

#define SEGMENT_HEAD 4096u /* as docs/formats-log.md has it */

static struct nc_log_recovery recovery;
static char fault[NC_LOG_FAULT_SIZE];

static inline int open_log(struct nc_log **log_out)
{
	const struct nc_segment_log_options options = { .segment_size = NC_SEGMENT_SIZE_MIN };
	recovery = (struct nc_log_recovery){ 0 };
	return nc_segment_log_open(directory_make(), &options, &recovery, log_out, fault);
}

#endif
