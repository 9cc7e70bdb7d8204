/* SPDX-License-Identifier: GPL-3.0-or-later */
/* floor.h -- what is kept of a subscription's start that lies ahead (PROTOCOL.md section 8,
 * `start`): a version that the stream has not reached, or a time that has not come.
 *
 * No position stands for such a start yet. So the subscription begins at the head, and its floor
 * says below which version or time events are not given. The floor holds as long as the epoch: a
 * backfill, which goes through the past once more, leaves out the same events. Along positions
 * neither the versions of a stream nor times decrease, so the events that a floor admits are one
 * range.
 */
#ifndef NC_CORE_ENGINE_FLOOR_H
#define NC_CORE_ENGINE_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

/* The lowest that is given of each; 0 if there is no floor of that kind. */
struct nc_floor {
	uint64_t version; /* for a filter of one stream only: in that stream */
	uint64_t time_ns; /* since 1970 */
};

/* Whether there is a floor at all. */
static inline bool nc_floor_is(const struct nc_floor *floor)
{
	return floor->version > 0 || floor->time_ns > 0;
}

static inline bool nc_floor_admits(const struct nc_floor *floor, uint64_t version, uint64_t time_ns)
{
	return version >= floor->version && time_ns >= floor->time_ns;
}

#endif
