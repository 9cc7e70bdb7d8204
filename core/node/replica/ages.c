/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The age of log. */
#include "core/node/replica/ages.h"

#include <string.h>

void nc_ages_put(struct nc_ages *ages, uint64_t index, uint64_t keep_ms, uint64_t now_ms)
{
	uint64_t apart_ms = keep_ms / (NC_AGES_MAX / 2);
	if (ages->count > 0 && now_ms - ages->marks[ages->count - 1].at_ms < apart_ms)
		return;
	if (ages->count == NC_AGES_MAX)
		memmove(ages->marks, ages->marks + 1, --ages->count * sizeof ages->marks[0]);
	ages->marks[ages->count].index = index;
	ages->marks[ages->count++].at_ms = now_ms;
}

uint64_t nc_ages_through(const struct nc_ages *ages, uint64_t keep_ms, uint64_t now_ms)
{
	uint64_t through = 0;
	for (uint32_t i = 0; keep_ms > 0 && i < ages->count; i++) {
		if (now_ms - ages->marks[i].at_ms >= keep_ms)
			through = ages->marks[i].index;
	}
	return through;
}
