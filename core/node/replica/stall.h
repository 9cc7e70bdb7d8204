/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stall.h -- whether the state has stopped following the log: entries are due, and none has been
 * applied for a while, as when a disk hangs. One that is slow makes progress, and is none.
 * Milliseconds of a clock that does not go back (decision 0125). */
#ifndef NC_CORE_NODE_REPLICA_STALL_H
#define NC_CORE_NODE_REPLICA_STALL_H

#include <stdint.h>

/* Without progress for so long: stalled. Less than who asks waits by default. */
#define NC_STALL_MS       3000u
/* Not looked for longer: the loop itself stood still, which is not counted. */
#define NC_STALL_BLIND_MS 200u

/* Begins as zeros. */
struct nc_stall {
	uint64_t applied; /* at the last look */
	uint64_t looked_ms;
	uint64_t since_ms; /* it has had something to apply, and applied nothing */
};

/* Look, again and again: for how long there has been no progress. 0: there was some, or nothing is
 * to be done. */
static inline uint64_t nc_stall_look(struct nc_stall *stall, uint64_t due, uint64_t applied,
                                     uint64_t now_ms)
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

#endif
