/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A lone append on a lone node is applied by the thread that makes it durable; what may not be, is
 * not. On a log and a state that can be held up. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "core/node/replica/replica_private.h"
#include "tests/unit/node/replica_quiet.h"
#include "tests/unit/node/run_until.h"

/* Who began transactions, and what is in the way of the next. */
static atomic_int begun_by_log, begun_by_applier, busy_times, full_times;
static atomic_bool state_held, log_held, sync_fails;
static atomic_int in_state, in_log; /* that came there */
static sem_t state_gate, log_gate;
static const struct nc_state_ops *state_ops;
static const struct nc_log_ops *log_ops;

static int begin(struct nc_state *state)
{
	char name[16] = "";
	(void)pthread_getname_np(pthread_self(), name, sizeof name);
	atomic_fetch_add(strcmp(name, "nacre-log") == 0 ? &begun_by_log : &begun_by_applier, 1);
	atomic_fetch_add(&in_state, 1);
	if (atomic_load(&state_held))
		cr_assert_eq(sem_wait(&state_gate), 0);
	if (atomic_load(&busy_times) > 0) {
		atomic_fetch_sub(&busy_times, 1);
		return NC_BUSY;
	}
	return state_ops->begin(state);
}

static int append(struct nc_log *log, const struct nc_log_hard *hard,
                  const struct nc_log_entry *entries, size_t entry_count,
                  const struct nc_log_meanwhile *meanwhile)
{
	atomic_fetch_add(&in_log, 1);
	if (atomic_load(&log_held))
		cr_assert_eq(sem_wait(&log_gate), 0);
	if (atomic_load(&full_times) > 0) {
		atomic_fetch_sub(&full_times, 1);
		return NC_FULL;
	}
	if (atomic_load(&sync_fails)) {
		if (meanwhile != NULL)
			meanwhile->fn(meanwhile->ctx);
		return NC_IO;
	}
	return log_ops->append(log, hard, entries, entry_count, meanwhile);
}

struct node {
	struct quiet quiet;
	size_t answered, refused, unknown, fatal;
};

static void on_outcome(void *ctx, void *ticket, const struct nc_outcome *outcome)
{
	struct node *node = ctx;
	cr_expect_not_null(ticket);
	cr_expect_eq(outcome->fault.code, 0);
	node->answered++;
	cr_expect_eq(outcome->position, node->answered, "each once, in order");
}

static void on_refused(void *ctx, void *ticket, int err)
{
	struct node *node = ctx;
	(void)ticket;
	cr_expect(err == NC_FULL || err == NC_CLOSED);
	node->refused += err == NC_FULL;
	node->unknown += err == NC_CLOSED;
}

static void on_step_down(void *ctx)
{
	(void)ctx;
	cr_assert_fail("nobody else could lead");
}

static void on_fatal(void *ctx, int err, const char *what)
{
	struct node *node = ctx;
	cr_assert(atomic_load(&sync_fails), "%s: %s", what, nc_err_name(err));
	cr_expect_eq(err, NC_IO);
	node->fatal++;
}

/* It leads, and its no-op is applied. */
static void node_open(struct node *node)
{
	static struct nc_state_ops state_gated;
	static struct nc_log_ops log_gated;
	*node = (struct node){ 0 };
	cr_assert_eq(sem_init(&state_gate, 0, 0), 0);
	cr_assert_eq(sem_init(&log_gate, 0, 0), 0);
	quiet_begin(&node->quiet);
	log_ops = node->quiet.log->ops;
	log_gated = *log_ops;
	log_gated.append = append;
	node->quiet.log->ops = &log_gated;
	state_ops = node->quiet.state->ops;
	state_gated = *state_ops;
	state_gated.begin = begin;
	node->quiet.state->ops = &state_gated;
	struct nc_replica_options options = quiet_options(&node->quiet);
	options.on_outcome = on_outcome;
	options.on_refused = on_refused;
	options.on_step_down = on_step_down;
	options.on_fatal = on_fatal;
	options.ctx = node;
	cr_assert_eq(nc_replica_start(&options, &node->quiet.replica), NC_OK);
	RUN_UNTIL(&node->quiet.loop, nc_replica_leading(node->quiet.replica));
	atomic_store(&begun_by_log, 0);
	atomic_store(&begun_by_applier, 0);
	atomic_store(&in_state, 0);
	atomic_store(&in_log, 0);
}

/* Taken up and handed to the log writer, or gathered for it. */
static void ask(struct node *node, size_t data_size)
{
	static int ticket;
	static char data[8192];
	struct nc_buf record = { 0 };
	memset(data, 'x', sizeof data);
	data[0] = data[data_size - 1] = '"';
	const struct nc_event event = { .stream = NC_SLICE("s"),
		                        .type = NC_SLICE("T"),
		                        .data = nc_slice(data, data_size) };
	nc_event_record_put(&record, &event);
	cr_assert_eq(nc_replica_append(node->quiet.replica,
	                               (struct nc_expect){ .kind = NC_EXPECT_ANY },
	                               nc_buf_slice(&record), &ticket),
	             NC_OK);
	nc_buf_release(&record);
	nc_replica_flush(node->quiet.replica);
}

Test(at_once, a_lone_append_is_applied_by_who_makes_it_durable)
{
	struct node node;
	node_open(&node);
	for (size_t i = 1; i <= 50; i++) {
		ask(&node, 256);
		RUN_UNTIL(&node.quiet.loop, node.answered == i);
		cr_assert_eq(nc_replica_status(node.quiet.replica).applied, i + 1);
	}
	cr_expect_eq(atomic_load(&begun_by_log), 50);
	cr_expect_eq(atomic_load(&begun_by_applier), 0);
	quiet_end(&node.quiet);
}

Test(at_once, what_comes_while_one_is_written_is_left_to_the_applier)
{
	struct node node;
	node_open(&node);
	atomic_store(&log_held, true);
	ask(&node, 256);
	RUN_UNTIL(&node.quiet.loop, atomic_load(&in_log) == 1);
	ask(&node, 256);
	atomic_store(&log_held, false);
	cr_assert_eq(sem_post(&log_gate), 0);
	RUN_UNTIL(&node.quiet.loop, node.answered == 2);
	cr_expect_eq(atomic_load(&begun_by_log), 1);
	cr_expect_eq(atomic_load(&begun_by_applier), 1);
	quiet_end(&node.quiet);
}

Test(at_once, a_large_one_is_left_to_the_applier)
{
	struct node node;
	node_open(&node);
	ask(&node, 5000);
	RUN_UNTIL(&node.quiet.loop, node.answered == 1);
	cr_expect_eq(atomic_load(&begun_by_log), 0);
	quiet_end(&node.quiet);
}

Test(at_once, a_state_that_is_busy_is_left_to_the_applier)
{
	struct node node;
	node_open(&node);
	atomic_store(&busy_times, 2);
	ask(&node, 256);
	RUN_UNTIL(&node.quiet.loop, node.answered == 1);
	cr_expect_eq(atomic_load(&begun_by_log), 1);
	cr_expect_eq(atomic_load(&begun_by_applier), 2, "busy once more, and then not");
	ask(&node, 256);
	RUN_UNTIL(&node.quiet.loop, node.answered == 2);
	cr_expect_eq(atomic_load(&begun_by_log), 2);
	quiet_end(&node.quiet);
}

Test(at_once, what_found_no_room_is_not_applied)
{
	struct node node;
	node_open(&node);
	atomic_store(&full_times, 1);
	ask(&node, 256);
	RUN_UNTIL(&node.quiet.loop, node.refused == 1);
	cr_expect_eq(atomic_load(&in_state), 0);
	nc_replica_set_room(node.quiet.replica, UINT64_MAX, 0);
	ask(&node, 256);
	RUN_UNTIL(&node.quiet.loop, node.answered == 1);
	quiet_end(&node.quiet);
}

Test(at_once, what_does_not_get_durable_was_never_applied)
{
	struct node node;
	node_open(&node);
	ask(&node, 256);
	RUN_UNTIL(&node.quiet.loop, node.answered == 1);
	uint64_t applied = nc_state_applied(node.quiet.state).index;
	atomic_store(&sync_fails, true);
	ask(&node, 256);
	RUN_UNTIL(&node.quiet.loop, node.fatal == 1);
	cr_expect_eq(atomic_load(&begun_by_log), 2, "it had been prepared");
	cr_expect_eq(nc_state_applied(node.quiet.state).index, applied);
	cr_expect_eq(nc_engine_head(node.quiet.engine).position, 1u);
	cr_expect_eq(node.answered, 1);
	quiet_end(&node.quiet);
	cr_expect_eq(node.unknown, 1u, "a disk that failed may have it all the same");
}

/* So a stall is seen (decision 0125), by a loop that goes on. */
Test(at_once, a_state_that_hangs_is_behind_what_is_due)
{
	struct node node;
	node_open(&node);
	uint64_t before = nc_replica_status(node.quiet.replica).due;
	cr_expect_eq(before, nc_replica_status(node.quiet.replica).applied);
	atomic_store(&state_held, true);
	ask(&node, 256);
	RUN_UNTIL(&node.quiet.loop, atomic_load(&in_state) == 1);
	const struct nc_replica_status status = nc_replica_status(node.quiet.replica);
	cr_expect_eq(status.due, before + 1);
	cr_expect_eq(status.applied, before);
	ask(&node, 256);
	cr_expect_eq(nc_replica_status(node.quiet.replica).pending_commands, 2);
	atomic_store(&state_held, false);
	cr_assert_eq(sem_post(&state_gate), 0);
	RUN_UNTIL(&node.quiet.loop, node.answered == 2);
	quiet_end(&node.quiet);
}
