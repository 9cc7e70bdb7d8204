/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders to the log writer on a disk that has no room: which come back, which wait, and in which
 * order they go again. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/node/replica/orders.h"
#include "core/node/replica/write_batch.h"

static struct nc_entry_queue writer; /* what it has been given */

static struct nc_entry *entry_new(uint8_t kind, uint64_t index, uint64_t term)
{
	struct nc_entry *entry = nc_entry_new(kind);
	cr_assert_not_null(entry);
	entry->index = index;
	entry->term = term;
	return entry;
}

static void give(struct nc_orders *orders, struct nc_entry *entry, bool hard)
{
	static uint64_t number;
	struct nc_entry_queue order = { 0 };
	const struct nc_raft_ready ready = { .hard_changed = hard, .mark = { .order = ++number } };
	nc_entry_queue_put(&order, entry);
	nc_orders_give(orders, &ready, &order, &writer);
}

/* The writer's oldest comes back; what it came to, and whether it waits. */
static void back(struct nc_orders *orders, int err, bool waits)
{
	struct nc_entry *entry = nc_entry_queue_take(&writer);
	cr_assert_not_null(entry, "the writer has nothing");
	entry->err = err;
	bool came = nc_orders_back(orders, entry);
	cr_expect_eq(came, !waits);
	if (came)
		nc_entry_free(entry);
}

static void clear(struct nc_entry_queue *queue)
{
	struct nc_entry *entry;
	while ((entry = nc_entry_queue_take(queue)) != NULL)
		nc_entry_free(entry);
}

static void expect_indexes(const uint64_t *indexes, size_t count)
{
	const struct nc_entry *entry = writer.first;
	cr_assert_eq(writer.count, count);
	for (size_t i = 0; i < count; i++, entry = entry->next)
		cr_expect_eq(entry->index, indexes[i]);
}

Test(orders, go_again_in_the_order_in_which_they_were_given)
{
	static const uint64_t all[] = { 2, 3, 4, 5 };
	struct nc_orders orders = { 0 };
	give(&orders, entry_new(NC_LOG_COMMAND, 2, 1), false);
	give(&orders, entry_new(NC_LOG_COMMAND, 3, 1), false);
	back(&orders, NC_FULL, true);
	give(&orders, entry_new(NC_LOG_COMMAND, 4, 1), false); /* the third is still with it */
	back(&orders, NC_FULL, true);
	give(&orders, entry_new(NC_LOG_COMMAND, 5, 1), false);
	nc_orders_retry(&orders, &writer, nc_entry_free);
	cr_expect_null(writer.first, "there is no room yet");
	orders.full = false;
	nc_orders_retry(&orders, &writer, nc_entry_free);
	expect_indexes(all, 4);
	for (int i = 0; i < 4; i++)
		back(&orders, NC_OK, false);
	cr_expect(nc_orders_done(&orders));
}

Test(orders, are_not_done_while_one_waits_behind_what_is_not_back)
{
	struct nc_orders orders = { 0 };
	give(&orders, entry_new(NC_LOG_COMMAND, 2, 1), false);
	give(&orders, entry_new(NC_ENTRY_HARD, 0, 0), true);
	back(&orders, NC_FULL, true);
	give(&orders, entry_new(NC_LOG_COMMAND, 3, 1), false);
	cr_expect_not(nc_orders_done(&orders));
	back(&orders, NC_OK, true); /* less than an entry, it was written */
	cr_expect_eq(orders.refused.count, 3u);
	nc_orders_clear(&orders, nc_entry_free);
	cr_expect(nc_orders_done(&orders));
}

/* As a write does, on a log whose last entry is `last`: what is out of step finds no room. */
static uint64_t write_all(struct nc_orders *orders, uint64_t last, uint64_t room_through)
{
	static struct nc_write_batch batch;
	struct nc_entry_queue done = { 0 };
	struct nc_entry *entry;
	while (writer.first != NULL) {
		bool in_step = nc_write_batch_take(&batch, &writer, last);
		uint64_t through =
		        batch.count == 0 ? last : batch.entries[0].index + batch.count - 1;
		bool room = in_step && through <= room_through;
		last = room ? through : last;
		nc_write_batch_give(&batch, room ? NC_OK : NC_FULL, &done);
	}
	while ((entry = nc_entry_queue_take(&done)) != NULL) {
		if (nc_orders_back(orders, entry))
			nc_entry_free(entry);
	}
	return last;
}

Test(orders, of_what_was_replaced_meanwhile_are_not_written)
{
	struct nc_orders orders = { 0 };
	give(&orders, entry_new(NC_LOG_COMMAND, 5, 1), true);
	cr_assert_eq(write_all(&orders, 4, 4), 4u);
	give(&orders, entry_new(NC_LOG_COMMAND, 6, 1), false);
	give(&orders, entry_new(NC_LOG_COMMAND, 3, 2),
	     false); /* in the place of all from there on */
	orders.full = false;
	nc_orders_retry(&orders, &writer, nc_entry_free);
	cr_assert_eq(writer.count, 1u);
	cr_expect_eq(writer.first->index, 3u);
	cr_expect(writer.first->has_hard, "the term that went with what was replaced");
	cr_expect_eq(write_all(&orders, 4, 4), 3u);
	cr_expect(nc_orders_done(&orders));
}

/* The fifth and those behind it follow an entry that the third, once written, has cut off. */
Test(orders, do_not_wait_for_what_cannot_be_written_any_more)
{
	struct nc_orders orders = { 0 };
	give(&orders, entry_new(NC_LOG_COMMAND, 5, 1), false);
	give(&orders, entry_new(NC_LOG_COMMAND, 6, 1), false);
	give(&orders, entry_new(NC_LOG_COMMAND, 3, 2), false);
	cr_assert_eq(write_all(&orders, 4, 4), 3u);
	orders.full = false;
	nc_orders_retry(&orders, &writer, nc_entry_free);
	cr_expect_eq(write_all(&orders, 3, 9), 3u);
	cr_expect(nc_orders_done(&orders));
}

/* A node alone, whose disk has what `count` writes are. */
static struct nc_raft *alone(uint64_t count)
{
	const struct nc_raft_options options = nc_raft_options_default(1, 7);
	const struct nc_raft_start start = { .members = { 1, { { 1, true } } } };
	struct nc_raft *raft;
	struct nc_raft_ready ready;
	uint64_t index, term;
	cr_assert_eq(nc_raft_new(&options, &start, &raft), NC_OK);
	cr_assert_eq(nc_raft_campaign(raft), NC_OK);
	nc_raft_ready(raft, &ready);
	cr_assert_eq(nc_raft_appended(raft, ready.mark), NC_OK);
	for (uint64_t i = 0; i < count; i++) {
		cr_assert_eq(nc_raft_propose(raft, 10, &index, &term), NC_OK);
		nc_raft_ready(raft, &ready);
	}
	return raft;
}

static void end(struct nc_orders *orders, struct nc_raft *raft)
{
	nc_orders_clear(orders, nc_entry_free);
	nc_raft_free(raft);
}

Test(orders, of_a_node_alone_are_forgotten_when_all_are_back)
{
	struct nc_orders orders = { 0 };
	struct nc_raft *raft = alone(2);
	uint64_t index = 0;
	give(&orders, entry_new(NC_LOG_COMMAND, 2, 1), false);
	give(&orders, entry_new(NC_LOG_COMMAND, 3, 1), false);
	cr_expect_not(nc_orders_forget(&orders, raft, &index));
	back(&orders, NC_FULL, true);
	cr_expect_not(nc_orders_forget(&orders, raft, &index), "one is not back");
	back(&orders, NC_FULL, true);
	cr_expect(nc_orders_forget(&orders, raft, &index));
	cr_expect_eq(index, 2u);
	end(&orders, raft);
}

Test(orders, are_not_forgotten_when_one_was_written_even_if_not_the_next_time)
{
	struct nc_orders orders = { 0 };
	struct nc_raft *raft = alone(1);
	uint64_t index = 0;
	give(&orders, entry_new(NC_ENTRY_HARD, 0, 0), true);
	give(&orders, entry_new(NC_LOG_COMMAND, 2, 1), false);
	back(&orders, NC_FULL, true);
	back(&orders, NC_OK, true);
	cr_expect_not(nc_orders_forget(&orders, raft, &index));
	orders.full = false;
	nc_orders_retry(&orders, &writer, nc_entry_free);
	back(&orders, NC_FULL, true);
	back(&orders, NC_FULL, true);
	cr_expect_not(nc_orders_forget(&orders, raft, &index), "it may be applied");
	end(&orders, raft);
}

Test(orders, are_forgotten_from_the_lowest_on)
{
	struct nc_orders orders = { 0 };
	struct nc_raft *raft = alone(3);
	uint64_t index = 0;
	give(&orders, entry_new(NC_LOG_COMMAND, 4, 1), false);
	give(&orders, entry_new(NC_LOG_COMMAND, 2, 1), false); /* in whose place it came */
	back(&orders, NC_FULL, true);
	back(&orders, NC_FULL, true);
	cr_expect(nc_orders_forget(&orders, raft, &index));
	cr_expect_eq(index, 2u);
	end(&orders, raft);
}

/* ---- What goes into one write ---------------------------------------------------------------- */

Test(orders, one_write_takes_what_follows_and_the_last_term)
{
	static struct nc_write_batch batch;
	struct nc_entry_queue from = { 0 }, done = { 0 };
	for (uint64_t term = 1; term <= 2; term++) {
		struct nc_entry *hard = entry_new(NC_ENTRY_HARD, 0, 0);
		hard->has_hard = true;
		hard->hard.term = term;
		nc_entry_queue_put(&from, hard);
	}
	nc_entry_queue_put(&from, entry_new(NC_LOG_COMMAND, 3, 2));
	nc_entry_queue_put(&from, entry_new(NC_LOG_COMMAND, 4, 2));
	nc_entry_queue_put(&from, entry_new(NC_LOG_COMMAND, 4, 3)); /* replaces it: not with it */
	cr_assert(nc_write_batch_take(&batch, &from, 4));
	cr_expect_eq(batch.count, 2u);
	cr_expect_eq(batch.entries[0].index, 3u);
	cr_assert_not_null(batch.hard);
	cr_expect_eq(batch.hard->term, 2u);
	nc_write_batch_give(&batch, NC_FULL, &done);
	cr_expect_eq(done.count, 4u);
	cr_expect_eq(done.last->err, NC_FULL);
	cr_expect_not(nc_write_batch_take(&batch, &from, 2), "the third is missing");
	nc_write_batch_give(&batch, NC_FULL, &done);
	cr_expect_null(from.first);
	clear(&done);
}
