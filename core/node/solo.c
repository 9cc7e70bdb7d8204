/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Consensus among one voter. */
#include "core/node/solo.h"

#include "core/base/assert.h"

void nc_solo_start(struct nc_solo *solo, const struct nc_log_bounds *bounds,
                   const struct nc_log_hard *hard, uint64_t self)
{
	uint64_t term = hard->term > bounds->last_term ? hard->term : bounds->last_term;
	*solo = (struct nc_solo){
		.hard = { .term = term + 1, .vote = self },
		.hard_changed = true,
		.last = bounds->last,
		.handed = bounds->last,
		.durable = bounds->last,
	};
	solo->first_own = nc_solo_propose(solo);
}

uint64_t nc_solo_propose(struct nc_solo *solo)
{
	return ++solo->last;
}

struct nc_solo_ready nc_solo_ready(struct nc_solo *solo)
{
	struct nc_solo_ready ready = {
		.hard_changed = solo->hard_changed,
		.hard = solo->hard,
		.first = solo->handed + 1,
		.last = solo->last,
		.commit = solo->durable,
	};
	solo->hard_changed = false;
	solo->handed = solo->last;
	return ready;
}

void nc_solo_appended(struct nc_solo *solo, uint64_t index, uint64_t term)
{
	if (term != solo->hard.term || index <= solo->durable)
		return;
	nc_assert(index <= solo->handed);
	solo->durable = index;
}

void nc_solo_retract(struct nc_solo *solo, uint64_t index)
{
	nc_assert(index > solo->durable);
	if (index > solo->last)
		return;
	solo->last = index - 1;
	if (solo->handed > solo->last)
		solo->handed = solo->last;
}
