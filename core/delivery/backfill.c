/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backfill as bytes, and the positions in it. */
#include "core/delivery/backfill.h"

#include "core/base/sized.h"
#include "core/delivery/subscription_private.h"

#define VERSION 1u

void nc_backfill_put(struct nc_buf *buf, struct nc_slice plugin, struct nc_slice selector,
                     uint64_t through, const struct nc_sub *sub)
{
	uint64_t count = 0, last = 0;
	uint32_t id;
	nc_buf_put_u8(buf, VERSION);
	nc_sized_put(buf, plugin);
	nc_sized_put(buf, selector);
	nc_buf_put_varint(buf, through);
	for (id = sub->window.first; id != NONE; id = sub->entries[id].line_next)
		count++;
	nc_buf_put_varint(buf, count);
	for (id = sub->window.first; id != NONE; id = sub->entries[id].line_next) {
		nc_buf_put_varint(buf, sub->entries[id].position - last);
		last = sub->entries[id].position;
	}
}

int nc_backfill_get(struct nc_slice bytes, struct nc_backfill *backfill_out)
{
	struct nc_reader reader = nc_reader(bytes);
	struct nc_backfill backfill = { 0 };
	uint8_t version = nc_reader_u8(&reader);
	if (!reader.failed && version > VERSION)
		return NC_UNSUPPORTED;
	backfill.plugin = nc_sized_get(&reader);
	backfill.selector = nc_sized_get(&reader);
	backfill.through = nc_reader_varint(&reader);
	backfill.undone_count = nc_reader_varint(&reader);
	backfill.undone = nc_slice(reader.at, nc_reader_left(&reader));
	uint64_t last = 0;
	for (uint64_t i = 0; i < backfill.undone_count && !reader.failed; i++) {
		uint64_t distance = nc_reader_varint(&reader);
		if (distance == 0 || distance > backfill.through - last) {
			reader.failed = true;
		} else {
			last += distance;
		}
	}
	if (reader.failed || version == 0 || nc_reader_left(&reader) > 0)
		return NC_CORRUPT;
	*backfill_out = backfill;
	return NC_OK;
}

bool nc_backfill_is_undone(const struct nc_backfill *backfill, struct nc_backfill_at *at,
                           uint64_t position)
{
	struct nc_reader reader = nc_reader(nc_slice_from(backfill->undone, at->offset));
	while (at->position < position && nc_reader_left(&reader) > 0) {
		at->position += nc_reader_varint(&reader);
		at->offset = backfill->undone.size - nc_reader_left(&reader);
	}
	return at->position == position && position > backfill->done_to;
}
