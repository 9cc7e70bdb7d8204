/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A node among three, spoken to by hand. */
#include <criterion/criterion.h>

#include "core/raft/status.h"

static const struct nc_raft_members three = { .count = 3,
	                                      .at = { { 1, true }, { 2, true }, { 3, true } } };

static struct nc_raft *node(uint64_t self)
{
	struct nc_raft_options options = nc_raft_options_default(self, self);
	struct nc_raft *raft = NULL;
	cr_assert_eq(nc_raft_new(&options, &(struct nc_raft_start){ .members = three }, &raft),
	             NC_OK);
	return raft;
}

static struct nc_raft_status status_of(const struct nc_raft *raft)
{
	struct nc_raft_status status;
	nc_raft_status(raft, &status);
	return status;
}

static struct nc_raft_ready ready_of(struct nc_raft *raft)
{
	struct nc_raft_ready ready;
	nc_raft_ready(raft, &ready);
	return ready;
}

static const struct nc_raft_message *sent(const struct nc_raft_ready *ready, uint8_t type,
                                          uint64_t to)
{
	for (size_t i = 0; i < ready->message_count; i++) {
		if (ready->messages[i].type == type && ready->messages[i].to == to)
			return &ready->messages[i];
	}
	return NULL;
}

static void hears(struct nc_raft *raft, struct nc_raft_message message)
{
	message.to = status_of(raft).self;
	cr_assert_eq(nc_raft_step(raft, &message), NC_OK);
}

/* Node 1, leader of term 1 by node 2's vote, its no-op on its way. */
static struct nc_raft *leader(void)
{
	struct nc_raft *raft = node(1);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_PREVOTE_RESP, .from = 2, .term = 1 });
	cr_assert_eq(nc_raft_appended(raft, ready_of(raft).mark), NC_OK);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_VOTE_RESP, .from = 2, .term = 1 });
	cr_assert_eq(status_of(raft).role, NC_RAFT_LEADER);
	return raft;
}

static void acks(struct nc_raft *raft, uint64_t from, uint64_t index)
{
	hears(raft, (struct nc_raft_message){
	                    .type = NC_RAFT_APPEND_RESP, .from = from, .term = 1, .index = index });
}

Test(three, a_vote_request_leaves_when_the_term_is_durable)
{
	struct nc_raft *raft = node(1);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	struct nc_raft_ready ready = ready_of(raft);
	cr_expect_not_null(sent(&ready, NC_RAFT_PREVOTE, 2));
	cr_expect_eq(ready.mark.order, 0);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_PREVOTE_RESP, .from = 2, .term = 1 });
	ready = ready_of(raft);
	cr_expect_eq(ready.message_count, 0);
	cr_expect_eq(ready.hard.vote, 1);
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	ready = ready_of(raft);
	cr_expect_not_null(sent(&ready, NC_RAFT_VOTE, 2));
	cr_expect_not_null(sent(&ready, NC_RAFT_VOTE, 3));
	nc_raft_free(raft);
}

Test(three, a_vote_leaves_when_it_is_durable_and_once_a_term)
{
	struct nc_raft *raft = node(1);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_VOTE, .from = 2, .term = 3 });
	struct nc_raft_ready ready = ready_of(raft);
	cr_expect_eq(ready.message_count, 0);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_VOTE, .from = 3, .term = 3 });
	struct nc_raft_ready next = ready_of(raft);
	cr_assert_not_null(sent(&next, NC_RAFT_VOTE_RESP, 3));
	cr_expect(sent(&next, NC_RAFT_VOTE_RESP, 3)->reject);
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	ready = ready_of(raft);
	cr_assert_not_null(sent(&ready, NC_RAFT_VOTE_RESP, 2));
	cr_expect_not(sent(&ready, NC_RAFT_VOTE_RESP, 2)->reject);
	nc_raft_free(raft);
}

Test(three, entries_leave_before_they_are_durable_and_count_after)
{
	struct nc_raft *raft = leader();
	struct nc_raft_ready ready = ready_of(raft);
	cr_assert_not_null(sent(&ready, NC_RAFT_APPEND, 2));
	cr_expect_eq(sent(&ready, NC_RAFT_APPEND, 2)->entry_count, 1);
	acks(raft, 2, 1);
	cr_expect_eq(status_of(raft).commit, 0); /* one, and a leader that has not synced */
	acks(raft, 3, 1);
	cr_expect_eq(status_of(raft).commit, 1); /* two are enough, without it */
	cr_expect_eq(status_of(raft).stable, 0);
	cr_expect_gt(ready_of(raft).apply_first, ready_of(raft).apply_last);
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	cr_expect_eq(ready_of(raft).apply_last, 1);
	nc_raft_free(raft);
}

Test(three, an_acknowledgement_leaves_when_it_is_durable)
{
	struct nc_raft *raft = node(2);
	struct nc_raft_entry entries[] = { { .term = 1, .size = 5, .kind = NC_LOG_COMMAND },
		                           { .term = 1, .size = 5, .kind = NC_LOG_COMMAND } };
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_APPEND,
	                                      .from = 1,
	                                      .term = 1,
	                                      .entry_count = 2,
	                                      .entries = entries,
	                                      .commit = 9 });
	struct nc_raft_ready ready = ready_of(raft);
	cr_expect_eq(ready.message_count, 0);
	cr_expect_eq(ready.last, 2);
	cr_expect_eq(status_of(raft).commit, 2);
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	ready = ready_of(raft);
	cr_assert_not_null(sent(&ready, NC_RAFT_APPEND_RESP, 1));
	cr_expect_eq(sent(&ready, NC_RAFT_APPEND_RESP, 1)->index, 2);
	cr_expect_eq(ready.apply_last, 2);
	nc_raft_free(raft);
}

Test(three, refuses_messages_that_cannot_be)
{
	struct nc_raft *raft = node(2);
	struct nc_raft_entry entry = { .term = 2, .kind = NC_LOG_COMMAND };
	const struct nc_raft_message bad[] = {
		{ .type = 0, .from = 1, .to = 2, .term = 1 },
		{ .type = NC_RAFT_TYPE_END, .from = 1, .to = 2, .term = 1 },
		{ .type = NC_RAFT_HEARTBEAT, .from = 0, .to = 2, .term = 1 },
		{ .type = NC_RAFT_HEARTBEAT, .from = 2, .to = 2, .term = 1 },
		{ .type = NC_RAFT_HEARTBEAT, .from = 1, .to = 3, .term = 1 },
		{ .type = NC_RAFT_HEARTBEAT, .from = 1, .to = 2, .term = 0 },
		{ .type = NC_RAFT_APPEND, .from = 1, .to = 2, .term = 1, .entry_count = 1 },
		{ .type = NC_RAFT_APPEND,
		  .from = 1,
		  .to = 2,
		  .term = 1,
		  .entry_count = 1,
		  .entries = &entry }, /* an entry of a term to come */
		{ .type = NC_RAFT_APPEND, .from = 1, .to = 2, .term = 1, .index = 1 },
		{ .type = NC_RAFT_SNAPSHOT,
		  .from = 1,
		  .to = 2,
		  .term = 1,
		  .index = 1,
		  .log_term = 1 },
		{ .type = NC_RAFT_VOTE,
		  .from = 1,
		  .to = 2,
		  .term = 3,
		  .entry_count = 1,
		  .entries = &entry },
		{ .type = NC_RAFT_VOTE, .from = 1, .to = 2, .term = UINT64_MAX },
	};
	uint64_t before = nc_raft_hash(raft);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(nc_raft_step(raft, &bad[i]), NC_INVALID, "message %zu", i);
	cr_expect_eq(nc_raft_hash(raft), before);
	nc_raft_free(raft);
}

static const struct nc_raft_members unsorted = { .count = 2, .at = { { 2, true }, { 1, true } } };

/* What a leader of term 3 could send, but for what a test puts into it. */
static const struct nc_raft_message append_in_term_3 = {
	.type = NC_RAFT_APPEND,
	.from = 1,
	.to = 2,
	.term = 3,
	.index = 5,
	.log_term = 1,
	.entry_count = 1,
};

Test(three, refuses_entries_that_cannot_be)
{
	struct nc_raft *raft = node(2);
	const struct nc_raft_entry fine = { .term = 1, .kind = NC_LOG_COMMAND };
	const struct nc_raft_entry odd[] = {
		{ .term = 1, .kind = NC_LOG_CONFIG },
		{ .term = 1, .kind = NC_LOG_CONFIG, .members = &unsorted },
		{ .term = 1, .kind = NC_LOG_COMMAND, .members = &three },
		{ .term = 0, .kind = NC_LOG_COMMAND },
		{ .term = 1, .kind = NC_LOG_COMMAND, .size = UINT32_MAX },
	};
	uint64_t before = nc_raft_hash(raft);
	struct nc_raft_message append = append_in_term_3;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		append.entries = &odd[i];
		cr_expect_eq(nc_raft_step(raft, &append), NC_INVALID, "entry %zu", i);
	}
	append.entries = &fine;
	append.log_term = 2; /* of an entry that is newer than the one behind it */
	cr_expect_eq(nc_raft_step(raft, &append), NC_INVALID);
	append.log_term = 4; /* of a term to come */
	cr_expect_eq(nc_raft_step(raft, &append), NC_INVALID);
	append.log_term = 1;
	append.index = UINT64_MAX;
	cr_expect_eq(nc_raft_step(raft, &append), NC_INVALID);
	append.index = 5;
	append.entry_count = NC_RAFT_ENTRIES_MAX + 1;
	cr_expect_eq(nc_raft_step(raft, &append), NC_INVALID);
	cr_expect_eq(nc_raft_hash(raft), before);
	nc_raft_free(raft);
}

Test(three, refuses_snapshots_that_cannot_be)
{
	struct nc_raft *raft = node(2);
	struct nc_raft_message state = append_in_term_3;
	uint64_t before = nc_raft_hash(raft);
	state.type = NC_RAFT_SNAPSHOT;
	state.entry_count = 0;
	state.members = &unsorted;
	cr_expect_eq(nc_raft_step(raft, &state), NC_INVALID);
	state.members = &(struct nc_raft_members){ 0 };
	cr_expect_eq(nc_raft_step(raft, &state), NC_INVALID);
	state.members = &three;
	state.log_term = 4; /* of a term to come */
	cr_expect_eq(nc_raft_step(raft, &state), NC_INVALID);
	state.log_term = 0;
	cr_expect_eq(nc_raft_step(raft, &state), NC_INVALID);
	state.log_term = 1;
	state.index = 0;
	cr_expect_eq(nc_raft_step(raft, &state), NC_INVALID);
	cr_expect_eq(nc_raft_hash(raft), before);
	nc_raft_free(raft);
}

Test(three, a_completion_that_a_truncation_overtook_vouches_for_what_is_left)
{
	struct nc_raft *raft = node(2);
	struct nc_raft_entry old[] = { { .term = 1, .kind = NC_LOG_COMMAND },
		                       { .term = 1, .kind = NC_LOG_COMMAND } };
	struct nc_raft_message append = {
		.type = NC_RAFT_APPEND, .from = 1, .term = 1, .entry_count = 2, .entries = old
	};
	hears(raft, append);
	struct nc_raft_mark first = ready_of(raft).mark;
	struct nc_raft_entry other = { .term = 2, .kind = NC_LOG_COMMAND };
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_APPEND,
	                                      .from = 3,
	                                      .term = 2,
	                                      .index = 1,
	                                      .log_term = 1,
	                                      .entry_count = 1,
	                                      .entries = &other });
	struct nc_raft_mark second = ready_of(raft).mark;
	append.term = 3; /* the first leader is back, with the first entry 2 */
	append.index = append.log_term = 1;
	append.entry_count = 1;
	hears(raft, append);
	struct nc_raft_mark third = ready_of(raft).mark;
	cr_assert_eq(nc_raft_appended(raft, first), NC_OK);
	cr_expect_eq(status_of(raft).stable, 1);
	cr_assert_eq(nc_raft_appended(raft, second), NC_OK);
	cr_expect_eq(status_of(raft).stable, 1);
	cr_assert_eq(nc_raft_appended(raft, third), NC_OK);
	cr_expect_eq(status_of(raft).stable, 2);
	nc_raft_free(raft);
}

Test(three, a_second_leader_of_its_term_halts_the_node)
{
	struct nc_raft *raft = leader();
	struct nc_raft_message rival = { .type = NC_RAFT_HEARTBEAT, .from = 3, .to = 1, .term = 1 };
	cr_expect_eq(nc_raft_step(raft, &rival), NC_CORRUPT);
	cr_expect_eq(nc_raft_step(raft, &rival), NC_IO);
	cr_expect(status_of(raft).halted);
	nc_raft_free(raft);
}

/* To node 2: it has been sent as many entries, one a message, as may be in flight, and has
 * acknowledged none of them. */
static struct nc_raft *leader_that_may_send_no_more(void)
{
	struct nc_raft *raft = leader();
	(void)ready_of(raft);
	acks(raft, 2, 1);
	uint64_t index, term;
	for (int i = 0; i < 100; i++)
		cr_assert_eq(nc_raft_propose(raft, 8, &index, &term), NC_OK);
	return raft;
}

Test(three, pauses_at_the_limit_in_flight_and_goes_on_when_answered)
{
	struct nc_raft *raft = leader_that_may_send_no_more();
	cr_expect_eq(status_of(raft).peers[1].inflight, 64);
	cr_expect_eq(status_of(raft).peers[1].next, 66);
	(void)ready_of(raft);
	acks(raft, 2, 3);
	/* Two are free, and what waited leaves in one message. */
	cr_expect_eq(status_of(raft).peers[1].inflight, 63);
	cr_expect_eq(status_of(raft).peers[1].next, 102);
	nc_raft_free(raft);
}

static void beats(struct nc_raft *raft, uint64_t from)
{
	hears(raft,
	      (struct nc_raft_message){ .type = NC_RAFT_HEARTBEAT_RESP, .from = from, .term = 1 });
}

/* A follower whose disk is slow answers heartbeats all the same. */
Test(three, a_heartbeat_that_is_answered_widens_no_full_window)
{
	struct nc_raft *raft = leader_that_may_send_no_more();
	for (int i = 0; i < 30; i++) {
		(void)ready_of(raft);
		beats(raft, 2);
		cr_assert_eq(status_of(raft).peers[1].inflight, 64);
		cr_assert_eq(status_of(raft).peers[1].next, 66);
		struct nc_raft_ready ready = ready_of(raft);
		const struct nc_raft_message *shown = sent(&ready, NC_RAFT_APPEND, 2);
		cr_assert_not_null(shown, "nothing would find out that messages were lost");
		cr_assert_eq(shown->index, 65);
		cr_assert_eq(shown->entry_count, 0);
	}
	/* They were lost. */
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_APPEND_RESP,
	                                      .from = 2,
	                                      .term = 1,
	                                      .reject = true,
	                                      .index = 65,
	                                      .hint = 1,
	                                      .log_term = 1 });
	struct nc_raft_ready ready = ready_of(raft);
	const struct nc_raft_message *again = sent(&ready, NC_RAFT_APPEND, 2);
	cr_assert_not_null(again);
	cr_expect_eq(again->index, 1);
	cr_expect_gt(again->entry_count, 0);
	nc_raft_free(raft);
}

/* Bytes that nobody waits for do not stand before those that somebody does. */
Test(three, little_is_in_flight_to_a_peer_that_is_behind)
{
	struct nc_raft_options options = nc_raft_options_default(1, 1);
	const size_t size = (size_t)options.inflight_bytes_behind_max / 4;
	struct nc_raft *raft = leader();
	uint64_t index, term;
	(void)ready_of(raft);
	for (int i = 0; i < 30; i++) { /* 2 takes them, 3 is silent */
		cr_assert_eq(nc_raft_propose(raft, size, &index, &term), NC_OK);
		struct nc_raft_ready ready = ready_of(raft);
		cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
		acks(raft, 2, index);
	}
	cr_assert_eq(status_of(raft).commit, 31);
	(void)ready_of(raft);
	acks(raft, 3, 1);
	uint64_t most = 0;
	for (struct nc_raft_peer_status peer; (peer = status_of(raft).peers[2]).match < 31;) {
		(void)ready_of(raft);
		uint64_t flying = (peer.next - 1 - peer.match) * size;
		cr_assert_gt(flying, 0);
		most = flying > most ? flying : most;
		acks(raft, 3, peer.next - 1);
	}
	cr_expect_leq(most, options.inflight_bytes_behind_max + options.append_bytes_max);
	nc_raft_free(raft);
}

Test(three, asks_the_driver_to_read_what_is_older_than_the_window)
{
	struct nc_raft_options options = nc_raft_options_default(1, 1);
	options.window_entries = 2;
	struct nc_raft *raft = NULL;
	cr_assert_eq(nc_raft_new(&options, &(struct nc_raft_start){ .members = three }, &raft),
	             NC_OK);
	for (int i = 0; i < 6; i++) {
		cr_assert_eq(nc_raft_load(raft, &(struct nc_raft_entry){ .term = 1,
		                                                         .size = 8,
		                                                         .kind = NC_LOG_COMMAND }),
		             NC_OK);
	}
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_PREVOTE_RESP, .from = 2, .term = 2 });
	cr_assert_eq(nc_raft_appended(raft, ready_of(raft).mark), NC_OK);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_VOTE_RESP, .from = 2, .term = 2 });
	(void)ready_of(raft);
	hears(raft, (struct nc_raft_message){ .type = NC_RAFT_APPEND_RESP,
	                                      .from = 2,
	                                      .term = 2,
	                                      .reject = true,
	                                      .index = 6 });
	struct nc_raft_ready ready = ready_of(raft);
	const struct nc_raft_message *append = sent(&ready, NC_RAFT_APPEND, 2);
	cr_assert_not_null(append);
	cr_expect(append->partial);
	cr_expect_eq(append->index, 0);
	cr_expect_eq(append->entry_count, 7);
	cr_expect_eq(append->size_max, options.append_bytes_max);
	cr_expect_eq(nc_raft_sent(raft, 2, 0, 8, 1), NC_INVALID);
	cr_expect_eq(nc_raft_sent(raft, 2, 1, 4, 1), NC_OK); /* not the one that was asked */
	cr_expect_eq(nc_raft_sent(raft, 2, 0, 3, 24), NC_OK);
	hears(raft, (struct nc_raft_message){
	                    .type = NC_RAFT_APPEND_RESP, .from = 2, .term = 2, .index = 3 });
	ready = ready_of(raft);
	append = sent(&ready, NC_RAFT_APPEND, 2);
	cr_assert_not_null(append);
	cr_expect_eq(append->index, 3);
	cr_expect(append->partial);
	cr_expect_eq(nc_raft_sent(raft, 2, 3, 7, 40), NC_OK);
	cr_expect_eq(status_of(raft).peers[1].next, 8);
	nc_raft_free(raft);
}

Test(three, a_copy_does_as_its_original)
{
	struct nc_raft *raft = leader(), *copy = NULL;
	cr_assert_eq(nc_raft_copy(raft, &copy), NC_OK);
	cr_expect_eq(nc_raft_hash(raft), nc_raft_hash(copy));
	for (int i = 0; i < 25; i++) {
		cr_assert_eq(nc_raft_tick(raft), NC_OK);
		cr_assert_eq(nc_raft_tick(copy), NC_OK);
		cr_expect_eq(nc_raft_hash(raft), nc_raft_hash(copy));
	}
	cr_expect_eq(status_of(copy).role, NC_RAFT_FOLLOWER); /* nobody answered */
	nc_raft_free(raft);
	nc_raft_free(copy);
}
