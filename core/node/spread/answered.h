/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answered.h -- which requests this node has answered lately, or will answer: the last
 * NC_ANSWERED_MAX, by their hashes. So if two nodes hear one request, only one answers it. An entry
 * is found for NC_ANSWERED_NS at most: a client that sends the same again later is answered again.
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
	uint64_t count;                 /* how many were ever noted */
	struct nc_hashmap by_hash;
};

/* The hash of a request, the same on every node: of what follows the root in its subject, its reply
 * subject and its body. */
uint64_t nc_answered_hash(struct nc_slice rest, struct nc_slice reply, struct nc_slice body);

/* Note a request. If there is no memory, it is not noted. */
void nc_answered_note(struct nc_answered *answered, uint64_t hash, uint64_t now_ns);
bool nc_answered_has(const struct nc_answered *answered, uint64_t hash, uint64_t now_ns);
void nc_answered_release(struct nc_answered *answered);

#endif
