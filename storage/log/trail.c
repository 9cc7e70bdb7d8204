/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What memory knows of the entries: the offset of each, and where terms begin. Never a payload. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "storage/log/segment_private.h"

static int offset_push(struct nc_segment *segment, size_t offset)
{
	if (segment->count == segment->room) {
		size_t room = segment->room == 0 ? 1024 : segment->room * 2;
		uint32_t *offsets = realloc(segment->offsets, room * sizeof *offsets);
		if (offsets == NULL)
			return NC_NOMEM;
		segment->offsets = offsets;
		segment->room = room;
	}
	segment->offsets[segment->count++] = (uint32_t)offset;
	return NC_OK;
}

static int term_push(struct nc_segment_log *log, uint64_t index, uint64_t term)
{
	if (log->term_count > 0 && log->terms[log->term_count - 1].term == term)
		return NC_OK;
	if (log->term_count == log->term_room) {
		size_t room = log->term_room == 0 ? 16 : log->term_room * 2;
		struct nc_term_start *terms = realloc(log->terms, room * sizeof *terms);
		if (terms == NULL)
			return NC_NOMEM;
		log->terms = terms;
		log->term_room = room;
	}
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
