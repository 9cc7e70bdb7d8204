/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lease.h -- a node's lease on the subscriptions that it runs for the cluster: pure (placement.h,
 * decisions 0083 and 0099).
 *
 * A grant is the leader's answer to a renewal. It counts from the moment at which the renewal was
 * *sent*, and only once the node has applied what the leader had committed by then: before that the
 * node may not know of what was taken from it.
 *
 * Time: nanoseconds of the node's clock that does not go back. Threads: one at a time. No
 * allocation.
 */
#ifndef NC_CORE_DELIVERY_LEASE_H
#define NC_CORE_DELIVERY_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NC_LEASE_RENEW_NS UINT64_C(200000000) /* between renewals */
#define NC_LEASE_NS       UINT64_C(900000000) /* from the sending of a renewal */

/* Grants that wait to be applied are kept so far apart: then these many are all of a lease. */
#define NC_LEASE_APART_NS    (NC_LEASE_NS / 8)
#define NC_LEASE_WAITING_MAX 10u

/* Begins as zeros: none. */
struct nc_lease {
	uint64_t until_ns;
	uint64_t clear; /* what was taken from others up to here is free */
	/* Given, and not counted before `least` is applied; [count], by the time of their sending,
	 * those before the last NC_LEASE_APART_NS apart: however often a node asks, what came first
	 * stays until it counts. */
	struct {
		uint64_t sent_ns, least;
	} waiting[NC_LEASE_WAITING_MAX];
	size_t count;
	bool left;
};

/* The answer to a renewal sent at `sent_ns`: counts once `least` is applied. */
void nc_lease_grant(struct nc_lease *lease, uint64_t sent_ns, uint64_t least, uint64_t clear,
                    uint64_t applied);
/* So much is applied here, and what it took from us let go. */
void nc_lease_applied(struct nc_lease *lease, uint64_t applied);
/* The node runs nothing any more in this life, and says so: no grant that is on its way counts, for
 * the leader does not wait for a lease of one that has left. */
void nc_lease_leave(struct nc_lease *lease);
/* Whether what was given to us by entry `since` may run. */
bool nc_lease_holds(const struct nc_lease *lease, uint64_t since, uint64_t now_ns);
/* Whether to send a renewal, the last one having been sent at `renewed_ns`. `since`: the newest
 * entry that gave us something; 0: none. */
bool nc_lease_asks(const struct nc_lease *lease, uint64_t since, uint64_t renewed_ns,
                   uint64_t now_ns);

#endif
