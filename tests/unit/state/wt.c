/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What only the state in tables does: opening again, damage, and agreeing with its twin in memory.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wiredtiger.h>

#include "storage/state/memory_state.h"
#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/model.h"
#include "tests/unit/state/rows.h"
#include "tests/unit/state/support.h"

static int open_state(unsigned held_events, struct nc_state **state_out)
{
	const struct nc_wt_state_options options = {
		.cache_mb = 32, .held_events = held_events, .keys = row_keys, .message = message
	};
	return nc_wt_state_open(directory, &options, state_out);
}

TestSuite(wt_state, .init = directory_begin, .fini = directory_remove);

static void apply(struct nc_state *state, uint64_t from, uint64_t to)
{
	for (uint64_t index = from; index <= to; index++)
		cr_assert_eq(model_apply(state, index), NC_OK);
}

static void dump(struct nc_state_reader *reader, struct nc_buf *text)
{
	nc_buf_clear(text);
	cr_assert_eq(model_dump(reader, text), NC_OK);
}

Test(wt_state, keeps_all_of_it_when_closed_and_opened_again)
{
	struct nc_state *state;
	struct nc_buf before = { 0 };
	struct nc_buf after = { 0 };
	cr_assert_eq(open_state(50, &state), NC_OK);
	apply(state, 1, 120);
	dump_now(state, &before);
	nc_state_close(state);

	cr_assert_eq(open_state(50, &state), NC_OK);
	cr_expect_eq(nc_state_applied(state).index, 120u);
	cr_expect_eq(nc_state_applied(state).term, 2u);
	dump_now(state, &after);
	cr_expect_str_eq((char *)before.data, (char *)after.data);
	struct nc_wt_state_stats stats;
	nc_wt_state_stats(state, &stats);
	cr_expect_eq(stats.reindexed_at_open, 0u, "closing had not inserted what was held");
	apply(state, 121, 130);
	nc_state_close(state);
	nc_buf_release(&before);
	nc_buf_release(&after);
}

/* The same entries into both; readers of both, begun together, are asked much later. */
Test(wt_state, says_what_its_twin_in_memory_says)
{
	enum { ENTRIES = 400, LATER = 23 };
	struct nc_state *states[2];
	struct nc_state_reader *readers[2];
	struct nc_buf texts[2] = { { 0 }, { 0 } };
	cr_assert_eq(open_state(7, &states[0]), NC_OK);
	cr_assert_eq(nc_memory_state_open(&states[1]), NC_OK);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(nc_state_reader_open(states[i], &readers[i]), NC_OK);
	for (uint64_t index = 1; index <= ENTRIES; index++) {
		for (int i = 0; i < 2; i++) {
			if (index % LATER == 1)
				cr_assert_eq(nc_state_reader_begin(readers[i]), NC_OK);
			cr_assert_eq(model_apply(states[i], index), NC_OK);
			if (index % LATER == 0) {
				dump(readers[i], &texts[i]);
				nc_state_reader_end(readers[i]);
			}
		}
		if (index % LATER == 0) {
			cr_assert_str_eq((char *)texts[0].data, (char *)texts[1].data,
			                 "at entry %llu", (unsigned long long)index);
		}
	}
	for (int i = 0; i < 2; i++) {
		dump_now(states[i], &texts[i]);
		nc_state_reader_close(readers[i]);
		nc_state_close(states[i]);
	}
	cr_expect_str_eq((char *)texts[0].data, (char *)texts[1].data);
	nc_buf_release(&texts[0]);
	nc_buf_release(&texts[1]);
}

Test(wt_state, a_checkpoint_covers_all_that_was_applied)
{
	struct nc_state *state;
	struct nc_state_applied covered;
	cr_assert_eq(open_state(1000, &state), NC_OK);
	apply(state, 1, 50);
	cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
	cr_expect_eq(covered.index, 50u, "%llu", (unsigned long long)covered.index);
	struct nc_wt_state_stats stats;
	nc_wt_state_stats(state, &stats);
	cr_expect_eq(stats.held_events, 0u);
	cr_expect_eq(stats.indexed_position, stats.last_position);
	nc_state_close(state);
}

Test(wt_state, a_checkpoint_inside_a_transaction_does_not_cover_what_is_held)
{
	struct nc_state *state;
	struct nc_state_applied covered;
	cr_assert_eq(open_state(1000, &state), NC_OK);
	apply(state, 1, 10);
	cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
	apply(state, 11, 20);
	cr_assert_eq(nc_state_begin(state), NC_OK);
	cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
	cr_expect_geq(covered.index, 10u);
	cr_expect_lt(covered.index, 20u);
	nc_state_rollback(state);
	cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
	cr_expect_eq(covered.index, 20u);
	nc_state_close(state);
}

static void make_and_close(uint64_t entries)
{
	struct nc_state *state;
	cr_assert_eq(open_state(100, &state), NC_OK);
	apply(state, 1, entries);
	nc_state_close(state);
}

/* A child checkpoints inside a transaction, so that nothing is inserted before, and dies. */
static void crash_with_held_entries(uint64_t entries)
{
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		struct nc_state *state;
		struct nc_state_applied covered;
		if (open_state(1000, &state) != NC_OK)
			_exit(1);
		for (uint64_t index = 1; index <= entries; index++) {
			if (model_apply(state, index) != NC_OK)
				_exit(2);
		}
		if (nc_state_begin(state) != NC_OK ||
		    nc_state_checkpoint(state, &covered) != NC_OK || covered.index != 0)
			_exit(3);
		_exit(0);
	}
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}

/* The model deletes every fifth entry's last events: their ids have no row to be read from. */
Test(wt_state, indexes_again_what_a_crash_left_held_also_ids_of_deleted_events)
{
	enum { ENTRIES = 60 };
	struct nc_state *state;
	struct nc_state *model;
	struct nc_buf have = { 0 };
	struct nc_buf want = { 0 };
	crash_with_held_entries(ENTRIES);
	cr_assert_eq(open_state(9, &state), NC_OK);
	cr_assert_eq(nc_state_applied(state).index, ENTRIES);
	struct nc_wt_state_stats stats;
	nc_wt_state_stats(state, &stats);
	cr_expect_gt(stats.reindexed_at_open, 20u);
	cr_expect_eq(stats.indexed_position, stats.last_position);
	cr_assert_eq(nc_memory_state_open(&model), NC_OK);
	apply(model, 1, ENTRIES);
	dump_now(state, &have);
	dump_now(model, &want);
	cr_expect_str_eq((char *)have.data, (char *)want.data);
	nc_state_close(state);
	nc_state_close(model);
	nc_buf_release(&have);
	nc_buf_release(&want);
}

static int no_keys(struct nc_slice row, uint64_t *tag_ids, struct nc_event_keys *keys_out)
{
	(void)row;
	(void)tag_ids;
	(void)keys_out;
	return NC_CORRUPT;
}

Test(wt_state, a_row_that_cannot_be_indexed_again_is_corrupt)
{
	struct nc_state *state;
	const struct nc_wt_state_options options = { .cache_mb = 32,
		                                     .keys = no_keys,
		                                     .message = message };
	crash_with_held_entries(20);
	cr_expect_eq(nc_wt_state_open(directory, &options, &state), NC_CORRUPT);
	cr_expect_not_null(strstr(messages, "the row of event"), "%s", messages);
}

/* As a newer build would leave it. */
Test(wt_state, a_newer_format_is_not_opened)
{
	struct nc_state *state;
	WT_CONNECTION *connection;
	WT_SESSION *session;
	WT_CURSOR *marks;
	uint8_t format[4];
	make_and_close(5);
	cr_assert_eq(wiredtiger_open(directory, NULL, "", &connection), 0);
	cr_assert_eq(connection->open_session(connection, NULL, NULL, &session), 0);
	cr_assert_eq(session->open_cursor(session, "table:marks", NULL, NULL, &marks), 0);
	nc_set_u32(format, NC_WT_STATE_FORMAT + 1);
	WT_ITEM value = { .data = format, .size = sizeof format };
	marks->set_key(marks, "format");
	marks->set_value(marks, &value);
	cr_assert_eq(marks->insert(marks), 0);
	cr_assert_eq(connection->close(connection, NULL), 0);

	cr_expect_eq(open_state(7, &state), NC_UNSUPPORTED);
	cr_expect_not_null(strstr(messages, "start a newer one"), "%s", messages);
}

Test(wt_state, a_disk_with_too_little_room_refuses_writes_and_is_read)
{
	struct nc_state *state;
	struct nc_buf text = { 0 };
	struct nc_wt_state_options options = {
		.cache_mb = 32, .reserve_mb = UINT32_MAX, .keys = row_keys, .message = message
	};
	make_and_close(20);
	cr_assert_eq(nc_wt_state_open(directory, &options, &state), NC_OK);
	cr_expect_eq(nc_state_begin(state), NC_FULL);
	cr_expect_eq(nc_state_begin(state), NC_FULL);
	cr_expect(nc_state_waits(state));
	const char *said = strstr(messages, "until there is room");
	cr_assert_not_null(said);
	cr_expect_null(strstr(said + 1, "until there is room"), "it is said again and again");
	dump_now(state, &text);
	cr_expect_eq(nc_state_applied(state).index, 20u);
	nc_state_close(state);
	nc_buf_release(&text);
}

Test(wt_state, is_open_once)
{
	struct nc_state *state;
	struct nc_state *second = NULL;
	cr_assert_eq(open_state(7, &state), NC_OK);
	cr_expect_eq(open_state(7, &second), NC_BUSY);
	cr_expect_null(second);
	nc_state_close(state);
}

Test(wt_state, wants_to_know_how_to_read_keys)
{
	const struct nc_wt_state_options options = { .cache_mb = 32 };
	struct nc_state *state;
	cr_expect_eq(nc_wt_state_open(directory, &options, &state), NC_INVALID);
}

Test(wt_state, a_missing_table_is_a_diagnosis)
{
	struct nc_state *state;
	char said[512];
	make_and_close(20);
	cr_assert(directory_unlink("by_type.wt"));
	cr_expect_eq(nc_wt_state_probe(directory, said, sizeof said), NC_CORRUPT);
	cr_expect_not_null(strstr(said, "by_type.wt is missing"), "%s", said);
	cr_expect_eq(open_state(7, &state), NC_CORRUPT);
	cr_expect_not_null(strstr(messages, "by_type.wt is missing"));
	cr_expect_not_null(strstr(messages, "Move that directory away"));
}

Test(wt_state, a_probe_finds_nothing_wrong_with_a_new_or_a_whole_state)
{
	char said[512] = "";
	cr_expect_eq(nc_wt_state_probe(directory, said, sizeof said), NC_OK);
	make_and_close(20);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(nc_wt_state_probe(directory, said, sizeof said), NC_OK, "%s", said);
	make_and_close(0);
}

Test(wt_state, a_probe_survives_a_damaged_turtle)
{
	char said[512] = "";
	make_and_close(20);
	cr_assert(directory_overwrite("WiredTiger.turtle", 200, 'x', 300));
	cr_expect_eq(nc_wt_state_probe(directory, said, sizeof said), NC_CORRUPT);
	cr_expect_neq(said[0], '\0');
}

Test(wt_state, a_damaged_page_is_corrupt_and_stays_so)
{
	struct nc_state *state;
	struct nc_state_reader *reader;
	make_and_close(300);
	for (long offset = 4096; offset <= 65536; offset += 4096)
		cr_assert(directory_overwrite("events.wt", offset + 100, 0x5a, 8));
	int err = open_state(7, &state);
	if (err == NC_OK) {
		struct nc_buf text = { 0 };
		cr_assert_eq(nc_state_reader_open(state, &reader), NC_OK);
		cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
		err = model_dump(reader, &text);
		nc_state_reader_end(reader);
		nc_buf_release(&text);
		cr_expect_eq(nc_state_reader_begin(reader), NC_CORRUPT, "it does not stay");
		cr_expect_eq(nc_state_begin(state), NC_CORRUPT, "it does not stay");
		nc_state_reader_close(reader);
		nc_state_close(state);
	}
	cr_expect_eq(err, NC_CORRUPT, "%s: %s", nc_err_name(err), messages);
}
