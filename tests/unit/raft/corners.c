/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What seldom comes: late, needless and senseless calls and messages, and the ends of ranges. */
#include <criterion/criterion.h>

#include "core/raft/message_codec.h"
#include "core/raft/raft_private.h"

static const struct nc_raft_members three = { .count = 3,
	                                      .at = { { 1, true }, { 2, true }, { 3, true } } };

static struct nc_raft *node_with(struct nc_raft_options options, struct nc_raft_start start)
{
	struct nc_raft *raft = NULL;
	cr_assert_eq(nc_raft_new(&options, &start, &raft), NC_OK);
	return raft;
}

static struct nc_raft *node(uint64_t self)
{
	return node_with(nc_raft_options_default(self, self),
	                 (struct nc_raft_start){ .members = three });
}

static struct nc_raft_ready ready_of(struct nc_raft *raft)
{
	struct nc_raft_ready ready;
	nc_raft_ready(raft, &ready);
	return ready;
}

static void persist(struct nc_raft *raft)
{
	for (int i = 0; i < 3; i++)
		cr_assert_eq(nc_raft_appended(raft, ready_of(raft).mark), NC_OK);
}

static void hears(struct nc_raft *raft, struct nc_raft_message message)
{
	message.to = raft->options.self;
	cr_assert_eq(nc_raft_step(raft, &message), NC_OK);
}

static void answers(struct nc_raft *raft, uint64_t from, struct nc_raft_message message)
{
	message.type = NC_RAFT_APPEND_RESP;
	message.from = from;
	message.term = raft->hard.term;
	hears(raft, message);
}

/* Node 1 leads term 1 by node 2's vote. */
static struct nc_raft *leader_with(struct nc_raft_options options)
{
	struct nc_raft *raft = node_with(options, (struct nc_raft_start){ .members = three });
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_PREVOTE_RESP, .from = 2, .term = 1 });
	persist(raft);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_VOTE_RESP, .from = 2, .term = 1 });
	cr_assert_eq(raft->role, NC_RAFT_LEADER);
	return raft;
}

static struct nc_raft *leader(void)
{
	return leader_with(nc_raft_options_default(1, 1));
}

/* Its first entry committed. */
static struct nc_raft *settled(struct nc_raft *raft)
{
	persist(raft);
	answers(raft, 2, (struct nc_raft_message){ .index = 1 });
	cr_assert(nc_raft_settled(raft));
	return raft;
}

static void propose(struct nc_raft *raft, int count)
{
	uint64_t index, term;
	for (int i = 0; i < count; i++)
		cr_assert_eq(nc_raft_propose(raft, 10, &index, &term), NC_OK);
}

/* A follower that hears entries of `term` after `prev`. */
static void appends(struct nc_raft *raft, uint64_t from, uint64_t term, uint64_t prev,
                    uint64_t prev_term, uint32_t count)
{
	struct nc_raft_entry entries[8];
	for (uint32_t i = 0; i < count; i++)
		entries[i] = (struct nc_raft_entry){ .term = term, .kind = NC_LOG_COMMAND };
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_APPEND,
	                                      .from = from,
	                                      .term = term,
	                                      .index = prev,
	                                      .log_term = prev_term,
	                                      .entry_count = count,
	                                      .entries = entries });
}

static void offers_snapshot(struct nc_raft *raft, uint64_t from, uint64_t term, uint64_t index,
                            uint64_t log_term)
{
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_SNAPSHOT,
	                                      .from = from,
	                                      .term = term,
	                                      .index = index,
	                                      .log_term = log_term,
	                                      .members = &three });
}

/* ---- Elections ------------------------------------------------------------------------------- */

Test(corners, votes_of_more_strangers_than_there_can_be_members_count_for_nothing)
{
	struct nc_raft *raft = node(1);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	for (uint64_t id = 100; id < 100 + NC_RAFT_MEMBERS_MAX + 2; id++) {
		hears(raft, (struct nc_raft_message){
		                    .type = NC_RAFT_PREVOTE_RESP, .from = id, .term = 1 });
	}
	cr_expect_eq(raft->role, NC_RAFT_PRE_CANDIDATE);
	nc_raft_free(raft);
}

Test(corners, a_grant_for_another_term_is_none)
{
	struct nc_raft *raft = node(1);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_PREVOTE_RESP, .from = 2, .term = 7 });
	cr_expect_eq(raft->role, NC_RAFT_PRE_CANDIDATE);
	nc_raft_free(raft);
}

Test(corners, a_candidate_whose_term_is_not_with_the_disk_yet_has_not_its_own_vote)
{
	struct nc_raft *raft = node(1);
	appends(raft, 2, 1, 0, 0, 1);
	struct nc_raft_mark mark = ready_of(raft).mark;
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_TIMEOUT_NOW, .from = 2, .term = 1 });
	cr_assert_eq(raft->role, NC_RAFT_CANDIDATE);
	cr_assert_eq(nc_raft_appended(raft, mark), NC_OK);
	cr_expect_eq(raft->granted_count, 0);
	persist(raft);
	cr_expect_eq(raft->granted_count, 1);
	nc_raft_free(raft);
}

Test(corners, who_installs_a_snapshot_does_not_stand)
{
	struct nc_raft *raft = node(3);
	offers_snapshot(raft, 1, 2, 10, 2);
	(void)ready_of(raft);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_TIMEOUT_NOW, .from = 1, .term = 2 });
	cr_expect_eq(raft->role, NC_RAFT_FOLLOWER);
	nc_raft_free(raft);
}

Test(corners, only_its_leader_can_tell_a_follower_to_stand)
{
	struct nc_raft *raft = node(3);
	appends(raft, 1, 1, 0, 0, 1);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_TIMEOUT_NOW, .from = 2, .term = 1 });
	cr_expect_eq(raft->role, NC_RAFT_FOLLOWER);
	nc_raft_free(raft);
	raft = leader();
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_TIMEOUT_NOW, .from = 2, .term = 1 });
	cr_expect_eq(raft->role, NC_RAFT_LEADER);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_expect_eq(raft->role, NC_RAFT_LEADER);
	nc_raft_free(raft);
}

Test(corners, the_only_member_of_another_cluster_and_the_only_learner_are_not_alone)
{
	struct nc_raft_start start = { .members = { .count = 1, .at = { { 9, true } } } };
	struct nc_raft *raft = node_with(nc_raft_options_default(1, 1), start);
	cr_expect_not(nc_raft_alone(raft));
	nc_raft_free(raft);
	start.members.at[0] = (struct nc_raft_member){ 1, false };
	raft = node_with(nc_raft_options_default(1, 1), start);
	cr_expect_not(nc_raft_alone(raft));
	nc_raft_free(raft);
}

/* ---- The log --------------------------------------------------------------------------------- */

Test(corners, what_no_writer_had_yet_is_replaced_without_ado)
{
	struct nc_raft *raft = node(3);
	appends(raft, 1, 1, 0, 0, 2);
	appends(raft, 2, 2, 1, 1, 1);
	cr_expect_eq(raft->trail.last, 2);
	cr_expect_eq(raft->void_order, 0);
	nc_raft_free(raft);
}

Test(corners, two_replacements_of_what_is_with_the_writer_leave_what_both_left)
{
	struct nc_raft *raft = node(3);
	appends(raft, 1, 1, 0, 0, 4);
	struct nc_raft_mark first = ready_of(raft).mark;
	appends(raft, 2, 2, 1, 1, 3); /* from 2 on */
	struct nc_raft_mark second = ready_of(raft).mark;
	uint64_t before = nc_raft_hash(raft);
	appends(raft, 1, 3, 3, 2, 1); /* from 4 on */
	cr_expect_neq(nc_raft_hash(raft), before);
	cr_expect_eq(raft->void_index, 1);
	(void)ready_of(raft);
	cr_assert_eq(nc_raft_appended(raft, first), NC_OK);
	cr_expect_eq(raft->stable, 1);
	cr_assert_eq(nc_raft_appended(raft, second), NC_OK);
	cr_expect_eq(raft->stable, 1);
	nc_raft_free(raft);
}

Test(corners, a_heartbeat_commits_nothing_that_is_not_here)
{
	struct nc_raft *raft = node(3);
	appends(raft, 1, 1, 0, 0, 1);
	hears(raft, (struct nc_raft_message){
	                    .type = NC_RAFT_HEARTBEAT, .from = 1, .term = 1, .commit = 5 });
	cr_expect_eq(raft->commit, 0);
	nc_raft_free(raft);
}

Test(corners, a_disk_that_fails_twice_has_failed)
{
	struct nc_raft *raft = leader();
	nc_raft_disk_failed(raft);
	nc_raft_disk_failed(raft);
	cr_expect(raft->halted);
	cr_expect_not(nc_raft_has_ready(raft));
	cr_expect_eq(nc_raft_read_index(raft, 1), NC_CONFLICT);
	cr_expect_eq(nc_raft_snapshot_restored(raft, 1), NC_CONFLICT);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_expect_eq(raft->role, NC_RAFT_FOLLOWER);
	nc_raft_free(raft);
}

Test(corners, only_who_is_alone_and_leads_may_forget_what_was_not_written)
{
	struct nc_raft *raft = leader();
	cr_expect_eq(nc_raft_retract(raft, 1), NC_CONFLICT);
	nc_raft_free(raft);
	struct nc_raft_start start = { .members = { .count = 1, .at = { { 1, true } } } };
	raft = node_with(nc_raft_options_default(1, 1), start);
	cr_assert_eq(nc_raft_load(raft, &(struct nc_raft_entry){ 1, 0, NC_LOG_COMMAND, NULL }),
	             NC_OK);
	cr_expect_eq(nc_raft_retract(raft, 1), NC_CONFLICT, "a follower");
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_expect_eq(nc_raft_retract(raft, 1), NC_CONFLICT, "durable");
	nc_raft_free(raft);
}

Test(corners, refuses_to_load_what_no_log_can_have)
{
	struct nc_raft *raft = node(1);
	struct nc_raft_members wrong = { .count = 1 };
	const struct nc_raft_entry bad[] = { { 0, 0, NC_LOG_COMMAND, NULL },
		                             { 1, 0, NC_LOG_CONFIG, NULL },
		                             { 1, 0, NC_LOG_COMMAND, &three },
		                             { 1, 0, NC_LOG_CONFIG, &wrong } };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_expect_eq(nc_raft_load(raft, &bad[i]), NC_INVALID, "%zu", i);
	nc_raft_free(raft);
	struct nc_raft_options options = nc_raft_options_default(1, 1);
	const struct nc_raft_start starts[] = { { .base_index = 3, .applied = 3 },
		                                { .base_term = 3 },
		                                { .base_index = 3, .base_term = 1, .applied = 2 } };
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
		cr_expect_eq(nc_raft_new(&options, &starts[i], &raft), NC_INVALID, "%zu", i);
}

/* ---- Followers ------------------------------------------------------------------------------- */

Test(corners, answers_that_no_honest_follower_gives_are_passed_over)
{
	struct nc_raft *raft = settled(leader());
	propose(raft, 3);
	persist(raft);
	answers(raft, 3, (struct nc_raft_message){ .reject = true });
	answers(raft, 3, (struct nc_raft_message){ .index = 99 });
	const struct nc_raft_peer *peer = nc_raft_peer(raft, 3);
	cr_expect_eq(peer->match, 0);
	/* A hint beyond what was asked about: the one before is tried. */
	uint64_t asked = peer->next - 1;
	cr_assert_eq(peer->state, NC_RAFT_PROBE);
	struct nc_raft_status status;
	nc_raft_status(raft, &status);
	cr_expect(status.peers[0].active, "itself");
	answers(raft, 3,
	        (struct nc_raft_message){
	                .reject = true, .index = asked + 1, .hint = 90, .log_term = 1 });
	cr_expect_eq(peer->next - 1, asked, "stale");
	answers(raft, 2, (struct nc_raft_message){ .index = 4 });
	nc_raft_unreachable(raft, 2);
	cr_assert_eq(nc_raft_peer(raft, 2)->state, NC_RAFT_PROBE);
	asked = nc_raft_peer(raft, 2)->next - 1;
	answers(raft, 2,
	        (struct nc_raft_message){
	                .reject = true, .index = asked + 1, .hint = 90, .log_term = 1 });
	cr_expect_eq(nc_raft_peer(raft, 2)->match, 4);
	hears(raft, (struct nc_raft_message){
	                    .type = NC_RAFT_HEARTBEAT_RESP, .from = 3, .term = 1, .context = 99 });
	cr_expect_lt(peer->read_ack, 99);
	nc_raft_free(raft);
}

Test(corners, a_hint_that_leads_beyond_what_was_refused_leads_to_the_one_before)
{
	struct nc_raft_options options = nc_raft_options_default(1, 1);
	struct nc_raft *raft = node_with(
	        options, (struct nc_raft_start){ .hard = { .term = 1 }, .members = three });
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(
		        nc_raft_load(raft, &(struct nc_raft_entry){ 1, 0, NC_LOG_COMMAND, NULL }),
		        NC_OK);
	}
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_PREVOTE_RESP, .from = 2, .term = 2 });
	persist(raft);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_VOTE_RESP, .from = 2, .term = 2 });
	const struct nc_raft_peer *peer = nc_raft_peer(raft, 3);
	uint64_t asked = peer->next - 1;
	cr_assert_eq(asked, 5);
	answers(raft, 3,
	        (struct nc_raft_message){ .reject = true, .index = 5, .hint = 5, .log_term = 1 });
	cr_expect_eq(peer->next - 1, 4);
	nc_raft_free(raft);
}

Test(corners, what_was_read_from_the_log_is_accounted_for_once)
{
	struct nc_raft_options options = nc_raft_options_default(1, 1);
	options.window_entries = 1;
	struct nc_raft *raft = settled(leader_with(options));
	propose(raft, 4);
	persist(raft);
	const struct nc_raft_peer *peer = nc_raft_peer(raft, 3);
	hears(raft,
	      (struct nc_raft_message){ .type = NC_RAFT_HEARTBEAT_RESP, .from = 3, .term = 1 });
	answers(raft, 3, (struct nc_raft_message){ .reject = true, .index = peer->next - 1 });
	answers(raft, 3, (struct nc_raft_message){ .index = 1 });
	cr_assert(peer->reading);
	uint64_t prev = peer->reading_prev;
	cr_expect_eq(nc_raft_sent(raft, 9, prev, prev + 1, 10), NC_OK, "nobody");
	cr_expect_eq(nc_raft_sent(raft, 3, prev + 1, prev + 2, 10), NC_OK, "of another place");
	cr_expect_eq(nc_raft_sent(raft, 3, prev, prev - 1, 10), NC_INVALID);
	cr_expect_eq(nc_raft_sent(raft, 3, prev, peer->reading_last + 1, 10), NC_INVALID);
	cr_expect_eq(nc_raft_sent(raft, 3, prev, prev, 0), NC_OK, "nothing was sent");
	cr_expect_not(peer->reading);
	nc_raft_free(raft);
}

/* Found by the simulator on damaged files: the leader took the refusals for late ones, and the node
 * stayed behind, and in doubt, for as long as that leader led. */
Test(corners, a_node_that_has_lost_what_it_acknowledged_is_brought_back)
{
	struct nc_raft *raft = settled(leader());
	propose(raft, 3);
	persist(raft);
	answers(raft, 2, (struct nc_raft_message){ .index = 4 });
	const struct nc_raft_peer *peer = nc_raft_peer(raft, 2);
	cr_assert_eq(peer->match, 4);
	answers(raft, 2,
	        (struct nc_raft_message){ .reject = true, .index = 4, .hint = 3, .log_term = 1 });
	cr_expect_eq(peer->match, 4, "a late refusal");
	struct nc_raft_message asks = {
		.type = NC_RAFT_READ, .from = 2, .term = 1, .force = true, .context = 77
	};
	hears(raft, asks);
	cr_expect_eq(peer->match, 0);
	cr_expect_eq(peer->next, 5);
	cr_expect_eq(raft->commit, 4);
	answers(raft, 2, (struct nc_raft_message){ .index = 4 });
	hears(raft, asks);
	cr_expect_eq(peer->match, 4, "the same doubt, a second time");
	asks.context = 78;
	hears(raft, asks);
	cr_expect_eq(peer->match, 0, "another life of its own");
	nc_raft_free(raft);
}

static struct nc_raft_message answer_to_vote(struct nc_raft *raft, struct nc_raft_message ask)
{
	hears(raft, ask);
	struct nc_raft_ready ready = ready_of(raft);
	if (ready.mark.order != 0)
		cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	if (ready.message_count == 0)
		ready = ready_of(raft);
	cr_assert_eq(ready.message_count, 1);
	return ready.messages[0];
}

Test(corners, who_is_in_doubt_refuses_with_a_grant_behind_it)
{
	struct nc_raft *raft =
	        node_with(nc_raft_options_default(3, 3),
	                  (struct nc_raft_start){ .members = three, .doubtful = true });
	struct nc_raft_message ask = { .type = NC_RAFT_PREVOTE, .from = 1, .term = 5 };
	struct nc_raft_message answer = answer_to_vote(raft, ask);
	cr_expect(answer.reject && answer.force);
	cr_expect_eq(answer.term, 5u);
	ask.type = NC_RAFT_VOTE;
	answer = answer_to_vote(raft, ask);
	cr_expect(answer.reject && answer.force);
	cr_expect_eq(raft->hard.vote, 1u);
	ask.from = 2;
	answer = answer_to_vote(raft, ask);
	cr_expect(answer.reject && !answer.force, "it has one vote, in doubt or not");
	nc_raft_free(raft);
}

/* What the transport does not promise is that a question of an earlier life stays unanswered. */
Test(corners, a_doubt_ends_by_its_own_question_alone)
{
	struct nc_raft *raft =
	        node_with(nc_raft_options_default(3, 3),
	                  (struct nc_raft_start){ .members = three, .doubtful = true });
	appends(raft, 1, 1, 0, 0, 2);
	persist(raft);
	hears(raft, (struct nc_raft_message){
	                    .type = NC_RAFT_HEARTBEAT, .from = 1, .term = 1, .commit = 1 });
	uint64_t nonce = raft->doubt.nonce;
	struct nc_raft_message answer = {
		.type = NC_RAFT_READ_RESP, .from = 1, .term = 1, .index = 2, .context = nonce + 1
	};
	hears(raft, answer);
	cr_expect_eq(raft->doubt.nonce, nonce, "another question's answer");
	answer.context = nonce;
	hears(raft, answer);
	cr_expect_eq(raft->doubt.nonce, nonce, "entry 2 is not known to be committed");
	answer.index = 1;
	hears(raft, answer);
	cr_expect_eq(raft->doubt.index, 2u, "the first answer holds");
	hears(raft, (struct nc_raft_message){
	                    .type = NC_RAFT_HEARTBEAT, .from = 1, .term = 1, .commit = 2 });
	cr_expect_eq(raft->doubt.nonce, 0u);
	nc_raft_free(raft);
}

/* What the disk has lost may be the write that put other entries in the place of those that are
 * here again. The leader knows that write as acknowledged, and its heartbeats say so. */
Test(corners, in_doubt_no_heartbeat_commits_what_was_not_shown)
{
	struct nc_raft_message heartbeat = {
		.type = NC_RAFT_HEARTBEAT, .from = 1, .term = 2, .commit = 2
	};
	struct nc_raft *raft =
	        node_with(nc_raft_options_default(3, 3),
	                  (struct nc_raft_start){ .members = three, .doubtful = true });
	for (int i = 0; i < 3; i++)
		cr_assert_eq(nc_raft_load(raft, &(struct nc_raft_entry){ .term = 1 }), NC_OK);
	hears(raft, heartbeat);
	cr_expect_eq(raft->commit, 0u);
	appends(raft, 1, 2, 1, 1, 2);
	hears(raft, heartbeat);
	cr_expect_eq(raft->commit, 2u, "what the leader of this term has shown");
	heartbeat.term = 3;
	heartbeat.commit = 3;
	hears(raft, heartbeat);
	cr_expect_eq(raft->commit, 2u, "a later one has shown nothing");
	nc_raft_free(raft);
}

/* ---- Snapshots ------------------------------------------------------------------------------- */

/* Of a peer that had heard of a later leader than this node, before it was fetched. */
Test(corners, a_fetched_state_may_bring_a_later_term)
{
	struct nc_raft *raft = node_with(nc_raft_options_default(3, 3),
	                                 (struct nc_raft_start){ .hard = { .term = 1, .vote = 2 },
	                                                         .base_index = 5,
	                                                         .base_term = 2,
	                                                         .members = three,
	                                                         .applied = 5 });
	cr_assert_null(nc_raft_check(raft));
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	struct nc_raft_ready ready = ready_of(raft);
	cr_assert_eq(ready.message_count, 2);
	cr_expect_eq(ready.messages[0].term, 3u, "not the one that somebody else has led");
	cr_expect_eq(raft->hard.vote, 0u, "the vote was given in an earlier one");
	nc_raft_free(raft);
}

/* A leader whose log begins after 4; node 3 is behind it. */
static struct nc_raft *compacted_with(struct nc_raft_options options)
{
	struct nc_raft *raft = settled(leader_with(options));
	uint64_t through;
	propose(raft, 4);
	persist(raft);
	answers(raft, 2, (struct nc_raft_message){ .index = 5 });
	persist(raft);
	nc_raft_applied(raft, 5);
	cr_assert_eq(nc_raft_snapshot_taken(raft, 4), NC_OK);
	cr_expect_eq(nc_raft_snapshot_taken(raft, 3), NC_INVALID);
	cr_expect_eq(nc_raft_snapshot_taken(raft, 6), NC_INVALID);
	cr_assert_eq(nc_raft_compact(raft, 4, &through), NC_OK);
	cr_assert_eq(through, 4);
	hears(raft,
	      (struct nc_raft_message){ .type = NC_RAFT_HEARTBEAT_RESP, .from = 3, .term = 1 });
	answers(raft, 3,
	        (struct nc_raft_message){ .reject = true,
	                                  .index = nc_raft_peer(raft, 3)->next - 1 });
	cr_assert_eq(nc_raft_peer(raft, 3)->state, NC_RAFT_SENDING);
	return raft;
}

static struct nc_raft *compacted(void)
{
	return compacted_with(nc_raft_options_default(1, 1));
}

Test(corners, a_copy_offers_its_own_snapshot)
{
	struct nc_raft *raft = compacted(), *copy = NULL;
	cr_assert_eq(nc_raft_copy(raft, &copy), NC_OK);
	nc_raft_free(raft);
	struct nc_raft_ready ready = ready_of(copy);
	const struct nc_raft_message *offer = NULL;
	for (size_t i = 0; i < ready.message_count; i++) {
		if (ready.messages[i].type == NC_RAFT_SNAPSHOT)
			offer = &ready.messages[i];
	}
	cr_assert_not_null(offer);
	cr_expect_eq(offer->members->count, 3);
	nc_raft_free(copy);
}

Test(corners, a_snapshot_that_could_not_be_sent_is_offered_when_the_peer_is_heard_of)
{
	struct nc_raft *raft = compacted();
	nc_raft_snapshot_status(raft, 9);
	nc_raft_snapshot_status(raft, 2);
	cr_expect_eq(nc_raft_peer(raft, 2)->state, NC_RAFT_REPLICATE);
	nc_raft_snapshot_status(raft, 3);
	cr_expect_eq(nc_raft_peer(raft, 3)->state, NC_RAFT_PROBE);
	cr_expect(nc_raft_peer(raft, 3)->paused);
	nc_raft_unreachable(raft, 9);
	nc_raft_unreachable(raft, 1);
	nc_raft_free(raft);
}

static void heartbeat_answered(struct nc_raft *raft, uint64_t from, uint64_t installs)
{
	hears(raft,
	      (struct nc_raft_message){
	              .type = NC_RAFT_HEARTBEAT_RESP, .from = from, .term = 1, .index = installs });
}

/* Let an election timeout pass, in which node 2 is heard of. */
static void election_timeout(struct nc_raft *raft)
{
	for (uint32_t i = 0; i < raft->options.election_ticks; i++) {
		cr_assert_eq(nc_raft_tick(raft), NC_OK);
		heartbeat_answered(raft, 2, 0);
		(void)ready_of(raft);
	}
	cr_assert_eq(raft->role, NC_RAFT_LEADER);
}

/* Through the fifth entry, of which there is a snapshot by then. */
static uint64_t compacts_through(struct nc_raft *raft)
{
	uint64_t through;
	cr_assert_eq(nc_raft_snapshot_taken(raft, 5), NC_OK);
	cr_assert_eq(nc_raft_compact(raft, 5, &through), NC_OK);
	return through;
}

/* One that died while it fetched a snapshot must not keep the log for ever. */
Test(corners, the_log_is_kept_for_who_fetches_a_snapshot_and_is_heard_of)
{
	struct nc_raft_options options = nc_raft_options_default(1, 1);
	options.offer_elections = 3;
	struct nc_raft *raft = compacted_with(options);
	for (int i = 0; i < 5; i++) {
		election_timeout(raft);
		heartbeat_answered(raft, 3, 4);
	}
	cr_expect_eq(compacts_through(raft), 4u, "it still fetches");
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(nc_raft_peer(raft, 3)->state, NC_RAFT_SENDING);
		election_timeout(raft);
	}
	election_timeout(raft);
	cr_expect_eq(compacts_through(raft), 5u, "it has gone");
	heartbeat_answered(raft, 3, 4); /* it comes back: what it fetches is of no use */
	cr_expect_eq(nc_raft_peer(raft, 3)->state, NC_RAFT_SENDING);
	cr_expect_eq(nc_raft_peer(raft, 3)->snapshot_index, 5u);
	nc_raft_free(raft);
}

Test(corners, an_old_answer_does_not_end_the_sending_of_a_snapshot)
{
	struct nc_raft *raft = compacted();
	answers(raft, 3, (struct nc_raft_message){ .index = 2 });
	cr_expect_eq(nc_raft_peer(raft, 3)->state, NC_RAFT_SENDING);
	answers(raft, 3, (struct nc_raft_message){ .index = 4 });
	cr_expect_eq(nc_raft_peer(raft, 3)->state, NC_RAFT_REPLICATE);
	nc_raft_free(raft);
}

Test(corners, an_install_is_finished_once_and_by_its_index)
{
	struct nc_raft *raft = node(3);
	cr_expect_eq(nc_raft_snapshot_restored(raft, 5), NC_CONFLICT);
	appends(raft, 1, 2, 0, 0, 2);
	offers_snapshot(raft, 1, 2, 2, 1); /* of another term than the log has there */
	cr_assert_eq(raft->install.index, 2);
	(void)ready_of(raft);
	cr_expect_eq(nc_raft_snapshot_restored(raft, 5), NC_CONFLICT);
	/* No leader is known when it is done: nobody is told. */
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_VOTE,
	                                      .from = 2,
	                                      .term = 5,
	                                      .index = 9,
	                                      .log_term = 4,
	                                      .force = true });
	cr_assert_eq(raft->leader, 0);
	cr_expect_eq(nc_raft_snapshot_restored(raft, 2), NC_OK);
	cr_expect_eq(raft->commit, 2);
	nc_raft_free(raft);
}

/* ---- Members --------------------------------------------------------------------------------- */

Test(corners, there_are_so_many_members_and_no_more_in_the_order_of_their_ids)
{
	struct nc_raft_members many = { .count = NC_RAFT_MEMBERS_MAX + 1 };
	cr_expect_not(nc_raft_members_valid(&many));
	struct nc_raft_start start = { .members = { .count = NC_RAFT_MEMBERS_MAX } };
	for (uint32_t i = 0; i < NC_RAFT_MEMBERS_MAX; i++)
		start.members.at[i] = (struct nc_raft_member){ i + 10, i == 0 };
	struct nc_raft *raft = node_with(nc_raft_options_default(10, 1), start);
	uint64_t index;
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	persist(raft);
	persist(raft);
	cr_assert_eq(raft->role, NC_RAFT_LEADER);
	cr_expect_eq(nc_raft_add_learner(raft, 99, &index), NC_FULL);
	cr_assert_eq(nc_raft_remove(raft, 12, &index), NC_OK);
	persist(raft);
	cr_assert_eq(nc_raft_add_learner(raft, 5, &index), NC_OK);
	cr_expect_eq(nc_raft_members(raft)->at[0].id, 5);
	nc_raft_free(raft);
}

Test(corners, no_change_of_members_when_too_much_is_uncommitted_or_leadership_is_being_handed_over)
{
	struct nc_raft_options options = nc_raft_options_default(1, 1);
	options.uncommitted_entries_max = 2;
	struct nc_raft *raft = settled(leader_with(options));
	uint64_t index;
	propose(raft, 2);
	cr_expect_eq(nc_raft_add_learner(raft, 9, &index), NC_BUSY);
	cr_assert_eq(nc_raft_transfer(raft, 3), NC_OK);
	cr_expect_eq(nc_raft_remove(raft, 2, &index), NC_BUSY);
	struct nc_buf line = { 0 };
	nc_raft_describe(raft, &line);
	nc_buf_put_u8(&line, 0);
	cr_expect_not_null(strstr((const char *)line.data, " to 3"));
	nc_buf_release(&line);
	nc_raft_free(raft);
}

/* ---- Reads ----------------------------------------------------------------------------------- */

Test(corners, a_leader_with_no_room_for_a_read_lets_the_asker_wait_in_vain)
{
	struct nc_raft_options options = nc_raft_options_default(1, 1);
	options.reads_max = 1;
	struct nc_raft *raft = settled(leader_with(options));
	cr_assert_eq(nc_raft_read_index(raft, 1), NC_OK);
	hears(raft, (struct nc_raft_message){
	                    .type = NC_RAFT_READ, .from = 2, .term = 1, .context = 77 });
	cr_expect_eq(raft->read_count, 1);
	cr_expect_eq(nc_raft_read_index(raft, 2), NC_BUSY);
	nc_raft_free(raft);
}

Test(corners, an_answer_to_a_read_that_nobody_asked_is_none)
{
	struct nc_raft *raft = node(3);
	appends(raft, 1, 1, 0, 0, 1);
	cr_assert_eq(nc_raft_read_index(raft, 1), NC_OK);
	uint64_t asked = nc_raft_hash(raft);
	const uint64_t contexts[] = { raft->read_nonce, raft->read_nonce + 99, 0 };
	for (size_t i = 0; i < sizeof contexts / sizeof contexts[0]; i++) {
		hears(raft, (struct nc_raft_message){ .type = NC_RAFT_READ_RESP,
		                                      .from = 1,
		                                      .term = 1,
		                                      .context = contexts[i] });
	}
	cr_expect_eq(raft->read_count, 1);
	cr_expect_eq(nc_raft_hash(raft), asked);
	nc_raft_free(raft);
	raft = settled(leader());
	cr_assert_eq(nc_raft_read_index(raft, 1), NC_OK);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_READ_RESP, .from = 2, .term = 1 });
	cr_expect_eq(raft->read_count, 1);
	nc_raft_free(raft);
}

/* ---- Words and frames ------------------------------------------------------------------------ */

Test(corners, a_message_of_no_known_type_can_be_described)
{
	const struct nc_raft_message strange = {
		.type = NC_RAFT_TYPE_END, .from = 1, .to = 2, .term = 3, .log_term = 2
	};
	struct nc_buf line = { 0 };
	nc_raft_message_describe(&strange, &line);
	nc_buf_put_u8(&line, 0);
	cr_expect_not_null(strstr((const char *)line.data, " at 0@2"), "%s", line.data);
	nc_buf_release(&line);
}

Test(corners, a_frame_says_whether_it_answers)
{
	for (uint8_t type = 1; type < NC_RAFT_TYPE_END; type++) {
		struct nc_buf frame = { 0 };
		const struct nc_raft_message message = {
			.type = type, .from = 1, .to = 2, .term = 1
		};
		cr_assert_eq(nc_raft_frame_encode(&message, NULL, &frame), NC_OK);
		bool answer = type == NC_RAFT_PREVOTE_RESP || type == NC_RAFT_VOTE_RESP ||
		              type == NC_RAFT_APPEND_RESP || type == NC_RAFT_HEARTBEAT_RESP ||
		              type == NC_RAFT_READ_RESP;
		cr_expect_eq(nc_raft_frame_is_answer(nc_buf_slice(&frame)), answer, "%u", type);
		nc_buf_release(&frame);
	}
	cr_expect_not(nc_raft_frame_is_answer(NC_SLICE("")));
	cr_expect_not(nc_raft_frame_is_answer(NC_SLICE("\x93\x01")));
}

Test(corners, what_no_frame_can_carry_is_not_encoded)
{
	struct nc_buf buf = { 0 };
	const struct nc_raft_members far = { .count = 1, .at = { { UINT64_MAX, true } } };
	const struct nc_raft_members none = { .count = 0 };
	cr_expect_eq(nc_raft_members_encode(&far, &buf), NC_INVALID);
	cr_expect_eq(nc_raft_members_encode(&none, &buf), NC_OK);
	struct nc_raft_entry entry = { 1, 0, NC_LOG_COMMAND, NULL };
	struct nc_slice payload = { NULL, 0 };
	struct nc_raft_message message = {
		.type = NC_RAFT_APPEND, .from = 1, .to = 2, .term = 1, .entry_count = 1
	};
	cr_expect_eq(nc_raft_frame_encode(&message, &payload, &buf), NC_INVALID);
	message.entries = &entry;
	cr_expect_eq(nc_raft_frame_encode(&message, NULL, &buf), NC_INVALID);
	message.type = 0;
	cr_expect_eq(nc_raft_frame_encode(&message, &payload, &buf), NC_INVALID);
	message.type = NC_RAFT_TYPE_END;
	cr_expect_eq(nc_raft_frame_encode(&message, &payload, &buf), NC_INVALID);
	nc_buf_release(&buf);
}

/* The fields of a frame up to where members stand. */
#define HEADER "\x9d\x01\x07\x00\x01\x02\x03\x00\x00\x00\x00\x00"

Test(corners, frames_whose_lists_do_not_add_up_are_refused)
{
	struct nc_raft_frame frame;
	const struct nc_slice bad[] = {
		NC_SLICE(HEADER "\x00"),                     /* two bytes short of anything */
		NC_SLICE(HEADER "\xc0\xc0"),                 /* entries are no list */
		NC_SLICE(HEADER "\xc0\x91\x01"),             /* no three fields an entry */
		NC_SLICE(HEADER "\xc0\x93\x01\x09\xc4\x00"), /* of no kind */
		NC_SLICE(HEADER "\xc0\xdd\xff\xff\xff\xff"), /* more than there are bytes */
		NC_SLICE("\x9d\x01\x07\x00\x01\x02\x03\x00\x00\x00\x00"),
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_expect_eq(nc_raft_frame_decode(bad[i], &frame), NC_INVALID, "%zu", i);
	cr_assert_eq(nc_raft_frame_decode(NC_SLICE(HEADER "\xc0\x90"), &frame), NC_OK);
	nc_raft_frame_release(&frame);
}
