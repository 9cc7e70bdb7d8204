/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transient subscriptions live in the leader's memory alone. The other nodes know their names, so
 * that who leads next tells people that they went, where the node that held them was killed and
 * could not tell it. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/grow.h"
#include "core/base/pack.h"
#include "core/engine/names.h"
#include "core/node/spread/spread_private.h"
#include "core/node/subs/subs_private.h"

#define GRACE_NS  UINT64_C(1000000000)  /* a leader that was deposed and lives has told by then */
#define OTHERS_NS UINT64_C(10000000000) /* who leads has told it by then */
#define AGAIN_NS  UINT64_C(1000000000)  /* after that, a node that did not answer is told again */

/* ---- The leader tells ----------------------------------------------------------------------- */

enum names {
	CHANGE, /* what was made or is gone; for nodes that know what there was before */
	ALL,    /* all there are; what the node knew before is over */
};

/* A message to a node, under way. */
struct nc_spread_telling {
	struct nc_spread_telling *prev, *next;
	struct nc_spread *spread; /* NULL: stopped meanwhile */
	uint64_t to;
};

static void on_told(void *ctx, int err, struct nc_slice body)
{
	struct nc_spread_telling *telling = ctx;
	struct nc_spread *spread = telling->spread;
	(void)body;
	if (spread != NULL) {
		if (telling->prev == NULL) {
			spread->tellings = telling->next;
		} else {
			telling->prev->next = telling->next;
		}
		if (telling->next != NULL)
			telling->next->prev = telling->prev;
		struct nc_hearer *hearer = nc_hearers_find(&spread->hearers, telling->to);
		/* A node of an earlier build does not know the call, and is left alone. */
		if (err != NC_OK && err != NC_INVALID && hearer != NULL) {
			hearer->epoch = 0;
			hearer->again_ns = nc_clock_ns() + AGAIN_NS;
		}
	}
	free(telling);
}

static int tell(struct nc_spread *spread, uint64_t to, enum names which, struct nc_slice names)
{
	struct nc_spread_telling *telling = malloc(sizeof *telling);
	if (telling == NULL)
		return NC_NOMEM;
	*telling = (struct nc_spread_telling){ NULL, spread->tellings, spread, to };
	const struct nc_spread_call call = { .verb = NC_SPREAD_TRANSIENT,
		                             .anew = which == ALL,
		                             .body = names };
	const struct nc_spread_question question = { .to = to, .fn = on_told, .ctx = telling };
	int err = nc_spread_ask(spread, &question, &call);
	if (err != NC_OK) {
		free(telling);
		return err;
	}
	if (spread->tellings != NULL)
		spread->tellings->prev = telling;
	spread->tellings = telling;
	return NC_OK;
}

/* NULL: it is this node. */
static struct nc_hearer *hearer_of(struct nc_spread *spread, const struct nc_raft_members *members,
                                   uint64_t number)
{
	return number == spread->self ? NULL : nc_hearers_get(&spread->hearers, members, number);
}

/* Tell all nodes that live and that these names are for. */
static void tell_all(struct nc_spread *spread, enum names which, struct nc_slice names)
{
	const struct nc_replica_status status = nc_replica_status(spread->service->replica);
	uint64_t now_ns = nc_clock_ns();
	for (uint32_t i = 0; i < status.raft.members.count; i++) {
		uint64_t number = status.raft.members.at[i].id;
		const struct nc_peer_node *node = nc_gate_node(nc_peer_gate(spread->peer), number);
		struct nc_hearer *hearer = hearer_of(spread, &status.raft.members, number);
		if (node == NULL || hearer == NULL || now_ns < hearer->again_ns)
			continue;
		bool knows = hearer->epoch == node->epoch;
		if (knows != (which == CHANGE))
			continue; /* it is told all of them at the next tick, or has been told */
		hearer->epoch = node->epoch;
		if (tell(spread, number, which, names) != NC_OK) {
			hearer->epoch = 0;
			hearer->again_ns = now_ns + AGAIN_NS;
		}
	}
}

static void say(struct nc_spread *spread, struct nc_slice name, enum nc_transient is)
{
	struct nc_buf names = { 0 };
	if (spread == NULL || !spread->leads)
		return;
	nc_spread_transient_put(&names, name, is);
	if (nc_buf_status(&names) == NC_OK)
		tell_all(spread, CHANGE, nc_buf_slice(&names));
	nc_buf_release(&names);
}

void nc_spread_transient_made(struct nc_spread *spread, struct nc_slice name)
{
	say(spread, name, NC_TRANSIENT_HELD);
}

void nc_spread_transient_gone(struct nc_spread *spread, struct nc_slice name)
{
	say(spread, name, NC_TRANSIENT_GONE);
}

static void hearers_step(struct nc_spread *spread)
{
	struct nc_buf names = { 0 };
	nc_subs_put_transient(spread->service->subs, &names);
	if (nc_buf_status(&names) == NC_OK)
		tell_all(spread, ALL, nc_buf_slice(&names));
	nc_buf_release(&names);
}

/* Whether there is a node that is to be told all of them. */
static bool hearers_wait(struct nc_spread *spread, uint64_t now_ns)
{
	const struct nc_replica_status status = nc_replica_status(spread->service->replica);
	for (uint32_t i = 0; i < status.raft.members.count; i++) {
		uint64_t number = status.raft.members.at[i].id;
		const struct nc_peer_node *node = nc_gate_node(nc_peer_gate(spread->peer), number);
		const struct nc_hearer *hearer = hearer_of(spread, &status.raft.members, number);
		if (node != NULL && hearer != NULL && hearer->epoch != node->epoch &&
		    now_ns >= hearer->again_ns)
			return true;
	}
	return false;
}

void nc_spread_transient_lead(struct nc_spread *spread)
{
	spread->hearers = (struct nc_hearers){ 0 };
}

/* This node has already published that they were deleted. */
void nc_spread_transient_step_down(struct nc_spread *spread)
{
	const struct nc_replica_status status = nc_replica_status(spread->service->replica);
	for (uint32_t i = 0; spread->leads && i < status.raft.members.count; i++) {
		uint64_t number = status.raft.members.at[i].id;
		if (number != spread->self)
			(void)tell(spread, number, ALL, nc_slice(NULL, 0));
	}
}

/* ---- The others know ------------------------------------------------------------------------ */

static struct nc_spread_transient *held_find(const struct nc_spread *spread, struct nc_slice name)
{
	struct nc_hashmap_probe probe;
	for (uint32_t id = nc_hashmap_first(&spread->transient_names, nc_hash_bytes(name), &probe);
	     id != NC_HASHMAP_NONE; id = nc_hashmap_next(&spread->transient_names, &probe)) {
		if (nc_slice_is(name, spread->transients[id].name))
			return &spread->transients[id];
	}
	return NULL;
}

static uint64_t hash_of(const struct nc_spread_transient *held)
{
	return nc_hash_bytes(nc_slice_str(held->name));
}

/* Remove one; the last takes its place. The map has room for that, since one was just taken out. */
static void held_remove(struct nc_spread *spread, struct nc_spread_transient *held)
{
	uint32_t at = (uint32_t)(held - spread->transients), last = spread->transient_count - 1;
	(void)nc_hashmap_remove(&spread->transient_names, hash_of(held), at);
	spread->transient_count = last;
	if (at == last)
		return;
	(void)nc_hashmap_remove(&spread->transient_names, hash_of(&spread->transients[last]), last);
	*held = spread->transients[last];
	(void)nc_hashmap_put(&spread->transient_names, hash_of(held), at);
}

static int held_add(struct nc_spread *spread, struct nc_slice name, uint64_t holder)
{
	if (!nc_grow(&spread->transients, sizeof *spread->transients, spread->transient_count,
	             &spread->transient_room, 64))
		return NC_NOMEM;
	struct nc_spread_transient *held = &spread->transients[spread->transient_count];
	held->holder = holder;
	(void)snprintf(held->name, sizeof held->name, "%.*s", (int)name.size,
	               (const char *)name.data);
	int err = nc_hashmap_put(&spread->transient_names, nc_hash_bytes(name),
	                         spread->transient_count);
	if (err == NC_OK)
		spread->transient_count++;
	return err;
}

static void held_forget(struct nc_spread *spread, uint64_t holder)
{
	for (uint32_t i = spread->transient_count; i-- > 0;) {
		if (spread->transients[i].holder == holder)
			held_remove(spread, &spread->transients[i]);
	}
}

static void held_forget_others(struct nc_spread *spread, uint64_t holder)
{
	for (uint32_t i = spread->transient_count; i-- > 0;) {
		if (spread->transients[i].holder != holder)
			held_remove(spread, &spread->transients[i]);
	}
}

int nc_spread_take_transient(struct nc_spread *spread, uint64_t from,
                             const struct nc_spread_call *told)
{
	struct nc_slice names = told->body, name;
	enum nc_transient is;
	int err = NC_OK;
	if (told->anew)
		held_forget(spread, from);
	while (err == NC_OK && nc_spread_transient_next(&names, &name, &is)) {
		struct nc_spread_transient *there = held_find(spread, name);
		if (there != NULL && is == NC_TRANSIENT_HELD) {
			there->holder = from; /* it was made again, by the present leader */
		} else if (there != NULL && there->holder == from) {
			held_remove(spread, there);
		} else if (there == NULL && is == NC_TRANSIENT_HELD) {
			err = held_add(spread, name, from);
		}
	}
	return err;
}

static void advise(struct nc_spread *spread, const struct nc_spread_transient *held)
{
	char members[160];
	(void)snprintf(members, sizeof members,
	               "\"subscription\":\"%s\",\"reason\":\"the node that held it is gone\"",
	               held->name);
	nc_service_advise(spread->service, "sub", "deleted", members);
}

void nc_spread_transient_tick(struct nc_spread *spread, uint64_t now_ns)
{
	uint64_t term, leader = nc_spread_leader(spread, &term);
	if (leader != spread->seen_leader) {
		spread->seen_leader = leader;
		spread->seen_ns = now_ns;
	}
	if (spread->leads && hearers_wait(spread, now_ns))
		hearers_step(spread);
	if (spread->transient_count == 0 || leader == 0)
		return;
	uint64_t since_ns = now_ns - spread->seen_ns;
	if (spread->leads && since_ns >= GRACE_NS) {
		for (uint32_t i = spread->transient_count; i-- > 0;) {
			if (spread->transients[i].holder != spread->self)
				advise(spread, &spread->transients[i]);
		}
		held_forget_others(spread, spread->self);
	} else if (!spread->leads && since_ns >= OTHERS_NS) {
		held_forget_others(spread, leader);
	}
}

void nc_spread_transient_drop(struct nc_spread *spread)
{
	for (struct nc_spread_telling *at = spread->tellings; at != NULL; at = at->next)
		at->spread = NULL; /* freed when its answer comes */
	spread->tellings = NULL;
	free(spread->transients);
	nc_hashmap_release(&spread->transient_names);
}
