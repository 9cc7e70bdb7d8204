/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message comes in: whether it is possible, what its term means, and who has to deal with it. */
#include "core/raft/raft_private.h"

static bool entries_valid(const struct nc_raft_message *message)
{
	if (message->entry_count > NC_RAFT_ENTRIES_MAX ||
	    (message->entry_count > 0 && message->entries == NULL) ||
	    message->index > UINT64_MAX - message->entry_count ||
	    message->log_term > message->term || (message->index == 0) != (message->log_term == 0))
		return false;
	uint64_t term = message->log_term;
	for (uint32_t i = 0; i < message->entry_count; i++) {
		const struct nc_raft_entry *entry = &message->entries[i];
		bool config = entry->kind == NC_LOG_CONFIG;
		if (entry->term == 0 || entry->term < term || entry->term > message->term ||
		    entry->size > NC_LOG_PAYLOAD_SIZE_MAX || config != (entry->members != NULL) ||
		    (config && !nc_raft_members_valid(entry->members)))
			return false;
		term = entry->term;
	}
	return true;
}

static bool valid(const struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (message->type == 0 || message->type >= NC_RAFT_TYPE_END || message->from == 0 ||
	    message->from == raft->options.self || message->to != raft->options.self ||
	    message->term == 0 || message->term == UINT64_MAX)
		return false;
	if (message->type == NC_RAFT_APPEND)
		return entries_valid(message);
	if (message->type == NC_RAFT_SNAPSHOT) {
		return message->members != NULL && message->members->count > 0 &&
		       nc_raft_members_valid(message->members) && message->index > 0 &&
		       message->log_term > 0 && message->log_term <= message->term;
	}
	return message->entry_count == 0;
}

static bool from_leader(const struct nc_raft_message *message)
{
	return message->type == NC_RAFT_APPEND || message->type == NC_RAFT_HEARTBEAT ||
	       message->type == NC_RAFT_SNAPSHOT;
}

static bool asks_vote(const struct nc_raft_message *message)
{
	return message->type == NC_RAFT_VOTE || message->type == NC_RAFT_PREVOTE;
}

/* Heard of a leader so lately that no election is due: a partitioned or removed server must not
 * disturb the others [4.2.3]. */
static bool leased(const struct nc_raft *raft)
{
	return raft->leader != 0 && raft->election_elapsed < raft->options.election_ticks &&
	       !NC_MUTANT(LEASE_IGNORED);
}

/* Whether a message of a higher term is to be looked at. Takes that term over if it should. */
static bool of_higher_term(struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (asks_vote(message) && !message->force && leased(raft))
		return false;
	if (message->type == NC_RAFT_PREVOTE && !NC_MUTANT(PREVOTE_BUMPS_TERM))
		return true; /* a question, no claim */
	if (message->type == NC_RAFT_PREVOTE_RESP && (!message->reject || message->force))
		return true; /* an answer about a term that is not yet */
	if (raft->role == NC_RAFT_LEADER && NC_MUTANT(HIGHER_TERM_IGNORED))
		return false;
	nc_raft_become_follower(raft, message->term, from_leader(message) ? message->from : 0);
	return true;
}

/* Tell a leader or candidate of the past what term it is: else a node that was cut off, and has a
 * higher term, could never be reached by a leader that it does not believe. */
static void of_lower_term(struct nc_raft *raft, const struct nc_raft_message *message)
{
	struct nc_raft_message answer = { .to = message->from, .reject = true };
	if (from_leader(message)) {
		answer.type = NC_RAFT_APPEND_RESP;
		answer.index = message->index;
	} else if (message->type == NC_RAFT_PREVOTE) {
		answer.type = NC_RAFT_PREVOTE_RESP;
	} else {
		return;
	}
	nc_raft_send(raft, answer);
}

static int to_follower(struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (raft->role == NC_RAFT_LEADER) { /* two leaders in a term */
		nc_raft_halt(raft);
		return NC_CORRUPT;
	}
	if (raft->role != NC_RAFT_FOLLOWER || raft->leader != message->from)
		nc_raft_become_follower(raft, raft->hard.term, message->from);
	raft->election_elapsed = 0;
	if (message->type == NC_RAFT_APPEND) {
		nc_raft_append_heard(raft, message);
	} else if (message->type == NC_RAFT_SNAPSHOT) {
		nc_raft_snapshot_heard(raft, message);
	} else {
		nc_raft_heartbeat_heard(raft, message);
	}
	return NC_OK;
}

static void to_leader(struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (raft->role != NC_RAFT_LEADER)
		return;
	if (message->type == NC_RAFT_APPEND_RESP) {
		nc_raft_append_answered(raft, message);
	} else if (message->type == NC_RAFT_HEARTBEAT_RESP) {
		nc_raft_heartbeat_answered(raft, message);
	} else {
		nc_raft_read_asked(raft, message);
	}
}

static int dispatch(struct nc_raft *raft, const struct nc_raft_message *message)
{
	switch (message->type) {
	case NC_RAFT_PREVOTE:
	case NC_RAFT_VOTE:
		nc_raft_vote_asked(raft, message);
		return NC_OK;
	case NC_RAFT_PREVOTE_RESP:
	case NC_RAFT_VOTE_RESP:
		nc_raft_vote_heard(raft, message);
		return NC_OK;
	case NC_RAFT_APPEND:
	case NC_RAFT_HEARTBEAT:
	case NC_RAFT_SNAPSHOT:
		return to_follower(raft, message);
	case NC_RAFT_READ_RESP:
		nc_raft_read_answered(raft, message);
		return NC_OK;
	case NC_RAFT_TIMEOUT_NOW:
		if (raft->role != NC_RAFT_LEADER && raft->leader == message->from &&
		    nc_raft_may_lead(raft) && raft->doubt.nonce == 0)
			nc_raft_stand(raft, NC_RAFT_STAND_TOLD);
		return NC_OK;
	default:
		to_leader(raft, message);
		return NC_OK;
	}
}

static size_t config_entries(const struct nc_raft_message *message)
{
	size_t count = 0;
	for (uint32_t i = 0; i < message->entry_count; i++)
		count += message->entries[i].kind == NC_LOG_CONFIG;
	return count;
}

int nc_raft_step(struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (raft->halted)
		return NC_IO;
	if (!valid(raft, message))
		return NC_INVALID;
	int err = nc_raft_reserve(raft, (size_t)message->entry_count + 1,
	                          config_entries(message) + 1);
	if (err != NC_OK)
		return err;
	if (message->term > raft->hard.term) {
		if (!of_higher_term(raft, message))
			return NC_OK;
	} else if (message->term < raft->hard.term) {
		of_lower_term(raft, message);
		return NC_OK;
	}
	return dispatch(raft, message);
}
