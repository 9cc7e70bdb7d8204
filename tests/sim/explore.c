/* SPDX-License-Identifier: GPL-3.0-or-later */
/* explore.c -- tries every order of what may happen, up to a depth, among three nodes: a message is
 * delivered, a disk completes an order, a node stands for election, proposes, or crashes,
 * with few of the latter. States that were seen, with as much depth left, are not entered again.
 * Prints how many states were visited.
 *
 *   nc_explore [--depth N] [--stands N] [--proposals N] [--crashes N]
 *
 * A message that is never delivered within the depth is a lost one: losing needs no step of its
 * own. Pre-votes are skipped: a candidate is told at once that all would vote for it, which only
 * adds behaviours.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/raft/raft_private.h"

#define NODES       3u
#define ENTRIES_MAX 12u
#define FLIGHT_MAX  24u
#define ORDERS_MAX  8u

struct letter {
	struct nc_raft_message message;
	uint64_t terms[ENTRIES_MAX];
};

struct order {
	struct nc_raft_mark mark;
	bool hard_changed;
	struct nc_log_hard hard;
	uint64_t first, last;
	uint64_t terms[ENTRIES_MAX];
};

struct disk {
	struct nc_log_hard hard;
	uint64_t last;
	uint64_t terms[ENTRIES_MAX + 1];
};

struct world {
	struct nc_raft *raft[NODES];
	struct disk disk[NODES];
	struct order orders[NODES][ORDERS_MAX];
	uint32_t order_count[NODES];
	struct letter flight[FLIGHT_MAX];
	uint32_t flight_count;
	uint32_t stands, proposals, crashes; /* left */
	/* What has been seen, to be checked. */
	uint64_t leaders[ENTRIES_MAX * 2];   /* by term */
	uint64_t committed[ENTRIES_MAX + 1]; /* terms, by index */
	uint64_t committed_last;
};

struct seen {
	uint64_t hash;
	uint32_t depth;
};

static struct seen *seen;
static size_t seen_room, seen_count;
static uint64_t visited, pruned, leaders_seen;

static const struct nc_raft_members members = { .count = NODES,
	                                        .at = { { 1, true }, { 2, true }, { 3, true } } };

/* ---- Worlds ---------------------------------------------------------------------------------- */

static struct nc_raft *born(const struct disk *disk, uint64_t id)
{
	struct nc_raft_options options = nc_raft_options_default(id, id);
	options.window_entries = 32;
	options.reads_max = 1;
	struct nc_raft *raft = NULL;
	struct nc_raft_start start = { .hard = disk->hard, .members = members };
	nc_assert(nc_raft_new(&options, &start, &raft) == NC_OK);
	for (uint64_t i = 1; i <= disk->last; i++) {
		struct nc_raft_entry entry = { .term = disk->terms[i], .kind = NC_LOG_COMMAND };
		nc_assert(nc_raft_load(raft, &entry) == NC_OK);
	}
	return raft;
}

static struct world *copy_of(const struct world *world)
{
	struct world *copy = malloc(sizeof *copy);
	nc_assert(copy != NULL);
	*copy = *world;
	for (uint32_t i = 0; i < NODES; i++)
		nc_assert(nc_raft_copy(world->raft[i], &copy->raft[i]) == NC_OK);
	return copy;
}

static void world_free(struct world *world)
{
	for (uint32_t i = 0; i < NODES; i++)
		nc_raft_free(world->raft[i]);
	free(world);
}

static void mix(uint64_t *hash, uint64_t value)
{
	*hash = (*hash ^ value) * 0x9e3779b97f4a7c15u;
	*hash ^= *hash >> 31;
}

static uint64_t letter_hash(const struct letter *letter)
{
	const struct nc_raft_message *m = &letter->message;
	uint64_t hash = m->type | (uint64_t)m->reject << 8;
	const uint64_t values[] = { m->from,     m->to,     m->term, m->index,
		                    m->log_term, m->commit, m->hint, m->entry_count };
	for (size_t i = 0; i < sizeof values / sizeof *values; i++)
		mix(&hash, values[i]);
	for (uint32_t i = 0; i < m->entry_count; i++)
		mix(&hash, letter->terms[i]);
	return hash;
}

static uint64_t world_hash(const struct world *world)
{
	uint64_t hash = world->stands | world->proposals << 8 | world->crashes << 16;
	for (uint32_t i = 0; i < NODES; i++) {
		mix(&hash, nc_raft_hash(world->raft[i]));
		const struct disk *disk = &world->disk[i];
		mix(&hash, disk->hard.term << 8 | disk->hard.vote);
		for (uint64_t j = 1; j <= disk->last; j++)
			mix(&hash, disk->terms[j]);
		for (uint32_t j = 0; j < world->order_count[i]; j++) {
			const struct order *order = &world->orders[i][j];
			mix(&hash, order->first << 8 | order->last);
			for (uint64_t k = order->first; k <= order->last; k++)
				mix(&hash, order->terms[k - order->first]);
		}
	}
	uint64_t flight = 0; /* in any order */
	for (uint32_t i = 0; i < world->flight_count; i++)
		flight += letter_hash(&world->flight[i]);
	mix(&hash, flight);
	return hash;
}

/* Whether this state was entered before with at least this depth left. */
static bool known(uint64_t hash, uint32_t depth)
{
	if (seen_count * 2 >= seen_room) {
		struct seen *old = seen;
		size_t old_room = seen_room;
		seen_room = old_room == 0 ? 1u << 16 : old_room * 2;
		seen = calloc(seen_room, sizeof *seen);
		nc_assert(seen != NULL);
		for (size_t i = 0; i < old_room; i++) {
			size_t at = old[i].hash & (seen_room - 1);
			while (old[i].hash != 0 && seen[at].hash != 0)
				at = (at + 1) & (seen_room - 1);
			if (old[i].hash != 0)
				seen[at] = old[i];
		}
		free(old);
	}
	hash |= hash == 0;
	size_t at = hash & (seen_room - 1);
	while (seen[at].hash != 0 && seen[at].hash != hash)
		at = (at + 1) & (seen_room - 1);
	if (seen[at].hash == hash && seen[at].depth >= depth)
		return true;
	seen_count += seen[at].hash == 0;
	seen[at] = (struct seen){ hash, depth };
	return false;
}

/* ---- What must hold -------------------------------------------------------------------------- */

static void check(struct world *world, uint32_t i)
{
	const struct nc_raft *raft = world->raft[i];
	if (raft->role == NC_RAFT_LEADER) {
		uint64_t *leader = &world->leaders[raft->hard.term];
		nc_assert(*leader == 0 || *leader == i + 1); /* election safety */
		leaders_seen += *leader == 0;
		*leader = i + 1;
	}
	for (uint64_t at = 1; at <= raft->commit; at++) {
		uint64_t term = 0;
		nc_assert(nc_raft_term_at(raft, at, &term) == NC_OK);
		if (at > world->committed_last)
			world->committed[world->committed_last = at] = term;
		nc_assert(world->committed[at] == term); /* state-machine safety */
	}
	nc_assert(nc_raft_check(raft) == NULL);
}

/* ---- What may happen ------------------------------------------------------------------------- */

static void post(struct world *world, const struct nc_raft_message *message)
{
	if (world->flight_count == FLIGHT_MAX || message->entry_count > ENTRIES_MAX)
		return; /* lost */
	struct letter *letter = &world->flight[world->flight_count++];
	*letter = (struct letter){ .message = *message };
	const struct nc_raft *from = world->raft[message->from - 1];
	for (uint32_t i = 0; i < message->entry_count; i++)
		(void)nc_raft_term_at(from, message->index + 1 + i, &letter->terms[i]);
}

static void pump(struct world *world, uint32_t i)
{
	struct nc_raft *raft = world->raft[i];
	while (nc_raft_has_ready(raft)) {
		struct nc_raft_ready ready;
		nc_raft_ready(raft, &ready);
		nc_raft_applied(raft, ready.apply_last);
		if (ready.mark.order != 0) {
			nc_assert(world->order_count[i] < ORDERS_MAX);
			struct order *order = &world->orders[i][world->order_count[i]++];
			*order = (struct order){ ready.mark,  ready.hard_changed, ready.hard,
				                 ready.first, ready.last,         { 0 } };
			for (uint64_t at = ready.first; at <= ready.last; at++)
				(void)nc_raft_term_at(raft, at, &order->terms[at - ready.first]);
		}
		for (size_t m = 0; m < ready.message_count; m++)
			post(world, &ready.messages[m]);
	}
	check(world, i);
}

static void deliver(struct world *world, uint32_t which)
{
	struct letter letter = world->flight[which];
	world->flight[which] = world->flight[--world->flight_count];
	struct nc_raft_entry entries[ENTRIES_MAX];
	for (uint32_t i = 0; i < letter.message.entry_count; i++) {
		entries[i] =
		        (struct nc_raft_entry){ .term = letter.terms[i], .kind = NC_LOG_COMMAND };
	}
	letter.message.entries = entries;
	uint32_t to = (uint32_t)letter.message.to - 1;
	nc_assert(nc_raft_step(world->raft[to], &letter.message) == NC_OK);
	pump(world, to);
}

static void reach_disk(struct world *world, uint32_t i)
{
	struct order order = world->orders[i][0];
	world->order_count[i]--;
	memmove(world->orders[i], world->orders[i] + 1,
	        world->order_count[i] * sizeof *world->orders[i]);
	struct disk *disk = &world->disk[i];
	if (order.hard_changed)
		disk->hard = order.hard;
	for (uint64_t at = order.first; at <= order.last; at++)
		disk->terms[disk->last = at] = order.terms[at - order.first];
	nc_assert(nc_raft_appended(world->raft[i], order.mark) == NC_OK);
	pump(world, i);
}

static void crash(struct world *world, uint32_t i)
{
	world->crashes--;
	world->order_count[i] = 0;
	nc_raft_free(world->raft[i]);
	world->raft[i] = born(&world->disk[i], i + 1);
}

static void stand(struct world *world, uint32_t i)
{
	world->stands--;
	nc_raft_stand(world->raft[i], NC_RAFT_STAND_TOLD); /* past pre-vote and lease */
	pump(world, i);
}

static void propose(struct world *world, uint32_t i)
{
	uint64_t index, term;
	world->proposals--;
	(void)nc_raft_propose(world->raft[i], 0, &index, &term);
	pump(world, i);
}

/* The `action`-th thing that may happen to `world`; false: there are no more. */
static bool act(struct world *world, uint32_t action)
{
	if (action < world->flight_count) {
		deliver(world, action);
		return true;
	}
	action -= world->flight_count;
	for (uint32_t i = 0; i < NODES; i++) {
		const struct nc_raft *raft = world->raft[i];
		bool leads = raft->role == NC_RAFT_LEADER;
		if (world->order_count[i] > 0 && action-- == 0)
			return reach_disk(world, i), true;
		if (world->stands > 0 && !leads && action-- == 0)
			return nc_raft_reserve(world->raft[i], 1, 0), stand(world, i), true;
		if (world->proposals > 0 && leads && action-- == 0)
			return propose(world, i), true;
		if (world->crashes > 0 && action-- == 0)
			return crash(world, i), true;
	}
	return false;
}

static void explore(const struct world *world, uint32_t depth)
{
	visited++;
	if (depth == 0)
		return;
	for (uint32_t action = 0;; action++) {
		struct world *next = copy_of(world);
		bool done = !act(next, action);
		if (!done && known(world_hash(next), depth - 1)) {
			pruned++;
		} else if (!done) {
			explore(next, depth - 1);
		}
		world_free(next);
		if (done)
			return;
	}
}

int main(int argc, char **argv)
{
	static const struct option known_options[] = { { "depth", required_argument, NULL, 'd' },
		                                       { "stands", required_argument, NULL, 's' },
		                                       { "proposals", required_argument, NULL,
		                                         'p' },
		                                       { "crashes", required_argument, NULL, 'c' },
#ifdef NC_RAFT_MUTANTS
		                                       { "mutant", required_argument, NULL, 'm' },
#endif
		                                       { NULL, 0, NULL, 0 } };
	uint32_t depth = 9, limits[3] = { 2, 1, 1 };
	int option;
	while ((option = getopt_long(argc, argv, "", known_options, NULL)) != -1) {
		uint32_t value = optarg == NULL ? 0 : (uint32_t)strtoul(optarg, NULL, 10);
		switch (option) {
		case 'd':
			depth = value;
			break;
		case 's':
			limits[0] = value < ENTRIES_MAX ? value : ENTRIES_MAX - 1;
			break;
		case 'p':
			limits[1] = value < 4 ? value : 4;
			break;
		case 'c':
			limits[2] = value;
			break;
#ifdef NC_RAFT_MUTANTS
		case 'm':
			nc_raft_mutant = (enum nc_raft_mutant)value;
			break;
#endif
		default:
			return 2;
		}
	}
	struct world *world = calloc(1, sizeof *world);
	nc_assert(world != NULL);
	world->stands = limits[0];
	world->proposals = limits[1];
	world->crashes = limits[2];
	for (uint32_t i = 0; i < NODES; i++)
		world->raft[i] = born(&world->disk[i], i + 1);
	explore(world, depth);
	world_free(world);
	printf("depth %u: %llu states visited, %zu kept, %llu met again, %llu leaders\n", depth,
	       (unsigned long long)visited, seen_count, (unsigned long long)pruned,
	       (unsigned long long)leaders_seen);
	free(seen);
	return 0;
}
