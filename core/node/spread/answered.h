/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answered.h -- which requests this node has answered lately, or is going to: the last
 * NC_ANSWERED_MAX, by their hashes, so that two who have heard one request answer it once. Each is
 * found for NC_ANSWERED_NS at most: who asks twice by the same words is answered twice.
 *
 * Life:    `= {0}` is an empty one, which takes memory at the first note; nc_answered_release().
 * Threads: one at a time.
 */
#ifndef NC_CORE_NODE_SPREAD_ANSWERED_H
#define NC_CORE_NODE_SPREAD_ANSWERED_H

#include "core/base/hashmap.h"

#define NC_ANSWERED_MAX 16384u
#define NC_ANSWERED_NS  UINT64_C(10000000000)

struct nc_answered_note {
	uint64_t hash, at_ns;
};

struct nc_answered {
	struct nc_answered_note *notes; /* [NC_ANSWERED_MAX], a ring; NULL: none yet */
	uint64_t count;                 /* noted in all */
	struct nc_hashmap by_hash;
};

/* Of a request: its subject behind the root, who is to be answered, its body. The same on every
 * node. */
uint64_t nc_answered_hash(struct nc_slice rest, struct nc_slice reply, struct nc_slice body);

/* Without memory it is not noted. */
void nc_answered_note(struct nc_answered *answered, uint64_t hash, uint64_t now_ns);
bool nc_answered_has(const struct nc_answered *answered, uint64_t hash, uint64_t now_ns);
void nc_answered_release(struct nc_answered *answered);

#endif
