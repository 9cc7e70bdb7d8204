/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Clusters form: in any order of starts, with hellos lost and late, nodes restarted at any moment
 * and lines cut, at most one comes of nodes that are fewer than twice as many as are expected; and
 * one does, when all is well again. */
#include "core/node/cluster/formation.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define NODES_MAX   5u
#define MESSAGES    256u
#define TICK_MS     50u
#define HELLO_TICKS 5u

struct node {
	struct nc_formation formation;
	struct nc_cluster_record durable;
	bool up;
	uint64_t epoch, message;
	uint64_t heard_epoch[NODES_MAX], heard_message[NODES_MAX];
};

struct message {
	uint64_t due_ms; /* 0: the place is free */
	unsigned from, to;
	uint64_t epoch, number;
	uint8_t cluster_id[NC_PEER_CLUSTER_ID_SIZE];
	struct nc_hello hello;
};

struct world {
	unsigned count, expect;
	struct node nodes[NODES_MAX];
	struct message messages[MESSAGES];
	uint64_t now_ms, rng;
	bool cut[NODES_MAX][NODES_MAX];
	unsigned loss; /* per cent */
	uint64_t delay_ms;
};

static uint64_t rnd(struct world *world, uint64_t below)
{
	uint64_t z = world->rng += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % below;
}

static uint64_t number_of(unsigned i)
{
	return 1000 + 7 * (NODES_MAX - i); /* not in the order of the names */
}

static void node_start(struct world *world, unsigned i)
{
	struct node *node = &world->nodes[i];
	char name[8];
	(void)snprintf(name, sizeof name, "n%u", i + 1);
	node->up = true;
	node->epoch++;
	node->message = 0;
	memset(node->heard_epoch, 0, sizeof node->heard_epoch);
	memset(node->heard_message, 0, sizeof node->heard_message);
	nc_formation_init(&node->formation, name, number_of(i), world->expect, &node->durable,
	                  world->now_ms);
}

/* The record has changed: it is saved; or the node ends before that. */
static void changed(struct world *world, unsigned i, bool hostile)
{
	struct node *node = &world->nodes[i];
	if (hostile && rnd(world, 20) == 0) {
		node->up = false;
	} else {
		node->durable = node->formation.record;
	}
}

static void hello_make(struct world *world, unsigned i, struct nc_hello *hello)
{
	struct node *node = &world->nodes[i];
	const struct nc_cluster_record *record = &node->formation.record;
	*hello = (struct nc_hello){ .phase = record->phase,
		                    .expect = node->formation.expect,
		                    .proposer = record->proposer };
	if (record->phase == NC_HELLO_PLEDGED)
		memcpy(hello->founding_id, record->cluster_id, NC_PEER_CLUSTER_ID_SIZE);
	for (unsigned j = 0; j < world->count; j++) {
		const struct nc_cluster_node *named = nc_cluster_record_find(record, number_of(j));
		struct nc_hello_node *to = &hello->nodes[hello->node_count++];
		*to = (struct nc_hello_node){ .number = number_of(j),
			                      .epoch = node->heard_epoch[j] };
		(void)snprintf(to->name, sizeof to->name, "n%u", j + 1);
		if (named != NULL && record->phase == NC_HELLO_PLEDGED)
			to->flags = NC_HELLO_FOUNDER;
		if (named != NULL && record->phase == NC_HELLO_MEMBER)
			to->flags = NC_HELLO_VOTER;
	}
}

static void hello_send(struct world *world, unsigned i)
{
	struct node *node = &world->nodes[i];
	node->message++;
	for (unsigned to = 0; to < world->count; to++) {
		if (to == i || world->cut[i][to] || rnd(world, 100) < world->loss)
			continue;
		struct message *message = &world->messages[rnd(world, MESSAGES)]; /* or lost */
		*message =
		        (struct message){ .due_ms = world->now_ms + 1 + rnd(world, world->delay_ms),
			                  .from = i,
			                  .to = to,
			                  .epoch = node->epoch,
			                  .number = node->message };
		if (node->formation.record.phase == NC_HELLO_MEMBER) {
			memcpy(message->cluster_id, node->formation.record.cluster_id,
			       NC_PEER_CLUSTER_ID_SIZE);
		}
		hello_make(world, i, &message->hello);
	}
}

/* As the gate does: of an older life, or older than the last, nothing. */
static void deliver(struct world *world, struct message *message, bool hostile)
{
	struct node *to = &world->nodes[message->to];
	unsigned from = message->from;
	char name[8];
	(void)snprintf(name, sizeof name, "n%u", from + 1);
	message->due_ms = 0;
	if (!to->up || message->epoch < to->heard_epoch[from] ||
	    (message->epoch == to->heard_epoch[from] && message->number <= to->heard_message[from]))
		return;
	to->heard_epoch[from] = message->epoch;
	to->heard_message[from] = message->number;
	const struct nc_hello_node *me = nc_hello_find(&message->hello, number_of(message->to));
	const struct nc_formation_from heard = { .name = name,
		                                 .number = number_of(from),
		                                 .cluster_id = message->cluster_id,
		                                 .fresh = me->epoch == to->epoch };
	if (nc_formation_hear(&to->formation, &heard, &message->hello, world->now_ms))
		changed(world, message->to, hostile);
}

static void node_tick(struct world *world, unsigned i, bool hostile)
{
	struct node *node = &world->nodes[i];
	uint8_t random[NC_PEER_CLUSTER_ID_SIZE];
	if (!node->up)
		return;
	for (size_t at = 0; at < sizeof random; at++)
		random[at] = (uint8_t)rnd(world, 256);
	if (nc_formation_tick(&node->formation, random, world->now_ms))
		changed(world, i, hostile);
	if (node->up && (world->now_ms / TICK_MS + i) % HELLO_TICKS == 0)
		hello_send(world, i);
}

/* No two nodes are members of different clusters, by what they will find on their disks. */
static void one_cluster(const struct world *world, uint64_t seed)
{
	const struct node *first = NULL;
	for (unsigned i = 0; i < world->count; i++) {
		const struct node *node = &world->nodes[i];
		if (node->durable.phase != NC_HELLO_MEMBER)
			continue;
		if (first == NULL)
			first = node;
		cr_assert_arr_eq(first->durable.cluster_id, node->durable.cluster_id,
		                 NC_PEER_CLUSTER_ID_SIZE, "two clusters: seed %llu",
		                 (unsigned long long)seed);
		cr_assert_eq(node->durable.node_count, world->expect);
	}
}

static void step(struct world *world, bool hostile, uint64_t seed)
{
	world->now_ms += TICK_MS;
	for (unsigned i = 0; i < MESSAGES; i++) {
		if (world->messages[i].due_ms != 0 && world->messages[i].due_ms <= world->now_ms)
			deliver(world, &world->messages[i], hostile);
	}
	for (unsigned i = 0; i < world->count; i++)
		node_tick(world, i, hostile);
	one_cluster(world, seed);
}

static void hostile_step(struct world *world)
{
	unsigned i = (unsigned)rnd(world, world->count), j = (unsigned)rnd(world, world->count);
	if (rnd(world, 40) == 0)
		world->nodes[i].up = false;
	if (rnd(world, 10) == 0 && !world->nodes[i].up)
		node_start(world, i);
	if (rnd(world, 30) == 0)
		world->cut[i][j] = !world->cut[i][j];
}

static unsigned members(const struct world *world)
{
	unsigned count = 0;
	for (unsigned i = 0; i < world->count; i++)
		count += world->nodes[i].up && world->nodes[i].durable.phase == NC_HELLO_MEMBER;
	return count;
}

static void run(uint64_t seed)
{
	static struct world world;
	world = (struct world){ .now_ms = 1000, .rng = seed };
	world.expect = 3;
	world.count = 3 + (unsigned)rnd(&world, 3);
	world.loss = (unsigned)rnd(&world, 40);
	world.delay_ms = rnd(&world, 3) == 0 ? 4000 : 200;
	uint64_t steps = 100 + rnd(&world, 600);
	for (uint64_t i = 0; i < steps; i++) {
		hostile_step(&world);
		step(&world, true, seed);
	}
	memset(world.cut, 0, sizeof world.cut);
	world.loss = 0;
	world.delay_ms = 20;
	for (unsigned i = 0; i < world.count; i++) {
		if (!world.nodes[i].up)
			node_start(&world, i);
	}
	for (int i = 0; i < 2000 && members(&world) < world.expect; i++)
		step(&world, false, seed);
	cr_assert_eq(members(&world), world.expect, "no cluster in 100 s: seed %llu",
	             (unsigned long long)seed);
}

Test(formation, at_most_one_cluster_whatever_happens_and_one_at_last)
{
	for (uint64_t seed = 1; seed <= 1500; seed++)
		run(seed);
}

/* ---- One at a time -------------------------------------------------------------------------- */

static void quiet_world(struct world *world, unsigned count, unsigned expect)
{
	*world = (struct world){
		.count = count, .expect = expect, .now_ms = 1000, .rng = 7, .delay_ms = 20
	};
}

static void pass(struct world *world, uint64_t ms)
{
	for (uint64_t i = 0; i < ms / TICK_MS; i++)
		step(world, false, 0);
}

Test(formation, waits_for_as_many_as_are_expected)
{
	static struct world world;
	quiet_world(&world, 3, 3);
	node_start(&world, 1);
	node_start(&world, 2);
	pass(&world, 120000);
	cr_assert_eq(members(&world), 0);
	node_start(&world, 0);
	pass(&world, 10000);
	cr_assert_eq(members(&world), 3);
}

Test(formation, a_node_that_expects_itself_alone_is_a_cluster_of_one)
{
	static struct world world;
	struct nc_raft_members founders;
	quiet_world(&world, 1, 1);
	node_start(&world, 0);
	pass(&world, 3000);
	cr_assert_eq(members(&world), 1);
	nc_cluster_record_founders(&world.nodes[0].durable, number_of(0), &founders);
	cr_assert_eq(founders.count, 1);
	cr_expect(founders.at[0].id == number_of(0) && founders.at[0].voter);
}

Test(formation, who_comes_too_late_founds_nothing_and_joins_when_it_is_counted)
{
	static struct world world;
	struct nc_raft_members founders;
	quiet_world(&world, 4, 3);
	for (unsigned i = 0; i < 3; i++)
		node_start(&world, i);
	pass(&world, 10000);
	node_start(&world, 3);
	pass(&world, 10000);
	cr_assert_eq(world.nodes[3].durable.phase, 0);
	/* The leader has taken it up: every member's hello lists it. */
	struct nc_hello hello = { .phase = NC_HELLO_MEMBER, .node_count = 1 };
	hello.nodes[0] = (struct nc_hello_node){ .number = number_of(3),
		                                 .name = "n4",
		                                 .flags = NC_HELLO_LEARNER };
	struct nc_formation_from from = { .name = "n1",
		                          .number = number_of(0),
		                          .cluster_id = world.nodes[0].durable.cluster_id };
	cr_expect(!nc_formation_hear(&world.nodes[3].formation, &from, &hello, world.now_ms));
	from.fresh = true;
	cr_assert(nc_formation_hear(&world.nodes[3].formation, &from, &hello, world.now_ms));
	cr_expect_eq(world.nodes[3].formation.record.phase, NC_HELLO_MEMBER);
	nc_cluster_record_founders(&world.nodes[3].formation.record, number_of(3), &founders);
	cr_expect_eq(founders.count, 0);
}

Test(formation, nodes_that_expect_different_numbers_do_not_found_together)
{
	static struct world world;
	quiet_world(&world, 3, 3);
	for (unsigned i = 0; i < 3; i++)
		node_start(&world, i);
	world.nodes[0].formation.expect = 2;
	pass(&world, 30000);
	cr_assert_eq(members(&world), 0);
	for (unsigned i = 0; i < 3; i++) {
		cr_expect(strstr(world.nodes[i].formation.said, "NACRE_BOOTSTRAP_EXPECT") != NULL,
		          "%s", world.nodes[i].formation.said);
	}
}
