/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cluster of one voter: the way a single node uses consensus. */
#include <criterion/criterion.h>

#include "core/raft/status.h"

static const struct nc_raft_members only_me = { .count = 1, .at = { { .id = 1, .voter = true } } };

static struct nc_raft *node(const struct nc_raft_start *start)
{
	struct nc_raft_options options = nc_raft_options_default(1, 7);
	struct nc_raft *raft = NULL;
	cr_assert_eq(nc_raft_new(&options, start, &raft), NC_OK);
	return raft;
}

static struct nc_raft *fresh(void)
{
	return node(&(struct nc_raft_start){ .members = only_me });
}

static struct nc_raft_ready ready_of(struct nc_raft *raft)
{
	struct nc_raft_ready ready;
	nc_raft_ready(raft, &ready);
	return ready;
}

static struct nc_raft_status status_of(const struct nc_raft *raft)
{
	struct nc_raft_status status;
	nc_raft_status(raft, &status);
	return status;
}

Test(alone, leads_at_once_when_it_campaigns)
{
	struct nc_raft *raft = fresh();
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_expect_eq(status_of(raft).role, NC_RAFT_LEADER);
	struct nc_raft_ready ready = ready_of(raft);
	cr_expect(ready.hard_changed);
	cr_expect_eq(ready.hard.term, 1);
	cr_expect_eq(ready.hard.vote, 1);
	cr_expect_eq(ready.first, 1);
	cr_expect_eq(ready.last, 1);
	cr_expect_eq(ready.noop, 0);
	cr_assert_not_null(nc_raft_config_at(raft, 1)); /* the founders', for who joins later */
	cr_expect_eq(nc_raft_config_at(raft, 1)->count, 1);
	cr_expect_eq(ready.message_count, 0);
	nc_raft_free(raft);
}

Test(alone, leads_after_a_timeout_by_ticks_alone)
{
	struct nc_raft *raft = fresh();
	for (int i = 0; i < 20; i++)
		cr_assert_eq(nc_raft_tick(raft), NC_OK);
	cr_expect_eq(status_of(raft).role, NC_RAFT_LEADER);
	nc_raft_free(raft);
}

Test(alone, commits_what_is_durable_and_nothing_before)
{
	struct nc_raft *raft = fresh();
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	uint64_t index = 0, term = 0;
	cr_assert_eq(nc_raft_propose(raft, 100, &index, &term), NC_OK);
	cr_expect_eq(index, 2);
	cr_expect_eq(term, 1);
	struct nc_raft_ready ready = ready_of(raft);
	cr_expect_eq(ready.last, 2);
	cr_expect_gt(ready.apply_first, ready.apply_last);
	cr_expect_not(nc_raft_has_ready(raft));
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	ready = ready_of(raft);
	cr_expect_eq(ready.mark.order, 0);
	cr_expect_eq(ready.apply_first, 1);
	cr_expect_eq(ready.apply_last, 2);
	nc_raft_applied(raft, 2);
	cr_expect_eq(status_of(raft).applied, 2);
	cr_expect(status_of(raft).settled);
	nc_raft_free(raft);
}

Test(alone, says_that_durable_is_committed_until_somebody_else_is_there)
{
	struct nc_raft *raft = fresh();
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	uint64_t index = 0, term = 0;
	struct nc_raft_ready ready = ready_of(raft);
	cr_expect(ready.sole);
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	cr_expect_not(ready_of(raft).sole, "there is nothing to persist");
	cr_assert_eq(nc_raft_propose(raft, 100, &index, &term), NC_OK);
	ready = ready_of(raft);
	cr_expect(ready.sole);
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	cr_expect_eq(status_of(raft).commit, ready.mark.index);
	(void)ready_of(raft);
	cr_assert_eq(nc_raft_add_learner(raft, 2, &index), NC_OK);
	cr_expect_not(ready_of(raft).sole);
	nc_raft_free(raft);
}

Test(alone, keeps_several_writes_in_flight)
{
	struct nc_raft *raft = fresh();
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	struct nc_raft_mark marks[3];
	for (int i = 0; i < 3; i++) {
		uint64_t index, term;
		cr_assert_eq(nc_raft_propose(raft, 10, &index, &term), NC_OK);
		marks[i] = ready_of(raft).mark;
	}
	cr_assert_eq(nc_raft_appended(raft, marks[0]), NC_OK);
	cr_expect_eq(status_of(raft).commit, 2);
	cr_assert_eq(nc_raft_appended(raft, marks[2]), NC_OK);
	cr_expect_eq(status_of(raft).commit, 4);
	cr_assert_eq(nc_raft_appended(raft, marks[1]), NC_OK); /* late news is no news */
	cr_expect_eq(status_of(raft).commit, 4);
	nc_raft_free(raft);
}

Test(alone, a_read_waits_for_the_first_commit_of_the_term)
{
	struct nc_raft *raft = fresh();
	cr_expect_eq(nc_raft_read_index(raft, 5), NC_CONFLICT);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_assert_eq(nc_raft_read_index(raft, 5), NC_OK);
	struct nc_raft_ready ready = ready_of(raft);
	cr_expect_eq(ready.read_count, 0);
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	ready = ready_of(raft);
	cr_assert_eq(ready.read_count, 1);
	cr_expect_eq(ready.reads[0].ctx, 5);
	cr_expect_eq(ready.reads[0].err, NC_OK);
	cr_expect_eq(ready.reads[0].index, 1);
	nc_raft_free(raft);
}

Test(alone, restarts_with_its_log_and_takes_a_new_term)
{
	struct nc_raft *raft = node(&(struct nc_raft_start){
	        .members = only_me, .hard = { .term = 3, .vote = 1 }, .applied = 1 });
	for (uint64_t term = 2; term <= 3; term++) {
		cr_assert_eq(nc_raft_load(raft, &(struct nc_raft_entry){ .term = term,
		                                                         .size = 9,
		                                                         .kind = NC_LOG_COMMAND }),
		             NC_OK);
	}
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	struct nc_raft_ready ready = ready_of(raft);
	cr_expect_eq(ready.hard.term, 4);
	cr_expect_eq(ready.first, 3);
	cr_expect_eq(ready.last, 3);
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	ready = ready_of(raft);
	cr_expect_eq(ready.apply_first, 2);
	cr_expect_eq(ready.apply_last, 3);
	nc_raft_free(raft);
}

Test(alone, a_doubtful_disk_does_not_stop_the_only_one)
{
	struct nc_raft *raft =
	        node(&(struct nc_raft_start){ .members = only_me, .doubtful = true });
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_expect_eq(status_of(raft).role, NC_RAFT_LEADER);
	nc_raft_free(raft);
}

Test(alone, forgets_what_a_full_disk_refused)
{
	struct nc_raft *raft = fresh();
	uint64_t index, term;
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_assert_eq(nc_raft_appended(raft, ready_of(raft).mark), NC_OK);
	cr_assert_eq(nc_raft_propose(raft, 10, &index, &term), NC_OK);
	struct nc_raft_mark kept = ready_of(raft).mark;
	cr_assert_eq(nc_raft_propose(raft, 10, &index, &term), NC_OK);
	struct nc_raft_mark refused = ready_of(raft).mark;
	cr_expect_lt(kept.order, refused.order);
	cr_assert_eq(nc_raft_appended(raft, kept), NC_OK);
	cr_expect_eq(nc_raft_retract(raft, 2), NC_CONFLICT); /* durable */
	cr_assert_eq(nc_raft_retract(raft, 3), NC_OK);
	cr_expect_eq(nc_raft_retract(raft, 3), NC_OK); /* beyond the last */
	cr_expect_eq(status_of(raft).last, 2);
	cr_assert_eq(nc_raft_propose(raft, 10, &index, &term), NC_OK);
	cr_expect_eq(index, 3);
	struct nc_raft_ready ready = ready_of(raft);
	cr_expect_eq(ready.first, 3);
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	cr_expect_eq(status_of(raft).commit, 3);
	nc_raft_free(raft);
}

Test(alone, the_no_op_and_a_refused_term_are_not_forgotten)
{
	struct nc_raft *raft = fresh();
	uint64_t index, term;
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_assert_eq(nc_raft_propose(raft, 10, &index, &term), NC_OK);
	(void)ready_of(raft);
	cr_expect_eq(nc_raft_retract(raft, 1), NC_CONFLICT);
	cr_assert_eq(nc_raft_retract(raft, 2), NC_OK);
	cr_assert_eq(nc_raft_propose(raft, 10, &index, &term), NC_OK);
	cr_expect(ready_of(raft).hard_changed); /* the order that had it may have been refused */
	nc_raft_free(raft);
}

Test(alone, refuses_more_than_it_may_hold_uncommitted)
{
	struct nc_raft_options options = nc_raft_options_default(1, 7);
	options.uncommitted_bytes_max = 100;
	options.uncommitted_entries_max = 3;
	struct nc_raft *raft = NULL;
	cr_assert_eq(nc_raft_new(&options, &(struct nc_raft_start){ .members = only_me }, &raft),
	             NC_OK);
	uint64_t index, term;
	cr_expect_eq(nc_raft_propose(raft, 1, &index, &term), NC_CONFLICT);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_expect_eq(nc_raft_propose(raft, NC_LOG_PAYLOAD_SIZE_MAX + 1ul, &index, &term),
	             NC_TOOBIG);
	cr_assert_eq(nc_raft_propose(raft, 60, &index, &term), NC_OK);
	cr_expect_eq(nc_raft_propose(raft, 60, &index, &term), NC_BUSY);
	cr_assert_eq(nc_raft_propose(raft, 0, &index, &term), NC_OK);
	cr_expect_eq(nc_raft_propose(raft, 0, &index, &term), NC_BUSY);
	cr_assert_eq(nc_raft_appended(raft, ready_of(raft).mark), NC_OK);
	cr_expect_eq(nc_raft_propose(raft, 60, &index, &term), NC_OK);
	nc_raft_free(raft);
}

Test(alone, a_broken_disk_ends_it)
{
	struct nc_raft *raft = fresh();
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	struct nc_raft_mark mark = ready_of(raft).mark;
	nc_raft_disk_failed(raft);
	cr_assert_eq(nc_raft_appended(raft, mark), NC_OK);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	for (int i = 0; i < 50; i++)
		cr_assert_eq(nc_raft_tick(raft), NC_OK);
	cr_expect(status_of(raft).halted);
	cr_expect_eq(status_of(raft).role, NC_RAFT_FOLLOWER);
	cr_expect_eq(status_of(raft).commit, 0);
	nc_raft_free(raft);
}

Test(alone, refuses_senseless_options_and_starts)
{
	struct nc_raft *raft = NULL;
	struct nc_raft_start start = { .members = only_me };
	struct nc_raft_options options = nc_raft_options_default(0, 1);
	cr_expect_eq(nc_raft_new(&options, &start, &raft), NC_INVALID);
	options = nc_raft_options_default(1, 1);
	options.heartbeat_ticks = options.election_ticks;
	cr_expect_eq(nc_raft_new(&options, &start, &raft), NC_INVALID);
	options = nc_raft_options_default(1, 1);
	start.base_index = 4;
	cr_expect_eq(nc_raft_new(&options, &start, &raft), NC_INVALID);
	start.base_term = 1;
	cr_expect_eq(nc_raft_new(&options, &start, &raft), NC_INVALID); /* applied is below */
	start = (struct nc_raft_start){ .members = { .count = 2,
		                                     .at = { { 2, true }, { 1, true } } } };
	cr_expect_eq(nc_raft_new(&options, &start, &raft), NC_INVALID);
	cr_expect_null(raft);
	nc_raft_free(NULL);
}

Test(alone, refuses_to_load_terms_that_decrease)
{
	struct nc_raft *raft = fresh();
	struct nc_raft_entry entry = { .term = 2, .kind = NC_LOG_COMMAND };
	cr_assert_eq(nc_raft_load(raft, &entry), NC_OK);
	entry.term = 1;
	cr_expect_eq(nc_raft_load(raft, &entry), NC_INVALID);
	entry = (struct nc_raft_entry){ .term = 2, .kind = NC_LOG_CONFIG };
	cr_expect_eq(nc_raft_load(raft, &entry), NC_INVALID);
	cr_expect_eq(status_of(raft).last, 1);
	cr_expect_eq(status_of(raft).term, 2);
	nc_raft_free(raft);
}

/* Options that are good but for one field. */
#define REFUSES(field, value)                                                   \
	do {                                                                    \
		struct nc_raft_options options = nc_raft_options_default(1, 1); \
		struct nc_raft_start start = { .members = only_me };            \
		struct nc_raft *raft = NULL;                                    \
		options.field = (value);                                        \
		cr_expect_eq(nc_raft_new(&options, &start, &raft), NC_INVALID); \
	} while (0)

Test(alone, refuses_each_option_out_of_its_range)
{
	REFUSES(election_ticks, 1);
	REFUSES(election_ticks, UINT16_MAX + 1u);
	REFUSES(heartbeat_ticks, 0);
	REFUSES(append_bytes_max, 0);
	REFUSES(append_entries_max, 0);
	REFUSES(append_entries_max, NC_RAFT_ENTRIES_MAX + 1);
	REFUSES(inflight_max, 0);
	REFUSES(inflight_max, NC_RAFT_INFLIGHT_MAX + 1);
	REFUSES(inflight_bytes_max, 0);
	REFUSES(inflight_bytes_behind_max, 0);
	REFUSES(uncommitted_entries_max, 0);
	REFUSES(uncommitted_bytes_max, 0);
	REFUSES(window_entries, 0);
	REFUSES(reads_max, 0);
	REFUSES(offer_elections, 0);
}

Test(alone, has_no_more_reads_waiting_than_it_may)
{
	struct nc_raft_options options = nc_raft_options_default(1, 7);
	options.reads_max = 2;
	struct nc_raft *raft = NULL;
	cr_assert_eq(nc_raft_new(&options, &(struct nc_raft_start){ .members = only_me }, &raft),
	             NC_OK);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_expect_eq(nc_raft_read_index(raft, 1), NC_OK);
	cr_expect_eq(nc_raft_read_index(raft, 2), NC_OK);
	cr_expect_eq(nc_raft_read_index(raft, 3), NC_BUSY);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(nc_raft_tick(raft), NC_OK);
	struct nc_raft_ready ready = ready_of(raft);
	cr_assert_eq(ready.read_count, 2); /* its disk is too slow: they are given up */
	cr_expect_eq(ready.reads[0].err, NC_CLOSED);
	nc_raft_free(raft);
}

Test(alone, says_what_it_knows_of_terms_and_checkpoints)
{
	struct nc_raft *raft = fresh();
	uint64_t term = 9, through = 9;
	cr_expect_eq(nc_raft_term_at(raft, 1, &term), NC_NOTFOUND);
	cr_expect_eq(term, 9);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	cr_assert_eq(nc_raft_appended(raft, ready_of(raft).mark), NC_OK);
	(void)ready_of(raft);
	cr_expect_eq(nc_raft_snapshot_taken(raft, 1), NC_INVALID); /* not yet applied */
	nc_raft_applied(raft, 1);
	nc_raft_applied(raft, 0); /* old news */
	cr_assert_eq(nc_raft_snapshot_taken(raft, 1), NC_OK);
	cr_expect_eq(nc_raft_snapshot_taken(raft, 0), NC_INVALID);
	cr_assert_eq(nc_raft_compact(raft, 0, &through), NC_OK);
	cr_expect_eq(through, 0);
	cr_assert_eq(nc_raft_compact(raft, 5, &through), NC_OK);
	cr_expect_eq(through, 1);
	cr_expect_eq(nc_raft_snapshot_restored(raft, 3), NC_CONFLICT);
	cr_expect_eq(nc_raft_sent(raft, 5, 0, 0, 0), NC_OK);
	nc_raft_unreachable(raft, 5);
	nc_raft_unreachable(raft, 1);
	nc_raft_snapshot_status(raft, 5);
	cr_expect_null(nc_raft_config_at(raft, 1)); /* compacted */
	nc_raft_free(raft);
}
