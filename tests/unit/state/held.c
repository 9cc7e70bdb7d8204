/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows that are held back: one view of what is in memory and what is in the table, and a crash
 * between the two. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wiredtiger.h>

#include "storage/state/wt_state.h"
#include "tests/unit/state/directory.h"
#include "tests/unit/state/rows.h"
#include "tests/unit/state/support.h"

static struct nc_state *state;
static struct nc_state_reader *reader;
static uint64_t applied;

static int state_open(unsigned held_events)
{
	const struct nc_wt_state_options options = { .cache_mb = 32,
		                                     .held_events = held_events,
		                                     .chunk_rows = 2,
		                                     .keys = row_keys,
		                                     .message = message };
	int err = nc_wt_state_open(directory, &options, &state);
	return err != NC_OK ? err : nc_state_reader_open(state, &reader);
}

static void state_close(void)
{
	nc_state_reader_close(reader);
	nc_state_close(state);
}

TestSuite(held, .init = directory_begin, .fini = directory_remove);

/* ---- Memory --------------------------------------------------------------------------------- */

/* One event with as many tags as may be, which no other bears. */
static void event_put(uint64_t position)
{
	uint64_t tags[NC_STATE_TAG_COUNT_MAX];
	struct nc_buf row = { 0 };
	struct nc_event_keys keys = { .stream_id = 1,
		                      .version = position,
		                      .type_id = 1,
		                      .category_id = 1,
		                      .tag_ids = tags,
		                      .tag_count = NC_STATE_TAG_COUNT_MAX };
	for (size_t i = 0; i < keys.tag_count; i++)
		tags[i] = position * NC_STATE_TAG_COUNT_MAX + i;
	row_write(&row, &keys, 100);
	cr_assert_eq(nc_state_event_put(state, position, nc_buf_slice(&row), &keys), NC_OK);
	nc_buf_release(&row);
}

/* Events may have 35 entries each: by their number alone a generation was of any size. */
Test(held, is_inserted_when_it_takes_much_memory, .timeout = 120)
{
	enum { EVENTS = 8000, STEP = 100, BYTES = 1 << 20 };
	const struct nc_wt_state_options options = {
		.cache_mb = 64, .held_bytes = BYTES, .keys = row_keys, .message = message
	};
	struct nc_wt_state_stats stats;
	uint64_t most = 0;
	cr_assert_eq(nc_wt_state_open(directory, &options, &state), NC_OK);
	for (uint64_t position = 1; position <= EVENTS; position++) {
		if (position % STEP == 1)
			cr_assert_eq(nc_state_begin(state), NC_OK);
		event_put(position);
		if (position % STEP > 0)
			continue;
		cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ ++applied, 1 }),
		             NC_OK);
		nc_wt_state_stats(state, &stats);
		most = stats.held_bytes > most ? stats.held_bytes : most;
	}
	/* Four generations, each with a transaction more than it may have, and tables that double.
	 */
	cr_expect_leq(most, 4u * 3 * BYTES, "%llu bytes", (unsigned long long)most);
	nc_state_close(state);
}

/* ---- Putting and seeing --------------------------------------------------------------------- */

/* One commit; an empty value deletes. */
static void commit(size_t count, const char *const pairs[][2])
{
	cr_assert_eq(nc_state_begin(state), NC_OK);
	for (size_t i = 0; i < count; i++) {
		struct nc_slice key = nc_slice_str(pairs[i][0]), value = nc_slice_str(pairs[i][1]);
		cr_assert_eq(value.size == 0 ? nc_state_del(state, NC_SPACE_STREAMS, key)
		                             : nc_state_put(state, NC_SPACE_STREAMS, key, value),
		             NC_OK);
	}
	cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ ++applied, 1 }), NC_OK);
}

#define COMMIT(...)                                             \
	do {                                                    \
		const char *const pairs[][2] = { __VA_ARGS__ }; \
		commit(sizeof pairs / sizeof pairs[0], pairs);  \
	} while (0)

struct seen {
	char text[256];
	unsigned left; /* stop then */
};

static bool see(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct seen *seen = ctx;
	size_t used = strlen(seen->text);
	snprintf(seen->text + used, sizeof seen->text - used, "%.*s=%.*s ", (int)key.size,
	         (const char *)key.data, (int)value.size, (const char *)value.data);
	return --seen->left > 0;
}

static void expect_scan(const char *from, bool backward, unsigned stop, const char *want)
{
	struct seen seen = { .left = stop == 0 ? 1000 : stop };
	cr_expect_eq(
	        nc_state_scan(reader, NC_SPACE_STREAMS, nc_slice_str(from), backward, see, &seen),
	        NC_OK);
	cr_expect_str_eq(seen.text, want, "from '%s': %s, not %s", from, seen.text, want);
}

static void expect_row(const char *key, const char *want)
{
	struct nc_buf value = { 0 };
	int err = nc_state_get(reader, NC_SPACE_STREAMS, nc_slice_str(key), &value);
	cr_expect_eq(err, want == NULL ? NC_NOTFOUND : NC_OK, "%s: %s", key, nc_err_name(err));
	if (want != NULL) {
		cr_expect(nc_slice_is(nc_buf_slice(&value), want), "%s is %.*s, not %s", key,
		          (int)value.size, (const char *)value.data, want);
	}
	nc_buf_release(&value);
}

static void insert_all(void)
{
	struct nc_state_applied covered;
	cr_assert_eq(nc_state_checkpoint(state, &covered), NC_OK);
	cr_expect_eq(covered.index, applied);
}

/* What a reader sees when `a` to `d` are in the table, and in memory `b` has another value, `c` is
 * deleted and `bb` is new. */
static void expect_both(void)
{
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	expect_scan("", false, 0, "a=1 b=20 bb=5 d=4 ");
	expect_scan("", true, 0, "d=4 bb=5 b=20 a=1 ");
	expect_scan("b", false, 0, "b=20 bb=5 d=4 ");
	expect_scan("c", false, 0, "d=4 ");
	expect_scan("c", true, 0, "bb=5 b=20 a=1 ");
	expect_scan("bb", true, 2, "bb=5 b=20 ");
	expect_scan("", false, 1, "a=1 ");
	expect_scan("e", false, 0, "");
	expect_scan("A", true, 0, "");
	expect_row("a", "1");
	expect_row("b", "20");
	expect_row("bb", "5");
	expect_row("c", NULL);
	nc_state_reader_end(reader);
}

Test(held, rows_in_memory_hide_those_in_the_table)
{
	cr_assert_eq(state_open(1000), NC_OK);
	COMMIT({ "a", "1" }, { "b", "2" }, { "c", "3" }, { "d", "4" });
	insert_all();
	COMMIT({ "bb", "5" }, { "b", "19" }, { "b", "20" }, { "c", "" });
	expect_both();
	insert_all();
	expect_both();
	state_close();
	cr_assert_eq(state_open(1000), NC_OK);
	expect_both();
	state_close();
}

/* A generation holds two values: the row is in several, and in the table. */
Test(held, the_newest_of_several_generations_is_seen)
{
	char text[32];
	cr_assert_eq(state_open(2), NC_OK);
	for (int i = 1; i <= 400; i++) {
		snprintf(text, sizeof text, "%d", i);
		if (i % 7 == 0) {
			COMMIT({ "s", "" }, { "t", text });
		} else {
			COMMIT({ "s", text }, { "t", text });
		}
		cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
		expect_row("s", i % 7 == 0 ? NULL : text);
		expect_row("t", text);
		nc_state_reader_end(reader);
	}
	state_close();
}

/* ---- More than a scan gathers at a time ------------------------------------------------------ */

enum { MANY = 12000, MANY_STEP = 7919 }; /* of no common divisor: keys come in no order */

/* Every key, or every `each`-th: with `value`, or deleted. */
static void commit_many(unsigned each, const char *value)
{
	char key[16];
	cr_assert_eq(nc_state_begin(state), NC_OK);
	for (unsigned i = 0; i < MANY; i++) {
		unsigned number = i * MANY_STEP % MANY;
		(void)snprintf(key, sizeof key, "k%05u", number);
		if (number % each != 0)
			continue;
		int err = value == NULL ? nc_state_del(state, NC_SPACE_STREAMS, nc_slice_str(key))
		                        : nc_state_put(state, NC_SPACE_STREAMS, nc_slice_str(key),
		                                       nc_slice_str(value));
		cr_assert_eq(err, NC_OK);
	}
	cr_assert_eq(nc_state_commit(state, (struct nc_state_applied){ ++applied, 1 }), NC_OK);
}

struct many {
	int at, step; /* the next number; -1, MANY: no more */
	unsigned given;
};

/* Those that 6 divides are gone, of others those that 3 divides have the later value. */
static bool see_many(void *ctx, struct nc_slice key, struct nc_slice value)
{
	struct many *many = ctx;
	char want[16];
	while (many->at % 6 == 0)
		many->at += many->step;
	(void)snprintf(want, sizeof want, "k%05d", many->at);
	cr_assert(nc_slice_is(key, want), "%.*s, not %s", (int)key.size, (const char *)key.data,
	          want);
	cr_assert(nc_slice_is(value, many->at % 3 == 0 ? "later" : "first"), "of %s", want);
	many->at += many->step;
	many->given++;
	return true;
}

static void expect_many(void)
{
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	struct many up = { .at = 1, .step = 1 };
	cr_assert_eq(nc_state_scan(reader, NC_SPACE_STREAMS, nc_slice(NULL, 0), NC_FORWARD,
	                           see_many, &up),
	             NC_OK);
	cr_expect_eq(up.given, MANY / 6 * 5u);
	struct many down = { .at = 9001, .step = -1 };
	cr_assert_eq(nc_state_scan(reader, NC_SPACE_STREAMS, NC_SLICE("k09001x"), NC_BACKWARD,
	                           see_many, &down),
	             NC_OK);
	cr_expect_eq(down.given, 7501u);
	nc_state_reader_end(reader);
}

Test(held, a_scan_over_more_than_is_gathered_at_a_time_gives_each_row_once)
{
	cr_assert_eq(state_open(1000000), NC_OK);
	commit_many(1, "first");
	commit_many(3, "later");
	commit_many(6, NULL);
	expect_many(); /* all in memory */
	insert_all();
	expect_many(); /* all in the table */
	commit_many(1, "first");
	insert_all();
	commit_many(3, "later");
	commit_many(6, NULL);
	expect_many(); /* in both */
	state_close();
}

Test(held, a_rollback_takes_back_what_was_put)
{
	cr_assert_eq(state_open(1000), NC_OK);
	COMMIT({ "a", "1" });
	cr_assert_eq(nc_state_begin(state), NC_OK);
	cr_assert_eq(nc_state_put(state, NC_SPACE_STREAMS, nc_slice_str("a"), nc_slice_str("2")),
	             NC_OK);
	cr_assert_eq(nc_state_put(state, NC_SPACE_STREAMS, nc_slice_str("b"), nc_slice_str("2")),
	             NC_OK);
	nc_state_rollback(state);
	for (int i = 0; i < 2; i++) { /* from memory, and from the table */
		cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
		expect_scan("", false, 0, "a=1 ");
		nc_state_reader_end(reader);
		insert_all();
	}
	COMMIT({ "b", "3" });
	cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
	expect_scan("", true, 0, "b=3 a=1 ");
	nc_state_reader_end(reader);
	state_close();
}

/* ---- A crash -------------------------------------------------------------------------------- */

/* A child whose checkpoint, inside a transaction, finds all of it held back. More than fits one row
 * of the table `held`. */
static void put_and_die(int rows)
{
	pid_t pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		char key[32], value[160];
		struct nc_state_applied covered;
		if (state_open(100000) != NC_OK)
			_exit(1);
		for (int i = 0; i < rows; i++) {
			snprintf(key, sizeof key, "k%d", i % (rows / 2));
			snprintf(value, sizeof value, "%0120d", i);
			COMMIT({ key, value });
		}
		if (nc_state_begin(state) != NC_OK ||
		    nc_state_checkpoint(state, &covered) != NC_OK || covered.index != 0)
			_exit(2);
		_exit(0);
	}
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}

Test(held, what_a_crash_left_held_is_there_again)
{
	enum { ROWS = 500 };
	char key[32], value[160];
	put_and_die(ROWS);
	for (int time = 0; time < 2; time++) { /* from `held`, and then from the table */
		cr_assert_eq(state_open(1000), NC_OK);
		cr_expect_eq(nc_state_applied(state).index, (uint64_t)ROWS);
		cr_assert_eq(nc_state_reader_begin(reader), NC_OK);
		for (int i = ROWS / 2; i < ROWS; i++) {
			snprintf(key, sizeof key, "k%d", i % (ROWS / 2));
			snprintf(value, sizeof value, "%0120d", i);
			expect_row(key, value);
		}
		nc_state_reader_end(reader);
		state_close();
	}
}

/* ---- What is kept for it --------------------------------------------------------------------- */

static uint64_t redo_count(void)
{
	WT_CONNECTION *connection;
	WT_CURSOR *cursor;
	uint64_t count = 0;
	WT_SESSION *session = tables_open(&connection);
	cr_assert_eq(session->open_cursor(session, "table:held", NULL, NULL, &cursor), 0);
	while (cursor->next(cursor) == 0)
		count++;
	cr_assert_eq(connection->close(connection, NULL), 0);
	return count;
}

Test(held, what_is_inserted_is_not_kept_for_a_crash)
{
	put_and_die(500);
	cr_expect_gt(redo_count(), 1u);
	cr_assert_eq(state_open(100), NC_OK);
	state_close();
	cr_expect_eq(redo_count(), 0u);
}

Test(held, a_row_that_a_crash_left_and_that_cannot_be_read_is_corrupt)
{
	WT_CONNECTION *connection;
	WT_CURSOR *cursor;
	cr_assert_eq(state_open(100), NC_OK);
	COMMIT({ "a", "1" });
	state_close();
	WT_SESSION *session = tables_open(&connection);
	cr_assert_eq(session->open_cursor(session, "table:held", NULL, NULL, &cursor), 0);
	WT_ITEM value = { .data = "\0\x09short", .size = 7 };
	cursor->set_key(cursor, (uint64_t)7);
	cursor->set_value(cursor, &value);
	cr_assert_eq(cursor->insert(cursor), 0);
	cr_assert_eq(connection->close(connection, NULL), 0);
	cr_expect_eq(state_open(100), NC_CORRUPT);
	cr_expect_not_null(strstr(messages, "row 7 of what was held back"), "%s", messages);
}
