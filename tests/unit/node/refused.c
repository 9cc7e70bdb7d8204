/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A follower whose disk has no room for an entry, and what is written behind it before that is
 * known. On a log that can be held up and be full; the leader is the test. */
#include <criterion/criterion.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "core/node/replica/replica_private.h"
#include "core/raft/message_codec.h"
#include "tests/unit/node/replica_quiet.h"
#include "tests/unit/node/run_until.h"

enum { LEADER = 1, SELF = 2 };

static atomic_bool held;
static atomic_int full_times, came; /* to the log */
static atomic_uint_fast64_t term;   /* that the log was given last */
static sem_t gate;
static const struct nc_log_ops *log_ops;

static int append(struct nc_log *log, const struct nc_log_hard *hard,
                  const struct nc_log_entry *entries, size_t entry_count,
                  const struct nc_log_meanwhile *meanwhile)
{
	atomic_fetch_add(&came, 1);
	if (atomic_load(&held))
		cr_assert_eq(sem_wait(&gate), 0);
	if (atomic_load(&full_times) > 0) {
		atomic_fetch_sub(&full_times, 1);
		return NC_FULL;
	}
	if (hard != NULL)
		atomic_store(&term, hard->term);
	return log_ops->append(log, hard, entries, entry_count, meanwhile);
}

struct follower {
	struct quiet quiet;
	uint64_t acknowledged, acknowledged_term; /* the last */
};

static uint64_t last(const struct follower *follower)
{
	struct nc_log_bounds bounds;
	nc_log_bounds(follower->quiet.log, &bounds);
	return bounds.last;
}

static uint64_t term_at(const struct follower *follower, uint64_t index)
{
	uint64_t found = 0;
	(void)nc_log_term_at(follower->quiet.log, index, &found);
	return found;
}

static void on_outcome(void *ctx, void *ticket, const struct nc_outcome *outcome)
{
	(void)ctx;
	(void)ticket;
	(void)outcome;
}

static void on_refused(void *ctx, void *ticket, int err)
{
	(void)ctx;
	(void)ticket;
	(void)err;
}

static void on_step_down(void *ctx)
{
	(void)ctx;
}

static void on_install(void *ctx, const struct nc_raft_install *install)
{
	(void)ctx;
	(void)install;
}

static void on_send(void *ctx, uint64_t to, struct nc_slice bytes)
{
	struct follower *follower = ctx;
	struct nc_raft_frame frame;
	(void)to;
	cr_assert_eq(nc_raft_frame_decode(bytes, &frame), NC_OK);
	const struct nc_raft_message *message = &frame.message;
	if (message->type == NC_RAFT_APPEND_RESP && !message->reject) {
		follower->acknowledged = message->index;
		follower->acknowledged_term = message->term;
		cr_expect_leq(message->index, last(follower), "what the log does not have");
	}
	nc_raft_frame_release(&frame);
}

static void follower_open(struct follower *follower)
{
	static struct nc_log_ops gated;
	*follower = (struct follower){ 0 };
	cr_assert_eq(sem_init(&gate, 0, 0), 0);
	quiet_begin(&follower->quiet);
	log_ops = follower->quiet.log->ops;
	gated = *log_ops;
	gated.append = append;
	follower->quiet.log->ops = &gated;
	struct nc_replica_options options = quiet_options(&follower->quiet);
	options.self = SELF;
	options.founders = (struct nc_raft_members){
		.count = 2, .at = { { .id = LEADER, .voter = true }, { .id = SELF, .voter = true } }
	};
	options.tick_ms = 60000; /* it never stands by itself */
	options.tail_bytes_max = 1u << 20;
	options.on_outcome = on_outcome;
	options.on_refused = on_refused;
	options.on_step_down = on_step_down;
	options.send = on_send;
	options.on_install = on_install;
	options.ctx = follower;
	cr_assert_eq(nc_replica_start(&options, &follower->quiet.replica), NC_OK);
}

/* What the leader of `its_term` sends behind entry `index`, which is of `log_term`: an entry of its
 * term, or none. */
static void hear(struct follower *follower, uint64_t its_term, uint64_t index, uint64_t log_term,
                 bool with_entry)
{
	const struct nc_raft_entry entry = { .term = its_term, .kind = NC_LOG_NOOP };
	const struct nc_slice payload = { 0 };
	struct nc_raft_message message = { .type = NC_RAFT_APPEND,
		                           .from = LEADER,
		                           .to = SELF,
		                           .term = its_term,
		                           .index = index,
		                           .log_term = log_term };
	if (with_entry) {
		message.entry_count = 1;
		message.entries = &entry;
	}
	struct nc_buf bytes = { 0 };
	cr_assert_eq(nc_raft_frame_encode(&message, &payload, &bytes), NC_OK);
	cr_assert_eq(nc_replica_step(follower->quiet.replica, nc_buf_slice(&bytes)), NC_OK);
	nc_buf_release(&bytes);
}

/* Entry 2 finds no room; what `then` brings is with the log writer before that is known. */
static void refuse_second(struct follower *follower, void (*then)(struct follower *follower))
{
	hear(follower, 1, 0, 0, true);
	RUN_UNTIL(&follower->quiet.loop, follower->acknowledged == 1);
	int before = atomic_load(&came);
	atomic_store(&full_times, 1);
	atomic_store(&held, true);
	hear(follower, 1, 1, 1, true);
	while (atomic_load(&came) == before)
		(void)sched_yield();
	then(follower);
	atomic_store(&held, false);
	cr_assert_eq(sem_post(&gate), 0);
	while (atomic_load(&came) < before + 2)
		(void)sched_yield();
	RUN_UNTIL(&follower->quiet.loop, nc_replica_status(follower->quiet.replica).full);
}

static void make_room(struct follower *follower)
{
	RUN_UNTIL(&follower->quiet.loop, follower->quiet.replica->orders.writing == 0);
	nc_replica_set_room(follower->quiet.replica, UINT64_MAX, 0);
	nc_replica_refused_turn(follower->quiet.replica);
	RUN_UNTIL(&follower->quiet.loop, follower->quiet.replica->orders.writing == 0);
}

static void another_term(struct follower *follower)
{
	hear(follower, 2, 2, 1, false);
}

Test(refused, entries_are_not_acknowledged_by_the_term_behind_them, .timeout = 60)
{
	struct follower follower;
	follower_open(&follower);
	refuse_second(&follower, another_term);
	make_room(&follower);
	RUN_UNTIL(&follower.quiet.loop, follower.acknowledged == 2);
	cr_expect_eq(follower.acknowledged_term, 2u);
	cr_expect_eq(last(&follower), 2u);
	cr_expect_eq(atomic_load(&term), 2u);
	quiet_end(&follower.quiet);
}

static void another_entry(struct follower *follower)
{
	hear(follower, 2, 1, 1, true);
}

Test(refused, entries_do_not_come_back_over_what_replaced_them, .timeout = 60)
{
	struct follower follower;
	follower_open(&follower);
	refuse_second(&follower, another_entry);
	make_room(&follower);
	RUN_UNTIL(&follower.quiet.loop, follower.acknowledged == 2);
	cr_expect_eq(follower.acknowledged_term, 2u);
	cr_expect_eq(last(&follower), 2u);
	cr_expect_eq(term_at(&follower, 2), 2u, "the log has the one that was replaced");
	cr_expect_eq(atomic_load(&term), 2u);
	quiet_end(&follower.quiet);
}
