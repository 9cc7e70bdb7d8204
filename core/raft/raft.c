/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a node's consensus: made from options and what was recovered, copied, freed. */
#include <stdlib.h>

#include "core/raft/raft_private.h"

#ifdef NC_RAFT_MUTANTS
enum nc_raft_mutant nc_raft_mutant = NC_RAFT_MUTANT_NONE;
#endif

/* splitmix64: any seed is good, 0 too. */
uint64_t nc_raft_random(struct nc_raft *raft)
{
	uint64_t z = raft->rng += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

struct nc_raft_options nc_raft_options_default(uint64_t self, uint64_t seed)
{
	return (struct nc_raft_options){
		.self = self,
		.seed = seed,
		.election_ticks = 10,
		.heartbeat_ticks = 1,
		.append_bytes_max = 1u << 20,
		.append_entries_max = 1024,
		.inflight_max = 64,
		.inflight_bytes_max = 16u << 20,
		.inflight_bytes_behind_max = 2u << 20,
		.uncommitted_entries_max = 8192,
		.uncommitted_bytes_max = 64u << 20,
		.window_entries = 16384,
		.promote_lag_max = 256,
		.reads_max = 8192,
		.offer_elections = 1200, /* ten minutes of ticks of 50 ms */
	};
}

static bool options_valid(const struct nc_raft_options *options)
{
	return options->self != 0 && options->election_ticks >= 2 &&
	       options->election_ticks <= UINT16_MAX && options->heartbeat_ticks >= 1 &&
	       options->heartbeat_ticks < options->election_ticks &&
	       options->append_bytes_max >= 1 && options->append_entries_max >= 1 &&
	       options->append_entries_max <= NC_RAFT_ENTRIES_MAX && options->inflight_max >= 1 &&
	       options->inflight_max <= NC_RAFT_INFLIGHT_MAX && options->inflight_bytes_max >= 1 &&
	       options->inflight_bytes_behind_max >= 1 && options->uncommitted_entries_max >= 1 &&
	       options->uncommitted_bytes_max >= 1 && options->window_entries >= 1 &&
	       options->reads_max >= 1 && options->offer_elections >= 1;
}

static bool start_valid(const struct nc_raft_start *start)
{
	return nc_raft_members_valid(&start->members) && start->applied >= start->base_index &&
	       (start->base_index == 0) == (start->base_term == 0);
}

int nc_raft_reserve(struct nc_raft *raft, size_t entries, size_t configs)
{
	size_t need = raft->config_count + configs;
	if (need > raft->config_room) {
		struct nc_raft_config *grown = realloc(raft->configs, (need + 4) * sizeof *grown);
		if (grown == NULL)
			return NC_NOMEM;
		raft->configs = grown;
		raft->config_room = need + 4;
	}
	return nc_trail_reserve(&raft->trail, entries);
}

static void start_from(struct nc_raft *raft, const struct nc_raft_start *start)
{
	raft->hard = start->hard;
	/* A state that was fetched may end in a term of which this node had not heard. */
	if (raft->hard.term < start->base_term)
		raft->hard = (struct nc_log_hard){ .term = start->base_term };
	if (NC_MUTANT(VOTE_LOST_ON_RESTART))
		raft->hard.vote = 0;
	if (start->doubtful)
		raft->doubt.nonce = nc_raft_random(raft) | 1;
	raft->handed = raft->stable = start->base_index;
	raft->commit = raft->applying = raft->applied = start->applied;
	raft->snapshot.index = start->base_index;
	raft->snapshot.term = start->base_term;
	raft->snapshot.members = start->members;
	nc_raft_config_push(raft, start->base_index, &start->members);
}

int nc_raft_new(const struct nc_raft_options *options, const struct nc_raft_start *start,
                struct nc_raft **raft_out)
{
	if (!options_valid(options) || !start_valid(start))
		return NC_INVALID;
	struct nc_raft *raft = calloc(1, sizeof *raft);
	if (raft == NULL)
		return NC_NOMEM;
	raft->options = *options;
	raft->rng = options->seed;
	raft->read_nonce = NC_MUTANT(READ_CONTEXT_REUSED) ? 0 : nc_raft_random(raft);
	size_t answers = (size_t)options->reads_max + 1;
	raft->reads = calloc(answers, sizeof *raft->reads);
	raft->answers = calloc(answers, sizeof *raft->answers);
	raft->answers_given = calloc(answers, sizeof *raft->answers_given);
	int err = nc_trail_init(&raft->trail, options->window_entries, start->base_index,
	                        start->base_term);
	if (err == NC_OK)
		err = nc_raft_reserve(raft, 1, 1);
	if (err == NC_OK &&
	    (raft->reads == NULL || raft->answers == NULL || raft->answers_given == NULL))
		err = NC_NOMEM;
	if (err != NC_OK) {
		nc_raft_free(raft);
		return err;
	}
	start_from(raft, start);
	nc_raft_become_follower(raft, raft->hard.term, 0);
	*raft_out = raft;
	return NC_OK;
}

int nc_raft_load(struct nc_raft *raft, const struct nc_raft_entry *entry)
{
	bool config = entry->kind == NC_LOG_CONFIG;
	if (entry->term == 0 || entry->term < nc_trail_last_term(&raft->trail) ||
	    config != (entry->members != NULL) ||
	    (config && !nc_raft_members_valid(entry->members)))
		return NC_INVALID;
	int err = nc_raft_reserve(raft, 1, 1);
	if (err != NC_OK)
		return err;
	nc_trail_append(&raft->trail, entry->term, entry->size);
	uint64_t last = raft->trail.last;
	if (config)
		nc_raft_config_push(raft, last, entry->members);
	raft->handed = raft->stable = last;
	/* A log may hold entries of a term whose hard state went with a corrupted record. */
	if (raft->hard.term < entry->term)
		raft->hard = (struct nc_log_hard){ .term = entry->term };
	if (NC_MUTANT(RESTART_COMMITS_ALL))
		raft->commit = last;
	return NC_OK;
}

void nc_raft_free(struct nc_raft *raft)
{
	if (raft == NULL)
		return;
	nc_trail_release(&raft->trail);
	free(raft->configs);
	free(raft->reads);
	free(raft->answers);
	free(raft->answers_given);
	free(raft->out.at);
	free(raft->out_given.at);
	free(raft->held.at);
	free(raft);
}

/* A copy of `count` items in an allocation of `room`; at least one byte, so that NULL means
 * failure. */
static void *copy_of(const void *from, size_t count, size_t room, size_t item)
{
	void *copy = malloc(room * item + 1);
	if (copy != NULL && count > 0)
		memcpy(copy, from, count * item);
	return copy;
}

/* Messages point at the members of their node. */
static void repoint(const struct nc_raft *raft, struct nc_raft_message *message)
{
	if (message->members != NULL)
		message->members = &raft->snapshot.members;
}

int nc_raft_copy(const struct nc_raft *raft, struct nc_raft **copy_out)
{
	struct nc_raft *copy = malloc(sizeof *copy);
	if (copy == NULL)
		return NC_NOMEM;
	*copy = *raft;
	copy->trail = (struct nc_trail){ 0 };
	copy->out_given = (struct nc_raft_message_list){ 0 };
	copy->out.room = raft->out.count;
	copy->held.room = raft->held.count;
	size_t answers = (size_t)raft->options.reads_max + 1;
	copy->configs = copy_of(raft->configs, raft->config_count, raft->config_room,
	                        sizeof *copy->configs);
	copy->reads = copy_of(raft->reads, raft->read_count, answers, sizeof *copy->reads);
	copy->answers = copy_of(raft->answers, raft->answer_count, answers, sizeof *copy->answers);
	copy->answers_given = copy_of(NULL, 0, answers, sizeof *copy->answers);
	copy->out.at = copy_of(raft->out.at, raft->out.count, copy->out.room, sizeof *copy->out.at);
	copy->held.at =
	        copy_of(raft->held.at, raft->held.count, copy->held.room, sizeof *copy->held.at);
	int err = nc_trail_copy(&raft->trail, &copy->trail);
	if (err != NC_OK || copy->configs == NULL || copy->reads == NULL || copy->answers == NULL ||
	    copy->answers_given == NULL || copy->out.at == NULL || copy->held.at == NULL) {
		nc_raft_free(copy);
		return NC_NOMEM;
	}
	for (size_t i = 0; i < copy->out.count; i++)
		repoint(copy, &copy->out.at[i]);
	*copy_out = copy;
	return NC_OK;
}
