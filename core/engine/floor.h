/* SPDX-License-Identifier: GPL-3.0-or-later */
/* floor.h -- what is left of a start that lies ahead: a version that its stream has not reached, a
 * time that has not come. No position stands for it yet, so it is kept as it is, beside the
 * position from which on events are looked at, and nothing below it is given (PROTOCOL.md section
 * 8, `start`).
 *
 * It holds as long as the epoch: events that were below it stay so, also for a backfill, which goes
 * through the past once more. Versions and times never decrease along positions, so what is
 * admitted is one range.
 */
#ifndef NC_CORE_ENGINE_FLOOR_H
#define NC_CORE_ENGINE_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

/* Both inclusive, 0: any. All zeros: none. */
struct nc_floor {
	uint64_t version; /* in its stream; goes with a filter of one stream */
	uint64_t time_ns; /* since 1970 */
};

static inline bool nc_floor_is(const struct nc_floor *floor)
{
	return floor->version > 0 || floor->time_ns > 0;
}

static inline bool nc_floor_admits(const struct nc_floor *floor, uint64_t version, uint64_t time_ns)
{
	return version >= floor->version && time_ns >= floor->time_ns;
}

#endif
