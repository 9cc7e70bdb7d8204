/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Terms by index, as runs, and the sizes of the last entries. */
#include "core/raft/trail_private.h"

#include <stdlib.h>

#include "core/base/assert.h"

int nc_trail_init(struct nc_trail *trail, uint32_t window, uint64_t base_index, uint64_t base_term)
{
	*trail = (struct nc_trail){ .window = window };
	trail->sizes = calloc(window, sizeof *trail->sizes);
	if (trail->sizes == NULL)
		return NC_NOMEM;
	nc_trail_reset(trail, base_index, base_term);
	return NC_OK;
}

void nc_trail_release(struct nc_trail *trail)
{
	free(trail->runs);
	free(trail->sizes);
}

int nc_trail_copy(const struct nc_trail *trail, struct nc_trail *copy_out)
{
	struct nc_trail copy;
	int err = nc_trail_init(&copy, trail->window, trail->base_index, trail->base_term);
	if (err != NC_OK)
		return err;
	err = nc_trail_reserve(&copy, trail->run_count);
	if (err != NC_OK) {
		nc_trail_release(&copy);
		return err;
	}
	copy.last = trail->last;
	copy.sized_first = trail->sized_first;
	copy.run_count = trail->run_count;
	if (trail->run_count > 0)
		memcpy(copy.runs, trail->runs, trail->run_count * sizeof *copy.runs);
	memcpy(copy.sizes, trail->sizes, trail->window * sizeof *copy.sizes);
	*copy_out = copy;
	return NC_OK;
}

int nc_trail_reserve(struct nc_trail *trail, size_t runs)
{
	size_t need = trail->run_count + runs;
	if (need <= trail->run_room)
		return NC_OK;
	size_t room = need + need / 2 + 8;
	struct nc_trail_run *grown = realloc(trail->runs, room * sizeof *grown);
	if (grown == NULL)
		return NC_NOMEM;
	trail->runs = grown;
	trail->run_room = room;
	return NC_OK;
}

void nc_trail_append(struct nc_trail *trail, uint64_t term, uint32_t size)
{
	uint64_t last_term = nc_trail_last_term(trail);
	nc_assert(term >= last_term);
	trail->last++;
	if (trail->run_count == 0 || term != last_term) {
		nc_assert(trail->run_count < trail->run_room);
		trail->runs[trail->run_count++] = (struct nc_trail_run){ trail->last, term };
	}
	trail->sizes[trail->last % trail->window] = size;
	if (trail->last - trail->sized_first >= trail->window)
		trail->sized_first = trail->last - trail->window + 1;
}

void nc_trail_truncate(struct nc_trail *trail, uint64_t from)
{
	nc_assert(from > trail->base_index);
	if (from > trail->last)
		return;
	trail->last = from - 1;
	while (trail->run_count > 0 && trail->runs[trail->run_count - 1].first >= from)
		trail->run_count--;
	if (trail->sized_first > from)
		trail->sized_first = from;
}

void nc_trail_compact(struct nc_trail *trail, uint64_t through)
{
	uint64_t term = 0;
	nc_assert(nc_trail_term(trail, through, &term));
	size_t gone = 0;
	while (gone + 1 < trail->run_count && trail->runs[gone + 1].first <= through + 1)
		gone++;
	if (through == trail->last)
		gone = trail->run_count;
	trail->run_count -= gone;
	if (trail->run_count > 0) {
		memmove(trail->runs, trail->runs + gone, trail->run_count * sizeof *trail->runs);
		if (trail->runs[0].first <= through)
			trail->runs[0].first = through + 1;
	}
	trail->base_index = through;
	trail->base_term = term;
	if (trail->sized_first <= through)
		trail->sized_first = through + 1;
}

void nc_trail_reset(struct nc_trail *trail, uint64_t index, uint64_t term)
{
	trail->base_index = trail->last = index;
	trail->base_term = term;
	trail->run_count = 0;
	trail->sized_first = index + 1;
}

/* The run that holds `index`, which is beyond the base and not beyond the last. */
static size_t run_of(const struct nc_trail *trail, uint64_t index)
{
	size_t low = 0, high = trail->run_count; /* runs[low].first <= index < runs[high].first */
	nc_assert(high > 0);
	if (trail->runs[high - 1].first <= index) /* nearly always asked */
		return high - 1;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (trail->runs[middle].first <= index) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return low;
}

bool nc_trail_term(const struct nc_trail *trail, uint64_t index, uint64_t *term_out)
{
	if (index < trail->base_index || index > trail->last)
		return false;
	*term_out = index == trail->base_index ? trail->base_term
	                                       : trail->runs[run_of(trail, index)].term;
	return true;
}

uint64_t nc_trail_last_term(const struct nc_trail *trail)
{
	return trail->run_count == 0 ? trail->base_term : trail->runs[trail->run_count - 1].term;
}

uint32_t nc_trail_size(const struct nc_trail *trail, uint64_t index)
{
	return index < trail->sized_first || index > trail->last
	               ? 0
	               : trail->sizes[index % trail->window];
}

uint64_t nc_trail_may_match(const struct nc_trail *trail, uint64_t index, uint64_t term,
                            uint64_t *term_out)
{
	if (index > trail->last)
		index = trail->last;
	if (index > trail->base_index) {
		size_t run = run_of(trail, index);
		if (trail->runs[run].term <= term) {
			*term_out = trail->runs[run].term;
			return index;
		}
		while (run > 0 && trail->runs[run].term > term)
			run--;
		if (trail->runs[run].term <= term) {
			*term_out = trail->runs[run].term;
			return trail->runs[run + 1].first - 1;
		}
	}
	if (index >= trail->base_index && trail->base_term <= term) {
		*term_out = trail->base_term;
		return trail->base_index;
	}
	*term_out = 0;
	return trail->base_index == 0 ? 0 : trail->base_index - 1;
}
