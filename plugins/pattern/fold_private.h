/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fold_private.h -- the table of case folding. */
#ifndef NC_PLUGINS_PATTERN_FOLD_PRIVATE_H
#define NC_PLUGINS_PATTERN_FOLD_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

struct nc_fold_run {
	uint32_t first, last;
	int32_t delta;
	uint32_t step;
};

extern const struct nc_fold_run nc_fold_runs[]; /* ascending, apart from each other */
extern const size_t nc_fold_run_count;

#endif
