/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event_block_private.h -- rows of events, many to a row of their table.
 *
 * A row of the table for each event was the most expensive thing of an append (decision 0146). So
 * what a transaction puts is cut into blocks of events whose positions follow on one another, each
 * a row of the table under the position of its last event: the first key that is not below a
 * position is then the block that holds it.
 *
 * Bytes (docs/formats-state.md): the number of events, 1 to NC_BLOCK_EVENTS_MAX, in one; where it
 * is more than 1, for each event where its row ends, in two, counted from the first row; the rows.
 * A row that ends where it begins is that of an event that was deleted.
 *
 * Threads: pure functions. Ownership: what is read points into the bytes it was read from.
 */
#ifndef NC_STORAGE_STATE_EVENT_BLOCK_PRIVATE_H
#define NC_STORAGE_STATE_EVENT_BLOCK_PRIVATE_H

#include <stdbool.h>

#include "core/base/buf.h"

#define NC_BLOCK_EVENTS_MAX 128u
#define NC_BLOCK_SIZE_MAX   8192u /* bytes of rows; a larger row is a block by itself */

/* One that is being filled; zeros: empty. */
struct nc_block_maker {
	struct nc_buf rows;
	uint64_t first; /* position of the first event in it */
	uint32_t count;
	uint16_t ends[NC_BLOCK_EVENTS_MAX];
};

/* One that is read. */
struct nc_block {
	uint64_t first, last; /* positions */
	struct nc_slice ends, rows;
};

/* Whether the row, not empty, of the event at `position` still belongs in it. */
bool nc_block_takes(const struct nc_block_maker *maker, uint64_t position, struct nc_slice row);
/* Add it. Out of memory shows when the block is put. */
void nc_block_add(struct nc_block_maker *maker, uint64_t position, struct nc_slice row);
static inline uint64_t nc_block_last(const struct nc_block_maker *maker)
{
	return maker->first + maker->count - 1;
}
/* Append its bytes to `value`. Errors: NC_NOMEM. */
int nc_block_put(const struct nc_block_maker *maker, struct nc_buf *value);
void nc_block_clear(struct nc_block_maker *maker);

/* The block that is `value` under the key `last`. Errors: NC_CORRUPT, not what nc_block_put()
 * writes. */
int nc_block_get(struct nc_slice value, uint64_t last, struct nc_block *block_out);
/* The row of the event at `position`, of block->first to block->last; empty: it was deleted. */
struct nc_slice nc_block_row(const struct nc_block *block, uint64_t position);

#endif
