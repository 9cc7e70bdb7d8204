/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Progress to bytes and back. */
#include "core/engine/progress.h"

#define FORMAT 1u

enum flag { FLAG_PAUSED = 1, FLAG_HALTED = 2, FLAGS = 3 };

void nc_progress_head_put(struct nc_buf *buf, const struct nc_sub_progress *head)
{
	nc_buf_put_u8(buf, FORMAT);
	nc_buf_put_u8(buf, (uint8_t)((head->paused ? FLAG_PAUSED : 0) |
	                             (head->halted ? FLAG_HALTED : 0)));
	nc_buf_put_varint(buf, head->epoch);
	nc_buf_put_varint(buf, head->cursor);
	nc_buf_put_varint(buf, head->last_delivered);
	nc_buf_put_varint(buf, head->delivered);
	nc_buf_put_varint(buf, head->redelivered);
	nc_buf_put_varint(buf, head->outstanding);
}

void nc_progress_item_put(struct nc_buf *buf, uint64_t last, const struct nc_progress_item *item)
{
	nc_buf_put_varint(buf, item->position - last);
	nc_buf_put_varint(buf, (uint64_t)item->attempts << 1 | item->replay);
}

int nc_progress_head_get(struct nc_reader *reader, struct nc_sub_progress *head_out)
{
	uint8_t format = nc_reader_u8(reader);
	if (!reader->failed && format > FORMAT)
		return NC_UNSUPPORTED;
	uint8_t flags = nc_reader_u8(reader);
	struct nc_sub_progress head = { 0 };
	head.paused = (flags & FLAG_PAUSED) != 0;
	head.halted = (flags & FLAG_HALTED) != 0;
	head.epoch = nc_reader_varint(reader);
	head.cursor = head.floor = nc_reader_varint(reader);
	head.last_delivered = nc_reader_varint(reader);
	head.delivered = nc_reader_varint(reader);
	head.redelivered = nc_reader_varint(reader);
	head.outstanding = nc_reader_varint(reader);
	*head_out = head;
	bool good = !reader->failed && format == FORMAT && flags <= FLAGS &&
	            head.outstanding <= nc_reader_left(reader) / 2;
	return good ? NC_OK : NC_CORRUPT;
}

int nc_progress_item_get(struct nc_reader *reader, uint64_t cursor, struct nc_progress_item *item)
{
	uint64_t distance = nc_reader_varint(reader);
	uint64_t attempts = nc_reader_varint(reader);
	bool replay = attempts & 1;
	bool good = !reader->failed && distance != 0 && attempts >> 33 == 0 &&
	            (replay || !item->replay);
	if (!good)
		return NC_CORRUPT;
	/* A replayed event may be beyond the cursor, since a backfill begins before parked
	 * events. */
	uint64_t base = replay ? 0 : item->position;
	if (!replay && (cursor < base || distance > cursor - base))
		return NC_CORRUPT;
	*item = (struct nc_progress_item){ base + distance, (uint32_t)(attempts >> 1), replay };
	return NC_OK;
}

int nc_sub_progress_read(struct nc_slice bytes, struct nc_sub_progress *progress_out)
{
	struct nc_reader reader = nc_reader(bytes);
	struct nc_sub_progress head;
	int err = nc_progress_head_get(&reader, &head);
	struct nc_progress_item item = { 0 };
	for (uint64_t i = 0; err == NC_OK && i < head.outstanding; i++) {
		err = nc_progress_item_get(&reader, head.cursor, &item);
		if (err == NC_OK && i == 0 && !item.replay)
			head.floor = item.position - 1;
		if (err == NC_OK)
			head.in_flight += item.attempts > 0;
	}
	if (err != NC_OK)
		return err;
	if (nc_reader_left(&reader) > 0)
		return NC_CORRUPT;
	*progress_out = head;
	return NC_OK;
}

bool nc_sub_progress_undone(struct nc_slice bytes, uint64_t position)
{
	struct nc_reader reader = nc_reader(bytes);
	struct nc_sub_progress head;
	if (nc_progress_head_get(&reader, &head) != NC_OK)
		return false;
	struct nc_progress_item item = { 0 };
	for (uint64_t i = 0; i < head.outstanding; i++) {
		if (nc_progress_item_get(&reader, head.cursor, &item) != NC_OK ||
		    item.position == position)
			return item.position == position;
	}
	return position > head.cursor;
}
