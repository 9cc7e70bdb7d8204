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

/* Nobody was a voter before who is none now. */
static void begin(struct nc_placement_view *view, size_t count, uint64_t now_ms)
{
	nc_placement_begin(view, three, count, 0, now_ms * MS);
}

Test(placement, awaits_voters_for_a_while_and_then_goes_on_without_them)
{
	struct nc_placement_view view;
	uint64_t nodes[NC_PLACEMENT_NODES_MAX];
	begin(&view, 3, 1000);
	hear(&view, 1, 7, 0, 1010);
	cr_expect_eq(nc_placement_candidates(&view, 1010 * MS, nodes), 3u);
	cr_expect_eq(nc_placement_candidates(&view, 2200 * MS, nodes), 3u);
	cr_expect_eq(nc_placement_candidates(&view, 2201 * MS, nodes), 1u);
	cr_expect_eq(nodes[0], 1u);
	nc_placement_stalled(&view, 2000 * MS, 3000 * MS);
	cr_expect_eq(nc_placement_candidates(&view, 3000 * MS, nodes), 3u,
	             "we were deaf, they may not be gone");
}

Test(placement, who_was_gone_before_we_were_deaf_stays_gone)
{
	struct nc_placement_view view;
	uint64_t nodes[NC_PLACEMENT_NODES_MAX];
	begin(&view, 3, 1000);
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
	begin(&view, 3, 3000);
	cr_expect_eq(nc_placement_clear(&view, 50, 3000 * MS), 0u, "leases of the leader before");
	hear(&view, 1, 1, 50, 3010);
	hear(&view, 2, 1, 40, 3010);
	hear(&view, 3, 1, 60, 3010);
	cr_expect_eq(nc_placement_clear(&view, 50, 3010 * MS), 40u);
	hear(&view, 2, 1, 30, 3020); /* by a longer way than the later one */
	cr_expect_eq(nc_placement_clear(&view, 50, 3020 * MS), 40u);
	hear(&view, 1, 1, 55, 4220);
	hear(&view, 3, 1, 60, 4220);
	cr_expect_eq(nc_placement_clear(&view, 55, 4220 * MS), 40u, "its lease may still last");
	cr_expect_eq(nc_placement_clear(&view, 55, 4221 * MS), 55u, "it is gone");
}

Test(placement, who_leaves_is_no_candidate_and_not_waited_for)
{
	struct nc_placement_view view;
	uint64_t nodes[NC_PLACEMENT_NODES_MAX];
	const struct nc_placement_renewal leaves = { .boot = 5, .released = 10, .leaving = true };
	begin(&view, 2, 2000);
	hear(&view, 1, 1, 90, 2010);
	cr_assert(nc_placement_hear(&view, 2, &leaves, 2010 * MS));
	hear(&view, 2, 5, 10, 2020); /* sent before, and late */
	cr_expect_eq(nc_placement_candidates(&view, 2020 * MS, nodes), 1u);
	cr_expect_eq(nc_placement_clear(&view, 90, 2020 * MS), 90u);
	hear(&view, 2, 6, 0, 2030); /* and is back */
	cr_expect_eq(nc_placement_candidates(&view, 2030 * MS, nodes), 2u);
}

Test(placement, remembers_who_is_no_voter_any_more_while_its_lease_may_last)
{
	struct nc_placement_view view;
	uint64_t nodes[NC_PLACEMENT_NODES_MAX];
	begin(&view, 3, 2000);
	for (uint64_t number = 1; number <= 3; number++)
		hear(&view, number, 1, 10 * number, 2010);
	nc_placement_voters(&view, three + 1, 2, 2020 * MS);
	cr_expect_eq(nc_placement_candidates(&view, 2020 * MS, nodes), 2u);
	cr_expect_eq(nc_placement_clear(&view, 99, 2020 * MS), 10u);
	cr_expect_not(nc_placement_hear(&view, 1, &(struct nc_placement_renewal){ 1, 10, false },
	                                3400 * MS),
	              "it gets no other");
	hear(&view, 2, 1, 20, 3500);
	hear(&view, 3, 1, 30, 3500);
	nc_placement_voters(&view, three + 1, 2, 3500 * MS);
	cr_expect_eq(view.count, 2u);
	cr_expect_eq(nc_placement_clear(&view, 99, 3500 * MS), 20u);
}

Test(placement, waits_out_the_lease_of_one_whom_the_last_leader_removed)
{
	struct nc_placement_view view;
	/* 1 is no voter any more; the entry that says so came here at 1,700. */
	nc_placement_begin(&view, three + 1, 2, 1700 * MS, 2000 * MS);
	hear(&view, 2, 1, 50, 2010);
	hear(&view, 3, 1, 60, 2010);
	cr_expect_eq(nc_placement_clear(&view, 70, 2010 * MS), 0u, "it may run what was its");
	hear(&view, 2, 1, 50, 2890);
	hear(&view, 3, 1, 60, 2890);
	cr_expect_eq(nc_placement_clear(&view, 70, 2900 * MS), 0u);
	cr_expect_eq(nc_placement_clear(&view, 70, 2901 * MS), 50u);
}

/* ---- Who keeps up --------------------------------------------------------------------------- */

/* Leading since long; entry 100 + t / 10 is committed at the time t, and 1 and 2 keep up. */
struct course {
	struct nc_placement_view view;
	uint64_t now_ms;
	uint64_t behind_ms; /* 3 has applied what was committed so long ago */
	uint64_t boot;      /* of 3 */
};

static uint64_t commit_at(uint64_t ms)
{
	return 100 + ms / 10;
}

static void go_on(struct course *course, uint64_t until_ms)
{
	for (; course->now_ms < until_ms; course->now_ms += 20) {
		uint64_t now_ms = course->now_ms, commit = commit_at(now_ms);
		nc_placement_committed(&course->view, commit, now_ms * MS);
		if (now_ms % 200 != 0)
			continue;
		hear(&course->view, 1, 1, commit, now_ms);
		hear(&course->view, 2, 1, commit, now_ms);
		const struct nc_placement_renewal lags = { course->boot,
			                                   commit_at(now_ms - course->behind_ms),
			                                   false };
		bool heard = nc_placement_hear(&course->view, 3, &lags, now_ms * MS);
		cr_expect_eq(heard, course->behind_ms < 400, "%lu ms behind at %lu",
		             (unsigned long)course->behind_ms, (unsigned long)now_ms);
	}
}

static size_t candidates(const struct course *course)
{
	uint64_t nodes[NC_PLACEMENT_NODES_MAX];
	return nc_placement_candidates(&course->view, course->now_ms * MS, nodes);
}

static struct course course_begin(void)
{
	struct course course = { .now_ms = 10000, .boot = 1 };
	begin(&course.view, 3, course.now_ms);
	go_on(&course, 20000);
	return course;
}

Test(placement, who_lives_and_lags_is_gone_within_two_seconds)
{
	struct course course = course_begin();
	cr_expect_eq(candidates(&course), 3u);
	course.behind_ms = 300;
	go_on(&course, 30000);
	cr_expect_eq(candidates(&course), 3u, "a little behind all the time");
	course.behind_ms = 600;
	go_on(&course, 31000);
	cr_expect_eq(candidates(&course), 3u, "no longer than a lease");
	cr_expect_lt(nc_placement_clear(&course.view, 9999, course.now_ms * MS), 9999u);
	go_on(&course, 31240);
	cr_expect_eq(candidates(&course), 2u);
}

Test(placement, who_has_lagged_is_back_when_it_has_kept_up_for_a_while)
{
	struct course course = course_begin();
	static const uint64_t trials_ms[] = { 2000, 4000, 8000 };
	for (size_t i = 0; i < 3; i++) {
		course.behind_ms = 600;
		go_on(&course, course.now_ms + 1400);
		cr_expect_eq(candidates(&course), 2u);
		course.behind_ms = 0;
		uint64_t back_ms = course.now_ms;
		go_on(&course, back_ms + trials_ms[i] - 20);
		cr_expect_eq(candidates(&course), 2u, "trial %lu", (unsigned long)i);
		go_on(&course, back_ms + trials_ms[i] + 220);
		cr_expect_eq(candidates(&course), 3u, "trial %lu", (unsigned long)i);
	}
	course.behind_ms = 600;
	go_on(&course, course.now_ms + 1400);
	course.behind_ms = 0;
	course.boot = 2;
	go_on(&course, course.now_ms + 220);
	cr_expect_eq(candidates(&course), 3u, "another life is another beginning");
}

Test(placement, what_lags_at_rest_is_found_too)
{
	struct course course = course_begin();
	uint64_t commit = commit_at(20000) + 1; /* one more, and none after it */
	for (uint64_t ms = 20000; ms < 22000; ms += 20) {
		nc_placement_committed(&course.view, commit, ms * MS);
		if (ms % 200 == 0) {
			const struct nc_placement_renewal last = { 1, commit - 1, false };
			bool heard = nc_placement_hear(&course.view, 3, &last, ms * MS);
			cr_expect_eq(heard, ms < 20600, "at %lu", (unsigned long)ms);
		}
	}
}

/* ---- Who is to have it ---------------------------------------------------------------------- */

static bool owner_of(const struct course *course, struct nc_placement_share share,
                     struct nc_sub_owner *owner)
{
	struct nc_placement_round round;
	nc_placement_round_begin(&round, &course->view, (struct nc_sub_owner){ 1, 1 },
	                         course->now_ms * MS);
	*owner = (struct nc_sub_owner){ 99, 99 };
	return nc_placement_owner(&course->view, &round, &share, owner);
}

Test(placement, gives_a_share_to_who_is_picked_and_takes_it_from_an_earlier_life)
{
	struct course course = course_begin();
	struct nc_sub_owner owner;
	struct nc_placement_share share = { .name = NC_SLICE("work"), .spreads = true };
	cr_assert(owner_of(&course, share, &owner));
	cr_expect(owner.number >= 1 && owner.number <= 3 && owner.boot == 1);
	share.owner = owner;
	cr_expect_not(owner_of(&course, share, &owner), "it has it");
	share.owner.boot = 7;
	cr_expect(owner_of(&course, share, &owner), "it had it in another life");
}

Test(placement, gives_nothing_away_before_it_knows_who_lives)
{
	struct course course = { .now_ms = 10000 };
	struct nc_sub_owner owner;
	const struct nc_placement_share share = { NC_SLICE("work"), true, false, { 3, 1 } };
	begin(&course.view, 3, course.now_ms);
	hear(&course.view, 1, 1, 0, 10010);
	hear(&course.view, 2, 1, 0, 10010);
	cr_expect_not(owner_of(&course, share, &owner), "3 has not been heard yet");
	course.now_ms = 11201;
	hear(&course.view, 1, 1, 0, 11200);
	hear(&course.view, 2, 1, 0, 11200);
	cr_expect(owner_of(&course, share, &owner));
	cr_expect_neq(owner.number, 3u);
}

Test(placement, knows_whether_an_owner_is_there_to_be_asked)
{
	struct course course = course_begin();
	uint64_t now_ns = course.now_ms * MS;
	cr_expect(nc_placement_lives(&course.view, (struct nc_sub_owner){ 3, 1 }, now_ns));
	cr_expect_not(nc_placement_lives(&course.view, (struct nc_sub_owner){ 3, 9 }, now_ns),
	              "that was another life");
	cr_expect_not(nc_placement_lives(&course.view, (struct nc_sub_owner){ 0 }, now_ns));
	cr_expect_not(nc_placement_lives(&course.view, (struct nc_sub_owner){ 3, 1 },
	                                 now_ns + 2 * NC_PLACEMENT_GONE_NS));
}

Test(placement, knows_what_an_owner_has_said_and_when)
{
	struct nc_placement_view view;
	uint64_t heard_ns = 0, released = 0;
	begin(&view, 3, 0);
	const struct nc_sub_owner owner = { 2, 7 }, earlier = { 2, 6 };
	cr_expect_not(
	        nc_placement_told(&view, (struct nc_sub_owner){ 2, 0 }, 0, &heard_ns, &released),
	        "not heard yet");
	cr_expect_not(nc_placement_told(&view, owner, 0, &heard_ns, &released));
	hear(&view, 2, 7, 40, 100);
	cr_expect(nc_placement_told(&view, owner, 40, &heard_ns, &released));
	cr_expect(heard_ns == 100 * MS && released == 40);
	cr_expect_not(nc_placement_told(&view, owner, 41, &heard_ns, &released), "not so far");
	cr_expect_not(nc_placement_told(&view, earlier, 40, &heard_ns, &released));
	cr_expect_not(
	        nc_placement_told(&view, (struct nc_sub_owner){ 9, 7 }, 0, &heard_ns, &released));
	cr_expect_not(nc_placement_leaves(&view, 2) || nc_placement_leaves(&view, 9));
	const struct nc_placement_renewal leaves = { .boot = 7, .released = 50, .leaving = true };
	(void)nc_placement_hear(&view, 2, &leaves, 110 * MS);
	cr_expect(nc_placement_leaves(&view, 2));
	cr_expect_not(nc_placement_told(&view, owner, 40, &heard_ns, &released), "it leaves");
}

Test(placement, gives_one_back_to_the_leader_by_way_of_a_lease)
{
	struct course course = course_begin();
	struct nc_sub_owner owner;
	struct nc_placement_share share = { NC_SLICE("work"), false, false, { 3, 1 } };
	cr_assert(owner_of(&course, share, &owner));
	cr_expect(owner.number == 1 && owner.boot == 1, "the leader, as an owner");
	share.owner = owner;
	cr_expect_not(owner_of(&course, share, &owner), "3 may run it still");
	share.runs = true;
	cr_assert(owner_of(&course, share, &owner));
	cr_expect(owner.number == 0 && owner.boot == 0, "without a lease");
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
	nc_placement_begin(&world->view, three, NODES, 0, world->now_ms * MS);
}

static void assign(struct world *world)
{
	struct nc_placement_round round;
	uint64_t since;
	struct nc_sub_owner owner = owner_at(world, world->commit, &since);
	const struct nc_placement_share share = { NC_SLICE("work"), true, false, owner };
	nc_placement_round_begin(&round, &world->view, (struct nc_sub_owner){ 0 },
	                         world->now_ms * MS); /* the leader is not asked for */
	if (nc_placement_owner(&world->view, &round, &share, &owner))
		world->entries[++world->commit] = owner;
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
