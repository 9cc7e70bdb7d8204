/* SPDX-License-Identifier: GPL-3.0-or-later */
/* awaited.h -- events that nobody listens to as far as is known, until that is certain (decision
 * 0158). They wait in the order in which they would be published, in one piece of memory.
 *
 * Threads:   the loop's.
 * Ownership: records are copied; those that are given back are borrowed until the next put or drop.
 */
#ifndef NC_CORE_NODE_SERVICE_AWAITED_H
#define NC_CORE_NODE_SERVICE_AWAITED_H

#include "core/base/buf.h"

/* Bytes of events that may wait: what comes in some 30 ms at most, where a server answers within
 * one. */
#define NC_AWAITED_SIZE_MAX (4u << 20)

struct nc_awaited_event {
	uint64_t mark; /* of the request it came of: nc_interest_expect() */
	uint64_t position, version, time_ns;
	struct nc_slice record; /* as apply has read it: nc_event_applied_get() */
};

/* Begins as zeros. */
struct nc_awaited {
	struct nc_buf bytes;
	size_t at; /* where the first one begins; the end: there is none */
};

/* Behind all others. Errors: NC_FULL, NC_NOMEM; the others are there still. */
int nc_awaited_put(struct nc_awaited *awaited, const struct nc_awaited_event *event);

/* The first one. False: none waits. */
bool nc_awaited_first(const struct nc_awaited *awaited, struct nc_awaited_event *event_out);
/* Take it away. */
void nc_awaited_drop(struct nc_awaited *awaited);

/* Free the memory; it is empty then. */
void nc_awaited_release(struct nc_awaited *awaited);

#endif
