/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The formation of a cluster. */
#include "core/node/cluster/formation.h"

#include <stdio.h>
#include <stdlib.h>

/* How long a node listens before it proposes, since a cluster may exist. */
#define LISTEN_MS 1000u
#define SEEN_MS   3000u /* for how long a node that was heard counts as there */
/* A founder that was not heard for so long is gone, and the proposal is given up. */
#define GONE_MS   10000u

static bool id_eq(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, NC_PEER_CLUSTER_ID_SIZE) == 0;
}

/* ---- The record ----------------------------------------------------------------------------- */

const struct nc_cluster_node *nc_cluster_record_find(const struct nc_cluster_record *record,
                                                     uint64_t number)
{
	for (uint32_t i = 0; i < record->node_count; i++) {
		if (record->nodes[i].number == number)
			return &record->nodes[i];
	}
	return NULL;
}

static void record_add(struct nc_cluster_record *record, uint64_t number, const char *name,
                       bool founder)
{
	if (record->node_count == NC_CLUSTER_NODES_MAX) { /* the oldest that is no founder */
		uint32_t i = 0;
		while (i + 1 < record->node_count && record->nodes[i].founder)
			i++;
		memmove(&record->nodes[i], &record->nodes[i + 1],
		        (record->node_count - i - 1) * sizeof record->nodes[0]);
		record->node_count--;
	}
	struct nc_cluster_node *node = &record->nodes[record->node_count++];
	*node = (struct nc_cluster_node){ .number = number, .founder = founder };
	(void)snprintf(node->name, sizeof node->name, "%s", name);
}

bool nc_cluster_record_name(struct nc_cluster_record *record, uint64_t number, const char *name)
{
	if (nc_cluster_record_find(record, number) != NULL)
		return false;
	record_add(record, number, name, false);
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct nc_raft_member *left = a, *right = b;
	return (left->id > right->id) - (left->id < right->id);
}

void nc_cluster_record_founders(const struct nc_cluster_record *record, uint64_t self,
                                struct nc_raft_members *founders_out)
{
	struct nc_raft_members founders = { 0 };
	const struct nc_cluster_node *me = nc_cluster_record_find(record, self);
	for (uint32_t i = 0; me != NULL && me->founder && i < record->node_count; i++) {
		if (record->nodes[i].founder && founders.count < NC_RAFT_MEMBERS_MAX) {
			founders.at[founders.count++] =
			        (struct nc_raft_member){ .id = record->nodes[i].number,
				                         .voter = true };
		}
	}
	qsort(founders.at, founders.count, sizeof founders.at[0], by_number);
	*founders_out = founders;
}

static void forming_again(struct nc_formation *formation, const char *why)
{
	formation->record = (struct nc_cluster_record){ .phase = NC_HELLO_FORMING };
	(void)snprintf(formation->said, sizeof formation->said, "the proposal was given up: %s",
	               why);
}

void nc_formation_init(struct nc_formation *formation, const char *name, uint64_t number,
                       uint64_t expect, const struct nc_cluster_record *record, uint64_t now_ms)
{
	*formation = (struct nc_formation){ .number = number,
		                            .expect = expect,
		                            .record = *record,
		                            .began_ms = now_ms,
		                            .pledged_ms = now_ms };
	(void)snprintf(formation->name, sizeof formation->name, "%s", name);
	if (formation->record.phase == 0)
		formation->record.phase = NC_HELLO_FORMING;
}

/* ---- Who is there --------------------------------------------------------------------------- */

static struct nc_formation_seen *seen_find(struct nc_formation *formation, uint64_t number)
{
	for (uint32_t i = 0; i < formation->seen_count; i++) {
		if (formation->seen[i].number == number)
			return &formation->seen[i];
	}
	return NULL;
}

static void seen_prune(struct nc_formation *formation, uint64_t now_ms)
{
	for (uint32_t i = 0; i < formation->seen_count;) {
		if (now_ms - formation->seen[i].heard_ms <= GONE_MS) {
			i++;
		} else {
			formation->seen[i] = formation->seen[--formation->seen_count];
		}
	}
}

static void seen_put(struct nc_formation *formation, const struct nc_formation_from *from,
                     const struct nc_hello *hello, uint64_t now_ms)
{
	struct nc_formation_seen *seen = seen_find(formation, from->number);
	if (seen == NULL) {
		if (formation->seen_count == NC_CLUSTER_NODES_MAX)
			return; /* there are more than enough */
		seen = &formation->seen[formation->seen_count++];
	}
	*seen = (struct nc_formation_seen){ .number = from->number,
		                            .expect = hello->expect,
		                            .heard_ms = now_ms,
		                            .phase = hello->phase };
	(void)snprintf(seen->name, sizeof seen->name, "%s", from->name);
	memcpy(seen->founding_id, hello->founding_id, sizeof seen->founding_id);
}

/* ---- Hearing -------------------------------------------------------------------------------- */

static bool lists_me(const struct nc_formation *formation, const struct nc_hello *hello,
                     uint8_t flags)
{
	const struct nc_hello_node *me = nc_hello_find(hello, formation->number);
	return me != NULL && (me->flags & flags) != 0;
}

/* An existing cluster counts this node among its members: become one, which is no founder. */
static bool join(struct nc_formation *formation, const struct nc_formation_from *from,
                 const struct nc_hello *hello)
{
	struct nc_cluster_record *record = &formation->record;
	*record = (struct nc_cluster_record){ .phase = NC_HELLO_MEMBER };
	memcpy(record->cluster_id, from->cluster_id, sizeof record->cluster_id);
	for (uint32_t i = 0; i < hello->node_count; i++) {
		if ((hello->nodes[i].flags & (NC_HELLO_VOTER | NC_HELLO_LEARNER)) != 0 &&
		    hello->nodes[i].name[0] != '\0') {
			(void)nc_cluster_record_name(record, hello->nodes[i].number,
			                             hello->nodes[i].name);
		}
	}
	return true;
}

/* Pledge to the proposal of `from`, which names this node. */
static bool pledge(struct nc_formation *formation, const struct nc_formation_from *from,
                   const struct nc_hello *hello, uint64_t now_ms)
{
	struct nc_cluster_record record = { .phase = NC_HELLO_PLEDGED, .proposer = from->number };
	memcpy(record.cluster_id, hello->founding_id, sizeof record.cluster_id);
	for (uint32_t i = 0; i < hello->node_count; i++) {
		if ((hello->nodes[i].flags & NC_HELLO_FOUNDER) != 0)
			record_add(&record, hello->nodes[i].number, hello->nodes[i].name, true);
	}
	if (record.node_count != formation->expect || record.node_count > NC_RAFT_MEMBERS_MAX) {
		(void)snprintf(formation->said, sizeof formation->said,
		               "%s proposes a cluster of %u nodes, and NACRE_BOOTSTRAP_EXPECT is "
		               "%llu here: not pledged",
		               from->name, record.node_count,
		               (unsigned long long)formation->expect);
		return false;
	}
	formation->record = record;
	formation->pledged_ms = now_ms;
	return true;
}

static bool hear_forming(struct nc_formation *formation, const struct nc_formation_from *from,
                         const struct nc_hello *hello, uint64_t now_ms)
{
	if (hello->phase == NC_HELLO_MEMBER &&
	    lists_me(formation, hello, NC_HELLO_VOTER | NC_HELLO_LEARNER))
		return join(formation, from, hello);
	if (hello->phase == NC_HELLO_PLEDGED && hello->proposer == from->number &&
	    lists_me(formation, hello, NC_HELLO_FOUNDER))
		return pledge(formation, from, hello, now_ms);
	return false;
}

static bool hear_pledged(struct nc_formation *formation, const struct nc_formation_from *from,
                         const struct nc_hello *hello)
{
	struct nc_cluster_record *record = &formation->record;
	bool mine = record->proposer == formation->number;
	bool member = hello->phase == NC_HELLO_MEMBER;
	if (member && id_eq(from->cluster_id, record->cluster_id)) { /* it was founded */
		record->phase = NC_HELLO_MEMBER;
		return true;
	}
	bool same =
	        hello->phase == NC_HELLO_PLEDGED && id_eq(hello->founding_id, record->cluster_id);
	if (!mine && from->number == record->proposer && !same &&
	    hello->phase != NC_HELLO_STARTING) {
		forming_again(formation, "by its proposer");
		return true;
	}
	if (mine && member) {
		forming_again(formation, "a cluster exists");
		return true;
	}
	if (mine && hello->phase == NC_HELLO_PLEDGED && !same &&
	    nc_cluster_record_find(record, from->number) != NULL) {
		forming_again(formation, "a founder is pledged elsewhere");
		return true;
	}
	return false;
}

bool nc_formation_hear(struct nc_formation *formation, const struct nc_formation_from *from,
                       const struct nc_hello *hello, uint64_t now_ms)
{
	if (nc_formation_done(formation))
		return false;
	if (hello->phase == NC_HELLO_MEMBER) {
		formation->existing_ms = now_ms;
	} else {
		seen_put(formation, from, hello, now_ms);
	}
	if (!from->fresh)
		return false;
	return formation->record.phase == NC_HELLO_FORMING
	               ? hear_forming(formation, from, hello, now_ms)
	               : hear_pledged(formation, from, hello);
}

/* ---- Proposing ------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	const struct nc_cluster_node *left = a, *right = b;
	return strcmp(left->name, right->name);
}

/* List, by name, the nodes that could found a cluster now, with this node among them. 0 if they are
 * too few, or if it is not the time. */
static uint32_t candidates(struct nc_formation *formation, uint64_t now_ms,
                           struct nc_cluster_node *out)
{
	uint32_t count = 0;
	formation->said[0] = '\0';
	out[count] = (struct nc_cluster_node){ .number = formation->number, .founder = true };
	memcpy(out[count++].name, formation->name, sizeof formation->name);
	for (uint32_t i = 0; i < formation->seen_count; i++) {
		const struct nc_formation_seen *seen = &formation->seen[i];
		if (now_ms - seen->heard_ms > SEEN_MS || seen->phase == NC_HELLO_STARTING)
			continue;
		if (seen->phase != NC_HELLO_FORMING) {
			(void)snprintf(formation->said, sizeof formation->said,
			               "%s has pledged itself to a proposal that is not decided",
			               seen->name);
			return 0;
		}
		if (seen->expect != formation->expect) {
			(void)snprintf(formation->said, sizeof formation->said,
			               "%s has another NACRE_BOOTSTRAP_EXPECT: %llu, here %llu",
			               seen->name, (unsigned long long)seen->expect,
			               (unsigned long long)formation->expect);
			continue;
		}
		out[count] = (struct nc_cluster_node){ .number = seen->number, .founder = true };
		memcpy(out[count++].name, seen->name, sizeof seen->name);
	}
	qsort(out, count, sizeof *out, by_name);
	return count;
}

static bool propose(struct nc_formation *formation, const uint8_t *random, uint64_t now_ms)
{
	struct nc_cluster_node nodes[NC_CLUSTER_NODES_MAX + 1];
	if (formation->existing_ms != 0 && now_ms - formation->existing_ms <= GONE_MS) {
		(void)snprintf(formation->said, sizeof formation->said,
		               "a cluster exists; its leader has to take this node up");
		return false;
	}
	if (formation->expect == NC_FORMATION_NEVER) {
		(void)snprintf(formation->said, sizeof formation->said,
		               "waiting to be taken up by the cluster it was part of; its own data "
		               "were damaged and set aside");
		return false;
	}
	if (now_ms - formation->began_ms < LISTEN_MS)
		return false;
	uint32_t count = candidates(formation, now_ms, nodes);
	if (count < formation->expect && formation->said[0] == '\0') {
		(void)snprintf(formation->said, sizeof formation->said,
		               "%u of %llu nodes without a cluster are here", count,
		               (unsigned long long)formation->expect);
	}
	if (count == 0 || count < formation->expect || nodes[0].number != formation->number)
		return false;
	for (uint32_t i = 1; i < formation->expect; i++) {
		if (strcmp(nodes[i - 1].name, nodes[i].name) == 0)
			/* two have one name: one of them is about to be refused, or is gone */
			return false;
	}
	struct nc_cluster_record *record = &formation->record;
	*record = (struct nc_cluster_record){ .phase = NC_HELLO_PLEDGED,
		                              .proposer = formation->number,
		                              .node_count = (uint32_t)formation->expect };
	memcpy(record->cluster_id, random, sizeof record->cluster_id);
	memcpy(record->nodes, nodes, record->node_count * sizeof nodes[0]);
	formation->pledged_ms = now_ms;
	return true;
}

/* As the proposer, decide if every founder has pledged. */
static bool decide(struct nc_formation *formation, uint64_t now_ms)
{
	struct nc_cluster_record *record = &formation->record;
	bool all = true;
	for (uint32_t i = 0; i < record->node_count; i++) {
		const struct nc_cluster_node *node = &record->nodes[i];
		if (node->number == formation->number)
			continue;
		const struct nc_formation_seen *seen = seen_find(formation, node->number);
		all = all && seen != NULL && seen->phase == NC_HELLO_PLEDGED &&
		      id_eq(seen->founding_id, record->cluster_id);
		if (seen == NULL && now_ms - formation->pledged_ms > GONE_MS) {
			forming_again(formation, "a founder is gone");
			return true;
		}
	}
	if (all)
		record->phase = NC_HELLO_MEMBER;
	return all;
}

bool nc_formation_tick(struct nc_formation *formation,
                       const uint8_t random[NC_PEER_CLUSTER_ID_SIZE], uint64_t now_ms)
{
	if (nc_formation_done(formation))
		return false;
	seen_prune(formation, now_ms);
	if (formation->record.phase == NC_HELLO_FORMING)
		return propose(formation, random, now_ms);
	if (formation->record.proposer == formation->number)
		return decide(formation, now_ms);
	(void)snprintf(formation->said, sizeof formation->said,
	               "pledged; the proposer has to decide. If it is gone for good, empty the "
	               "data directories of all nodes: they hold nothing yet");
	return false;
}
