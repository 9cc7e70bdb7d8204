/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Progress as bytes: the cursor, and what up to it is not done. */
#include "core/delivery/subscription_private.h"

#define VERSION 1u

enum flag { FLAG_PAUSED = 1, FLAG_HALTED = 2 };

bool nc_sub_progress_due(const struct nc_sub *sub, uint64_t now_ns)
{
	return sub->dirty &&
	       (sub->acks >= NC_SUB_PROGRESS_ACKS || now_ns >= sub->dirty_ns + NC_SUB_PROGRESS_NS);
}

bool nc_sub_progress_dirty(const struct nc_sub *sub)
{
	return sub->dirty;
}

uint64_t nc_sub_progress_next(const struct nc_sub *sub)
{
	return sub->progress_number + 1;
}

uint64_t nc_sub_progress_take(struct nc_sub *sub, struct nc_buf *buf)
{
	nc_buf_put_u8(buf, VERSION);
	nc_buf_put_u8(buf,
	              (uint8_t)((sub->paused ? FLAG_PAUSED : 0) | (sub->halted ? FLAG_HALTED : 0)));
	nc_buf_put_varint(buf, sub->epoch);
	nc_buf_put_varint(buf, sub->cursor);
	nc_buf_put_varint(buf, sub->last_delivered);
	nc_buf_put_varint(buf, sub->delivered);
	nc_buf_put_varint(buf, sub->redelivered);
	nc_buf_put_varint(buf, sub->entry_count);
	/* Each entry: its position (in the window, which ascends, less the one before), and its
	 * attempts with a bit that says whether it is a replay. */
	uint64_t last = 0;
	for (uint32_t id = sub->window.first; id != NONE; id = sub->entries[id].line_next) {
		nc_buf_put_varint(buf, sub->entries[id].position - last);
		nc_buf_put_varint(buf, (uint64_t)sub->entries[id].attempts << 1);
		last = sub->entries[id].position;
	}
	for (uint32_t id = sub->replayed.first; id != NONE; id = sub->entries[id].line_next) {
		nc_buf_put_varint(buf, sub->entries[id].position);
		nc_buf_put_varint(buf, (uint64_t)sub->entries[id].attempts << 1 | 1);
	}
	sub->dirty = false;
	sub->acks = 0;
	return ++sub->progress_number;
}

struct item {
	uint64_t position;
	uint32_t attempts;
	bool replay;
};

static int head_read(struct nc_reader *reader, struct nc_sub_progress *head_out)
{
	uint8_t version = nc_reader_u8(reader);
	if (!reader->failed && version > VERSION)
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
	bool good = !reader->failed && version == VERSION && flags <= 3 &&
	            head.outstanding <= nc_reader_left(reader) / 2;
	return good ? NC_OK : NC_CORRUPT;
}

/* The item after `*item`, which begins as zeros. */
static int item_read(struct nc_reader *reader, uint64_t cursor, struct item *item)
{
	uint64_t distance = nc_reader_varint(reader);
	uint64_t attempts = nc_reader_varint(reader);
	bool replay = attempts & 1;
	bool good = !reader->failed && distance != 0 && attempts >> 33 == 0 &&
	            (replay || !item->replay);
	if (!good)
		return NC_CORRUPT;
	uint64_t base = replay ? 0 : item->position;
	if (cursor < base || distance > cursor - base)
		return NC_CORRUPT;
	*item = (struct item){ base + distance, (uint32_t)(attempts >> 1), replay };
	return NC_OK;
}

int nc_sub_progress_read(struct nc_slice bytes, struct nc_sub_progress *progress_out)
{
	struct nc_reader reader = nc_reader(bytes);
	struct nc_sub_progress head;
	int err = head_read(&reader, &head);
	struct item item = { 0 };
	for (uint64_t i = 0; err == NC_OK && i < head.outstanding; i++) {
		err = item_read(&reader, head.cursor, &item);
		if (err == NC_OK && i == 0 && !item.replay)
			head.floor = item.position - 1;
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
	if (head_read(&reader, &head) != NC_OK)
		return false;
	struct item item = { 0 };
	for (uint64_t i = 0; i < head.outstanding; i++)
		if (item_read(&reader, head.cursor, &item) != NC_OK || item.position == position)
			return item.position == position;
	return position > head.cursor;
}

static int entries_restore(struct nc_sub *sub, struct nc_reader *reader, uint64_t count)
{
	struct item item = { 0 };
	for (uint64_t i = 0; i < count; i++) {
		uint32_t id;
		int err = item_read(reader, sub->cursor, &item);
		if (err == NC_OK && nc_sub_entry_find(sub, item.position) != NONE)
			err = NC_CORRUPT;
		if (err == NC_OK)
			err = nc_sub_entry_new(sub, item.position, item.replay, &id);
		if (err != NC_OK)
			return err;
		struct entry *entry = &sub->entries[id];
		entry->state = NC_SUB_RECALLED;
		entry->attempts = item.attempts;
		entry->taken = item.attempts > 0;
		sub->taken += entry->taken;
		sub->recalled++;
	}
	sub->recall_at[0] = sub->window.first;
	sub->recall_at[1] = sub->replayed.first;
	return NC_OK;
}

int nc_sub_restore(const struct nc_definition *definition, struct nc_slice progress,
                   uint64_t now_ns, struct nc_sub **sub_out)
{
	struct nc_sub_progress head;
	struct nc_sub *sub;
	int err = nc_sub_progress_read(progress, &head);
	if (err == NC_OK)
		err = nc_sub_new(definition, head.epoch, head.cursor, now_ns, &sub);
	if (err != NC_OK)
		return err;
	sub->last_delivered = head.last_delivered;
	sub->delivered = head.delivered;
	sub->redelivered = head.redelivered;
	sub->paused = head.paused;
	sub->halted = head.halted;
	struct nc_reader reader = nc_reader(progress);
	(void)head_read(&reader, &head); /* goes past it */
	err = entries_restore(sub, &reader, head.outstanding);
	if (err != NC_OK) {
		nc_sub_free(sub);
		return err;
	}
	*sub_out = sub;
	return NC_OK;
}
