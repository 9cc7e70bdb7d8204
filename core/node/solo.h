/* SPDX-License-Identifier: GPL-3.0-or-later */
/* solo.h -- consensus among one voter, in the form that core/raft has: proposals in, and a Ready
 * with what to persist and what to apply out. It elects itself, and commits what it has made
 * durable.
 *
 * Pure: no I/O, no clock. One thread.
 * Source: Ongaro's dissertation, 3.4 to 3.6, for a cluster of one.
 */
#ifndef NC_CORE_NODE_SOLO_H
#define NC_CORE_NODE_SOLO_H

#include "core/raft/log.h"

struct nc_solo {
	struct nc_log_hard hard;
	bool hard_changed;  /* since the last ready */
	uint64_t last;      /* of the entries proposed */
	uint64_t handed;    /* last that a ready gave to be persisted */
	uint64_t durable;   /* last that is durable */
	uint64_t first_own; /* the own-term no-op: when it is applied, all before it is */
};

/* What is to be done now; persist before anything else is promised. */
struct nc_solo_ready {
	bool hard_changed;
	struct nc_log_hard hard;
	uint64_t first, last; /* entries to persist; first > last: none */
	uint64_t commit;      /* entries through this one may be applied */
};

/* Start on a log that was recovered: a new term, a vote for oneself, and a no-op proposed at
 * first_own. */
void nc_solo_start(struct nc_solo *solo, const struct nc_log_bounds *bounds,
                   const struct nc_log_hard *hard, uint64_t self);

/* A new entry: its index; its term is solo->hard.term. */
uint64_t nc_solo_propose(struct nc_solo *solo);

struct nc_solo_ready nc_solo_ready(struct nc_solo *solo);

/* Entries through `index`, of `term`, are durable. A completion of an older term is ignored (ABA).
 */
void nc_solo_appended(struct nc_solo *solo, uint64_t index, uint64_t term);

/* The entries from `index` on could not be written for lack of room, and were not: forget them.
 * Nobody else has seen them. */
void nc_solo_retract(struct nc_solo *solo, uint64_t index);

#endif
