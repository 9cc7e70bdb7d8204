/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lease.h -- a node's lease on the subscriptions that it runs for the cluster: pure (placement.h,
 * decisions 0083 and 0099).
 *
 * A grant is the leader's answer to a renewal. Its time runs from the moment at which the renewal
 * was *sent*. It counts only once the node has applied what the leader had committed by then:
 * before that, the node may not know that a subscription was taken from it.
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

/* A grant waits until its entry is applied. Those kept waiting were sent at least so far apart, so
 * that NC_LEASE_WAITING_MAX are enough to cover the time of a lease. */
#define NC_LEASE_APART_NS    (NC_LEASE_NS / 8)
#define NC_LEASE_WAITING_MAX 10u

/* Begins as zeros: none. */
struct nc_lease {
	uint64_t until_ns; /* when it ends */
	uint64_t clear;    /* what entries up to this one took from other nodes is free */
	/* [count], grants that do not count yet, by the time at which they were sent: each counts
	 * once entry `least` is applied. All but the newest are NC_LEASE_APART_NS apart. However
	 * often a node asks, an older grant is not pushed out before it counts. */
	struct {
		uint64_t sent_ns, least;
	} waiting[NC_LEASE_WAITING_MAX];
	size_t count;
	bool left; /* nc_lease_leave() was called */
};

/* The leader's answer to a renewal sent at `sent_ns`. It counts once `least` is applied; `applied`
 * is where the node is now. */
void nc_lease_grant(struct nc_lease *lease, uint64_t sent_ns, uint64_t least, uint64_t clear,
                    uint64_t applied);
/* Entries up to `applied` are applied here, and what they took from this node was let go. */
void nc_lease_applied(struct nc_lease *lease, uint64_t applied);
/* The node runs nothing any more in this life, and tells the leader so. No grant counts from now
 * on, not even one under way: the leader does not wait for the lease of a node that has left. */
void nc_lease_leave(struct nc_lease *lease);
/* Whether a subscription that entry `since` gave to this node may run. */
bool nc_lease_holds(const struct nc_lease *lease, uint64_t since, uint64_t now_ns);
/* Whether it is time to send a renewal. `renewed_ns` is when the last one was sent, `since` the
 * newest entry that gave this node a subscription; 0: none did. */
bool nc_lease_asks(const struct nc_lease *lease, uint64_t since, uint64_t renewed_ns,
                   uint64_t now_ns);

#endif
