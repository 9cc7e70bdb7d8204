/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes into one write. */
#include "core/node/replica/write_batch.h"

/* Whether `entry` may go into the write after entry `next - 1`. The first of a write may also
 * replace what the log has from its index on. A gap means that an entry before it found no room. */
static bool joins(const struct nc_entry *entry, uint64_t next, size_t count, size_t size)
{
	if (nc_write_is_errand(entry) || count >= NC_WRITE_ENTRIES_MAX || size >= NC_WRITE_SIZE_MAX)
		return false;
	return entry->kind == NC_ENTRY_HARD || entry->index == next ||
	       (count == 0 && entry->index < next);
}

bool nc_write_batch_take(struct nc_write_batch *batch, struct nc_entry_queue *from, uint64_t last)
{
	uint64_t next = last + 1;
	size_t size = 0;
	batch->taken = (struct nc_entry_queue){ 0 };
	batch->hard = NULL;
	batch->count = 0;
	while (from->first != NULL && joins(from->first, next, batch->count, size)) {
		struct nc_entry *entry = nc_entry_queue_take(from);
		if (entry->has_hard)
			batch->hard = &entry->hard;
		if (entry->kind != NC_ENTRY_HARD) {
			batch->entries[batch->count++] = (struct nc_log_entry){
				.index = entry->index,
				.term = entry->term,
				.kind = entry->kind,
				.payload = nc_buf_slice(&entry->payload),
			};
			size += entry->payload.size;
			next = entry->index + 1;
		}
		nc_entry_queue_put(&batch->taken, entry);
	}
	if (batch->taken.first != NULL)
		return true;
	nc_entry_queue_put(&batch->taken, nc_entry_queue_take(from));
	return false;
}

void nc_write_batch_give(struct nc_write_batch *batch, int err, struct nc_entry_queue *done)
{
	for (struct nc_entry *entry = batch->taken.first; entry != NULL; entry = entry->next)
		entry->err = err;
	nc_entry_queue_move(done, &batch->taken);
}
