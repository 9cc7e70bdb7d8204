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
	struct nc_entry_queue behind;  /* and given since, while the writer had more to give back */
	size_t writing;                /* entries at the writer */
	bool full;                     /* the disk has no room, as far as is known */
};

/* What `ready` has to persist: `order`, its entries, at least one. Those that the writer may have
 * now are moved behind `go`. */
void nc_orders_give(struct nc_orders *orders, const struct nc_raft_ready *ready,
                    struct nc_entry_queue *order, struct nc_entry_queue *go);

/* `entry` comes from the writer. True: it is the caller's, and written, or its err is the log's
 * end. False: it waits for room. */
bool nc_orders_back(struct nc_orders *orders, struct nc_entry *entry);

/* Nothing is under way, and nothing waits for room. */
bool nc_orders_done(const struct nc_orders *orders);

/* The writer has given all back, and some of it waits. A node alone forgets that: true, consensus
 * has no entries from `*index_out` on, and all that waits is to be cleared. With others entries
 * may have been replicated, and one that was written may be applied: false. Errors as false:
 * nothing waits, or not all is back (an older entry that comes back late must not take a newer one
 * of the same index with it). */
bool nc_orders_forget(struct nc_orders *orders, struct nc_raft *raft, uint64_t *index_out);

/* Free all that waits. */
void nc_orders_clear(struct nc_orders *orders, void (*free_one)(struct nc_entry *entry));

/* If there is room again and all is back, what waits is moved behind `go`, to be written; but for
 * entries in whose place others wait behind them, which are freed: written, they would go again,
 * and what they followed may have gone already. */
void nc_orders_retry(struct nc_orders *orders, struct nc_entry_queue *go,
                     void (*free_one)(struct nc_entry *entry));

#endif
