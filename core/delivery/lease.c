/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node's lease, and the grants that wait to count. */
#include "core/delivery/lease.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/delivery/mutants_private.h"

#define IDLE_NS UINT64_C(500000000) /* between the renewals of a node that owns nothing */

static void later(uint64_t *what, uint64_t than)
{
	if (than > *what)
		*what = than;
}

/* Forget the grants whose time has run out: they will not count any more. */
static void forget_old(struct nc_lease *lease, uint64_t now_ns)
{
	size_t old = 0;
	while (old < lease->count && lease->waiting[old].sent_ns + NC_LEASE_NS <= now_ns)
		old++;
	lease->count -= old;
	memmove(lease->waiting, lease->waiting + old, lease->count * sizeof lease->waiting[0]);
}

static void wait_add(struct nc_lease *lease, uint64_t sent_ns, uint64_t least)
{
	size_t count = lease->count;
	if (count > 0 && sent_ns <= lease->waiting[count - 1].sent_ns)
		return; /* a later renewal was answered before this one, and gives more */
	bool close =
	        count > 1 && lease->waiting[count - 1].sent_ns - lease->waiting[count - 2].sent_ns <
	                             NC_LEASE_APART_NS;
	if (close)
		count--; /* it takes the place of the last */
	nc_assert(count < NC_LEASE_WAITING_MAX);
	lease->waiting[count].sent_ns = sent_ns;
	lease->waiting[count].least = least;
	lease->count = count + 1;
}

void nc_lease_grant(struct nc_lease *lease, uint64_t sent_ns, uint64_t least, uint64_t clear,
                    uint64_t applied)
{
	if (lease->left && !NC_DELIVERY_MUTANT(LEFT_LEASE_GRANTED))
		return;
	later(&lease->clear, clear);
	if (least <= applied || NC_DELIVERY_MUTANT(LEASE_UNAPPLIED)) {
		later(&lease->until_ns, sent_ns + NC_LEASE_NS);
		return;
	}
	forget_old(lease, sent_ns);
	wait_add(lease, sent_ns, least);
}

void nc_lease_applied(struct nc_lease *lease, uint64_t applied)
{
	size_t kept = 0;
	for (size_t i = 0; i < lease->count; i++) {
		if (lease->waiting[i].least <= applied) {
			later(&lease->until_ns, lease->waiting[i].sent_ns + NC_LEASE_NS);
		} else {
			lease->waiting[kept++] = lease->waiting[i];
		}
	}
	lease->count = kept;
}

void nc_lease_leave(struct nc_lease *lease)
{
	*lease = (struct nc_lease){ .left = true };
}

bool nc_lease_holds(const struct nc_lease *lease, uint64_t since, uint64_t now_ns)
{
	bool clear = since <= lease->clear || NC_DELIVERY_MUTANT(OWNER_DOES_NOT_WAIT);
	bool stands = now_ns < lease->until_ns ||
	              (NC_DELIVERY_MUTANT(LEASE_OUTLIVED) && lease->until_ns > 0);
	return stands && clear;
}

bool nc_lease_asks(const struct nc_lease *lease, uint64_t since, uint64_t renewed_ns,
                   uint64_t now_ns)
{
	bool waits = since > lease->clear; /* until the leader says that the subscription is free */
	return waits || now_ns - renewed_ns >= (since > 0 ? NC_LEASE_RENEW_NS : IDLE_NS);
}
