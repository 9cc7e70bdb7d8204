/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which node runs a subscription, and when it may: a share for each, little moves; and, over
 * networks that lose and delay, nodes that crash and leaders that change, never two at once. */
#include "core/delivery/placement.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define MS UINT64_C(1000000)

/* ---- Which ---------------------------------------------------------------------------------- */

static uint64_t pick(int i, const uint64_t *nodes, size_t count)
{
	char name[16];
	(void)snprintf(name, sizeof name, "work-%d", i);
	return nc_placement_pick(nc_slice_str(name), nodes, count);
}

Test(placement, gives_each_node_its_share)
{
	const uint64_t nodes[] = { 3, 4, 5 };
	int share[6] = { 0 };
	for (int i = 0; i < 3000; i++)
		share[pick(i, nodes, 3)]++;
	for (int node = 3; node <= 5; node++)
		cr_expect(share[node] > 850 && share[node] < 1150, "%d: %d", node, share[node]);
	cr_expect_eq(pick(1, nodes, 0), 0u, "there is none");
}

Test(placement, moves_only_what_a_node_had_or_gets)
{
	const uint64_t before[] = { 3, 4, 5 }, less[] = { 5, 3 }, more[] = { 9, 5, 3, 4 };
	int moved = 0;
	for (int i = 0; i < 1000; i++) {
		uint64_t had = pick(i, before, 3);
		cr_expect(had == 4 || pick(i, less, 2) == had, "work-%d", i);
		uint64_t got = pick(i, more, 4);
		cr_expect(got == had || got == 9, "work-%d", i);
		moved += got == 9;
	}
	cr_expect(moved > 180 && moved < 320, "%d", moved);
}

/* ---- Who is there --------------------------------------------------------------------------- */

static const uint64_t three[] = { 1, 2, 3 };

static void hear(struct nc_placement_view *view, uint64_t number, uint64_t boot, uint64_t released,
                 uint64_t now_ms)
{
	const struct nc_placement_renewal renewal = { .boot = boot, .released = released };
	cr_assert(nc_placement_hear(view, number, &renewal, now_ms * MS));
}

Test(placement, awaits_voters_for_a_while_and_then_goes_on_without_them)
{
	struct nc_placement_view view;
	uint64_t nodes[NC_PLACEMENT_NODES_MAX];
	nc_placement_begin(&view, three, 3, 1000 * MS);
	hear(&view, 1, 7, 0, 1010);
	cr_expect_eq(nc_placement_candidates(&view, 1010 * MS, nodes), 3u);
	cr_expect_not(nc_placement_is_awaited(&view, 1, 1010 * MS));
	cr_expect(nc_placement_is_awaited(&view, 2, 2200 * MS));
	cr_expect_not(nc_placement_is_awaited(&view, 2, 2201 * MS));
	cr_expect_eq(nc_placement_candidates(&view, 2201 * MS, nodes), 1u);
	cr_expect_eq(nodes[0], 1u);
	cr_expect_eq(nc_placement_boot(&view, 1), 7u);
	nc_placement_stalled(&view, 2000 * MS, 3000 * MS);
	cr_expect_eq(nc_placement_candidates(&view, 3000 * MS, nodes), 3u,
	             "we were deaf, they may not be gone");
}

Test(placement, who_was_gone_before_we_were_deaf_stays_gone)
{
	struct nc_placement_view view;
	uint64_t nodes[NC_PLACEMENT_NODES_MAX];
	nc_placement_begin(&view, three, 3, 1000 * MS);
	for (uint64_t ms = 1000; ms <= 9000; ms += 100) {
		hear(&view, 1, 7, 0, ms);
		hear(&view, 2, 7, 0, ms);
	}
	nc_placement_stalled(&view, 9000 * MS, 9500 * MS);
	cr_expect_eq(nc_placement_candidates(&view, 9500 * MS, nodes), 2u);
}

Test(placement, is_clear_when_nobody_may_run_what_was_taken)
{
	struct nc_placement_view view;
	nc_placement_begin(&view, three, 3, 1000 * MS);
	cr_expect_eq(nc_placement_clear(&view, 50, 1000 * MS), 0u, "leases of the leader before");
	hear(&view, 1, 1, 50, 1010);
	hear(&view, 2, 1, 40, 1010);
	hear(&view, 3, 1, 60, 1010);
	cr_expect_eq(nc_placement_clear(&view, 50, 1010 * MS), 40u);
	hear(&view, 2, 1, 30, 1020); /* by a longer way than the later one */
	cr_expect_eq(nc_placement_clear(&view, 50, 1020 * MS), 40u);
	hear(&view, 1, 1, 55, 2220);
	hear(&view, 3, 1, 60, 2220);
	cr_expect_eq(nc_placement_clear(&view, 55, 2220 * MS), 40u, "its lease may still last");
	cr_expect_eq(nc_placement_clear(&view, 55, 2221 * MS), 55u, "it is gone");
}

Test(placement, who_leaves_is_no_candidate_and_not_waited_for)
{
	struct nc_placement_view view;
	uint64_t nodes[NC_PLACEMENT_NODES_MAX];
	const struct nc_placement_renewal leaves = { .boot = 5, .released = 10, .leaving = true };
	nc_placement_begin(&view, three, 2, 0);
	hear(&view, 1, 1, 90, 10);
	cr_assert(nc_placement_hear(&view, 2, &leaves, 10 * MS));
	hear(&view, 2, 5, 10, 20); /* sent before, and late */
	cr_expect_eq(nc_placement_candidates(&view, 20 * MS, nodes), 1u);
	cr_expect_eq(nc_placement_clear(&view, 90, 20 * MS), 90u);
	hear(&view, 2, 6, 0, 30); /* and is back */
	cr_expect_eq(nc_placement_candidates(&view, 30 * MS, nodes), 2u);
}

Test(placement, remembers_who_is_no_voter_any_more_while_its_lease_may_last)
{
	struct nc_placement_view view;
	uint64_t nodes[NC_PLACEMENT_NODES_MAX];
	nc_placement_begin(&view, three, 3, 0);
	for (uint64_t number = 1; number <= 3; number++)
		hear(&view, number, 1, 10 * number, 10);
	nc_placement_voters(&view, three + 1, 2, 20 * MS);
	cr_expect_eq(nc_placement_candidates(&view, 20 * MS, nodes), 2u);
	cr_expect_eq(nc_placement_clear(&view, 99, 20 * MS), 10u);
	cr_expect_not(nc_placement_hear(&view, 1, &(struct nc_placement_renewal){ 1, 10, false },
	                                1400 * MS),
	              "it gets no other");
	hear(&view, 2, 1, 20, 1500);
	hear(&view, 3, 1, 30, 1500);
	nc_placement_voters(&view, three + 1, 2, 1500 * MS);
	cr_expect_eq(view.count, 2u);
	cr_expect_eq(nc_placement_clear(&view, 99, 1500 * MS), 20u);
}

/* ---- A lease -------------------------------------------------------------------------------- */

Test(placement, a_lease_counts_from_its_asking_and_once_enough_is_applied)
{
	struct nc_lease lease = { 0 };
	cr_expect_not(nc_lease_holds(&lease, 0, 0));
	nc_lease_grant(&lease, 1000 * MS, 20, 15, 20);
	cr_expect(nc_lease_holds(&lease, 15, 1899 * MS));
	cr_expect_not(nc_lease_holds(&lease, 15, 1900 * MS));
	cr_expect_not(nc_lease_holds(&lease, 16, 1500 * MS), "another may still run it");
	nc_lease_grant(&lease, 1500 * MS, 30, 30, 25);
	nc_lease_grant(&lease, 1700 * MS, 40, 30, 25);
	cr_expect_not(nc_lease_holds(&lease, 15, 1900 * MS), "not applied yet");
	nc_lease_applied(&lease, 30);
	cr_expect(nc_lease_holds(&lease, 15, 2399 * MS), "the older one's is");
	cr_expect_not(nc_lease_holds(&lease, 15, 2400 * MS));
	nc_lease_applied(&lease, 40);
	cr_expect(nc_lease_holds(&lease, 30, 2599 * MS));
}

/* ---- Never two at once ---------------------------------------------------------------------- */

#define NODES    3
#define STEP_MS  10
#define ENTRIES  4096
#define MESSAGES 256

struct world_node {
	uint64_t boot, applied, asked_ms;
	uint64_t down_until_ms;   /* crashed */
	uint64_t deaf_until_ms;   /* cut off */
	uint64_t paused_until_ms; /* does nothing, and notices nothing */
	struct nc_lease lease;
};

struct world_message {
	uint64_t at_ms; /* arrives; 0: the place is free */
	bool answer;
	size_t node;
	uint64_t boot, sent_ms, term;
	struct nc_placement_renewal renewal;
	uint64_t least, clear;
};

/* One subscription, whose owners are the log. */
struct world {
	uint64_t random, now_ms, term;
	size_t leader;
	struct world_node nodes[NODES];
	struct nc_sub_owner entries[ENTRIES]; /* by index; number 0: another entry */
	uint64_t commit;
	struct nc_placement_view view;
	struct world_message messages[MESSAGES];
	bool quiet, careless;
	uint64_t both, ran_ms;
};

static uint64_t roll(struct world *world, uint64_t below)
{
	world->random = world->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (world->random >> 33) % below;
}

static void put(struct world *world, struct world_message message)
{
	uint64_t delay_ms = roll(world, 20) == 0 ? roll(world, 1500) : roll(world, 30);
	if (!world->quiet && roll(world, 10) == 0)
		return; /* lost */
	message.at_ms = world->now_ms + 1 + (world->quiet ? 5 : delay_ms);
	for (size_t i = 0; i < MESSAGES; i++) {
		if (world->messages[i].at_ms == 0) {
			world->messages[i] = message;
			return;
		}
	}
}

static bool is_up(const struct world *world, size_t i)
{
	const struct world_node *node = &world->nodes[i];
	return world->now_ms >= node->down_until_ms && world->now_ms >= node->paused_until_ms;
}

static bool hears(const struct world *world, size_t i)
{
	return is_up(world, i) && world->now_ms >= world->nodes[i].deaf_until_ms;
}

/* The last owner that is applied there, and since when. */
static struct nc_sub_owner owner_at(const struct world *world, uint64_t applied, uint64_t *since)
{
	for (*since = applied; *since > 0; (*since)--) {
		if (world->entries[*since].number != 0)
			return world->entries[*since];
	}
	return (struct nc_sub_owner){ 0 };
}

static void arrive(struct world *world, struct world_message message)
{
	if (message.answer) {
		struct world_node *node = &world->nodes[message.node];
		if (hears(world, message.node) && node->boot == message.boot) {
			nc_lease_grant(&node->lease, message.sent_ms * MS, message.least,
			               message.clear, node->applied);
		}
		return;
	}
	/* Who does not lead any more cannot confirm that it does. */
	if (message.term != world->term || !hears(world, world->leader))
		return;
	if (!nc_placement_hear(&world->view, message.node + 1, &message.renewal,
	                       world->now_ms * MS))
		return; /* of an earlier life of it */
	message.answer = true;
	message.least = world->commit;
	message.clear = nc_placement_clear(&world->view, world->nodes[world->leader].applied,
	                                   world->now_ms * MS);
	put(world, message);
}

static void lead(struct world *world)
{
	world->leader = roll(world, NODES);
	world->term++;
	nc_placement_begin(&world->view, three, NODES, world->now_ms * MS);
}

static void assign(struct world *world)
{
	uint64_t nodes[NC_PLACEMENT_NODES_MAX], since, now_ns = world->now_ms * MS;
	size_t count = nc_placement_candidates(&world->view, now_ns, nodes);
	struct nc_sub_owner owner = owner_at(world, world->commit, &since);
	uint64_t number = nc_placement_pick(NC_SLICE("work"), nodes, count);
	if (number == 0 || nc_placement_is_awaited(&world->view, number, now_ns) ||
	    nc_placement_is_awaited(&world->view, owner.number, now_ns))
		return;
	uint64_t boot = nc_placement_boot(&world->view, number);
	if (owner.number != number || owner.boot != boot)
		world->entries[++world->commit] = (struct nc_sub_owner){ number, boot };
}

static void trouble(struct world *world)
{
	struct world_node *node = &world->nodes[roll(world, NODES)];
	switch (roll(world, 300)) {
	case 0:
		node->down_until_ms = world->now_ms + 50 + roll(world, 2500);
		node->boot++;
		node->applied -= roll(world, 3) % (node->applied + 1);
		node->lease = (struct nc_lease){ 0 };
		break;
	case 1:
		node->deaf_until_ms = world->now_ms + roll(world, 3000);
		break;
	case 2:
		node->paused_until_ms = world->now_ms + roll(world, 3000);
		break;
	case 3:
		lead(world);
		break;
	case 4:
		world->commit++; /* an event */
		break;
	default:
		break;
	}
}

static void node_step(struct world *world, size_t i)
{
	struct world_node *node = &world->nodes[i];
	if (!is_up(world, i))
		return;
	if (hears(world, i) && node->applied < world->commit && roll(world, 4) == 0)
		nc_lease_applied(&node->lease, ++node->applied);
	if (world->now_ms - node->asked_ms < 200)
		return;
	node->asked_ms = world->now_ms;
	if (hears(world, i)) {
		put(world, (struct world_message){
		                   .node = i,
		                   .boot = node->boot,
		                   .sent_ms = world->now_ms,
		                   .term = world->term,
		                   .renewal = { .boot = node->boot, .released = node->applied } });
	}
}

/* Paused nodes count too: they may go on at any moment, and deliver before they look. But not after
 * their lease. */
static void running_check(struct world *world)
{
	size_t running = 0;
	for (size_t i = 0; i < NODES; i++) {
		const struct world_node *node = &world->nodes[i];
		uint64_t since;
		struct nc_sub_owner owner = owner_at(world, node->applied, &since);
		bool its = owner.number == i + 1 && owner.boot == node->boot &&
		           world->now_ms >= node->down_until_ms;
		if (world->careless)
			since = 0;
		running += its && nc_lease_holds(&node->lease, since, world->now_ms * MS);
	}
	world->both += running > 1;
	world->ran_ms += running > 0 ? STEP_MS : 0;
}

static void step(struct world *world)
{
	world->now_ms += STEP_MS;
	if (!world->quiet)
		trouble(world);
	for (size_t i = 0; i < MESSAGES; i++) {
		struct world_message message = world->messages[i];
		if (message.at_ms == 0 || message.at_ms > world->now_ms)
			continue;
		world->messages[i].at_ms = 0;
		arrive(world, message);
	}
	for (size_t i = 0; i < NODES; i++)
		node_step(world, i);
	if (world->now_ms % 100 == 0 && hears(world, world->leader))
		assign(world);
	running_check(world);
}

static struct world run(uint64_t seed, bool careless)
{
	struct world world = { .random = seed, .now_ms = 10000, .careless = careless };
	for (size_t i = 0; i < NODES; i++)
		world.nodes[i].boot = 1;
	lead(&world);
	for (int i = 0; i < 3000; i++)
		step(&world);
	world.quiet = true;
	for (int i = 0; i < 500; i++)
		step(&world);
	return world;
}

Test(placement, never_lets_two_nodes_run_one_subscription)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct world world = run(seed, false);
		cr_expect_eq(world.both, 0u, "seed %lu: two for %lu ms", (unsigned long)seed,
		             (unsigned long)(world.both * STEP_MS));
		cr_expect(world.ran_ms > 3000, "seed %lu: one for only %lu ms", (unsigned long)seed,
		          (unsigned long)world.ran_ms);
		uint64_t ran_ms = world.ran_ms;
		for (int i = 0; i < 50; i++)
			step(&world);
		cr_expect_eq(world.ran_ms - ran_ms, 50u * STEP_MS, "seed %lu: healed, and nobody",
		             (unsigned long)seed);
	}
}

Test(placement, that_world_finds_who_does_not_wait_for_what_is_clear)
{
	uint64_t both = 0;
	for (uint64_t seed = 1; seed <= 100; seed++)
		both += run(seed, true).both;
	cr_expect_gt(both, 0u);
}
