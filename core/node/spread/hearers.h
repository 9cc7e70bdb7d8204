/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hearers.h -- on the leader: in which of its lives each node was told all transient subscriptions
 * that it holds. There is a place for every member, whoever were members before.
 */
#ifndef NC_CORE_NODE_SPREAD_HEARERS_H
#define NC_CORE_NODE_SPREAD_HEARERS_H

#include "core/raft/message.h"

struct nc_hearer {
	uint64_t number;   /* 0: a place that is free */
	uint64_t epoch;    /* of the life in which it was told; 0: it is to be told */
	uint64_t again_ns; /* not before */
};

/* Begins as zeros. */
struct nc_hearers {
	struct nc_hearer at[NC_RAFT_MEMBERS_MAX];
};

/* NULL: it was not told anything. */
static inline struct nc_hearer *nc_hearers_find(struct nc_hearers *hearers, uint64_t number)
{
	for (size_t i = 0; i < NC_RAFT_MEMBERS_MAX; i++) {
		if (hearers->at[i].number == number)
			return &hearers->at[i];
	}
	return NULL;
}

/* The same of a member, which is given the place of one that is none any more, if need be. */
static inline struct nc_hearer *
nc_hearers_get(struct nc_hearers *hearers, const struct nc_raft_members *members, uint64_t number)
{
	struct nc_hearer *at = nc_hearers_find(hearers, number);
	for (size_t i = 0; i < NC_RAFT_MEMBERS_MAX && at == NULL; i++) {
		uint64_t there = hearers->at[i].number;
		if (there == 0 || nc_raft_members_find(members, there) == NULL)
			at = &hearers->at[i];
	}
	if (at != NULL && at->number != number)
		*at = (struct nc_hearer){ .number = number };
	return at;
}

#endif
