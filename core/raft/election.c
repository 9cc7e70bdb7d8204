/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Elections [3.4, 3.6.1], with pre-vote [9.6], and what a leader's lease forbids [6.2]. */
#include "core/raft/raft_private.h"

void nc_raft_become_follower(struct nc_raft *raft, uint64_t term, uint64_t leader)
{
	nc_assert(term >= raft->hard.term);
	if (term > raft->hard.term || raft->role == NC_RAFT_LEADER || leader != raft->leader)
		nc_raft_reads_fail(raft);
	if (term > raft->hard.term) {
		raft->hard = (struct nc_log_hard){ .term = term, .vote = 0 };
		raft->hard_dirty = !NC_MUTANT(TERM_NOT_SAVED);
		raft->doubt.shown = 0;
	}
	raft->role = NC_RAFT_FOLLOWER;
	raft->leader = leader;
	raft->transferee = 0;
	raft->noop = 0;
	raft->peer_count = 0;
	raft->granted_count = raft->doubting_count = raft->refused_count = 0;
	raft->uncommitted_bytes = 0;
	raft->election_elapsed = raft->heartbeat_elapsed = 0;
	raft->election_timeout = raft->options.election_ticks +
	                         (uint32_t)(nc_raft_random(raft) % raft->options.election_ticks);
}

bool nc_raft_leader_silent(const struct nc_raft *raft)
{
	return raft->role == NC_RAFT_FOLLOWER && raft->leader != 0 &&
	       raft->election_elapsed >= NC_RAFT_SILENT_HEARTBEATS * raft->options.heartbeat_ticks;
}

/* The leader is not there, as far as is known. Only its silence decides: a connection that breaks
 * now and then deposes nobody. Candidates need not wait for the lease to end. Their random waits
 * keep them apart, and let the others learn of it as well. */
void nc_raft_leader_gone(struct nc_raft *raft)
{
	if (!nc_raft_leader_silent(raft) && !NC_MUTANT(GONE_WHILE_HEARD))
		return;
	nc_raft_become_follower(raft, raft->hard.term, 0);
	raft->election_timeout =
	        1 + (uint32_t)(nc_raft_random(raft) % (raft->options.election_ticks / 2));
}

bool nc_raft_may_lead(const struct nc_raft *raft)
{
	if (raft->halted || raft->install.index != 0)
		return false;
	if (NC_MUTANT(LEARNER_CAMPAIGNS))
		return nc_raft_members_find(nc_raft_members(raft), raft->options.self) != NULL;
	return nc_raft_is_voter(raft, raft->options.self);
}

/* ---- Standing -------------------------------------------------------------------------------- */

static bool noted(const uint64_t *ids, uint32_t count, uint64_t id)
{
	for (uint32_t i = 0; i < count; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

static void note(uint64_t *ids, uint32_t *count, uint64_t id)
{
	if (!noted(ids, *count, id) && *count < NC_RAFT_MEMBERS_MAX)
		ids[(*count)++] = id;
}

/* How many of `ids` are voters now. */
static uint32_t voters_in(const struct nc_raft *raft, const uint64_t *ids, uint32_t count)
{
	uint32_t voters = 0;
	for (uint32_t i = 0; i < count; i++)
		voters += nc_raft_is_voter(raft, ids[i]);
	return voters;
}

/* Ask the other voters. */
static void votes_ask(struct nc_raft *raft, enum nc_raft_candidacy how)
{
	const struct nc_raft_members *members = nc_raft_members(raft);
	bool pre = how == NC_RAFT_ASK_FIRST;
	for (uint32_t i = 0; i < members->count; i++) {
		uint64_t id = members->at[i].id;
		if (id == raft->options.self || !nc_raft_is_voter(raft, id))
			continue;
		struct nc_raft_message ask = {
			.type = pre ? NC_RAFT_PREVOTE : NC_RAFT_VOTE,
			.to = id,
			.term = pre ? raft->hard.term + 1 : raft->hard.term,
			.index = raft->trail.last,
			.log_term = nc_trail_last_term(&raft->trail),
			.force = how == NC_RAFT_STAND_TOLD,
		};
		/* A candidate that forgot its term, or the log it told of, could win twice. */
		if (pre || NC_MUTANT(SELF_VOTE_BEFORE_SYNC)) {
			nc_raft_send(raft, ask);
		} else {
			nc_raft_send_after(raft, ask);
		}
	}
}

/* Count the candidate's own vote. */
static void note_self(struct nc_raft *raft)
{
	if (raft->doubt.nonce != 0 && !NC_MUTANT(DOUBTFUL_VOTES)) {
		note(raft->doubting, &raft->doubting_count, raft->options.self);
	} else {
		note(raft->granted, &raft->granted_count, raft->options.self);
	}
}

static void candidacy_begin(struct nc_raft *raft, enum nc_raft_candidacy how)
{
	bool pre = how == NC_RAFT_ASK_FIRST;
	nc_raft_become_follower(raft, pre ? raft->hard.term : raft->hard.term + 1, 0);
	raft->role = pre ? NC_RAFT_PRE_CANDIDATE : NC_RAFT_CANDIDATE;
	if (!pre)
		raft->hard.vote = raft->options.self;
	votes_ask(raft, how);
	/* The own vote counts once it is durable. A node alone need not wait, since it can mislead
	 * nobody: what it appends follows the vote in the same log. */
	if (pre || nc_raft_alone(raft) || NC_MUTANT(SELF_VOTE_BEFORE_SYNC))
		note_self(raft);
}

/* Whether every voter has granted it, in doubt or not. */
static bool all_granted(const struct nc_raft *raft)
{
	const struct nc_raft_members *members = nc_raft_members(raft);
	for (uint32_t i = 0; i < members->count; i++) {
		uint64_t id = members->at[i].id;
		if (members->at[i].voter && !noted(raft->granted, raft->granted_count, id) &&
		    !noted(raft->doubting, raft->doubting_count, id))
			return false;
	}
	return raft->granted_count + raft->doubting_count > 0;
}

static bool won(const struct nc_raft *raft)
{
	uint32_t granted = voters_in(raft, raft->granted, raft->granted_count);
	if (NC_MUTANT(DOUBT_IN_QUORUM))
		granted += voters_in(raft, raft->doubting, raft->doubting_count);
	return granted >= nc_raft_quorum(raft) || all_granted(raft);
}

static bool lost(const struct nc_raft *raft)
{
	return voters_in(raft, raft->refused, raft->refused_count) >= nc_raft_quorum(raft);
}

static void tally(struct nc_raft *raft)
{
	if (won(raft) && raft->role == NC_RAFT_PRE_CANDIDATE)
		candidacy_begin(raft, NC_RAFT_STAND); /* the only voter has won this one too */
	if (won(raft)) {
		nc_raft_become_leader(raft);
	} else if (lost(raft)) {
		nc_raft_become_follower(raft, raft->hard.term, 0);
	}
}

void nc_raft_stand(struct nc_raft *raft, enum nc_raft_candidacy how)
{
	candidacy_begin(raft, how);
	tally(raft);
}

void nc_raft_own_vote_durable(struct nc_raft *raft)
{
	if (raft->role != NC_RAFT_CANDIDATE || raft->hard_dirty || raft->durable < raft->hard_order)
		return;
	note_self(raft);
	tally(raft);
}

void nc_raft_vote_heard(struct nc_raft *raft, const struct nc_raft_message *message)
{
	bool pre = message->type == NC_RAFT_PREVOTE_RESP;
	if (raft->role != (pre ? NC_RAFT_PRE_CANDIDATE : NC_RAFT_CANDIDATE))
		return;
	bool grant = !message->reject || message->force;
	if (pre && grant && message->term != raft->hard.term + 1)
		return; /* for another term */
	if (!message->reject) {
		note(raft->granted, &raft->granted_count, message->from);
	} else if (grant) {
		note(raft->doubting, &raft->doubting_count, message->from);
	} else {
		note(raft->refused, &raft->refused_count, message->from);
	}
	tally(raft);
}

/* ---- Voting ---------------------------------------------------------------------------------- */

/* Whether the candidate's log has all that this one has, as far as terms can tell [3.6.1]. */
static bool up_to_date(const struct nc_raft *raft, const struct nc_raft_message *message)
{
	uint64_t last_term = nc_trail_last_term(&raft->trail);
	if (NC_MUTANT(VOTE_IGNORES_LOG))
		return true;
	if (NC_MUTANT(VOTE_COMPARES_LENGTH))
		return message->index >= raft->trail.last;
	return message->log_term > last_term ||
	       (message->log_term == last_term && message->index >= raft->trail.last);
}

static bool free_to_vote(const struct nc_raft *raft, const struct nc_raft_message *message)
{
	if (message->type == NC_RAFT_PREVOTE)
		return message->term > raft->hard.term;
	if (NC_MUTANT(VOTE_TWICE) || (NC_MUTANT(VOTE_TWICE_ON_TRANSFER) && message->force))
		return true;
	return raft->hard.vote == message->from || (raft->hard.vote == 0 && raft->leader == 0);
}

/* If two nodes ask at the same moment, each votes for itself and neither leads. So with equal logs
 * the higher id goes first, for as long as an answer takes. Refusing a pre-vote is always safe,
 * since it promises nothing. (But a refusal carries its sender's term, and term 0 says nothing.) */
static bool goes_first(const struct nc_raft *raft, const struct nc_raft_message *message)
{
	return message->type == NC_RAFT_PREVOTE && raft->role == NC_RAFT_PRE_CANDIDATE &&
	       raft->hard.term > 0 && raft->election_elapsed <= raft->options.heartbeat_ticks &&
	       raft->options.self > message->from && message->index == raft->trail.last &&
	       message->log_term == nc_trail_last_term(&raft->trail) &&
	       !NC_MUTANT(NOBODY_GOES_FIRST);
}

void nc_raft_vote_asked(struct nc_raft *raft, const struct nc_raft_message *message)
{
	bool pre = message->type == NC_RAFT_PREVOTE;
	bool doubts = raft->doubt.nonce != 0 && !NC_MUTANT(DOUBTFUL_VOTES);
	bool granted = free_to_vote(raft, message) && up_to_date(raft, message) &&
	               !goes_first(raft, message);
	struct nc_raft_message answer = {
		.type = pre ? NC_RAFT_PREVOTE_RESP : NC_RAFT_VOTE_RESP,
		.to = message->from,
		.reject = !granted || doubts,
		.force = granted && doubts,
	};
	if (!granted || pre) {
		if (granted)
			answer.term = message->term;
		nc_raft_send(raft, answer);
		return;
	}
	raft->election_elapsed = 0;
	if (raft->hard.vote != message->from) {
		raft->hard.vote = message->from;
		raft->hard_dirty = true;
	}
	if (NC_MUTANT(VOTE_BEFORE_SYNC)) {
		nc_raft_send(raft, answer);
	} else {
		nc_raft_send_after(raft, answer);
	}
}
