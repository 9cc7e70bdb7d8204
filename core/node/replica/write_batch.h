/* SPDX-License-Identifier: GPL-3.0-or-later */
/* write_batch.h -- which entries the log writer makes durable with one write. No thread and no
 * file: the simulator drives the same. */
#ifndef NC_CORE_NODE_REPLICA_WRITE_BATCH_H
#define NC_CORE_NODE_REPLICA_WRITE_BATCH_H

#include "core/node/replica/entry.h"

#define NC_WRITE_ENTRIES_MAX 256u       /* entries in one write */
#define NC_WRITE_SIZE_MAX    (8u << 20) /* bytes in one write, about */

struct nc_write_batch {
	struct nc_entry_queue taken;
	const struct nc_log_hard *hard; /* the last of them; NULL: none */
	struct nc_log_entry entries[NC_WRITE_ENTRIES_MAX];
	size_t count; /* of entries; 0: a term and vote alone */
};

/* Not something to write. */
static inline bool nc_write_is_errand(const struct nc_entry *entry)
{
	return entry->kind == NC_ENTRY_TRUST || entry->kind == NC_ENTRY_COMPACT;
}

/* Take the first entries of `from`, of which the first is no errand. `last`: of the log. False: the
 * first, which is taken alone, is out of step, since one before it found no room: it is not to be
 * written. */
bool nc_write_batch_take(struct nc_write_batch *batch, struct nc_entry_queue *from, uint64_t last);

/* It came to `err`: all that was taken is moved behind `done`. */
void nc_write_batch_give(struct nc_write_batch *batch, int err, struct nc_entry_queue *done);

#endif
