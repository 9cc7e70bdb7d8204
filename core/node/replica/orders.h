/* SPDX-License-Identifier: GPL-3.0-or-later */
/* orders.h -- what consensus has ordered of the log writer, and what becomes of it on a disk that
 * has no room. No thread and no file: the simulator drives the same.
 *
 * The writer gives entries back in the order in which it got them, each written or refused. What
 * was with it behind a refused one may have been written all the same: a term and vote take less,
 * and an entry that takes the place of the refused one finds what somebody has left meanwhile. It
 * waits too, and is written once more behind that: its mark vouches for all before it, and the one
 * before it must not come back over it.
 *
 * An entry belongs to the writer from give and retry until back, and to nc_orders while it waits.
 */
#ifndef NC_CORE_NODE_REPLICA_ORDERS_H
#define NC_CORE_NODE_REPLICA_ORDERS_H

#include "core/node/replica/entry.h"

struct nc_orders {
	struct nc_entry_queue refused; /* waiting for room */
	struct nc_entry_queue behind;  /* given since then, while the writer still had entries */
	size_t writing;                /* entries at the writer */
	bool full;                     /* the disk has no room, as far as is known */
};

/* Take over what `ready` has to persist: its entries, `order`, at least one. Those that the writer
 * may have now are moved to the end of `go`. */
void nc_orders_give(struct nc_orders *orders, const struct nc_raft_ready *ready,
                    struct nc_entry_queue *order, struct nc_entry_queue *go);

/* The writer gives `entry` back. True: it is the caller's, written or with an error that ends the
 * node. False: it waits here for room. */
bool nc_orders_back(struct nc_orders *orders, struct nc_entry *entry);

/* Whether nothing is at the writer and nothing waits for room. */
bool nc_orders_done(const struct nc_orders *orders);

/* Call it when the writer has given everything back and something waits. True: the node is alone,
 * consensus has forgotten its entries from `*index_out` on, and the caller clears all that waits.
 * False: nothing was forgotten. There are other nodes, to which entries may have been replicated;
 * or an entry that was written may be applied; or nothing waits; or the writer still has entries
 * (an older one that comes back late must not take a newer one of the same index with it). */
bool nc_orders_forget(struct nc_orders *orders, struct nc_raft *raft, uint64_t *index_out);

/* Free all that waits. */
void nc_orders_clear(struct nc_orders *orders, void (*free_one)(struct nc_entry *entry));

/* If there is room again and the writer has given everything back, move what waits to the end of
 * `go`, to be written. Entries that later waiting ones replace are freed instead: they would be cut
 * again at once, and what they followed may be gone already. */
void nc_orders_retry(struct nc_orders *orders, struct nc_entry_queue *go,
                     void (*free_one)(struct nc_entry *entry));

#endif
