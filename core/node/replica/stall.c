/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the state has stopped following the log. */
#include "core/node/replica/stall.h"

uint64_t nc_stall_look(struct nc_stall *stall, uint64_t due, uint64_t applied, uint64_t now_ms)
{
	uint64_t gap_ms = now_ms - stall->looked_ms;
	if (applied != stall->applied || applied >= due) {
		stall->since_ms = now_ms;
	} else if (gap_ms > NC_STALL_BLIND_MS) {
		stall->since_ms += gap_ms;
	}
	stall->applied = applied;
	stall->looked_ms = now_ms;
	return now_ms - stall->since_ms;
}
