/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which node runs a subscription, and when it may. */
#include "core/delivery/placement.h"

#include "core/delivery/mutants_private.h"

#define COMMIT_APART_NS (NC_PLACEMENT_BEHIND_NS / 8)

/* ---- Which ---------------------------------------------------------------------------------- */

/* The finaliser of splitmix64: each bit of the result depends on each bit of `x`. */
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
                        uint64_t changed_ns, uint64_t now_ns)
{
	*placement = (struct nc_placement_view){ .changed_ns = changed_ns };
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

/* ---- Who keeps up --------------------------------------------------------------------------- */

void nc_placement_committed(struct nc_placement_view *placement, uint64_t index, uint64_t now_ns)
{
	size_t count = placement->commit_count;
	if (count > 0 &&
	    now_ns - placement->commits[(count - 1) % NC_PLACEMENT_COMMITS].at_ns < COMMIT_APART_NS)
		return;
	placement->commits[count % NC_PLACEMENT_COMMITS].at_ns = now_ns;
	placement->commits[count % NC_PLACEMENT_COMMITS].index = index;
	placement->commit_count++;
}

/* Whether an entry above `applied` was committed NC_PLACEMENT_BEHIND_NS ago or earlier. */
static bool is_behind(const struct nc_placement_view *placement, uint64_t applied, uint64_t now_ns)
{
	size_t count = placement->commit_count;
	size_t first = count > NC_PLACEMENT_COMMITS ? count - NC_PLACEMENT_COMMITS : 0;
	for (size_t i = first; i < count; i++) {
		uint64_t at_ns = placement->commits[i % NC_PLACEMENT_COMMITS].at_ns;
		if (placement->commits[i % NC_PLACEMENT_COMMITS].index > applied &&
		    now_ns - at_ns >= NC_PLACEMENT_BEHIND_NS)
			return true;
	}
	return false;
}

/* The node was heard in the same life as before. If it was gone meanwhile, it has to show first
 * that it keeps up. */
static void trial_step(struct nc_placement_node *node, uint64_t now_ns)
{
	if (is_gone(node, now_ns)) {
		node->trial_ns = node->trial_ns == 0 ? NC_PLACEMENT_TRIAL_NS : node->trial_ns * 2;
		if (node->trial_ns > NC_PLACEMENT_TRIAL_MAX_NS)
			node->trial_ns = NC_PLACEMENT_TRIAL_MAX_NS;
		node->back_ns = now_ns;
	} else if (now_ns - node->back_ns >= node->trial_ns + NC_PLACEMENT_TRIAL_MAX_NS) {
		node->trial_ns = 0; /* long ago */
	}
}

static bool is_on_trial(const struct nc_placement_node *node, uint64_t now_ns)
{
	return node->trial_ns > 0 && now_ns - node->back_ns < node->trial_ns;
}

bool nc_placement_hear(struct nc_placement_view *placement, uint64_t number,
                       const struct nc_placement_renewal *renewal, uint64_t now_ns)
{
	struct nc_placement_node *node = find(placement, number);
	if (node == NULL || !node->voter)
		return false; /* its lease runs out */
	if (!renewal->leaving && is_behind(placement, renewal->released, now_ns))
		return false; /* likewise */
	/* One that came by a longer way than a later one takes nothing back. */
	bool later = renewal->boot > node->boot ||
	             (renewal->boot == node->boot && renewal->released >= node->released);
	if (renewal->boot == node->boot) {
		trial_step(node, now_ns);
	} else if (later) {
		node->trial_ns = 0;
	}
	node->heard_ns = now_ns;
	if (!later)
		return renewal->boot == node->boot;
	/* A node that is leaving stays so for this life. */
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
		if (node->voter && may_run(node, now_ns) && !is_on_trial(node, now_ns))
			nodes_out[count++] = node->number;
	}
	return count;
}

/* Whether it is too early to say that the node is gone: it was not heard since this node leads. */
static bool is_awaited(const struct nc_placement_node *node, uint64_t now_ns)
{
	return node != NULL && node->voter && node->boot == 0 && !is_gone(node, now_ns);
}

bool nc_placement_lives(const struct nc_placement_view *placement, struct nc_sub_owner owner,
                        uint64_t now_ns)
{
	const struct nc_placement_node *node = look(placement, owner.number);
	return node != NULL && node->boot == owner.boot && may_run(node, now_ns);
}

bool nc_placement_told(const struct nc_placement_view *placement, struct nc_sub_owner owner,
                       uint64_t entry, uint64_t *heard_ns_out, uint64_t *released_out)
{
	const struct nc_placement_node *node = look(placement, owner.number);
	if (node == NULL || node->boot == 0 || node->boot != owner.boot || node->leaving ||
	    node->released < entry)
		return false;
	*heard_ns_out = node->heard_ns;
	*released_out = node->released;
	return true;
}

bool nc_placement_leaves(const struct nc_placement_view *placement, uint64_t number)
{
	const struct nc_placement_node *node = look(placement, number);
	return node != NULL && node->leaving;
}

void nc_placement_round_begin(struct nc_placement_round *round,
                              const struct nc_placement_view *placement, struct nc_sub_owner self,
                              uint64_t now_ns)
{
	round->self = self;
	round->now_ns = now_ns;
	round->count = nc_placement_candidates(placement, now_ns, round->nodes);
}

bool nc_placement_owner(const struct nc_placement_view *placement,
                        const struct nc_placement_round *round,
                        const struct nc_placement_share *share, struct nc_sub_owner *owner_out)
{
	struct nc_sub_owner owner = { 0 };
	if (!share->spreads) {
		/* A subscription that does not spread goes back to the leader, without a lease.
		 * First the leader owns it under a lease, which proves that nobody else runs it. */
		bool ours = nc_sub_owner_same(share->owner, round->self);
		if (share->owner.number == 0 || (ours && !share->runs))
			return false;
		*owner_out = ours ? owner : round->self;
		return true;
	}
	owner.number = nc_placement_pick(share->name, round->nodes, round->count);
	const struct nc_placement_node *node = look(placement, owner.number);
	if (node == NULL || is_awaited(node, round->now_ns) ||
	    is_awaited(look(placement, share->owner.number), round->now_ns))
		return false;
	owner.boot = node->boot;
	*owner_out = owner;
	return !nc_sub_owner_same(owner, share->owner);
}

uint64_t nc_placement_clear(const struct nc_placement_view *placement, uint64_t applied,
                            uint64_t now_ns)
{
	uint64_t clear = applied;
	if (now_ns - placement->changed_ns <= NC_PLACEMENT_GONE_NS &&
	    !NC_DELIVERY_MUTANT(STRANGERS_FORGOTTEN))
		return 0; /* for a node that is not listed */
	if (NC_DELIVERY_MUTANT(STANDING_LEASE_IGNORED))
		return clear;
	for (size_t i = 0; i < placement->count; i++) {
		const struct nc_placement_node *node = &placement->nodes[i];
		if (may_run(node, now_ns) && node->released < clear)
			clear = node->released;
	}
	return clear;
}
