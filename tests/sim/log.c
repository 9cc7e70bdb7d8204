/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries by index, in memory. */
#include <stdlib.h>

#include "tests/sim/sim_private.h"

void sim_log_put(struct sim_log *log, uint64_t index, const struct sim_entry *entry)
{
	nc_assert(index > log->base && index <= log->last + 1);
	if (index >= log->room) {
		log->room = index * 2 + 64;
		log->at = realloc(log->at, log->room * sizeof *log->at);
		nc_assert(log->at != NULL);
	}
	log->at[index] = *entry;
	log->last = index;
}

void sim_log_base(struct sim_log *log, uint64_t index)
{
	if (index <= log->base)
		return;
	nc_assert(index <= log->last);
	for (uint64_t i = log->base + 1; i <= index; i++) {
		if (log->at[i].members != NULL)
			log->base_members = *log->at[i].members;
	}
	log->base_term = log->at[index].term;
	log->base = index;
}

void sim_log_reset(struct sim_log *log, uint64_t index, uint64_t term,
                   const struct nc_raft_members *members)
{
	log->base = log->last = index;
	log->base_term = term;
	log->base_members = *members;
}

uint64_t sim_log_term(const struct sim_log *log, uint64_t index)
{
	if (index < log->base || index > log->last)
		return 0;
	return index == log->base ? log->base_term : log->at[index].term;
}
