/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading entries from the files. The disk is read without the lock, since the writer must not wait
 * for it, nor anybody who only asks where the log ends. So the places of the entries are looked up
 * at one moment, with the lock held. What stands there cannot change: nothing in a segment is
 * written twice, and a file that somebody reads is not made a segment again. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "storage/log/segment_private.h"

/* Where an entry is. */
struct place {
	struct nc_segment *segment; /* held */
	size_t offset;
};

/* One call of nc_log_read(): what is asked for, where that is, and where it goes. */
struct reading {
	struct nc_segment_log *log;
	struct nc_log_range range;
	struct place *places; /* [held], of the entries from range.from on */
	size_t held;
	struct nc_buf *buf;
	struct nc_log_entry *entries_out;
};

/* Look up at most `max` places at one moment, and hold their segments. Errors: NC_NOTFOUND. */
static int places_hold(struct reading *reading, size_t max)
{
	struct nc_segment_log *log = reading->log;
	const struct nc_log_range *range = &reading->range;
	pthread_rwlock_rdlock(&log->lock);
	bool there = range->from >= log->bounds.first && range->from <= log->bounds.last;
	uint64_t last = range->to < log->bounds.last ? range->to : log->bounds.last;
	for (uint64_t index = range->from; there && index <= last && reading->held < max; index++) {
		struct nc_segment *segment = nc_segment_of(log, index);
		nc_assert(segment != NULL);
		segment->holds++;
		reading->places[reading->held++] =
		        (struct place){ segment, segment->offsets[index - segment->first] };
	}
	pthread_rwlock_unlock(&log->lock);
	return there ? NC_OK : NC_NOTFOUND;
}

/* Read the record of entry `index`, and append it to `buf`. The entry does not point to its payload
 * yet, as the buffer may still move. */
static int entry_read(const struct nc_segment_log *log, const struct place *place, uint64_t index,
                      struct nc_buf *buf, struct nc_log_entry *entry)
{
	const struct nc_segment *segment = place->segment;
	const struct nc_files *files = log->files;
	size_t at = place->offset;
	uint8_t head[NC_RECORD_HEAD_SIZE];
	if (files->read(files->ctx, segment->fd, head, sizeof head, (off_t)at) != 0)
		return NC_IO;
	size_t payload_size = nc_get_u32(head + 8);
	size_t size = nc_record_size(payload_size);
	if (payload_size > NC_LOG_PAYLOAD_SIZE_MAX || at + size > segment->size)
		return NC_CORRUPT;
	size_t start = buf->size;
	uint8_t *room = nc_buf_extend(buf, size);
	if (room == NULL)
		return NC_NOMEM;
	struct nc_record record;
	int err = NC_OK;
	if (files->read(files->ctx, segment->fd, room, size, (off_t)at) != 0) {
		err = NC_IO;
	} else if (nc_record_get(nc_slice(room, size), segment->salt, &record) != NC_OK ||
	           record.kind != NC_RECORD_ENTRY || record.index != index) {
		err = NC_CORRUPT;
	}
	if (err != NC_OK) {
		buf->size = start;
		return err;
	}
	*entry = (struct nc_log_entry){ .index = record.index,
		                        .term = record.term,
		                        .kind = record.entry_kind,
		                        .payload = { NULL, record.payload.size } };
	return NC_OK;
}

/* Read the entries whose places are known, up to the limit of bytes. */
static int entries_read(const struct reading *reading, size_t *count_out)
{
	struct nc_buf *buf = reading->buf;
	struct nc_log_entry *entries = reading->entries_out;
	size_t base = buf->size, count = 0, payload = 0;
	for (; count < reading->held; count++) {
		size_t start = buf->size;
		int err = entry_read(reading->log, &reading->places[count],
		                     reading->range.from + count, buf, &entries[count]);
		if (err != NC_OK) {
			buf->size = base;
			return err;
		}
		payload += entries[count].payload.size;
		if (count > 0 && payload > reading->range.size_max) {
			buf->size = start;
			break;
		}
	}
	/* Only now, for the buffer may move while it grows. */
	for (size_t i = 0, at = base; i < count; i++) {
		entries[i].payload.data = buf->data + at + NC_RECORD_HEAD_SIZE;
		at += nc_record_size(entries[i].payload.size);
	}
	*count_out = count;
	return NC_OK;
}

int nc_segment_log_read(struct nc_log *port, struct nc_log_range range, struct nc_buf *buf,
                        struct nc_log_entry *entries_out, size_t *count_out)
{
	nc_assert(range.entry_max > 0);
	uint64_t span = range.to < range.from ? 0 : range.to - range.from;
	size_t max = span < range.entry_max ? (size_t)span + 1 : range.entry_max;
	struct reading reading = { .log = (struct nc_segment_log *)port,
		                   .range = range,
		                   .places = calloc(max, sizeof *reading.places),
		                   .buf = buf,
		                   .entries_out = entries_out };
	if (reading.places == NULL)
		return NC_NOMEM;
	int err = places_hold(&reading, max);
	if (err == NC_OK)
		err = entries_read(&reading, count_out);
	while (reading.held > 0)
		nc_segment_let_go(reading.places[--reading.held].segment);
	free(reading.places);
	return err;
}
