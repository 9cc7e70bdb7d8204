/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which nodes may have heard a request because they owned its subscription. */
#include "core/node/spread/pasts.h"

#include "core/base/hashmap.h"
#include "core/delivery/placement.h"

/* A former owner may hear what comes within NC_PLACEMENT_GONE_NS after its time; by then it knows
 * that it no longer owns the subscription. */
static bool may_hear(uint64_t until_ns, uint64_t arrived_ns)
{
	return until_ns > 0 && arrived_ns <= until_ns + NC_PLACEMENT_GONE_NS;
}

static void lose(struct nc_pasts *pasts, uint64_t until_ns)
{
	if (until_ns > pasts->lost_ns)
		pasts->lost_ns = until_ns;
}

void nc_pasts_begin(struct nc_pasts *pasts, uint64_t now_ns)
{
	lose(pasts, now_ns);
}

void nc_pasts_note(struct nc_pasts *pasts, struct nc_slice name, struct nc_sub_owner owner,
                   uint64_t now_ns)
{
	struct nc_past *past = &pasts->at[pasts->count++ % NC_PASTS_MAX];
	lose(pasts, past->until_ns);
	*past = (struct nc_past){ nc_hash_bytes(name), owner, now_ns };
}

/* Only the last leader is remembered; and in the terms between, any node may have led. */
void nc_pasts_led(struct nc_pasts *pasts, struct nc_sub_owner leader, uint64_t term,
                  uint64_t now_ns)
{
	bool same = nc_sub_owner_same(pasts->led, leader);
	if (!same || term > pasts->led_term + 1)
		lose(pasts, now_ns);
	pasts->led = leader;
	pasts->led_term = term;
}

void nc_pasts_lead(struct nc_pasts *pasts, uint64_t term, uint64_t now_ns)
{
	if (term > pasts->led_term + 1)
		lose(pasts, now_ns);
	pasts->led_term = term;
	pasts->lead_ns = now_ns;
}

bool nc_pasts_hearers(const struct nc_pasts *pasts, struct nc_slice name, uint64_t arrived_ns,
                      struct nc_pasts_of *of_out)
{
	struct nc_pasts_of of = { .count = 0 };
	uint64_t hash = nc_hash_bytes(name);
	size_t kept = pasts->count < NC_PASTS_MAX ? pasts->count : NC_PASTS_MAX;
	if (may_hear(pasts->lost_ns, arrived_ns))
		return false;
	if (pasts->led.number != 0 && may_hear(pasts->lead_ns, arrived_ns))
		of.who[of.count++] = pasts->led;
	for (size_t i = 1; i <= kept; i++) {
		const struct nc_past *past = &pasts->at[(pasts->count - i) % NC_PASTS_MAX];
		if (!may_hear(past->until_ns, arrived_ns))
			break; /* nor may earlier ones */
		if (past->name != hash)
			continue;
		if (of.count == NC_PASTS_OF_MAX)
			return false;
		of.who[of.count++] = past->owner;
	}
	*of_out = of;
	return true;
}
