/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries from the files. The disk is read without the lock: the writer, and who only asks where
 * the log ends, must not wait for it. Where entries stand is looked up in one moment; what stands
 * there stays, since nothing in a segment is written twice, and a file that somebody reads is not
 * made a segment again. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "storage/log/segment_private.h"

/* Where an entry stands. */
struct place {
	struct nc_segment *segment; /* held */
	size_t offset;
};

/* The places of the entries of `range`, at most `max`, as of one moment. Errors: NC_NOTFOUND. */
static int places_hold(struct nc_segment_log *log, struct nc_log_range range, struct place *places,
                       size_t max, size_t *count_out)
{
	size_t count = 0;
	pthread_rwlock_rdlock(&log->lock);
	bool there = range.from >= log->bounds.first && range.from <= log->bounds.last;
	uint64_t last = range.to < log->bounds.last ? range.to : log->bounds.last;
	for (uint64_t index = range.from; there && index <= last && count < max; index++) {
		struct nc_segment *segment = nc_segment_of(log, index);
		nc_assert(segment != NULL);
		segment->holds++;
		places[count++] =
		        (struct place){ segment, segment->offsets[index - segment->first] };
	}
	pthread_rwlock_unlock(&log->lock);
	*count_out = count;
	return there ? NC_OK : NC_NOTFOUND;
}

/* Read the record of entry `index` to the end of `buf`; its payload is not set yet. */
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

/* Entries from `range.from` on, which stand at `places`, until there is enough. */
static int entries_read(const struct nc_segment_log *log, struct nc_log_range range,
                        const struct place *places, size_t place_count, struct nc_buf *buf,
                        struct nc_log_entry *entries_out, size_t *count_out)
{
	size_t base = buf->size, count = 0, payload = 0;
	for (; count < place_count; count++) {
		size_t start = buf->size;
		int err = entry_read(log, &places[count], range.from + count, buf,
		                     &entries_out[count]);
		if (err != NC_OK) {
			buf->size = base;
			return err;
		}
		payload += entries_out[count].payload.size;
		if (count > 0 && payload > range.size_max) {
			buf->size = start;
			break;
		}
	}
	/* Only now, for the buffer may move while it grows. */
	for (size_t i = 0, at = base; i < count; i++) {
		entries_out[i].payload.data = buf->data + at + NC_RECORD_HEAD_SIZE;
		at += nc_record_size(entries_out[i].payload.size);
	}
	*count_out = count;
	return NC_OK;
}

int nc_segment_log_read(struct nc_log *port, struct nc_log_range range, struct nc_buf *buf,
                        struct nc_log_entry *entries_out, size_t *count_out)
{
	struct nc_segment_log *log = (struct nc_segment_log *)port;
	nc_assert(range.entry_max > 0);
	uint64_t span = range.to < range.from ? 0 : range.to - range.from;
	size_t max = span < range.entry_max ? (size_t)span + 1 : range.entry_max, held = 0;
	struct place *places = calloc(max, sizeof *places);
	if (places == NULL)
		return NC_NOMEM;
	int err = places_hold(log, range, places, max, &held);
	if (err == NC_OK)
		err = entries_read(log, range, places, held, buf, entries_out, count_out);
	while (held > 0)
		nc_segment_let_go(places[--held].segment);
	free(places);
	return err;
}
