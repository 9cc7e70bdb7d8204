/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many entries an id has: the same by its mark and what is held as by walking over them all, at
 * any moment, after a crash, and after a build that did not count. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/rows.h"
#include "tests/unit/state/support.h"

enum { TYPES = 3, OWN = 1000, ROUNDS = 4 };

static struct nc_state *state;
static struct nc_state_reader *reader;

static int state_open(void)
{
	const struct nc_wt_state_options options = { .cache_mb = 32,
		                                     .held_events = 50,
		                                     .chunk_rows = 2,
		                                     .keys = row_keys,
		                                     .message = message };
	return nc_wt_state_open(directory, &options, &state);
}

static void opened(void)
{
	cr_assert_eq(state_open(), NC_OK, "%s", messages);
	cr_assert_eq(nc_state_reader_open(state, &reader), NC_OK);
}

static void closed(void)
{
	nc_state_reader_close(reader);
	nc_state_close(state);
}

TestSuite(count, .init = directory_begin, .fini = directory_remove);

/* Types in turn; every seventh event is of a category of its own. */
static int apply(uint64_t position)
{
	struct nc_buf row = { 0 };
	const struct nc_event_keys keys = { .stream_id = 1,
		                            .version = position,
		                            .type_id = 1 + position % TYPES,
		                            .category_id = position % 7 == 0 ? OWN + position : 1 };
	row_write(&row, &keys, 0);
	int err = nc_state_begin(state);
	if (err == NC_OK)
		err = nc_state_event_put(state, position, nc_buf_slice(&row), &keys);
	nc_buf_release(&row);
	return err != NC_OK ? err
	                    : nc_state_commit(state, (struct nc_state_applied){ position, 1 });
}

static uint64_t last_applied(void)
{
	return nc_state_applied(state).index;
}

static void apply_more(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		cr_assert_eq(apply(last_applied() + 1), NC_OK);
}

static void expect_count(enum nc_index index, uint64_t id, uint64_t want, uint64_t last)
{
	uint64_t count = UINT64_MAX;
	cr_assert_eq(nc_state_count(reader, index, id, &count), NC_OK);
	cr_assert_eq(count, want, "of %llu events index %d has %llu of %llu, not %llu",
	             (unsigned long long)last, (int)index, (unsigned long long)count,
	             (unsigned long long)id, (unsigned long long)want);
}

/* What the reader's view, through `last`, must say. */
static void expect_counts(uint64_t last)
{
	for (uint64_t type = 0; type < TYPES; type++)
		expect_count(NC_INDEX_TYPE, 1 + type, (last + TYPES - type) / TYPES - (type == 0),
		             last);
	expect_count(NC_INDEX_TYPE, TYPES + 1, 0, last);
	expect_count(NC_INDEX_CATEGORY, 1, last - last / 7, last);
	uint64_t first = last > 1000 ? last - 1000 : 1;
	for (uint64_t position = first; position <= last + 7; position++) {
		bool own = position % 7 == 0 && position <= last;
		expect_count(NC_INDEX_CATEGORY, OWN + position, own, last);
	}
}

static void expect_now(void)
{
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	expect_counts(last_applied());
	nc_state_reader_end(reader);
}

static void insert_all(void)
{
	struct nc_state_applied covered;
	cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
}

Test(count, is_right_wherever_the_indexer_is, .timeout = 60)
{
	opened();
	expect_now();
	for (int i = 0; i < 600; i++) {
		apply_more(1);
		if (i % 5 == 0)
			expect_now();
	}
	insert_all();
	expect_now();
	closed();
	opened();
	expect_now();
	cr_expect_str_eq(messages, "");
	closed();
}

Test(count, of_a_view_stays_while_the_applier_and_the_indexer_go_on)
{
	opened();
	apply_more(170);
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	for (int i = 0; i < 10; i++) {
		apply_more(49);
		expect_counts(170);
	}
	nc_state_reader_end(reader);
	expect_now();
	closed();
}

Test(count, sees_the_appliers_own_writes_and_not_what_was_rolled_back)
{
	struct nc_buf row = { 0 };
	uint64_t count;
	const struct nc_event_keys keys = {
		.stream_id = 1, .version = 71, .type_id = 2, .category_id = 9
	};
	opened();
	apply_more(70);
	row_write(&row, &keys, 0);
	cr_assert_eq(nc_state_begin(state), NC_OK);
	cr_assert_eq(nc_state_event_put(state, 71, nc_buf_slice(&row), &keys), NC_OK);
	cr_assert_eq(nc_state_count(nc_state_writer(state), NC_INDEX_CATEGORY, 9, &count), NC_OK);
	cr_expect_eq(count, 1u);
	nc_state_rollback(state);
	expect_now();
	nc_buf_release(&row);
	closed();
}

/* ---- A crash -------------------------------------------------------------------------------- */

static atomic_bool over;

static void *checkpoints(void *arg)
{
	struct nc_state_applied covered;
	for (unsigned i = 0; i < *(const unsigned *)arg; i++) {
		if (nc_state_checkpoint(state, &covered) != NC_OK)
			_exit(3);
	}
	atomic_store(&over, true);
	return NULL;
}

/* Ends without a word when so many checkpoints are done, which have met the indexer anywhere. */
static _Noreturn void child(unsigned count)
{
	pthread_t thread;
	if (state_open() != NC_OK || pthread_create(&thread, NULL, checkpoints, &count) != 0)
		_exit(1);
	while (!atomic_load(&over)) {
		if (apply(last_applied() + 1) != NC_OK)
			_exit(2);
	}
	_exit(0);
}

Test(count, is_right_after_a_crash_at_any_moment, .timeout = 120)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		int status;
		pid_t pid = fork();
		cr_assert_geq(pid, 0);
		if (pid == 0)
			child(1 + round % 3);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "round %u: %d", round,
		          status);
		opened();
		expect_now();
		apply_more(30);
		expect_now();
		closed();
	}
}

static void mark_put(WT_CURSOR *marks, const char *key, struct nc_slice bytes)
{
	WT_ITEM value = { .data = bytes.data, .size = bytes.size };
	marks->set_key(marks, key);
	marks->set_value(marks, &value);
	cr_assert_eq(marks->insert(marks), 0);
}

/* All of a generation was in but for the marks that end it. */
Test(count, of_a_generation_that_is_inserted_again_stays)
{
	uint8_t before[8];
	WT_CONNECTION *connection;
	WT_CURSOR *marks;
	opened();
	apply_more(300);
	insert_all();
	closed();
	WT_SESSION *session = tables_open(&connection);
	cr_assert_eq(session->open_cursor(session, "table:marks", NULL, NULL, &marks), 0);
	nc_set_u64(before, 250);
	mark_put(marks, "indexed", nc_slice(before, sizeof before));
	mark_put(marks, "counted", nc_slice(before, sizeof before));
	cr_assert_eq(connection->close(connection, NULL), 0);
	opened();
	expect_now();
	apply_more(120);
	expect_now();
	closed();
}

/* ---- Other builds --------------------------------------------------------------------------- */

static bool is_counts(const char *key)
{
	return strcmp(key, "counted") == 0 || strncmp(key, "by_", 3) == 0;
}

/* As a build leaves it that does not count: with nothing of it; or with what was right before that
 * build went on. */
static void uncounted(bool stale)
{
	uint8_t wrong[32];
	WT_CONNECTION *connection;
	WT_CURSOR *marks;
	const char *key;
	char copy[64];
	unsigned met = 0;
	WT_SESSION *session = tables_open(&connection);
	memset(wrong, 1, sizeof wrong);
	cr_assert_eq(session->open_cursor(session, "table:marks", NULL, NULL, &marks), 0);
	while (marks->next(marks) == 0) {
		cr_assert_eq(marks->get_key(marks, &key), 0);
		if (!is_counts(key))
			continue;
		met++;
		(void)snprintf(copy, sizeof copy, "%s", key);
		if (!stale) {
			cr_assert_eq(marks->remove(marks), 0);
		} else {
			mark_put(marks, copy,
			         nc_slice(wrong, strcmp(copy, "counted") == 0 ? 8u : 32u));
			marks->set_key(marks, copy);
			cr_assert_eq(marks->search(marks), 0);
		}
	}
	cr_assert_gt(met, 5u);
	cr_assert_eq(connection->close(connection, NULL), 0);
}

Test(count, is_made_anew_after_a_build_that_did_not_count)
{
	for (int stale = 0; stale < 2; stale++) {
		opened();
		apply_more(500);
		closed();
		uncounted(stale == 1);
		opened();
		expect_now();
		apply_more(120);
		expect_now();
		closed();
		opened();
		expect_now();
		closed();
	}
}

/* Two generations further than any reader's view: what cannot be brought about in time. */
Test(count, is_walked_where_the_mark_is_too_far)
{
	uint8_t far[32];
	WT_CONNECTION *connection;
	WT_CURSOR *marks;
	opened();
	apply_more(300);
	closed();
	WT_SESSION *session = tables_open(&connection);
	cr_assert_eq(session->open_cursor(session, "table:marks", NULL, NULL, &marks), 0);
	memset(far, 0, sizeof far);
	nc_set_u64(far, 400);
	nc_set_u64(far + 16, 350);
	mark_put(marks, "by_type 0000000000000002", nc_slice(far, sizeof far));
	cr_assert_eq(connection->close(connection, NULL), 0);
	opened();
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	expect_count(NC_INDEX_TYPE, 2, 100, 300);
	nc_state_reader_end(reader);
	closed();
}
