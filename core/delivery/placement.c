/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which node runs a subscription, and when it may. */
#include "core/delivery/placement.h"

#include <string.h>

/* ---- Which ---------------------------------------------------------------------------------- */

/* splitmix64's finaliser: each bit of the result hangs on each of `x`. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* FNV-1a. */
static uint64_t name_hash(struct nc_slice name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < name.size; i++)
		hash = (hash ^ name.data[i]) * UINT64_C(0x100000001b3);
	return hash;
}

uint64_t nc_placement_pick(struct nc_slice name, const uint64_t *nodes, size_t count)
{
	uint64_t hash = name_hash(name), best = 0, best_score = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t score = mix(hash ^ mix(nodes[i]));
		bool higher = score > best_score || (score == best_score && nodes[i] > best);
		if (best == 0 || higher) {
			best = nodes[i];
			best_score = score;
		}
	}
	return best;
}

/* ---- The leader's view ---------------------------------------------------------------------- */

static struct nc_placement_node *find(struct nc_placement_view *placement, uint64_t number)
{
	for (size_t i = 0; i < placement->count; i++) {
		if (placement->nodes[i].number == number)
			return &placement->nodes[i];
	}
	return NULL;
}

static const struct nc_placement_node *look(const struct nc_placement_view *placement,
                                            uint64_t number)
{
	for (size_t i = 0; i < placement->count; i++) {
		if (placement->nodes[i].number == number)
			return &placement->nodes[i];
	}
	return NULL;
}

static bool is_gone(const struct nc_placement_node *node, uint64_t now_ns)
{
	return now_ns > node->heard_ns && now_ns - node->heard_ns > NC_PLACEMENT_GONE_NS;
}

static bool may_run(const struct nc_placement_node *node, uint64_t now_ns)
{
	return !node->leaving && !is_gone(node, now_ns);
}

/* NULL: there is no room. */
static struct nc_placement_node *add(struct nc_placement_view *placement, uint64_t number,
                                     uint64_t now_ns)
{
	if (placement->count == NC_PLACEMENT_NODES_MAX)
		return NULL;
	struct nc_placement_node *node = &placement->nodes[placement->count++];
	*node = (struct nc_placement_node){ .number = number, .heard_ns = now_ns };
	return node;
}

void nc_placement_begin(struct nc_placement_view *placement, const uint64_t *voters, size_t count,
                        uint64_t now_ns)
{
	*placement = (struct nc_placement_view){ 0 };
	nc_placement_voters(placement, voters, count, now_ns);
}

static bool is_among(uint64_t number, const uint64_t *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (numbers[i] == number)
			return true;
	}
	return false;
}

void nc_placement_voters(struct nc_placement_view *placement, const uint64_t *voters, size_t count,
                         uint64_t now_ns)
{
	size_t kept = 0;
	for (size_t i = 0; i < placement->count; i++) {
		struct nc_placement_node node = placement->nodes[i];
		node.voter = is_among(node.number, voters, count);
		if (node.voter || may_run(&node, now_ns))
			placement->nodes[kept++] = node;
	}
	placement->count = kept;
	for (size_t i = 0; i < count; i++) {
		struct nc_placement_node *node = find(placement, voters[i]);
		if (node == NULL)
			node = add(placement, voters[i], now_ns);
		if (node != NULL)
			node->voter = true;
	}
}

bool nc_placement_hear(struct nc_placement_view *placement, uint64_t number,
                       const struct nc_placement_renewal *renewal, uint64_t now_ns)
{
	struct nc_placement_node *node = find(placement, number);
	if (node == NULL || !node->voter)
		return false; /* what lease it had runs out */
	/* One that came by a longer way than a later one takes nothing back. */
	bool later = renewal->boot > node->boot ||
	             (renewal->boot == node->boot && renewal->released >= node->released);
	node->heard_ns = now_ns;
	if (!later)
		return renewal->boot == node->boot;
	/* Who leaves does not change its mind in that life. */
	node->leaving = renewal->leaving || (node->leaving && node->boot == renewal->boot);
	node->boot = renewal->boot;
	node->released = renewal->released;
	return true;
}

void nc_placement_stalled(struct nc_placement_view *placement, uint64_t since_ns, uint64_t now_ns)
{
	for (size_t i = 0; i < placement->count; i++) {
		if (!is_gone(&placement->nodes[i], since_ns))
			placement->nodes[i].heard_ns = now_ns;
	}
}

size_t nc_placement_candidates(const struct nc_placement_view *placement, uint64_t now_ns,
                               uint64_t nodes_out[NC_PLACEMENT_NODES_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < placement->count; i++) {
		const struct nc_placement_node *node = &placement->nodes[i];
		if (node->voter && may_run(node, now_ns))
			nodes_out[count++] = node->number;
	}
	return count;
}

bool nc_placement_is_awaited(const struct nc_placement_view *placement, uint64_t number,
                             uint64_t now_ns)
{
	const struct nc_placement_node *node = look(placement, number);
	return node != NULL && node->voter && node->boot == 0 && !is_gone(node, now_ns);
}

uint64_t nc_placement_boot(const struct nc_placement_view *placement, uint64_t number)
{
	const struct nc_placement_node *node = look(placement, number);
	return node == NULL ? 0 : node->boot;
}

uint64_t nc_placement_clear(const struct nc_placement_view *placement, uint64_t applied,
                            uint64_t now_ns)
{
	uint64_t clear = applied;
	for (size_t i = 0; i < placement->count; i++) {
		const struct nc_placement_node *node = &placement->nodes[i];
		if (may_run(node, now_ns) && node->released < clear)
			clear = node->released;
	}
	return clear;
}

/* ---- A node's lease ------------------------------------------------------------------------- */

static void later(uint64_t *what, uint64_t than)
{
	if (than > *what)
		*what = than;
}

void nc_lease_grant(struct nc_lease *lease, uint64_t sent_ns, uint64_t least, uint64_t clear,
                    uint64_t applied)
{
	later(&lease->clear, clear);
	lease->given[lease->next].until_ns = sent_ns + NC_PLACEMENT_LEASE_NS;
	lease->given[lease->next].least = least;
	lease->next = (lease->next + 1) % (sizeof lease->given / sizeof lease->given[0]);
	nc_lease_applied(lease, applied);
}

void nc_lease_applied(struct nc_lease *lease, uint64_t applied)
{
	for (size_t i = 0; i < sizeof lease->given / sizeof lease->given[0]; i++) {
		if (lease->given[i].least <= applied)
			later(&lease->until_ns, lease->given[i].until_ns);
	}
}

bool nc_lease_holds(const struct nc_lease *lease, uint64_t since, uint64_t now_ns)
{
	return now_ns < lease->until_ns && since <= lease->clear;
}
