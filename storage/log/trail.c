/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What memory knows of the entries: the offset of each, and where terms begin. Never a payload. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/grow.h"
#include "storage/log/segment_private.h"

static int offset_push(struct nc_segment *segment, size_t offset)
{
	if (!nc_grow(&segment->offsets, sizeof *segment->offsets, segment->count, &segment->room,
	             1024))
		return NC_NOMEM;
	segment->offsets[segment->count++] = (uint32_t)offset;
	return NC_OK;
}

static int term_push(struct nc_segment_log *log, uint64_t index, uint64_t term)
{
	if (log->term_count > 0 && log->terms[log->term_count - 1].term == term)
		return NC_OK;
	if (!nc_grow(&log->terms, sizeof *log->terms, log->term_count, &log->term_room, 16))
		return NC_NOMEM;
	log->terms[log->term_count++] = (struct nc_term_start){ index, term };
	return NC_OK;
}

int nc_log_trail_add(struct nc_segment_log *log, struct nc_segment *segment, uint64_t index,
                     uint64_t term, size_t offset)
{
	nc_assert(index == log->bounds.last + 1);
	int err = term_push(log, index, term);
	if (err == NC_OK)
		err = offset_push(segment, offset);
	if (err != NC_OK)
		return err;
	if (segment->count == 1)
		segment->first = index;
	log->bounds.last = index;
	log->bounds.last_term = term;
	return NC_OK;
}

void nc_log_trail_truncate(struct nc_segment_log *log, uint64_t index)
{
	nc_assert(index >= log->bounds.first && index <= log->bounds.last + 1);
	for (size_t i = log->segment_count; i > 0; i--) {
		struct nc_segment *segment = log->segments[i - 1];
		if (segment->count == 0 || segment->first + segment->count <= index)
			continue;
		segment->count = segment->first >= index ? 0 : (size_t)(index - segment->first);
	}
	while (log->term_count > 0 && log->terms[log->term_count - 1].index >= index)
		log->term_count--;
	log->bounds.last = index - 1;
	log->bounds.last_term =
	        log->term_count > 0 ? log->terms[log->term_count - 1].term : log->bounds.base_term;
}

void nc_log_trail_advance(struct nc_segment_log *log, uint64_t first, uint64_t base_term)
{
	size_t gone = 0;
	while (gone + 1 < log->term_count && log->terms[gone + 1].index <= first)
		gone++;
	if (gone > 0) {
		log->term_count -= gone;
		memmove(log->terms, log->terms + gone, log->term_count * sizeof *log->terms);
	}
	if (log->term_count > 0 && log->terms[0].index < first)
		log->terms[0].index = first;
	log->bounds.first = first;
	log->bounds.base_term = base_term;
}

void nc_log_trail_restart(struct nc_segment_log *log, uint64_t index, uint64_t term)
{
	log->term_count = 0;
	log->bounds = (struct nc_log_bounds){ index + 1, index, term, term };
}

int nc_log_trail_term(const struct nc_segment_log *log, uint64_t index, uint64_t *term_out)
{
	const struct nc_log_bounds *bounds = &log->bounds;
	if (index + 1 == bounds->first) {
		*term_out = bounds->base_term;
		return NC_OK;
	}
	if (index < bounds->first || index > bounds->last)
		return NC_NOTFOUND;
	size_t low = 0, high = log->term_count; /* the last start at or before index */
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (log->terms[middle].index <= index) {
			low = middle;
		} else {
			high = middle;
		}
	}
	*term_out = log->terms[low].term;
	return NC_OK;
}
