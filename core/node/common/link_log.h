/* SPDX-License-Identifier: GPL-3.0-or-later */
/* link_log.h -- what is logged of a connection to NATS that is made and lost. A server that refuses
 * in turns, now for this reason and now for that, or that takes a connection and ends it again, has
 * something to tell several times a second: the first few of each kind are logged at once, then one
 * line in NC_LINK_LOG_MS with the last of those that were left out and how many they were, and once
 * more when it is over.
 *
 * Threads: one. Zeros are a good beginning.
 */
#ifndef NC_CORE_NODE_COMMON_LINK_LOG_H
#define NC_CORE_NODE_COMMON_LINK_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define NC_LINK_LOG_MS 10000u

struct nc_link_log {
	char last[256];      /* what was heard last */
	uint64_t since_ms;   /* when this while began */
	uint64_t unsaid;     /* not logged in it, but counted */
	unsigned ups, downs; /* logged in it */
	bool connected;
	bool last_said; /* what was heard last was logged */
	bool busy;      /* lines were left out in the last while */
};

/* `who`: the connection, as the log calls it. `detail`: why it is not there, or how it came. */
void nc_link_log_hear(struct nc_link_log *log, const char *who, bool connected, const char *detail);

/* From a timer: log what was left out when their while is over, and that nothing is any more. */
void nc_link_log_tick(struct nc_link_log *log, const char *who, uint64_t now_ms);

#endif
