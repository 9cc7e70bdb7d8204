/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pace.h -- how much of what the loop has published the server may not have read yet.
 *
 * Buffers of sockets hold megabytes, and the answers of appends have to wait behind what is in
 * them. So history goes out no faster than the server reads it (decision 0093). Readers wait for a
 * PONG. The loop never waits: every so many bytes it sends itself a message behind them. When that
 * comes back, the server has read everything before it.
 *
 * Threads: the loop's. Inline, because it is asked with every message.
 */
#ifndef NC_CORE_NODE_COMMON_PACE_H
#define NC_CORE_NODE_COMMON_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NC_PACE_ROOM  (512u << 10) /* with so many bytes under way there is no room for more */
#define NC_PACE_EVERY (64u << 10)  /* bytes between two messages to itself */

/* Counts bytes since the node began. Begins as zeros. */
struct nc_pace {
	uint64_t put;   /* published */
	uint64_t asked; /* published before the last message to itself */
	uint64_t read;  /* published before the last such message that came back */
};

static inline bool nc_pace_has_room(const struct nc_pace *pace)
{
	return pace->put - pace->read < NC_PACE_ROOM;
}

/* `size` bytes were published. If this returns true, send yourself a message with pace->put in it.
 */
static inline bool nc_pace_put(struct nc_pace *pace, size_t size)
{
	pace->put += size;
	if (pace->put - pace->asked < NC_PACE_EVERY)
		return false;
	pace->asked = pace->put;
	return true;
}

/* A message with `put` in it came back. */
static inline void nc_pace_heard(struct nc_pace *pace, uint64_t put)
{
	if (put > pace->read && put <= pace->put)
		pace->read = put;
}

/* There is another connection: what was under way is lost. */
static inline void nc_pace_reset(struct nc_pace *pace)
{
	pace->asked = pace->read = pace->put;
}

#endif
