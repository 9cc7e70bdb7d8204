/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tail.h -- the entries at the end of the log, in memory: what is on its way through the stages,
 * and as much before it as fits, so that followers are sent what was just written without reading
 * the log.
 *
 * Entries stand without a gap, from the oldest kept to the log's last. An entry belongs to the tail
 * from put until it is evicted or cut; while a stage works on it (entry->staged) it is not freed.
 *
 * Threads: one, the loop's. An entry in a stage is read by that stage's thread.
 */
#ifndef NC_CORE_NODE_REPLICA_TAIL_H
#define NC_CORE_NODE_REPLICA_TAIL_H

#include "core/node/replica/entry.h"

struct nc_tail {
	struct nc_entry **ring; /* [room], by index % room */
	size_t room;            /* a power of two, or 0 */
	uint64_t first, last;   /* first = last + 1: empty */
	uint64_t size;          /* bytes of payload kept */
};

/* Nothing yet; the next entry is last + 1. */
void nc_tail_init(struct nc_tail *tail, uint64_t last);

/* `entry->index` is last + 1. Errors: NC_NOMEM; the entry is still the caller's. */
int nc_tail_put(struct nc_tail *tail, struct nc_entry *entry);

/* NULL: not kept, or beyond the end. */
struct nc_entry *nc_tail_get(const struct nc_tail *tail, uint64_t index);

/* Entries from `index` on are replaced: `lost` is called for each, then it is freed, or orphaned if
 * a stage has it: whoever takes it from there frees it. */
void nc_tail_cut(struct nc_tail *tail, uint64_t index,
                 void (*lost)(void *ctx, struct nc_entry *entry), void *ctx);

/* Free the oldest entries that no stage has and nobody waits for, through `through` at most, while
 * more than `size_max` bytes are kept. */
void nc_tail_evict(struct nc_tail *tail, uint64_t through, uint64_t size_max);

/* Free all; no stage has any. */
void nc_tail_release(struct nc_tail *tail);

#endif
