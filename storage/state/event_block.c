/* SPDX-License-Identifier: GPL-3.0-or-later */
/* event_block.c -- rows of events as bytes of one row. */
#include "storage/state/event_block_private.h"

#include "core/base/assert.h"

/* ---- Filling -------------------------------------------------------------------------------- */

bool nc_block_takes(const struct nc_block_maker *maker, uint64_t position, struct nc_slice row)
{
	if (maker->count == 0)
		return true;
	return position == nc_block_last(maker) + 1 && maker->count < NC_BLOCK_EVENTS_MAX &&
	       maker->rows.size + row.size <= NC_BLOCK_SIZE_MAX;
}

void nc_block_add(struct nc_block_maker *maker, uint64_t position, struct nc_slice row)
{
	nc_assert(nc_block_takes(maker, position, row));
	if (maker->count == 0)
		maker->first = position;
	nc_buf_put_slice(&maker->rows, row);
	/* For a block of one row, which may be larger than 16 bits can say, this is not written. */
	maker->ends[maker->count++] = (uint16_t)maker->rows.size;
}

int nc_block_put(const struct nc_block_maker *maker, struct nc_buf *value)
{
	nc_assert(maker->count > 0);
	nc_buf_put_u8(value, (uint8_t)maker->count);
	for (uint32_t i = 0; maker->count > 1 && i < maker->count; i++)
		nc_buf_put_u16(value, maker->ends[i]);
	nc_buf_put_slice(value, nc_buf_slice(&maker->rows));
	return maker->rows.failed ? NC_NOMEM : nc_buf_status(value);
}

void nc_block_clear(struct nc_block_maker *maker)
{
	nc_buf_clear(&maker->rows);
	maker->count = 0;
}

/* ---- Reading -------------------------------------------------------------------------------- */

static uint16_t end_of(const struct nc_block *block, uint64_t position)
{
	return nc_get_u16(block->ends.data + 2 * (position - block->first));
}

static bool is_sound(const struct nc_block *block)
{
	uint16_t end = 0;
	if (block->ends.size == 0)
		return block->rows.size > 0;
	for (uint64_t position = block->first; position <= block->last; position++) {
		uint16_t next = end_of(block, position);
		if (next < end)
			return false;
		end = next;
	}
	return end == block->rows.size;
}

int nc_block_get(struct nc_slice value, uint64_t last, struct nc_block *block_out)
{
	struct nc_reader reader = nc_reader(value);
	uint64_t count = nc_reader_u8(&reader);
	if (count == 0 || count > NC_BLOCK_EVENTS_MAX || count > last)
		return NC_CORRUPT;
	struct nc_block block = { .first = last - count + 1, .last = last };
	block.ends = nc_reader_take(&reader, count == 1 ? 0 : 2 * count);
	block.rows = nc_reader_take(&reader, nc_reader_left(&reader));
	if (reader.failed || !is_sound(&block))
		return NC_CORRUPT;
	*block_out = block;
	return NC_OK;
}

struct nc_slice nc_block_row(const struct nc_block *block, uint64_t position)
{
	nc_assert(position >= block->first && position <= block->last);
	if (block->ends.size == 0)
		return block->rows;
	uint16_t start = position == block->first ? 0 : end_of(block, position - 1);
	return nc_slice(block->rows.data + start, end_of(block, position) - start);
}
