/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event_block_private.h -- rows of events, many to a row of their table.
 *
 * A row of the table for each event was the most expensive part of an append (decision 0146). So
 * what a transaction puts is cut into blocks of events with consecutive positions. Each block is
 * one row of the table, and its key is the position of its last event: the first key that is not
 * below a position is then the block that holds it.
 *
 * The bytes of a block (docs/formats-state.md) are the number of events, 1 to NC_BLOCK_EVENTS_MAX,
 * in one byte; then, if there is more than one, two bytes for each event that say where its row
 * ends, counted from the first row; then the rows. A row that ends where it begins belongs to an
 * event that was deleted.
 *
 * Threads: pure functions. Ownership: what is read points into the bytes it was read from.
 */
#ifndef NC_STORAGE_STATE_EVENT_BLOCK_PRIVATE_H
#define NC_STORAGE_STATE_EVENT_BLOCK_PRIVATE_H

#include <stdbool.h>

#include "core/base/buf.h"

#define NC_BLOCK_EVENTS_MAX 128u
#define NC_BLOCK_SIZE_MAX   8192u /* bytes of rows; a larger row is a block by itself */

/* A block that is being filled. Zeros are an empty one. */
struct nc_block_maker {
	struct nc_buf rows;
	uint64_t first; /* position of the first event in it */
	uint32_t count;
	uint16_t ends[NC_BLOCK_EVENTS_MAX];
};

/* A block that is read. */
struct nc_block {
	uint64_t first, last; /* positions */
	struct nc_slice ends, rows;
};

/* Whether the row of the event at `position`, which is not empty, can be added to the block. */
bool nc_block_takes(const struct nc_block_maker *maker, uint64_t position, struct nc_slice row);
/* Add the row. If memory runs out, nc_block_put() says so. */
void nc_block_add(struct nc_block_maker *maker, uint64_t position, struct nc_slice row);
/* The position of the last event in it. */
static inline uint64_t nc_block_last(const struct nc_block_maker *maker)
{
	return maker->first + maker->count - 1;
}
/* Append the block's bytes to `value`. Errors: NC_NOMEM. */
int nc_block_put(const struct nc_block_maker *maker, struct nc_buf *value);
/* Make the block empty again; its memory is kept. */
void nc_block_clear(struct nc_block_maker *maker);

/* Read the block with the bytes `value` and the key `last`. Errors: NC_CORRUPT, nc_block_put() does
 * not write such bytes. */
int nc_block_get(struct nc_slice value, uint64_t last, struct nc_block *block_out);
/* The row of the event at `position`, from block->first to block->last. It is empty if the event
 * was deleted. */
struct nc_slice nc_block_row(const struct nc_block *block, uint64_t position);

#endif
