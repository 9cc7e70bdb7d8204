/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pace.h -- how much of what the loop has published the server may not have read yet.
 *
 * What lies in the buffers of sockets, and those are megabytes, lies before the answers of appends:
 * so history goes out no faster than the server reads it (decision 0093). Readers wait for a PONG;
 * the loop never waits, so every so many bytes it sends itself a message behind them, and that it
 * comes back says that the server has read all before it.
 *
 * Pure. Begins as zeros.
 */
#ifndef NC_CORE_NODE_COMMON_PACE_H
#define NC_CORE_NODE_COMMON_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NC_PACE_ROOM  (512u << 10) /* bytes under way, at which there is no room */
#define NC_PACE_EVERY (64u << 10)  /* bytes between two messages to itself */

struct nc_pace {
	uint64_t put, asked, read; /* bytes ever put; as of the last message; as of the last echo */
};

static inline bool nc_pace_has_room(const struct nc_pace *pace)
{
	return pace->put - pace->read < NC_PACE_ROOM;
}

/* True: send a message to yourself with pace->put in it. */
static inline bool nc_pace_put(struct nc_pace *pace, size_t size)
{
	pace->put += size;
	if (pace->put - pace->asked < NC_PACE_EVERY)
		return false;
	pace->asked = pace->put;
	return true;
}

/* It came back. */
static inline void nc_pace_heard(struct nc_pace *pace, uint64_t put)
{
	if (put > pace->read && put <= pace->put)
		pace->read = put;
}

/* The connection is another: what was under way is lost. */
static inline void nc_pace_reset(struct nc_pace *pace)
{
	pace->asked = pace->read = pace->put;
}

#endif
